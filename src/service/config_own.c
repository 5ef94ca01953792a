/* SPDX-License-Identifier: Apache-2.0 */
/* Own telemetry that is sent to somebody becomes pipelines like others: for each processor of service::telemetry::logs
 * and each periodic reader of service::telemetry::metrics a receiver (own/own_source.h), an exporter otlp_http or
 * otlp_grpc, and a pipeline of both. They stand behind those that the user has written, and are marked `own`.
 *
 * The exporter's options are written as a user would write them and decoded by its own rows, so that what is wrong with
 * an address or a certificate is told in the same words, at the location in service::telemetry. */
#include "service/config_inside.h"

#include "base/mem.h"
#include "codec/base64.h"
#include "codec/pb.h"
#include "service/own/own_rows.h"
#include "service/own/own_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_BYTES "4194304"
#define SIMPLE_QUEUE 2048u    /* items that come in one turn of the loop */
#define SIMPLE_TIMEOUT 30000u /* ms */

/* One that is being made. */
struct making {
    struct loader *l;
    enum signal signal;
    size_t n;                         /* of this signal, from 1 */
    const char *path;                 /* "service::telemetry::metrics::readers::0::periodic" */
    const struct yaml_node *location; /* of that */
    struct own_source_config source;
    uint64_t give_up; /* ms */
};

/* "exporter" below `path` in the form that is used. */
struct peer {
    const char *form; /* "otlp" */
    const struct own_peer_config *config;
    bool grpc, plain;
};

static void fault_at(const struct making *m, const char *key, const char *text)
{
    const struct yaml_node *n = yaml_get(m->location, key);

    fault_add(faults_of(m->l), n != NULL ? n : m->location, m->path, false, "%s", text);
}

static bool has_scheme(const char *endpoint, const char *scheme)
{
    return strncasecmp(endpoint, scheme, strlen(scheme)) == 0;
}

/* The one that is written. */
static bool find_peer(const struct making *m, const struct own_exporter_config *e, struct peer *p)
{
    size_t n = (size_t)e->otlp.on + e->otlp_http.on + e->otlp_grpc.on;

    if (n != 1) {
        fault_at(m, "exporter",
                 n == 0
                     ? "whom to send to is missing: write exporter: {otlp: {protocol: http/protobuf, endpoint: "
                       "\"http://host:4318\"}}"
                     : "there are several exporters: write one of otlp, otlp_http and otlp_grpc, and another item of "
                       "the list for each of the others");
        return false;
    }
    *p = (struct peer){ "otlp", &e->otlp, false, false };
    if (e->otlp_http.on)
        *p = (struct peer){ "otlp_http", &e->otlp_http, false, false };
    if (e->otlp_grpc.on)
        *p = (struct peer){ "otlp_grpc", &e->otlp_grpc, true, false };
    p->grpc = p->grpc || (e->otlp.on && e->otlp.protocol >= OWN_GRPC);
    if (p->config->insecure && !p->grpc && has_scheme(p->config->endpoint, "https://"))
        fault_add(faults_of(m->l), m->location, m->path, true,
                  "insecure is for grpc: over HTTP the URL says whether TLS is spoken, and https:// does");
    p->plain = p->config->insecure || p->config->tls.insecure || has_scheme(p->config->endpoint, "http://");
    return true;
}

/* --- the exporter's options --- */

struct body {
    struct arena *arena;
    const struct yaml_node *location;
    struct yaml_node *map;
};

static struct yaml_node *put_text(struct body *b, struct yaml_node *map, const char *key, const char *text)
{
    struct yaml_node *n = yaml_scalar(b->arena, text, false, b->location);

    yaml_put(b->arena, map, key, b->location->line, b->location->column, n);
    return n;
}

static void put_plain(struct body *b, struct yaml_node *map, const char *key, const char *text)
{
    put_text(b, map, key, text)->plain = true;
}

static struct yaml_node *put_map(struct body *b, const char *key)
{
    struct yaml_node *n = yaml_new(b->arena, YAML_MAP, b->location);

    yaml_put(b->arena, b->map, key, b->location->line, b->location->column, n);
    return n;
}

static void put_file(struct body *b, struct yaml_node *tls, const char *key, const char *one, const char *other)
{
    const char *text = one != NULL && one[0] != '\0' ? one : other != NULL ? other : "";

    if (text[0] != '\0')
        put_text(b, tls, key, text);
}

static void put_tls(struct body *b, const struct peer *p)
{
    const struct own_peer_config *c = p->config;
    struct yaml_node *tls = put_map(b, "tls");

    put_file(b, tls, "ca_file", c->certificate, c->tls.ca_file);
    put_file(b, tls, "cert_file", c->client_certificate, c->tls.cert_file);
    put_file(b, tls, "key_file", c->client_key, c->tls.key_file);
    if (p->grpc && p->plain)
        put_plain(b, tls, "insecure", "true");
}

