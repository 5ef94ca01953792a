/* SPDX-License-Identifier: Apache-2.0 */
/* The option rows that servers share: the HTTP server block and the gRPC server block of the Go collector.
 * A component embeds the struct and puts the macro's rows into its own table, so
 * that the keys stand beside its own in YAML; what differs from use to use (defaults) is the macro's arguments. */
#ifndef CONFIG_SERVER_ROWS_H
#define CONFIG_SERVER_ROWS_H

#include "config/tls_rows.h"

struct http_cors_config {
    bool on;
    struct strings allowed_origins, allowed_headers, exposed_headers;
    int64_t max_age; /* seconds */
};

struct server_auth_config {
    bool on;
    const char *authenticator;     /* an extension's id */
    struct strings request_params; /* HTTP alone */
};

struct http_server_config {
    const char *endpoint;
    const char *transport;
    struct server_auth_config auth;
    struct http_cors_config cors;
    int64_t max_request_body_size; /* 0 or less: the default; see http_body_limit */
    bool include_metadata;
    struct string_map response_headers;
    struct strings compression_algorithms;
    duration read_timeout, read_header_timeout, write_timeout, idle_timeout;
    bool keep_alives_enabled;
    struct tls_config tls;
};

struct keepalive_parameters_config {
    bool on;
    duration max_connection_idle, max_connection_age, max_connection_age_grace;
    duration time, timeout;
};

struct keepalive_policy_config {
    bool on;
    duration min_time;
    bool permit_without_stream;
};

struct grpc_keepalive_config {
    bool on;
    struct keepalive_parameters_config server_parameters;
    struct keepalive_policy_config enforcement_policy;
};

struct grpc_server_config {
    const char *endpoint;
    const char *transport;
    struct server_auth_config auth;
    uint64_t max_recv_msg_size_mib;
    uint64_t max_concurrent_streams;
    uint64_t read_buffer_size, write_buffer_size;
    struct grpc_keepalive_config keepalive;
    bool include_metadata;
    struct tls_config tls;
};

extern const char *const server_transports[]; /* what `transport` may say; NULL-terminated */
extern const struct option http_cors_options[], grpc_keepalive_options[], http_auth_options[], grpc_auth_options[];

/* What a component's check() says of the `cors` block at `path`. */
void http_cors_check(const struct http_cors_config *c, const char *path, struct check *ck);

/* May two that share a listener have these? Yes, where they say the same, or one of them nothing; NULL is nothing. */
bool http_cors_agree(const struct http_cors_config *a, const struct http_cors_config *b);
bool response_headers_agree(const struct string_map *a, const struct string_map *b);

#define SERVER_DEFAULT_BODY 20971520u

static inline uint64_t http_body_limit(const struct http_server_config *c)
{
    return c->max_request_body_size > 0 ? (uint64_t)c->max_request_body_size : SERVER_DEFAULT_BODY;
}

/* Set by hand: clang-format takes the braces of an initialiser for those of a block. */
/* clang-format off */
#define SERVER_TLS_ROW(T, m)                                                                                          \
    { .key = "tls", .kind = OPTION_GROUP, .offset = OPT_FIELD(T, m.tls, struct tls_config),                           \
      .options = tls_server_options, .size = sizeof(struct tls_config), .mode = GROUP_NONE,                           \
      .help = "Speak TLS; cert_file and key_file are needed." }
#define SERVER_AUTH_ROW(T, m, rows)                                                                                   \
    { .key = "auth", .kind = OPTION_GROUP, .offset = OPT_FIELD(T, m.auth, struct server_auth_config),                 \
      .options = (rows), .size = sizeof(struct server_auth_config), .mode = GROUP_NONE,                               \
      .help = "Who may come in: everybody without this block." }
#define SERVER_NO_MIDDLEWARES OPT_REFUSED("middlewares", "middleware extensions are not served: remove this key")

/* Rows for `struct http_server_config m` inside struct T, in three parts: a server whose requests have no bodies leaves
 * the second one out. */
#define HTTP_LISTEN_ROWS(T, m, endpoint_)                                                                             \
    { .key = "endpoint", .kind = OPTION_STRING, .offset = OPT_FIELD(T, m.endpoint, const char *),                     \
      .def = (endpoint_), .help = "Address to listen on, host:port; a path when transport is unix. Port 0 takes a "   \
                                  "free one." },                                                                      \
    { .key = "transport", .kind = OPTION_STRING, .offset = OPT_FIELD(T, m.transport, const char *), .def = "tcp",     \
      .names = server_transports, .help = "Kind of socket." }

#define HTTP_CORS_ROW(T, m)                                                                                           \
    { .key = "cors", .kind = OPTION_GROUP, .offset = OPT_FIELD(T, m.cors, struct http_cors_config),                   \
      .options = http_cors_options, .size = sizeof(struct http_cors_config), .mode = GROUP_NONE,                      \
      .help = "Cross-origin requests from browsers; active when allowed_origins is not empty." }

#define HTTP_RESPONSE_HEADERS_ROW(T, m)                                                                               \
    { .key = "response_headers", .kind = OPTION_HEADERS,                                                              \
      .offset = OPT_FIELD(T, m.response_headers, struct string_map), .help = "Headers added to every answer." }

