/* SPDX-License-Identifier: Apache-2.0 */
/* The oauth2client extension's options, and what must hold between them. */
#include "extension/oauth2_options.h"

#include "base/loop/watched_file.h"
#include "net/http/url.h"
#include "net/socket/tls.h"
#include "oauth2/oauth2_assertion.h"

#define KEY_MAX (64 * 1024ul)

static const char *const grant_types[] = { "client_credentials", OAUTH2_JWT_GRANT, NULL };

const struct option oauth2_options[] = {
    OPT_STRING(struct oauth2_config, client_id, "", "Our name for the token endpoint."),
    OPT_STRING(struct oauth2_config, client_id_file, "", "A file that has it, in place of client_id."),
    OPT_SECRET(struct oauth2_config, client_secret, "Our secret."),
    OPT_STRING(struct oauth2_config, client_secret_file, "",
               "A file that has it, in place of client_secret. Both are read again when they change."),
    OPT_STRING(struct oauth2_config, token_url, "", "URL of the token endpoint."),
    OPT_STRINGS(struct oauth2_config, scopes, "[]", "What the token is to allow."),
    OPT_MAP(struct oauth2_config, endpoint_params,
            "What the token endpoint wants to know besides, for instance audience. A list, or a text with commas, "
            "sends the name once for each.",
            .secret = true, .scalar = true, .repeats = true),
    OPT_DURATION(struct oauth2_config, timeout, "0s", "0s", NULL, "Longest time for a token to come; 0 is 30s.",
                 .zero = "30s"),
    OPT_DURATION(struct oauth2_config, expiry_buffer, "5m", "0s", NULL,
                 "A token is renewed this long before it ends, or after half of its life, whichever is later."),
    OPT_ENUM(struct oauth2_config, grant_type, grant_types, "client_credentials", "How a token is asked for."),
    OPT_GROUP(struct oauth2_config, tls, struct tls_config, tls_client_options, GROUP_PLAIN,
              "TLS to the token endpoint."),
    ASSERTION_ROWS(struct oauth2_config, assertion),
    OPT_END,
};

static void check_key_file(const char *path, struct check *ck)
{
    struct buf pem = { 0 };
    struct error err = { 0 };

    if (file_read(path, KEY_MAX, &pem, &err) != 0 || oauth2_assertion_check_key(buf_cstr(&pem), &err) != 0)
        check_fail(ck, "client_certificate_key_file", "%s", err.text);
    buf_wipe(&pem);
}

void oauth2_options_check(const void *config, struct check *ck)
{
    const struct oauth2_config *c = config;
    const struct check_path body = { .ck = ck };
    struct error err = { 0 };
    struct url url;

    if (c->client_id[0] == '\0' && c->client_id_file[0] == '\0')
        check_fail(ck, "client_id", "no ClientID provided in the OAuth2 exporter configuration");
    assertion_check(&c->assertion, c->grant_type == OAUTH2_JWT_BEARER,
                    c->client_secret.text[0] != '\0' || c->client_secret_file[0] != '\0', &body);
    if (c->grant_type == OAUTH2_CLIENT_CREDENTIALS && c->client_secret.text[0] == '\0' &&
        c->client_secret_file[0] == '\0')
        check_fail(ck, "client_secret", "no ClientSecret provided in OAuth Client Credentials configuration");
    file_value_check(ck, "client_id_file", c->client_id_file);
    file_value_check(ck, "client_secret_file", c->client_secret_file);
    if (c->grant_type == OAUTH2_JWT_BEARER && c->assertion.client_certificate_key_file[0] != '\0')
        check_key_file(c->assertion.client_certificate_key_file, ck);
    if (c->token_url[0] == '\0')
        check_fail(ck, "token_url", "no TokenURL provided in OAuth Client Credentials configuration");
    else if (url_parse(&url, bytes_str(c->token_url), &err) != 0)
        check_fail(ck, "token_url", "%s", err.text);
    else if (url.secure)
        tls_check(&c->tls, TLS_CLIENT, "tls", ck);
    else
        tls_check_plain(&c->tls, "tls", ck);
}