static void put_header(struct body *b, struct yaml_node *list, const char *name, const char *value)
{
    struct yaml_node *header = yaml_new(b->arena, YAML_MAP, b->location);

    put_text(b, header, "name", name);
    put_text(b, header, "value", value);
    yaml_push(b->arena, list, header);
}

static bool has_header(const struct string_map *headers, const char *name)
{
    for (size_t i = 0; i < headers->n; i++)
        if (strcasecmp(headers->v[i].key, name) == 0)
            return true;
    return false;
}

/* %41 is A; in place. What is no such escape stays. */
static void decode_escapes(char *s)
{
    char *to = s;

    for (; *s != '\0'; s++) {
        int high = *s == '%' ? hex_digit((uint8_t)s[1]) : -1, low = high >= 0 ? hex_digit((uint8_t)s[2]) : -1;

        if (low >= 0 && high + low > 0) {
            *to++ = (char)(high << 4 | low);
            s += 2;
        } else {
            *to++ = *s;
        }
    }
    *to = '\0';
}

/* "a=1,b=2", but for those of the map. False: it is not written so. */
static bool put_headers_list(struct body *b, struct yaml_node *list, const char *text, const struct string_map *headers)
{
    char *copy = arena_strdup(b->arena, text), *rest = copy, *item;

    while ((item = strsep(&rest, ",")) != NULL) {
        char *value = strchr(item, '=');
        const char *name;

        if (value == NULL && config_trim(b->arena, item)[0] == '\0')
            continue;
        if (value == NULL || value == item)
            return false;
        *value++ = '\0';
        decode_escapes(value);
        name = config_trim(b->arena, item);
        if (!has_header(headers, name))
            put_header(b, list, name, config_trim(b->arena, value));
    }
    return true;
}

static void put_headers(const struct making *m, struct body *b, const struct own_peer_config *c)
{
    struct yaml_node *list = yaml_new(b->arena, YAML_LIST, b->location);
    const char *text = c->headers_list.text;

    for (size_t i = 0; i < c->headers.n; i++)
        put_header(b, list, c->headers.v[i].key, c->headers.v[i].value);
    if (text != NULL && !put_headers_list(b, list, text, &c->headers))
        fault_at(m, "exporter", "headers_list is written name=value,name=value");
    yaml_put(b->arena, b->map, "headers", b->location->line, b->location->column, list);
}

static const char *milliseconds_text(struct body *b, uint64_t ms)
{
    return arena_printf(b->arena, "%llums", (unsigned long long)ms);
}

/* Of HTTP: a URL with a path is whole. */
static void put_endpoint(const struct making *m, struct body *b, const struct peer *p)
{
    const char *given = p->config->endpoint, *host = strstr(given, "://"), *path;

    if (given[0] == '\0')
        given = p->grpc ? "localhost:4317" : "http://localhost:4318";
    path = host != NULL ? strchr(host + 3, '/') : NULL;
    if (p->grpc || path == NULL || path[1] == '\0')
        put_text(b, b->map, "endpoint", given);
    else
        put_text(b, b->map, arena_printf(b->arena, "%s_endpoint", signal_table[m->signal].name), given);
}

/* Bounded queue and tries: what is not delivered by then is not worth more. */
static void put_queue(const struct making *m, struct body *b)
{
    struct yaml_node *queue = put_map(b, "sending_queue"), *retry = put_map(b, "retry_on_failure");

    put_plain(b, queue, "num_consumers", "1");
    put_text(b, queue, "sizer", "bytes");
    put_plain(b, queue, "queue_size", QUEUE_BYTES);
    put_text(b, retry, "initial_interval", milliseconds_text(b, m->give_up < 1000 ? m->give_up : 1000));
    put_text(b, retry, "max_interval", milliseconds_text(b, m->give_up < 10000 ? m->give_up : 10000));
    put_text(b, retry, "max_elapsed_time", milliseconds_text(b, m->give_up));
}

static struct yaml_node *exporter_body(const struct making *m, struct arena *a, const struct peer *p)
{
    const struct own_peer_config *c = p->config;
    const struct yaml_node *form = yaml_get(yaml_get(m->location, "exporter"), p->form);
    struct body b = { a, form != NULL ? form : m->location, yaml_new(a, YAML_MAP, m->location) };

    put_endpoint(m, &b, p);
    put_text(&b, b.map, "compression", c->compression);
    put_text(&b, b.map, "timeout", milliseconds_text(&b, c->timeout));
    if (!p->grpc && (c->encoding == 1 || (strcmp(p->form, "otlp") == 0 && c->protocol == OWN_HTTP_JSON)))
        put_text(&b, b.map, "encoding", "json");
    put_headers(m, &b, c);
    put_tls(&b, p);
    put_queue(m, &b);
    return b.map;
}

