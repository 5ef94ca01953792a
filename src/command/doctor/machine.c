/* SPDX-License-Identifier: Apache-2.0 */
/* Reads of /proc. Sockets are found by their inode: /proc/net/tcp says which inode listens on a port, and the links of
 * /proc/PID/fd whose it is. Each walk is as long as there are processes. */
#include "command/doctor/machine.h"

#include "base/buf.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

/* The beginning of a file, NUL-terminated; how much, or -1. */
static ssize_t read_start(const char *path, char *to, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, to, size - 1) : -1;

    if (fd >= 0)
        close(fd);
    to[n > 0 ? n : 0] = '\0';
    return n;
}

static ssize_t read_of(long pid, const char *file, char *to, size_t size)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%ld/%s", pid, file);
    return read_start(path, to, size);
}

/* ---- the process ---- */

static bool is_here(const char *host)
{
    struct in_addr four;

    return host[0] == '/' || host[0] == '\0' || strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           (inet_pton(AF_INET, host, &four) == 1 && ntohl(four.s_addr) >> 24 == 127);
}

static void name_process(long pid, char *name, size_t size)
{
    read_of(pid, "comm", name, size);
    name[strcspn(name, "\n")] = '\0';
}

long machine_daemon_pid(const char *host, long pid)
{
    char name[32];

    if (!is_here(host) || pid <= 0)
        return 0;
    name_process(pid, name, sizeof(name));
    return strncmp(name, "otelcd", 6) == 0 ? pid : 0;
}

/* "--config" and "x", "--config=x", "-c" and "x". */
static const char *value_of(char *const *argv, size_t n, size_t *i, const char *flag, const char *short_flag)
{
    size_t len = strlen(flag);

    if (strncmp(argv[*i], flag, len) == 0 && argv[*i][len] == '=')
        return argv[*i] + len + 1;
    if ((strcmp(argv[*i], flag) == 0 || strcmp(argv[*i], short_flag) == 0) && *i + 1 < n)
        return argv[++*i];
    return NULL;
}

static const char *absolute_path(long pid, struct arena *a, const char *uri)
{
    const char *path = strncmp(uri, "file:", 5) == 0 ? uri + 5 : uri;
    char link[64], cwd[PATH_MAX];
    ssize_t n;

    if (strncmp(uri, "env:", 4) == 0 || strncmp(uri, "yaml:", 5) == 0 || path[0] == '/')
        return arena_strdup(a, uri);
    snprintf(link, sizeof(link), "/proc/%ld/cwd", pid);
    n = readlink(link, cwd, sizeof(cwd) - 1);
    return arena_printf(a, "%.*s/%s", n > 0 ? (int)n : 0, cwd, path);
}

bool machine_started_with(long pid, struct arena *a, struct started *s)
{
    char text[65536];
    ssize_t len = read_of(pid, "cmdline", text, sizeof(text));
    VEC(char *) argv = { 0 };

    for (ssize_t i = 0; i < len; i += (ssize_t)strlen(text + i) + 1)
        *vec_push(&argv) = text + i;
    for (size_t i = 1; i < argv.n; i++) {
        const char *config = value_of(argv.v, argv.n, &i, "--config", "-c");
        const char *set = config == NULL ? value_of(argv.v, argv.n, &i, "--set", "--set") : NULL;

        if (config != NULL)
            *vec_push(&s->configs) = absolute_path(pid, a, config);
        else if (set != NULL)
            *vec_push(&s->sets) = arena_strdup(a, set);
    }
    vec_free(&argv);
    return len > 0;
}

