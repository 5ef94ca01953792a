/* SPDX-License-Identifier: Apache-2.0 */
/* A Jaeger span as a span of OTLP. Kind, status, scope and trace state are tags of agreed names there: they are taken
 * first, and what is left of the tags are attributes, as the process's are of the resource. Nothing can go wrong. */
#include "spans/jaeger.h"

#include "otlp/fields.h"

#include <stdlib.h>
#include <strings.h>

#define REFERENCE_TYPE "opentracing.ref_type"

static const uint8_t none[16];

static bool is_blank(const struct jaeger_span *j)
{
    return memcmp(j->trace_id, none, sizeof(j->trace_id)) == 0 && memcmp(j->span_id, none, sizeof(j->span_id)) == 0 &&
           j->name.len == 0 && j->flags == 0 && j->start == 0 && j->duration == 0 && j->tags.list.n == 0 &&
           j->logs.n == 0 && j->references.n == 0;
}

/* ---- resource and scope ---- */

static void rename_tag(struct tags *t, const char *from, const char *to)
{
    const struct tag *tag = tags_find(t, from);

    if (tag == NULL || tags_find(t, to) != NULL)
        return;
    tag = tags_take(t, from);
    tags_put(t, bytes_str(to), tag->value);
}

static void name_version(struct jaeger_span *j)
{
    static const char to[] = "opencensus.exporterversion";
    struct bytes version = { NULL, 0 };

    if (tags_find(&j->process, to) != NULL || !tags_take_text(&j->process, "jaeger.version", &version))
        return;
    tags_put_text(&j->process, bytes_str(to),
                  bytes_str(arena_printf(&j->arena, "Jaeger-%.*s", (int)(version.len < 1000 ? version.len : 1000),
                                         (const char *)version.data)));
}

static void put_resource(struct jaeger_span *j, struct buf *out)
{
    rename_tag(&j->process, "hostname", "host.name");
    name_version(j);
    if (j->service.len > 0 && !bytes_is(j->service, JAEGER_NO_SERVICE) &&
        tags_find(&j->process, "service.name") == NULL)
        attribute_write_text(out, OTLP_RESOURCE_ATTRIBUTES, "service.name", j->service);
    tags_write(&j->process, OTLP_RESOURCE_ATTRIBUTES, out);
}

static void put_scope(struct jaeger_span *j, struct buf *out)
{
    struct bytes text;

    if (!tags_take_text(&j->tags, "otel.scope.name", &text))
        return;
    pb_put_bytes(out, OTLP_SCOPE_NAME, text);
    if (tags_take_text(&j->tags, "otel.scope.version", &text))
        pb_put_bytes(out, OTLP_SCOPE_VERSION, text);
}

/* ---- kind and status ---- */

enum { KIND_NONE, KIND_INTERNAL, KIND_SERVER, KIND_CLIENT, KIND_PRODUCER, KIND_CONSUMER };
enum { STATUS_UNSET, STATUS_OK, STATUS_ERROR };

static unsigned take_kind(struct jaeger_span *j)
{
    static const char *const kinds[] = { "", "internal", "server", "client", "producer", "consumer" };
    struct bytes text = { NULL, 0 };

    tags_take_text(&j->tags, "span.kind", &text);
    for (unsigned i = KIND_INTERNAL; i < ARRAY_LEN(kinds); i++)
        if (bytes_is(text, kinds[i]))
            return i;
    return KIND_NONE;
}

static bool read_code(const struct value *v, int64_t *code)
{
    uint64_t n;

    *code = v->type == VALUE_INT ? v->integer : 0;
    if (v->type == VALUE_STRING && bytes_decimal(v->bytes, &n))
        *code = (int64_t)n;
    else if (v->type != VALUE_INT)
        return false;
    return true;
}

/* What a code of HTTP says of a span. */
static unsigned status_of_http(int64_t code, unsigned kind)
{
    if (code >= 400 && code < 500 && kind == KIND_SERVER)
        return STATUS_UNSET;
    return code >= 100 && code < 399 ? STATUS_UNSET : STATUS_ERROR;
}

struct status {
    unsigned code;
    struct bytes message;
};

static struct bytes text_of(const struct tags *t, const char *key)
{
    const struct tag *tag = tags_find(t, key);

    return tag != NULL && tag->value.type == VALUE_STRING ? tag->value.bytes : (struct bytes){ NULL, 0 };
}

/* The tag error: true comes before otel.status_code, and that before a code of HTTP. */
static struct status take_status(struct jaeger_span *j, unsigned kind)
{
    const struct tag *error = tags_find(&j->tags, "error"), *http = tags_find(&j->tags, "http.status_code");
    struct status s = { STATUS_UNSET, { NULL, 0 } };
    struct bytes named;
    int64_t code;
    bool failed = error != NULL && error->value.type == VALUE_BOOL && error->value.boolean;

    if (failed) {
        tags_take(&j->tags, "error");
        s.code = STATUS_ERROR;
        if (!tags_take_text(&j->tags, "otel.status_description", &s.message))
            s.message = text_of(&j->tags, "http.status_message");
    }
    if (tags_take_text(&j->tags, "otel.status_code", &named)) {
        if (failed)
            return s;
        s.code = named.len == 2 && strncasecmp((const char *)named.data, "OK", 2) == 0      ? STATUS_OK
                 : named.len == 5 && strncasecmp((const char *)named.data, "ERROR", 5) == 0 ? STATUS_ERROR
                                                                                            : STATUS_UNSET;
        tags_take_text(&j->tags, "otel.status_description", &s.message);
    } else if (!failed && http != NULL && read_code(&http->value, &code)) {
        s.code = status_of_http(code, kind);
        if (s.code != STATUS_UNSET)
            s.message = text_of(&j->tags, "http.status_message");
    }
    return s;
}

