/* SPDX-License-Identifier: Apache-2.0 */
/* ${...} in values. The tree is walked, and in a value references are found from the inside out; one inside other text
 * is replaced by that text, and a value that is one reference as a whole takes the type of what it stands for,
 * remembers the text for fields that are strings, and is expanded in turn.
 *
 * What can go wrong: a name that is none, a file that cannot be read, a scheme that is not served: a fault at the
 * value, which stays as it is. A variable that is not set is empty, and told beside the faults that come of it.
 * References that lead to ever more of them are bounded: by number in a value, by depth, by the length of a text, and
 * by what all of them come to. */
#include "config/source.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MOST_ROUNDS 1000u
#define MOST_DEPTH 100u
#define MOST_TEXT (1u << 20)   /* of a value that has references inside other text, at any moment */
#define MOST_TOTAL (64u << 20) /* of all that references stand for */

struct expander {
    struct arena *arena;
    struct faults *faults;
    bool offline;
    struct source_files *files; /* may be NULL */
    unsigned rounds;            /* of the value that is being expanded */
    bool inside;                /* such a value */
    bool full;                  /* there are MOST_TOTAL bytes: no reference is resolved any more */
    size_t total;               /* of what references stood for */
    struct buf path;            /* where it stands */
};

static void expand_node(struct expander *x, struct yaml_node **at, unsigned depth);

