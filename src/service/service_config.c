/* SPDX-License-Identifier: Apache-2.0 */
/* The rows decode the section; service_config_finish() then does what no row can say: readers in their old and new
 * spelling become one list of scrapes, the resource's two forms one map of changes, and what has no effect here is
 * warned about and set to what it is in truth. */
#include "service/service_config.h"

#include "base/mem.h"
#include "net/socket/endpoint.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const log_level_names[] = { "debug", "info",  "warn",    "error", "dpanic",
                                               "panic", "fatal", "warning", NULL };
static const char *const encoding_names[] = { "console", "json", NULL };
static const char *const metric_level_names[] = { "none", "basic", "normal", "detailed", NULL };

static const struct option sampling_options[] = {
    OPT_DURATION(struct log_sampling_config, tick, "10s", "1ms", NULL, "Period over which lines are counted."),
    OPT_UINT(struct log_sampling_config, initial, "10", NULL, NULL,
             "Lines of one level and message that are written in each tick."),
    OPT_UINT(struct log_sampling_config, thereafter, "100", NULL, NULL,
             "After those, one line in this many is written; 0 writes none."),
    OPT_END,
};

static const struct option logs_options[] = {
    OPT_ENUM(struct logs_config, level, log_level_names, "info", "Lowest level that is written.", .nocase = true),
    OPT_ENUM(struct logs_config, encoding, encoding_names, "console", "Format of a line."),
    OPT_GROUP(struct logs_config, sampling, struct log_sampling_config, sampling_options, GROUP_SOME,
              "Holds back lines that repeat."),
    OPT_STRINGS(struct logs_config, output_paths, "[stderr]",
                "Where lines go, each to all of them: stderr, stdout and files."),
    OPT_STRINGS(
        struct logs_config, error_output_paths, "[stderr]",
        "Has no effect here: the logger has no errors of its own to write. Only stderr and stdout are accepted."),
    OPT_ANY(struct logs_config, initial_fields, "Fields on every line: a map of names to scalars."),
    OPT_BOOL(struct logs_config, disable_caller, "true", "Has no effect here: lines never name the calling function."),
    OPT_BOOL(struct logs_config, disable_stacktrace, "true", "Has no effect here: lines never carry stack traces."),
    OPT_BOOL(struct logs_config, disable_zap_resource, "false",
             "Leave out the service's resource (service.name, service.version, service.instance.id) on every line."),
    OPT_BOOL(struct logs_config, development, "false", "Has no effect here: there is no development mode."),
    OPT_LIST(struct logs_config, processors, struct own_processor_config, own_log_processor_options,
             "Whom the log is sent to, beside output_paths; the same lines, with their fields."),
    OPT_END,
};

static const struct option constant_labels_options[] = {
    OPT_STRINGS(struct constant_labels_config, included, NULL,
                "Resource attributes put on every sample; globs with * and ?."),
    OPT_STRINGS(struct constant_labels_config, excluded, NULL, "Attributes left out of those."),
    OPT_END,
};

static const struct option prometheus_reader_options[] = {
    OPT_STRING(struct prometheus_reader_config, host, "localhost", "Address to listen on."),
    OPT_UINT(struct prometheus_reader_config, port, "8888", "0", "65535", "Port to listen on; 0 takes a free one."),
    OPT_BOOL(struct prometheus_reader_config, without_scope_info, "true", "Leave out the otel_scope_ labels."),
    OPT_BOOL(struct prometheus_reader_config, without_units, "true", "Leave units out of metric names."),
    OPT_BOOL(struct prometheus_reader_config, without_type_suffix, "true", "Leave _total out of counters' names."),
    OPT_GROUP(struct prometheus_reader_config, with_resource_constant_labels, struct constant_labels_config,
              constant_labels_options, GROUP_PLAIN, "Resource attributes as labels."),
    OPT_END,
};

static const struct option pull_exporter_options[] = {
    OPT_GROUP(struct pull_exporter_config, prometheus, struct prometheus_reader_config, prometheus_reader_options,
              GROUP_DEFAULT, "A scrape endpoint."),
    OPT_END,
};

