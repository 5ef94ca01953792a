/* SPDX-License-Identifier: Apache-2.0 */
/* A name is cut into tokens and put together again with underscores, unit and type at the end (the strategies that
 * escape), or kept with suffixes cut off and put on anew (those that keep UTF-8). Escaping for a peer goes character by
 * character.
 *
 * What no name can be made of is refused, with nothing appended: false. */
#include "prom/model/name.h"

#include "base/ascii.h"
#include "base/mem.h"
#include "prom/model/unit.h"

/* What may stand in a name, besides letters and digits. */
enum extra_chars { WITH_COLON = 1, WITH_UNDERSCORE = 2 };

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word(uint8_t c, unsigned extra)
{
    return is_letter(c) || ascii_is_digit(c) || (c == ':' && (extra & WITH_COLON)) ||
           (c == '_' && (extra & WITH_UNDERSCORE));
}

/* The code point at the front of `s`, and its length; U+FFFD and 1 where the bytes are not UTF-8. */
static uint32_t code_point(struct bytes s, size_t *len)
{
    static const uint8_t masks[] = { 0, 0, 0x1f, 0x0f, 0x07 };
    uint8_t c = s.data[0];
    size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    uint32_t v;

    *len = 1;
    if (n == 1)
        return c;
    if (n == 0 || n > s.len)
        return 0xfffd;
    v = c & masks[n];
    for (size_t i = 1; i < n; i++) {
        if ((s.data[i] & 0xc0) != 0x80)
            return 0xfffd;
        v = v << 6 | (s.data[i] & 0x3f);
    }
    if ((n == 3 && (v < 0x800 || (v >= 0xd800 && v < 0xe000))) || (n == 4 && (v < 0x10000 || v > 0x10ffff)))
        return 0xfffd;
    *len = n;
    return v;
}

static bool is_legacy(struct bytes name, unsigned extra)
{
    if (name.len == 0 || ascii_is_digit(name.data[0]))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!is_word(name.data[i], extra))
            return false;
    return true;
}

bool name_is_legacy_metric(struct bytes name)
{
    return is_legacy(name, WITH_COLON | WITH_UNDERSCORE);
}

bool name_is_legacy_label(struct bytes name)
{
    return is_legacy(name, WITH_UNDERSCORE);
}

/* Take the next run of word characters off the front of *rest. */
static bool next_token(struct bytes *rest, unsigned extra, struct bytes *token)
{
    const uint8_t *p = rest->data, *end = p + rest->len;

    while (p < end && !is_word(*p, extra))
        p++;
    token->data = p;
    while (p < end && is_word(*p, extra))
        p++;
    token->len = (size_t)(p - token->data);
    *rest = bytes_of(p, (size_t)(end - p));
    return token->len > 0;
}

static bool has_token(struct bytes name, struct bytes wanted)
{
    struct bytes token;

    while (next_token(&name, WITH_COLON, &token))
        if (bytes_equal(token, wanted))
            return true;
    return false;
}

static void put_token(struct buf *out, size_t start, struct bytes token)
{
    if (out->len > start)
        buf_putc(out, '_');
    buf_put(out, token);
}

/* The word that the type asks for at the end, or nothing. */
static struct bytes type_suffix(enum name_type type, struct bytes unit)
{
    if (type == NAME_COUNTER)
        return bytes_str("total");
    if (type == NAME_GAUGE && bytes_is(unit, "1"))
        return bytes_str("ratio");
    return bytes_of(NULL, 0);
}

/* What has been appended. */
static struct bytes appended_since(const struct buf *out, size_t start)
{
    return out->len > start ? bytes_of(out->data + start, out->len - start) : bytes_of("", 0);
}

static bool take_back(struct buf *out, size_t start)
{
    out->len = start;
    return false;
}

static void protect_digit(struct buf *out, size_t start)
{
    if (out->len == start || !ascii_is_digit(out->data[start]))
        return;
    buf_putc(out, '_');
    memmove(out->data + start + 1, out->data + start, out->len - start - 1);
    out->data[start] = '_';
}

static struct bytes without_last_underscore(struct bytes word)
{
    if (word.len > 0 && word.data[word.len - 1] == '_')
        word.len--;
    return word;
}

static bool underscores_with_suffixes(struct buf *out, struct bytes ns, struct bytes name, struct bytes unit,
                                      enum name_type type)
{
    struct bytes suffix = type_suffix(type, unit), rest = name, token;
    size_t start = out->len;
    struct unit u;

