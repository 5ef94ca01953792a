/* SPDX-License-Identifier: Apache-2.0 */
/* batch_split: a batch cut in two by its items; batch_without: some of them left out; batch_cut: cut in as many as its
 * bytes ask for.
 *
 * A segment that the cut goes through is taken apart along the path from the request down to an item, and written
 * anew in pieces. A level of the path (request, resource, scope, and for metrics metric and data) is opened in a piece
 * when the first item below it comes: its fields other than the children are its head, and are repeated. Where bytes
 * count, an item goes to the next piece when this one might not hold it: what opening levels and growing length
 * prefixes would add is counted with the most that it can be. */
#include "base/vec.h"
#include "otlp/batch.h"
#include "otlp/metadata.h"
#include "otlp/path.h"

#include <assert.h>
#include <stdlib.h>

typedef VEC(struct segment) segments;

struct level {
    uint32_t field; /* that this message is in its parent */
    struct bytes message;
    size_t head; /* where bytes count: of the head */
    size_t mark;
    bool open;
};

#define LENGTH_MOST 5u                /* bytes of a nested message's length */
#define PREFIX_MOST (1 + LENGTH_MOST) /* and its tag: all field numbers of the path are below 16 */

struct cutter {
    enum signal signal;
    struct budget *budget;
    struct level levels[LEVELS]; /* [0] is the request itself */
    unsigned depth;              /* of the messages that hold items: 2, metrics 4 */
    struct buf out;
    uint64_t items; /* in the piece being written */
    uint64_t most;  /* it may have */
    uint64_t each;  /* what the pieces after it may have */
    uint64_t bytes; /* that a piece may have; 0: they do not count */
    segments *pieces;
};

static void close_level(struct cutter *c, unsigned level)
{
    struct level *l = &c->levels[level];

    if (l->open && l != c->levels) /* the request itself has no head of its own */
        pb_end(&c->out, l->mark);
    l->open = false;
}

static void open_level(struct cutter *c, unsigned level)
{
    struct level *l = &c->levels[level];
    struct pb_reader r = pb_reader(l->message);
    struct pb_field f;

    if (l->open)
        return;
    l->open = true;
    if (level == 0)
        return;
    l->mark = pb_begin(&c->out, l->field);
    while (pb_next(&r, &f))
        if (!path_is_child(level, f.number))
            buf_append(&c->out, f.start, (size_t)(r.p - f.start));
}

static void end_piece(struct cutter *c)
{
    struct block *block;

    for (unsigned level = c->depth; level > 0; level--)
        close_level(c, level);
    close_level(c, 0);
    block = block_force(c->budget, c->out.len);
    memcpy(block->data, c->out.data, c->out.len);
    *vec_push(c->pieces) = (struct segment){ block, block->data, c->out.len, c->items };
    c->out.len = 0;
    c->items = 0;
    c->most = c->each;
}

/* What a piece would have at most with `more` bytes in the innermost message. */
static size_t size_with(const struct cutter *c, size_t more)
{
    size_t size = c->out.len + more;

    for (unsigned level = 1; level <= c->depth; level++)
        size += c->levels[level].open ? LENGTH_MOST - 1 : PREFIX_MOST + c->levels[level].head;
    return size;
}

static void put_item(struct cutter *c, struct bytes field)
{
    bool full = c->bytes > 0 ? c->items > 0 && size_with(c, field.len) > c->bytes : c->items == c->most;

    if (full)
        end_piece(c);
    for (unsigned level = 0; level <= c->depth; level++)
        open_level(c, level);
    buf_put(&c->out, field);
    c->items++;
}

static size_t measure_head(unsigned level, struct bytes message)
{
    struct pb_reader r = pb_reader(message);
    struct pb_field f;
    size_t size = 0;

    while (pb_next(&r, &f))
        if (!path_is_child(level, f.number))
            size += (size_t)(r.p - f.start);
    return size;
}

static void cut_message(struct cutter *c, unsigned level, uint32_t field, struct bytes message)
{
    struct pb_reader r = pb_reader(message);
    struct pb_field f;

    c->levels[level] = (struct level){ .field = field, .message = message };
    if (c->bytes > 0)
        c->levels[level].head = measure_head(level, message);
    while (pb_next(&r, &f)) {
        if (!path_is_child(level, f.number) || f.wire != PB_LEN)
            continue;
        if (level == c->depth)
            put_item(c, bytes_of(f.start, (size_t)(r.p - f.start)));
        else
            cut_message(c, level + 1, f.number, f.bytes);
    }
    close_level(c, level);
}

static void cut_segment(struct cutter *c, const struct segment *s)
{
    c->depth = path_depth(c->signal);
    cut_message(c, 0, 0, bytes_of(s->data, s->len));
    if (c->items > 0)
        end_piece(c);
    buf_free(&c->out);
}

