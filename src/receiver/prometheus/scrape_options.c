/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of a prometheus receiver. Those of Prometheus that have no meaning in a collector, and those of discovery
 * that are not served, are named, with what to write. */
#include "config/option.h"
#include "prom/relabel/relabel.h"
#include "prom/series/series_limit.h"
#include "receiver/prometheus/dns_query.h"
#include "receiver/prometheus/scrape_config.h"

const char *const scrape_protocol_names[PROTOCOL_COUNT + 1] = {
    [PROTOCOL_PROTO] = "PrometheusProto",
    [PROTOCOL_OPENMETRICS_1] = "OpenMetricsText1.0.0",
    [PROTOCOL_OPENMETRICS_0] = "OpenMetricsText0.0.1",
    [PROTOCOL_TEXT_1] = "PrometheusText1.0.0",
    [PROTOCOL_TEXT_0] = "PrometheusText0.0.4",
};

const char *const scrape_validation_names[] = { "", "utf8", "legacy", NULL };
const char *const scrape_escaping_names[] = { "", "allow-utf-8", "underscores", "dots", "values", NULL };

#define T struct static_config
const struct option static_options[] = {
    OPT_STRINGS(T, targets, NULL, "Targets as host:port.", .scalar = true),
    OPT_MAP(T, labels, "Labels of all of them.", .scalar = true),
    OPT_END,
};
#undef T

#define T struct file_sd_config
static const struct option file_sd_options[] = {
    OPT_STRINGS(T, files, NULL,
                "Files with lists of targets and labels, .json, .yml or .yaml; the last part of a path "
                "may have one *. No more than 1,000 files are read of one list; the log and a metric tell of others.",
                .required = true),
    OPT_STRING(T, refresh_interval, "5m", "They are read again this often, beside when they change.", .scalar = true),
    OPT_END,
};
#undef T

#define T struct http_sd_config
static const struct option http_sd_options[] = {
    OPT_STRING(T, url, "", "The URL that answers with a JSON list of targets and labels.", .required = true),
    OPT_STRING(T, refresh_interval, "1m", "It is asked this often.", .scalar = true),
    SCRAPE_CLIENT_ROWS(T, client),
    OPT_END,
};
#undef T

static const char *const dns_types[DNS_TYPES + 1] = {
    [DNS_A] = "A", [DNS_AAAA] = "AAAA", [DNS_SRV] = "SRV", [DNS_MX] = "MX", [DNS_NS] = "NS",
};

#define T struct dns_sd_config
static const struct option dns_sd_options[] = {
    OPT_STRINGS(T, names, NULL, "Names to look up, in the DNS alone: /etc/hosts is not looked at.", .required = true),
    OPT_ENUM(T, type, dns_types, "SRV", "Which records.", .nocase = true),
    OPT_UINT(T, port, "0", NULL, "65535", "The port of what records other than SRV name."),
    OPT_STRING(T, refresh_interval, "30s", "They are looked up this often.", .scalar = true),
    OPT_END,
};
#undef T

/* clang-format off */
#define NOT_SERVED(mech_)                                                                                             \
    OPT_REFUSED(mech_ "_sd_configs", "this discovery is not served: write the targets into static_configs, or have "  \
                "something that knows them write a file for file_sd_configs or answer http_sd_configs")

#define T struct scrape_job_config
static const struct option job_options[] = {
    OPT_STRING(T, job_name, "", "The job's name: a label of all that its targets give.", .scalar = true),
    SCRAPE_COMMON_ROWS(T, common, "", ""),
    OPT_STRING(T, metrics_path, "/metrics", "The path that is asked for."),
    OPT_STRING(T, scheme, "http", "http or https."),
    OPT_ANY(T, params, "Parameters of the URL: for each name a list of values."),
    OPT_BOOL(T, honor_labels, "false", "Where target and sample have a label of one name, the sample's stays; else it "
             "becomes exported_<name>."),
    OPT_BOOL(T, honor_timestamps, "true", "Take the timestamps that samples have."),
    OPT_BOOL(T, track_timestamps_staleness, "false", "Series that had a timestamp become stale too when they are gone."),
    OPT_STRING(T, fallback_scrape_protocol, "PrometheusText0.0.4", "What an exposition is read as that does not say "
               "what it is."),
    OPT_UINT(T, native_histogram_bucket_limit, "0", NULL, NULL, "A native histogram with more buckets is made coarser; "
             "0 is no limit."),
    OPT_DOUBLE(T, native_histogram_min_bucket_factor, "0", "0", NULL, "Buckets of native histograms that grow by less "
               "than this factor are merged; 0: none are."),
    OPT_BOOL(T, enable_compression, "true", "Ask for gzip."),
    SCRAPE_CLIENT_ROWS(T, client),
    OPT_LIST(T, static_configs, struct static_config, static_options, "Targets that are written here."),
    OPT_LIST(T, file_sd_configs, struct file_sd_config, file_sd_options, "Targets that stand in files."),
    OPT_LIST(T, http_sd_configs, struct http_sd_config, http_sd_options, "Targets that a server knows."),
    OPT_LIST(T, dns_sd_configs, struct dns_sd_config, dns_sd_options, "Targets that have DNS records."),
    OPT_LIST(T, docker_sd_configs, struct docker_sd_config, docker_sd_options, "Targets that run in containers of Docker."),
    OPT_LIST(T, consul_sd_configs, struct consul_sd_config, consul_sd_options, "Targets that Consul knows."),
    OPT_LIST(T, kubernetes_sd_configs, struct kubernetes_sd_config, kubernetes_sd_options, "Targets that run in a cluster "
             "of Kubernetes."),
    OPT_LIST(T, relabel_configs, struct relabel_config, relabel_options, "Rules that change a target's labels, or drop "
             "it."),
    OPT_LIST(T, metric_relabel_configs, struct relabel_config, relabel_options, "Rules that change the labels of its "
             "samples, or drop them."),
    OPT_REFUSED("scrape_classic_histograms", "the key is always_scrape_classic_histograms"),
    NOT_SERVED("azure"), NOT_SERVED("digitalocean"),
    NOT_SERVED("dockerswarm"), NOT_SERVED("ec2"), NOT_SERVED("ecs"), NOT_SERVED("elasticache"), NOT_SERVED("eureka"),
    NOT_SERVED("gce"), NOT_SERVED("hetzner"), NOT_SERVED("ionos"), NOT_SERVED("kuma"),
    NOT_SERVED("lightsail"), NOT_SERVED("linode"), NOT_SERVED("marathon"), NOT_SERVED("msk"), NOT_SERVED("nerve"),
    NOT_SERVED("nomad"), NOT_SERVED("openstack"), NOT_SERVED("ovhcloud"), NOT_SERVED("puppetdb"), NOT_SERVED("rds"),
    NOT_SERVED("scaleway"), NOT_SERVED("serverset"), NOT_SERVED("stackit"), NOT_SERVED("triton"), NOT_SERVED("uyuni"),
    NOT_SERVED("vultr"),
    OPT_END,
};
#undef T

