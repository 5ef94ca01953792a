/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of Prometheus' HTTP client, and what they cannot say: who we are is said in one way, files can be read, and
 * the headers are not the protocol's own. TLS is put into our words, so that it is checked and loaded as that of any
 * other client. */
#include "config/option.h"
#include "net/http/proxy.h"
#include "net/socket/tls.h"
#include "pipeline/file_value.h"
#include "receiver/prometheus/scrape_config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define T struct scrape_basic_config
const struct option scrape_basic_options[] = {
    OPT_STRING(T, username, "", "The name."),
    OPT_STRING(T, username_file, "", "A file that has it, read again when it changes."),
    OPT_REFUSED("username_ref", "secrets by reference are not served: write username or username_file"),
    OPT_SECRET(T, password, "The password."),
    OPT_STRING(T, password_file, "", "A file that has it, read again when it changes."),
    OPT_REFUSED("password_ref", "secrets by reference are not served: write password or password_file"),
    OPT_END,
};
#undef T

#define T struct scrape_authorization_config
const struct option scrape_authorization_options[] = {
    OPT_STRING(T, type, "Bearer", "The scheme; for Basic there is basic_auth."),
    OPT_SECRET(T, credentials, "What is behind the scheme: a token."),
    OPT_STRING(T, credentials_file, "", "A file that has it, read again when it changes."),
    OPT_REFUSED("credentials_ref", "secrets by reference are not served: write credentials or credentials_file"),
    OPT_END,
};
#undef T

static const char *const versions[] = { "", "TLS10", "TLS11", "TLS12", "TLS13", NULL };

#define T struct scrape_tls_config
const struct option scrape_tls_options[] = {
    OPT_SECRET(T, ca,
               "PEM text of the CAs that may have signed the target's certificate; empty is those of this "
               "machine."),
    OPT_STRING(T, ca_file, "", "The same in a file."),
    OPT_SECRET(T, cert, "PEM text of the own certificate."),
    OPT_STRING(T, cert_file, "", "The same in a file."),
    OPT_SECRET(T, key, "PEM text of its private key."),
    OPT_STRING(T, key_file, "", "The same in a file."),
    OPT_STRING(T, server_name, "", "The name that the target's certificate must be valid for; empty is its host."),
    OPT_BOOL(T, insecure_skip_verify, "false",
             "Take any certificate for good: whoever stands between can read and change everything."),
    OPT_ENUM(T, min_version, versions, "", "Oldest TLS that is spoken; empty is TLS12."),
    OPT_ENUM(T, max_version, versions, "", "Newest TLS that is spoken; empty is TLS13."),
    OPT_REFUSED("ca_ref", "secrets by reference are not served: write ca or ca_file"),
    OPT_REFUSED("cert_ref", "secrets by reference are not served: write cert or cert_file"),
    OPT_REFUSED("key_ref", "secrets by reference are not served: write key or key_file"),
    OPT_END,
};
#undef T

/* By enum oauth2_grant; empty, which Prometheus takes too, is no JWT_BEARER. */
static const char *const grant_types[] = { "client_credentials", OAUTH2_JWT_GRANT, "", NULL };

/* clang-format off */
#define T struct scrape_oauth2_config
const struct option scrape_oauth2_options[] = {
    OPT_STRING(T, client_id, "", "Our name for the token endpoint.", .required = true),
    OPT_SECRET(T, client_secret, "Our secret."),
    OPT_STRING(T, client_secret_file, "", "A file that has it, read again when it changes."),
    OPT_REFUSED("client_secret_ref", "secrets by reference are not served: write client_secret or client_secret_file"),
    OPT_STRINGS(T, scopes, NULL, "What the token is to allow."),
    OPT_STRING(T, token_url, "", "URL of the token endpoint.", .required = true),
    OPT_MAP(T, endpoint_params, "What the token endpoint wants to know besides, for instance audience.", .secret = true,
            .scalar = true),
    { .key = "grant_type", .kind = OPTION_ENUM, .offset = OPT_FIELD(T, grant, int), .names = grant_types,
      .def = "client_credentials", .help = "How a token is asked for; empty is client_credentials." },
    OPT_GROUP(T, tls_config, struct scrape_tls_config, scrape_tls_options, GROUP_PLAIN, "TLS to the token endpoint."),
    SCRAPE_PROXY_ROWS(T, proxy),
    ASSERTION_ROWS(T, assertion),
    OPT_REFUSED("client_certificate_key_ref",
                "secrets by reference are not served: write client_certificate_key or client_certificate_key_file"),
    OPT_END,
};
#undef T
/* clang-format on */

