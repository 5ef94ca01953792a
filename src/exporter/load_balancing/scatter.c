/* SPDX-License-Identifier: Apache-2.0 */
/* The walk goes down the levels of otlp/path.h with the messages that it is in, each with a number. When an item has
 * been given a part, the levels above it are opened there, unless what is open there has that number; when a message
 * has ended it is closed in all parts in which it was opened, and its length is known.
 *
 * Nothing is copied on the way: a part is a list of runs of the batch's bytes and of the messages that begin between
 * them. At the end each is written, once, into a block of its size. Lists that a large batch has blown up are given
 * back. */
#include "exporter/load_balancing/scatter.h"

#include "otlp/metadata.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_RUNS 4096u /* of each list, from one batch to the next */

struct walked {
    uint32_t field; /* that this message is in its parent */
    struct bytes message;
    uint64_t serial;
    size_t number; /* in the scatter's messages, when it is in a part */
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
        vec_free(&s->parts.v[i].pieces);
    vec_free(&s->parts);
    vec_free(&s->used);
    vec_free(&s->rest);
    vec_free(&s->messages);
    for (unsigned level = 0; level < LEVELS; level++) {
        vec_free(&s->open[level]);
        vec_free(&s->aside[level]);
    }
}

/* ---- levels of a part ---- */

static size_t head_size(uint32_t field, size_t len)
{
    return pb_varint_len(PB_TAG(field, PB_LEN)) + pb_varint_len(len);
}

static void open_level(struct walk *w, uint32_t number, unsigned level)
{
    struct scatter *s = w->s;
    struct scatter_part *p = &s->parts.v[number];
    struct walked *m = &w->levels[level];

    if (s->open[level].n == 0) {
        m->number = s->messages.n;
        *vec_push(&s->messages) = (struct scatter_message){ .field = m->field };
    }
    p->levels[level] = (struct scatter_level){ m->serial, p->pieces.n, 0 };
    *vec_push(&p->pieces) = (struct scatter_piece){ .message = m->number };
    *vec_push(&s->open[level]) = number;
}

/* The message has ended: all of its fields are known. */
static void keep_rest(struct walk *w, unsigned level)
{
    struct scatter *s = w->s;
    scatter_runs *aside = &s->aside[level];
    struct scatter_message *m = &s->messages.v[w->levels[level].number];

    m->rest = s->rest.n;
    m->n_rest = aside->n;
    for (size_t i = 0; i < aside->n; i++) {
        m->rest_len += aside->v[i].len;
        *vec_push(&s->rest) = aside->v[i];
    }
}

static void close_level(struct walk *w, unsigned level)
{
    scatter_numbers *open = &w->s->open[level];

    if (open->n == 0)
        return;
    keep_rest(w, level);
    for (size_t i = 0; i < open->n; i++) {
        const struct scatter_message *m = &w->s->messages.v[w->levels[level].number];
        struct scatter_part *p = &w->s->parts.v[open->v[i]];
        size_t len = p->levels[level].len + m->rest_len;

        p->pieces.v[p->levels[level].begun].len = len;
        p->levels[level].serial = 0;
        p->levels[level - 1].len += head_size(m->field, len) + len;
    }
    open->n = 0;
}

/* ---- the walk ---- */

/* Items that stand side by side are one run. */
static void put_run(struct scatter_part *p, const uint8_t *data, size_t len)
{
    struct scatter_piece *last = &p->pieces.v[p->pieces.n - 1];

    if (last->data != NULL && last->data + last->len == data)
        last->len += len;
    else
        *vec_push(&p->pieces) = (struct scatter_piece){ .data = data, .len = len };
}

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
    put_run(p, f->start, (size_t)(end - f->start));
    p->levels[w->depth].len += (size_t)(end - f->start);
}

