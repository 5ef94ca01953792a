/* SPDX-License-Identifier: Apache-2.0 */
/* labels_put() and labels_next() write and read the rendered form; all else is built on them. labels_for_peer() returns
 * what it was given unless a name has to be escaped for the peer: then the labels are sorted anew, for escaping changes
 * their order, and where two names become one their values are joined by `;`. */
#include "prom/model/labels.h"

#include "base/vec.h"

#include <stdlib.h>

void labels_put_escaped(struct buf *b, struct bytes s)
{
    uint8_t *p = buf_reserve(b, s.len * 2);

    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.data[i];

        if (c == '\\' || c == '"' || c == '\n')
            *p++ = '\\';
        *p++ = c == '\n' ? 'n' : c;
    }
    b->len = (size_t)(p - b->data);
}

void labels_put_unescaped(struct buf *b, struct bytes s)
{
    uint8_t *p = buf_reserve(b, s.len);

    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] == '\\' && i + 1 < s.len) {
            i++;
            *p++ = s.data[i] == 'n' ? '\n' : s.data[i];
        } else {
            *p++ = s.data[i];
        }
    }
    b->len = (size_t)(p - b->data);
}

/* Name as it is, value escaped already. */
static void put_pair(struct buf *b, struct bytes name, struct bytes value)
{
    if (b->len > 0)
        buf_putc(b, ',');
    if (name_is_legacy_label(name)) {
        buf_put(b, name);
    } else {
        buf_putc(b, '"');
        labels_put_escaped(b, name);
        buf_putc(b, '"');
    }
    buf_puts(b, "=\"");
    buf_put(b, value);
}

void labels_put(struct buf *b, struct bytes name, struct bytes value)
{
    put_pair(b, name, bytes_of(NULL, 0));
    labels_put_escaped(b, value);
    buf_putc(b, '"');
}

/* Where the string that begins at p ends: the closing quote, or NULL. */
static const uint8_t *closing_quote(const uint8_t *p, const uint8_t *end)
{
    for (;;) {
        const uint8_t *q = memchr(p, '"', (size_t)(end - p)), *b;

        if (q == NULL)
            return NULL;
        /* Escaped when an odd number of backslashes stands before it. */
        for (b = q; b > p && b[-1] == '\\'; b--)
            ;
        if ((q - b) % 2 == 0)
            return q;
        p = q + 1;
    }
}

bool labels_next(struct bytes *rest, struct label *l)
{
    const uint8_t *p = rest->data, *end, *q;

    if (rest->len == 0)
        return false;
    end = p + rest->len;
    if (*p == ',')
        p++;
    if (p < end && *p == '"') {
        q = closing_quote(p + 1, end);
        if (q == NULL)
            return false;
        l->name = bytes_of(p + 1, (size_t)(q - p) - 1);
        p = q + 1;
    } else {
        q = memchr(p, '=', (size_t)(end - p));
        if (q == NULL)
            return false;
        l->name = bytes_of(p, (size_t)(q - p));
        p = q;
    }
    if (end - p < 2 || p[0] != '=' || p[1] != '"' || (q = closing_quote(p + 2, end)) == NULL)
        return false;
    l->value = bytes_of(p + 2, (size_t)(q - p) - 2);
    *rest = bytes_of(q + 1, (size_t)(end - q) - 1);
    return true;
}

bool labels_are_legacy(struct bytes rendered)
{
    const uint8_t *start = rendered.data, *p = start, *end, *comma;

    if (rendered.len == 0)
        return true;
    end = p + rendered.len;
    if (*p == '"')
        return false;
    /* A name that is quoted stands behind a comma. So may the end of a value: look again, closely. */
    for (; (comma = memchr(p, ',', (size_t)(end - p))) != NULL; p = comma + 1)
        if (comma + 1 < end && comma[1] == '"')
            break;
    if (comma == NULL)
        return true;
    for (struct label l; labels_next(&rendered, &l);)
        if (l.name.data > start && l.name.data[-1] == '"')
            return false;
    return true;
}

struct escaped {
    struct buf name;
    struct bytes value;
    size_t order;
};