#define T struct prom_global_config
static const struct option global_options[] = {
    SCRAPE_COMMON_ROWS(T, common, "1m", "utf8"),
    OPT_MAP(T, external_labels, "Labels that all samples get, in place of those they have.", .scalar = true),
    OPT_IGNORED("evaluation_interval", "there are no rules to evaluate"),
    OPT_IGNORED("rule_query_offset", "there are no rules to evaluate"),
    OPT_IGNORED("query_log_file", "there are no queries"),
    OPT_END,
};
#undef T

#define T struct prom_document
static const struct option document_options[] = {
    OPT_GROUP(T, global, struct prom_global_config, global_options, GROUP_PLAIN, "What jobs have unless they say "
              "otherwise."),
    OPT_LIST(T, scrape_configs, struct scrape_job_config, job_options, "The jobs: what is scraped, and how."),
    OPT_STRINGS(T, scrape_config_files, NULL, "Files with further jobs, in lists under scrape_configs; the last part of a "
                "path may have one *. They are read with the configuration, and again when that is reloaded."),
    OPT_IGNORED("runtime", "it is about Prometheus' own process"),
    OPT_IGNORED("storage", "nothing is stored here: exporters say where samples go"),
    OPT_IGNORED("tracing", "scrapes are not traced"),
    OPT_IGNORED("otlp", "it is about what Prometheus receives: write an otlp receiver"),
    OPT_REFUSED("remote_write", "unsupported features: remote_write: write a prometheus_remote_write exporter"),
    OPT_REFUSED("remote_read", "unsupported features: remote_read: samples are only scraped here"),
    OPT_REFUSED("rule_files", "unsupported features: rule_files: rules belong to Prometheus"),
    OPT_REFUSED("alerting", "unsupported features: alert_config: alerts belong to Prometheus"),
    OPT_END,
};
#undef T

#define T struct prometheus_receiver_config
const struct option prometheus_receiver_options[] = {
    OPT_GROUP(T, config, struct prom_document, document_options, GROUP_PLAIN, "A Prometheus configuration: `global` and "
              "`scrape_configs`, with its keys and its durations (15s, 1d2h). A $ of relabel rules may be written as "
              "it is, $1, or $$1; ${1} is $${1}."),
    OPT_BOOL(T, trim_metric_suffixes, "false", "Remove _total and unit words from the names of metrics."),
    OPT_BOOL(T, scrape_on_shutdown, "false", "Scrape each target once more at the end."),
    OPT_DURATION(T, initial_scrape_offset, "0s", "0s", NULL, "Wait so much longer before the first scrape."),
    OPT_IGNORED("discovery_reload_on_startup", "targets are scraped as soon as they are found, always"),
    OPT_UINT(T, max_series, "0", NULL, NULL, SERIES_LIMIT_HELP),
    OPT_REFUSED("target_allocator", "targets are not fetched from an allocator: write the jobs into config, or "
                "http_sd_configs with its URL <endpoint>/jobs/<job>/targets?collector_id=<id>"),
    OPT_REFUSED("api_server", "there is no Prometheus API here: /metrics and zpages show what is scraped; remove this "
                "block"),
    OPT_REFUSED("use_start_time_metric", "gone from the Go collector too: remove this key"),
    OPT_REFUSED("start_time_metric_regex", "gone from the Go collector too: remove this key"),
    OPT_REFUSED("report_extra_scrape_metrics", "gone from the Go collector too: write config::global::extra_scrape_metrics"),
    OPT_END,
};
#undef T
/* clang-format on */
