/* SPDX-License-Identifier: Apache-2.0 */
/* Strings: put together, taken apart, looked at, and their letters.
 *
 * What is a part of its argument points into it; only what is new is made in the arena, and costs a step for each 64
 * bytes before it is made. */
#include "ottl/function/letters.h"
#include "ottl/function/make.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"

static bool call_concat(struct ottl_call *c, struct ottl_value *result)
{
    struct bytes delimiter = c->args[1].bytes;
    const struct ottl_value *values = c->args[0].values;
    size_t len = 0;
    uint8_t *at, *text;

    for (size_t i = 0; i < c->args[0].n; i++)
        len += (values[i].type == OTTL_STRING ? values[i].bytes.len : strlen("<nil>")) + (i > 0 ? delimiter.len : 0);
    if (!ottl_spend(c, len / 64))
        return false;
    at = text = arena_alloc_bytes(c->arena, len + 1);
    for (size_t i = 0; i < c->args[0].n; i++) {
        struct bytes part = values[i].type == OTTL_STRING ? values[i].bytes : bytes_str("<nil>");

        if (i > 0 && delimiter.len > 0)
            at = (uint8_t *)mempcpy(at, delimiter.data, delimiter.len);
        if (part.len > 0)
            at = (uint8_t *)mempcpy(at, part.data, part.len);
    }
    *result = ottl_string(bytes_of(text, len));
    return true;
}

/* The bytes of the character that begins here. */
static size_t character_len(struct bytes s)
{
    size_t n = 1;

    while (n < s.len && (s.data[n] & 0xc0) == 0x80)
        n++;
    return n;
}

static bool call_split(struct ottl_call *c, struct ottl_value *result)
{
    struct bytes rest = c->args[0].bytes, delimiter = c->args[1].bytes;
    struct buf out = { 0 };

    if (!ottl_spend(c, rest.len / (delimiter.len > 0 ? 16 : 1) + 1))
        return false;
    while (delimiter.len == 0 && rest.len > 0) {
        size_t n = character_len(rest);

        ottl_put_string(&out, bytes_of(rest.data, n));
        rest = bytes_skip(rest, n);
    }
    while (delimiter.len > 0) {
        const uint8_t *found = rest.len > 0 ? memmem(rest.data, rest.len, delimiter.data, delimiter.len) : NULL;
        size_t n = found != NULL ? (size_t)(found - rest.data) : rest.len;

        ottl_put_string(&out, bytes_of(rest.data, n));
        if (found == NULL)
            break;
        rest = bytes_skip(rest, n + delimiter.len);
        if (!ottl_spend(c, 1)) {
            buf_free(&out);
            return false;
        }
    }
    return ottl_give(c, &out, OTTL_LIST, result);
}

static bool is_continuation(struct bytes s, size_t at)
{
    return at < s.len && (s.data[at] & 0xc0) == 0x80;
}

static bool call_substring(struct ottl_call *c, struct ottl_value *result)
{
    struct bytes s = c->args[0].bytes;
    int64_t start = c->args[1].integer, length = c->args[2].integer;
    size_t begin, end;

    if (start < 0)
        return ottl_fail(c, "invalid start for substring function, %lld cannot be negative", (long long)start);
    if (length <= 0)
        return ottl_fail(c, "invalid length for substring function, %lld cannot be negative or zero",
                         (long long)length);
    if ((uint64_t)start + (uint64_t)length > s.len)
        return ottl_fail(c,
                         "invalid range for substring function, start(%lld)+length(%lld) cannot be greater than the "
                         "length of target string(%zu)",
                         (long long)start, (long long)length, s.len);
    begin = (size_t)start;
    end = begin + (size_t)length;
    while (begin < end && is_continuation(s, begin))
        begin++;
    while (end > begin && is_continuation(s, end))
        end--;
    *result = ottl_string(bytes_of(s.data + begin, end - begin));
    return true;
}

/* Is a character among those? */
static bool among_characters(struct bytes one, struct bytes set)
{
    while (set.len > 0) {
        size_t n = character_len(set);

        if (bytes_equal(one, bytes_of(set.data, n)))
            return true;
        set = bytes_skip(set, n);
    }
    return false;
}

static bool call_trim(struct ottl_call *c, struct ottl_value *result)
{
    struct bytes s = c->args[0].bytes, set = ottl_text_or(c, 1, " ");

    if (!ottl_spend(c, s.len * (set.len / 16 + 1) / 16))
        return false;
    while (s.len > 0 && among_characters(bytes_of(s.data, character_len(s)), set))
        s = bytes_skip(s, character_len(s));
    while (s.len > 0) {
        size_t n = 1;

        while (n < s.len && is_continuation(s, s.len - n))
            n++;
        if (!among_characters(bytes_of(s.data + s.len - n, n), set))
            break;
        s.len -= n;
    }
    *result = ottl_string(s);
    return true;
}

static bool begins_with(struct bytes s, struct bytes with)
{
    return s.len >= with.len && bytes_equal(bytes_of(s.data, with.len), with);
}

