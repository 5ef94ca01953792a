/* SPDX-License-Identifier: Apache-2.0 */
/* Processors that became connectors: spanmetrics and servicegraph. They stood in a pipeline of traces and handed their
 * metrics to an exporter that they named. Their block is copied, with its comments, to `connectors`, and a pipeline
 * of its own takes the metrics to that exporter; the pipelines that named the processor name the connector among
 * their exporters. What was there stays as a comment.
 *
 * What can go wrong: there is no such exporter, no pipeline uses it, the section that it goes to is written in a way
 * that has no place for more. Then nothing is changed, and it is missing as any component that is not here. */
#include "command/migrate/migration.h"

#include "base/mem.h"
#include "service/config.h"
#include "service/foreign.h"

#include <stdlib.h>
#include <string.h>

struct became {
    const char *types; /* as they are spelled without underscores */
    const char *to;
    const char *buckets; /* what latency_histogram_buckets is today; NULL: the same */
    const char *told;
};

static const struct became became[] = {
    { "spanmetrics", "span_metrics", "histogram: {explicit: {buckets: %s}}",
      "its metrics are named traces.span.metrics.calls and traces.span.metrics.duration, no longer calls_total and "
      "latency; namespace: \"\" leaves the front away" },
    { "servicegraph", "service_graph", NULL, "its metrics have the same names" },
};

static const struct became *find_became(const char *id)
{
    const char *slash = strchr(id, '/');
    size_t n = slash != NULL ? (size_t)(slash - id) : strlen(id);
    char type[64];

    if (n >= sizeof(type))
        return NULL;
    memcpy(type, id, n);
    type[n] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(became); i++)
        if (foreign_is_spelling(type, became[i].types, strlen(became[i].types)))
            return &became[i];
    return NULL;
}

/* ---- where its metrics went, and who feeds it ---- */

static bool list_names(const struct span *list, const char *id)
{
    for (size_t i = 0; list != NULL && list->kind == YAML_LIST && i < list->n; i++)
        if (list->kids[i]->kind == YAML_SCALAR && list->kids[i]->to > list->kids[i]->from &&
            strcmp(list->kids[i]->text, id) == 0)
            return true;
    return false;
}

static const struct span *pipelines_of(const struct migration *m)
{
    const struct span *pipelines = span_get(span_get(m->text.root, "service"), "pipelines");

    return pipelines != NULL && pipelines->kind == YAML_MAP && !pipelines->flow ? pipelines : NULL;
}

/* The exporter under its name of today; NULL: it named none that is still there. */
static const char *exporter_of(const struct migration *m, const struct span *body)
{
    const struct span *named = span_get(body, "metrics_exporter");
    const struct moved *moved;

    if (named == NULL || named->kind != YAML_SCALAR || named->to == named->from ||
        span_get(span_get(m->text.root, "exporters"), named->text) == NULL)
        return NULL;
    moved = migration_moved(m, COMPONENT_EXPORTER, named->text);
    return moved != NULL ? moved->to : named->text;
}

/* Each pipeline that uses it has a list of exporters that can take one more. */
static bool can_feed(const struct span *pipelines, const char *id)
{
    size_t n = 0;

    for (size_t i = 0; i < pipelines->n; i++) {
        const struct span *exporters = span_get(pipelines->kids[i], "exporters");

        if (!list_names(span_get(pipelines->kids[i], "processors"), id))
            continue;
        if (exporters == NULL || exporters->kind != YAML_LIST || exporters->n == 0)
            return false;
        n++;
    }
    return n > 0;
}

/* ---- the block, as text of a section's entry ---- */

static size_t line_end(const struct migration *m, size_t at)
{
    const struct bytes *text = &m->text.text;
    const uint8_t *end = at < text->len ? memchr(text->data + at, '\n', text->len - at) : NULL;

    return end != NULL ? (size_t)(end - text->data) + 1 : text->len;
}

static void put_list(const struct span *list, struct buf *out)
{
    buf_putc(out, '[');
    for (size_t i = 0; i < list->n; i++)
        buf_printf(out, "%s%s", i > 0 ? ", " : "", list->kids[i]->text != NULL ? list->kids[i]->text : "");
    buf_putc(out, ']');
}

