/* SPDX-License-Identifier: Apache-2.0 */
/* The tables inside the clients' rows, and what their rows cannot say of headers. */
#include "config/client_rows.h"

#include "base/bytes.h"

const struct option client_keepalive_options[] = {
    OPT_DURATION(struct client_keepalive_config, time, "10s", "0s", NULL,
                 "Ping when nothing has come for this long; less than 10s is taken as 10s."),
    OPT_DURATION(struct client_keepalive_config, timeout, "10s", "0s", NULL,
                 "Without an answer for this long the connection is closed."),
    OPT_BOOL(struct client_keepalive_config, permit_without_stream, "false", "Ping also while there is no call."),
    OPT_END,
};

const struct option client_cookies_options[] = { OPT_END };

/* A line's end becomes a blank, for secrets are often kept in files that have one. */
static bool has_control_character(const char *value)
{
    for (const char *p = value; *p != '\0'; p++)
        if ((*p > 0 && *p < ' ' && strchr("\t\r\n", *p) == NULL) || *p == 0x7f)
            return true;
    return false;
}

void client_headers_check(const struct string_map *headers, const char *const *reserved, const char *path,
                          struct check *ck)
{
    for (size_t i = 0; i < headers->n; i++) {
        for (const char *const *r = reserved; *r != NULL; r++)
            if (bytes_equal_nocase(bytes_str(headers->v[i].key), bytes_str(*r)))
                check_fail(ck, path, "\"%s\" is the protocol's own header: remove it", headers->v[i].key);
        if (has_control_character(headers->v[i].value))
            check_fail(ck, path, "the value of \"%s\" has a control character, which HTTP does not allow: remove it",
                       headers->v[i].key);
    }
}

uint64_t client_max_idle(const struct http_client_config *c, uint64_t otherwise)
{
    uint64_t most = c->max_idle_conns_per_host > 0 ? c->max_idle_conns_per_host : otherwise;

    if (c->disable_keep_alives)
        return 0;
    return c->max_idle_conns > 0 && c->max_idle_conns < most ? c->max_idle_conns : most;
}

const struct option client_auth_options[] = {
    OPT_EXTENSION(
        struct client_auth_config, authenticator, CAPABILITY_AUTH_CLIENT,
        "The extension that writes the headers: the id of a basicauth with client_auth, a bearertokenauth, an "
        "oauth2client or a headers_setter.",
        .required = true),
    OPT_END,
};
