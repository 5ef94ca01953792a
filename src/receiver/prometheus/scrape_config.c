/* SPDX-License-Identifier: Apache-2.0 */
/* scrape_config_finish() puts the values of durations and sizes beside their texts, and what `global` says into each
 * job that does not say otherwise. scrape_config_check() reports what is wrong with them, in Prometheus' words where it
 * refuses the same. */
#include "receiver/prometheus/scrape_config.h"

#include "base/buf.h"
#include "base/loop/clock.h"
#include "config/option.h"
#include "config/yaml.h"
#include "net/http/url.h"
#include "prom/relabel/relabel.h"
#include "receiver/prometheus/dns_query.h"
#include "receiver/prometheus/prom_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_TIMEOUT (10 * NS_PER_S)

int scrape_protocol_of(const char *name)
{
    for (int i = 0; i < PROTOCOL_COUNT; i++)
        if (strcmp(name, scrape_protocol_names[i]) == 0)
            return i;
    return -1;
}

uint64_t scrape_duration(const char *text)
{
    uint64_t ns;

    return prom_duration_parse(text, &ns) ? ns : 0;
}

/* ---- finish ---- */

static void finish_texts(struct scrape_common *c)
{
    c->interval = scrape_duration(c->scrape_interval);
    c->timeout = scrape_duration(c->scrape_timeout);
    if (!prom_size_parse(c->body_size_limit, &c->body_size))
        c->body_size = 0;
}

#define INHERIT(field_) job->field_ = job->field_ != 0 ? job->field_ : global->field_

static void inherit_numbers(struct scrape_common *job, const struct scrape_common *global)
{
    INHERIT(interval);
    INHERIT(body_size);
    INHERIT(sample_limit);
    INHERIT(target_limit);
    INHERIT(label_limit);
    INHERIT(label_name_length_limit);
    INHERIT(label_value_length_limit);
    INHERIT(validation);
    if (job->timeout == 0)
        job->timeout = global->timeout < job->interval ? global->timeout : job->interval;
    if (job->escaping[0] == '\0')
        job->escaping = global->escaping;
    if (job->escaping[0] == '\0')
        job->escaping = job->validation == VALIDATION_LEGACY ? "underscores" : "allow-utf-8";
    if (job->scrape_protocols.n == 0)
        job->scrape_protocols = global->scrape_protocols;
}

static void inherit_flag(bool *flag, bool global, struct check *ck, size_t i, const char *key)
{
    char path[128];

    snprintf(path, sizeof(path), "config::scrape_configs::%zu::%s", i, key);
    if (!check_was_set(ck, path))
        *flag = global;
}

static void finish_discovery(struct scrape_job_config *c)
{
    struct file_sd_config *file = c->file_sd_configs.v;
    struct http_sd_config *http = c->http_sd_configs.v;
    struct dns_sd_config *dns = c->dns_sd_configs.v;

    for (size_t i = 0; i < c->file_sd_configs.n; i++)
        file[i].refresh = scrape_duration(file[i].refresh_interval);
    for (size_t i = 0; i < c->http_sd_configs.n; i++) {
        http[i].refresh = scrape_duration(http[i].refresh_interval);
        scrape_client_finish(&http[i].client);
    }
    for (size_t i = 0; i < c->dns_sd_configs.n; i++)
        dns[i].refresh = scrape_duration(dns[i].refresh_interval);
    server_discovery_finish(c);
}

void scrape_config_finish(void *config, struct check *ck)
{
    struct prometheus_receiver_config *r = config;
    struct scrape_common *global = &r->config.global.common;
    struct scrape_job_config *jobs = r->config.scrape_configs.v;

    finish_texts(global);
    if (global->timeout == 0)
        global->timeout = global->interval < DEFAULT_TIMEOUT ? global->interval : DEFAULT_TIMEOUT;
    for (size_t i = 0; i < r->config.scrape_configs.n; i++) {
        struct scrape_common *c = &jobs[i].common;

        finish_texts(c);
        inherit_numbers(c, global);
        inherit_flag(&c->native_histograms, global->native_histograms, ck, i, "scrape_native_histograms");
        inherit_flag(&c->classic_to_custom, global->classic_to_custom, ck, i, "convert_classic_histograms_to_nhcb");
        inherit_flag(&c->classic_too, global->classic_too, ck, i, "always_scrape_classic_histograms");
        inherit_flag(&c->more_series, global->more_series, ck, i, "extra_scrape_metrics");
        scrape_client_finish(&jobs[i].client);
        finish_discovery(&jobs[i]);
    }
}

/* ---- check ---- */

void scrape_duration_check(const char *text, const char *path, bool zero, struct check *ck)
{
    uint64_t ns;

    if (!prom_duration_parse(text, &ns))
        check_fail(ck, path, "not a valid duration string: \"%s\": write 15s, 500ms, 1m or 1h30m", text);
    else if (ns == 0 && !zero)
        check_fail(ck, path, "must be longer than 0: write 15s, 1m or 1h30m");
}