static bool ends_with(struct bytes s, struct bytes with)
{
    return s.len >= with.len && bytes_equal(bytes_skip(s, s.len - with.len), with);
}

static bool call_trim_prefix(struct ottl_call *c, struct ottl_value *result)
{
    struct bytes s = c->args[0].bytes, prefix = c->args[1].bytes;

    *result = ottl_string(begins_with(s, prefix) ? bytes_skip(s, prefix.len) : s);
    return true;
}

static bool call_trim_suffix(struct ottl_call *c, struct ottl_value *result)
{
    struct bytes s = c->args[0].bytes, suffix = c->args[1].bytes;

    if (ends_with(s, suffix))
        s.len -= suffix.len;
    *result = ottl_string(s);
    return true;
}

OTTL_GIVES(call_has_prefix, ottl_bool(begins_with(c->args[0].bytes, c->args[1].bytes)))
OTTL_GIVES(call_has_suffix, ottl_bool(ends_with(c->args[0].bytes, c->args[1].bytes)))

/* ---- letters ---- */

static bool convert_letters(struct ottl_call *c, void (*convert)(struct bytes, struct buf *), struct ottl_value *result)
{
    struct buf out = { 0 };

    if (!ottl_spend(c, c->args[0].bytes.len / 16))
        return false;
    convert(c->args[0].bytes, &out);
    return ottl_give_text(c, &out, result);
}

OTTL_CALLS(call_lower, convert_letters(c, letters_lower, result))
OTTL_CALLS(call_upper, convert_letters(c, letters_upper, result))
OTTL_CALLS(call_snake, convert_letters(c, letters_snake, result))
OTTL_CALLS(call_camel, convert_letters(c, letters_camel, result))

static const struct {
    const char *name;
    void (*convert)(struct bytes, struct buf *);
} cases[] = {
    { "lower", letters_lower }, { "upper", letters_upper }, { "snake", letters_snake }, { "camel", letters_camel }
};

#define CASES (sizeof(cases) / sizeof(*cases))

static size_t find_case(struct bytes name)
{
    size_t i = 0;

    while (i < CASES && !bytes_is(name, cases[i].name))
        i++;
    return i;
}

static bool prepare_case(struct ottl_prepare *p)
{
    if (ottl_known(p, 1) && find_case(p->args[1].bytes) == CASES)
        return ottl_refuse(p, 1, "the case is one of lower, upper, snake and camel");
    return true;
}

static bool call_case(struct ottl_call *c, struct ottl_value *result)
{
    return convert_letters(c, cases[find_case(c->args[1].bytes)].convert, result);
}

#define LETTERS(n, call_it, what)                                                                                      \
    CONVERTER(n, call_it, "a string", TAKES(ARGUMENT("target", STRING)), "The string in " what ".")

#define ENDS(n, second, call_it, out, what)                                                                            \
    CONVERTER(n, call_it, out, TAKES(ARGUMENT("target", STRING), ARGUMENT(second, STRING)), what)

const struct ottl_function ottl_functions_strings[] = {
    CONVERTER("Concat", call_concat, "a string", TAKES(LIST("vals", STRING_LIKE), ARGUMENT("delimiter", STRING)),
              "The values as text, with the delimiter between them; nil is <nil>."),
    CONVERTER("Split", call_split, "a list of strings",
              TAKES(ARGUMENT("target", STRING), ARGUMENT("delimiter", STRING)),
              "What stands between the delimiters; with an empty one each character."),
    CONVERTER(
        "Substring", call_substring, "a string",
        TAKES(ARGUMENT("target", STRING), ARGUMENT("start", INT), ARGUMENT("length", INT), OPTION("utf8_safe", BOOL)),
        "So many bytes from `start` on. Characters of which it would be a part are left out, whatever utf8_safe."),
    CONVERTER("Trim", call_trim, "a string", TAKES(ARGUMENT("target", STRING), OPTION("replacement", STRING)),
              "The string without the characters of `replacement`, blanks when there is none, at both ends."),
    ENDS("TrimPrefix", "prefix", call_trim_prefix, "a string", "The string without the prefix."),
    ENDS("TrimSuffix", "suffix", call_trim_suffix, "a string", "The string without the suffix."),
    ENDS("HasPrefix", "prefix", call_has_prefix, "a boolean", "Whether the string begins with the prefix."),
    ENDS("HasSuffix", "suffix", call_has_suffix, "a boolean", "Whether the string ends with the suffix."),
    LETTERS("ToLowerCase", call_lower, "lower case"),
    LETTERS("ToUpperCase", call_upper, "upper case"),
    LETTERS("ToSnakeCase", call_snake, "snake_case"),
    LETTERS("ToCamelCase", call_camel, "CamelCase"),
    CONVERTER("ConvertCase", call_case, "a string", TAKES(ARGUMENT("target", STRING), LITERAL("to_case", STRING)),
              "The string in the case: lower, upper, snake or camel.", .prepare = prepare_case),
    { 0 },
};