static const struct option pull_options[] = {
    OPT_GROUP(struct pull_config, exporter, struct pull_exporter_config, pull_exporter_options, GROUP_PLAIN,
              "How the metrics are read."),
    OPT_END,
};

static const struct option reader_options[] = {
    OPT_GROUP(struct reader_config, pull, struct pull_config, pull_options, GROUP_NONE, "Metrics that are scraped."),
    OPT_GROUP(struct reader_config, periodic, struct own_periodic_config, own_periodic_options, GROUP_NONE,
              "Metrics that are sent to somebody, by the clock and when otelcd stops."),
    OPT_END,
};

static const struct option metrics_options[] = {
    OPT_ENUM(struct metrics_config, level, metric_level_names, "normal", "How much is shown; none serves nothing.",
             .nocase = true),
    OPT_STRING(struct metrics_config, address, NULL, "The old way to say where own metrics are served, host:port.",
               .deprecated = "address is the old spelling; write readers: [{pull: {exporter: {prometheus: {host: ..., "
                             "port: ...}}}}]"),
    OPT_LIST(struct metrics_config, readers, struct reader_config, reader_options,
             "Where own metrics are served or sent to; without this list, they are served on localhost:8888."),
    OPT_REFUSED("views", "views of own metrics are not served: remove this key"),
    OPT_END,
};

static const struct option traces_options[] = {
    OPT_ENUM(struct traces_config, level, metric_level_names, "normal", "none: no spans; the others are the same here.",
             .nocase = true),
    OPT_LIST(struct traces_config, processors, struct own_processor_config, own_trace_processor_options,
             "Whom spans of what otelcd does are sent to; without them none are made."),
    OPT_GROUP(struct traces_config, sampler, struct own_sampler_config, own_sampler_options, GROUP_NONE,
              "Which traces are recorded; without it parent_based, and all of those that begin here."),
    OPT_STRINGS(struct traces_config, propagators, "[tracecontext]",
                "How requests name their parents: tracecontext (traceparent) is read; b3 is not."),
    OPT_REFUSED("limits", "spans have few attributes here, and these are bounded: remove this key"),
    OPT_END,
};

static const struct option page_options[] = {
    OPT_BOOL(struct page_config, enabled, "true",
             "Serve the page of what runs at / beside /metrics, with /healthz, /readyz and /api/v1/."),
    OPT_BOOL(
        struct page_config, tap, "false",
        "Show live items on the page too, to whoever can fetch it; otelcd tap shows them on this machine in any case."),
    OPT_END,
};

static const struct option control_options[] = {
    OPT_BOOL(struct control_config, enabled, "true",
             "Let otelcd tap, top and status ask this process through a unix socket, which only root and the user that "
             "otelcd runs as may open."),
    OPT_STRING(
        struct control_config, socket, "",
        "The socket's path. By itself it is DIRECTORY/PID.sock, where DIRECTORY is $RUNTIME_DIRECTORY (systemd), "
        "else /run/otelcd for root and for who may write there, else $XDG_RUNTIME_DIR/otelcd."),
    OPT_END,
};

static const struct option telemetry_options[] = {
    OPT_GROUP(struct telemetry_config, logs, struct logs_config, logs_options, GROUP_PLAIN, "The log."),
    OPT_GROUP(struct telemetry_config, metrics, struct metrics_config, metrics_options, GROUP_PLAIN, "Own metrics."),
    OPT_GROUP(struct telemetry_config, traces, struct traces_config, traces_options, GROUP_PLAIN, "Own traces."),
    OPT_GROUP(struct telemetry_config, page, struct page_config, page_options, GROUP_PLAIN,
              "The page for people (otelcd's own key), where own metrics are served."),
    OPT_GROUP(struct telemetry_config, control, struct control_config, control_options, GROUP_PLAIN,
              "The control socket (otelcd's own key): the page and its API for this machine's commands."),
    OPT_NODE(struct telemetry_config, resource,
             "Attributes of otelcd itself: a map of names to strings, or attributes: [{name, value}]."),
    OPT_END,
};