struct job_check {
    const struct scrape_job_config *c;
    struct check *ck;
    char path[64];
};

#define KEY_ROOM 256

static const char *key_path(const struct job_check *j, const char *key, char out[KEY_ROOM])
{
    snprintf(out, KEY_ROOM, "%s%s%s", j->path, key[0] != '\0' ? "::" : "", key);
    return out;
}

__attribute__((format(printf, 3, 4))) static void fail_job(const struct job_check *j, const char *key, const char *fmt,
                                                           ...)
{
    char path[KEY_ROOM], text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    check_fail(j->ck, key_path(j, key, path), "%s", text);
}

static void check_times(const struct scrape_common *c, const struct job_check *j)
{
    char path[KEY_ROOM];
    bool global = j->c == NULL;

    if (c->scrape_interval[0] != '\0')
        scrape_duration_check(c->scrape_interval, key_path(j, "scrape_interval", path), !global, j->ck);
    if (c->scrape_timeout[0] != '\0')
        scrape_duration_check(c->scrape_timeout, key_path(j, "scrape_timeout", path), true, j->ck);
    if (c->timeout <= c->interval)
        return;
    if (global)
        fail_job(j, "scrape_timeout",
                 "global scrape timeout greater than scrape interval: make it at most scrape_interval");
    else
        fail_job(j, "scrape_timeout",
                 "scrape timeout greater than scrape interval for scrape config with job name \"%.100s\": make it at "
                 "most scrape_interval",
                 j->c->job_name);
}

static void check_protocols(const struct scrape_common *c, const struct job_check *j)
{
    const struct strings *p = &c->scrape_protocols;

    for (size_t i = 0; i < p->n; i++) {
        if (scrape_protocol_of(p->v[i]) < 0)
            fail_job(j, "scrape_protocols",
                     "unknown scrape protocol %.60s, supported: [OpenMetricsText0.0.1 OpenMetricsText1.0.0 "
                     "PrometheusProto PrometheusText0.0.4 PrometheusText1.0.0]",
                     p->v[i]);
        for (size_t k = 0; k < i; k++)
            if (strcmp(p->v[k], p->v[i]) == 0)
                fail_job(j, "scrape_protocols", "duplicated protocol: %.60s: write it once", p->v[i]);
    }
}

static void check_common(const struct scrape_common *c, const struct job_check *j)
{
    uint64_t size;

    check_times(c, j);
    check_protocols(c, j);
    if (!prom_size_parse(c->body_size_limit, &size))
        fail_job(j, "body_size_limit", "\"%.60s\" is not a size: write 10MB or 512KiB, or 0 for none",
                 c->body_size_limit);
}

static void check_params(const struct job_check *j)
{
    const struct yaml_node *p = j->c->params;

    if (p == NULL || p->kind == YAML_NULL)
        return;
    if (p->kind != YAML_MAP) {
        fail_job(j, "params", "expected a map of names to lists of values, got %s", yaml_type_name(p));
        return;
    }
    for (size_t i = 0; i < p->n; i++) {
        const struct yaml_node *values = p->pairs[i].value;
        bool good = values->kind == YAML_LIST;

        for (size_t k = 0; good && k < values->n; k++)
            good = values->items[k]->kind == YAML_SCALAR;
        if (!good)
            fail_job(j, "params", "\"%.60s\" has %s: write a list of values, [a, b]", p->pairs[i].key,
                     yaml_type_name(values));
    }
}

static void check_static(const struct job_check *j)
{
    const struct static_config *s = j->c->static_configs.v;
    char key[64];

    for (size_t i = 0; i < j->c->static_configs.n; i++)
        for (size_t k = 0; k < s[i].targets.n && j->c->relabel_configs.n == 0; k++) {
            snprintf(key, sizeof(key), "static_configs::%zu::targets", i);
            if (strchr(s[i].targets.v[k], '/') != NULL)
                fail_job(j, key,
                         "\"%.100s\" is not a valid hostname: write host:port, and scheme and metrics_path as keys of "
                         "the job",
                         s[i].targets.v[k]);
        }
}

/* One * at most, in the last part, and an ending that says what is in it. */
static bool is_file_pattern(const char *file)
{
    static const char *const endings[] = { ".json", ".yml", ".yaml", ".JSON", ".YML", ".YAML" };
    const char *star = strchr(file, '*'), *dot = strrchr(file, '.');

    if (star != NULL && (strchr(star + 1, '*') != NULL || strchr(star, '/') != NULL))
        return false;
    for (size_t i = 0; dot != NULL && i < sizeof(endings) / sizeof(*endings); i++)
        if (strcmp(dot, endings[i]) == 0)
            return true;
    return false;
}

