/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the braces, read label by label: `name="value"` with a comma between. A quoted string that no `=` follows is
 * the name of the metric, which is then not in front of the braces. Text 0.0.4 as Prometheus reads it allows blanks
 * everywhere and commas nowhere needed; OpenMetrics allows neither.
 *
 * What can go wrong is said in a sentence; where, the page knows. */
#include "prom/intake/page_labels.h"

#include "codec/utf8.h"
#include "prom/intake/page.h"

#include <stdlib.h>
#include <string.h>

#define METRIC_NAME BYTES_LIT("__name__")
#define LABELS_OF_ONE 1024u /* of one series */

const uint8_t *page_skip_name(const uint8_t *p, const uint8_t *end, bool colons)
{
    for (const uint8_t *from = p; p < end; p++) {
        uint8_t low = *p | 0x20;

        if (!(low >= 'a' && low <= 'z') && *p != '_' && !(colons && *p == ':') && (p == from || *p < '0' || *p > '9'))
            break;
    }
    return p;
}

const uint8_t *page_skip_quoted(const uint8_t *p, const uint8_t *end, bool strict)
{
    for (p++; p < end; p++) {
        if (*p == '"')
            return p + 1;
        if (*p == '\n' && strict)
            return NULL;
        if (*p != '\\')
            continue;
        if (++p == end || *p == '\n')
            return NULL;
    }
    return NULL;
}

struct bytes page_unescape(struct bytes text, bool quotes, struct buf *out)
{
    const uint8_t *p = text.data, *end = bytes_end(text);

    if (text.len == 0 || memchr(text.data, '\\', text.len) == NULL)
        return text;
    out->len = 0;
    for (; p < end; p++) {
        if (*p == '\\' && p + 1 < end && (p[1] == '\\' || p[1] == 'n' || (quotes && p[1] == '"')))
            buf_putc(out, *++p == 'n' ? '\n' : (char)*p);
        else
            buf_putc(out, (char)*p);
    }
    return buf_bytes(out);
}

struct braces {
    const uint8_t *p, *end;
    bool strict, exemplar;
    struct bytes name;        /* of the metric */
    struct label_set *labels; /* NULL: only check */
    struct buf *empty;
    struct buf unescaped[2];
};

/* ---- in order ---- */

void page_add_label(struct label_set *labels, struct bytes name, struct bytes value, bool copied)
{
    uint8_t *copy = copied ? arena_alloc_bytes(&labels->memory, name.len + value.len) : NULL;

    if (copied) {
        if (name.len > 0)
            memcpy(copy, name.data, name.len);
        memcpy(copy + name.len, value.data, value.len);
        name.data = copy;
        value.data = copy + name.len;
    }
    *vec_push(&labels->list) = (struct label_pair){ name, value };
}

static int by_name(const void *a, const void *b)
{
    return bytes_compare(((const struct label_pair *)a)->name, ((const struct label_pair *)b)->name);
}

const char *page_sort_labels(struct label_set *labels)
{
    const struct label_pair *v = labels->list.v;

    if (labels->list.n > LABELS_OF_ONE)
        return "a series has more than 1024 labels";
    if (labels->list.n > 1)
        qsort(labels->list.v, labels->list.n, sizeof(*v), by_name);
    for (size_t i = 1; i < labels->list.n; i++)
        if (bytes_equal(v[i].name, v[i - 1].name))
            return "a label stands there twice";
    return NULL;
}

/* ---- in braces ---- */

static void skip_blanks(struct braces *b)
{
    while (!b->strict && b->p < b->end && (*b->p == ' ' || *b->p == '\t'))
        b->p++;
}

static bool take_char(struct braces *b, char c)
{
    skip_blanks(b);
    if (b->p == b->end || *b->p != (uint8_t)c)
        return false;
    b->p++;
    skip_blanks(b);
    return true;
}

/* A string in quotes, without them and its escapes. */
static bool take_quoted(struct braces *b, struct buf *unescaped, struct bytes *s)
{
    const uint8_t *from = b->p, *end = b->p < b->end && *b->p == '"' ? page_skip_quoted(b->p, b->end, b->strict) : NULL;

    if (end == NULL)
        return false;
    b->p = end;
    *s = page_unescape(bytes_of(from + 1, (size_t)(end - from) - 2), true, unescaped);
    return true;
}

