/* SPDX-License-Identifier: Apache-2.0 */
/* The exceptions connector: the events of spans that are called "exception", counted as metrics or as log records.
 *
 * A batch is gone over event by event. Where metrics come out an exception is counted in its series, the sender is
 * answered, and the series are sent soon (exceptions_metrics.c). Where logs come out each becomes a record, and the
 * sender hears how the records fared (exceptions_logs.c). */
#include "connector/exceptions/exceptions.h"

#include "config/yaml.h"
#include "connector/span_metrics/span_metrics_config.h"
#include "otlp/any_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option dimension_rows[] = {
    OPT_STRING(struct dimension_config, name, "", "An attribute of the span, else of the event, else of the resource.",
               .required = true),
    { .key = "default",
      .kind = OPTION_NODE,
      .offset = OPT_FIELD(struct dimension_config, fallback, const struct yaml_node *),
      .any = true,
      .help = "What it is where none has it. Without this the dimension is left out then." },
    OPT_END,
};

static const struct option exemplars_rows[] = {
    OPT_BOOL(struct exemplars_switch, enabled, "false", "Spans as exemplars of the points that they are counted in."),
    OPT_END,
};

static const struct option options[] = {
    OPT_LIST(struct exceptions_config, dimensions, struct dimension_config, dimension_rows,
             "What exceptions are told apart by beside service.name, span.name, span.kind and status.code. Absent: "
             "exception.type and exception.message."),
    OPT_GROUP(struct exceptions_config, exemplars, struct exemplars_switch, exemplars_rows, GROUP_PLAIN, "Exemplars."),
    OPT_UINT(
        struct exceptions_config, max_series, "10000", "0", NULL,
        "Most series; what comes beyond goes to one with otel.metric.overflow=true. 0: as many as the memory budget "
        "has room for."),
    OPT_END,
};

static const struct metric_row *const metric_rows[] = { &exceptions_overflow_row, &exceptions_left_out_row, NULL };

/* ---- texts ---- */

void exceptions_put_value(struct exceptions *p, unsigned number, struct bytes name, struct bytes value)
{
    size_t entry = pb_begin(&p->attributes, number);

    pb_put_bytes(&p->attributes, OTLP_KEY_VALUE_KEY, name);
    pb_put_bytes(&p->attributes, OTLP_KEY_VALUE_VALUE, value);
    pb_end(&p->attributes, entry);
}

void exceptions_put_text(struct exceptions *p, unsigned number, const char *name, struct bytes text)
{
    size_t entry = pb_begin(&p->attributes, number), value;

    pb_put_str(&p->attributes, OTLP_KEY_VALUE_KEY, name);
    value = pb_begin(&p->attributes, OTLP_KEY_VALUE_VALUE);
    pb_put_bytes(&p->attributes, OTLP_ANY_STRING, text);
    pb_end(&p->attributes, value);
    pb_end(&p->attributes, entry);
}

struct bytes exceptions_kind(const struct exceptions *p)
{
    static const char *const names[] = { "SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER",
                                         "SPAN_KIND_CLIENT",      "SPAN_KIND_PRODUCER", "SPAN_KIND_CONSUMER" };

    return bytes_str(p->span.kind < ARRAY_LEN(names) ? names[p->span.kind] : "");
}

struct bytes exceptions_status(const struct exceptions *p)
{
    static const char *const names[] = { "STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR" };
    uint64_t code = p->span.status.len > 0 ? status_view(p->span.status).code : 0;

    return bytes_str(code < ARRAY_LEN(names) ? names[code] : "");
}

/* ---- the way down ---- */

static void take_span(struct exceptions *p, struct bytes message)
{
    struct pb_reader r = pb_reader(message);
    bool read = false;

    for (struct bytes event; message_next(&r, OTLP_SPAN_EVENTS, &event);) {
        if (!bytes_is(event_view(event).name, "exception"))
            continue;
        if (!read) {
            p->span = span_view(message);
            slots_read(&p->span_slots, &p->names, message, OTLP_SPAN_ATTRIBUTES);
            (void)short_part_new(p->span.name, &p->name_digest);
            if (exceptions_makes_logs(p))
                exceptions_logs_enter(p);
            read = true;
        }
        slots_read(&p->event_slots, &p->names, event, OTLP_EVENT_ATTRIBUTES);
        if (exceptions_makes_logs(p))
            exceptions_logs_take(p, event);
        else
            exceptions_metrics_take(p);
    }
}

/* No data: it has none. */
static struct bytes service_of(struct bytes resource)
{
    struct pb_reader r = pb_reader(resource);
    struct bytes name = bytes_of(NULL, 0);

    for (struct attribute a; attribute_next(&r, OTLP_RESOURCE_ATTRIBUTES, &a);)
        if (bytes_is(a.key, "service.name")) {
            name = pb_find_bytes(a.value, OTLP_ANY_STRING);
            return name.data != NULL ? name : bytes_of("", 0);
        }
    return name;
}