#define HTTP_REQUEST_ROWS(T, m)                                                                                       \
    HTTP_CORS_ROW(T, m),                                                                                              \
    { .key = "max_request_body_size", .kind = OPTION_INT,                                                             \
      .offset = OPT_FIELD(T, m.max_request_body_size, int64_t), .def = "20971520", .max = "4294967296",              \
      .help = "Most bytes of a body, as received and again after decompression; 0 or less is the default.", \
      .zero = "20971520" },         \
    { .key = "include_metadata", .kind = OPTION_BOOL, .offset = OPT_FIELD(T, m.include_metadata, bool),               \
      .def = "false", .help = "Keep the request's headers as client metadata for the pipelines." },                   \
    HTTP_RESPONSE_HEADERS_ROW(T, m),                                                                                  \
    { .key = "compression_algorithms", .kind = OPTION_STRINGS,                                                        \
      .offset = OPT_FIELD(T, m.compression_algorithms, struct strings),                                               \
      .def = "[\"\", gzip, zstd, zlib, snappy, deflate, lz4, x-snappy-framed]",                                            \
      .help = "Content-Encodings that are accepted; \"\" is an uncompressed body." }

#define HTTP_CONNECTION_ROWS(T, m, read_header_, write_, idle_)                                                       \
    { .key = "read_timeout", .kind = OPTION_DURATION, .offset = OPT_FIELD(T, m.read_timeout, duration),               \
      .def = "0s", .min = "0s", .help = "Longest time to read a whole request; 0 is no limit." },                     \
    { .key = "read_header_timeout", .kind = OPTION_DURATION,                                                          \
      .offset = OPT_FIELD(T, m.read_header_timeout, duration), .def = (read_header_), .min = "0s",                    \
      .help = "Longest time to read a request's headers; 0 is read_timeout, or a minute." },                          \
    { .key = "write_timeout", .kind = OPTION_DURATION, .offset = OPT_FIELD(T, m.write_timeout, duration),             \
      .def = (write_), .min = "0s", .help = "Longest time for the peer to take an answer; 0 is a minute." },          \
    { .key = "idle_timeout", .kind = OPTION_DURATION, .offset = OPT_FIELD(T, m.idle_timeout, duration),               \
      .def = (idle_), .min = "0s", .help = "Longest time a kept-alive connection may idle; 0 is 15 minutes." },       \
    { .key = "keep_alives_enabled", .kind = OPTION_BOOL, .offset = OPT_FIELD(T, m.keep_alives_enabled, bool),         \
      .def = "true", .help = "Keep connections open between requests." },                                             \
    OPT_REFUSED("dialer", "a listener does not dial: remove this block"), SERVER_TLS_ROW(T, m),                       \
    SERVER_AUTH_ROW(T, m, http_auth_options), SERVER_NO_MIDDLEWARES

#define HTTP_SERVER_ROWS(T, m, endpoint_, read_header_, write_, idle_)                                                \
    HTTP_LISTEN_ROWS(T, m, endpoint_), HTTP_REQUEST_ROWS(T, m),                                                       \
    HTTP_CONNECTION_ROWS(T, m, read_header_, write_, idle_)

/* Rows for `struct grpc_server_config m` inside struct T. */
#define GRPC_SERVER_ROWS(T, m, endpoint_)                                                                             \
    { .key = "endpoint", .kind = OPTION_STRING, .offset = OPT_FIELD(T, m.endpoint, const char *),                     \
      .def = (endpoint_), .help = "Address to listen on, host:port; a path when transport is unix. Port 0 takes a "   \
                                  "free one." },                                                                      \
    { .key = "transport", .kind = OPTION_STRING, .offset = OPT_FIELD(T, m.transport, const char *), .def = "tcp",     \
      .names = server_transports, .help = "Kind of socket." },                                                        \
    { .key = "max_recv_msg_size_mib", .kind = OPTION_UINT,                                                            \
      .offset = OPT_FIELD(T, m.max_recv_msg_size_mib, uint64_t), .def = "0", .max = "4095",                           \
      .help = "Largest message in MiB, as received and again after decompression; 0 is 4.", .zero = "4" },                         \
    { .key = "max_concurrent_streams", .kind = OPTION_UINT,                                                           \
      .offset = OPT_FIELD(T, m.max_concurrent_streams, uint64_t), .def = "0", .max = "4294967295",                    \
      .help = "Calls that one connection may have open at a time; 0 is 1000.", .zero = "1000" },                                      \
    { .key = "read_buffer_size", .kind = OPTION_UINT, .offset = OPT_FIELD(T, m.read_buffer_size, uint64_t),           \
      .def = "524288", .max = "16777216", .help = "Most bytes read from a socket at once; 0 is 524288.", .zero = "524288" },            \
    { .key = "write_buffer_size", .kind = OPTION_UINT, .offset = OPT_FIELD(T, m.write_buffer_size, uint64_t),         \
      .def = "0", .max = "16777216", .help = "Most bytes of answers that wait for a peer before the connection is "   \
                                             "no longer read; 0 is 262144.", .zero = "262144" },                                        \
    { .key = "keepalive", .kind = OPTION_GROUP,                                                                       \
      .offset = OPT_FIELD(T, m.keepalive, struct grpc_keepalive_config), .options = grpc_keepalive_options,           \
      .size = sizeof(struct grpc_keepalive_config), .mode = GROUP_SOME,                                               \
      .help = "Pings, and the age of connections." },                                                                 \
    { .key = "include_metadata", .kind = OPTION_BOOL, .offset = OPT_FIELD(T, m.include_metadata, bool),               \
      .def = "false", .help = "Keep the call's metadata as client metadata for the pipelines." },                     \
    SERVER_TLS_ROW(T, m), SERVER_AUTH_ROW(T, m, grpc_auth_options), SERVER_NO_MIDDLEWARES
/* clang-format on */

#endif
