/* SPDX-License-Identifier: Apache-2.0 */
/* From labels that were found to a target: what the job says is added where they do not say it themselves, the rules
 * run, and what is left under the names that begin with __ makes the URL. A target that ends up without an address, or
 * with times that are none, is broken. */
#include "receiver/prometheus/prometheus.h"

#include "codec/utf8.h"
#include "config/yaml.h"
#include "receiver/prometheus/prom_text.h"

#include <stdio.h>

#define META "__meta_"
#define PARAM "__param_"

static bool begins_with(struct bytes s, const char *with)
{
    size_t n = strlen(with);

    return s.len >= n && memcmp(s.data, with, n) == 0;
}

/* ---- what the job says ---- */

static void put_default(struct label_set *s, const char *name, struct bytes value)
{
    if (label_set_get(s, bytes_str(name)).len == 0)
        label_set_copy(s, bytes_str(name), value);
}

static void put_duration(struct label_set *s, const char *name, uint64_t ns)
{
    struct buf text = { 0 };

    prom_duration_print(ns, &text);
    put_default(s, name, buf_bytes(&text));
    buf_free(&text);
}

static void put_flag(struct label_set *s, const char *name, bool on)
{
    put_default(s, name, bytes_str(on ? "true" : "false"));
}

static void put_defaults(const struct scrape_job *job, struct label_set *s)
{
    const struct scrape_job_config *c = job->config;
    const struct yaml_node *params = c->params;

    put_default(s, "job", bytes_str(c->job_name));
    put_duration(s, "__scrape_interval__", c->common.interval);
    put_duration(s, "__scrape_timeout__", c->common.timeout);
    put_default(s, "__metrics_path__", bytes_str(c->metrics_path));
    put_default(s, "__scheme__", bytes_str(c->scheme));
    put_flag(s, "__scrape_native_histograms__", c->common.native_histograms);
    put_flag(s, "__convert_classic_histograms_to_nhcb__", c->common.classic_to_custom);
    put_flag(s, "__always_scrape_classic_histograms__", c->common.classic_too);
    for (size_t i = 0; params != NULL && params->kind == YAML_MAP && i < params->n; i++) {
        char *name = mem_printf(PARAM "%s", params->pairs[i].key);

        if (params->pairs[i].value->n > 0)
            put_default(s, name, bytes_str(params->pairs[i].value->items[0]->text));
        free(name);
    }
}

/* ---- the URL ---- */

/* As in a form: a space is a plus. */
static void put_form(struct buf *out, struct bytes s)
{
    size_t from = out->len;

    url_put_escaped(out, s, "-_.~ ");
    for (size_t i = from; i < out->len; i++)
        if (out->data[i] == ' ')
            out->data[i] = '+';
}

static void put_parameter(struct buf *out, bool *first, struct bytes name, struct bytes value)
{
    buf_putc(out, *first ? '?' : '&');
    *first = false;
    put_form(out, name);
    buf_putc(out, '=');
    put_form(out, value);
}

/* The labels are sorted, and so are the parameters. The values behind the first are the job's. */
static void put_parameters(struct buf *out, const struct scrape_job *job, const struct label_set *s)
{
    const struct yaml_node *params = job->config->params;
    bool first = true;

    for (size_t i = 0; i < s->list.n; i++) {
        struct bytes name = s->list.v[i].name;
        const struct yaml_node *more = NULL;

        if (!begins_with(name, PARAM))
            continue;
        name = bytes_skip(name, strlen(PARAM));
        put_parameter(out, &first, name, s->list.v[i].value);
        for (size_t k = 0; params != NULL && params->kind == YAML_MAP && k < params->n; k++)
            if (bytes_is(name, params->pairs[k].key))
                more = params->pairs[k].value;
        for (size_t k = 1; more != NULL && k < more->n; k++)
            put_parameter(out, &first, name, bytes_str(more->items[k]->text));
    }
}

static void put_url(struct target_plan *p, const struct scrape_job *job)
{
    struct bytes path = label_set_get(&p->labels, bytes_str("__metrics_path__"));

    p->url.len = 0;
    buf_put(&p->url, label_set_get(&p->labels, bytes_str("__scheme__")));
    buf_puts(&p->url, "://");
    buf_put(&p->url, label_set_get(&p->labels, bytes_str("__address__")));
    if (path.len == 0 || path.data[0] != '/')
        buf_putc(&p->url, '/');
    url_put_escaped(&p->url, path, "-_.~$&+,/:;=@!'()*");
    put_parameters(&p->url, job, &p->labels);
}

