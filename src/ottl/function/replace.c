/* SPDX-License-Identifier: Apache-2.0 */
/* replace_pattern(), replace_match() and those that do it to a whole map.
 *
 * A pattern is a regular expression, of which each match is replaced by the replacement with $1 and ${name} put in; a
 * glob is made a regular expression of the whole value. The replacement may go through a converter and a format first.
 * What is replaced costs steps, so that neither matches nor replacements without end are made. */
#include "ottl/function/format.h"
#include "ottl/function/make.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"

#include "base/mem.h"

#include <ctype.h>

/* Where each function has them. */
struct replace_args {
    unsigned pattern, replacement, function, format;
};

static const struct replace_args of_one = { 1, 2, 3, 4 }, of_all = { 2, 3, 4, 5 };

/* ---- the replacement ---- */

/* Through the converter and the format, where they are given. */
static bool convert_replacement(struct ottl_call *c, const struct replace_args *at, struct buf *text)
{
    struct ottl_value in, out;
    struct buf formatted = { 0 };

    if (!ottl_given(c, at->function))
        return true;
    in = ottl_string(ottl_take(c, text));
    if (!ottl_call_function(c, at->function, &in, &out))
        return false;
    if (out.type != OTTL_STRING)
        return ottl_fail(c, "the converter of a replacement must give a string, and this one gives %s",
                         ottl_type_name(out.type));
    if (!ottl_given(c, at->format)) {
        buf_put(text, out.bytes);
        return true;
    }
    if (!ottl_format(c, c->args[at->format].bytes, &out, 1, &formatted)) {
        buf_free(&formatted);
        return false;
    }
    buf_free(text);
    *text = formatted;
    return true;
}

static bool check_format(struct ottl_prepare *p, const struct replace_args *at)
{
    struct bytes f = p->args[at->format].bytes;

    if (ottl_known(p, at->format) && (f.len < 2 || memmem(f.data, f.len, "%s", 2) == NULL))
        return ottl_refuse(p, at->format, "the format has one %%s, for the replacement");
    return true;
}

/* ---- patterns ---- */

/* Bytes that the replacement may come to: a group is a part of the match. */
static uint64_t most_expanded(struct bytes replacement, struct bytes match)
{
    uint64_t names = 0;

    for (size_t i = 0; i < replacement.len; i++)
        names += replacement.data[i] == '$';
    return replacement.len + names * match.len;
}

/* Append the text with all matches replaced. *changed: there was one. */
static bool replace_matches(struct ottl_call *c, const struct replace_args *at, struct regex *re, struct bytes s,
                            struct buf *out, bool *changed)
{
    struct bytes found[REGEX_MAX_GROUPS + 1], replacement = c->args[at->replacement].bytes;
    struct regex_walk w = { 0 };
    struct buf text = { 0 };
    bool good = true, matches;

    *changed = false;
    while (good && w.from <= s.len && (good = ottl_find(c, re, s, w.from, found, &matches)) && matches) {
        uint64_t searched = w.from;

        if (!regex_walk_take(&w, s, found[0]))
            continue;
        *changed = true;
        text.len = 0;
        good = ottl_spend(c, 1 + (w.end - searched) / 64 + most_expanded(replacement, found[0]) / 64);
        if (good)
            regex_expand(re, replacement, found, &text);
        good = good && convert_replacement(c, at, &text);
        if (w.begin > w.done)
            buf_append(out, s.data + w.done, w.begin - w.done);
        buf_put(out, buf_bytes(&text));
        regex_walk_done(&w);
    }
    buf_free(&text);
    if (w.done < s.len)
        buf_append(out, s.data + w.done, s.len - w.done);
    return good;
}

/* ---- globs ---- */

/* A glob as a regular expression: `*` any text, `?` any character, [a-z], [!a-z], {this,that}, \ before what stands for
 * itself. False: it has no end. */
