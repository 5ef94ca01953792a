/* SPDX-License-Identifier: Apache-2.0 */
/* A segment becomes a path that stays below what stands before the *, whatever dots it has. The path's file is open
 * already, or is opened, its directories made when they are missing, and emptied when it is this run's first time and
 * nothing is to be kept. Only so many are open, the one that was used longest ago goes; and only so many there may
 * be, for the segments are senders'. Each file knows where the present batch began in it, so that a batch that fails
 * is taken back from all of them. */
#include "base/directory.h"
#include "exporter/file/file_group.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define DIRECTORY_MODE 0755
#define KNOWN_SLOTS 65536u /* a power of two */
#define KNOWN_MAX (KNOWN_SLOTS / 2)

void file_outputs_init(struct file_outputs *f, const struct file_output *model, bool append, uint64_t max,
                       uint64_t max_known)
{
    *f = (struct file_outputs){ .model = model, .append = append, .max = max, .max_known = max_known };
    assert(max_known <= KNOWN_MAX);
    f->known = mem_zalloc(KNOWN_SLOTS * sizeof(*f->known));
}

static void slot_free(struct file_outputs *f, struct file_slot *s)
{
    f->rotated += s->output.rotated;
    file_output_close(&s->output);
    free(s->output.path);
    free(s);
}

void file_outputs_free(struct file_outputs *f)
{
    for (size_t i = 0; i < f->slots.n; i++)
        slot_free(f, f->slots.v[i]);
    vec_free(&f->slots);
    free(f->known);
}

uint64_t file_outputs_rotated(const struct file_outputs *f)
{
    uint64_t n = f->rotated;

    for (size_t i = 0; i < f->slots.n; i++)
        n += f->slots.v[i]->output.rotated;
    return n;
}

/* --- paths --- */

/* "a//b/./c/../d" is "a/b/d". What goes up beyond the beginning of a relative path stays as "..". */
static void put_clean(struct buf *out, const char *path)
{
    size_t root = *path == '/', floor;

    if (root)
        buf_putc(out, '/');
    floor = out->len;
    while (*path != '\0') {
        size_t n = strcspn(path, "/");

        if (n == 2 && memcmp(path, "..", 2) == 0 && out->len > floor) {
            while (out->len > floor && out->data[--out->len] != '/')
                ;
        } else if (n > 0 && !(n == 1 && *path == '.') && !(root && n == 2 && memcmp(path, "..", 2) == 0)) {
            if (out->len > root)
                buf_putc(out, '/');
            buf_append(out, path, n);
            if (n == 2 && memcmp(path, "..", 2) == 0)
                floor = out->len;
        }
        path += n + (path[n] == '/');
    }
}

char *file_group_path(const char *pattern, struct bytes segment)
{
    const char *star = strchr(pattern, '*');
    int head = (int)(star - pattern);
    struct buf clean = { 0 }, below = { 0 };
    char *whole, *rooted;

    if (segment.len > 1 && memcmp(segment.data, "./", 2) == 0)
        segment = bytes_skip(segment, 1);
    else if (segment.len > 2 && memcmp(segment.data, "../", 3) == 0)
        segment = bytes_skip(segment, 2);
    whole = mem_printf("%.*s%.*s%s", head, pattern, (int)segment.len, (const char *)segment.data, star + 1);
    put_clean(&clean, whole);
    if (strncmp(buf_cstr(&clean), pattern, (size_t)head) != 0) {
        rooted = mem_printf("/%.*s%s", (int)segment.len, (const char *)segment.data, star + 1);
        put_clean(&below, rooted);
        free(whole);
        whole = mem_printf("%.*s%s", head, pattern, buf_cstr(&below));
        clean.len = 0;
        put_clean(&clean, whole);
        free(rooted);
    }
    free(whole);
    whole = mem_strdup(buf_cstr(&clean));
    buf_free(&clean);
    buf_free(&below);
    return whole;
}

/* --- which are open --- */

/* Bits of a hash in the table. */
enum { IS_KNOWN = 1, IS_EMPTIED = 2 };