#define T struct scrape_header_config
const struct option scrape_header_options[] = {
    OPT_STRING(T, name, "", "The header's name: the key of the map."),
    OPT_STRINGS(T, values, NULL, "Its values, each a line of its own.", .scalar = true),
    OPT_STRINGS(T, secrets, NULL, "Further values, which are never printed.", .secret = true, .scalar = true),
    OPT_STRINGS(T, files, NULL, "Files that have further values, read again when they change."),
    OPT_END,
};
#undef T

static struct tls_config tls_of(const struct scrape_tls_config *t)
{
    return (struct tls_config){
        .on = true,
        .ca_file = t->ca_file,
        .cert_file = t->cert_file,
        .key_file = t->key_file,
        .ca_pem = t->ca,
        .cert_pem = t->cert,
        .key_pem = t->key,
        .client_ca_file = "",
        .server_name_override = t->server_name,
        .insecure_skip_verify = t->insecure_skip_verify,
        .min_version = t->min_version,
        .max_version = t->max_version,
        .reload_interval = { 60000000000 },
    };
}

void scrape_client_finish(struct scrape_client_config *c)
{
    struct scrape_oauth2_config *o = &c->oauth2;

    c->tls = tls_of(&c->tls_config);
    if (!o->on)
        return;
    o->own = (struct oauth2_config){
        .client_id = o->client_id,
        .client_id_file = "",
        .client_secret = o->client_secret,
        .client_secret_file = o->client_secret_file,
        .token_url = o->token_url,
        .scopes = o->scopes,
        .endpoint_params = o->endpoint_params,
        .expiry_buffer = { 10000000000 },
        .grant_type = o->grant,
        .assertion = o->assertion,
        .tls = tls_of(&o->tls_config),
    };
}

/* ---- what the rows cannot say ---- */

struct client_check {
    const struct scrape_client_config *c;
    struct check_path at;
};

static bool is_set(struct secret s)
{
    return s.text != NULL && s.text[0] != '\0';
}

static void check_file(const struct client_check *k, const char *key, const char *file)
{
    if (file[0] != '\0' && access(file, R_OK) != 0)
        check_path_fail(&k->at, key, "%s: %s: name a file that can be read", file, strerror(errno));
}

static void check_one(const struct client_check *k, const char *key, bool text, const char *file)
{
    if (text && file[0] != '\0')
        check_path_fail(&k->at, key, "at most one of %s and %s_file must be configured: remove one of them",
                        strrchr(key, ':') + 1, strrchr(key, ':') + 1);
}

static void check_who(const struct client_check *k)
{
    const struct scrape_client_config *c = k->c;
    bool bearer = is_set(c->bearer_token) || c->bearer_token_file[0] != '\0';

    if (c->basic_auth.on + c->authorization.on + c->oauth2.on + bearer > 1)
        check_path_fail(&k->at,
                        c->basic_auth.on      ? "basic_auth"
                        : c->authorization.on ? "authorization"
                                              : "oauth2",
                        "at most one of basic_auth, oauth2 & authorization must be configured, and bearer_token is an "
                        "authorization: remove the others");
    check_one(k, "basic_auth::username", c->basic_auth.username[0] != '\0', c->basic_auth.username_file);
    check_one(k, "basic_auth::password", is_set(c->basic_auth.password), c->basic_auth.password_file);
    check_one(k, "authorization::credentials", is_set(c->authorization.credentials), c->authorization.credentials_file);
    if (is_set(c->bearer_token) && c->bearer_token_file[0] != '\0')
        check_path_fail(&k->at, "bearer_token_file",
                        "at most one of bearer_token & bearer_token_file must be configured: remove one");
    if (c->authorization.on && strcasecmp(c->authorization.type, "basic") == 0)
        check_path_fail(&k->at, "authorization::type",
                        "authorization type cannot be set to \"basic\", use \"basic_auth\" instead");
    check_file(k, "basic_auth::username_file", c->basic_auth.username_file);
    check_file(k, "basic_auth::password_file", c->basic_auth.password_file);
    check_file(k, "authorization::credentials_file", c->authorization.credentials_file);
    check_file(k, "bearer_token_file", c->bearer_token_file);
}