static void enter_message(struct walk *w, unsigned level, uint32_t field, struct bytes message)
{
    w->levels[level] = (struct walked){ field, message, ++w->s->serial, 0 };
    w->s->aside[level].n = 0;
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

static void set_aside(scatter_runs *aside, const uint8_t *data, size_t len)
{
    struct bytes *last = aside->n > 0 ? &aside->v[aside->n - 1] : NULL;

    if (last != NULL && bytes_end(*last) == data)
        last->len += len;
    else
        *vec_push(aside) = bytes_of(data, len);
}

/* As deep as the path is long. */
static void walk_message(struct walk *w, unsigned level, uint32_t field, struct bytes message)
{
    struct pb_reader r = pb_reader(message);
    struct pb_field f;

    enter_message(w, level, field, message);
    while (pb_next(&r, &f)) {
        if (!path_is_child(level, f.number) || f.wire != PB_LEN)
            set_aside(&w->s->aside[level], f.start, (size_t)(r.p - f.start));
        else if (level == w->depth)
            put_item(w, &f, r.p);
        else
            walk_message(w, level + 1, f.number, f.bytes);
    }
    if (level > LEVEL_REQUEST)
        close_level(w, level);
}

/* ---- parts as batches ---- */

static uint8_t *copy_run(uint8_t *at, const uint8_t *data, size_t len)
{
    memcpy(at, data, len);
    return at + len;
}

static uint8_t *write_beginning(uint8_t *at, const struct scatter *s, const struct scatter_piece *begin)
{
    const struct scatter_message *m = &s->messages.v[begin->message];

    at += pb_put_varint_at(at, PB_TAG(m->field, PB_LEN));
    at += pb_put_varint_at(at, begin->len);
    for (size_t i = 0; i < m->n_rest; i++)
        at = copy_run(at, s->rest.v[m->rest + i].data, s->rest.v[m->rest + i].len);
    return at;
}

static struct batch *make_batch(const struct scatter *s, const struct scatter_part *p, const struct batch *from,
                                struct budget *budget)
{
    size_t len = p->levels[LEVEL_REQUEST].len;
    struct block *block = block_force(budget, len);
    uint8_t *at = block->data;
    struct batch *made;

    for (size_t i = 0; i < p->pieces.n; i++) {
        const struct scatter_piece *piece = &p->pieces.v[i];

        at = piece->data != NULL ? copy_run(at, piece->data, piece->len) : write_beginning(at, s, piece);
    }
    assert(at == block->data + len);
    made = batch_new(from->signal, block, bytes_of(block->data, len), p->items, from->arrival);
    made->metadata = metadata_ref(from->metadata);
    return made;
}

static void clear_part(struct scatter_part *p)
{
    p->items = 0;
    p->levels[LEVEL_REQUEST].len = 0;
    p->pieces.n = 0;
    if (p->pieces.cap > KEPT_RUNS)
        vec_free(&p->pieces);
}

static void clear_messages(struct scatter *s)
{
    s->rest.n = s->messages.n = 0;
    if (s->rest.cap > KEPT_RUNS)
        vec_free(&s->rest);
    if (s->messages.cap > KEPT_RUNS)
        vec_free(&s->messages);
    for (unsigned level = 0; level < LEVELS; level++)
        if (s->aside[level].cap > KEPT_RUNS)
            vec_free(&s->aside[level]);
}

static void make_room(struct scatter *s, size_t n)
{
    while (s->parts.n < n)
        *vec_push(&s->parts) = (struct scatter_part){ 0 };
    s->used.n = 0;
    s->dropped = 0;
}

/* Of all parts together. */
static uint64_t size_of_parts(const struct scatter *s, const struct batch *b)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < s->used.n; i++) {
        const struct scatter_part *p = &s->parts.v[s->used.v[i]];

        if (p->items != b->items)
            bytes += p->levels[LEVEL_REQUEST].len + sizeof(struct block);
    }
    return bytes;
}

static void clear_parts(struct scatter *s)
{
    for (size_t i = 0; i < s->used.n; i++)
        clear_part(&s->parts.v[s->used.v[i]]);
    clear_messages(s);
}

uint64_t scatter_batch(struct scatter *s, struct batch *b, size_t n, scatter_choose *choose, void *arg,
                       struct budget *budget, struct batch **out)
{
    struct walk w = { .s = s, .depth = path_depth(b->signal), .n = n, .choose = choose, .arg = arg };
    uint64_t bytes;

    assert(signal_table[b->signal].mergeable);
    make_room(s, n);
    for (uint32_t i = 0; i < b->n_segments; i++)
        walk_message(&w, LEVEL_REQUEST, 0, bytes_of(b->segments[i].data, b->segments[i].len));
    memset(out, 0, n * sizeof(*out));
    bytes = size_of_parts(s, b);
    if (bytes > 2 * b->bytes + s->used.n * sizeof(struct block) && bytes > budget_room(budget)) {
        clear_parts(s);
        s->used.n = 0;
        return bytes;
    }
    for (size_t i = 0; i < s->used.n; i++) {
        struct scatter_part *p = &s->parts.v[s->used.v[i]];

        out[s->used.v[i]] = p->items == b->items ? batch_ref(b) : make_batch(s, p, b, budget);
    }
    clear_parts(s);
    return 0;
}
