/* SPDX-License-Identifier: Apache-2.0 */
/* segment_cut: a segment cut by items; batch_cutter: a batch cut in as many as its bytes ask for.
 *
 * A segment that the cut goes through is taken apart along the path from the request down to an item, and written
 * anew in pieces. A level of the path (request, resource, scope, and for metrics metric and data) is opened in a piece
 * when the first item below it comes: its fields other than the children are its head, and are repeated. They are
 * gathered once: who looked for them in each piece would pass over all children each time. Where bytes count, an item
 * goes to the next piece when this one does not hold it: what opening levels and growing length prefixes would add is
 * counted too. The walk stops behind each item, so that whoever wants one piece only need not wait for the others.
 *
 * What can go wrong: what stands above the items is larger than a piece may be, and no item fits, however small. Each
 * of very many in a piece of its own would be a copy of that each; they go together, in pieces that have as much of
 * items as of what is repeated. */
#include "otlp/cut/cutter.h"

#include "base/mem.h"
#include "otlp/metadata.h"
#include "otlp/path.h"

#include <assert.h>
#include <stdlib.h>

struct level {
    uint32_t field;        /* that this message is in its parent */
    struct pb_reader rest; /* of this message, where the walk is */
    size_t mark;
    bool open;
};

struct cutter {
    enum signal signal;
    struct budget *budget;
    struct level levels[LEVELS]; /* [0] is the request itself, and has no head */
    struct buf heads[LEVELS];
    unsigned depth; /* of the messages that hold items: 2, metrics 4 */
    unsigned at;    /* where the walk is */
    struct buf out;
    uint64_t items;      /* in the piece being written */
    uint64_t most;       /* it may have */
    uint64_t each;       /* what the pieces after it may have, if they are worth their heads */
    bool behind;         /* it is one of those */
    uint64_t bytes;      /* that a piece may have; 0: they do not count */
    uint64_t bytes_each; /* and the pieces after it */
    uint64_t largest;    /* bytes; items that alone are larger go together */
    bool lost;           /* the piece being written has such */
    bool thrifty;        /* a piece is as large as it is worth its heads, whatever it may have */
    segments *pieces;
    /* Items that are left out, and the number of the one that comes next. */
    const struct item_range *out_first, *out_end;
    uint64_t index;
};

/* ---- pieces ---- */

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

    if (l->open)
        return;
    l->open = true;
    if (level == 0)
        return;
    l->mark = pb_begin(&c->out, l->field);
    buf_put(&c->out, buf_bytes(&c->heads[level]));
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
    c->bytes = c->bytes_each;
    c->behind = true;
}

/* What the piece would have with `more` bytes in the innermost message, when its levels are closed. */
static size_t size_with(const struct cutter *c, size_t more)
{
    for (unsigned level = c->depth; level > 0; level--) {
        const struct level *l = &c->levels[level];

        if (l->open) { /* with a length of one byte */
            more += pb_varint_len(c->out.len - l->mark + more) - 1;
        } else {
            more += c->heads[level].len;
            more += 1 + pb_varint_len(more); /* all field numbers of the path are below 16 */
        }
    }
    return c->out.len + more;
}

/* Has it as much in it as the heads that the next one repeats? All that is repeated is then no more than the segment.
 */
static bool is_worth_heads(const struct cutter *c)
{
    size_t heads = 0;

    for (unsigned level = 1; level <= c->depth; level++)
        heads += c->heads[level].len;
    return c->out.len / 2 >= heads;
}

/* Of a request with one item of `len` bytes in what it is in here. */
static uint64_t size_alone(const struct cutter *c, uint64_t len)
{
    for (unsigned level = c->depth; level > 0; level--) {
        len += c->heads[level].len;
        len += 1 + pb_varint_len(len);
    }
    return len;
}

static bool is_full(const struct cutter *c, size_t more, bool lost)
{
    if (c->bytes > 0 && lost != c->lost)
        return c->items > 0;
    if (c->bytes > 0)
        return c->items > 0 && size_with(c, more) > c->bytes && ((!lost && !c->thrifty) || is_worth_heads(c));
    return c->items >= c->most && (!c->behind || is_worth_heads(c));
}

static bool is_left_out(struct cutter *c)
{
    uint64_t index = c->index++;

    while (c->out_first < c->out_end && c->out_first->last < index)
        c->out_first++;
    return c->out_first < c->out_end && c->out_first->first <= index;
}

static void put_item(struct cutter *c, struct bytes field)
{
    bool lost = c->bytes > 0 && c->largest < UINT64_MAX && size_alone(c, field.len) > c->largest;

    if (is_left_out(c))
        return;
    if (is_full(c, field.len, lost))
        end_piece(c);
    c->lost = lost;
    for (unsigned level = 0; level <= c->depth; level++)
        open_level(c, level);
    buf_put(&c->out, field);
    c->items++;
}