/* The path's place in the table; NULL: there is no room for it. It takes one before anything is made on the disk. */
static uint64_t *find_known(struct file_outputs *f, const char *path)
{
    uint64_t hash = bytes_hash(bytes_str(path)) | IS_KNOWN | IS_EMPTIED;
    size_t i;

    for (i = (hash >> 2) & (KNOWN_SLOTS - 1); f->known[i] != 0; i = (i + 1) & (KNOWN_SLOTS - 1))
        if ((f->known[i] | IS_EMPTIED) == hash)
            return &f->known[i];
    if (f->n_known == f->max_known)
        return NULL;
    f->n_known++;
    f->known[i] = hash & ~(uint64_t)IS_EMPTIED;
    return &f->known[i];
}

/* Room for one more: the one goes that was used longest ago, so one of the present batch last. */
static void close_oldest(struct file_outputs *f)
{
    size_t oldest = 0;

    if (f->slots.n < f->max)
        return;
    for (size_t i = 1; i < f->slots.n; i++)
        if (f->slots.v[i]->used < f->slots.v[oldest]->used)
            oldest = i;
    slot_free(f, f->slots.v[oldest]);
    f->slots.v[oldest] = f->slots.v[--f->slots.n];
}

static struct file_slot *find_slot(const struct file_outputs *f, const char *path)
{
    for (size_t i = 0; i < f->slots.n; i++)
        if (strcmp(f->slots.v[i]->output.path, path) == 0)
            return f->slots.v[i];
    return NULL;
}

/* Directories are made where the opening finds that they are missing. */
static int open_making_directories(struct file_output *o, struct error *err)
{
    int rc = file_output_open(o, false, err);

    if (rc != -ENOENT)
        return rc;
    rc = directory_make_for(o->path, DIRECTORY_MODE);
    if (rc != 0)
        return error_set(err, rc, "make the directory of %s: %s", o->path, strerror(-rc));
    return file_output_open(o, false, err);
}

static int slot_open(struct file_outputs *f, char *path, struct file_slot **slot, struct error *err)
{
    uint64_t *known = find_known(f, path);
    struct file_slot *s;
    int rc;

    if (known == NULL) {
        free(path);
        error_set(err, FILE_OUTPUTS_FULL, "more than %llu files: group_by::max_files",
                  (unsigned long long)f->max_known);
        return FILE_OUTPUTS_FULL;
    }
    s = mem_zalloc(sizeof(*s));
    close_oldest(f);
    s->output = *f->model;
    s->output.path = path;
    rc = open_making_directories(&s->output, err);
    if (rc != 0) {
        slot_free(f, s);
        return rc;
    }
    if (!f->append && (*known & IS_EMPTIED) == 0)
        file_output_take_back(&s->output, 0);
    *known |= IS_EMPTIED;
    *vec_push(&f->slots) = s;
    *slot = s;
    return 0;
}

int file_outputs_get(struct file_outputs *f, struct bytes segment, struct file_output **out, struct error *err)
{
    struct file_slot *s;
    char *path;
    int rc = 0;

    if (segment.len >= PATH_MAX)
        return error_set(err, -ENAMETOOLONG, "a path segment of %zu bytes", segment.len);
    if (segment.len > 0 && memchr(segment.data, '\0', segment.len) != NULL)
        return error_set(err, -EINVAL, "a path segment with a zero byte");
    path = file_group_path(f->model->path, segment);
    s = find_slot(f, path);
    if (s == NULL)
        rc = slot_open(f, path, &s, err);
    else
        free(path);
    if (rc != 0)
        return rc;
    s->used = ++f->uses;
    *out = &s->output;
    return 0;
}

void file_outputs_begin(struct file_outputs *f)
{
    f->batch++;
}

void file_outputs_mark(struct file_outputs *f, struct file_output *o)
{
    struct file_slot *s = container_of(o, struct file_slot, output);

    if (s->batch != f->batch)
        s->mark = o->begin;
    s->batch = f->batch;
}

void file_outputs_take_back(struct file_outputs *f)
{
    for (size_t i = 0; i < f->slots.n; i++)
        if (f->slots.v[i]->batch == f->batch)
            file_output_take_back(&f->slots.v[i]->output, f->slots.v[i]->mark);
}