const struct option service_options[] = {
    OPT_NODE(struct service_config, extensions, "Extensions to start, in this order."),
    OPT_NODE(struct service_config, pipelines,
             "The pipelines: signal or signal/name, each with receivers, processors "
             "and exporters."),
    OPT_GROUP(struct service_config, telemetry, struct telemetry_config, telemetry_options, GROUP_PLAIN,
              "otelcd's own log, metrics and resource."),
    OPT_UINT(struct service_config, memory_budget_mib, "0", NULL, "1048576",
             "MiB that data inside otelcd may take before senders are held back; 0 is 60 % of the memory there is: the "
             "smallest limit of the cgroup and its parents, or the machine's.",
             .zero = "60 % of the memory there is"),
    OPT_DURATION(struct service_config, shutdown_timeout, "10s", "0s", NULL,
                 "When stopping: the longest time to deliver or hand on what is still held."),
    OPT_UINT(
        struct service_config, workers, "1", "1", WORKERS_MOST_TEXT,
        "Processes that share the work (otelcd's own key): each takes its part of the connections and has its part of "
        "the memory; the one that was started looks after them, and speaks for all of them. What can be only once "
        "is refused with more than one. Read at the start alone."),
    OPT_BOOL(struct service_config, sandbox, "true",
             "Give up at the start, for good, what is not needed: running programs, writing anywhere but where the "
             "configuration says (Landlock, where the kernel has it), new privileges, and root's capabilities. Read "
             "at the start alone."),
    OPT_END,
};

enum log_level logs_level(const struct logs_config *c)
{
    static const enum log_level levels[] = { LOG_DEBUG, LOG_INFO,  LOG_WARN,  LOG_ERROR,
                                             LOG_FATAL, LOG_FATAL, LOG_FATAL, LOG_WARN };

    return levels[c->level];
}

static const struct yaml_node *node_below(const struct yaml_node *n, const char *a, const char *b, const char *c)
{
    n = yaml_get(n, "telemetry");
    n = a != NULL ? yaml_get(n, a) : n;
    n = b != NULL ? yaml_get(n, b) : n;
    return c != NULL ? yaml_get(n, c) : n;
}

/* "host:port" of the old key. */
static bool parse_address(struct arena *a, const char *text, struct prometheus_reader_config *out)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon != NULL ? (size_t)(colon - text) : 0;
    char *end;
    unsigned long port;

    if (colon == NULL || colon[1] == '\0')
        return false;
    port = strtoul(colon + 1, &end, 10);
    if (*end != '\0' || port > 65535)
        return false;
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']')
        text++, len -= 2;
    *out = (struct prometheus_reader_config){
        .on = true,
        .host = arena_strndup(a, text, len),
        .port = port,
        .without_scope_info = true,
        .without_units = true,
        .without_type_suffix = true,
        .location = out->location,
    };
    return true;
}

char *prometheus_reader_endpoint(const struct prometheus_reader_config *r)
{
    bool ipv6 = strchr(r->host, ':') != NULL;

    return mem_printf(ipv6 ? "[%s]:%u" : "%s:%u", r->host, (unsigned)r->port);
}

/* What is served becomes the list of readers, for print-config. */
static void keep_readers(struct arena *a, struct service_config *c)
{
    const struct option_list *given = &c->telemetry.metrics.readers;
    struct reader_config *readers = arena_zalloc(a, (c->n_scrapes + given->n + 1) * sizeof(*readers));
    const struct reader_config *old = given->v;
    size_t n = c->n_scrapes;

    for (size_t i = 0; i < c->n_scrapes; i++)
        readers[i].pull = (struct pull_config){ .on = true, .exporter.prometheus = c->scrapes[i] };
    for (size_t i = 0; i < given->n; i++)
        if (old[i].periodic.on)
            readers[n++].periodic = old[i].periodic;
    c->telemetry.metrics.readers = (struct option_list){ readers, n };
}

static void add_reader(struct service_config *c, const struct prometheus_reader_config *r,
                       const struct yaml_node *location, struct faults *faults)
{
    char *endpoint = prometheus_reader_endpoint(r);
    struct error err;

    if (endpoint_check(endpoint, "tcp", &err) != 0)
        fault_add(faults, location, "service::telemetry::metrics::readers", false, "host: %s", err.text);
    c->scrapes[c->n_scrapes] = *r;
    c->scrapes[c->n_scrapes++].location = location;
    free(endpoint);
}

