/* SPDX-License-Identifier: Apache-2.0 */
/* key=value text to maps and back.
 *
 * Reading cuts at each pair delimiter that is not in quotes, then each part at its first delimiter. Writing puts quotes
 * around what would be cut. */
#include "base/ascii.h"
#include "ottl/function/letters.h"
#include "ottl/function/make.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"

static bool prepare_pairs(struct ottl_prepare *p)
{
    struct bytes delimiter = ottl_known(p, 1) ? p->args[1].bytes : bytes_str("=");
    struct bytes pair = ottl_known(p, 2) ? p->args[2].bytes : bytes_str(" ");

    if (delimiter.len == 0)
        return ottl_refuse(p, 1, "delimiter cannot be set to an empty string");
    if (pair.len == 0)
        return ottl_refuse(p, 2, "pair delimiter cannot be set to an empty string");
    if (bytes_equal(delimiter, pair))
        return ottl_refuse(p, 2, "pair delimiter cannot be equal to delimiter");
    return true;
}

static bool begins_with(struct bytes s, struct bytes with)
{
    return s.len >= with.len && memcmp(s.data, with.data, with.len) == 0;
}

/* The part up to the next delimiter outside of quotes; *rest: what is behind it. False: a quote has no end. */
static bool take_part(struct bytes *rest, struct bytes delimiter, struct bytes *part)
{
    uint8_t quote = 0;

    for (size_t i = 0; i < rest->len; i++) {
        uint8_t c = rest->data[i];
        bool escaped = i > 0 && rest->data[i - 1] == '\\';

        if (quote == 0 && begins_with(bytes_skip(*rest, i), delimiter)) {
            *part = bytes_of(rest->data, i);
            *rest = bytes_skip(*rest, i + delimiter.len);
            return true;
        }
        if (quote == 0 && (c == '"' || c == '\'') && !escaped)
            quote = c;
        else if (c == quote && !escaped)
            quote = 0;
    }
    *part = *rest;
    *rest = bytes_of("", 0);
    return quote == 0;
}

static struct bytes strip_quotes(struct bytes s)
{
    if (s.len >= 2 && (s.data[0] == '"' || s.data[0] == '\'') && s.data[s.len - 1] == s.data[0])
        return bytes_of(s.data + 1, s.len - 2);
    return s;
}

static bool put_part(struct ottl_call *c, struct bytes part, struct bytes delimiter, struct buf *out)
{
    const uint8_t *found = part.len > 0 ? memmem(part.data, part.len, delimiter.data, delimiter.len) : NULL;
    struct bytes key;

    if (found == NULL)
        return ottl_fail(c, "\"%.*s\" has no delimiter in it", (int)(part.len < 80 ? part.len : 80),
                         (const char *)part.data);
    key = bytes_of(part.data, (size_t)(found - part.data));
    ottl_put_text_pair(out, strip_quotes(ascii_trim(key)),
                       strip_quotes(ascii_trim(bytes_skip(part, key.len + delimiter.len))));
    return true;
}

static bool call_parse(struct ottl_call *c, struct ottl_value *result)
{
    struct bytes rest = c->args[0].bytes, delimiter = ottl_text_or(c, 1, "="), pair = ottl_text_or(c, 2, " "), part;
    struct buf out = { 0 };
    bool good = true;

    if (rest.len == 0)
        return ottl_fail(c, "cannot parse from empty target");
    if (!ottl_spend(c, rest.len / 8 * (1 + pair.len / 16)))
        return false;
    while (good && rest.len > 0) {
        good = take_part(&rest, pair, &part) || ottl_fail(c, "never reached the end of a quoted value");
        if (good && ascii_trim(part).len > 0)
            good = put_part(c, ascii_trim(part), delimiter, &out);
    }
    if (!good) {
        buf_free(&out);
        return false;
    }
    attributes_keep_last(&out);
    return ottl_give(c, &out, OTTL_MAP, result);
}

/* ---- writing ---- */

struct text_pair {
    struct bytes key, value;
};

static int compare_keys(const void *a, const void *b)
{
    const struct text_pair *x = a, *y = b;

    return bytes_compare(x->key, y->key);
}

static bool contains_bytes(struct bytes s, struct bytes what)
{
    return s.len > 0 && memmem(s.data, s.len, what.data, what.len) != NULL;
}

/* Quotes get a backslash, and what has a delimiter in it stands in quotes. */
static void put_quoted(struct bytes s, struct bytes delimiter, struct bytes pair, struct buf *out)
{
    bool quoted = contains_bytes(s, delimiter) || contains_bytes(s, pair);

    if (quoted)
        buf_putc(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] == '"')
            buf_putc(out, '\\');
        buf_putc(out, (char)s.data[i]);
    }
    if (quoted)
        buf_putc(out, '"');
}

static bool call_write(struct ottl_call *c, struct ottl_value *result)
{
    struct bytes delimiter = ottl_text_or(c, 1, "="), between = ottl_text_or(c, 2, " ");
    struct pb_reader r = pb_reader(c->args[0].bytes);
    VEC(struct text_pair) pairs = { 0 };
    struct text_pair one;
    struct ottl_value v;
    struct buf out = { 0 };
    bool good;

    if (!ottl_spend(c, c->args[0].bytes.len / 8))
        return false;
    while (ottl_next_pair(&r, &one.key, &v)) {
        one.value = bytes_of("", 0);
        ottl_value_text(c->arena, &v, &one.value);
        *vec_push(&pairs) = one;
    }
    if (ottl_bool_or(c, 3, false) && pairs.n > 1)
        qsort(pairs.v, pairs.n, sizeof(*pairs.v), compare_keys);
    good = ottl_spend(c, pairs.n * (1 + (delimiter.len + between.len) / 64));
    for (size_t i = 0; good && i < pairs.n; i++) {
        if (i > 0)
            buf_put(&out, between);
        put_quoted(pairs.v[i].key, delimiter, between, &out);
        buf_put(&out, delimiter);
        put_quoted(pairs.v[i].value, delimiter, between, &out);
    }
    vec_free(&pairs);
    return good && ottl_give(c, &out, OTTL_STRING, result);
}

const struct ottl_function ottl_functions_pairs[] = {
    CONVERTER("ParseKeyValue", call_parse, "a map of strings",
              TAKES(ARGUMENT("target", STRING), OPTION("delimiter", STRING), OPTION("pair_delimiter", STRING)),
              "The map that the string is: k1=v1 k2=\"v 2\". The delimiters are = and a blank where none are given.",
              .prepare = prepare_pairs),
    CONVERTER("ToKeyValueString", call_write, "a string",
              TAKES(ARGUMENT("target", MAP), OPTION("delimiter", STRING), OPTION("pair_delimiter", STRING),
                    OPTION("sort_output", BOOL)),
              "The map as k1=v1 k2=v2, in the order of its keys with sort_output.", .prepare = prepare_pairs),
    { 0 },
};
