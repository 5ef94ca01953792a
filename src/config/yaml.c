/* SPDX-License-Identifier: Apache-2.0 */
/* libyaml's events become nodes: read_node() asks what an event begins and reads it to its end, lists and maps by
 * calling itself. Anchors are kept by name and aliases copied; what `<<` merges goes in when its map is complete,
 * behind the map's own keys.
 *
 * Two kinds of faults: add_fault() for what can be passed over (a key twice, an alias of nothing), so that one run
 * finds as much as it can; fail_at() for what cannot (libyaml's own, which get a hint where we know one, and the bounds
 * on nodes, depth, keys and bytes), after which nothing more is read and there is no tree. */
#include "config/yaml.h"
#include "config/yaml_mark.h"

#include <errno.h>
#include <stdlib.h>
#include <yaml.h>

struct anchor {
    const char *name;
    struct yaml_node *node;
};

struct reader {
    yaml_parser_t parser;
    struct arena *arena;
    const char *file;
    int line, column; /* where the text begins */
    struct faults *faults;
    size_t nodes;
    struct yaml_marks marks;
    bool failed;
    VEC(struct anchor) anchors;
};

static struct yaml_node *read_node(struct reader *r, const yaml_event_t *event, unsigned depth);

/* --- locations and faults --- */

static int line_at(const struct reader *r, yaml_mark_t mark)
{
    return r->line + (int)mark.line;
}

static int column_at(const struct reader *r, yaml_mark_t mark)
{
    return (mark.line == 0 ? r->column - 1 : 0) + (int)mark.column + 1;
}

