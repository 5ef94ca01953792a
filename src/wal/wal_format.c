/* SPDX-License-Identifier: Apache-2.0 */
/* Heads and records are written and read field by field; a record is sealed with a checksum over all but the checksum
 * itself. wal_record_peek() believes only what can be true of a head, wal_record_intact() then the whole.
 *
 * What is settled is a floor, below which all is, and sorted ranges above it that join as they meet. A state writes
 * RANGES_MAX of them at most; records of those left out come again after a crash. Of records that are held, sorted
 * pieces say which items are settled; those that a state has no room for are left out of its sums, too. */
#include "wal/wal_format.h"

#include "codec/crc32c.h"
#include "codec/pb.h"

#include <stdio.h>

#define RANGES_MAX                                                                                                     \
    512u /* in a state, which has to fit into a segment's reserve; those beyond come again after a crash */

static const uint8_t magic[8] = { 'O', 'T', 'E', 'L', 'C', 'D', 'W', 'L' };

static void put32(uint8_t *at, uint32_t v)
{
    memcpy(at, &v, 4);
}

static void put64(uint8_t *at, uint64_t v)
{
    memcpy(at, &v, 8);
}

void wal_head_put(uint8_t *at, const struct wal_head *h)
{
    memset(at, 0, WAL_HEAD);
    memcpy(at, magic, sizeof(magic));
    put32(at + 8, h->version);
    put32(at + 12, WAL_HEAD);
    put64(at + 16, h->first);
    put64(at + 24, h->time);
    put64(at + 32, h->room);
    put32(at + WAL_HEAD - 4, crc32c(0, bytes_of(at, WAL_HEAD - 4)));
}

int wal_head_read(struct wal_head *h, const uint8_t *at, size_t n)
{
    if (n < WAL_HEAD || memcmp(at, magic, sizeof(magic)) != 0)
        return UV_EINVAL;
    h->version = pb_load32(at + 8);
    h->first = pb_load64(at + 16);
    h->time = pb_load64(at + 24);
    h->room = pb_load64(at + 32);
    if (h->version > WAL_VERSION && h->version < 0x10000)
        return UV_ENOTSUP;
    if (pb_load32(at + WAL_HEAD - 4) != crc32c(0, bytes_of(at, WAL_HEAD - 4)) || h->version == 0 || h->first == 0)
        return UV_EINVAL;
    return 0;
}

void wal_record_put(uint8_t *at, const struct wal_record *r)
{
    put32(at, r->length);
    put32(at + 4, 0);
    put32(at + 8, r->type);
    put32(at + 12, r->kind);
    put64(at + 16, r->seq);
    put64(at + 24, r->before);
    put64(at + 32, r->items);
    put64(at + 40, r->time);
}

void wal_record_seal(uint8_t *head, const struct bytes *parts, size_t n)
{
    uint32_t crc = crc32c(0, bytes_of(head, 4));

    crc = crc32c(crc, bytes_of(head + 8, WAL_RECORD_HEAD - 8));
    for (size_t i = 0; i < n; i++)
        crc = crc32c(crc, parts[i]);
    put32(head + 4, crc);
}

bool wal_record_peek(struct wal_record *r, const uint8_t *head, uint64_t room)
{
    uint32_t type;

    if (room < WAL_RECORD_HEAD)
        return false;
    r->length = pb_load32(head);
    type = pb_load32(head + 8);
    if (r->length < WAL_RECORD_HEAD || r->length > room || (type != WAL_DATA && type != WAL_STATE))
        return false;
    r->type = (enum wal_type)type;
    r->kind = pb_load32(head + 12);
    r->seq = pb_load64(head + 16);
    r->before = pb_load64(head + 24);
    r->items = pb_load64(head + 32);
    r->time = pb_load64(head + 40);
    return true;
}

bool wal_record_intact(const struct wal_record *r, const uint8_t *at)
{
    uint32_t crc = crc32c(0, bytes_of(at, 4));

    crc = crc32c(crc, bytes_of(at + 8, r->length - 8));
    return crc == pb_load32(at + 4);
}

/* ---- state ---- */

void wal_state_free(struct wal_state *s)
{
    vec_free(&s->settled);
    vec_free(&s->pieces);
}

static void append32(struct buf *b, uint32_t v)
{
    buf_append(b, &v, 4);
}

