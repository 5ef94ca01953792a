/* SPDX-License-Identifier: Apache-2.0 */
/* The option rows that clients share: the HTTP and gRPC client blocks of the Go collector. A component embeds the
 * struct and puts the macro's rows into its own table, so that the keys stand beside its own in YAML; what differs from
 * use to use (defaults, what the endpoint and the compression are) is the macro's arguments. */
#ifndef CONFIG_CLIENT_ROWS_H
#define CONFIG_CLIENT_ROWS_H

#include "config/tls_rows.h"

struct client_keepalive_config {
    bool on;
    duration time, timeout;
    bool permit_without_stream;
};

struct client_auth_config {
    bool on;
    const char *authenticator; /* an extension's id */
};

struct grpc_client_config {
    const char *endpoint; /* a gRPC target */
    const char *compression;
    struct tls_config tls;
    struct client_keepalive_config keepalive;
    bool wait_for_ready;
    struct string_map headers;
    const char *balancer_name;
    const char *authority, *user_agent; /* "": our own */
    struct client_auth_config auth;
};

struct client_cookies_config {
    bool on;
};

struct http_client_config {
    const char *endpoint; /* a URL */
    struct client_auth_config auth;
    duration timeout;
    struct string_map headers;
    const char *compression;
    const char *proxy_url; /* "": what the environment says */
    uint64_t max_idle_conns, max_idle_conns_per_host, max_conns_per_host;
    duration idle_conn_timeout;
    bool disable_keep_alives, force_attempt_http2;
    duration http2_read_idle_timeout, http2_ping_timeout;
    struct tls_config tls; /* the URL decides whether it is used */
    struct client_cookies_config cookies;
};

extern const struct option client_keepalive_options[], client_auth_options[], client_cookies_options[];

/* Set by hand: clang-format takes the braces of an initialiser for those of a block. */
/* clang-format off */

/* The row of the `struct client_auth_config auth` that m has; beside HTTP_CLIENT_ROWS or GRPC_CLIENT_ROWS. */
#define CLIENT_AUTH_ROW(T, m)                                                                                         \
    { .key = "auth", .kind = OPTION_GROUP, .offset = OPT_FIELD(T, m.auth, struct client_auth_config),                 \
      .options = client_auth_options, .size = sizeof(struct client_auth_config), .mode = GROUP_NONE,                  \
      .help = "Who we are, for the peer." }

/* Rows for `struct http_client_config m` inside struct T. `idle_` is what max_idle_conns_per_host: 0 stands for.
 * compression_params is the component's own, for it hangs on what it compresses with. */
#define HTTP_CLIENT_ROWS(T, m, endpoint_help_, timeout_, compression_, compression_help_, idle_)                      \
    { .key = "endpoint", .kind = OPTION_STRING, .offset = OPT_FIELD(T, m.endpoint, const char *), .def = "",          \
      .help = (endpoint_help_) },                                                                                     \
    { .key = "timeout", .kind = OPTION_DURATION, .offset = OPT_FIELD(T, m.timeout, duration), .def = (timeout_),      \
      .min = "0s", .help = "Longest time for one attempt, to the end of the answer; 0s is no limit." },               \
    { .key = "headers", .kind = OPTION_HEADERS, .offset = OPT_FIELD(T, m.headers, struct string_map),                 \
      .help = "Headers of every request, for instance Authorization or X-Scope-OrgID. Values are never printed." },   \
    { .key = "compression", .kind = OPTION_STRING, .offset = OPT_FIELD(T, m.compression, const char *),               \
      .def = (compression_),                                                                                          \
      .help = (compression_help_) },                                                                                  \
    { .key = "proxy_url", .kind = OPTION_STRING, .offset = OPT_FIELD(T, m.proxy_url, const char *), .def = "",        \
      .help = "A proxy, http://name:password@proxy:3128, https://... or socks5://...; https goes through one of HTTP by "\
              "CONNECT. Without it http_proxy, https_proxy and no_proxy of the environment." },                              \
    { .key = "max_idle_conns", .kind = OPTION_UINT, .offset = OPT_FIELD(T, m.max_idle_conns, uint64_t),               \
      .def = "100", .help = "Idle connections that are kept open; 0 is no limit." },                                  \
    { .key = "max_idle_conns_per_host", .kind = OPTION_UINT,                                                          \
      .offset = OPT_FIELD(T, m.max_idle_conns_per_host, uint64_t), .def = "0",                                        \
      .help = "The same for each host, of which there is one; 0 is " idle_ ".", .zero = (idle_) },                    \
    { .key = "max_conns_per_host", .kind = OPTION_UINT, .offset = OPT_FIELD(T, m.max_conns_per_host, uint64_t),       \
      .def = "0", .help = "Connections open at one time; 0 is no limit." },                                           \
    { .key = "idle_conn_timeout", .kind = OPTION_DURATION, .offset = OPT_FIELD(T, m.idle_conn_timeout, duration),     \
      .def = "90s", .min = "0s", .help = "An idle connection is closed after this time; 0s is never." },              \
    { .key = "disable_keep_alives", .kind = OPTION_BOOL, .offset = OPT_FIELD(T, m.disable_keep_alives, bool),         \
      .def = "false", .help = "Open a new connection for each request." },                                            \
    { .key = "tls", .kind = OPTION_GROUP, .offset = OPT_FIELD(T, m.tls, struct tls_config),                           \
      .options = tls_client_options, .size = sizeof(struct tls_config), .mode = GROUP_PLAIN,                          \
      .help = "TLS to https:// endpoints." },                                                                         \
    OPT_IGNORED("read_buffer_size", "a connection's buffer has 64 KiB"),                                              \
    OPT_IGNORED("write_buffer_size", "a request is written whole"),                                                   \
    { .key = "cookies", .kind = OPTION_GROUP, .offset = OPT_FIELD(T, m.cookies, struct client_cookies_config),        \
      .options = client_cookies_options, .size = sizeof(struct client_cookies_config), .mode = GROUP_NONE,            \
      .help = "Keep the cookies that the peer sets, for what is sent next: {} is on." },                              \
    OPT_REFUSED("middlewares", "middleware extensions are not served: remove this key"),                              \
    { .key = "force_attempt_http2", .kind = OPTION_BOOL, .offset = OPT_FIELD(T, m.force_attempt_http2, bool),         \
      .def = "true", .help = "Over https, speak HTTP/2 with peers that choose it; else HTTP/1.1 with all." },         \
    { .key = "http2_read_idle_timeout", .kind = OPTION_DURATION,                                                      \
      .offset = OPT_FIELD(T, m.http2_read_idle_timeout, duration), .def = "0s", .min = "0s",                          \
      .help = "Over HTTP/2, ping a peer that is quiet for so long; 0s is never." },                                   \
    { .key = "http2_ping_timeout", .kind = OPTION_DURATION,                                                           \
      .offset = OPT_FIELD(T, m.http2_ping_timeout, duration), .def = "0s", .min = "0s", .zero = "15s",                \
      .help = "Without an answer to that ping for so long the connection is closed; 0s is 15s." }

