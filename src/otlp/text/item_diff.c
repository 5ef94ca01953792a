/* SPDX-License-Identifier: Apache-2.0 */
/* Both sides are sorted and what is on both goes. Of what is left each of `before` is paired with the one of `after`
 * with which it has most lines in common, and the pair is shown line by line: the longest common subsequence stays, the
 * rest is marked. What has no more than half of its lines in common with any other is shown whole. Where there are very
 * many, or very long ones, no pairs are looked for. */
#include "otlp/text/item_text.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define MOST_LINES 400u /* of an item that is compared line by line */
#define MOST_PAIRED 60u

typedef VEC(const char *) texts;

struct lines {
    struct bytes v[MOST_LINES];
    size_t n;
    bool cut;
};

static int by_text(const void *pa, const void *pb)
{
    return strcmp(*(const char *const *)pa, *(const char *const *)pb);
}

static texts sorted_copy(const struct item_texts *t)
{
    texts copy = { 0 };

    for (size_t i = 0; i < t->v.n; i++)
        *vec_push(&copy) = t->v.v[i];
    if (copy.n > 0)
        qsort(copy.v, copy.n, sizeof(*copy.v), by_text);
    return copy;
}

/* What is on both sides, as often as it is on both, leaves them. */
static void remove_common(texts *a, texts *b)
{
    size_t i = 0, k = 0, na = 0, nb = 0;

    while (i < a->n || k < b->n) {
        int order = i == a->n ? 1 : k == b->n ? -1 : strcmp(a->v[i], b->v[k]);

        if (order < 0)
            a->v[na++] = a->v[i];
        else if (order > 0)
            b->v[nb++] = b->v[k];
        i += order <= 0;
        k += order >= 0;
    }
    a->n = na;
    b->n = nb;
}

static void split_lines(const char *text, struct lines *l)
{
    l->n = 0;
    while (*text != '\0' && l->n < MOST_LINES) {
        const char *end = strchr(text, '\n');
        size_t len = end != NULL ? (size_t)(end - text) : strlen(text);

        l->v[l->n++] = bytes_of(text, len);
        text += len + (end != NULL);
    }
    l->cut = *text != '\0';
}

/* table[i][k]: lines in common of what begins at i and at k. */
typedef uint16_t lengths[MOST_LINES + 1][MOST_LINES + 1];

static size_t fill_lengths(const struct lines *a, const struct lines *b, lengths table)
{
    for (size_t i = a->n + 1; i-- > 0;)
        for (size_t k = b->n + 1; k-- > 0;) {
            uint16_t skip;

            if (i == a->n || k == b->n) {
                table[i][k] = 0;
            } else if (bytes_equal(a->v[i], b->v[k])) {
                table[i][k] = (uint16_t)(table[i + 1][k + 1] + 1);
            } else {
                skip = table[i + 1][k] > table[i][k + 1] ? table[i + 1][k] : table[i][k + 1];
                table[i][k] = skip;
            }
        }
    return table[0][0];
}

static void put_line(struct buf *out, char mark, struct bytes line)
{
    buf_putc(out, mark);
    buf_putc(out, ' ');
    log_put_visible(out, line);
    buf_putc(out, '\n');
}

static void put_pair(struct buf *out, const struct lines *a, const struct lines *b, lengths table)
{
    size_t i = 0, k = 0;

    while (i < a->n || k < b->n)
        if (i < a->n && k < b->n && bytes_equal(a->v[i], b->v[k])) {
            put_line(out, ' ', a->v[i++]);
            k++;
        } else if (k == b->n || (i < a->n && table[i + 1][k] >= table[i][k + 1])) {
            put_line(out, '-', a->v[i++]);
        } else {
            put_line(out, '+', b->v[k++]);
        }
}

struct work {
    struct lines a, b;
    lengths table;
};

/* The one of `left` that is most like it; NULL: none is. */
static const char **find_alike(struct work *w, const char *text, texts *left)
{
    const char **best = NULL;
    size_t most = 0;

    split_lines(text, &w->a);
    for (size_t k = 0; k < left->n && left->n <= MOST_PAIRED && !w->a.cut; k++) {
        size_t common;

        if (left->v[k] == NULL)
            continue;
        split_lines(left->v[k], &w->b);
        if (w->b.cut)
            continue;
        common = fill_lengths(&w->a, &w->b, w->table);
        if (common > most && common * 2 >= w->a.n) {
            most = common;
            best = &left->v[k];
        }
    }
    return best;
}

static void show_missing(struct work *w, const char *text, texts *left, struct buf *out)
{
    const char **alike = find_alike(w, text, left);

    if (alike == NULL) {
        item_text_print(text, "- ", out);
        return;
    }
    split_lines(*alike, &w->b);
    fill_lengths(&w->a, &w->b, w->table);
    put_pair(out, &w->a, &w->b, w->table);
    *alike = NULL;
}

size_t item_texts_diff(const struct item_texts *before, const struct item_texts *after, size_t most, struct buf *out)
{
    texts a = sorted_copy(before), b = sorted_copy(after);
    struct work *w = mem_zalloc(sizeof(*w));
    size_t shown = 0, total;

    remove_common(&a, &b);
    total = a.n > b.n ? a.n : b.n;
    for (size_t i = 0; i < a.n && shown < most; i++, shown++) {
        if (shown > 0)
            buf_puts(out, "\n");
        show_missing(w, a.v[i], &b, out);
    }
    for (size_t k = 0; k < b.n && shown < most; k++) {
        if (b.v[k] == NULL)
            continue;
        if (shown++ > 0)
            buf_puts(out, "\n");
        item_text_print(b.v[k], "+ ", out);
    }
    if (total > shown)
        buf_printf(out, "... and %zu more\n", total - shown);
    free(w);
    vec_free(&a);
    vec_free(&b);
    return total;
}