static bool translate_glob(struct bytes glob, struct buf *out)
{
    unsigned braces = 0;
    bool in_class = false;

    buf_puts(out, "^(?s:");
    for (size_t i = 0; i < glob.len; i++) {
        char c = (char)glob.data[i];

        if (c == '\\' && i + 1 < glob.len) {
            c = (char)glob.data[++i];
            buf_printf(out, (uint8_t)c < 0x80 && !isalnum((uint8_t)c) && c != '_' ? "\\%c" : "%c", c);
        } else if (in_class) {
            in_class = c != ']';
            buf_printf(out, strchr("\\[^", c) != NULL ? "\\%c" : "%c", c);
        } else if (c == '[') {
            bool negated = i + 1 < glob.len && glob.data[i + 1] == '!';

            buf_puts(out, negated ? "[^" : "[");
            i += negated;
            in_class = true;
        } else if (c == '*') {
            buf_puts(out, ".*");
        } else if (c == '?') {
            buf_putc(out, '.');
        } else if (c == '{') {
            braces++;
            buf_puts(out, "(?:");
        } else if (c == '}' && braces > 0) {
            braces--;
            buf_putc(out, ')');
        } else if (c == ',' && braces > 0) {
            buf_putc(out, '|');
        } else {
            buf_printf(out, strchr("\\.+|()[]{}^$", c) != NULL ? "\\%c" : "%c", c);
        }
    }
    buf_puts(out, ")$");
    return !in_class && braces == 0;
}

static struct regex *compile_glob(struct bytes glob, struct error *err)
{
    struct regex *re = NULL;
    struct buf text = { 0 };

    if (glob.len > REGEX_MAX_PATTERN / 4 ||
        memchr(glob.len > 0 ? glob.data : (const uint8_t *)"x", 0, glob.len) != NULL)
        error_set(err, -1, "a pattern of more than %u bytes, or with a NUL in it", REGEX_MAX_PATTERN / 4);
    else if (!translate_glob(glob, &text))
        error_set(err, -1, "the pattern ends inside of [ ] or { }");
    else
        re = regex_new(buf_cstr(&text), err);
    buf_free(&text);
    return re;
}

/* ---- one value ---- */

static bool set_text(struct ottl_call *c, struct buf *out)
{
    struct ottl_value v;

    ottl_give_text(c, out, &v);
    return ottl_target_set(c, 0, &v);
}

static bool prepare_pattern(struct ottl_prepare *p)
{
    return ottl_pattern_prepare(p, of_one.pattern) && check_format(p, &of_one);
}

static bool call_pattern(struct ottl_call *c, struct ottl_value *result)
{
    struct regex *re = ottl_pattern_of(c, of_one.pattern);
    struct ottl_value target;
    struct buf out = { 0 };
    bool changed, good;

    (void)result;
    if (re == NULL || !ottl_target_get(c, 0, &target))
        return false;
    if (target.type != OTTL_STRING)
        return true;
    good = replace_matches(c, &of_one, re, target.bytes, &out, &changed);
    if (good && changed)
        return set_text(c, &out);
    buf_free(&out);
    return good;
}

static bool prepare_match(struct ottl_prepare *p)
{
    return ottl_pattern_prepare_by(p, of_one.pattern, compile_glob) && check_format(p, &of_one);
}

static bool call_match(struct ottl_call *c, struct ottl_value *result)
{
    struct regex *re = ottl_pattern_of(c, of_one.pattern);
    struct ottl_value target;
    struct buf out = { 0 };
    bool matches;

    (void)result;
    if (re == NULL || !ottl_target_get(c, 0, &target))
        return false;
    if (target.type != OTTL_STRING)
        return true;
    if (!ottl_spend(c, (target.bytes.len + c->args[of_one.replacement].bytes.len) / 64))
        return false;
    if (!ottl_search(c, re, target.bytes, &matches))
        return false;
    if (!matches)
        return true;
    buf_put(&out, c->args[of_one.replacement].bytes);
    if (convert_replacement(c, &of_one, &out))
        return set_text(c, &out);
    buf_free(&out);
    return false;
}

/* ---- all of a map ---- */

static bool prepare_patterns(struct ottl_prepare *p)
{
    if (!ottl_pattern_prepare(p, of_all.pattern))
        return false;
    if (ottl_known(p, 1) && !bytes_is(p->args[1].bytes, "key") && !bytes_is(p->args[1].bytes, "value"))
        return ottl_refuse(p, 1, "the mode is either 'key' or 'value'");
    return check_format(p, &of_all);
}

/* One pair of the map, its key or value replaced. */
static bool replace_in_pair(struct ottl_call *c, struct regex *re, bool keys, struct bytes key, struct ottl_value v,
                            struct buf *out, bool *changed)
{
    struct buf text = { 0 };
    bool here = false, good = true;

