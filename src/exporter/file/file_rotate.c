/* SPDX-License-Identifier: Apache-2.0 */
/* The file is renamed to its stem, the time and its extension; a name that is taken means one millisecond later. Then
 * the directory is read, and of the files that have such a name those beyond the number and the age that are kept are
 * removed. What cannot be removed is tried again the next time. */
#include "exporter/file/file_rotate.h"

#include "base/mem.h"
#include "base/vec.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STAMP_PATTERN "dddd-dd-ddTdd-dd-dd.ddd"
#define STAMP_LEN (sizeof(STAMP_PATTERN) - 1)
#define NS_PER_MS 1000000
#define S_PER_DAY 86400

/* "DIRECTORY/" "STEM" ".EXT" */
struct name {
    struct bytes directory, stem, ext;
};

static struct name name_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path, *dot = strrchr(base, '.');
    const char *end = path + strlen(path);

    if (dot == NULL)
        dot = end;
    return (struct name){
        .directory = bytes_of(path, (size_t)(base - path)),
        .stem = bytes_of(base, (size_t)(dot - base)),
        .ext = bytes_of(dot, (size_t)(end - dot)),
    };
}

/* Stamps sort as their times do. The milliseconds are put there digit by digit. */
static void put_stamp(char stamp[STAMP_LEN + 1], time_t s, unsigned ms, bool local)
{
    struct tm tm;
    size_t n;

    if (local)
        localtime_r(&s, &tm);
    else
        gmtime_r(&s, &tm);
    n = strftime(stamp, STAMP_LEN + 1, "%Y-%m-%dT%H-%M-%S.", &tm);
    if (n + 3 > STAMP_LEN)
        return;
    for (unsigned i = 0; i < 3; i++, ms /= 10)
        stamp[n + 2 - i] = (char)('0' + ms % 10);
    stamp[n + 3] = '\0';
}

static char *backup_path(const struct name *n, struct timespec now, bool local)
{
    char stamp[STAMP_LEN + 1] = "";

    put_stamp(stamp, now.tv_sec, (unsigned)(now.tv_nsec / NS_PER_MS), local);
    return mem_printf("%.*s%.*s-%s-size%.*s", (int)n->directory.len, (const char *)n->directory.data, (int)n->stem.len,
                      (const char *)n->stem.data, stamp, (int)n->ext.len, (const char *)n->ext.data);
}

/* Two in one millisecond get names one after the other. */
static char *unused_path(const struct name *n, bool local)
{
    struct timespec now;
    char *path;

    clock_gettime(CLOCK_REALTIME, &now);
    while (path = backup_path(n, now, local), access(path, F_OK) == 0) {
        free(path);
        now.tv_nsec += NS_PER_MS;
        now.tv_sec += now.tv_nsec / 1000000000;
        now.tv_nsec %= 1000000000;
    }
    return path;
}

static bool is_stamp(const char *s)
{
    for (size_t i = 0; i < STAMP_LEN; i++)
        if (STAMP_PATTERN[i] == 'd' ? !isdigit((unsigned char)s[i]) : s[i] != STAMP_PATTERN[i])
            return false;
    return true;
}

/* The stamp in the name of a backup, "STEM-STAMP.EXT" or "STEM-STAMP-REASON.EXT"; NULL: it is another file. */
static const char *stamp_in(const struct name *n, const char *file)
{
    size_t len = strlen(file), head = n->stem.len + 1;
    const char *stamp = file + head;

    if (len < head + STAMP_LEN + n->ext.len || memcmp(file, n->stem.data, n->stem.len) != 0 ||
        file[n->stem.len] != '-' || !is_stamp(stamp))
        return NULL;
    if (n->ext.len > 0 && memcmp(file + len - n->ext.len, n->ext.data, n->ext.len) != 0)
        return NULL;
    if (len != head + STAMP_LEN + n->ext.len && stamp[STAMP_LEN] != '-')
        return NULL;
    return stamp;
}

struct backup {
    char *file;
    const char *stamp; /* in it */
};

static int newest_first(const void *a, const void *b)
{
    return strncmp(((const struct backup *)b)->stamp, ((const struct backup *)a)->stamp, STAMP_LEN);
}

static void remove_file(const struct name *n, const char *file)
{
    char *path = mem_printf("%.*s%s", (int)n->directory.len, (const char *)n->directory.data, file);

    (void)unlink(path); /* the next rotation tries again */
    free(path);
}

static DIR *open_directory(const struct name *n)
{
    char *path = n->directory.len > 0 ? bytes_dup(n->directory) : mem_strdup(".");
    DIR *d = opendir(path);

    free(path);
    return d;
}

void file_remove_backups(const char *path, const struct file_rotation *r)
{
    struct name n = name_of(path);
    char oldest[STAMP_LEN + 1] = "";
    VEC(struct backup) all = { 0 };
    DIR *d = r->max_backups != 0 || r->max_days != 0 ? open_directory(&n) : NULL;

    if (d == NULL)
        return;
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (stamp_in(&n, e->d_name) != NULL) {
            struct backup *b = vec_push(&all);

            b->file = mem_strdup(e->d_name);
            b->stamp = stamp_in(&n, b->file);
        }
    closedir(d);
    if (r->max_days != 0)
        put_stamp(oldest, time(NULL) - (time_t)(r->max_days * S_PER_DAY), 0, r->localtime);
    if (all.n > 0)
        qsort(all.v, all.n, sizeof(*all.v), newest_first);
    for (size_t i = 0; i < all.n; i++) {
        if ((r->max_backups != 0 && i >= r->max_backups) || strncmp(all.v[i].stamp, oldest, STAMP_LEN) < 0)
            remove_file(&n, all.v[i].file);
        free(all.v[i].file);
    }
    vec_free(&all);
}

int file_rotate(const char *path, const struct file_rotation *r, struct error *err)
{
    struct name n = name_of(path);
    char *backup = unused_path(&n, r->localtime);
    int rc = 0;

    if (rename(path, backup) != 0)
        rc = error_set(err, -errno, "rename %s to %s: %s", path, backup, strerror(errno));
    free(backup);
    if (rc == 0)
        file_remove_backups(path, r);
    return rc;
}