static void append64(struct buf *b, uint64_t v)
{
    buf_append(b, &v, 8);
}

static uint64_t take_some(uint64_t *from, uint64_t most)
{
    uint64_t n = *from < most ? *from : most;

    *from -= n;
    return n;
}

/* The sums without the items of pieces that are left out: these are held again. */
static struct wal_totals totals_with(const struct wal_state *s, uint32_t n_pieces)
{
    struct wal_totals t = s->totals;
    uint64_t left_out = 0;

    for (size_t i = n_pieces; i < s->pieces.n; i++)
        left_out += s->pieces.v[i].last - s->pieces.v[i].first + 1;
    left_out -= take_some(&t.delivered, left_out);
    for (uint32_t i = 0; i < t.n_dropped; i++)
        left_out -= take_some(&t.dropped[i].items, left_out);
    return t;
}

static void put_totals(struct buf *out, const struct wal_totals *t)
{
    for (uint32_t i = 0; i < t->n_dropped; i++) {
        buf_append(out, t->dropped[i].reason, sizeof(t->dropped[i].reason));
        append64(out, t->dropped[i].items);
    }
}

static void put_pieces(struct buf *out, const struct wal_state *s, uint32_t n)
{
    append64(out, n);
    for (uint32_t i = 0; i < n; i++) {
        append64(out, s->pieces.v[i].seq);
        append64(out, s->pieces.v[i].first);
        append64(out, s->pieces.v[i].last);
    }
}

void wal_state_put(struct buf *out, const struct wal_state *s)
{
    uint32_t n_ranges = s->settled.n < RANGES_MAX ? (uint32_t)s->settled.n : RANGES_MAX;
    uint32_t n_pieces = s->pieces.n < WAL_PIECES_MAX ? (uint32_t)s->pieces.n : WAL_PIECES_MAX;
    struct wal_totals totals = totals_with(s, n_pieces);
    size_t start = out->len, length;
    struct wal_record r = { .type = WAL_STATE, .seq = s->last, .before = s->totals.appended };
    struct bytes content;

    memset(buf_reserve(out, WAL_RECORD_HEAD), 0, WAL_RECORD_HEAD);
    out->len += WAL_RECORD_HEAD;
    append64(out, s->floor);
    append64(out, totals.delivered);
    append32(out, totals.n_dropped);
    append32(out, n_ranges);
    put_totals(out, &totals);
    for (uint32_t i = 0; i < n_ranges; i++) {
        append64(out, s->settled.v[i].first);
        append64(out, s->settled.v[i].last);
    }
    put_pieces(out, s, n_pieces);
    length = out->len - start;
    r.length = (uint32_t)length;
    wal_record_put(out->data + start, &r);
    content = bytes_of(out->data + start + WAL_RECORD_HEAD, length - WAL_RECORD_HEAD);
    wal_record_seal(out->data + start, &content, 1);
    while (out->len % 8 != 0)
        buf_putc(out, '\0');
}

static struct wal_piece piece_at(const uint8_t *p)
{
    return (struct wal_piece){ pb_load64(p), pb_load64(p + 8), pb_load64(p + 16) };
}

static bool is_behind(const struct wal_piece *a, const struct wal_piece *b)
{
    return a->seq > b->seq || (a->seq == b->seq && a->first > b->last);
}

/* What stands behind the ranges; nothing in version 1. False: no pieces, and no end of a state either. */
static bool check_pieces(struct bytes tail, uint64_t *n)
{
    struct wal_piece last = { 0 };

    *n = 0;
    if (tail.len == 0)
        return true;
    if (tail.len < 8)
        return false;
    *n = pb_load64(tail.data);
    if (*n > WAL_PIECES_MAX || tail.len != 8 + *n * 24)
        return false;
    for (uint64_t i = 0; i < *n; i++) {
        struct wal_piece p = piece_at(tail.data + 8 + i * 24);

        if (p.seq == 0 || p.first > p.last || p.last > UINT32_MAX || (i > 0 && !is_behind(&p, &last)))
            return false;
        last = p;
    }
    return true;
}

