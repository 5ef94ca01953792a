/* SPDX-License-Identifier: Apache-2.0 */
/* The tables inside the clients' rows. The keys of TLS that a client cannot serve are refused one by one, each with its
 * name, so that nobody believes in a certificate that is never looked at. */
#include "config/client_rows.h"

#include "base/bytes.h"

#define NO_TLS(key)                                                                                                    \
    OPT_REFUSED(key, "TLS to the receiver comes with a later version: remove this key and let a TLS proxy stand "      \
                     "between")

const struct option client_tls_options[] = {
    OPT_BOOL(struct client_tls_config, insecure, "false", "No TLS: the endpoint is http:// anyway."),
    OPT_BOOL(struct client_tls_config, insecure_skip_verify, "false", "Has no effect without TLS."),
    NO_TLS("ca_file"),
    NO_TLS("ca_pem"),
    NO_TLS("cert_file"),
    NO_TLS("cert_pem"),
    NO_TLS("key_file"),
    NO_TLS("key_pem"),
    NO_TLS("min_version"),
    NO_TLS("max_version"),
    NO_TLS("cipher_suites"),
    NO_TLS("curve_preferences"),
    NO_TLS("server_name_override"),
    NO_TLS("reload_interval"),
    NO_TLS("include_system_ca_certs_pool"),
    NO_TLS("tpm"),
    OPT_END,
};

const struct option client_keepalive_options[] = {
    OPT_DURATION(struct client_keepalive_config, time, "10s", "0s", NULL,
                 "Ping when nothing has come for this long; less than 10s is taken as 10s."),
    OPT_DURATION(struct client_keepalive_config, timeout, "10s", "0s", NULL,
                 "Without an answer for this long the connection is closed."),
    OPT_BOOL(struct client_keepalive_config, permit_without_stream, "false", "Ping also while there is no call."),
    OPT_END,
};

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

const struct option client_auth_options[] = {
    OPT_EXTENSION(
        struct client_auth_config, authenticator, CAPABILITY_AUTH_CLIENT,
        "The extension that writes the headers: the id of a basicauth with client_auth, a bearertokenauth, an "
        "oauth2client or a headers_setter.",
        .required = true),
    OPT_END,
};