/* `at`: where its keys are, "" or "oauth2::". */
static void check_proxy(const struct client_check *k, const struct scrape_proxy_config *c, const char *at)
{
    const struct string_map *connect = &c->proxy_connect_header;
    struct error err;
    struct proxy proxy;
    char key[64];

    snprintf(key, sizeof(key), "%sproxy_from_environment", at);
    if (c->proxy_from_environment && (c->proxy_url[0] != '\0' || c->no_proxy[0] != '\0'))
        check_path_fail(&k->at, key,
                        "if proxy_from_environment is configured, proxy_url and no_proxy must not "
                        "be: remove them");
    snprintf(key, sizeof(key), "%sno_proxy", at);
    if (c->no_proxy[0] != '\0' && c->proxy_url[0] == '\0')
        check_path_fail(&k->at, key, "if no_proxy is configured, proxy_url must also be: write it, or remove no_proxy");
    snprintf(key, sizeof(key), "%sproxy_connect_header", at);
    if (connect->n > 0 && c->proxy_url[0] == '\0' && !c->proxy_from_environment)
        check_path_fail(
            &k->at, key,
            "if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be: write one, or "
            "remove proxy_connect_header");
    for (size_t i = 0; i < connect->n; i++)
        if (!header_name_is_valid(connect->v[i].key) || !header_value_is_clean(bytes_str(connect->v[i].value)))
            check_path_fail(&k->at, key, "\"%.60s\" is no header, or has a value that none may have",
                            connect->v[i].key);
    snprintf(key, sizeof(key), "%sproxy_url", at);
    if (c->proxy_url[0] != '\0' && proxy_parse(&proxy, bytes_str(c->proxy_url), &err) != 0)
        check_path_fail(&k->at, key, "%s", err.text);
}

static void check_assertion(const struct client_check *k, const struct scrape_oauth2_config *o)
{
    const struct check_path at = check_path_below(&k->at, "oauth2");

    assertion_check(&o->assertion, o->grant == OAUTH2_JWT_BEARER,
                    is_set(o->client_secret) || o->client_secret_file[0] != '\0', &at);
    check_file(k, "oauth2::client_certificate_key_file", o->assertion.client_certificate_key_file);
}

static void check_oauth2(const struct client_check *k)
{
    const struct scrape_oauth2_config *o = &k->c->oauth2;
    struct error err;
    struct url url;
    struct check_path tls;

    if (!o->on)
        return;
    check_one(k, "oauth2::client_secret", is_set(o->client_secret), o->client_secret_file);
    check_assertion(k, o);
    check_file(k, "oauth2::client_secret_file", o->client_secret_file);
    if (o->token_url[0] != '\0' && url_parse(&url, bytes_str(o->token_url), &err) != 0)
        check_path_fail(&k->at, "oauth2::token_url", "%s", err.text);
    check_proxy(k, &o->proxy, "oauth2::");
    tls = check_path_below(&k->at, "oauth2::tls_config");
    tls_check(&o->own.tls, TLS_CLIENT, tls.path, tls.ck);
}

static bool is_reserved(const char *name)
{
    static const char *const names[] = { "authorization",
                                         "host",
                                         "user-agent",
                                         "connection",
                                         "keep-alive",
                                         "accept-encoding",
                                         "content-encoding",
                                         "content-length",
                                         "content-type",
                                         "www-authenticate",
                                         "proxy-authorization",
                                         "proxy-connection",
                                         "proxy-authenticate",
                                         "transfer-encoding",
                                         "te",
                                         "trailer",
                                         "upgrade" };

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return strncasecmp(name, "x-prometheus-", 13) == 0 || strncasecmp(name, "x-amz-", 6) == 0;
}

static void check_headers(const struct client_check *k)
{
    const struct scrape_header_config *h = k->c->http_headers.v;
    char key[200];

    for (size_t i = 0; i < k->c->http_headers.n; i++) {
        snprintf(key, sizeof(key), "http_headers::%s", h[i].name);
        if (is_reserved(h[i].name))
            check_path_fail(&k->at, key,
                            "setting header \"%s\" is not allowed: there is a key for it, or it is the protocol's own",
                            h[i].name);
        for (size_t f = 0; f < h[i].files.n; f++)
            check_file(k, key, h[i].files.v[f]);
    }
}

void scrape_client_check(const struct scrape_client_config *c, const char *path, struct check *ck)
{
    const struct client_check k = { c, check_path_at(ck, path) };
    const struct check_path tls = check_path_below(&k.at, "tls_config");

    check_who(&k);
    check_proxy(&k, &c->proxy, "");
    check_oauth2(&k);
    check_headers(&k);
    if (check_was_set(ck, tls.path)) /* else OpenSSL need not be there */
        tls_check(&c->tls, TLS_CLIENT, tls.path, ck);
}
