/* SPDX-License-Identifier: Apache-2.0 */
/* libyaml's events say where things begin and end. Ends of maps and lists in block style are those of their last part,
 * for libyaml has them where the next thing begins. What is taken out is only marked; yaml_text_write() makes changes
 * of the marks, sorts all by their offsets and copies what lies between. */
#include "command/migrate/yaml_text.h"

#include "base/ascii.h"
#include "config/yaml_mark.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct span_reader {
    yaml_parser_t parser;
    struct arena *arena;
    struct yaml_marks marks;
    size_t nodes;
    bool failed;
};

static struct span *read_span(struct span_reader *r, const yaml_event_t *event, struct span *parent, unsigned depth);

static bool next_event(struct span_reader *r, yaml_event_t *event)
{
    if (!r->failed && yaml_parser_parse(&r->parser, event) == 0)
        r->failed = true;
    return !r->failed;
}

static struct span *new_span(struct span_reader *r, enum yaml_kind kind, const yaml_event_t *event, struct span *parent)
{
    struct span *s = arena_zalloc(r->arena, sizeof(*s));

    s->kind = kind;
    s->parent = parent;
    s->from = yaml_mark_offset(&r->marks, event->start_mark);
    s->to = yaml_mark_offset(&r->marks, event->end_mark);
    while (s->to > s->from &&
           ascii_is_white(r->marks.text.data[s->to - 1])) /* a block of text ends with its last line */
        s->to--;
    s->begin = s->from;
    s->end = s->to;
    r->failed = r->failed || ++r->nodes > YAML_MAX_NODES;
    return s;
}

static void push_kid(struct span_reader *r, struct span *s, struct span *kid)
{
    if (s->n == s->cap) {
        struct span **wider = arena_alloc(r->arena, (s->cap * 2 + 4) * sizeof(*wider));

        if (s->n > 0)
            memcpy(wider, s->kids, s->n * sizeof(*wider));
        s->kids = wider;
        s->cap = s->cap * 2 + 4;
    }
    s->kids[s->n++] = kid;
    s->anchored = s->anchored || kid->anchored;
    if (!s->flow && kid->end > s->to)
        s->to = s->end = kid->end;
}

/* In block style an item begins with its dash. */
static void find_dash(const struct span_reader *r, struct span *item)
{
    size_t at = item->from;

    while (at > 0 && ascii_is_white(r->marks.text.data[at - 1]))
        at--;
    if (at > 0 && r->marks.text.data[at - 1] == '-')
        item->begin = at - 1;
    if (item->end < item->begin + 1)
        item->end = item->begin + 1;
}

static void read_items(struct span_reader *r, struct span *s, unsigned depth)
{
    yaml_event_t event;

    while (next_event(r, &event)) {
        struct span *item;

        if (event.type == YAML_SEQUENCE_END_EVENT) {
            if (s->flow)
                s->to = s->end = yaml_mark_offset(&r->marks, event.end_mark);
            yaml_event_delete(&event);
            return;
        }
        item = read_span(r, &event, s, depth + 1);
        yaml_event_delete(&event);
        if (item == NULL)
            return;
        if (!s->flow)
            find_dash(r, item);
        push_kid(r, s, item);
    }
}

/* The value behind a key. */
static bool read_entry(struct span_reader *r, struct span *s, const yaml_event_t *key, unsigned depth)
{
    size_t from = yaml_mark_offset(&r->marks, key->start_mark), to = yaml_mark_offset(&r->marks, key->end_mark);
    struct span *value;
    yaml_event_t event;

    if (key->type != YAML_SCALAR_EVENT && key->type != YAML_ALIAS_EVENT)
        r->failed = true;
    if (!next_event(r, &event))
        return false;
    value = read_span(r, &event, s, depth + 1);
    yaml_event_delete(&event);
    if (value == NULL)
        return false;
    value->key =
        key->type == YAML_SCALAR_EVENT ? arena_strndup(r->arena, key->data.scalar.value, key->data.scalar.length) : "";
    value->anchored = value->anchored || (key->type == YAML_SCALAR_EVENT && key->data.scalar.anchor != NULL);
    value->begin = value->key_from = from;
    value->key_to = to;
    if (value->end <= to) /* nothing, or nothing but the colon */
        value->end = to < r->marks.text.len && r->marks.text.data[to] == ':' ? to + 1 : to;
    push_kid(r, s, value);
    return true;
}

static void read_entries(struct span_reader *r, struct span *s, unsigned depth)
{
    yaml_event_t key;

    while (next_event(r, &key)) {
        bool end = key.type == YAML_MAPPING_END_EVENT, more;

        if (end && s->flow)
            s->to = s->end = yaml_mark_offset(&r->marks, key.end_mark);
        more = !end && read_entry(r, s, &key, depth);
        yaml_event_delete(&key);
        if (!more)
            return;
    }
}