static void finish_readers(struct arena *a, struct service_config *c, const struct yaml_node *node,
                           struct faults *faults)
{
    const struct metrics_config *m = &c->telemetry.metrics;
    const struct yaml_node *list = node_below(node, "metrics", "readers", NULL);
    const struct reader_config *readers = m->readers.v;
    bool given = list != NULL && list->kind == YAML_LIST;

    c->scrapes = arena_zalloc(a, (m->readers.n + 2) * sizeof(*c->scrapes));
    if (m->level == LEVEL_NONE)
        return;
    if (m->address[0] != '\0') {
        c->scrapes[c->n_scrapes].location = node_below(node, "metrics", "address", NULL);
        if (!parse_address(a, m->address, &c->scrapes[c->n_scrapes++]))
            fault_add(faults, node_below(node, "metrics", "address", NULL), "service::telemetry::metrics::address",
                      false, "\"%s\" is not host:port", m->address);
    }
    for (size_t i = 0; i < m->readers.n; i++) {
        const struct yaml_node *location = given ? list->items[i] : node;

        struct own_periodic_config *periodic = &((struct reader_config *)m->readers.v)[i].periodic;
        bool pull = readers[i].pull.on && readers[i].pull.exporter.prometheus.on;

        periodic->location = yaml_get(location, "periodic");
        periodic->index = i;
        if (pull == periodic->on)
            fault_add(faults, location, "service::telemetry::metrics::readers", false,
                      "a reader is written pull: {exporter: {prometheus: {host: localhost, port: 8888}}} or periodic: "
                      "{exporter: {otlp: {endpoint: \"http://host:4318\"}}}, each an item of its own");
        else if (pull)
            add_reader(c, &readers[i].pull.exporter.prometheus, location, faults);
    }
    if (given && m->readers.n == 0)
        fault_add(faults, list, "service::telemetry::metrics::readers", false,
                  "collector telemetry metrics reader should exist when metric level is not none");
    if (!given && m->address[0] == '\0')
        (void)parse_address(a, "localhost:8888", &c->scrapes[c->n_scrapes++]);
    keep_readers(a, c);
}

/* --- the resource --- */

struct attributes {
    struct arena *arena;
    struct faults *faults;
    struct string_map *map;
    size_t cap;
};

static const char resource_path[] = "service::telemetry::resource";

static void add_attribute(struct attributes *r, const char *name, const char *value)
{
    if (r->map->n == r->cap) {
        struct string_pair *wider = arena_alloc(r->arena, (r->cap * 2 + 8) * sizeof(*wider));

        if (r->cap > 0)
            memcpy(wider, r->map->v, r->cap * sizeof(*wider));
        r->map->v = wider;
        r->cap = r->cap * 2 + 8;
    }
    r->map->v[r->map->n++] = (struct string_pair){ name, value };
}

/* NULL for no value. */
static const char *text_of(const struct yaml_node *n)
{
    return n->kind == YAML_NULL ? NULL : n->original != NULL ? n->original : n->text;
}

/* The old form: name: value, where nothing removes a default. */
static void read_inline(struct attributes *r, const struct yaml_node *n)
{
    for (size_t i = 0; i < n->n; i++) {
        const struct yaml_node *v = n->pairs[i].value;
        const char *key = n->pairs[i].key;

        if (strcmp(key, "schema_url") == 0)
            continue;
        if (strcmp(key, "detectors") == 0 || strcmp(key, "detection/development") == 0 ||
            strcmp(key, "attributes_list") == 0)
            fault_add(r->faults, v, resource_path, false, "%s is not served: write attributes: [{name: x, value: y}]",
                      key);
        else if (v->kind == YAML_NULL || v->original != NULL || (v->kind == YAML_SCALAR && yaml_type(v) == YAML_STR))
            add_attribute(r, key, text_of(v));
        else
            fault_add(r->faults, v, resource_path, false, "%s: expected a string, got %s; put it in quotes", key,
                      yaml_type_name(v));
    }
}

