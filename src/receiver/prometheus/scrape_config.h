/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration of a prometheus receiver: the collector's keys, and under `config` Prometheus' own document. What
 * is written in Prometheus' words (durations, sizes) has its value beside it, which is there once
 * scrape_config_finish() has run. */
#ifndef RECEIVER_SCRAPE_CONFIG_H
#define RECEIVER_SCRAPE_CONFIG_H

#include "oauth2/oauth2.h"

/* ---- clients ---- */

struct scrape_basic_config {
    bool on;
    const char *username, *username_file;
    struct secret password;
    const char *password_file;
};

struct scrape_authorization_config {
    bool on;
    const char *type;
    struct secret credentials;
    const char *credentials_file;
};

struct scrape_tls_config {
    struct secret ca, cert, key;
    const char *ca_file, *cert_file, *key_file, *server_name;
    bool insecure_skip_verify;
    int min_version, max_version; /* enum tls_version_name */
};

struct scrape_header_config {
    const char *name;
    struct strings values, secrets, files;
};

struct scrape_proxy_config {
    const char *proxy_url, *no_proxy;
    bool proxy_from_environment;
    struct string_map proxy_connect_header;
};

struct scrape_oauth2_config {
    bool on;
    const char *client_id, *client_secret_file, *token_url;
    struct secret client_secret;
    int grant; /* enum oauth2_grant */
    struct assertion_config assertion;
    struct strings scopes;
    struct string_map endpoint_params;
    struct scrape_tls_config tls_config;
    struct scrape_proxy_config proxy;
    struct oauth2_config own; /* the same in our words */
};

/* How targets and servers of discovery are called. */
struct scrape_client_config {
    struct scrape_basic_config basic_auth;
    struct scrape_authorization_config authorization;
    struct secret bearer_token;
    const char *bearer_token_file;
    struct scrape_oauth2_config oauth2;
    struct scrape_tls_config tls_config;
    struct tls_config tls; /* the same in our words */
    bool follow_redirects, enable_http2;
    struct scrape_proxy_config proxy;
    struct option_list http_headers; /* of struct scrape_header_config */
};

/* ---- discovery ---- */

struct static_config {
    struct strings targets;
    struct string_map labels;
};

struct file_sd_config {
    struct strings files;
    const char *refresh_interval;
    uint64_t refresh; /* ns */
};

struct http_sd_config {
    const char *url, *refresh_interval;
    uint64_t refresh;
    struct scrape_client_config client;
};

struct dns_sd_config {
    struct strings names;
    int type; /* enum dns_type of dns_query.h */
    uint64_t port;
    const char *refresh_interval;
    uint64_t refresh;
};

struct docker_filter {
    const char *name;
    struct strings values;
};

struct docker_sd_config {
    const char *host, *host_networking_host, *refresh_interval;
    uint64_t port, refresh;
    struct option_list filters; /* of struct docker_filter */
    bool match_first_network;
    struct scrape_client_config client;
};

struct consul_sd_config {
    const char *server, *scheme, *path_prefix, *datacenter, *namespace, *partition, *tag_separator, *username;
    struct secret token, password;
    struct strings services, tags;
    struct string_map node_meta;
    const char *filter, *health_filter, *refresh_interval;
    uint64_t refresh;
    bool allow_stale;
    struct scrape_client_config client;
};

struct kubernetes_selector {
    int role; /* 1 + enum kubernetes_role; 0: not written */
    const char *label, *field;
};

struct kubernetes_namespaces {
    bool own_namespace;
    struct strings names;
};

struct kubernetes_attach {
    bool node, namespace, deployment, job, cronjob;
};

struct kubernetes_sd_config {
    int role; /* likewise */
    const char *api_server, *kubeconfig_file;
    struct kubernetes_namespaces namespaces;
    struct option_list selectors; /* of struct kubernetes_selector */
    struct kubernetes_attach attach;
    struct scrape_client_config client;
};

/* ---- jobs ---- */

enum scrape_protocol {
    PROTOCOL_PROTO,
    PROTOCOL_OPENMETRICS_1,
    PROTOCOL_OPENMETRICS_0,
    PROTOCOL_TEXT_1,
    PROTOCOL_TEXT_0,
    PROTOCOL_COUNT,
};