/* What this key is written as today. False: it stays as it is. */
static bool put_changed(const struct became *b, const struct span *kid, struct buf *out)
{
    struct buf list = { 0 };

    if (b->buckets == NULL || strcmp(kid->key, "latency_histogram_buckets") != 0 || kid->kind != YAML_LIST)
        return false;
    put_list(kid, &list);
    buf_puts(out, "histogram: {explicit: {buckets: ");
    buf_put(out, buf_bytes(&list));
    buf_puts(out, "}}");
    buf_free(&list);
    return true;
}

/* In brackets: `{a: b, c: d}`. */
static void put_flow(const struct migration *m, const struct became *b, const struct span *body, struct buf *out)
{
    bool any = false;

    buf_puts(out, ": {");
    for (size_t i = 0; i < body->n; i++) {
        const struct span *kid = body->kids[i];

        if (strcmp(kid->key, "metrics_exporter") == 0)
            continue;
        buf_puts(out, any ? ", " : "");
        any = true;
        if (!put_changed(b, kid, out))
            buf_append(out, m->text.text.data + kid->begin, kid->end - kid->begin);
    }
    buf_puts(out, "}\n");
}

/* Whole lines of one indentation, at another. */
static void put_shifted(struct bytes lines, size_t from, size_t to, struct buf *out)
{
    while (lines.len > 0) {
        const uint8_t *end = memchr(lines.data, '\n', lines.len);
        size_t n = end != NULL ? (size_t)(end - lines.data) + 1 : lines.len, blanks = 0;

        while (blanks < n && blanks < from && lines.data[blanks] == ' ')
            blanks++;
        if (lines.data[blanks] != '\n' && to > from - blanks)
            buf_printf(out, "%*s", (int)(to - (from - blanks)), "");
        buf_append(out, lines.data + blanks, n - blanks);
        lines = bytes_skip(lines, n);
    }
}

/* Lines, with what stands above and behind each key. */
static void put_block(const struct migration *m, const struct became *b, const struct span *body, struct buf *out)
{
    const uint8_t *text = m->text.text.data;
    size_t at = line_end(m, body->key_to);

    buf_puts(out, ":\n");
    for (size_t i = 0; i < body->n; i++) {
        const struct span *kid = body->kids[i];
        size_t end = line_end(m, kid->end > kid->begin ? kid->end - 1 : kid->begin);

        if (strcmp(kid->key, "metrics_exporter") != 0) {
            buf_append(out, text + at, kid->begin - at);
            if (put_changed(b, kid, out))
                buf_putc(out, '\n');
            else
                buf_append(out, text + kid->begin, end - kid->begin);
        }
        at = end;
    }
    if (out->data[out->len - 1] != '\n')
        buf_putc(out, '\n');
}

/* `id:` and what is below it, as it would stand where the processor stands. */
static void put_entry(const struct migration *m, const struct became *b, const struct span *body, const char *id,
                      struct buf *out)
{
    buf_printf(out, "%*s%s", (int)yaml_text_column(&m->text, body->begin), "", id);
    if (body->flow)
        put_flow(m, b, body, out);
    else
        put_block(m, b, body, out);
}

/* ---- putting it in ---- */

/* Where entries of `connectors` go: in front of the first, or in a section in front of `service`. */
struct insertion {
    size_t at, column;
    bool made; /* the section's own line has to be written too */
};

static bool find_insertion(const struct migration *m, const struct span *processor, struct insertion *p)
{
    const struct span *section = span_get(m->text.root, "connectors"), *service = span_get(m->text.root, "service");

    if (service == NULL || service->gone)
        return false;
    if (section != NULL && (section->kind != YAML_MAP || section->flow || section->n == 0 || section->gone))
        return false;
    p->made = section == NULL;
    p->column = yaml_text_column(&m->text, section != NULL ? section->kids[0]->begin : processor->begin);
    p->at = section != NULL ? section->kids[0]->begin - p->column : service->begin;
    return section != NULL || yaml_text_column(&m->text, service->begin) == 0;
}

/* An id that no connector, nor what it stands beside, has or gets. */
static bool is_used(const struct migration *m, const char *id)
{
    static const enum component_kind kinds[] = { COMPONENT_CONNECTOR, COMPONENT_RECEIVER, COMPONENT_EXPORTER };

    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        if (span_get(span_get(m->text.root, config_sections[kinds[k]]), id) != NULL)
            return true;
        for (size_t i = 0; i < m->moved.n; i++)
            if (m->moved.v[i].kind == kinds[k] && m->moved.v[i].to != NULL && strcmp(m->moved.v[i].to, id) == 0)
                return true;
    }
    return false;
}