/* A list or a map, without what is in it. */
static struct span *new_collection(struct span_reader *r, enum yaml_kind kind, const yaml_event_t *event,
                                   struct span *parent)
{
    struct span *s = new_span(r, kind, event, parent);

    if (kind == YAML_LIST) {
        s->flow = event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
        s->anchored = event->data.sequence_start.anchor != NULL;
    } else {
        s->flow = event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
        s->anchored = event->data.mapping_start.anchor != NULL;
    }
    return s;
}

static struct span *read_span(struct span_reader *r, const yaml_event_t *event, struct span *parent, unsigned depth)
{
    struct span *s;

    if (depth > YAML_MAX_DEPTH) {
        r->failed = true;
        return NULL;
    }
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        s = new_span(r, YAML_NULL, event, parent);
        s->alias = true;
        return s;
    case YAML_SCALAR_EVENT:
        s = new_span(r, YAML_SCALAR, event, parent);
        s->text = arena_strndup(r->arena, event->data.scalar.value, event->data.scalar.length);
        s->anchored = event->data.scalar.anchor != NULL;
        return s;
    case YAML_SEQUENCE_START_EVENT:
        s = new_collection(r, YAML_LIST, event, parent);
        read_items(r, s, depth);
        return s;
    case YAML_MAPPING_START_EVENT:
        s = new_collection(r, YAML_MAP, event, parent);
        read_entries(r, s, depth);
        return s;
    default:
        r->failed = true;
        return NULL;
    }
}

void yaml_text_read(struct yaml_text *t, struct arena *a, struct bytes text)
{
    struct span_reader r = { .arena = a, .marks.text = text };
    yaml_event_t event;
    bool end = false;

    *t = (struct yaml_text){ .arena = a, .text = text };
    if (yaml_parser_initialize(&r.parser) == 0)
        abort();
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, text.data != NULL ? text.data : (const uint8_t *)"", text.len);
    while (!end && next_event(&r, &event)) {
        if (event.type == YAML_MAPPING_START_EVENT && t->root == NULL)
            t->root = read_span(&r, &event, NULL, 1);
        else if (event.type != YAML_STREAM_START_EVENT && event.type != YAML_DOCUMENT_START_EVENT &&
                 event.type != YAML_DOCUMENT_END_EVENT && event.type != YAML_STREAM_END_EVENT)
            r.failed = true;
        end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    if (r.failed)
        t->root = NULL;
    yaml_parser_delete(&r.parser);
}

void yaml_text_free(struct yaml_text *t)
{
    vec_free(&t->changes);
}

struct span *span_get(const struct span *map, const char *key)
{
    for (size_t i = 0; map != NULL && map->kind == YAML_MAP && i < map->n; i++)
        if (strcmp(map->kids[i]->key, key) == 0)
            return map->kids[i];
    return NULL;
}

int yaml_text_line(const struct yaml_text *t, size_t at)
{
    int line = 1;

    for (size_t i = 0; i < at && i < t->text.len; i++)
        line += t->text.data[i] == '\n';
    return line;
}

/* --- changes --- */

void yaml_text_replace(struct yaml_text *t, size_t from, size_t to, const char *text)
{
    *vec_push(&t->changes) = (struct text_change){ from, to, arena_strdup(t->arena, text) };
}

bool yaml_text_substitute(struct yaml_text *t, const struct span *s, const char *old, const char *text)
{
    const uint8_t *at = s->kind == YAML_SCALAR && s->to > s->from
                            ? memmem(t->text.data + s->from, s->to - s->from, old, strlen(old))
                            : NULL;
    size_t from = at != NULL ? (size_t)(at - t->text.data) : 0;

    if (at != NULL)
        yaml_text_replace(t, from, from + strlen(old), text);
    return at != NULL;
}

static size_t line_begin(const struct yaml_text *t, size_t at)
{
    while (at > 0 && t->text.data[at - 1] != '\n')
        at--;
    return at;
}

static size_t line_end(const struct yaml_text *t, size_t at)
{
    while (at < t->text.len && t->text.data[at] != '\n')
        at++;
    return at;
}

size_t yaml_text_column(const struct yaml_text *t, size_t at)
{
    return at - line_begin(t, at);
}