/* --- components --- */

/* A name of ours: "otlp_http/own_metrics", "otlp_http/own_metrics_2". */
static char *own_name(const struct making *m, struct arena *a, const char *type, const char *name)
{
    return m->n == 1 ? arena_printf(a, "%s/%s", type, name) : arena_printf(a, "%s/%s_%zu", type, name, m->n);
}

static void check_free(const struct making *m, bool taken, const char *id)
{
    if (taken)
        fault_add(faults_of(m->l), m->location, m->path, false,
                  "\"%s\" is the name of what sends otelcd's own telemetry: give what you have called so another name",
                  id);
}

static struct config_component *add_component(const struct making *m, enum component_kind kind, const char *type,
                                              const char *name)
{
    struct config *c = m->l->config;
    struct config_component *cc = &c->components[kind].v[c->components[kind].n];
    bool by_alias;

    cc->memory = config_memory_ref(mem_zalloc(sizeof(*cc->memory)));
    cc->id = own_name(m, &cc->memory->arena, type, name);
    check_free(m, config_find(c, kind, cc->id) != NULL, cc->id);
    c->components[kind].n++;
    cc->component =
        kind == COMPONENT_RECEIVER ? &own_source : component_find(m->l->all, kind, bytes_str(type), &by_alias);
    cc->location = yaml_copy(&cc->memory->arena, m->location);
    cc->used = cc->own = true;
    return cc;
}

static struct config_component *add_exporter(const struct making *m, const struct peer *p)
{
    const char *type = p->grpc ? "otlp_grpc" : "otlp_http";
    struct config_component *cc = add_component(m, COMPONENT_EXPORTER, type,
                                                m->signal == SIGNAL_METRICS ? "own_metrics"
                                                : m->signal == SIGNAL_LOGS  ? "own_logs"
                                                                            : "own_traces");
    struct yaml_node *body = exporter_body(m, &cc->memory->arena, p);

    cc->body = body;
    if (cc->component != NULL)
        config_decode_component(m->l, cc, body,
                                arena_printf(&m->l->config->arena, "%s::exporter::%s", m->path, p->form));
    else
        fault_at(m, "exporter", "there is no exporter of that kind here");
    return cc;
}

static struct string_map copy_map(struct arena *a, const struct string_map *from)
{
    struct string_map to = { arena_alloc(a, (from->n + 1) * sizeof(*to.v)), from->n };

    for (size_t i = 0; i < from->n; i++)
        to.v[i] = (struct string_pair){ arena_strdup(a, from->v[i].key),
                                        from->v[i].value != NULL ? arena_strdup(a, from->v[i].value) : NULL };
    return to;
}

static uint64_t mix_hash(uint64_t h, struct bytes b)
{
    const uint64_t both[] = { h, bytes_hash(b) };

    return bytes_hash(bytes_of(both, sizeof(both)));
}

static uint64_t fingerprint_of(const struct own_source_config *c)
{
    const struct trace_sampler *s = &c->sampler;
    const uint64_t numbers[] = { c->delay,          c->queue_items,    c->batch_items, c->resource.n,
                                 pb_bits(s->share), s->follows_parent, s->reads_parent };
    uint64_t h = bytes_hash(bytes_of(numbers, sizeof(numbers)));

    for (size_t i = 0; i < c->resource.n; i++) {
        const struct string_pair *p = &c->resource.v[i];

        h = mix_hash(mix_hash(h, bytes_str(p->key)), bytes_str(p->value != NULL ? p->value : "\n"));
    }
    return h;
}

static struct config_component *add_receiver(const struct making *m)
{
    struct config_component *cc = add_component(m, COMPONENT_RECEIVER, "own_telemetry", signal_table[m->signal].name);
    struct own_source_config *config = arena_alloc(&cc->memory->arena, sizeof(*config));

    *config = m->source;
    config->resource = copy_map(&cc->memory->arena, &m->l->config->service->resource);
    cc->config = config;
    cc->fingerprint = fingerprint_of(config);
    cc->sound = true;
    return cc;
}

/* --- pipelines --- */

static struct config_component **list_of(struct arena *a, struct config_component *cc)
{
    struct config_component **list = arena_alloc(a, sizeof(struct config_component *));

    list[0] = cc;
    return list;
}

