/* SPDX-License-Identifier: Apache-2.0 */
/* A pattern is read once for what RE2 sees otherwise than Go: (?<name>...), which RE2 learned later, is written in the
 * older form, and \C, which Go does not have, is refused. Then RE2 compiles it (codec/re2_shim.h) and judges it; its
 * complaint is ours. What stands in \Q...\E and in [ ] is text, and only walked over. */
#include "codec/regex.h"

#include "base/library.h"
#include "base/mem.h"
#include "codec/re2_shim.h"

#include <stdlib.h>
#include <string.h>

struct regex {
    struct re2_shim *re;
    unsigned groups;
    const char *names[REGEX_MAX_GROUPS + 1];
    struct re2_shim_span found[REGEX_MAX_GROUPS + 1];
};

/* Behind the escape at p; NULL: one that Go does not have. */
static const char *skip_escape(const char *p)
{
    const char *end;

    if (p[1] == 'C')
        return NULL;
    if (p[1] == 'Q') {
        end = strstr(p, "\\E");
        return end != NULL ? end + 2 : p + strlen(p);
    }
    return p[1] == '\0' ? p + 1 : p + 2;
}

/* Behind the class at p. One without an end is RE2's to refuse. */
static const char *skip_class(const char *p)
{
    p += p[1] == '^' ? 2 : 1;
    p += *p == ']';
    while (*p != '\0' && *p != ']') {
        const char *end = p[0] == '[' && p[1] == ':' ? strstr(p + 2, ":]") : NULL;

        if (end != NULL)
            p = end + 2;
        else
            p += p[0] == '\\' && p[1] != '\0' ? 2 : 1;
    }
    return *p == ']' ? p + 1 : p;
}

/* False: it is not one of Go's; what stands at fault is in `err`. */
static bool check_syntax(const char *pattern, struct buf *out, struct error *err)
{
    for (const char *p = pattern; *p != '\0';) {
        const char *end = p + 1;

        if (*p == '\\')
            end = skip_escape(p);
        else if (*p == '[')
            end = skip_class(p);
        if (end == NULL) {
            error_set(err, -1, "invalid regular expression: invalid escape sequence: \\%c", p[1]);
            return false;
        }
        buf_append(out, p, (size_t)(end - p));
        if (strncmp(p, "(?<", 3) == 0 && p[3] != '=' && p[3] != '!') {
            buf_puts(out, "?P");
            end = p + 2;
        }
        p = end;
    }
    return true;
}

static struct regex *compile_pattern(struct bytes pattern, size_t memory, struct error *err)
{
    struct regex *r = mem_zalloc(sizeof(*r));
    char why[200];

    r->re = re2_shim_new((const char *)pattern.data, pattern.len, memory, why, sizeof(why));
    if (r->re == NULL) {
        error_set(err, -1, "invalid regular expression: %s", why);
        free(r);
        return NULL;
    }
    r->groups = re2_shim_groups(r->re);
    if (r->groups > REGEX_MAX_GROUPS) {
        error_set(err, -1, "a regular expression of more than %u groups", REGEX_MAX_GROUPS);
        regex_free(r);
        return NULL;
    }
    for (unsigned i = 1; i <= r->groups; i++)
        r->names[i] = re2_shim_group_name(r->re, i);
    return r;
}

struct regex *regex_new(const char *pattern, struct error *err)
{
    return regex_new_within(pattern, 0, err);
}

struct regex *regex_new_within(const char *pattern, size_t memory, struct error *err)
{
    struct regex *r = NULL;
    struct buf text = { 0 };

    if (strlen(pattern) > REGEX_MAX_PATTERN) {
        error_set(err, -1, "invalid regular expression: longer than %u bytes", REGEX_MAX_PATTERN);
        return NULL;
    }
    if (library_load(LIBRARY_RE2, err) != 0)
        return NULL;
    buf_reserve(&text, 1);
    if (check_syntax(pattern, &text, err))
        r = compile_pattern(buf_bytes(&text), memory, err);
    buf_free(&text);
    return r;
}

struct regex *regex_new_bytes(struct bytes pattern, struct error *err)
{
    struct regex *r;
    char *text;