    unit_parse(&u, unit);
    unit_clean(&u);
    if (u.per.len > 0 || type != NAME_GAUGE)
        u.main = without_last_underscore(u.main); /* something follows: `per`, `total`, a histogram's `bucket` */
    if (ns.len > 0)
        buf_put(out, ns);
    while (next_token(&rest, WITH_COLON, &token))
        if (suffix.len == 0 || !bytes_equal(token, suffix))
            put_token(out, start, token);
    if (u.main.len > 0 && !has_token(name, u.main) && !bytes_equal(u.main, suffix))
        put_token(out, start, u.main);
    if (u.per.len > 0)
        put_token(out, start, u.per);
    if (suffix.len > 0)
        put_token(out, start, suffix);
    unit_free(&u);
    protect_digit(out, start);
    return out->len > start;
}

/* Runs of characters that may not stand become one underscore, and vanish at the ends. */
static void put_sanitized(struct buf *out, struct bytes name)
{
    size_t start = out->len;
    struct bytes token;

    while (next_token(&name, WITH_COLON | WITH_UNDERSCORE, &token))
        put_token(out, start, token);
}

static bool only_underscores(struct bytes s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.data[i] != '_')
            return false;
    return true;
}

static bool underscores_without_suffixes(struct buf *out, struct bytes ns, struct bytes name)
{
    size_t start = out->len;
    struct bytes made;

    if (ns.len > 0) {
        put_sanitized(out, ns);
        buf_putc(out, '_');
    }
    put_sanitized(out, name);
    if (ns.len == 0)
        protect_digit(out, start);
    made = appended_since(out, start);
    if (only_underscores(made) && !bytes_equal(made, name))
        return take_back(out, start);
    return true;
}

static bool ends_with(struct bytes s, struct bytes end)
{
    return s.len >= end.len && memcmp(s.data + s.len - end.len, end.data, end.len) == 0;
}

/* Cut `suffix` and the one character before it, which is taken for a delimiter, unless that is all there is. */
static void cut_suffix(struct buf *out, size_t start, struct bytes suffix)
{
    struct bytes s = appended_since(out, start);
    size_t cut = suffix.len + 1;

    if (suffix.len == 0 || s.len <= cut || !ends_with(s, suffix))
        return;
    while (cut < s.len && (s.data[s.len - cut] & 0xc0) == 0x80)
        cut++;
    if (cut < s.len)
        out->len -= cut;
}

static void put_suffix(struct buf *out, struct bytes suffix)
{
    if (suffix.len == 0)
        return;
    buf_putc(out, '_');
    buf_put(out, suffix);
}

static void utf8_suffixes(struct buf *out, size_t start, struct bytes unit, enum name_type type)
{
    struct bytes suffix = type_suffix(type, unit);
    struct unit u;

    unit_parse(&u, unit);
    cut_suffix(out, start, suffix);
    cut_suffix(out, start, u.per);
    if (u.main.len > 0 && !ends_with(appended_since(out, start), u.main))
        put_suffix(out, u.main);
    put_suffix(out, u.per);
    put_suffix(out, suffix);
    unit_free(&u);
}

bool name_metric(struct buf *out, enum name_strategy strategy, struct bytes ns, struct bytes name, struct bytes unit,
                 enum name_type type)
{
    size_t start = out->len;

    if (name.len == 0)
        return false;
    if (strategy == NAME_UNDERSCORES_WITH_SUFFIXES)
        return underscores_with_suffixes(out, ns, name, unit, type);
    if (strategy == NAME_UNDERSCORES_WITHOUT_SUFFIXES)
        return underscores_without_suffixes(out, ns, name);
    if (ns.len > 0) {
        buf_put(out, ns);
        buf_putc(out, '_');
    }
    buf_put(out, name);
    if (strategy == NAME_UTF8_WITH_SUFFIXES)
        utf8_suffixes(out, start, unit, type);
    return true;
}

void name_unit(struct buf *out, enum name_strategy strategy, struct bytes unit)
{
    bool escaped = strategy == NAME_UNDERSCORES_WITH_SUFFIXES || strategy == NAME_UNDERSCORES_WITHOUT_SUFFIXES;
    size_t start = out->len;
    struct unit u;

    unit_parse(&u, unit);
    if (escaped)
        unit_clean(&u);
    if (escaped && u.per.len > 0)
        u.main = without_last_underscore(u.main);
    if (u.main.len > 0)
        put_token(out, start, u.main);
    if (u.per.len > 0)
        put_token(out, start, u.per);
    unit_free(&u);
}