static const char *free_id(const struct migration *m, const char *to, const char *old)
{
    const char *slash = strchr(old, '/'), *id = arena_printf(m->text.arena, "%s%s", to, slash != NULL ? slash : "");

    while (is_used(m, id))
        id = arena_printf(m->text.arena, "%s%s", id, strchr(id, '/') != NULL ? "_old" : "/old");
    return id;
}

/* In front of the first: behind its bracket, or on a line of its own. */
static void put_first(struct migration *m, const struct span *map_or_list, const char *entry)
{
    size_t at = map_or_list->kids[0]->begin, column = yaml_text_column(&m->text, at);

    if (map_or_list->flow)
        yaml_text_replace(&m->text, at, at, arena_printf(&m->arena, "%s, ", entry));
    else
        yaml_text_replace(
            &m->text, at - column, at - column,
            arena_printf(&m->arena, "%*s%s%s\n", (int)column, "", map_or_list->kind == YAML_LIST ? "- " : "", entry));
}

/* Those that used the processor feed the connector, and a pipeline of its own takes its metrics. */
static void rewire_pipelines(struct migration *m, const char *processor, const char *id, const char *exporter)
{
    const struct span *pipelines = pipelines_of(m);
    char *name = arena_printf(&m->arena, "metrics/%s", id);

    for (size_t i = 0; i < pipelines->n; i++)
        if (list_names(span_get(pipelines->kids[i], "processors"), processor))
            put_first(m, span_get(pipelines->kids[i], "exporters"), id);
    for (char *slash = strrchr(name, '/'); slash != strchr(name, '/'); slash = strrchr(name, '/'))
        *slash = '_';
    while (span_get(pipelines, name) != NULL)
        name = arena_printf(&m->arena, "%s_old", name);
    put_first(m, pipelines, arena_printf(&m->arena, "%s: {receivers: [%s], exporters: [%s]}", name, id, exporter));
}

/* ---- the whole ---- */

static bool move_processor(struct migration *m, struct span *processor, const struct insertion *insertion,
                           struct buf *text)
{
    const struct became *b = find_became(processor->key);
    const struct span *pipelines = pipelines_of(m);
    const char *exporter = exporter_of(m, processor), *id;
    struct buf entry = { 0 };

    if (exporter == NULL || pipelines == NULL || !can_feed(pipelines, processor->key) ||
        !yaml_text_take_out(&m->text, processor, "is a connector now, below connectors"))
        return false;
    id = free_id(m, b->to, processor->key);
    put_entry(m, b, processor, id, &entry);
    put_shifted(buf_bytes(&entry), yaml_text_column(&m->text, processor->begin), insertion->column, text);
    rewire_pipelines(m, processor->key, id, exporter);
    *vec_push(&m->moved) = (struct moved){ COMPONENT_CONNECTOR, "", id }; /* nobody has named it yet */
    migration_note(m, NOTE_REPLACED, processor, arena_printf(&m->arena, "processors::%s", processor->key),
                   "is the connector %s now, which the pipelines that used it feed after their other processors; "
                   "%s gets its metrics as before; %s",
                   id, exporter, b->told);
    buf_free(&entry);
    return true;
}

bool migrate_is_connector(const char *id)
{
    return find_became(id) != NULL;
}

void migrate_connectors(struct migration *m, const struct span *processors,
                        void (*lose)(struct migration *m, struct span *processor))
{
    struct insertion insertion = { 0 };
    struct buf entries = { 0 };
    bool possible = processors->n > 0 && !processors->flow && find_insertion(m, processors->kids[0], &insertion);

    for (size_t i = 0; i < processors->n; i++) {
        struct span *processor = processors->kids[i];

        if (find_became(processor->key) == NULL)
            continue;
        if (possible && move_processor(m, processor, &insertion, &entries))
            *vec_push(&m->moved) = (struct moved){ COMPONENT_PROCESSOR, processor->key, NULL };
        else
            lose(m, processor);
    }
    if (entries.len > 0)
        yaml_text_replace(&m->text, insertion.at, insertion.at,
                          arena_printf(&m->arena, insertion.made ? "connectors:\n%s\n" : "%s", buf_cstr(&entries)));
    buf_free(&entries);
}