static void read_pieces(struct wal_state *s, const uint8_t *p, uint64_t n)
{
    s->pieces.n = 0;
    for (uint64_t i = 0; i < n; i++) {
        struct wal_piece piece = piece_at(p + i * 24);

        if (!wal_state_is_settled(s, piece.seq))
            *vec_push(&s->pieces) = piece;
    }
}

/* `last` and `appended` are the record head's. */
bool wal_state_read(struct wal_state *s, struct bytes content)
{
    const uint8_t *p = content.data;
    uint32_t n_dropped, n_ranges;
    uint64_t n_pieces, length;

    if (content.len < 24)
        return false;
    n_dropped = pb_load32(p + 16);
    n_ranges = pb_load32(p + 20);
    length = 24 + n_dropped * 40ull + n_ranges * 16ull;
    if (n_dropped > WAL_REASONS || n_ranges > RANGES_MAX || content.len < length ||
        !check_pieces(bytes_skip(content, length), &n_pieces))
        return false;
    s->floor = pb_load64(p);
    s->totals.delivered = pb_load64(p + 8);
    s->totals.n_dropped = n_dropped;
    p += 24;
    for (uint32_t i = 0; i < n_dropped; i++, p += 40) {
        memcpy(s->totals.dropped[i].reason, p, 32);
        s->totals.dropped[i].reason[31] = '\0';
        s->totals.dropped[i].items = pb_load64(p + 32);
    }
    s->settled.n = 0;
    for (uint32_t i = 0; i < n_ranges; i++, p += 16)
        *vec_push(&s->settled) = (struct wal_range){ pb_load64(p), pb_load64(p + 8) };
    read_pieces(s, p + 8, n_pieces);
    return true;
}

/* How many of `n` things of `size` bytes have a smaller number than `seq`; theirs, at `numbers` in the first, ascend.
 */