static bool keeps_utf8(enum name_strategy strategy)
{
    return strategy == NAME_UTF8_WITH_SUFFIXES || strategy == NAME_UTF8_WITHOUT_SUFFIXES;
}

static void put_label_characters(struct buf *out, struct bytes name)
{
    size_t len;

    for (struct bytes s = name; s.len > 0; s = bytes_of(s.data + len, s.len - len)) {
        uint32_t c = code_point(s, &len);

        buf_putc(out, c < 0x80 && is_word((uint8_t)c, 0) ? (char)c : '_');
    }
}

bool name_label(struct buf *out, enum name_strategy strategy, struct bytes name)
{
    size_t start = out->len;
    struct bytes made;

    if (keeps_utf8(strategy)) {
        buf_put(out, name);
    } else {
        if (name.len > 0 && ascii_is_digit(name.data[0]))
            buf_puts(out, "key_");
        put_label_characters(out, name);
    }
    made = appended_since(out, start);
    if (only_underscores(made) || (made.len > 1 && made.data[0] == '_' && made.data[1] == '_'))
        return take_back(out, start);
    return true;
}

/* What lies behind `start`, with one underscore where there are several. */
static void collapse_underscores(struct buf *b, size_t start)
{
    size_t n = start;

    for (size_t i = start; i < b->len; i++)
        if (i == start || b->data[i] != '_' || b->data[i - 1] != '_')
            b->data[n++] = b->data[i];
    b->len = n;
}

bool name_label_collapsed(struct buf *out, enum name_strategy strategy, struct bytes name)
{
    size_t start = out->len;

    if (keeps_utf8(strategy))
        return name_label(out, strategy, name);
    if (name.len == 0)
        return false;
    put_label_characters(out, name);
    if (out->data[start] == '_' || ascii_is_digit(out->data[start])) {
        out->len = start;
        buf_puts(out, ascii_is_digit(name.data[0]) ? "key_" : "key");
        put_label_characters(out, name);
    }
    collapse_underscores(out, start);
    return true;
}

void name_target_info(struct buf *out, enum name_strategy strategy, struct bytes ns)
{
    struct buf name = { 0 };

    if (ns.len > 0) {
        buf_put(&name, ns);
        buf_putc(&name, '_');
    }
    buf_puts(&name, "target_info");
    name_escape_metric(out, keeps_utf8(strategy) ? NAME_ESCAPE_NONE : NAME_ESCAPE_UNDERSCORES, buf_bytes(&name));
    buf_free(&name);
}

/* One character that has no place in the grammar, or that the escaping needs for itself. */
static void put_escape(struct buf *out, enum name_escaping escaping, uint32_t c, bool invalid)
{
    if (escaping == NAME_ESCAPE_UNDERSCORES)
        buf_putc(out, '_');
    else if (c == '_')
        buf_puts(out, "__");
    else if (escaping == NAME_ESCAPE_DOTS)
        buf_puts(out, c == '.' ? "_dot_" : "__");
    else if (invalid)
        buf_puts(out, "_FFFD_");
    else
        buf_printf(out, "_%x_", c);
}

static void escape_name(struct buf *out, enum name_escaping escaping, struct bytes name, unsigned extra)
{
    size_t len;

    if (escaping == NAME_ESCAPE_NONE || is_legacy(name, extra)) {
        buf_put(out, name);
        return;
    }
    if (escaping == NAME_ESCAPE_VALUES)
        buf_puts(out, "U__");
    for (size_t i = 0; i < name.len; i += len) {
        uint32_t c = code_point(bytes_of(name.data + i, name.len - i), &len);
        bool fits = c < 0x80 && is_word((uint8_t)c, extra) && !(i == 0 && ascii_is_digit((uint8_t)c));

        if (fits && (c != '_' || escaping == NAME_ESCAPE_UNDERSCORES))
            buf_putc(out, (char)c);
        else
            put_escape(out, escaping, c, c == 0xfffd && len == 1);
    }
}

void name_escape_metric(struct buf *out, enum name_escaping escaping, struct bytes name)
{
    escape_name(out, escaping, name, WITH_COLON | WITH_UNDERSCORE);
}

void name_escape_label(struct buf *out, enum name_escaping escaping, struct bytes name)
{
    escape_name(out, escaping, name, WITH_UNDERSCORE);
}