/* ---- what is left of it ---- */

static bool read_times(struct target_plan *p, struct error *err)
{
    char *interval = bytes_dup(label_set_get(&p->labels, bytes_str("__scrape_interval__")));
    char *timeout = bytes_dup(label_set_get(&p->labels, bytes_str("__scrape_timeout__")));
    bool good = prom_duration_parse(interval, &p->interval) && prom_duration_parse(timeout, &p->timeout);

    if (!good)
        error_set(err, UV_EINVAL, "error parsing scrape interval or timeout: \"%.60s\", \"%.60s\"", interval, timeout);
    else if (p->interval == 0 || p->timeout == 0)
        error_set(err, UV_EINVAL, "scrape interval and timeout cannot be 0");
    else if (p->timeout > p->interval)
        error_set(err, UV_EINVAL, "scrape timeout cannot be greater than scrape interval (\"%.60s\" > \"%.60s\")",
                  timeout, interval);
    free(interval);
    free(timeout);
    return good && p->interval > 0 && p->timeout > 0 && p->timeout <= p->interval;
}

static bool read_flag(const struct target_plan *p, const char *name)
{
    return bytes_is(label_set_get(&p->labels, bytes_str(name)), "true");
}

static bool is_meta(void *arg, const struct label_pair *l)
{
    (void)arg;
    return begins_with(l->name, META);
}

static uint64_t hash_plan(const struct target_plan *p)
{
    uint64_t h = BYTES_FNV1A;

    for (size_t i = 0; i < p->labels.list.n; i++) {
        h = bytes_fnv1a(h, p->labels.list.v[i].name);
        h = bytes_fnv1a(h, bytes_of("\xff", 1));
        h = bytes_fnv1a(h, p->labels.list.v[i].value);
        h = bytes_fnv1a(h, bytes_of("\xff", 1));
    }
    return bytes_fnv1a(h, buf_bytes(&p->url));
}

static bool check_labels(struct target_plan *p, struct error *err)
{
    struct bytes address = label_set_get(&p->labels, bytes_str("__address__"));

    if (address.len == 0) {
        error_set(err, UV_EINVAL, "no address");
        return false;
    }
    if (memchr(address.data, '/', address.len) != NULL) {
        error_set(err, UV_EINVAL, "\"%.*s\" is not a valid hostname", (int)(address.len < 100 ? address.len : 100),
                  (const char *)address.data);
        return false;
    }
    for (size_t i = 0; i < p->labels.list.n; i++)
        if (!utf8_valid(p->labels.list.v[i].value)) {
            error_set(err, UV_EINVAL, "a label's value is not UTF-8");
            return false;
        }
    return read_times(p, err);
}

static bool has_public_label(const struct target_plan *p)
{
    for (size_t i = 0; i < p->labels.list.n; i++)
        if (!begins_with(p->labels.list.v[i].name, "__"))
            return true;
    return false;
}

enum plan_verdict target_plan_make(struct target_plan *p, const struct scrape_job *job, struct label_set *discovered,
                                   struct error *err)
{
    label_set_reset(&p->labels);
    put_defaults(job, discovered);
    for (size_t i = 0; i < discovered->list.n; i++)
        label_set_copy(&p->labels, discovered->list.v[i].name, discovered->list.v[i].value);
    if (!relabel_run(job->target_rules, &p->labels) || !has_public_label(p)) {
        if (!relabel_is_over(job->target_rules))
            return PLAN_DROPPED;
        error_set(err, UV_E2BIG, "its labels are too long for the patterns of relabel_configs");
        return PLAN_BROKEN;
    }
    if (!check_labels(p, err))
        return PLAN_BROKEN;
    label_set_filter(&p->labels, is_meta, NULL);
    put_default(&p->labels, "instance", label_set_get(&p->labels, bytes_str("__address__")));
    p->native_histograms = read_flag(p, "__scrape_native_histograms__");
    p->classic_to_custom = read_flag(p, "__convert_classic_histograms_to_nhcb__");
    p->classic_too = read_flag(p, "__always_scrape_classic_histograms__");
    put_url(p, job);
    p->identity = hash_plan(p);
    return PLAN_KEPT;
}

void target_plan_free(struct target_plan *p)
{
    label_set_free(&p->labels);
    buf_free(&p->url);
}