static void read_attribute(struct attributes *r, const struct yaml_node *item)
{
    const struct yaml_node *name = yaml_get(item, "name"), *value = yaml_get(item, "value");

    if (name == NULL || name->kind != YAML_SCALAR || item->n != 1u + (value != NULL))
        fault_add(r->faults, item, resource_path, false, "an attribute is written {name: x, value: y}");
    else if (value != NULL && (value->kind == YAML_MAP || value->kind == YAML_LIST))
        fault_add(r->faults, value, resource_path, false, "%s: expected a string, a number or a bool, got %s",
                  name->text, yaml_type_name(value));
    else
        add_attribute(r, name->text, value != NULL ? text_of(value) : NULL);
}

static void read_attributes(struct attributes *r, const struct yaml_node *n, const struct yaml_node *list)
{
    if (list->kind != YAML_LIST)
        fault_add(r->faults, list, resource_path, false, "attributes: expected a list of {name: x, value: y}, got %s",
                  yaml_type_name(list));
    for (size_t i = 0; i < n->n; i++)
        if (strcmp(n->pairs[i].key, "attributes") != 0 && strcmp(n->pairs[i].key, "schema_url") != 0)
            fault_add(r->faults, n->pairs[i].value, resource_path, false,
                      "has invalid keys: %s; beside attributes only schema_url may stand", n->pairs[i].key);
    for (size_t i = 0; list->kind == YAML_LIST && i < list->n; i++)
        read_attribute(r, list->items[i]);
}

static void finish_resource(struct arena *a, struct service_config *c, struct faults *faults)
{
    const struct yaml_node *n = c->telemetry.resource, *list = yaml_get(n, "attributes");
    struct attributes r = { .arena = a, .faults = faults, .map = &c->resource };

    if (n == NULL || n->kind == YAML_NULL)
        return;
    if (n->kind != YAML_MAP)
        fault_add(faults, n, resource_path, false, "expected a map, got %s", yaml_type_name(n));
    else if (list != NULL && list->kind != YAML_NULL)
        read_attributes(&r, n, list);
    else
        read_inline(&r, n);
}

/* --- the log --- */

static void warn_of(const struct yaml_node *n, const char *group, const char *key, struct faults *faults,
                    const char *text)
{
    char path[128];

    snprintf(path, sizeof(path), "service::telemetry::%s::%s", group, key);
    fault_add(faults, node_below(n, group, key, NULL), path, true, "%s; remove this key", text);
}

/* What is read and has no effect: it is warned about and then as if it had not been written. */
static void drop_idle(struct telemetry_config *t, const struct yaml_node *node, struct faults *faults)
{
    if (t->logs.development)
        warn_of(node, "logs", "development", faults, "there is no development mode");
    if (!t->logs.disable_caller)
        warn_of(node, "logs", "disable_caller", faults, "lines never name the calling function");
    if (!t->logs.disable_stacktrace)
        warn_of(node, "logs", "disable_stacktrace", faults, "lines never carry stack traces");
    t->logs.development = false;
    t->logs.disable_caller = t->logs.disable_stacktrace = true;
}

static void finish_initial_fields(const struct yaml_node *n, struct faults *faults)
{
    static const char path[] = "service::telemetry::logs::initial_fields";

    if (n == NULL || n->kind == YAML_NULL)
        return;
    if (n->kind != YAML_MAP)
        fault_add(faults, n, path, false, "expected a map, got %s", yaml_type_name(n));
    for (size_t i = 0; n->kind == YAML_MAP && i < n->n; i++)
        if (n->pairs[i].value->kind == YAML_MAP || n->pairs[i].value->kind == YAML_LIST)
            fault_add(faults, n->pairs[i].value, path, false, "%s: expected a string, a number or a bool, got %s",
                      n->pairs[i].key, yaml_type_name(n->pairs[i].value));
}

/* Where each stands, and that it is one thing. */
static void finish_processors(const struct option_list *list, const struct yaml_node *node, const char *group,
                              struct faults *faults)
{
    const struct yaml_node *written = node_below(node, group, "processors", NULL);
    struct own_processor_config *v = list->v;
    char path[64];