/* ---- the walk ---- */

static void read_head(struct cutter *c, unsigned level, struct bytes message)
{
    struct pb_reader r = pb_reader(message);
    struct pb_field f;

    c->heads[level].len = 0;
    while (pb_next(&r, &f))
        if (!path_is_child(level, f.number))
            buf_append(&c->heads[level], f.start, (size_t)(r.p - f.start));
}

static void enter_message(struct cutter *c, unsigned level, uint32_t field, struct bytes message)
{
    struct level *l = &c->levels[level];

    *l = (struct level){ .field = field, .rest = pb_reader(message) };
    if (level > LEVEL_REQUEST)
        read_head(c, level, message);
    c->at = level;
}

static void enter_segment(struct cutter *c, const struct segment *s)
{
    c->depth = path_depth(c->signal);
    enter_message(c, LEVEL_REQUEST, 0, bytes_of(s->data, s->len));
}

/* One more item is written, and before it the piece that has no room for it is ended. False: there are no more, and
 * the last piece is ended. */
static bool cut_item(struct cutter *c)
{
    struct pb_field f;

    for (;;) {
        struct level *l = &c->levels[c->at];

        if (!pb_next(&l->rest, &f)) {
            close_level(c, c->at);
            if (c->at == LEVEL_REQUEST)
                break;
            c->at--;
        } else if (path_is_child(c->at, f.number) && f.wire == PB_LEN) {
            if (c->at == c->depth) {
                put_item(c, bytes_of(f.start, (size_t)(l->rest.p - f.start)));
                return true;
            }
            enter_message(c, c->at + 1, f.number, f.bytes);
        }
    }
    if (c->items > 0)
        end_piece(c);
    return false;
}

static void free_buffers(struct cutter *c)
{
    buf_free(&c->out);
    for (unsigned level = 0; level < LEVELS; level++)
        buf_free(&c->heads[level]);
}

void segment_cut(enum signal signal, const struct segment *s, uint64_t first, uint64_t each, struct budget *budget,
                 segments *pieces)
{
    struct cutter c = { .signal = signal, .budget = budget, .most = first, .each = each, .pieces = pieces };

    enter_segment(&c, s);
    while (cut_item(&c))
        ;
    free_buffers(&c);
}

void segment_without(enum signal signal, const struct segment *s, const struct item_range *ranges, size_t n,
                     uint64_t before, struct budget *budget, segments *pieces)
{
    struct cutter c = { .signal = signal,
                        .budget = budget,
                        .most = UINT64_MAX,
                        .each = UINT64_MAX,
                        .pieces = pieces,
                        .out_first = ranges,
                        .out_end = ranges + n,
                        .index = before };

    enter_segment(&c, s);
    while (cut_item(&c))
        ;
    free_buffers(&c);
}

/* ---- a batch ---- */

struct batch_cutter {
    struct batch *batch; /* a reference */
    uint64_t most, left; /* bytes of a part; items */
    bool whole;          /* it goes as it is, and has not gone */
    uint32_t next;       /* segment */
    bool cutting;        /* the one before it */
    struct cutter cutter;
    segments pieces;     /* of that one, which have not been taken */
    struct segment held; /* the first of the next part; block NULL: there is none yet */
};

struct batch_cutter *batch_cutter_new(struct batch *b, uint64_t most, uint64_t largest, struct budget *budget)
{
    struct batch_cutter *c = mem_zalloc(sizeof(*c));

    c->batch = batch_ref(b);
    c->most = most;
    c->left = b->items;
    c->whole = b->bytes <= most || b->items <= 1 || !signal_table[b->signal].mergeable;
    c->cutter = (struct cutter){ .signal = b->signal,
                                 .budget = budget,
                                 .bytes = most,
                                 .bytes_each = most,
                                 .largest = largest,
                                 .pieces = &c->pieces };
    return c;
}

void batch_cutter_free(struct batch_cutter *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->pieces.n; i++)
        block_unref(c->pieces.v[i].block);
    if (c->held.block != NULL)
        block_unref(c->held.block);
    vec_free(&c->pieces);
    free_buffers(&c->cutter);
    batch_unref(c->batch);
    free(c);
}

uint64_t batch_cutter_left(const struct batch_cutter *c)
{
    return c->left;
}

