/* SPDX-License-Identifier: Apache-2.0 */
/* Members that stand in a file, one in a line, which is watched: whoever writes it anew adds and removes them. Empty
 * lines, and what follows a #, are nothing.
 *
 * What can go wrong: the file is not there, not yet or not any more; a line is no address; there is no member in it.
 * That is told, and those that were last read stay. A file that could not be read at the start is tried again. */
#include "base/loop/watched_file.h"
#include "exporter/load_balancing/load_balancing.h"

#include <stdlib.h>

#define BYTES_MOST ((size_t)256 * 1024)
#define AGAIN (2 * NS_PER_S)

struct file_source {
    struct member_source base;
    const struct file_resolver_config *config;
    struct watched_file *file;
    struct clock_timer again;
};

static struct clock *clock_of(const struct file_source *s)
{
    return &s->base.node->host->loop->clock;
}

/* The next line without its comment and the white space around it. */
static struct bytes take_line(struct bytes *text)
{
    const uint8_t *end = memchr(text->data, '\n', text->len);
    struct bytes line = end != NULL ? bytes_of(text->data, (size_t)(end - text->data)) : *text;
    const uint8_t *comment = line.len > 0 ? memchr(line.data, '#', line.len) : NULL;

    *text = bytes_skip(*text, line.len + (end != NULL));
    if (comment != NULL)
        line.len = (size_t)(comment - line.data);
    return bytes_trim(line);
}

/* False: `why` says which line is none. */
static bool read_members(const char *path, struct bytes text, endpoint_list *found, struct error *why)
{
    struct error err = { 0 };

    for (unsigned n = 1; text.len > 0; n++) {
        struct bytes line = take_line(&text);

        if (line.len == 0)
            continue;
        *vec_push(found) = bytes_dup(line);
        if (strlen(found->v[found->n - 1]) == line.len && member_endpoint_check(found->v[found->n - 1], &err) == 0)
            continue;
        error_set(why, UV_EINVAL, "%s:%u: %s", path, n, err.text[0] != '\0' ? err.text : "a byte of it is zero");
        return false;
    }
    if (found->n == 0)
        error_set(why, UV_EINVAL, "%s names no member: write host:port, one in a line", path);
    return found->n > 0;
}

static void on_change(void *owner, struct bytes content)
{
    struct file_source *s = owner;
    endpoint_list found = { 0 };
    struct error why;

    if (read_members(s->config->path, content, &found, &why)) {
        s->base.found(s->base.node, &found);
    } else {
        endpoint_list_free(&found);
        s->base.failed(s->base.node, why.text);
    }
}

static void on_fault(void *owner, const char *why)
{
    struct file_source *s = owner;

    s->base.failed(s->base.node, why);
}

static void open_file(struct clock_timer *timer)
{
    struct file_source *s = container_of(timer, struct file_source, again);
    const struct watched_file_options o = { s->config->path, BYTES_MOST, on_change, on_fault, s };
    struct buf content = { 0 };
    struct error err;

    s->file = watched_file_open(s->base.node->host->loop, &o, &content, &err);
    if (s->file != NULL) {
        on_change(s, buf_bytes(&content));
    } else {
        clock_start(clock_of(s), &s->again, AGAIN, open_file);
        s->base.failed(s->base.node, err.text);
    }
    buf_free(&content);
}

static void start(struct member_source *base)
{
    open_file(&container_of(base, struct file_source, base)->again);
}

static void free_source(struct member_source *base)
{
    struct file_source *s = container_of(base, struct file_source, base);

    if (base->node != NULL)
        clock_stop(clock_of(s), &s->again);
    watched_file_close(s->file);
    free(s);
}

struct member_source *file_source_new(const struct file_resolver_config *c)
{
    static const struct member_source_ops ops = { "file", start, free_source };
    struct file_source *s = mem_zalloc(sizeof(*s));

    s->base.ops = &ops;
    s->config = c;
    return &s->base;
}