extern const char *const scrape_protocol_names[PROTOCOL_COUNT + 1];
int scrape_protocol_of(const char *name); /* -1: none */

/* What a job has from `global` unless it says otherwise. */
struct scrape_common {
    const char *scrape_interval, *scrape_timeout, *body_size_limit;
    uint64_t interval, timeout; /* ns */
    uint64_t body_size;         /* bytes; 0: none is set */
    struct strings scrape_protocols;
    uint64_t sample_limit, target_limit, label_limit, label_name_length_limit, label_value_length_limit;
    int validation; /* of names: 0 as global, 1 utf8, 2 legacy */
    const char *escaping;
    bool native_histograms, classic_to_custom, classic_too, more_series;
};

struct prom_global_config {
    struct scrape_common common;
    struct string_map external_labels;
};

struct scrape_job_config {
    const char *job_name, *metrics_path, *scheme;
    struct scrape_common common;
    const struct yaml_node *params; /* name -> list of values */
    bool honor_labels, honor_timestamps, track_timestamps_staleness, enable_compression;
    const char *fallback_scrape_protocol;
    uint64_t native_histogram_bucket_limit;
    double native_histogram_min_bucket_factor;
    struct scrape_client_config client;
    struct option_list static_configs, file_sd_configs, http_sd_configs, dns_sd_configs;
    struct option_list docker_sd_configs, consul_sd_configs, kubernetes_sd_configs;
    struct option_list relabel_configs, metric_relabel_configs;
};

struct prom_document {
    struct prom_global_config global;
    struct strings scrape_config_files; /* that matched no file; the jobs of the others are among the following */
    struct option_list scrape_configs;  /* of struct scrape_job_config */
};

struct prometheus_receiver_config {
    struct prom_document config;
    bool trim_metric_suffixes, scrape_on_shutdown;
    duration initial_scrape_offset;
    uint64_t max_series;
};

enum { VALIDATION_GLOBAL, VALIDATION_UTF8, VALIDATION_LEGACY };

extern const struct option prometheus_receiver_options[];
extern const struct option static_options[]; /* of struct static_config: groups of targets, also in files */

struct arena;
struct faults;
/* The jobs of config::scrape_config_files are put behind those of config::scrape_configs. */
void scrape_config_gather(struct arena *a, struct yaml_node *body, const char *path, struct faults *faults);
void scrape_config_finish(void *config, struct check *ck);
void scrape_config_check(const void *config, struct check *ck);

/* The parts of the check, in files of their own. `path` is where the struct stands. */
void scrape_client_finish(struct scrape_client_config *c);
void scrape_client_check(const struct scrape_client_config *c, const char *path, struct check *ck);
/* `refresh_interval`, or 0 after a fault. */
uint64_t scrape_duration(const char *text);
void scrape_duration_check(const char *text, const char *path, bool zero, struct check *ck);

/* Of the sources that are servers of a kind; `path` is the job's. */
extern const struct option docker_sd_options[], consul_sd_options[], kubernetes_sd_options[];
void server_discovery_finish(struct scrape_job_config *c);
void server_discovery_check(const struct scrape_job_config *c, const char *path, struct check *ck);

extern const struct option scrape_oauth2_options[], scrape_basic_options[], scrape_authorization_options[],
    scrape_tls_options[], scrape_header_options[];

/* Set by hand: clang-format takes the braces of an initialiser for those of a block. */
/* clang-format off */

/* Rows for `struct scrape_proxy_config m` inside struct T. */
#define SCRAPE_PROXY_ROWS(T, m)                                                                                        \
    { .key = "proxy_url", .kind = OPTION_STRING, .offset = OPT_FIELD(T, m.proxy_url, const char *), .def = "",        \
      .help = "A proxy, http://name:password@proxy:3128, https://... or socks5://...; https goes through one of HTTP by "\
              "CONNECT." },                  \
    { .key = "no_proxy", .kind = OPTION_STRING, .offset = OPT_FIELD(T, m.no_proxy, const char *), .def = "",          \
      .help = "Hosts, domains and networks, with commas, that proxy_url is not for." },                               \
    { .key = "proxy_from_environment", .kind = OPTION_BOOL,                                                           \
      .offset = OPT_FIELD(T, m.proxy_from_environment, bool), .def = "false",                                         \
      .help = "Use http_proxy, https_proxy and no_proxy of the environment." },                                       \
    { .key = "proxy_connect_header", .kind = OPTION_MAP,                                                              \
      .offset = OPT_FIELD(T, m.proxy_connect_header, struct string_map), .secret = true, .repeats = true,             \
      .help = "Headers of CONNECT, by which https goes through a proxy: for each name a list of values." }