/* ---- references ---- */

/* The first it is a child of, in its trace, else the first that it follows there. NULL: none. */
static const struct jaeger_reference *find_parent(const struct jaeger_span *j)
{
    const struct jaeger_reference *follows = NULL;

    for (size_t i = 0; i < j->references.n; i++) {
        const struct jaeger_reference *ref = &j->references.v[i];

        if (memcmp(ref->trace_id, j->trace_id, sizeof(ref->trace_id)) != 0)
            continue;
        if (!ref->follows)
            return ref;
        if (follows == NULL)
            follows = ref;
    }
    return follows;
}

static bool is_same(const struct jaeger_reference *a, const struct jaeger_reference *b)
{
    return memcmp(a->span_id, b->span_id, sizeof(a->span_id)) == 0 &&
           memcmp(a->trace_id, b->trace_id, sizeof(a->trace_id)) == 0;
}

static void put_links(const struct jaeger_span *j, const struct jaeger_reference *parent, struct buf *out)
{
    for (size_t i = 0; i < j->references.n; i++) {
        const struct jaeger_reference *ref = &j->references.v[i];
        size_t mark;

        if (parent != NULL && !ref->follows && is_same(ref, parent))
            continue;
        mark = pb_begin(out, OTLP_SPAN_LINKS);
        pb_put_bytes(out, OTLP_LINK_TRACE_ID, bytes_of(ref->trace_id, sizeof(ref->trace_id)));
        pb_put_bytes(out, OTLP_LINK_SPAN_ID, bytes_of(ref->span_id, sizeof(ref->span_id)));
        attribute_write_text(out, OTLP_LINK_ATTRIBUTES, REFERENCE_TYPE,
                             bytes_str(ref->follows ? "follows_from" : "child_of"));
        pb_end(out, mark);
    }
}

/* ---- events ---- */

static void put_events(const struct jaeger_span *j, struct buf *out)
{
    struct tags fields = { .slots = NULL };

    for (size_t i = 0; i < j->logs.n; i++) {
        const struct jaeger_log *log = &j->logs.v[i];
        size_t mark = pb_begin(out, OTLP_SPAN_EVENTS);
        struct bytes name;

        tags_clear(&fields);
        for (size_t k = 0; k < log->n; k++)
            tags_put(&fields, j->fields.v[log->first + k].key, j->fields.v[log->first + k].value);
        rename_tag(&fields, "http.response.status_code", "http.status_code");
        pb_put_fixed64(out, OTLP_EVENT_TIME, log->time);
        if (tags_take_text(&fields, "event", &name))
            pb_put_bytes(out, OTLP_EVENT_NAME, name);
        tags_write(&fields, OTLP_EVENT_ATTRIBUTES, out);
        pb_end(out, mark);
    }
    tags_free(&fields);
}

/* ---- all of it ---- */

static void put_times(const struct jaeger_span *j, struct buf *out)
{
    uint64_t end = j->start + (uint64_t)j->duration;

    if (j->duration < 0 && end > j->start)
        end = 0;
    if (j->start != 0)
        pb_put_fixed64(out, OTLP_SPAN_START, j->start);
    if (end != 0)
        pb_put_fixed64(out, OTLP_SPAN_END, end);
}

static void put_span(struct jaeger_span *j, struct buf *out)
{
    const struct jaeger_reference *parent = find_parent(j);
    struct bytes state;
    struct status status;
    unsigned kind;

    pb_put_bytes(out, OTLP_SPAN_TRACE_ID, bytes_of(j->trace_id, sizeof(j->trace_id)));
    pb_put_bytes(out, OTLP_SPAN_SPAN_ID, bytes_of(j->span_id, sizeof(j->span_id)));
    if (tags_take_text(&j->tags, "w3c.tracestate", &state) && state.len > 0)
        pb_put_bytes(out, OTLP_SPAN_TRACE_STATE, state);
    if (parent != NULL && memcmp(parent->span_id, none, sizeof(parent->span_id)) != 0)
        pb_put_bytes(out, OTLP_SPAN_PARENT_ID, bytes_of(parent->span_id, sizeof(parent->span_id)));
    if (j->name.len > 0)
        pb_put_bytes(out, OTLP_SPAN_NAME, j->name);
    rename_tag(&j->tags, "http.response.status_code", "http.status_code");
    kind = take_kind(j);
    if (kind != KIND_NONE)
        pb_put_uint(out, OTLP_SPAN_KIND, kind);
    put_times(j, out);
    status = take_status(j, kind);
    status_write(out, status.code, status.message);
    if (j->flags & 1)
        pb_put_fixed32(out, OTLP_SPAN_FLAGS, 1);
    tags_write(&j->tags, OTLP_SPAN_ATTRIBUTES, out);
    put_events(j, out);
    put_links(j, parent, out);
}

void jaeger_to_otlp(struct jaeger_span *j, struct span_groups *groups, struct buf *scratch)
{
    if (is_blank(j))
        return;
    put_resource(j, &groups->resource);
    put_scope(j, &groups->scope);
    scratch->len = 0;
    put_span(j, scratch);
    span_groups_put(groups, buf_bytes(scratch));
}
