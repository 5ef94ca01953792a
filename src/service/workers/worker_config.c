/* SPDX-License-Identifier: Apache-2.0 */
/* Texts, each with its NUL: how many URIs there are, those, and so on. A file's content has its length before it. */
#include "service/workers/worker_config.h"

#include "base/mem.h"

#include <string.h>

static void put_number(struct buf *out, uint64_t n)
{
    buf_append(out, &n, sizeof(n));
}

static void put_text(struct buf *out, const char *text)
{
    buf_append(out, text, strlen(text) + 1);
}

static void put_texts(struct buf *out, const char *const *v, size_t n)
{
    put_number(out, n);
    for (size_t i = 0; i < n; i++)
        put_text(out, v[i]);
}

void worker_config_write(struct buf *out, const struct config_sources *sources, const struct source_record *record,
                         const char *instance_id)
{
    put_text(out, instance_id);
    put_texts(out, sources->uris, sources->n_uris);
    put_texts(out, sources->sets, sources->n_sets);
    put_number(out, record->files.n);
    for (size_t i = 0; i < record->files.n; i++) {
        const struct source_file_read *f = &record->files.v[i];

        put_text(out, f->path);
        put_text(out, f->why != NULL ? f->why : "");
        put_number(out, f->text.len);
        buf_put(out, buf_bytes(&f->text));
    }
}

struct taking {
    struct bytes in;
    bool broken;
};

static struct bytes take_bytes(struct taking *t, uint64_t n)
{
    struct bytes got = bytes_of(t->in.data, (size_t)n);

    if (n > t->in.len) {
        t->broken = true;
        return bytes_of("", 0);
    }
    t->in = bytes_skip(t->in, (size_t)n);
    return got;
}

static uint64_t take_number(struct taking *t)
{
    struct bytes got = take_bytes(t, sizeof(uint64_t));
    uint64_t n = 0;

    if (got.len == sizeof(n))
        memcpy(&n, got.data, sizeof(n));
    return n;
}

static const char *take_text(struct taking *t)
{
    const uint8_t *end = t->in.len > 0 ? memchr(t->in.data, '\0', t->in.len) : NULL;

    t->broken |= end == NULL;
    return end != NULL ? (const char *)take_bytes(t, (uint64_t)(end - t->in.data) + 1).data : "";
}

static void take_file(struct taking *t, struct source_record *record)
{
    struct source_file_read f = { .path = mem_strdup(take_text(t)) };
    const char *why = take_text(t);

    f.why = why[0] != '\0' ? mem_strdup(why) : NULL;
    buf_put(&f.text, take_bytes(t, take_number(t)));
    *vec_push(&record->files) = f;
}

bool worker_config_read(struct worker_config *c, struct buf *text)
{
    struct taking t = { .in = buf_bytes(text) };
    uint64_t n;

    *c = (struct worker_config){ .text = *text };
    *text = (struct buf){ 0 };
    c->instance_id = take_text(&t);
    n = take_number(&t);
    for (uint64_t i = 0; i < n && !t.broken; i++)
        *vec_push(&c->uris) = take_text(&t);
    n = take_number(&t);
    for (uint64_t i = 0; i < n && !t.broken; i++)
        *vec_push(&c->sets) = take_text(&t);
    n = take_number(&t);
    for (uint64_t i = 0; i < n && !t.broken; i++)
        take_file(&t, &c->record);
    c->sources =
        (struct config_sources){ .uris = c->uris.v, .n_uris = c->uris.n, .sets = c->sets.v, .n_sets = c->sets.n };
    return !t.broken;
}

void worker_config_free(struct worker_config *c)
{
    vec_free(&c->uris);
    vec_free(&c->sets);
    source_record_free(&c->record);
    buf_wipe(&c->text);
}