/* Rows for `struct scrape_client_config m` inside struct T. */
#define SCRAPE_CLIENT_ROWS(T, m)                                                                                      \
    { .key = "basic_auth", .kind = OPTION_GROUP, .offset = OPT_FIELD(T, m.basic_auth, struct scrape_basic_config),    \
      .options = scrape_basic_options, .size = sizeof(struct scrape_basic_config), .mode = GROUP_NONE,                \
      .help = "Name and password that are sent with each request." },                                                 \
    { .key = "authorization", .kind = OPTION_GROUP,                                                                   \
      .offset = OPT_FIELD(T, m.authorization, struct scrape_authorization_config),                                    \
      .options = scrape_authorization_options, .size = sizeof(struct scrape_authorization_config),                    \
      .mode = GROUP_NONE, .help = "An Authorization header that is sent with each request." },                        \
    { .key = "bearer_token", .kind = OPTION_SECRET, .offset = OPT_FIELD(T, m.bearer_token, struct secret),            \
      .help = "The older way to write authorization::credentials." },                                                 \
    { .key = "bearer_token_file", .kind = OPTION_STRING, .offset = OPT_FIELD(T, m.bearer_token_file, const char *),   \
      .def = "", .help = "The older way to write authorization::credentials_file." },                                 \
    { .key = "oauth2", .kind = OPTION_GROUP, .offset = OPT_FIELD(T, m.oauth2, struct scrape_oauth2_config),           \
      .options = scrape_oauth2_options, .size = sizeof(struct scrape_oauth2_config), .mode = GROUP_NONE,              \
      .help = "A token by OAuth 2, fetched and renewed." },                                                           \
    { .key = "tls_config", .kind = OPTION_GROUP, .offset = OPT_FIELD(T, m.tls_config, struct scrape_tls_config),      \
      .options = scrape_tls_options, .size = sizeof(struct scrape_tls_config), .mode = GROUP_PLAIN,                   \
      .help = "TLS, where the scheme is https." },                                                                    \
    { .key = "follow_redirects", .kind = OPTION_BOOL, .offset = OPT_FIELD(T, m.follow_redirects, bool),               \
      .def = "true", .help = "Follow up to ten redirects; credentials go to the first host alone." },                 \
    { .key = "enable_http2", .kind = OPTION_BOOL, .offset = OPT_FIELD(T, m.enable_http2, bool), .def = "true",        \
      .help = "Over https, speak HTTP/2 with peers that choose it." },                                                \
    SCRAPE_PROXY_ROWS(T, m.proxy),                                                                                    \
    { .key = "http_headers", .kind = OPTION_LIST, .offset = OPT_FIELD(T, m.http_headers, struct option_list),         \
      .options = scrape_header_options, .size = sizeof(struct scrape_header_config), .keyed = true,                   \
      .help = "Further headers, by their names." }