    snprintf(path, sizeof(path), "service::telemetry::%s::processors", group);
    for (size_t i = 0; i < list->n; i++) {
        v[i].location = written != NULL && written->kind == YAML_LIST ? written->items[i] : node;
        if (v[i].batch.on == v[i].simple.on)
            fault_add(faults, v[i].location, path, false,
                      "a processor is written batch: {exporter: {otlp: {endpoint: \"http://host:4318\"}}} or simple: "
                      "{exporter: ...}, each an item of its own");
        else if (v[i].batch.on && v[i].batch.max_export_batch_size > v[i].batch.max_queue_size)
            fault_add(faults, v[i].location, path, false, "max_export_batch_size must not be more than max_queue_size");
    }
}

static void finish_logs(const struct logs_config *l, const struct yaml_node *node, struct faults *faults)
{
    finish_processors(&l->processors, node, "logs", faults);
    if (l->output_paths.n < 1 || l->output_paths.n > LOG_OUTPUTS_MAX)
        fault_add(faults, node_below(node, "logs", "output_paths", NULL), "service::telemetry::logs::output_paths",
                  false, "write 1 to %d outputs: stderr, stdout or files", LOG_OUTPUTS_MAX);
    for (size_t i = 0; i < l->error_output_paths.n; i++)
        if (strcmp(l->error_output_paths.v[i], "stderr") != 0 && strcmp(l->error_output_paths.v[i], "stdout") != 0)
            fault_add(faults, node_below(node, "logs", "error_output_paths", NULL),
                      "service::telemetry::logs::error_output_paths", false, "only stderr or stdout is served here");
    finish_initial_fields(l->initial_fields, faults);
}

/* What is not read does not stay: print-config shows what holds. */
static void finish_propagators(struct strings *list, const struct yaml_node *traces, struct faults *faults)
{
    size_t n = 0;

    for (size_t i = 0; i < list->n; i++) {
        bool b3 = strcmp(list->v[i], "b3") == 0;

        if (b3 || strcmp(list->v[i], "tracecontext") != 0)
            fault_add(faults, traces, "service::telemetry::traces::propagators", b3,
                      b3 ? "headers of b3 are not read: requests that have no traceparent begin new traces"
                         : "unsupported trace propagator \"%s\": write tracecontext",
                      list->v[i]);
        if (!b3)
            list->v[n++] = list->v[i];
    }
    list->n = n;
}

static void finish_traces(struct traces_config *t, const struct yaml_node *node, struct faults *faults)
{
    const struct own_sampler_config *s = &t->sampler;
    const struct own_root_sampler_config *r = &s->parent_based.root;
    const struct yaml_node *sampler = node_below(node, "traces", "sampler", NULL);

    finish_processors(&t->processors, node, "traces", faults);
    finish_propagators(&t->propagators, node_below(node, "traces", "propagators", NULL), faults);
    if (s->on && s->always_on.on + s->always_off.on + s->trace_id_ratio_based.on + s->parent_based.on != 1)
        fault_add(faults, sampler, "service::telemetry::traces::sampler", false,
                  "write one of always_on, always_off, trace_id_ratio_based and parent_based");
    if (r->on && r->always_on.on + r->always_off.on + r->trace_id_ratio_based.on != 1)
        fault_add(faults, sampler, "service::telemetry::traces::sampler::parent_based::root", false,
                  "write one of always_on, always_off and trace_id_ratio_based");
}

void service_config_finish(struct arena *a, struct service_config *c, const struct yaml_node *node,
                           struct faults *faults)
{
    finish_readers(a, c, node, faults);
    finish_resource(a, c, faults);
    finish_logs(&c->telemetry.logs, node, faults);
    finish_traces(&c->telemetry.traces, node, faults);
    drop_idle(&c->telemetry, node, faults);
}

bool service_config_same_metrics(const struct service_config *a, const struct service_config *b)
{
    const struct string_map *x = &a->resource, *y = &b->resource;
    bool same = x->n == y->n && a->telemetry.page.enabled == b->telemetry.page.enabled &&
                fingerprint_struct(metrics_options, &a->telemetry.metrics) ==
                    fingerprint_struct(metrics_options, &b->telemetry.metrics);

    for (size_t i = 0; same && i < x->n; i++) {
        const char *p = x->v[i].value, *q = y->v[i].value;

        same = strcmp(x->v[i].key, y->v[i].key) == 0 && (p == NULL) == (q == NULL) && (p == NULL || strcmp(p, q) == 0);
    }
    return same;
}