    if (keys || v.type == OTTL_STRING)
        good = replace_matches(c, &of_all, re, keys ? key : v.bytes, &text, &here);
    if (here && keys)
        key = buf_bytes(&text);
    else if (here)
        v.bytes = buf_bytes(&text);
    ottl_put_pair(out, key, &v);
    buf_free(&text);
    *changed |= here;
    return good;
}

static bool call_patterns(struct ottl_call *c, struct ottl_value *result)
{
    struct regex *re = ottl_pattern_of(c, of_all.pattern);
    bool keys = bytes_is(c->args[1].bytes, "key"), good = true, changed = false;
    struct ottl_value target, v;
    struct buf out = { 0 };
    struct pb_reader r;

    (void)result;
    if (re == NULL || !ottl_target_get(c, 0, &target))
        return false;
    r = pb_reader(target.bytes);
    for (struct bytes key; good && ottl_next_pair(&r, &key, &v);)
        good = ottl_spend(c, 1 + key.len / 64) && replace_in_pair(c, re, keys, key, v, &out, &changed);
    if (!good || !changed) {
        buf_free(&out);
        return good;
    }
    if (keys)
        attributes_keep_last(&out);
    target.bytes = ottl_take(c, &out);
    return ottl_target_set(c, 0, &target);
}

static bool call_matches(struct ottl_call *c, struct ottl_value *result)
{
    struct regex *re = ottl_pattern_of(c, of_one.pattern);
    struct ottl_value target, v;
    struct buf out = { 0 }, text = { 0 };
    struct pb_reader r;
    bool good = true, changed = false, here;

    (void)result;
    if (re == NULL || !ottl_target_get(c, 0, &target))
        return false;
    r = pb_reader(target.bytes);
    for (struct bytes key; good && ottl_next_pair(&r, &key, &v);) {
        good = ottl_spend(c, 1 + (key.len + (v.type == OTTL_STRING ? v.bytes.len : 0)) / 64);
        here = false;
        if (good && v.type == OTTL_STRING)
            good = ottl_search(c, re, v.bytes, &here);
        if (good && here) {
            text.len = 0;
            good = ottl_spend(c, c->args[of_one.replacement].bytes.len / 64);
            if (good)
                buf_put(&text, c->args[of_one.replacement].bytes);
            good = good && convert_replacement(c, &of_one, &text) && ottl_spend(c, text.len / 64);
            v.bytes = buf_bytes(&text);
            changed = true;
        }
        ottl_put_pair(&out, key, &v);
    }
    buf_free(&text);
    if (!good || !changed) {
        buf_free(&out);
        return good;
    }
    target.bytes = ottl_take(c, &out);
    return ottl_target_set(c, 0, &target);
}

#define FUNCTION OPTIONAL("function", FUNCTION), OPTIONAL("replacement_format", STRING)

const struct ottl_function ottl_functions_replace[] = {
    EDITOR(
        "replace_pattern", call_pattern,
        TAKES(ARGUMENT("target", TARGET), ARGUMENT("regex_pattern", STRING), ARGUMENT("replacement", STRING), FUNCTION),
        "Replaces each match of the regular expression in the string; $1 and ${name} in the replacement are groups.",
        .prepare = prepare_pattern, .release = ottl_pattern_release),
    EDITOR("replace_match", call_match,
           TAKES(ARGUMENT("target", TARGET), ARGUMENT("pattern", STRING), ARGUMENT("replacement", STRING), FUNCTION),
           "Replaces the string where the glob matches all of it.", .prepare = prepare_match,
           .release = ottl_pattern_release),
    EDITOR("replace_all_patterns", call_patterns,
           TAKES(ARGUMENT("target", TARGET_MAP), LITERAL("mode", STRING), ARGUMENT("regex_pattern", STRING),
                 ARGUMENT("replacement", STRING), FUNCTION),
           "Replaces each match of the regular expression in the map's keys (mode \"key\") or strings (\"value\").",
           .prepare = prepare_patterns, .release = ottl_pattern_release),
    EDITOR(
        "replace_all_matches", call_matches,
        TAKES(ARGUMENT("target", TARGET_MAP), ARGUMENT("pattern", STRING), ARGUMENT("replacement", STRING), FUNCTION),
        "Replaces those strings of the map that the glob matches.", .prepare = prepare_match,
        .release = ottl_pattern_release),
    { 0 },
};