const char *yaml_text_word(const struct yaml_text *t, size_t old, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/.-";
    bool quoted = old < t->text.len && (t->text.data[old] == '"' || t->text.data[old] == '\'');
    struct buf b = { 0 };
    const char *out;

    if (!quoted && word[strspn(word, plain)] == '\0')
        return word;
    buf_putc(&b, '"');
    for (; *word != '\0'; word++) {
        if (*word == '"' || *word == '\\')
            buf_putc(&b, '\\');
        buf_putc(&b, *word);
    }
    buf_putc(&b, '"');
    out = arena_strdup(t->arena, buf_cstr(&b));
    buf_free(&b);
    return out;
}

/* Nothing stands before it on its line. */
static bool begins_line(const struct yaml_text *t, const struct span *s)
{
    for (size_t i = line_begin(t, s->begin); i < s->begin; i++)
        if (!ascii_is_white(t->text.data[i]))
            return false;
    return true;
}

bool yaml_text_take_out(struct yaml_text *t, struct span *s, const char *reason)
{
    if (s->anchored || s->parent == NULL)
        return false;
    if (!s->parent->flow && !begins_line(t, s)) {
        /* The first key of an item stands behind its dash. */
        if (s->parent->n == 1 && s->parent->parent != NULL && s->parent->parent->kind == YAML_LIST)
            return yaml_text_take_out(t, s->parent, reason);
        return false;
    }
    s->gone = true;
    s->reason = reason != NULL ? arena_strdup(t->arena, reason) : NULL;
    return true;
}

/* "# " in front of each of its lines, and the reason above them. */
static void change_to_comment(struct yaml_text *t, const struct span *s)
{
    size_t begin = line_begin(t, s->begin), indent = s->begin - begin;
    const char *blanks = arena_strndup(t->arena, t->text.data + begin, indent);
    const char *mark = s->reason != NULL ? arena_printf(t->arena, "# otelcd: %s\n%s# ", s->reason, blanks) : "# ";

    for (size_t line = begin; line < s->end || line == begin; line = line_end(t, line) + 1, mark = "# ") {
        size_t at = line, end = line_end(t, line);

        while (at < end && at < line + indent && ascii_is_white(t->text.data[at]))
            at++;
        if (at < end && t->text.data[at] != '\r')
            yaml_text_replace(t, at, at, mark);
    }
}

/* Those of a map or list in brackets that are gone, each run of them with its commas. */
static void change_brackets(struct yaml_text *t, const struct span *s)
{
    for (size_t i = 0; i < s->n; i++) {
        size_t next = i;

        if (!s->kids[i]->gone)
            continue;
        while (next < s->n && s->kids[next]->gone)
            next++;
        if (next < s->n)
            yaml_text_replace(t, s->kids[i]->begin, s->kids[next]->begin, "");
        else
            yaml_text_replace(t, i > 0 ? s->kids[i - 1]->end : s->kids[i]->begin, s->kids[next - 1]->end, "");
        i = next - 1;
    }
}

/* What is put in front of it does not. */
static bool lies_in(const struct text_change *c, const struct span *s)
{
    return c->from >= s->begin && c->to > s->begin && c->to <= s->end;
}

/* What was to be changed inside of what is gone. */
static void forget_changes(struct yaml_text *t, const struct span *s)
{
    size_t n = 0;

    for (size_t i = 0; i < t->changes.n; i++)
        if (!lies_in(&t->changes.v[i], s))
            t->changes.v[n++] = t->changes.v[i];
    t->changes.n = n;
}

static void change_gone(struct yaml_text *t, const struct span *s)
{
    if (s->gone) {
        forget_changes(t, s);
        if (!s->parent->flow)
            change_to_comment(t, s);
        return;
    }
    for (size_t i = 0; i < s->n; i++)
        change_gone(t, s->kids[i]);
    if (s->flow)
        change_brackets(t, s);
}

/* By their places; of those at one place what is put in before what replaces. qsort() is not stable. */
static int by_offset(const void *pa, const void *pb)
{
    const struct text_change *a = pa, *b = pb;

    if (a->from != b->from)
        return a->from < b->from ? -1 : 1;
    return (a->to > b->to) - (a->to < b->to);
}

void yaml_text_write(struct yaml_text *t, struct buf *out)
{
    size_t at = 0;

    if (t->root != NULL)
        change_gone(t, t->root);
    if (t->changes.n > 0)
        qsort(t->changes.v, t->changes.n, sizeof(*t->changes.v), by_offset);
    for (size_t i = 0; i < t->changes.n; i++) {
        const struct text_change *c = &t->changes.v[i];

        if (c->from < at)
            continue; /* inside of another: that one has its place already */
        buf_append(out, t->text.data + at, c->from - at);
        buf_puts(out, c->text);
        at = c->to;
    }
    buf_append(out, t->text.data + at, t->text.len - at);
}
