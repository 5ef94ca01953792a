/* SPDX-License-Identifier: Apache-2.0 */
/* process_memory_total() reads which cgroup we are in, takes the smallest limit from there up to the root, of version 2
 * or of version 1's memory controller, and the machine's memory when that is less. A file that is missing or says
 * nothing sensible means no limit. */
#include "base/process.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define PATH_SIZE 4096

/* The whole of a small file, NUL-terminated; false when it cannot be read. */
static bool read_file(const char *root, const char *path, char *to, size_t size)
{
    char name[PATH_SIZE];
    ssize_t n;
    int fd;

    if (snprintf(name, sizeof(name), "%s%s", root, path) >= (int)sizeof(name))
        return false;
    fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    n = read(fd, to, size - 1);
    close(fd);
    if (n < 0)
        return false;
    to[n] = '\0';
    return true;
}

uint64_t process_rss(void)
{
    static int fd = -1;
    char text[128];
    uint64_t pages;
    ssize_t n;

    if (fd < 0)
        fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    if (sscanf(text, "%*u %" SCNu64, &pages) != 1)
        return 0;
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

double process_cpu_seconds(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* "max" (v2) and the huge numbers that v1 shows mean none. So do the files that are not there. */
static uint64_t read_limit(const char *root, const char *dir, const char *file)
{
    char path[PATH_SIZE], text[64];
    uint64_t v;

    if (snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path) ||
        !read_file(root, path, text, sizeof(text)) || sscanf(text, "%" SCNu64, &v) != 1)
        return UINT64_MAX;
    return v == 0 || v > INT64_MAX / 2 ? UINT64_MAX : v;
}

/* The smallest limit from `dir` (a path below `top`) up to `top`. */
static uint64_t smallest_limit(const char *root, const char *top, const char *below, const char *file)
{
    uint64_t least = UINT64_MAX;
    char dir[PATH_SIZE];

    if (snprintf(dir, sizeof(dir), "%s%s", top, below) >= (int)sizeof(dir))
        return least;
    for (;;) {
        uint64_t v = read_limit(root, dir, file);
        char *slash;

        if (v < least)
            least = v;
        if (strlen(dir) <= strlen(top))
            return least;
        slash = strrchr(dir, '/');
        *slash = '\0';
    }
}

/* Does this line of /proc/self/cgroup ("4:cpu,memory:/path") name the memory controller? */
static bool is_memory_line(const char *controllers)
{
    char list[256];
    char *save = NULL;

    snprintf(list, sizeof(list), "%s", controllers);
    for (char *word = strtok_r(list, ",", &save); word != NULL; word = strtok_r(NULL, ",", &save))
        if (strcmp(word, "memory") == 0)
            return true;
    return false;
}

static uint64_t line_limit(const char *root, char *line)
{
    char *controllers = strchr(line, ':'), *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;

    if (path == NULL)
        return UINT64_MAX;
    *path++ = '\0';
    controllers++;
    if (strcmp(path, "/") == 0)
        path = "";
    if (*controllers == '\0') {
        uint64_t most = smallest_limit(root, "/sys/fs/cgroup", path, "memory.max");
        uint64_t high = smallest_limit(root, "/sys/fs/cgroup", path, "memory.high"); /* beyond, we would be slowed */

        return high < most ? high : most;
    }
    if (is_memory_line(controllers))
        return smallest_limit(root, "/sys/fs/cgroup/memory", path, "memory.limit_in_bytes");
    return UINT64_MAX;
}

static uint64_t cgroup_limit(const char *root, const char *of)
{
    uint64_t least = UINT64_MAX;
    char text[16384], *save = NULL;

    if (!read_file(root, of, text, sizeof(text)))
        return least;
    for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        uint64_t v = line_limit(root, line);

        if (v < least)
            least = v;
    }
    return least;
}

static uint64_t memory_total(const char *root, const char *cgroup)
{
    uint64_t limit = cgroup_limit(root, cgroup), kib = 0;
    char text[4096];
    const char *at;

    if (read_file(root, "/proc/meminfo", text, sizeof(text)) && (at = strstr(text, "MemTotal:")) != NULL &&
        sscanf(at, "MemTotal: %" SCNu64, &kib) == 1 && kib * 1024 < limit)
        return kib * 1024;
    return limit == UINT64_MAX ? 0 : limit;
}

uint64_t process_memory_total(const char *root)
{
    return memory_total(root, "/proc/self/cgroup");
}

uint64_t process_memory_total_of(const char *root, long pid)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%ld/cgroup", pid);
    return memory_total(root, path);
}
