/* SPDX-License-Identifier: Apache-2.0 */
/* own_telemetry_log() opens all outputs before it changes anything, so that a reload that fails leaves the log as it
 * was; then it makes the fields that every line has and turns the sink over. own_telemetry_serve() adds a source of our
 * own metrics to the scrape endpoint of each reader, and own_telemetry_stop() takes them out again and waits for all.
 */
#include "service/own_telemetry.h"

#include "base/log_recent.h"
#include "base/mem.h"
#include "page/site.h"
#include "prom/endpoint/scrape_endpoint.h"
#include "prom/endpoint/own_metrics_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "stderr", "stdout", "file:///abs" or a path. */
static int open_output(const char *path, struct error *err)
{
    int fd;

    if (strcmp(path, "stderr") == 0)
        return 2;
    if (strcmp(path, "stdout") == 0)
        return 1;
    if (strncmp(path, "file://", 7) == 0)
        path += 7;
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return error_set(err, -errno, "service::telemetry::logs::output_paths: open %s: %s", path, strerror(errno));
    return fd;
}

/* A scalar of initial_fields as YAML means it. */
static struct log_field initial_field(const char *key, const struct yaml_node *value, char **text)
{
    bool b;
    int64_t i;
    double d;

    if (value->kind == YAML_SCALAR && yaml_type(value) == YAML_BOOL && yaml_bool(value, &b))
        return F_BOOL(key, b);
    if (value->kind == YAML_SCALAR && yaml_type(value) == YAML_INT && yaml_int(value, &i))
        return F_INT(key, i);
    if (value->kind == YAML_SCALAR && yaml_type(value) == YAML_FLOAT && yaml_float(value, &d))
        return F_DOUBLE(key, d);
    *text = mem_strdup(value->kind == YAML_SCALAR ? value->text : "");
    return F_STR(key, *text);
}

static void make_fields(struct own_telemetry *t, const struct logs_config *c)
{
    const struct yaml_node *n = c->initial_fields;
    size_t most = 2 + (n != NULL && n->kind == YAML_MAP ? n->n : 0);

    t->fields = mem_zalloc(most * sizeof(*t->fields));
    t->texts = mem_zalloc(2 * most * sizeof(*t->texts));
    if (!c->disable_zap_resource)
        t->fields[t->n_fields++] = F_JSON("resource", t->resource_json);
    if (t->host->worker > 0)
        t->fields[t->n_fields++] = F_UINT("worker", t->host->worker);
    for (size_t i = 0; i + 2 < most; i++) {
        char **texts = &t->texts[2 * t->n_fields];

        texts[0] = mem_strdup(n->pairs[i].key);
        t->fields[t->n_fields++] = initial_field(texts[0], n->pairs[i].value, &texts[1]);
    }
}

static void set_sink(struct log_sink *s, const struct logs_config *c, const struct own_telemetry *t, const int *fds)
{
    s->level = logs_level(c);
    s->json = c->encoding == 1;
    s->sampling = c->sampling.on;
    s->tick_ns = (uint64_t)c->sampling.tick.ns;
    s->initial = c->sampling.initial;
    s->thereafter = c->sampling.thereafter;
    s->fields = t->fields;
    s->n_fields = t->n_fields;
    log_sink_to(s, fds[0]);
    for (size_t i = 1; i < c->output_paths.n; i++)
        log_sink_add(s, fds[i]);
}

/* All or none. */
static int open_outputs(const struct strings *paths, int *fds, struct error *err)
{
    for (size_t i = 0; i < paths->n; i++) {
        fds[i] = open_output(paths->v[i], err);
        if (fds[i] >= 0)
            continue;
        for (size_t k = 0; k < i; k++)
            if (fds[k] > 2)
                close(fds[k]);
        return fds[i];
    }
    return 0;
}

int own_telemetry_log(struct own_telemetry *t, struct host *host, const struct service_config *config,
                      const char *instance_id, struct error *err)
{
    const struct logs_config *c = &config->telemetry.logs;
    struct buf json = { 0 };
    int fds[LOG_OUTPUTS_MAX] = { 2 };
    int rc = open_outputs(&c->output_paths, fds, err);

    if (rc != 0)
        return rc;
    *t = (struct own_telemetry){ .host = host };
    own_resource_init(&t->resource, instance_id, 0, &config->resource);
    own_resource_json(&t->resource, &json);
    t->resource_json = mem_strdup(buf_cstr(&json));
    buf_free(&json);
    make_fields(t, c);
    set_sink(host->log, c, t, fds);
    return 0;
}