/* Rows for `struct scrape_common m` inside struct T: of `global`, and of a job. */
#define SCRAPE_COMMON_ROWS(T, m, interval_, scheme_)                                                                  \
    { .key = "scrape_interval", .kind = OPTION_STRING, .offset = OPT_FIELD(T, m.scrape_interval, const char *),       \
      .def = (interval_), .help = "Time from scrape to scrape of a target: 15s, 1m, 1h30m; for jobs empty is that "   \
      "of global.", .scalar = true },                                                                                 \
    { .key = "scrape_timeout", .kind = OPTION_STRING, .offset = OPT_FIELD(T, m.scrape_timeout, const char *),         \
      .def = "", .help = "A scrape that takes longer has failed; empty is 10s, or the interval where that is less.",   \
      .scalar = true },                                                                                               \
    { .key = "body_size_limit", .kind = OPTION_STRING, .offset = OPT_FIELD(T, m.body_size_limit, const char *),       \
      .def = "0", .help = "Most bytes of an exposition, uncompressed: 10MB, 512KiB; 0 is 128MB. A quarter of the "    \
      "memory budget is the most in any case.", .scalar = true },                                                                                    \
    { .key = "scrape_protocols", .kind = OPTION_STRINGS, .offset = OPT_FIELD(T, m.scrape_protocols, struct strings),  \
      .help = "Formats that are asked for, the best first: PrometheusProto, OpenMetricsText1.0.0, "                   \
      "OpenMetricsText0.0.1, PrometheusText1.0.0, PrometheusText0.0.4." },                                            \
    { .key = "sample_limit", .kind = OPTION_UINT, .offset = OPT_FIELD(T, m.sample_limit, uint64_t), .def = "0",       \
      .help = "More samples than this, after metric_relabel_configs, fail the scrape; 0 is no limit." },              \
    { .key = "target_limit", .kind = OPTION_UINT, .offset = OPT_FIELD(T, m.target_limit, uint64_t), .def = "0",       \
      .help = "More targets of a job than this fail all its scrapes; 0 is no limit." },                               \
    { .key = "label_limit", .kind = OPTION_UINT, .offset = OPT_FIELD(T, m.label_limit, uint64_t), .def = "0",         \
      .help = "A sample with more labels than this fails the scrape; 0 is no limit." },                               \
    { .key = "label_name_length_limit", .kind = OPTION_UINT,                                                          \
      .offset = OPT_FIELD(T, m.label_name_length_limit, uint64_t), .def = "0",                                        \
      .help = "A longer label name fails the scrape; 0 is no limit." },                                               \
    { .key = "label_value_length_limit", .kind = OPTION_UINT,                                                         \
      .offset = OPT_FIELD(T, m.label_value_length_limit, uint64_t), .def = "0",                                       \
      .help = "A longer label value fails the scrape; 0 is no limit." },                                              \
    OPT_IGNORED("keep_dropped_targets", "targets that are dropped are not shown anywhere"),                           \
    { .key = "metric_name_validation_scheme", .kind = OPTION_ENUM, .offset = OPT_FIELD(T, m.validation, int),         \
      .def = (scheme_), .names = scrape_validation_names,                                                             \
      .help = "utf8: names may be any text; legacy: a name outside the old grammar fails the scrape." },              \
    { .key = "metric_name_escaping_scheme", .kind = OPTION_STRING, .offset = OPT_FIELD(T, m.escaping, const char *),  \
      .def = "", .names = scrape_escaping_names,                                                                      \
      .help = "How names are to be escaped that the old grammar does not have; empty is allow-utf-8, or "             \
      "underscores where names are legacy." },                                                                        \
    { .key = "scrape_native_histograms", .kind = OPTION_BOOL, .offset = OPT_FIELD(T, m.native_histograms, bool),      \
      .def = "false", .help = "Take native histograms, which come in protobuf; it is asked for first then." },        \
    { .key = "convert_classic_histograms_to_nhcb", .kind = OPTION_BOOL,                                               \
      .offset = OPT_FIELD(T, m.classic_to_custom, bool), .def = "false",                                              \
      .help = "Make classic histograms native ones with custom buckets, which arrive as the same histograms." },      \
    { .key = "always_scrape_classic_histograms", .kind = OPTION_BOOL, .offset = OPT_FIELD(T, m.classic_too, bool),    \
      .def = "false", .help = "Where a histogram is both, take the classic one beside the native one." },             \
    { .key = "extra_scrape_metrics", .kind = OPTION_BOOL, .offset = OPT_FIELD(T, m.more_series, bool),                \
      .def = "false", .help = "Add scrape_timeout_seconds, scrape_sample_limit and scrape_body_size_bytes." },        \
    OPT_IGNORED("scrape_failure_log_file", "scrapes that fail are told in the log")
/* clang-format on */

extern const char *const scrape_validation_names[], *const scrape_escaping_names[];

#endif
