/* SPDX-License-Identifier: Apache-2.0 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "codec/regex.h"

#include "base/mem.h"

#include <ctype.h>
#include <pcre2.h>
#include <stdlib.h>

#define MOST_REPEATS 1000u   /* as RE2 */
#define MATCH_LIMIT 1000000u /* steps of one search */
#define HEAP_LIMIT_KIB 16384u
#define MOST_NESTING 200u

struct regex {
    pcre2_code *code;
    pcre2_match_data *data;
    unsigned groups;
    const char *names[REGEX_MAX_GROUPS + 1];
};

static pcre2_match_context *limits;
static uint64_t given_up;

/* ---- from RE2's syntax to PCRE2's ---- */

struct translation {
    const char *pattern, *p;
    struct buf out;
    unsigned depth;
    struct error *err;
};

static bool refuse(struct translation *t, const char *at, const char *what)
{
    error_set(t->err, -1, "invalid regular expression at character %zu: %s", (size_t)(at - t->pattern) + 1, what);
    return false;
}

static bool keep(struct translation *t, size_t n)
{
    buf_append(&t->out, t->p, n);
    t->p += n;
    return true;
}

/* \pN, \p{Greek}, \x41, \x{10FFFF} and octal \012 are the same in both. */
static bool escape_with_argument(struct translation *t)
{
    const char *end;

    if (t->p[2] != '{')
        return keep(t, 2);
    end = strchr(t->p, '}');
    if (end == NULL)
        return refuse(t, t->p, "a { without its }");
    return keep(t, (size_t)(end + 1 - t->p));
}

static bool quoted(struct translation *t)
{
    const char *end = strstr(t->p, "\\E");

    return keep(t, end != NULL ? (size_t)(end + 2 - t->p) : strlen(t->p));
}

static bool is_octal(char c)
{
    return c >= '0' && c <= '7';
}

/* Three digits at most; PCRE2 might see a backreference. */
static bool translate_octal(struct translation *t)
{
    int n = 1;

    while (n < 3 && is_octal(t->p[n + 1]))
        n++;
    buf_printf(&t->out, "\\o{%.*s}", n, t->p + 1);
    t->p += n + 1;
    return true;
}

static bool translate_escape(struct translation *t, bool in_class)
{
    char c = t->p[1];

    switch (c) {
    case '\0':
        return refuse(t, t->p, "a \\ at the end");
    case 's': /* PCRE2 has the vertical tab too */
        buf_puts(&t->out, in_class ? "\\t\\n\\f\\r\\x20" : "[\\t\\n\\f\\r\\x20]");
        t->p += 2;
        return true;
    case 'S':
        buf_puts(&t->out, in_class ? "\\S\\x0b" : "[^\\t\\n\\f\\r\\x20]");
        t->p += 2;
        return true;
    case 'v':
        buf_puts(&t->out, "\\x0b");
        t->p += 2;
        return true;
    case 'p':
    case 'P':
    case 'x':
        return escape_with_argument(t);
    case 'Q':
        return in_class ? refuse(t, t->p, "\\Q inside [ ]") : quoted(t);
    case 'A':
    case 'z':
    case 'b':
    case 'B':
        if (in_class)
            return refuse(t, t->p, "this escape is not for inside [ ]");
        return keep(t, 2);
    case 'a':
    case 'f':
    case 'n':
    case 'r':
    case 't':
    case 'd':
    case 'D':
    case 'w':
    case 'W':
        return keep(t, 2);
    default:
        if (c == '0' || (c >= '1' && c <= '7' && is_octal(t->p[2])))
            return translate_octal(t);
        if (isdigit((unsigned char)c))
            return refuse(t, t->p, "there are no backreferences");
        if (isalpha((unsigned char)c))
            return refuse(t, t->p, "an escape that is not known");
        return keep(t, 2);
    }
}

static bool translate_class(struct translation *t)
{
    const char *start = t->p;

    keep(t, t->p[1] == '^' ? 2 : 1);
    if (*t->p == ']')
        keep(t, 1);
    while (*t->p != ']') {
        if (*t->p == '\0')
            return refuse(t, start, "missing closing ]");
        if (*t->p == '\\') {
            if (!translate_escape(t, true))
                return false;
        } else if (t->p[0] == '[' && t->p[1] == ':') {
            const char *end = strstr(t->p + 2, ":]");

            if (end != NULL)
                keep(t, (size_t)(end + 2 - t->p));
            else
                buf_puts(&t->out, "\\["), t->p++;
        } else if (*t->p == '[') {
            buf_puts(&t->out, "\\[");
            t->p++;
        } else {
            keep(t, 1);
        }
    }
    return keep(t, 1);
}

/* What may follow "(?": a name, or flags of i, m, s, U. */
static bool translate_group(struct translation *t)
{
    const char *p = t->p + 2;

    if (t->p[1] == '*')
        return refuse(t, t->p, "verbs are not known");
    if (t->p[1] != '?')
        return keep(t, 1);
    if (p[0] == 'P' && p[1] == '<')
        p++;
    if (p[0] == '<' && p[1] != '=' && p[1] != '!') {
        const char *end = ++p;

        while (isalnum((unsigned char)*end) || *end == '_')
            end++;
        if (end == p || *end != '>')
            return refuse(t, t->p, "invalid named capture");
        return keep(t, (size_t)(end + 1 - t->p));
    }
    p += strspn(p, "imsU");
    if (*p == '-')
        p += 1 + strspn(p + 1, "imsU");
    if (*p != ':' && *p != ')')
        return refuse(t, t->p, "invalid or unsupported Perl syntax");
    if (*p == ')') /* flags alone open no group */
        p++, t->depth--;
    else
        p++;
    return keep(t, (size_t)(p - t->p));
}

