/* SPDX-License-Identifier: Apache-2.0 */
/* A pattern is gone through once: of what stands one behind the other in it the best is kept, the texts whose shortest
 * is longest; of alternatives all texts together. What may be missing counts for nothing, and so does what is not
 * understood: to know less is never wrong. */
#include "codec/regex_needs.h"

#include <string.h>

#define MAX_DEPTH 30u

struct reading {
    const uint8_t *p, *end;
    bool fold;
    bool lost; /* something was not read, so nothing is known */
    unsigned depth;
};

/* Texts of a part of the pattern. */
struct texts {
    struct buf text;
    uint32_t ends[REGEX_MAX_NEEDS];
    uint32_t n;
    size_t shortest;
};

static void forget_texts(struct texts *t)
{
    t->text.len = 0;
    t->n = 0;
    t->shortest = 0;
}

static void add_text(struct texts *t, struct bytes s)
{
    buf_put(&t->text, s);
    t->ends[t->n++] = (uint32_t)t->text.len;
    t->shortest = t->n == 1 || s.len < t->shortest ? s.len : t->shortest;
}

/* *best is the better of both. */
static void keep_better(struct texts *best, struct texts *other)
{
    struct texts swap = *best;

    if (other->n == 0 || other->shortest < REGEX_LEAST_NEED)
        return;
    if (best->n > 0 && (best->shortest > other->shortest || (best->shortest == other->shortest && best->n <= other->n)))
        return;
    *best = *other;
    *other = swap;
}

/* The run of plain characters is over. */
static void end_run(struct texts *best, struct buf *run)
{
    struct texts one = { 0 };

    if (run->len >= REGEX_LEAST_NEED) {
        add_text(&one, buf_bytes(run));
        keep_better(best, &one);
        buf_free(&one.text);
    }
    run->len = 0;
}

/* ---- parts of a pattern ---- */

enum often { ONCE, REPEATED, PERHAPS };

static enum often take_quantifier(struct reading *r)
{
    enum often often = ONCE;

    if (r->p == r->end)
        return ONCE;
    if (*r->p == '?' || *r->p == '*') {
        often = PERHAPS;
        r->p++;
    } else if (*r->p == '+') {
        often = REPEATED;
        r->p++;
    } else if (*r->p == '{' && r->end - r->p > 1 && r->p[1] >= '0' && r->p[1] <= '9') {
        const uint8_t *close = memchr(r->p, '}', (size_t)(r->end - r->p));

        often = r->p[1] == '0' ? PERHAPS : REPEATED;
        r->p = close != NULL ? close + 1 : r->end;
    }
    if (often != ONCE && r->p < r->end && *r->p == '?')
        r->p++; /* as few as can be */
    return often;
}

static void skip_class(struct reading *r)
{
    r->p++;
    if (r->p < r->end && *r->p == '^')
        r->p++;
    if (r->p < r->end && *r->p == ']')
        r->p++;
    while (r->p < r->end && *r->p != ']') {
        if (r->end - r->p > 1 && r->p[0] == '[' && r->p[1] == ':') {
            const uint8_t *close = memmem(r->p + 2, (size_t)(r->end - r->p) - 2, ":]", 2);

            r->p = close != NULL ? close + 2 : r->end;
            continue;
        }
        r->p += *r->p == '\\' && r->end - r->p > 1 ? 2 : 1;
    }
    if (r->p < r->end)
        r->p++;
}

/* A plain character, or 0: something else, passed over. */
static uint8_t take_escape(struct reading *r)
{
    uint8_t c;

    r->p++;
    if (r->p == r->end)
        return 0;
    c = *r->p++;
    if (c < 0x80 && ((c | 0x20) < 'a' || (c | 0x20) > 'z') && (c < '0' || c > '9'))
        return c;
    if (c == 'p' || c == 'P' || c == 'x' || c == 'Q' || (c >= '0' && c <= '9'))
        r->lost = true; /* rarely written */
    return 0;
}