static void add_fault(struct expander *x, const struct yaml_node *at, bool warning, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void add_fault(struct expander *x, const struct yaml_node *at, bool warning, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fault_vadd(x->faults, at->file, at->line, at->column, buf_cstr(&x->path), warning, fmt, args);
    va_end(args);
}

/* --- one reference --- */

bool source_is_name(const char *s)
{
    if (!isalpha((unsigned char)*s) && *s != '_')
        return false;
    while (isalnum((unsigned char)*s) || *s == '_')
        s++;
    return *s == '\0';
}

/* A scheme is [A-Za-z][A-Za-z0-9+.-]+ before a colon. */
static const char *after_scheme(const char *uri)
{
    const char *p = uri;

    if (!isalpha((unsigned char)*p))
        return NULL;
    while (isalnum((unsigned char)*p) || *p == '+' || *p == '.' || *p == '-')
        p++;
    return *p == ':' && p - uri >= 2 ? p + 1 : NULL;
}

/* What a reference stands for; no text after a fault. */
struct reference {
    const char *text;
    bool empty_default; /* ${env:X:-} is the empty string; an empty variable is no value */
};

static struct reference resolve_env(struct expander *x, const char *spec, const struct yaml_node *at)
{
    struct reference none = { 0 };
    const char *dash = strstr(spec, ":-");
    char *name = dash != NULL ? arena_strndup(x->arena, spec, (size_t)(dash - spec)) : arena_strdup(x->arena, spec);
    const char *value;

    if (!source_is_name(name)) {
        add_fault(x, at, false,
                  "environment variable \"%s\" has invalid name: must match regex ^[a-zA-Z_][a-zA-Z0-9_]*$", name);
        return none;
    }
    value = x->offline ? NULL : getenv(name);
    if (value != NULL)
        return (struct reference){ .text = arena_strdup(x->arena, value) };
    if (dash != NULL)
        return (struct reference){ .text = dash + 2, .empty_default = dash[2] == '\0' };
    fault_unset(x->faults, at, buf_cstr(&x->path), name);
    return (struct reference){ .text = "" };
}

static const char *resolve_file(struct expander *x, const char *path, const struct yaml_node *at)
{
    struct buf content = { 0 };
    const char *why = "no files are read here";
    const char *text = NULL;

    if (x->files != NULL)
        source_files_note(x->files, path);
    if (!x->offline && source_file(path, &content, &why))
        text = arena_strndup(x->arena, content.data, content.len);
    else
        add_fault(x, at, false, "cannot read ${file:%s}: %s", path, why);
    buf_free(&content);
    return text;
}

/* What is wrong with a `uri` of no scheme that we serve. */
static void complain_uri(struct expander *x, const char *uri, const struct yaml_node *at)
{
    const char *opaque = after_scheme(uri), *dash = strstr(uri, ":-");

    if (dash != NULL && source_is_name(arena_strndup(x->arena, uri, (size_t)(dash - uri))))
        add_fault(x, at, false, "invalid uri: \"%s\": a default needs the scheme: write ${env:%s}", uri, uri);
    else if (strncmp(uri, "http:", 5) == 0 || strncmp(uri, "https:", 6) == 0)
        add_fault(x, at, false,
                  "scheme \"%.*s\" is not supported for uri \"%s\": otelcd does not fetch its configuration over the "
                  "network; download it and write ${file:path}",
                  (int)strcspn(uri, ":"), uri, uri);
    else if (opaque != NULL)
        add_fault(x, at, false, "scheme \"%.*s\" is not supported for uri \"%s\"; env, file and yaml are",
                  (int)(opaque - 1 - uri), uri, uri);
    else
        add_fault(x, at, false, "invalid uri: \"%s\": write ${env:NAME} or ${file:path}", uri);
}

/* `uri` is what stands in the braces. */
static struct reference resolve_reference(struct expander *x, const char *uri, const struct yaml_node *at)
{
    if (strchr(uri, '$') != NULL)
        add_fault(x, at, false, "the uri \"%s\" contains unsupported characters ('$')", uri);
    else if (strchr(uri, ':') == NULL)
        return resolve_env(x, uri, at);
    else if (strncmp(uri, "env:", 4) == 0)
        return resolve_env(x, uri + 4, at);
    else if (strncmp(uri, "file:", 5) == 0)
        return (struct reference){ .text = resolve_file(x, uri + 5, at) };
    else if (strncmp(uri, "yaml:", 5) == 0)
        return (struct reference){ .text = uri + 5 };
    else
        complain_uri(x, uri, at);
    return (struct reference){ 0 };
}

/* --- finding them --- */

/* The innermost reference of the text: up to the first `}`, back to the last `${` before it. A reference whose `$` is
 * escaped by another ends the search. */
static bool find_reference(const char *text, size_t *from, size_t *to)
{
    const char *scan = text;

    for (;;) {
        const char *close = strchr(scan, '}');
        const char *open = NULL;
        size_t dollars = 0;

        if (close == NULL)
            return false;
        for (const char *p = close; open == NULL && p - scan >= 2; p--)
            if (p[-2] == '$' && p[-1] == '{')
                open = p - 2;
        if (open == NULL) {
            scan = close + 1;
            continue;
        }
        while (open - dollars > text && open[-1 - (ptrdiff_t)dollars] == '$')
            dollars++;
        if (dollars % 2 == 1)
            return false;
        *from = (size_t)(open - text);
        *to = (size_t)(close + 1 - text);
        return true;
    }
}

static const char *unescape_text(struct expander *x, const char *text)
{
    char *out;
    size_t n = 0;

    if (strstr(text, "$$") == NULL)
        return text;
    out = arena_alloc(x->arena, strlen(text) + 1);
    for (; *text != '\0'; text++) {
        out[n++] = *text;
        if (text[0] == '$' && text[1] == '$')
            text++;
    }
    out[n] = '\0';
    return out;
}

static const char *escape_text(struct arena *a, const char *text)
{
    char *out = arena_alloc(a, 2 * strlen(text) + 1), *p = out;

    for (; *text != '\0'; text++) {
        if (*text == '$')
            *p++ = '$';
        *p++ = *text;
    }
    *p = '\0';
    return out;
}

/* The whole value is one reference: it becomes what the text means as YAML; text that is no YAML is a string. */
static struct yaml_node *parse_typed(struct expander *x, const char *text, const struct yaml_node *at, bool quoted)
{
    struct faults ignored = { 0 };
    struct yaml_node *n = yaml_read(x->arena, bytes_str(text), at->file, at->line, at->column, &ignored);

    if (n == NULL || ignored.n_errors > 0)
        n = yaml_scalar(x->arena, text, false, at);
    faults_free(&ignored);
    n->line = at->line;
    n->column = at->column;
    n->original = text;
    n->quoted = quoted;
    return n;
}

/* May another reference be resolved? What is too much is said once. */
static bool has_rounds(struct expander *x, const struct yaml_node *n)
{
    if (++x->rounds == MOST_ROUNDS + 1)
        add_fault(x, n, false,
                  "too many recursive expansions: a value may have %u references, with those in what they stand for",
                  MOST_ROUNDS);
    return x->rounds <= MOST_ROUNDS && !x->full;
}

static bool has_room(struct expander *x, const struct yaml_node *n, const char *text)
{
    x->total += strlen(text);
    x->full = x->total > MOST_TOTAL;
    if (x->full)
        add_fault(x, n, false, "what references of the configuration stand for comes to more than %u MiB",
                  MOST_TOTAL >> 20);
    return !x->full;
}

static bool replace_bytes(struct buf *text, size_t from, size_t to, const char *with)
{
    size_t n = strlen(with), rest = text->len - to;

    if (from + n + rest > MOST_TEXT)
        return false;
    buf_reserve(text, n + 1);
    memmove(text->data + from + n, text->data + to, rest);
    memcpy(text->data + from, with, n);
    text->len = from + n + rest;
    return true;
}

/* Until there is no reference in the text, or it is one as a whole, which stands for *whole then. False: a fault. */
static bool expand_text(struct expander *x, const struct yaml_node *n, struct buf *text, struct reference *whole)
{
    size_t from, to;

    while (find_reference(buf_cstr(text), &from, &to)) {
        const char *uri = arena_strndup(x->arena, text->data + from + 2, to - from - 3);
        struct reference ref;

        if (!has_rounds(x, n))
            return false;
        ref = resolve_reference(x, uri, n);
        if (ref.text == NULL || !has_room(x, n, ref.text))
            return false;
        if (from == 0 && to == text->len) {
            *whole = ref;
            return true;
        }
        if (!replace_bytes(text, from, to, ref.text)) {
            add_fault(x, n, false, "with what its references stand for the value is longer than %u MiB",
                      MOST_TEXT >> 20);
            return false;
        }
    }
    return true;
}

/* The text of a value or of what a reference in it stood for. */
static void expand_scalar(struct expander *x, struct yaml_node **at, unsigned depth)
{
    struct yaml_node *n = *at;
    bool quoted = n->quoted || !n->plain;
    struct reference whole = { 0 };
    struct buf text = { 0 };

    buf_puts(&text, n->text);
    if (!expand_text(x, n, &text, &whole)) {
        buf_free(&text);
        return;
    }
    if (whole.text != NULL) {
        buf_free(&text);
        *at = whole.empty_default ? yaml_scalar(x->arena, "", false, n) : parse_typed(x, whole.text, n, quoted);
        expand_node(x, at, depth + 1);
        return;
    }
    if (strcmp(n->text, buf_cstr(&text)) != 0) {
        n->text = arena_strdup(x->arena, buf_cstr(&text));
        n->plain = false;
        n->original = NULL;
    }
    buf_free(&text);
    n->text = unescape_text(x, n->text);
    if (n->original != NULL)
        n->original = unescape_text(x, n->original);
}

/* The length of the name of a variable, as they are usually written: at least two of A to Z, 0 to 9 and _. */
static size_t variable_len(const char *s)
{
    size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

    return n >= 2 && !isdigit((unsigned char)s[0]) && !islower((unsigned char)s[n]) ? n : 0;
}

/* $NAME without braces is text, as in the Go collector; whoever writes it most likely expects something else. */
static void warn_of_bare_names(struct expander *x, const struct yaml_node *n)
{
    for (const char *p = strchr(n->text, '$'); p != NULL; p = strchr(p + 1, '$')) {
        int len = (int)variable_len(p + 1);

        if (p[1] == '$') {
            p++;
        } else if (len > 0) {
            add_fault(x, n, true, "$%.*s is not replaced: write ${env:%.*s} for the variable, or $$%.*s for the text",
                      len, p + 1, len, p + 1, len, p + 1);
            return;
        }
    }
}

/* A value of the document has MOST_ROUNDS, and all that it leads to shares them. */
static void expand_value(struct expander *x, struct yaml_node **at, unsigned depth)
{
    bool outermost = !x->inside;

    if (outermost) {
        x->rounds = 0;
        warn_of_bare_names(x, *at);
    }
    x->inside = true;
    expand_scalar(x, at, depth);
    x->inside = !outermost;
}

static void expand_children(struct expander *x, struct yaml_node *n, unsigned depth)
{
    size_t mark = x->path.len;

    for (size_t i = 0; i < n->n; i++) {
        if (n->kind == YAML_MAP)
            buf_printf(&x->path, "%s%s", mark > 0 ? "::" : "", n->pairs[i].key);
        else
            buf_printf(&x->path, "%s%zu", mark > 0 ? "::" : "", i);
        expand_node(x, n->kind == YAML_MAP ? &n->pairs[i].value : &n->items[i], depth + 1);
        x->path.len = mark;
    }
}

static void expand_node(struct expander *x, struct yaml_node **at, unsigned depth)
{
    struct yaml_node *n = *at;

    if (depth > MOST_DEPTH)
        add_fault(x, n, false, "nested deeper than %u levels", MOST_DEPTH);
    else if (n->kind == YAML_MAP || n->kind == YAML_LIST)
        expand_children(x, n, depth);
    else if (n->kind == YAML_SCALAR && strchr(n->text, '$') != NULL)
        expand_value(x, at, depth);
}

void escape_tree(struct arena *a, struct yaml_node *n)
{
    for (size_t i = 0; n->kind == YAML_MAP && i < n->n; i++)
        escape_tree(a, n->pairs[i].value);
    for (size_t i = 0; n->kind == YAML_LIST && i < n->n; i++)
        escape_tree(a, n->items[i]);
    if (n->kind == YAML_SCALAR && strchr(n->text, '$') != NULL)
        n->text = escape_text(a, n->text);
}

void expand_tree(struct arena *a, struct yaml_node **at, const struct config_sources *s, struct faults *faults)
{
    struct expander x = {
        .arena = a,
        .faults = faults,
        .offline = s != NULL && s->offline,
        .files = s != NULL ? s->files : NULL,
    };

    expand_node(&x, at, 0);
    buf_free(&x.path);
}