static const char *put_label(struct braces *b, struct bytes name, struct bytes value)
{
    if (!utf8_valid(name) || !utf8_valid(value))
        return "a label is not valid UTF-8";
    if (b->labels == NULL)
        return NULL;
    if (value.len > 0) {
        page_add_label(b->labels, name, value, true);
    } else if (b->empty != NULL) {
        buf_put(b->empty, name);
        buf_putc(b->empty, '\0');
    }
    return NULL;
}

static const char *put_metric_name(struct braces *b, struct bytes name)
{
    if (b->exemplar)
        return "a label has no `=`";
    if (b->name.data != NULL)
        return "the name of the metric stands there twice";
    b->name = name.len > 0 ? name : bytes_str("");
    return put_label(b, (struct bytes)METRIC_NAME, name);
}

/* One label; *ended: the braces are closed behind it. */
static const char *take_label(struct braces *b, bool *ended)
{
    bool quoted = *b->p == '"';
    struct bytes name, value;
    const uint8_t *from = b->p;

    if (quoted && !take_quoted(b, &b->unescaped[0], &name))
        return "quotes do not end";
    if (!quoted) {
        b->p = page_skip_name(b->p, b->end, false);
        name = bytes_of(from, (size_t)(b->p - from));
    }
    if (name.len == 0 && !quoted)
        return "a label's name is missing";
    skip_blanks(b);
    if (quoted && b->p < b->end && (*b->p == ',' || *b->p == '}')) {
        const char *fault = put_metric_name(b, name);

        *ended = !take_char(b, ',') && take_char(b, '}');
        return fault;
    }
    if (!take_char(b, '='))
        return "a label has no `=`";
    if (!take_quoted(b, &b->unescaped[1], &value))
        return "the value of a label is not in quotes";
    if (!take_char(b, ',')) {
        *ended = take_char(b, '}');
        if (!*ended && b->strict)
            return "a comma or a brace is missing behind a label";
    }
    return put_label(b, name, value);
}

/* From behind the opening brace to behind the closing one. */
static const char *take_braces(struct braces *b)
{
    bool ended = false;
    const char *fault = NULL;

    skip_blanks(b);
    while (fault == NULL && !ended) {
        if (b->p == b->end)
            return "the braces do not end";
        if (*b->p == '}') {
            b->p++;
            return NULL;
        }
        fault = take_label(b, &ended);
    }
    return fault;
}

static void free_braces(struct braces *b)
{
    buf_free(&b->unescaped[0]);
    buf_free(&b->unescaped[1]);
}

const char *page_read_series(struct bytes series, bool openmetrics, struct label_set *labels, struct buf *empty)
{
    struct braces b = {
        .p = series.data, .end = bytes_end(series), .strict = openmetrics, .labels = labels, .empty = empty
    };
    const uint8_t *name_end = page_skip_name(b.p, b.end, true);
    const char *fault = NULL;

    label_set_reset(labels);
    empty->len = 0;
    if (name_end > b.p) {
        b.name = bytes_of(b.p, (size_t)(name_end - b.p));
        page_add_label(labels, (struct bytes)METRIC_NAME, b.name, true);
    }
    b.p = name_end;
    skip_blanks(&b);
    if (b.p < b.end) {
        b.p++;
        fault = take_braces(&b);
    }
    if (fault == NULL && b.name.data == NULL)
        fault = "the name of the metric is missing";
    if (fault == NULL)
        fault = page_sort_labels(labels);
    free_braces(&b);
    return fault;
}

const char *page_check_exemplar(const uint8_t **p, const uint8_t *end)
{
    struct braces b = { .p = *p, .end = end, .strict = true, .exemplar = true };
    const char *fault = take_braces(&b);

    *p = b.p;
    free_braces(&b);
    return fault;
}

void page_read_exemplar(struct bytes text, struct label_set *labels)
{
    struct braces b = {
        .p = text.data, .end = bytes_end(text) + 1, .strict = true, .exemplar = true, .labels = labels
    };

    label_set_reset(labels);
    take_braces(&b);
    if (page_sort_labels(labels) != NULL)
        label_set_reset(labels);
    free_braces(&b);
}