static void share_segment(segments *to, struct segment s)
{
    block_ref(s.block);
    *vec_push(to) = s;
}

void batch_split(struct batch *b, uint64_t items, uint64_t each, struct budget *budget, struct batch **head,
                 struct batch **tail)
{
    segments front = { 0 }, back = { 0 }, pieces = { 0 };
    struct cutter c = { .signal = b->signal, .budget = budget, .each = each, .pieces = &pieces };
    uint64_t left = items;

    assert(items > 0 && each > 0 && items < b->items && signal_table[b->signal].mergeable);
    for (uint32_t i = 0; i < b->n_segments; i++) {
        struct segment s = b->segments[i];

        if (s.items == 0)
            s.items = path_count(bytes_of(s.data, s.len), LEVEL_REQUEST, b->signal);
        if (left == 0 || s.items <= left) {
            share_segment(left == 0 ? &back : &front, s);
            left -= left == 0 ? 0 : s.items;
            continue;
        }
        c.most = left;
        cut_segment(&c, &s);
        left = 0;
        for (size_t k = 0; k < pieces.n; k++)
            *vec_push(k == 0 ? &front : &back) = pieces.v[k];
    }
    *head = batch_of(b->signal, front.v, (uint32_t)front.n, items, b->arrival);
    *tail = batch_of(b->signal, back.v, (uint32_t)back.n, b->items - items, b->arrival);
    (*head)->metadata = metadata_ref(b->metadata);
    (*tail)->metadata = metadata_ref(b->metadata);
    vec_free(&front);
    vec_free(&back);
    vec_free(&pieces);
}

/* The first `items` of *rest, which then is what follows them, or NULL. */
static struct batch *take_head(struct batch **rest, uint64_t items, struct budget *budget)
{
    struct batch *whole = *rest, *head;

    if (items >= whole->items) {
        *rest = NULL;
        return whole;
    }
    batch_split(whole, items, whole->items, budget, &head, rest);
    batch_unref(whole);
    return head;
}

struct batch *batch_without(struct batch *b, const struct item_range *ranges, size_t n, struct budget *budget)
{
    batch_parts kept = { 0 };
    struct batch *rest = b, *left;
    uint64_t at = 0; /* items before those of `rest` */

    for (size_t i = 0; i < n && rest != NULL; i++) {
        if (ranges[i].first > at)
            *vec_push(&kept) = take_head(&rest, ranges[i].first - at, budget);
        if (rest != NULL)
            batch_unref(take_head(&rest, ranges[i].last - ranges[i].first + 1, budget));
        at = ranges[i].last + 1;
    }
    if (rest != NULL)
        *vec_push(&kept) = rest;
    left = kept.n > 0 ? batch_merge(kept.v, kept.n) : NULL;
    vec_free(&kept);
    return left;
}

/* What has been gathered becomes a batch. */
static void end_part(const struct batch *b, segments *gathered, uint64_t *bytes, batch_parts *parts)
{
    uint64_t items = 0;
    struct batch *part;

    if (gathered->n == 0)
        return;
    for (size_t i = 0; i < gathered->n; i++)
        items += gathered->v[i].items;
    part = batch_of(b->signal, gathered->v, (uint32_t)gathered->n, items, b->arrival);
    part->metadata = metadata_ref(b->metadata);
    *vec_push(parts) = part;
    gathered->n = 0;
    *bytes = 0;
}

void batch_cut(struct batch *b, uint64_t most, struct budget *budget, batch_parts *parts)
{
    segments gathered = { 0 }, pieces = { 0 };
    struct cutter c = { .signal = b->signal, .budget = budget, .bytes = most, .pieces = &pieces };
    uint64_t bytes = 0;

    if (b->bytes <= most || b->items <= 1 || !signal_table[b->signal].mergeable) {
        *vec_push(parts) = batch_ref(b);
        return;
    }
    for (uint32_t i = 0; i < b->n_segments; i++) {
        struct segment s = b->segments[i];

        if (s.items == 0)
            s.items = path_count(bytes_of(s.data, s.len), LEVEL_REQUEST, b->signal);
        pieces.n = 0;
        if (s.len > most && s.items > 1)
            cut_segment(&c, &s);
        else
            share_segment(&pieces, s);
        for (size_t k = 0; k < pieces.n; k++) {
            if (bytes + pieces.v[k].len > most)
                end_part(b, &gathered, &bytes, parts);
            *vec_push(&gathered) = pieces.v[k];
            bytes += pieces.v[k].len;
        }
    }
    end_part(b, &gathered, &bytes, parts);
    vec_free(&gathered);
    vec_free(&pieces);
}