static size_t count_below(const uint64_t *numbers, size_t n, size_t size, uint64_t seq)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (numbers[middle * (size / sizeof(*numbers))] < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The first range that ends at or behind `seq`. */
static size_t range_at(const struct wal_state *s, uint64_t seq)
{
    return s->settled.n > 0 ? count_below(&s->settled.v->last, s->settled.n, sizeof(*s->settled.v), seq) : 0;
}

static void remove_ranges(struct wal_state *s, size_t at, size_t n)
{
    memmove(&s->settled.v[at], &s->settled.v[at + n], (s->settled.n - at - n) * sizeof(s->settled.v[0]));
    s->settled.n -= n;
}

/* The floor rises over the ranges that now lie against it. */
static void raise_floor(struct wal_state *s)
{
    size_t n = 0;

    for (; n < s->settled.n && s->settled.v[n].first <= s->floor + 1; n++)
        if (s->settled.v[n].last > s->floor)
            s->floor = s->settled.v[n].last;
    if (n > 0)
        remove_ranges(s, 0, n);
}

static void forget_pieces(struct wal_state *s, uint64_t first, uint64_t last);

void wal_state_settle(struct wal_state *s, uint64_t first, uint64_t last)
{
    size_t at, end;

    forget_pieces(s, first, last);
    if (first <= s->floor + 1) {
        if (last > s->floor)
            s->floor = last;
        raise_floor(s);
        return;
    }
    at = range_at(s, first - 1);
    for (end = at; end < s->settled.n && s->settled.v[end].first <= last + 1; end++) {
        first = s->settled.v[end].first < first ? s->settled.v[end].first : first;
        last = s->settled.v[end].last > last ? s->settled.v[end].last : last;
    }
    if (end == at) {
        (void)vec_push(&s->settled);
        memmove(&s->settled.v[at + 1], &s->settled.v[at], (s->settled.n - 1 - at) * sizeof(s->settled.v[0]));
    } else {
        remove_ranges(s, at + 1, end - at - 1);
    }
    s->settled.v[at] = (struct wal_range){ first, last };
}

bool wal_state_is_settled(const struct wal_state *s, uint64_t seq)
{
    size_t at;

    if (seq <= s->floor)
        return true;
    at = range_at(s, seq);
    return at < s->settled.n && s->settled.v[at].first <= seq;
}

uint64_t wal_state_held(const struct wal_state *s)
{
    uint64_t held = s->last > s->floor ? s->last - s->floor : 0;

    for (size_t i = 0; i < s->settled.n; i++)
        held -= s->settled.v[i].last - s->settled.v[i].first + 1;
    return held;
}

uint64_t wal_state_held_in(const struct wal_state *s, uint64_t first, uint64_t last)
{
    uint64_t held;

    first = first <= s->floor ? s->floor + 1 : first;
    last = last > s->last ? s->last : last;
    if (first > last)
        return 0;
    held = last - first + 1;
    for (size_t i = 0; i < s->settled.n; i++) {
        uint64_t from = s->settled.v[i].first < first ? first : s->settled.v[i].first;
        uint64_t to = s->settled.v[i].last > last ? last : s->settled.v[i].last;

        held -= from <= to ? to - from + 1 : 0;
    }
    return held;
}

/* ---- pieces ---- */

/* The first piece of `seq`, or of a later record. */
static size_t pieces_from(const struct wal_state *s, uint64_t seq)
{
    return s->pieces.n > 0 ? count_below(&s->pieces.v->seq, s->pieces.n, sizeof(*s->pieces.v), seq) : 0;
}

static size_t pieces_behind(const struct wal_state *s, uint64_t seq)
{
    return seq == UINT64_MAX ? s->pieces.n : pieces_from(s, seq + 1);
}

static void remove_pieces(struct wal_state *s, size_t from, size_t to)
{
    if (to > from)
        memmove(&s->pieces.v[from], &s->pieces.v[to], (s->pieces.n - to) * sizeof(s->pieces.v[0]));
    s->pieces.n -= to - from;
}

static void forget_pieces(struct wal_state *s, uint64_t first, uint64_t last)
{
    if (s->pieces.n > 0 && first <= last)
        remove_pieces(s, pieces_from(s, first), pieces_behind(s, last));
}

void wal_state_settle_piece(struct wal_state *s, const struct wal_piece *piece)
{
    size_t at = pieces_from(s, piece->seq), end, stop = pieces_behind(s, piece->seq);
    struct wal_piece joined = *piece;

    while (at < stop && s->pieces.v[at].last + 1 < joined.first)
        at++;
    for (end = at; end < stop && s->pieces.v[end].first <= joined.last + 1; end++) {
        joined.first = s->pieces.v[end].first < joined.first ? s->pieces.v[end].first : joined.first;
        joined.last = s->pieces.v[end].last > joined.last ? s->pieces.v[end].last : joined.last;
    }
    if (end == at) {
        (void)vec_push(&s->pieces);
        memmove(&s->pieces.v[at + 1], &s->pieces.v[at], (s->pieces.n - 1 - at) * sizeof(s->pieces.v[0]));
    } else {
        remove_pieces(s, at + 1, end);
    }
    s->pieces.v[at] = joined;
}

const struct wal_piece *wal_state_pieces(const struct wal_state *s, uint64_t seq, size_t *n)
{
    size_t from = pieces_from(s, seq);

    *n = pieces_behind(s, seq) - from;
    return *n > 0 ? &s->pieces.v[from] : NULL;
}

uint64_t wal_state_piece_items(const struct wal_state *s, uint64_t first, uint64_t last)
{
    uint64_t n = 0;

    for (size_t i = pieces_from(s, first); i < s->pieces.n && s->pieces.v[i].seq <= last; i++)
        n += s->pieces.v[i].last - s->pieces.v[i].first + 1;
    return n;
}

/* ---- sums ---- */

void wal_totals_drop(struct wal_totals *t, const char *reason, uint64_t items)
{
    uint32_t i = 0;

    if (items == 0)
        return;
    while (i < t->n_dropped && strncmp(t->dropped[i].reason, reason, sizeof(t->dropped[i].reason) - 1) != 0)
        i++;
    if (i == WAL_REASONS) {
        i = WAL_REASONS - 1; /* others */
    } else if (i == t->n_dropped) {
        snprintf(t->dropped[i].reason, sizeof(t->dropped[i].reason), "%s", i == WAL_REASONS - 1 ? "other" : reason);
        t->dropped[i].items = 0;
        t->n_dropped++;
    }
    t->dropped[i].items += items;
}

uint64_t wal_totals_held(const struct wal_totals *t)
{
    uint64_t gone = t->delivered;

    for (uint32_t i = 0; i < t->n_dropped; i++)
        gone += t->dropped[i].items;
    return t->appended > gone ? t->appended - gone : 0;
}
