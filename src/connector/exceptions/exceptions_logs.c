/* SPDX-License-Identifier: Apache-2.0 */
/* A record has the event's time, the span's ids and attributes, and what exceptions are told apart by; of an attribute
 * that several have the last of these counts. Records of one scope stand together; their resource is empty, for its
 * service is an attribute.
 *
 * What can go wrong: a span of large attributes has many exceptions, and each record would have the attributes again.
 * Past a bound on what is made of a batch the rest is left out, with a warning. */
#include "connector/exceptions/exceptions.h"

#include "otlp/any_value.h"
#include "otlp/metadata.h"

#define MADE_MOST (64ull * 1024 * 1024) /* bytes of records of a batch, or ... */
#define BUDGET_PARTS 8                  /* ... this part of the budget, if that is less */

#define KEPT_MOST (64ul * 1024) /* bytes of scratch memory, from one batch to the next */

#define STACKTRACE "exception.stacktrace"

const struct metric_row exceptions_left_out_row =
    METRIC_ROW("otelcd_exceptions_left_out", METRIC_COUNTER, "{exceptions}",
               "Exceptions that no log record was made of, because their batch had too many.");

/* What exceptions are told apart by is looked for in the span first: what of it has such a name is what they get. */
static bool is_replaced(const struct exceptions *p, struct bytes key)
{
    static const char *const names[] = { "service.name", "span.name", "span.kind", "status.code", STACKTRACE };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (bytes_is(key, names[i]))
            return true;
    for (size_t i = 0; i < p->dimensions.n; i++)
        if (bytes_equal(key, p->dimensions.v[i].name))
            return true;
    return false;
}

static void put_dimensions(struct exceptions *p, const struct dimension_sources *from)
{
    for (size_t i = 0; i < p->dimensions.n; i++) {
        struct bytes value = dimension_value(&p->dimensions.v[i], from), name = p->dimensions.v[i].name;

        if (value.data == NULL || bytes_is(name, STACKTRACE))
            continue;
        p->text.len = 0;
        any_value_put(&p->text, value);
        p->key.len = 0;
        pb_put_bytes(&p->key, OTLP_ANY_STRING, buf_bytes(&p->text));
        exceptions_put_value(p, OTLP_LOG_ATTRIBUTES, name, buf_bytes(&p->key));
    }
}

static struct bytes stacktrace_of(struct bytes event)
{
    struct pb_reader r = pb_reader(event);

    for (struct attribute a; attribute_next(&r, OTLP_EVENT_ATTRIBUTES, &a);)
        if (bytes_is(a.key, STACKTRACE))
            return pb_find_bytes(a.value, OTLP_ANY_STRING);
    return bytes_of("", 0);
}

static void put_attributes(struct exceptions *p, struct bytes event)
{
    const struct dimension_sources from = { &p->span_slots, &p->event_slots, &p->resource_slots };

    buf_put(&p->attributes, buf_bytes(&p->kept));
    exceptions_put_text(p, OTLP_LOG_ATTRIBUTES, "span.name", p->span.name);
    exceptions_put_text(p, OTLP_LOG_ATTRIBUTES, "span.kind", exceptions_kind(p));
    exceptions_put_text(p, OTLP_LOG_ATTRIBUTES, "status.code", exceptions_status(p));
    exceptions_put_text(p, OTLP_LOG_ATTRIBUTES, "service.name", p->service);
    put_dimensions(p, &from);
    exceptions_put_text(p, OTLP_LOG_ATTRIBUTES, STACKTRACE, stacktrace_of(event));
}

/* Once for all of its exceptions: the span may be large, and have many. */
void exceptions_logs_enter(struct exceptions *p)
{
    struct pb_reader r = pb_reader(p->span.view.message);

    p->kept.len = 0;
    for (struct bytes field; message_next(&r, OTLP_SPAN_ATTRIBUTES, &field);)
        if (!is_replaced(p, attribute_of(field).key))
            pb_put_bytes(&p->kept, OTLP_LOG_ATTRIBUTES, field);
}

static struct message *group_of(struct exceptions *p)
{
    struct assembly *a = &p->logs;
    struct message *resource;

    if (p->group != NULL)
        return p->group;
    resource = assembly_add(a, a->root, OTLP_REQUEST_RESOURCES);
    assembly_put_field(a, resource, OTLP_RESOURCE_GROUP_RESOURCE, bytes_of(NULL, 0));
    p->group = assembly_add(a, resource, OTLP_RESOURCE_GROUP_SCOPES);
    if (p->scope.len > 0)
        assembly_put_field(a, p->group, OTLP_SCOPE_GROUP_SCOPE, p->scope);
    return p->group;
}

static bool is_too_much(const struct exceptions *p)
{
    uint64_t part = budget_limit(p->node.host->budget) / BUDGET_PARTS;

    return assembly_size(&p->logs) > (part < MADE_MOST ? part : MADE_MOST);
}

void exceptions_logs_take(struct exceptions *p, struct bytes event)
{
    struct buf *out = &p->attributes;

    if (is_too_much(p)) {
        p->left_out++;
        return;
    }
    out->len = 0;
    pb_put_fixed64(out, OTLP_LOG_TIME, event_view(event).time);
    pb_put_uint(out, OTLP_LOG_SEVERITY_NUMBER, 17);
    pb_put_str(out, OTLP_LOG_SEVERITY_TEXT, "ERROR");
    put_attributes(p, event);
    if (p->span.trace_id.len > 0)
        pb_put_bytes(out, OTLP_LOG_TRACE_ID, p->span.trace_id);
    if (p->span.span_id.len > 0)
        pb_put_bytes(out, OTLP_LOG_SPAN_ID, p->span.span_id);
    assembly_put_field(&p->logs, group_of(p), OTLP_SCOPE_GROUP_ITEMS, assembly_keep(&p->logs, buf_bytes(out)));
    p->records++;
}

static void tell_left_out(struct exceptions *p)
{
    metric_add(p->not_made, p->left_out);
    if (p->left_out > 0 && complaint_due(&p->crowded, &p->node.host->loop->clock))
        log_warn(&p->node.log, "Exceptions are left out: the records of their batch would be too large",
                 F_UINT("exceptions", p->left_out), F_UINT("repeated", complaint_taken(&p->crowded)));
    p->left_out = 0;
}

void exceptions_logs_send(struct exceptions *p, const struct batch *batch, struct ack *ack)
{
    struct budget *budget = host_budget(p->node.host, SIGNAL_LOGS);
    struct batch *made;

    tell_left_out(p);
    if (p->records == 0) {
        ack_safe(ack);
    } else {
        made = assembly_batch(&p->logs, SIGNAL_LOGS, budget, p->records, batch->arrival);
        made->metadata = metadata_ref(batch->metadata);
        relay_send(&p->relay, p->node.out[SIGNAL_LOGS], made, ack);
    }
    p->records = 0;
    assembly_clear(&p->logs);
    if (p->kept.cap > KEPT_MOST)
        buf_free(&p->kept);
}