/* Behind the ( and what says of which sort it is. False: it is no group that holds something, but flags. */
static bool open_group(struct reading *r)
{
    r->p++;
    if (r->end - r->p < 2 || r->p[0] != '?')
        return true;
    r->p++;
    if (*r->p == 'P' || *r->p == '<') {
        const uint8_t *close = memchr(r->p, '>', (size_t)(r->end - r->p));

        r->p = close != NULL ? close + 1 : r->end;
        return true;
    }
    for (; r->p < r->end && *r->p != ':' && *r->p != ')'; r->p++)
        r->fold = r->fold || *r->p == 'i';
    if (r->p == r->end)
        return false;
    return *r->p++ == ':';
}

static void read_alternatives(struct reading *r, struct texts *all);

static void read_group(struct reading *r, struct texts *best)
{
    struct texts inner = { 0 };
    bool fold = r->fold, group = open_group(r);

    if (!group) {
        r->lost = r->lost || (r->p < r->end && strchr("?*+{", *r->p) != NULL); /* that is of what is in front */
        return;
    }
    read_alternatives(r, &inner);
    r->fold = fold;
    if (r->p < r->end)
        r->p++;
    if (take_quantifier(r) != PERHAPS)
        keep_better(best, &inner);
    buf_free(&inner.text);
}

/* A letter that has relatives beyond ASCII where case does not count is none. */
static bool is_plain(const struct reading *r, uint8_t c)
{
    uint8_t lower = (uint8_t)(c | 0x20);

    return c != 0 && c < 0x80 && !(r->fold && (lower == 'k' || lower == 's'));
}

/* A plain character, or 0: something that is none, passed over. */
static uint8_t take_one(struct reading *r)
{
    switch (*r->p) {
    case '[':
        skip_class(r);
        return 0;
    case '\\':
        return take_escape(r);
    case '.':
    case '^':
    case '$':
        r->p++;
        return 0;
    default:
        return *r->p++;
    }
}

static void take_character(struct reading *r, struct texts *best, struct buf *run)
{
    uint8_t c = take_one(r);
    enum often often = take_quantifier(r);
    bool plain = is_plain(r, c);

    if (plain && often != PERHAPS)
        buf_putc(run, (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c));
    if (!plain || often != ONCE)
        end_run(best, run);
}

/* Up to a | or the end of the group. */
static void read_branch(struct reading *r, struct texts *best)
{
    struct buf run = { 0 };

    while (r->p < r->end && *r->p != '|' && *r->p != ')') {
        if (*r->p == '(') {
            end_run(best, &run);
            read_group(r, best);
        } else {
            take_character(r, best, &run);
        }
    }
    end_run(best, &run);
    buf_free(&run);
}

static void read_alternatives(struct reading *r, struct texts *all)
{
    bool known = true;

    if (++r->depth > MAX_DEPTH) {
        r->lost = true;
        r->p = r->end;
    }
    for (;;) {
        struct texts one = { 0 };

        read_branch(r, &one);
        known = known && one.n > 0 && all->n + one.n <= REGEX_MAX_NEEDS;
        for (uint32_t i = 0, from = 0; known && i < one.n; from = one.ends[i++])
            add_text(all, bytes_of(one.text.data + from, one.ends[i] - from));
        buf_free(&one.text);
        if (r->p == r->end || *r->p != '|')
            break;
        r->p++;
    }
    if (!known)
        forget_texts(all);
    r->depth--;
}

/* ---- the whole ---- */

void regex_needs_read(struct regex_needs *needs, struct bytes pattern, bool fold)
{
    struct reading r = { .p = pattern.data, .end = bytes_end(pattern), .fold = fold };
    struct texts all = { 0 };

    *needs = (struct regex_needs){ 0 };
    read_alternatives(&r, &all);
    if (!r.lost && r.p == r.end && all.n > 0) {
        needs->text = all.text;
        needs->n = all.n;
        memcpy(needs->ends, all.ends, all.n * sizeof(all.ends[0]));
        all.text = (struct buf){ 0 };
    }
    buf_free(&all.text);
}

void regex_needs_free(struct regex_needs *needs)
{
    buf_free(&needs->text);
    needs->n = 0;
}

bool regex_needs_met(const struct regex_needs *needs, struct bytes lower)
{
    for (uint32_t i = 0; i < needs->n; i++) {
        struct bytes need = regex_need(needs, i);

        if (lower.len >= need.len && memmem(lower.data, lower.len, need.data, need.len) != NULL)
            return true;
    }
    return needs->n == 0;
}