static void check_files(const struct job_check *j)
{
    const struct file_sd_config *f = j->c->file_sd_configs.v;
    char key[64], path[KEY_ROOM];

    for (size_t i = 0; i < j->c->file_sd_configs.n; i++) {
        snprintf(key, sizeof(key), "file_sd_configs::%zu::files", i);
        for (size_t k = 0; k < f[i].files.n; k++)
            if (!is_file_pattern(f[i].files.v[k]))
                fail_job(j, key,
                         "path name \"%.100s\" is not valid for file discovery: it ends in .json, .yml or .yaml, and "
                         "only its last part may have a *",
                         f[i].files.v[k]);
        snprintf(key, sizeof(key), "file_sd_configs::%zu::refresh_interval", i);
        scrape_duration_check(f[i].refresh_interval, key_path(j, key, path), false, j->ck);
    }
}

static void check_http(const struct job_check *j)
{
    const struct http_sd_config *h = j->c->http_sd_configs.v;
    char key[64], path[KEY_ROOM];
    struct error err;
    struct url url;

    for (size_t i = 0; i < j->c->http_sd_configs.n; i++) {
        snprintf(key, sizeof(key), "http_sd_configs::%zu::url", i);
        if (h[i].url[0] != '\0' && url_parse(&url, bytes_str(h[i].url), &err) != 0)
            fail_job(j, key, "%s", err.text);
        snprintf(key, sizeof(key), "http_sd_configs::%zu", i);
        scrape_client_check(&h[i].client, key_path(j, key, path), j->ck);
        snprintf(key, sizeof(key), "http_sd_configs::%zu::refresh_interval", i);
        scrape_duration_check(h[i].refresh_interval, key_path(j, key, path), false, j->ck);
    }
}

static void check_dns(const struct job_check *j)
{
    const struct dns_sd_config *d = j->c->dns_sd_configs.v;
    char key[64], path[KEY_ROOM];

    for (size_t i = 0; i < j->c->dns_sd_configs.n; i++) {
        snprintf(key, sizeof(key), "dns_sd_configs::%zu::port", i);
        if (d[i].port == 0 && d[i].type != DNS_SRV)
            fail_job(j, key, "a port is required in DNS-SD configs for all record types except SRV: write port");
        snprintf(key, sizeof(key), "dns_sd_configs::%zu::refresh_interval", i);
        scrape_duration_check(d[i].refresh_interval, key_path(j, key, path), false, j->ck);
    }
}

static void check_rules(const struct job_check *j)
{
    bool utf8 = j->c->common.validation != VALIDATION_LEGACY;
    char path[KEY_ROOM];

    relabel_check(&j->c->relabel_configs, utf8, key_path(j, "relabel_configs", path), j->ck);
    relabel_check(&j->c->metric_relabel_configs, utf8, key_path(j, "metric_relabel_configs", path), j->ck);
    if (relabel_writes(&j->c->metric_relabel_configs, "__name__"))
        check_warn(j->ck, key_path(j, "metric_relabel_configs", path),
                   "a metric that is renamed here becomes a gauge without unit and description: what is known of it is "
                   "known by its name");
}

static void check_job(const struct job_check *j)
{
    char path[KEY_ROOM];

    if (j->c->job_name[0] == '\0')
        fail_job(j, "job_name", "job_name is empty: write a name for the job");
    check_common(&j->c->common, j);
    if (scrape_protocol_of(j->c->fallback_scrape_protocol) < 0)
        fail_job(j, "fallback_scrape_protocol", "unknown scrape protocol %.60s: write one of those of scrape_protocols",
                 j->c->fallback_scrape_protocol);
    if (strcmp(j->c->scheme, "http") != 0 && strcmp(j->c->scheme, "https") != 0)
        fail_job(j, "scheme", "unsupported scheme \"%.60s\": write http or https", j->c->scheme);
    check_params(j);
    check_static(j);
    check_files(j);
    check_http(j);
    check_dns(j);
    server_discovery_check(j->c, j->path, j->ck);
    check_rules(j);
    scrape_client_check(&j->c->client, key_path(j, "", path), j->ck);
}

void scrape_config_check(const void *config, struct check *ck)
{
    const struct prometheus_receiver_config *r = config;
    const struct scrape_job_config *jobs = r->config.scrape_configs.v;
    struct job_check global = { .ck = ck, .path = "config::global" };

    check_common(&r->config.global.common, &global);
    if (r->config.scrape_configs.n == 0 && r->config.scrape_config_files.n == 0)
        check_fail(ck, "config",
                   "no Prometheus scrape_configs or target_allocator set: write a list of jobs under scrape_configs");
    for (size_t i = 0; i < r->config.scrape_configs.n; i++) {
        struct job_check j = { .c = &jobs[i], .ck = ck };

        snprintf(j.path, sizeof(j.path), "config::scrape_configs::%zu", i);
        check_job(&j);
        for (size_t k = 0; k < i; k++)
            if (strcmp(jobs[k].job_name, jobs[i].job_name) == 0 && jobs[i].job_name[0] != '\0')
                fail_job(&j, "job_name",
                         "found multiple scrape configs with job name \"%.100s\": name them differently",
                         jobs[i].job_name);
    }
}