static void fail_at(struct reader *r, yaml_mark_t mark, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void add_fault(struct reader *r, yaml_mark_t mark, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* And nothing more is read. */
static void fail_at(struct reader *r, yaml_mark_t mark, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fault_vadd(r->faults, r->file, line_at(r, mark), column_at(r, mark), "", false, fmt, args);
    va_end(args);
    r->failed = true;
}

/* A fault as well, but the rest can be read, so that its faults are found too. */
static void add_fault(struct reader *r, yaml_mark_t mark, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fault_vadd(r->faults, r->file, line_at(r, mark), column_at(r, mark), "", false, fmt, args);
    va_end(args);
}

/* libyaml has no mark for bytes that are no characters, only their offset. */
static yaml_mark_t mark_of(const struct reader *r, size_t offset)
{
    yaml_mark_t mark = { 0 };

    for (size_t i = 0; i < offset && i < r->marks.text.len; i++) {
        mark.column += (r->marks.text.data[i] & 0xc0) != 0x80;
        if (r->marks.text.data[i] == '\n')
            mark.line++, mark.column = 0;
    }
    return mark;
}

/* Of what libyaml complains of: is it the brace of ${? */
static bool stops_at_variable(const struct reader *r)
{
    size_t characters = 0;

    for (size_t i = 0; i < r->marks.text.len; i++)
        if ((r->marks.text.data[i] & 0xc0) != 0x80 && characters++ == r->parser.problem_mark.index)
            return i > 0 && r->marks.text.data[i] == '{' && r->marks.text.data[i - 1] == '$';
    return false;
}

/* libyaml's own problem, in words that say what to do where we know. */
static void complain_parser(struct reader *r)
{
    const char *problem = r->parser.problem != NULL ? r->parser.problem : "cannot be read as YAML";
    yaml_mark_t mark = r->parser.problem_mark;
    bool begun = false; /* where it began says more than where it failed */
    const char *hint = "";

    if (strstr(problem, "cannot start any token") != NULL)
        hint = "; indent with spaces, not tabs, and put text that begins with a special character in quotes";
    else if (strstr(problem, "found a tab character") != NULL)
        hint = "; indent with spaces, not tabs";
    else if (strstr(problem, "did not find expected key") != NULL)
        hint = "; check that this line is indented like its neighbours";
    else if (strstr(problem, "mapping values are not allowed") != NULL)
        hint = "; put values that contain \": \" in quotes, and check the indentation";
    else if (strstr(problem, "could not find expected ':'") != NULL)
        begun = true, hint = "; a key is followed by a colon and a space";
    else if (strstr(problem, "did not find expected alphabetic or numeric character") != NULL)
        begun = true, hint = "; put text that begins with * or & in quotes: \"*\"";
    else if (strstr(problem, "unexpected end of stream") != NULL)
        begun = true, hint = "; the quote that begins here is not closed";
    else if (stops_at_variable(r))
        mark.column--, hint = "; between braces or brackets ${...} stands in quotes: \"${env:NAME}\"";
    else if (strstr(problem, "did not find expected ',' or") != NULL ||
             strstr(problem, "did not find expected node content") != NULL)
        begun = true, hint = "; the bracket that begins here is not closed";
    if (begun && r->parser.context != NULL)
        mark = r->parser.context_mark;
    if (r->parser.error == YAML_READER_ERROR) {
        mark = mark_of(r, r->parser.problem_offset);
        hint = "; save the file as UTF-8, without control characters";
    }
    fail_at(r, mark, "%s%s%s%s", problem, r->parser.context != NULL ? " " : "",
            r->parser.context != NULL ? r->parser.context : "", hint);
}

static bool next_event(struct reader *r, yaml_event_t *event)
{
    if (r->failed)
        return false;
    if (yaml_parser_parse(&r->parser, event) == 0) {
        complain_parser(r);
        return false;
    }
    return true;
}

/* --- building --- */

struct yaml_node *yaml_new(struct arena *a, enum yaml_kind kind, const struct yaml_node *at)
{
    struct yaml_node *n = arena_zalloc(a, sizeof(*n));

    n->kind = kind;
    n->file = at != NULL ? at->file : "";
    n->line = at != NULL ? at->line : 0;
    n->column = at != NULL ? at->column : 0;
    return n;
}

struct yaml_node *yaml_scalar(struct arena *a, const char *text, bool plain, const struct yaml_node *at)
{
    struct yaml_node *n = yaml_new(a, YAML_SCALAR, at);

    n->text = arena_strdup(a, text);
    n->plain = plain;
    return n;
}

/* Documents are many nodes of one file: its name is copied once. */
static struct yaml_node *copy_below(struct arena *a, const struct yaml_node *n, const struct yaml_node *parent,
                                    const char *parent_file)
{
    struct yaml_node *c = yaml_new(a, n->kind, n);

    c->file = parent != NULL && n->file == parent->file ? parent_file : arena_strdup(a, n->file);
    c->plain = n->plain;
    c->quoted = n->quoted;
    c->comment = n->comment;
    c->source = n->source != NULL ? arena_strdup(a, n->source) : NULL;
    c->text = n->text != NULL ? arena_strdup(a, n->text) : NULL;
    c->original = n->original != NULL ? arena_strdup(a, n->original) : NULL;
    for (size_t i = 0; n->kind == YAML_MAP && i < n->n; i++)
        yaml_put(a, c, arena_strdup(a, n->pairs[i].key), n->pairs[i].line, n->pairs[i].column,
                 copy_below(a, n->pairs[i].value, n, c->file));
    for (size_t i = 0; n->kind == YAML_LIST && i < n->n; i++)
        yaml_push(a, c, copy_below(a, n->items[i], n, c->file));
    return c;
}

struct yaml_node *yaml_copy(struct arena *a, const struct yaml_node *n)
{
    return n != NULL ? copy_below(a, n, NULL, NULL) : NULL;
}

/* Room for one more element of `size`. */
static void *grow_array(struct arena *a, void *old, size_t n, size_t *cap, size_t size)
{
    void *wider;

    if (n < *cap)
        return old;
    *cap = *cap > 0 ? *cap * 2 : 4;
    wider = arena_alloc(a, *cap * size);
    if (n > 0)
        memcpy(wider, old, n * size);
    return wider;
}

void yaml_put(struct arena *a, struct yaml_node *map, const char *key, int line, int column, struct yaml_node *value)
{
    map->pairs = grow_array(a, map->pairs, map->n, &map->cap, sizeof(*map->pairs));
    map->pairs[map->n++] = (struct yaml_pair){ key, line, column, value };
}

void yaml_push(struct arena *a, struct yaml_node *list, struct yaml_node *item)
{
    list->items = grow_array(a, list->items, list->n, &list->cap, sizeof(*list->items));
    list->items[list->n++] = item;
}

const struct yaml_pair *yaml_pair(const struct yaml_node *map, const char *key)
{
    if (map == NULL || map->kind != YAML_MAP)
        return NULL;
    for (size_t i = 0; i < map->n; i++)
        if (strcmp(map->pairs[i].key, key) == 0)
            return &map->pairs[i];
    return NULL;
}

struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
    const struct yaml_pair *p = yaml_pair(map, key);

    return p != NULL ? p->value : NULL;
}

const struct yaml_node *yaml_at(const struct yaml_node *n, const char *path)
{
    while (n != NULL && *path != '\0') {
        const char *sep = strstr(path, "::");
        char key[256];

        snprintf(key, sizeof(key), "%.*s", sep != NULL ? (int)(sep - path) : (int)strlen(path), path);
        n = yaml_get(n, key);
        path = sep != NULL ? sep + 2 : "";
    }
    return n;
}

/* --- reading --- */

static struct yaml_node *node_at(struct reader *r, enum yaml_kind kind, yaml_mark_t mark)
{
    struct yaml_node *n = yaml_new(r->arena, kind, NULL);

    n->file = r->file;
    n->line = line_at(r, mark);
    n->column = column_at(r, mark);
    if (++r->nodes > YAML_MAX_NODES && !r->failed)
        fail_at(r, mark, "the document has more than %u nodes; is an alias nested in itself?", YAML_MAX_NODES);
    return n;
}

static struct yaml_node *copy_node(struct reader *r, const struct yaml_node *n, yaml_mark_t mark)
{
    struct yaml_node *c = node_at(r, n->kind, mark);

    c->text = n->text;
    c->plain = n->plain;
    c->source = n->source;
    if (r->failed)
        return c;
    for (size_t i = 0; n->kind == YAML_MAP && i < n->n && !r->failed; i++)
        yaml_put(r->arena, c, n->pairs[i].key, c->line, c->column, copy_node(r, n->pairs[i].value, mark));
    for (size_t i = 0; n->kind == YAML_LIST && i < n->n && !r->failed; i++)
        yaml_push(r->arena, c, copy_node(r, n->items[i], mark));
    return c;
}

static void remember_anchor(struct reader *r, const yaml_char_t *name, struct yaml_node *node)
{
    if (name != NULL)
        *vec_push(&r->anchors) = (struct anchor){ arena_strdup(r->arena, (const char *)name), node };
}

static struct yaml_node *read_alias(struct reader *r, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;

    for (size_t i = r->anchors.n; i-- > 0;)
        if (strcmp(r->anchors.v[i].name, name) == 0)
            return copy_node(r, r->anchors.v[i].node, event->start_mark);
    add_fault(r, event->start_mark, "alias *%s has no anchor &%s before it", name, name);
    return node_at(r, YAML_NULL, event->start_mark);
}

/* What stands in the file; nothing when that is the text. */
static void keep_source(struct reader *r, struct yaml_node *n, const yaml_event_t *event)
{
    size_t from = yaml_mark_offset(&r->marks, event->start_mark),
           len = yaml_mark_offset(&r->marks, event->end_mark) - from;

    if (len != event->data.scalar.length || memcmp(r->marks.text.data + from, n->text, len) != 0)
        n->source = arena_strndup(r->arena, r->marks.text.data + from, len);
}

static struct yaml_node *read_scalar(struct reader *r, const yaml_event_t *event)
{
    struct yaml_node *n = node_at(r, YAML_SCALAR, event->start_mark);
    const char *tag = (const char *)event->data.scalar.tag;

    if (memchr(event->data.scalar.value, 0, event->data.scalar.length) != NULL)
        add_fault(r, event->start_mark, "a value must not contain NUL");
    n->text = arena_strndup(r->arena, event->data.scalar.value, event->data.scalar.length);
    n->plain = event->data.scalar.plain_implicit;
    keep_source(r, n, event);
    if (tag != NULL && strcmp(tag, "tag:yaml.org,2002:str") == 0)
        n->plain = false;
    else if (tag != NULL && strcmp(tag, "tag:yaml.org,2002:binary") == 0)
        add_fault(r, event->start_mark, "!!binary is not read here: write the text itself");
    else if (tag != NULL && strncmp(tag, "tag:yaml.org,2002:", 18) == 0)
        n->plain = true;
    remember_anchor(r, event->data.scalar.anchor, n);
    return n;
}

static struct yaml_node *read_list(struct reader *r, const yaml_event_t *begin, unsigned depth)
{
    struct yaml_node *n = node_at(r, YAML_LIST, begin->start_mark);
    yaml_event_t event;

    while (next_event(r, &event)) {
        bool end = event.type == YAML_SEQUENCE_END_EVENT;

        if (!end)
            yaml_push(r->arena, n, read_node(r, &event, depth + 1));
        yaml_event_delete(&event);
        if (end)
            break;
    }
    remember_anchor(r, begin->data.sequence_start.anchor, n);
    return n;
}

/* `<<`: what the map does not say itself comes from these. */
static void merge_into(struct reader *r, struct yaml_node *map, const struct yaml_node *from, yaml_mark_t mark)
{
    if (from->kind == YAML_LIST) {
        for (size_t i = 0; i < from->n; i++)
            merge_into(r, map, from->items[i], mark);
        return;
    }
    if (from->kind != YAML_MAP) {
        add_fault(r, mark, "`<<` takes a map, or a list of maps");
        return;
    }
    for (size_t i = 0; i < from->n; i++)
        if (yaml_pair(map, from->pairs[i].key) == NULL)
            yaml_put(r->arena, map, from->pairs[i].key, from->pairs[i].line, from->pairs[i].column,
                     from->pairs[i].value);
}

/* The key of a map entry. */
static const char *read_key(struct reader *r, const yaml_event_t *event)
{
    struct yaml_node *alias;

    if (event->type == YAML_ALIAS_EVENT && (alias = read_alias(r, event))->kind == YAML_SCALAR)
        return alias->text;
    if (event->type != YAML_SCALAR_EVENT) {
        fail_at(r, event->start_mark, "a key must be a plain word");
        return "";
    }
    return read_scalar(r, event)->text;
}

/* `again` is a second value of the key. What both say is taken as meant. */
static void read_repeated(struct reader *r, const yaml_event_t *key, const struct yaml_pair *first,
                          const struct yaml_node *again)
{
    add_fault(r, key->start_mark, "the key \"%s\" stands here already, at line %d", first->key, first->line);
    if (first->value->kind == YAML_MAP && again->kind == YAML_MAP)
        merge_into(r, first->value, again, key->start_mark);
}

static void put_pair(struct reader *r, struct yaml_node *map, struct yaml_pair *merged, const yaml_event_t *key,
                     struct yaml_pair pair)
{
    const struct yaml_pair *first = yaml_pair(map, pair.key);

    if (strcmp(pair.key, "<<") == 0 && key->type == YAML_SCALAR_EVENT && key->data.scalar.plain_implicit) {
        if (merged->value != NULL)
            read_repeated(r, key, merged, pair.value);
        else
            *merged = pair;
    } else if (first != NULL) {
        read_repeated(r, key, first, pair.value);
    } else if (map->n == YAML_MAX_KEYS) {
        fail_at(r, key->start_mark, "a map of more than %u keys", YAML_MAX_KEYS);
    } else {
        yaml_put(r->arena, map, pair.key, pair.line, pair.column, pair.value);
    }
}

static struct yaml_node *read_map(struct reader *r, const yaml_event_t *begin, unsigned depth)
{
    struct yaml_node *n = node_at(r, YAML_MAP, begin->start_mark);
    struct yaml_pair merged = { 0 };
    yaml_event_t key, value;

    while (next_event(r, &key)) {
        bool end = key.type == YAML_MAPPING_END_EVENT;
        const char *name = end ? NULL : read_key(r, &key);

        if (!end && next_event(r, &value)) {
            struct yaml_node *node = read_node(r, &value, depth + 1);

            put_pair(r, n, &merged, &key,
                     (struct yaml_pair){ name, line_at(r, key.start_mark), column_at(r, key.start_mark), node });
            yaml_event_delete(&value);
        }
        yaml_event_delete(&key);
        if (end)
            break;
    }
    if (merged.value != NULL)
        merge_into(r, n, merged.value, begin->start_mark);
    remember_anchor(r, begin->data.mapping_start.anchor, n);
    return n;
}

static struct yaml_node *read_node(struct reader *r, const yaml_event_t *event, unsigned depth)
{
    if (depth > YAML_MAX_DEPTH) {
        fail_at(r, event->start_mark, "nested deeper than %u levels", YAML_MAX_DEPTH);
        return node_at(r, YAML_NULL, event->start_mark);
    }
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        return read_alias(r, event);
    case YAML_SCALAR_EVENT: {
        struct yaml_node *n = read_scalar(r, event);

        if (yaml_type(n) == YAML_NIL)
            n->kind = YAML_NULL;
        return n;
    }
    case YAML_SEQUENCE_START_EVENT:
        return read_list(r, event, depth);
    case YAML_MAPPING_START_EVENT:
        return read_map(r, event, depth);
    default:
        fail_at(r, event->start_mark, "unexpected end of the document");
        return node_at(r, YAML_NULL, event->start_mark);
    }
}