static int serve_error(const struct prometheus_reader_config *c, struct error *err)
{
    error_wrap(err, c->location != NULL ? "service::telemetry::metrics::readers"
                                        : "own metrics (service::telemetry::metrics::readers is not set)");
    if (c->location != NULL && c->location->file[0] != '\0')
        error_wrap(err, "%s:%d:%d", c->location->file, c->location->line, c->location->column);
    return err->code;
}

static int serve_at(struct own_telemetry *t, const struct prometheus_reader_config *c, struct own_metrics_options *o,
                    struct error *err)
{
    char *endpoint = prometheus_reader_endpoint(c);
    struct http_server_options http = {
        .endpoint = endpoint,
        .transport = "tcp",
        .read_header_timeout = 60 * NS_PER_S,
        .write_timeout = 300 * NS_PER_S,
        .idle_timeout = 300 * NS_PER_S,
    };
    struct own_metrics_source *own;
    int code;

    o->without_units = c->without_units;
    o->without_type_suffix = c->without_type_suffix;
    o->without_scope_info = c->without_scope_info;
    o->included = c->with_resource_constant_labels.included.v;
    o->n_included = c->with_resource_constant_labels.included.n;
    o->excluded = c->with_resource_constant_labels.excluded.v;
    o->n_excluded = c->with_resource_constant_labels.excluded.n;
    own = own_metrics_source_new(host_shown(t->host), o);
    code = scrape_endpoints_add(t->host->scrape_endpoints, &http, own_metrics_source_base(own), err);
    free(endpoint);
    if (code != 0) {
        own_metrics_source_free(own);
        return serve_error(c, err);
    }
    t->served[t->n_served++] = own;
    if (t->page)
        scrape_endpoints_set_site(t->host->scrape_endpoints, own_metrics_source_base(own),
                                  &t->host->site->pages.service);
    return 0;
}

int own_telemetry_serve(struct own_telemetry *t, const struct service_config *config, struct error *err)
{
    struct own_metrics_attribute *attributes = mem_zalloc(t->resource.n * sizeof(*attributes));
    struct own_metrics_options o = {
        .level = t->host->level,
        .version = t->host->version,
        .start_ns = clock_wall(&t->host->loop->clock),
        .resource = attributes,
        .n_resource = t->resource.n,
    };
    int code = 0;

    t->page = config->telemetry.page.enabled && t->host->site != NULL;
    if (t->page)
        log_keep_recent(t->host->log);
    for (size_t i = 0; i < t->resource.n; i++)
        attributes[i] =
            (struct own_metrics_attribute){ bytes_str(t->resource.v[i].name), bytes_str(t->resource.v[i].value) };
    t->is_served = true;
    t->served = mem_zalloc(config->n_scrapes * sizeof(struct own_metrics_source *));
    for (size_t i = 0; code == 0 && i < config->n_scrapes; i++)
        code = serve_at(t, &config->scrapes[i], &o, err);
    free(attributes);
    return code;
}

void own_telemetry_move(struct own_telemetry *to, struct own_telemetry *from)
{
    to->served = from->served;
    to->n_served = from->n_served;
    to->is_served = from->is_served;
    to->page = from->page;
    from->page = false;
    from->served = NULL;
    from->n_served = 0;
}

static void on_closed(void *arg)
{
    struct own_telemetry *t = arg;

    if (--t->closing == 0)
        t->done(t->arg);
}

void own_telemetry_stop(struct own_telemetry *t, uint64_t deadline, void (*done)(void *arg), void *arg)
{
    t->done = done;
    t->arg = arg;
    t->closing = 1 + t->n_served;
    if (t->page)
        page_set_dismiss(&t->host->site->pages);
    for (size_t i = 0; i < t->n_served; i++)
        scrape_endpoints_remove(t->host->scrape_endpoints, own_metrics_source_base(t->served[i]), deadline, on_closed,
                                t);
    on_closed(t);
}

void own_telemetry_free(struct own_telemetry *t)
{
    if (t->host == NULL)
        return;
    if (t->host->log->fields == t->fields) {
        t->host->log->fields = NULL;
        t->host->log->n_fields = 0;
    }
    for (size_t i = 0; i < t->n_served; i++)
        own_metrics_source_free(t->served[i]);
    for (size_t i = 0; i < 2 * t->n_fields; i++)
        free(t->texts[i]);
    free(t->served);
    free(t->texts);
    free(t->fields);
    free(t->resource_json);
    own_resource_free(&t->resource);
    *t = (struct own_telemetry){ 0 };
}