    if (pattern.len > 0 && memchr(pattern.data, 0, pattern.len) != NULL) {
        error_set(err, -1, "invalid regular expression: it has a NUL in it");
        return NULL;
    }
    text = bytes_dup(pattern);
    r = regex_new(text, err);
    free(text);
    return r;
}

void regex_free(struct regex *r)
{
    if (r == NULL)
        return;
    re2_shim_free(r->re);
    free(r);
}

/* ---- searching ---- */

bool regex_search(struct regex *r, struct bytes subject)
{
    return re2_shim_search(r->re, (const char *)subject.data, subject.len) != 0;
}

bool regex_find(struct regex *r, struct bytes subject, struct bytes *found)
{
    return regex_find_from(r, subject, 0, found);
}

bool regex_find_from(struct regex *r, struct bytes subject, size_t from, struct bytes *found)
{
    if (subject.data == NULL)
        subject = bytes_of("", 0); /* a group that took part in it has data */
    if (re2_shim_find(r->re, (const char *)subject.data, subject.len, from, r->found) == 0)
        return false;
    for (unsigned i = 0; i <= r->groups; i++)
        found[i] = bytes_of(r->found[i].data, r->found[i].len);
    return true;
}

/* The length of the character at `at`: an empty match is passed by one. */
static size_t character_len(struct bytes text, size_t at)
{
    size_t n = 1;

    while (at + n < text.len && (text.data[at + n] & 0xc0) == 0x80)
        n++;
    return n;
}

bool regex_walk_take(struct regex_walk *w, struct bytes subject, struct bytes whole)
{
    w->begin = whole.data != NULL && subject.data != NULL ? (size_t)(whole.data - subject.data) : w->from;
    w->end = w->begin + whole.len;
    w->from = whole.len > 0            ? w->end
              : w->begin < subject.len ? w->begin + character_len(subject, w->begin)
                                       : subject.len + 1;
    return whole.len > 0 || !w->any || w->begin != w->done;
}

void regex_walk_done(struct regex_walk *w)
{
    w->done = w->end;
    w->any = true;
}

unsigned regex_size(const struct regex *r)
{
    return re2_shim_size(r->re);
}

unsigned regex_groups(const struct regex *r)
{
    return r->groups;
}

const char *regex_group_name(const struct regex *r, unsigned i)
{
    return r->names[i];
}

/* ---- expanding ---- */

static bool is_name_letter(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

/* The name behind a `$`; how many bytes it takes, 0: it is none. */
static size_t read_group_name(struct bytes s, struct bytes *name)
{
    size_t brace = s.len > 0 && s.data[0] == '{', n = brace;

    while (n < s.len && is_name_letter(s.data[n]))
        n++;
    *name = bytes_of(s.data + brace, n - brace);
    if (name->len == 0 || (brace && (n == s.len || s.data[n] != '}')))
        return 0;
    return n + brace;
}

/* Digits are a number, unless they begin with a 0 that is not all of it: those are a name that no group has. */
static struct bytes group_called(const struct regex *r, struct bytes name, const struct bytes *found)
{
    uint64_t number;

    if (bytes_decimal(name, &number) && (name.len == 1 || name.data[0] != '0'))
        return number <= r->groups ? found[number] : bytes_of("", 0);
    for (unsigned i = 1; i <= r->groups; i++)
        if (r->names[i] != NULL && bytes_is(name, r->names[i]) && found[i].data != NULL)
            return found[i];
    return bytes_of("", 0);
}

void regex_expand(const struct regex *r, struct bytes text, const struct bytes *found, struct buf *out)
{
    for (size_t i = 0; i < text.len;) {
        struct bytes rest = bytes_skip(text, i + 1), name;
        size_t n;

        if (text.data[i] != '$' || rest.len == 0) {
            buf_putc(out, (char)text.data[i++]);
        } else if (rest.data[0] == '$') {
            buf_putc(out, '$');
            i += 2;
        } else if ((n = read_group_name(rest, &name)) == 0) {
            buf_putc(out, '$');
            i++;
        } else {
            buf_put(out, group_called(r, name, found));
            i += 1 + n;
        }
    }
}