bool machine_take_variables(long pid)
{
    struct buf text = { 0 };
    char path[64], *at, *next, *equals;
    FILE *f;
    bool good;

    snprintf(path, sizeof(path), "/proc/%ld/environ", pid);
    f = fopen(path, "re");
    for (size_t n = 1; f != NULL && n > 0; text.len += n)
        n = fread(buf_reserve(&text, 16384), 1, 16384, f);
    good = f != NULL && !ferror(f);
    if (f != NULL)
        fclose(f);
    if (good)
        clearenv();
    buf_putc(&text, '\0');
    for (at = (char *)text.data; good && at < (char *)text.data + text.len; at = next) {
        next = at + strlen(at) + 1;
        equals = strchr(at, '=');
        if (equals == NULL || equals == at)
            continue;
        *equals = '\0';
        setenv(at, equals + 1, 1);
    }
    buf_free(&text);
    return good;
}

/* ---- descriptors ---- */

/* For each link in /proc/PID/fd. false: the folder cannot be read. */
static bool each_descriptor(long pid, void (*visit)(void *arg, const char *target), void *arg)
{
    char path[64], target[128];
    struct dirent *d;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%ld/fd", pid);
    dir = opendir(path);
    if (dir == NULL)
        return false;
    while ((d = readdir(dir)) != NULL) {
        ssize_t n = readlinkat(dirfd(dir), d->d_name, target, sizeof(target) - 1);

        if (n > 0) {
            target[n] = '\0';
            visit(arg, target);
        }
    }
    closedir(dir);
    return true;
}

static void count_one(void *arg, const char *target)
{
    (void)target;
    ++*(uint64_t *)arg;
}

struct descriptors machine_descriptors(long pid)
{
    struct descriptors d = { 0 };
    char text[4096];
    const char *at;

    if (!each_descriptor(pid, count_one, &d.open) || read_of(pid, "limits", text, sizeof(text)) <= 0)
        return (struct descriptors){ 0 };
    at = strstr(text, "Max open files");
    if (at == NULL || sscanf(at + strlen("Max open files"), "%" SCNu64, &d.limit) != 1)
        d.limit = 0;
    return d;
}

/* For each process; visit() says whether to go on. */
static void each_process(bool (*visit)(void *arg, long pid), void *arg)
{
    DIR *dir = opendir("/proc");
    struct dirent *d;
    bool on = dir != NULL;

    while (on && (d = readdir(dir)) != NULL)
        if (d->d_name[0] >= '1' && d->d_name[0] <= '9')
            on = visit(arg, atol(d->d_name));
    if (dir != NULL)
        closedir(dir);
}

static void count_inotify(void *arg, const char *target)
{
    *(uint64_t *)arg += strcmp(target, "anon_inode:inotify") == 0;
}

static bool add_inotify(void *arg, long pid)
{
    each_descriptor(pid, count_inotify, arg);
    return true;
}

/* A number in a file of /proc; UINT64_MAX: there is none. */
static uint64_t read_limit(const char *path)
{
    uint64_t limit = UINT64_MAX;
    char text[64];

    if (read_start(path, text, sizeof(text)) > 0)
        sscanf(text, "%" SCNu64, &limit);
    return limit;
}

/* The machine has a limit, and so may the user namespace that we are in. */
struct descriptors machine_inotify(void)
{
    uint64_t machine = read_limit("/proc/sys/fs/inotify/max_user_instances");
    uint64_t ours = read_limit("/proc/sys/user/max_inotify_instances");
    struct descriptors d = { .limit = machine < ours ? machine : ours };

    each_process(add_inotify, &d.open);
    if (d.limit == UINT64_MAX)
        d.limit = 0;
    return d;
}

/* ---- ports ---- */

struct search {
    char link[48]; /* "socket:[123]" */
    bool found;
    struct listener_seen *seen;
};

/* "0100007F", of which each 32 bits are as this machine has them: as an address of IPv6, which maps those of IPv4. */
static bool read_address(const char *hex, uint8_t out[16])
{
    uint32_t words[4] = { 0, 0, htonl(0xffff), 0 };
    size_t n = strlen(hex) / 8;

    if (n != 1 && n != 4)
        return false;
    for (size_t i = 0; i < n; i++) {
        char part[9];

        snprintf(part, sizeof(part), "%.8s", hex + 8 * i);
        words[n == 1 ? 3 : i] = (uint32_t)strtoul(part, NULL, 16);
    }
    memcpy(out, words, 16);
    return true;
}