static void add_pipeline(struct making *m, const struct own_exporter_config *exporter)
{
    struct config *c = m->l->config;
    struct config_pipeline *p = &c->pipelines[c->n_pipelines];
    struct peer peer;

    if (m->n > CONFIG_OWN_MOST) {
        fault_at(m, "exporter", "own telemetry of one signal is sent to 4 at most: let one of them send it on");
        return;
    }
    if (!find_peer(m, exporter, &peer))
        return;
    *p = (struct config_pipeline){
        .id = own_name(m, &c->arena, signal_table[m->signal].name, "own_telemetry"),
        .location = m->location,
        .signal = (int)m->signal,
        .own = true,
        .n_receivers = 1,
        .n_exporters = 1,
    };
    for (size_t i = 0; i < c->n_pipelines; i++)
        check_free(m, strcmp(c->pipelines[i].id, p->id) == 0, p->id);
    p->receivers = list_of(&c->arena, add_receiver(m));
    p->exporters = list_of(&c->arena, add_exporter(m, &peer));
    c->n_pipelines++;
    c->n_own_pipelines++;
}

static void enter_item(struct making *m, const char *list, size_t i, const char *word, const struct yaml_node *location)
{
    m->n++;
    m->location = location;
    m->path = arena_printf(&m->l->config->arena, "service::telemetry::%s::%zu::%s", list, i, word);
}

static void add_metrics(struct loader *l)
{
    const struct metrics_config *c = &l->config->service->telemetry.metrics;
    const struct reader_config *readers = c->readers.v;
    struct making m = { .l = l, .signal = SIGNAL_METRICS };

    for (size_t i = 0; i < c->readers.n && c->level != LEVEL_NONE; i++) {
        const struct own_periodic_config *p = &readers[i].periodic;

        if (!p->on)
            continue;
        enter_item(&m, "metrics::readers", p->index, "periodic", p->location);
        m.give_up = p->timeout;
        m.source = (struct own_source_config){ .delay = p->interval * NS_PER_MS };
        add_pipeline(&m, &p->exporter);
    }
}

static double share_of(const struct own_always_config *off, const struct own_ratio_config *ratio)
{
    return off->on ? 0 : ratio->on ? ratio->ratio : 1;
}

static struct trace_sampler sampler_of(const struct traces_config *t)
{
    const struct own_sampler_config *c = &t->sampler;
    const struct own_root_sampler_config *root = &c->parent_based.root;
    struct trace_sampler s = { .share = 1, .follows_parent = !c->on || c->parent_based.on };

    if (c->on)
        s.share = c->parent_based.on ? share_of(&root->always_off, &root->trace_id_ratio_based)
                                     : share_of(&c->always_off, &c->trace_id_ratio_based);
    for (size_t i = 0; i < t->propagators.n; i++)
        s.reads_parent |= strcmp(t->propagators.v[i], "tracecontext") == 0;
    return s;
}

static void add_processors(struct loader *l, enum signal signal, const struct option_list *list, const char *path,
                           const struct trace_sampler *sampler)
{
    const struct own_processor_config *processors = list->v;
    struct making m = { .l = l, .signal = signal };

    for (size_t i = 0; i < list->n; i++) {
        const struct own_processor_config *p = &processors[i];
        const struct own_batch_config *b = &p->batch;

        enter_item(&m, path, i, b->on ? "batch" : "simple", yaml_get(p->location, b->on ? "batch" : "simple"));
        m.give_up = b->on ? b->export_timeout : SIMPLE_TIMEOUT;
        m.source = (struct own_source_config){ .queue_items = SIMPLE_QUEUE, .batch_items = 1 };
        if (b->on)
            m.source = (struct own_source_config){
                .delay = b->schedule_delay * NS_PER_MS,
                .queue_items = b->max_queue_size,
                .batch_items = b->max_export_batch_size,
            };
        if (sampler != NULL)
            m.source.sampler = *sampler;
        add_pipeline(&m, b->on ? &b->exporter : &p->simple.exporter);
    }
}

void config_forget_own(struct config *c)
{
    static const enum component_kind kinds[] = { COMPONENT_RECEIVER, COMPONENT_EXPORTER };

    c->n_pipelines -= c->n_own_pipelines;
    c->n_own_pipelines = 0;
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
        while (c->components[kinds[k]].n > 0 && c->components[kinds[k]].v[c->components[kinds[k]].n - 1].own)
            config_memory_unref(c->components[kinds[k]].v[--c->components[kinds[k]].n].memory);
}

void config_add_own(struct loader *l)
{
    const struct telemetry_config *t = &l->config->service->telemetry;
    struct trace_sampler sampler = sampler_of(&t->traces);

    add_metrics(l);
    add_processors(l, SIGNAL_LOGS, &t->logs.processors, "logs::processors", NULL);
    if (t->traces.level != LEVEL_NONE)
        add_processors(l, SIGNAL_TRACES, &t->traces.processors, "traces::processors", &sampler);
}