/* Rows for `struct grpc_client_config m` inside struct T. */
#define GRPC_CLIENT_ROWS(T, m, endpoint_help_, compression_, compression_help_)                                       \
    { .key = "endpoint", .kind = OPTION_STRING, .offset = OPT_FIELD(T, m.endpoint, const char *), .def = "",          \
      .help = (endpoint_help_) },                                                                                     \
    { .key = "compression", .kind = OPTION_STRING, .offset = OPT_FIELD(T, m.compression, const char *),               \
      .def = (compression_), .help = (compression_help_) },                                                           \
    { .key = "tls", .kind = OPTION_GROUP, .offset = OPT_FIELD(T, m.tls, struct tls_config),                           \
      .options = tls_client_options, .size = sizeof(struct tls_config), .mode = GROUP_PLAIN,                          \
      .help = "TLS to the peer, which is spoken unless insecure is true and no CA is set." },                         \
    { .key = "keepalive", .kind = OPTION_GROUP, .offset = OPT_FIELD(T, m.keepalive, struct client_keepalive_config),  \
      .options = client_keepalive_options, .size = sizeof(struct client_keepalive_config), .mode = GROUP_NONE,        \
      .help = "Ask with pings whether the peer is still there; a connection that does not answer is replaced." },     \
    OPT_IGNORED("read_buffer_size", "a connection's buffer has 64 KiB"),                                              \
    OPT_IGNORED("write_buffer_size", "a request is written from where it lies"),                                      \
    { .key = "wait_for_ready", .kind = OPTION_BOOL, .offset = OPT_FIELD(T, m.wait_for_ready, bool), .def = "false",   \
      .help = "An attempt waits for a connection until its timeout, instead of failing when there is none." },        \
    { .key = "headers", .kind = OPTION_HEADERS, .offset = OPT_FIELD(T, m.headers, struct string_map),                 \
      .help = "Metadata of every call, for instance authorization or x-scope-orgid. Values are never printed." },     \
    { .key = "balancer_name", .kind = OPTION_STRING, .offset = OPT_FIELD(T, m.balancer_name, const char *),           \
      .def = "round_robin",                                                                                           \
      .help = "round_robin: calls go in turn to all addresses that the name has; pick_first: to one of them." },      \
    { .key = "authority", .kind = OPTION_STRING, .offset = OPT_FIELD(T, m.authority, const char *), .def = "",        \
      .help = "What calls say as :authority in place of the endpoint." },                                             \
    { .key = "user_agent", .kind = OPTION_STRING, .offset = OPT_FIELD(T, m.user_agent, const char *), .def = "",      \
      .help = "What calls say as user-agent; empty is otelcd's own." },                                               \
    OPT_REFUSED("middlewares", "middleware extensions are not served: remove this key")
/* clang-format on */

/* No name among `headers` is one of `reserved` (NULL-terminated, lower case), and no value has a control character that
 * HTTP forbids. `path` is where the headers stand. */
void client_headers_check(const struct string_map *headers, const char *const *reserved, const char *path,
                          struct check *ck);

/* Idle connections to keep to the one host that there is; `otherwise`: where max_idle_conns_per_host is 0. */
uint64_t client_max_idle(const struct http_client_config *c, uint64_t otherwise);

#endif