static struct yaml_node *read_documents(struct reader *r)
{
    struct yaml_node *root = NULL;
    yaml_event_t event;
    bool end = false;

    while (!end && next_event(r, &event)) {
        switch (event.type) {
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_START_EVENT:
        case YAML_DOCUMENT_END_EVENT:
            break;
        case YAML_STREAM_END_EVENT:
            end = true;
            break;
        default:
            if (root != NULL)
                fail_at(r, event.start_mark, "a second document begins here; a configuration is one document");
            else
                root = read_node(r, &event, 1);
        }
        yaml_event_delete(&event);
    }
    if (root == NULL)
        root = node_at(r, YAML_NULL, (yaml_mark_t){ 0 });
    return root;
}

struct yaml_node *yaml_read(struct arena *a, struct bytes text, const char *file, int line, int column,
                            struct faults *faults)
{
    struct reader r = { .arena = a, .file = arena_strdup(a, file), .line = line, .column = column, .faults = faults };
    struct yaml_node *root;

    if (text.len > YAML_MAX_BYTES) {
        fail_at(&r, (yaml_mark_t){ 0 }, "larger than %u bytes", YAML_MAX_BYTES);
        return NULL;
    }
    if (yaml_parser_initialize(&r.parser) == 0)
        abort();
    r.marks.text = text;
    yaml_parser_set_input_string(&r.parser, text.data != NULL ? text.data : (const uint8_t *)"", text.len);
    root = read_documents(&r);
    yaml_parser_delete(&r.parser);
    vec_free(&r.anchors);
    return r.failed ? NULL : root;
}
