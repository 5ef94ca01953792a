/* SPDX-License-Identifier: Apache-2.0 */
/* The walk goes down the levels of otlp/path.h with the messages that it is in, each with a number. When an item has
 * been given a part, the levels above it are opened there, unless what is open there has that number; when a message
 * has ended it is closed in all parts in which it was opened, and gets its length. The length takes as many bytes there
 * as it took in the batch, and only when it needs fewer of them the content is moved.
 *
 * Each part is written into a buffer of its own, and becomes one block at the end. Buffers that a large batch has blown
 * up are given back. */
#include "exporter/load_balancing/scatter.h"

#include "otlp/metadata.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_BYTES (256u << 10) /* of a part's buffer, from one batch to the next */

struct walked {
    uint32_t field; /* that this message is in its parent */
    struct bytes message;
    uint64_t serial;
};

struct walk {
    struct scatter *s;
    struct walked levels[LEVELS];
    unsigned depth;
    size_t n;
    scatter_choose *choose;
    void *arg;
    struct scatter_item at;
};

void scatter_free(struct scatter *s)
{
    for (size_t i = 0; i < s->parts.n; i++)
        buf_free(&s->parts.v[i].out);
    vec_free(&s->parts);
    vec_free(&s->used);
    for (unsigned level = 0; level < LEVELS; level++)
        vec_free(&s->open[level]);
}

/* ---- levels of a part ---- */

/* Begins a message of at most `most` bytes: with room for the length of that. */
static size_t begin_message(struct buf *out, uint32_t field, size_t most)
{
    size_t room = pb_varint_len(most);

    pb_put_tag(out, field, PB_LEN);
    (void)buf_reserve(out, room);
    out->len += room;
    return out->len;
}

static void end_message(struct buf *out, size_t mark, size_t most)
{
    size_t len = out->len - mark, room = pb_varint_len(most), need = pb_varint_len(len);

    assert(need <= room);
    if (need < room) {
        memmove(out->data + mark - room + need, out->data + mark, len);
        out->len -= room - need;
    }
    pb_put_varint_at(out->data + mark - room, len);
}

static void open_level(struct walk *w, uint32_t number, unsigned level)
{
    struct scatter_part *p = &w->s->parts.v[number];
    const struct walked *m = &w->levels[level];
    struct pb_reader r = pb_reader(m->message);
    struct pb_field f;

    p->levels[level].serial = m->serial;
    p->levels[level].mark = begin_message(&p->out, m->field, m->message.len);
    while (pb_next(&r, &f))
        if (!path_is_child(level, f.number) || f.wire != PB_LEN)
            buf_append(&p->out, f.start, (size_t)(r.p - f.start));
    *vec_push(&w->s->open[level]) = number;
}

static void close_level(struct walk *w, unsigned level)
{
    const struct walked *m = &w->levels[level];
    scatter_numbers *open = &w->s->open[level];

    for (size_t i = 0; i < open->n; i++) {
        struct scatter_part *p = &w->s->parts.v[open->v[i]];

        end_message(&p->out, p->levels[level].mark, m->message.len);
        p->levels[level].serial = 0;
    }
    open->n = 0;
}

/* ---- the walk ---- */

static void put_item(struct walk *w, const struct pb_field *f, const uint8_t *end)
{
    uint32_t number;
    struct scatter_part *p;

    w->at.item = f->bytes;
    number = w->choose(w->arg, &w->at);
    if (number == SCATTER_DROP) {
        w->s->dropped++;
        return;
    }
    assert(number < w->n);
    p = &w->s->parts.v[number];
    if (p->items++ == 0)
        *vec_push(&w->s->used) = number;
    if (p->levels[w->depth].serial != w->levels[w->depth].serial)
        for (unsigned level = LEVEL_RESOURCE; level <= w->depth; level++)
            if (p->levels[level].serial != w->levels[level].serial)
                open_level(w, number, level);
    buf_append(&p->out, f->start, (size_t)(end - f->start));
}

static void enter_message(struct walk *w, unsigned level, uint32_t field, struct bytes message)
{
    w->levels[level] = (struct walked){ field, message, ++w->s->serial };
    switch (level) {
    case LEVEL_RESOURCE:
        w->at.resource_group = message;
        w->at.resources = w->s->serial;
        break;
    case LEVEL_SCOPE:
        w->at.scope_group = message;
        w->at.scopes = w->s->serial;
        break;
    case LEVEL_METRIC:
        w->at.metric = message;
        break;
    case LEVEL_DATA:
        w->at.data = field;
        w->at.data_messages = w->s->serial;
        break;
    default:
        break;
    }
}

/* As deep as the path is long. */
static void walk_message(struct walk *w, unsigned level, uint32_t field, struct bytes message)
{
    struct pb_reader r = pb_reader(message);
    struct pb_field f;

    enter_message(w, level, field, message);
    while (pb_next(&r, &f)) {
        if (!path_is_child(level, f.number) || f.wire != PB_LEN)
            continue;
        if (level == w->depth)
            put_item(w, &f, r.p);
        else
            walk_message(w, level + 1, f.number, f.bytes);
    }
    if (level > LEVEL_REQUEST)
        close_level(w, level);
}

/* ---- parts as batches ---- */

static struct batch *make_batch(struct scatter_part *p, const struct batch *from, struct budget *budget)
{
    struct block *block = block_force(budget, p->out.len);
    struct batch *made;

    memcpy(block->data, p->out.data, p->out.len);
    made = batch_new(from->signal, block, bytes_of(block->data, p->out.len), p->items, from->arrival);
    made->metadata = metadata_ref(from->metadata);
    return made;
}

static void clear_part(struct scatter_part *p)
{
    p->items = 0;
    p->out.len = 0;
    if (p->out.cap > KEPT_BYTES)
        buf_free(&p->out);
}

static void make_room(struct scatter *s, size_t n)
{
    while (s->parts.n < n)
        *vec_push(&s->parts) = (struct scatter_part){ 0 };
    s->used.n = 0;
    s->dropped = 0;
}

void scatter_batch(struct scatter *s, struct batch *b, size_t n, scatter_choose *choose, void *arg,
                   struct budget *budget, struct batch **out)
{
    struct walk w = { .s = s, .depth = path_depth(b->signal), .n = n, .choose = choose, .arg = arg };

    assert(signal_table[b->signal].mergeable);
    make_room(s, n);
    for (uint32_t i = 0; i < b->n_segments; i++)
        walk_message(&w, LEVEL_REQUEST, 0, bytes_of(b->segments[i].data, b->segments[i].len));
    memset(out, 0, n * sizeof(*out));
    for (size_t i = 0; i < s->used.n; i++) {
        struct scatter_part *p = &s->parts.v[s->used.v[i]];

        out[s->used.v[i]] = p->items == b->items ? batch_ref(b) : make_batch(p, b, budget);
        clear_part(p);
    }
}