/* {n}, {n,} or {n,m}: its length, or 0 when it is plain text. */
static size_t repeat_length(const char *p, bool *too_many)
{
    char *end;
    unsigned long least, most;

    if (!isdigit((unsigned char)p[1]))
        return 0;
    least = most = strtoul(p + 1, &end, 10);
    if (*end == ',')
        most = isdigit((unsigned char)end[1]) ? strtoul(end + 1, &end, 10) : (end++, least);
    if (*end != '}')
        return 0;
    *too_many = least > MOST_REPEATS || most > MOST_REPEATS || most < least;
    return (size_t)(end + 1 - p);
}

/* A repetition, and the ? that makes it lazy; one more is an error in RE2. */
static bool translate_repeat(struct translation *t, size_t len)
{
    bool too_many = false;

    keep(t, len);
    if (*t->p == '?')
        keep(t, 1);
    if (*t->p == '*' || *t->p == '+' || *t->p == '?' || (*t->p == '{' && repeat_length(t->p, &too_many) > 0))
        return refuse(t, t->p, "invalid nested repetition operator");
    return true;
}

static bool translate_one(struct translation *t)
{
    bool too_many = false;
    size_t n;

    switch (*t->p) {
    case '\\':
        return translate_escape(t, false);
    case '[':
        return translate_class(t);
    case '(':
        if (++t->depth > MOST_NESTING)
            return refuse(t, t->p, "nested too deeply");
        return translate_group(t);
    case ')':
        t->depth -= t->depth > 0;
        return keep(t, 1);
    case '*':
    case '+':
    case '?':
        return translate_repeat(t, 1);
    case '{':
        n = repeat_length(t->p, &too_many);
        if (too_many)
            return refuse(t, t->p, "invalid repeat count");
        if (n > 0)
            return translate_repeat(t, n);
        buf_puts(&t->out, "\\{");
        t->p++;
        return true;
    default:
        return keep(t, 1);
    }
}

static bool translate(struct translation *t)
{
    if (strlen(t->pattern) > REGEX_MAX_PATTERN)
        return refuse(t, t->pattern, "longer than 64 KiB");
    while (*t->p != '\0')
        if (!translate_one(t))
            return false;
    return true;
}

/* ---- compiled ---- */

static void read_names(struct regex *r)
{
    uint32_t n, size;
    PCRE2_SPTR table;

    pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &r->groups);
    pcre2_pattern_info(r->code, PCRE2_INFO_NAMECOUNT, &n);
    pcre2_pattern_info(r->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
    pcre2_pattern_info(r->code, PCRE2_INFO_NAMETABLE, &table);
    for (uint32_t i = 0; i < n && r->groups <= REGEX_MAX_GROUPS; i++, table += size)
        r->names[table[0] << 8 | table[1]] = (const char *)table + 2;
}

static struct regex *compile(const struct buf *text, struct error *err)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    struct regex *r = mem_zalloc(sizeof(*r));
    PCRE2_SIZE at;
    int code;

    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    r->code = pcre2_compile(text->data, text->len, PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C, &code,
                            &at, context);
    pcre2_compile_context_free(context);
    if (r->code == NULL) {
        PCRE2_UCHAR message[256];

        pcre2_get_error_message(code, message, sizeof(message));
        error_set(err, -1, "invalid regular expression: %s", (const char *)message);
        free(r);
        return NULL;
    }
    read_names(r);
    if (r->groups > REGEX_MAX_GROUPS) {
        error_set(err, -1, "a regular expression of more than %u groups", REGEX_MAX_GROUPS);
        regex_free(r);
        return NULL;
    }
    pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE); /* where it is not to be had, the interpreter does it */
    r->data = pcre2_match_data_create_from_pattern(r->code, NULL);
    return r;
}

struct regex *regex_new(const char *pattern, struct error *err)
{
    struct translation t = { .pattern = pattern, .p = pattern, .err = err };
    struct regex *r = NULL;

    if (limits == NULL) {
        limits = pcre2_match_context_create(NULL);
        pcre2_set_match_limit(limits, MATCH_LIMIT);
        pcre2_set_heap_limit(limits, HEAP_LIMIT_KIB);
    }
    buf_reserve(&t.out, 1);
    if (translate(&t))
        r = compile(&t.out, err);
    buf_free(&t.out);
    return r;
}

void regex_free(struct regex *r)
{
    if (r == NULL)
        return;
    pcre2_match_data_free(r->data);
    pcre2_code_free(r->code);
    free(r);
}

/* ---- searching ---- */

bool regex_search(struct regex *r, struct bytes subject)
{
    int rc = pcre2_match(r->code, subject.len > 0 ? subject.data : (PCRE2_SPTR) "", subject.len, 0, PCRE2_NO_UTF_CHECK,
                         r->data, limits);

    given_up += rc < 0 && rc != PCRE2_ERROR_NOMATCH;
    return rc >= 0;
}

bool regex_find(struct regex *r, struct bytes subject, struct bytes *found)
{
    const PCRE2_SIZE *v = pcre2_get_ovector_pointer(r->data);

    if (!regex_search(r, subject))
        return false;
    for (size_t i = 0; i <= r->groups; i++)
        found[i] = v[2 * i] == PCRE2_UNSET || subject.len == 0
                       ? bytes_of(v[2 * i] == PCRE2_UNSET ? NULL : "", 0)
                       : bytes_of(subject.data + v[2 * i], v[2 * i + 1] - v[2 * i]);
    return true;
}

unsigned regex_groups(const struct regex *r)
{
    return r->groups;
}

const char *regex_group_name(const struct regex *r, unsigned i)
{
    return r->names[i];
}

uint64_t regex_given_up(void)
{
    return given_up;
}