static void take_resource(struct exceptions *p, struct bytes group)
{
    struct bytes resource = resource_group_view(group).resource;
    struct pb_reader scopes = pb_reader(group);

    p->service = service_of(resource);
    if (p->service.data == NULL)
        return;
    (void)short_part_new(p->service, &p->service_digest);
    slots_read(&p->resource_slots, &p->names, resource, OTLP_RESOURCE_ATTRIBUTES);
    for (struct bytes scope; message_next(&scopes, OTLP_RESOURCE_GROUP_SCOPES, &scope);) {
        struct pb_reader spans = pb_reader(scope);

        p->scope = scope_group_view(scope).scope;
        p->group = NULL;
        for (struct bytes span; message_next(&spans, OTLP_SCOPE_GROUP_ITEMS, &span);)
            take_span(p, span);
    }
}

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct exceptions *p = exceptions_of(container_of(self, struct node, in));

    for (uint32_t i = 0; i < batch->n_segments; i++) {
        struct pb_reader r = pb_reader(bytes_of(batch->segments[i].data, batch->segments[i].len));

        for (struct bytes group; message_next(&r, OTLP_REQUEST_RESOURCES, &group);)
            take_resource(p, group);
    }
    if (exceptions_makes_logs(p)) {
        exceptions_logs_send(p, batch, ack);
    } else {
        ack_safe(ack);
        exceptions_metrics_send(p);
    }
    batch_unref(batch);
}

/* ---- the component ---- */

static bool is_duplicate(const struct option_list *l, size_t i)
{
    static const char *const reserved[] = { "service.name", "span.name", "span.kind", "status.code" };
    const struct dimension_config *v = l->v;

    for (size_t k = 0; k < ARRAY_LEN(reserved); k++)
        if (strcmp(v[i].name, reserved[k]) == 0)
            return true;
    for (size_t k = 0; k < i; k++)
        if (strcmp(v[i].name, v[k].name) == 0)
            return true;
    return false;
}

static void check(const void *config, struct check *ck)
{
    const struct option_list *l = &((const struct exceptions_config *)config)->dimensions;
    const struct dimension_config *v = l->v;
    char at[40];

    for (size_t i = 0; i < l->n; i++) {
        snprintf(at, sizeof(at), "dimensions::%zu", i);
        if (is_duplicate(l, i))
            check_fail(ck, at, "duplicate dimension name %s", v[i].name);
        if (v[i].fallback != NULL && v[i].fallback->kind != YAML_NULL &&
            (v[i].fallback->kind != YAML_SCALAR || yaml_type(v[i].fallback) != YAML_STR))
            check_fail(ck, at, "default is a string: put it in quotes");
    }
    if (l->n > DIMENSIONS_MOST)
        check_fail(ck, "dimensions", "at most %u dimensions are served", DIMENSIONS_MOST);
}

static int create(struct node *node, const void *config, struct error *err)
{
    static struct dimension_config defaults[] = { { "exception.type", "", NULL }, { "exception.message", "", NULL } };
    const struct option_list otherwise = { defaults, ARRAY_LEN(defaults) };
    struct exceptions *p = exceptions_of(node);

    (void)err;
    node->in.consume = consume;
    p->config = config;
    dimension_list_add(&p->dimensions, &p->names, &p->arena,
                       p->config->dimensions.n > 0 ? &p->config->dimensions : &otherwise);
    exceptions_metrics_create(p);
    assembly_init(&p->logs);
    relay_init(&p->relay, &node->host->loop->turn);
    p->not_made =
        metrics_get(node->host->metrics, &exceptions_left_out_row, &(struct metric_label){ "connector", node->id }, 1);
    return 0;
}

static void stop(struct node *node, uint64_t deadline, void (*done)(struct node *node))
{
    struct exceptions *p = exceptions_of(node);

    (void)deadline;
    if (exceptions_makes_logs(p))
        done(node);
    else
        exceptions_metrics_stop(p, done);
}

static void destroy(struct node *node)
{
    struct exceptions *p = exceptions_of(node);

    exceptions_metrics_free(p);
    relay_free(&p->relay);
    assembly_free(&p->logs);
    dimension_list_free(&p->dimensions);
    arena_free(&p->arena);
    buf_free(&p->key);
    buf_free(&p->attributes);
    buf_free(&p->text);
    buf_free(&p->kept);
}

extern const struct component exceptions_connector;
const struct component exceptions_connector = {
    COMPONENT_TYPE("exceptions", COMPONENT_CONNECTOR, .signals = SIGNAL_BIT(SIGNAL_TRACES),
                   .makes = SIGNAL_BIT(SIGNAL_METRICS) | SIGNAL_BIT(SIGNAL_LOGS), .stability = "alpha"),
    .alone = "it has the series that it makes of all spans",
    .summary = "Counts the exceptions that spans have as events, or makes log records of them.",
    COMPONENT_CONFIG(struct exceptions_config, options, .check = check),
    .metrics = metric_rows,
    COMPONENT_NODE(struct exceptions, .create = create, .stop = stop, .destroy = destroy),
};