/* One piece of the segment that is being cut; false: it has no more. */
static bool take_piece(struct batch_cutter *c, struct segment *piece)
{
    while (c->cutting && c->pieces.n == 0)
        c->cutting = cut_item(&c->cutter);
    if (c->pieces.n == 0)
        return false;
    *piece = c->pieces.v[--c->pieces.n];
    assert(c->pieces.n == 0); /* an item ends one piece at most */
    return true;
}

/* What comes next, and fits or is a single item. One reference. False: nothing does. `room`: what the part has left,
 * and the first piece of a segment should not be larger if that is not little. */
static bool take_segment(struct batch_cutter *c, uint64_t room, struct segment *out)
{
    const struct batch *b = c->batch;

    while (!take_piece(c, out)) {
        if (c->next == b->n_segments)
            return false;
        *out = b->segments[c->next++];
        if (out->items == 0)
            out->items = path_count(bytes_of(out->data, out->len), LEVEL_REQUEST, b->signal);
        if (out->len <= c->most || out->items <= 1) {
            block_ref(out->block);
            return true;
        }
        enter_segment(&c->cutter, out);
        c->cutter.bytes = room > c->most / 2 ? room : c->cutter.bytes_each;
        c->cutting = true;
    }
    return true;
}

static struct batch *make_part(struct batch_cutter *c, const segments *gathered)
{
    struct batch *part;
    uint64_t items = 0;

    for (size_t i = 0; i < gathered->n; i++)
        items += gathered->v[i].items;
    part = batch_of(c->batch->signal, gathered->v, (uint32_t)gathered->n, items, c->batch->arrival);
    part->metadata = metadata_ref(c->batch->metadata);
    assert(items <= c->left);
    c->left -= items;
    return part;
}

struct batch *batch_cutter_next(struct batch_cutter *c)
{
    segments gathered = { 0 };
    struct batch *part;
    uint64_t bytes = 0;

    if (c->whole) {
        c->whole = false;
        c->left = 0;
        return batch_ref(c->batch);
    }
    if (c->left == 0)
        return NULL;
    while (c->held.block != NULL || take_segment(c, bytes < c->most ? c->most - bytes : 0, &c->held)) {
        if (gathered.n > 0 && bytes + c->held.len > c->most)
            break;
        bytes += c->held.len;
        *vec_push(&gathered) = c->held;
        c->held.block = NULL;
    }
    part = make_part(c, &gathered);
    vec_free(&gathered);
    return part;
}

struct batch *batch_cutter_rest(struct batch_cutter *c)
{
    assert(c->left > 0);
    c->most = c->cutter.bytes = c->cutter.bytes_each = c->cutter.largest = UINT64_MAX;
    return batch_cutter_next(c);
}

/* What follows the first part: the segment that is being cut in pieces of `each` bytes, and all others as they are. All
 * of it is in memory at once: where the heads are nearly as large as a piece may be, pieces are larger, and cut again.
 */
static struct batch *take_tail(struct batch_cutter *c)
{
    segments gathered = { 0 };
    struct segment piece = c->held;
    struct batch *tail;

    c->cutter.thrifty = true;
    c->cutter.largest = UINT64_MAX;
    while (piece.block != NULL || take_piece(c, &piece)) {
        *vec_push(&gathered) = piece;
        piece.block = NULL;
    }
    c->held.block = NULL;
    for (; c->next < c->batch->n_segments; c->next++) {
        block_ref(c->batch->segments[c->next].block);
        *vec_push(&gathered) = c->batch->segments[c->next];
    }
    tail = batch_of(c->batch->signal, gathered.v, (uint32_t)gathered.n, c->left, c->batch->arrival);
    tail->metadata = metadata_ref(c->batch->metadata);
    vec_free(&gathered);
    return tail;
}

bool batch_split_bytes(struct batch *b, uint64_t first, uint64_t each, bool force, struct budget *budget,
                       struct batch **head, struct batch **tail)
{
    struct batch_cutter *c = batch_cutter_new(b, first, each, budget);

    assert(b->items > 1 && b->bytes > first && first <= each && signal_table[b->signal].mergeable);
    c->cutter.bytes_each = each;
    *head = batch_cutter_next(c);
    *tail = NULL;
    if ((*head)->bytes > first && !force) {
        batch_unref(*head);
        *head = NULL;
    } else if (c->left > 0) {
        *tail = take_tail(c);
    }
    batch_cutter_free(c);
    return *head != NULL;
}

void batch_cut(struct batch *b, uint64_t most, struct budget *budget, batch_parts *parts)
{
    struct batch_cutter *c = batch_cutter_new(b, most, UINT64_MAX, budget);
    struct batch *part;

    while ((part = batch_cutter_next(c)) != NULL)
        *vec_push(parts) = part;
    batch_cutter_free(c);
}
