/* SPDX-License-Identifier: Apache-2.0 */
/* The tables behind the macros of server_rows.h; nothing else. */
#include "config/server_rows.h"

#include <string.h>

const char *const server_transports[] = { "tcp", "tcp4", "tcp6", "unix", NULL };

const struct option http_cors_options[] = {
    OPT_STRINGS(struct http_cors_config, allowed_origins, NULL,
                "Origins that may send; each may contain one * for any run of characters."),
    OPT_STRINGS(struct http_cors_config, allowed_headers, NULL,
                "Request headers that may be sent, besides those that browsers always allow; * is any."),
    OPT_STRINGS(struct http_cors_config, exposed_headers, NULL, "Response headers that scripts may read."),
    OPT_INT(struct http_cors_config, max_age, "0", "0", NULL,
            "Seconds that a browser may remember the answer to a preflight; 0 leaves the header out."),
    OPT_END,
};

static const struct option parameters_options[] = {
    OPT_DURATION(struct keepalive_parameters_config, max_connection_idle, "0s", "0s", NULL,
                 "Close a connection without calls after this time; 0 is 15m."),
    OPT_DURATION(struct keepalive_parameters_config, max_connection_age, "0s", "0s", NULL,
                 "Ask clients to reconnect after this time, give or take 10 %; 0 is never."),
    OPT_DURATION(struct keepalive_parameters_config, max_connection_age_grace, "0s", "0s", NULL,
                 "How long running calls may last after that; 0 is for ever."),
    OPT_DURATION(struct keepalive_parameters_config, time, "0s", "0s", NULL,
                 "Ping a silent client after this time; 0 is 2h.", .zero = "2h"),
    OPT_DURATION(struct keepalive_parameters_config, timeout, "0s", "0s", NULL,
                 "Close the connection when that ping is not answered within this time; 0 is 20s.", .zero = "20s"),
    OPT_END,
};

static const struct option policy_options[] = {
    OPT_DURATION(struct keepalive_policy_config, min_time, "0s", "0s", NULL,
                 "Clients that ping more often than this are sent away; 0 is 5m.", .zero = "5m"),
    OPT_BOOL(struct keepalive_policy_config, permit_without_stream, "false",
             "May clients ping while they have no call open?"),
    OPT_END,
};

const struct option grpc_keepalive_options[] = {
    OPT_GROUP(struct grpc_keepalive_config, server_parameters, struct keepalive_parameters_config, parameters_options,
              GROUP_SOME, "Pings and ages of connections, as the server wants them."),
    OPT_GROUP(struct grpc_keepalive_config, enforcement_policy, struct keepalive_policy_config, policy_options,
              GROUP_SOME, "How often clients may ping."),
    OPT_END,
};

#define AUTHENTICATOR_ROW                                                                                              \
    OPT_EXTENSION(struct server_auth_config, authenticator, CAPABILITY_AUTH_SERVER,                                    \
                  "The extension that knows who may come in: the id of a basicauth with htpasswd, or of a "            \
                  "bearertokenauth.",                                                                                  \
                  .required = true)

const struct option http_auth_options[] = {
    AUTHENTICATOR_ROW,
    OPT_STRINGS(struct server_auth_config, request_params, "[]",
                "Parameters of the URL's query that count as headers of these names, for clients that cannot send "
                "headers. URLs are often logged on the way: a secret in them is less safe."),
    OPT_END,
};

const struct option grpc_auth_options[] = { AUTHENTICATOR_ROW, OPT_END };

void http_cors_check(const struct http_cors_config *c, const char *path, struct check *ck)
{
    if (check_was_set(ck, path) && c->on && c->allowed_origins.n == 0)
        check_warn(ck, path, "CORS is off, because allowed_origins is empty");
}

static bool is_same(struct strings a, struct strings b)
{
    for (size_t i = 0; i < a.n && a.n == b.n; i++)
        if (strcmp(a.v[i], b.v[i]) != 0)
            return false;
    return a.n == b.n;
}

static bool has_cors(const struct http_cors_config *c)
{
    return c != NULL && c->on && c->allowed_origins.n > 0;
}

bool http_cors_agree(const struct http_cors_config *a, const struct http_cors_config *b)
{
    return !has_cors(a) || !has_cors(b) ||
           (is_same(a->allowed_origins, b->allowed_origins) && is_same(a->allowed_headers, b->allowed_headers) &&
            is_same(a->exposed_headers, b->exposed_headers) && a->max_age == b->max_age);
}

bool response_headers_agree(const struct string_map *a, const struct string_map *b)
{
    if (a == NULL || b == NULL || a->n == 0 || b->n == 0)
        return true;
    for (size_t i = 0; i < a->n && a->n == b->n; i++)
        if (strcmp(a->v[i].key, b->v[i].key) != 0 || strcmp(a->v[i].value, b->v[i].value) != 0)
            return false;
    return a->n == b->n;
}