/* "127.0.0.1", "[::1]", "localhost". False: all addresses, or a name that may be any. */
static bool parse_address(const char *host, uint8_t out[16])
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    char plain[64];

    snprintf(plain, sizeof(plain), "%.*s", (int)strcspn(host + (host[0] == '['), "]"), host + (host[0] == '['));
    memcpy(out, mapped, sizeof(mapped));
    return inet_pton(AF_INET, strcmp(plain, "localhost") == 0 ? "127.0.0.1" : plain, out + 12) == 1 ||
           inet_pton(AF_INET6, plain, out) == 1;
}

static bool is_any(const uint8_t address[16])
{
    static const uint8_t any6[16] = { 0 }, any4[16] = { [10] = 0xff, [11] = 0xff };

    return memcmp(address, any6, 16) == 0 || memcmp(address, any4, 16) == 0;
}

/* Both on one port: could only one of them listen? */
static bool is_in_the_way(const char *host, const char *listens)
{
    uint8_t ours[16], theirs[16];

    if (!parse_address(host, ours) || !read_address(listens, theirs))
        return true;
    return is_any(ours) || is_any(theirs) || memcmp(ours, theirs, 16) == 0;
}

/* The inode that listens there, in one of the tables of sockets; 0: none. */
static uint64_t listening_inode(const char *table, const char *host, uint16_t port)
{
    FILE *f = fopen(table, "re");
    char line[512], address[40];
    uint64_t inode, found = 0;
    unsigned local, state;

    while (f != NULL && found == 0 && fgets(line, sizeof(line), f) != NULL)
        if (sscanf(line, " %*d: %39[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*s %*s %" SCNu64, address, &local,
                   &state, &inode) == 4 &&
            state == 0x0a && local == port && is_in_the_way(host, address))
            found = inode;
    if (f != NULL)
        fclose(f);
    return found;
}

static void match_link(void *arg, const char *target)
{
    struct search *s = arg;

    s->found = s->found || strcmp(target, s->link) == 0;
}

static bool look_into(void *arg, long pid)
{
    struct search *s = arg;

    each_descriptor(pid, match_link, s);
    if (!s->found)
        return true;
    s->seen->pid = pid;
    name_process(pid, s->seen->name, sizeof(s->seen->name));
    return false;
}

struct listener_seen machine_listener(const char *host, uint16_t port)
{
    struct listener_seen seen = { 0 };
    struct search s = { .seen = &seen };
    uint64_t inode = listening_inode("/proc/net/tcp", host, port);

    if (inode == 0)
        inode = listening_inode("/proc/net/tcp6", host, port);
    seen.taken = inode != 0;
    if (!seen.taken)
        return seen;
    snprintf(s.link, sizeof(s.link), "socket:[%" PRIu64 "]", inode);
    each_process(look_into, &s);
    return seen;
}

/* ---- the rest ---- */

struct disk_seen machine_disk(const char *path)
{
    char at[PATH_MAX];
    struct statvfs v;
    struct stat st;
    char *slash;

    snprintf(at, sizeof(at), "%s", path);
    while (statvfs(at, &v) != 0 || stat(at, &st) != 0) {
        slash = strrchr(at, '/');
        if (slash == NULL || strcmp(at, "/") == 0)
            return (struct disk_seen){ 0 };
        slash[slash == at] = '\0';
    }
    return (struct disk_seen){ (uint64_t)v.f_blocks * v.f_frsize, (uint64_t)v.f_bavail * v.f_frsize, st.st_dev };
}

bool machine_clock_is_set(void)
{
    struct timex t = { 0 };

    return adjtimex(&t) != -1 && (t.status & STA_UNSYNC) == 0;
}