static int by_name(const void *a, const void *b)
{
    const struct escaped *x = a, *y = b;
    int c = bytes_compare(buf_bytes(&x->name), buf_bytes(&y->name));

    return c != 0 ? c : x->order < y->order ? -1 : 1;
}

static void put_sorted(struct buf *b, const struct escaped *e, const struct escaped *before)
{
    if (before != NULL && bytes_equal(buf_bytes(&e->name), buf_bytes(&before->name))) {
        b->data[b->len - 1] = ';'; /* in place of the quote */
        buf_put(b, e->value);
    } else {
        put_pair(b, buf_bytes(&e->name), e->value);
    }
    buf_putc(b, '"');
}

struct bytes labels_for_peer(struct buf *copy, enum name_escaping escaping, struct bytes rendered)
{
    VEC(struct escaped) all = { 0 };
    struct buf raw = { 0 };

    if (escaping == NAME_ESCAPE_NONE || labels_are_legacy(rendered))
        return rendered;
    for (struct label l; labels_next(&rendered, &l);) {
        struct escaped *e = vec_push(&all);

        *e = (struct escaped){ .value = l.value, .order = all.n };
        raw.len = 0;
        labels_put_unescaped(&raw, l.name);
        name_escape_label(&e->name, escaping, buf_bytes(&raw));
    }
    if (all.n > 0)
        qsort(all.v, all.n, sizeof(all.v[0]), by_name);
    copy->len = 0;
    for (size_t i = 0; i < all.n; i++)
        put_sorted(copy, &all.v[i], i > 0 ? &all.v[i - 1] : NULL);
    for (size_t i = 0; i < all.n; i++)
        buf_free(&all.v[i].name);
    vec_free(&all);
    buf_free(&raw);
    return buf_bytes(copy);
}

static size_t count_characters(struct bytes s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] == '\\')
            i++;
        n += i >= s.len || (s.data[i] & 0xc0) != 0x80;
    }
    return n;
}

size_t labels_count_characters(struct bytes rendered)
{
    size_t n = 0;

    for (struct label l; labels_next(&rendered, &l);)
        n += count_characters(l.name) + count_characters(l.value);
    return n;
}

bool labels_have(struct bytes labels, struct bytes name)
{
    for (struct label l; labels_next(&labels, &l);)
        if (bytes_equal(l.name, name))
            return true;
    return false;
}

bool labels_share_name(struct bytes a, struct bytes b)
{
    struct label x, y;
    bool more = labels_next(&a, &x) && labels_next(&b, &y);

    while (more) {
        int c = bytes_compare(x.name, y.name);

        if (c == 0)
            return true;
        more = c < 0 ? labels_next(&a, &x) : labels_next(&b, &y);
    }
    return false;
}

/* Where in `list` the first label begins whose name is not below `name`. */
static size_t labels_below(struct bytes list, struct bytes name)
{
    struct bytes rest = list;

    for (struct label l; labels_next(&rest, &l);)
        if (bytes_compare(l.name, name) > 0) {
            const uint8_t *at = l.name.data;

            return (size_t)(at - list.data) - (at > list.data && at[-1] == '"');
        }
    return list.len;
}

static void put_part(struct buf *out, struct bytes part)
{
    if (part.len > 0 && part.data[0] == ',') {
        part.data++;
        part.len--;
    }
    if (part.len > 0 && part.data[part.len - 1] == ',')
        part.len--;
    if (part.len == 0)
        return;
    if (out->len > 0)
        buf_putc(out, ',');
    buf_put(out, part);
}

void labels_merge(struct buf *out, struct bytes a, struct bytes b)
{
    struct bytes rest = b, before = b;

    for (struct label l; a.len > 0 && labels_next(&rest, &l); before = rest) {
        size_t n = labels_below(a, l.name);

        put_part(out, bytes_of(a.data, n));
        a = bytes_of(a.data + n, a.len - n);
        put_part(out, bytes_of(before.data, before.len - rest.len));
    }
    put_part(out, a);
    put_part(out, before);
}
