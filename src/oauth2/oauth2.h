/* SPDX-License-Identifier: Apache-2.0 */
/* A token by OAuth 2, for client credentials or a signed assertion (RFC 7523), fetched when a call needs one, and
 * renewed: what the extension oauth2client is, and what a component has that asks for tokens of its own. */
#ifndef OAUTH2_H
#define OAUTH2_H

#include "config/check_path.h"
#include "config/client_rows.h"
#include "net/http/http_client.h"
#include "oauth2/oauth2_assertion.h"
#include "pipeline/authenticator.h"
#include "pipeline/component.h"
#include "pipeline/file_value.h"

enum oauth2_grant { OAUTH2_CLIENT_CREDENTIALS, OAUTH2_JWT_BEARER };

#define OAUTH2_JWT_GRANT "urn:ietf:params:oauth:grant-type:jwt-bearer"

/* What is said of us in place of a secret. */
struct assertion_config {
    struct secret client_certificate_key; /* PEM */
    const char *client_certificate_key_file, *client_certificate_key_id;
    int signature_algorithm; /* enum assertion_algorithm */
    const char *iss, *audience;
    const struct yaml_node *claims; /* a map; NULL: none */
};

struct oauth2_config {
    const char *client_id, *client_id_file;
    struct secret client_secret;
    const char *client_secret_file;
    const char *token_url;
    struct strings scopes;
    struct string_map endpoint_params;
    duration timeout, expiry_buffer;
    int grant_type; /* enum oauth2_grant */
    struct assertion_config assertion;
    struct tls_config tls;
};

/* Set by hand: clang-format takes the braces of an initialiser for those of a block. */
/* clang-format off */

#define ASSERTION_ONLY "Of the grant jwt-bearer: "

/* Rows for `struct assertion_config m` inside struct T. */
#define ASSERTION_ROWS(T, m)                                                                                          \
    { .key = "client_certificate_key", .kind = OPTION_SECRET,                                                         \
      .offset = OPT_FIELD(T, m.client_certificate_key, struct secret),                                                \
      .help = ASSERTION_ONLY "the RSA key that it is signed with, in PEM." },                                         \
    { .key = "client_certificate_key_file", .kind = OPTION_STRING,                                                    \
      .offset = OPT_FIELD(T, m.client_certificate_key_file, const char *), .def = "",                                 \
      .help = "A file that has it, in place of client_certificate_key; read for each token." },                       \
    { .key = "client_certificate_key_id", .kind = OPTION_STRING,                                                      \
      .offset = OPT_FIELD(T, m.client_certificate_key_id, const char *), .def = "",                                   \
      .help = "What the endpoint knows that key by (kid)." },                                                         \
    { .key = "signature_algorithm", .kind = OPTION_ENUM, .offset = OPT_FIELD(T, m.signature_algorithm, int),          \
      .names = assertion_algorithms, .def = "RS256", .help = ASSERTION_ONLY "how it is signed." },                    \
    { .key = "iss", .kind = OPTION_STRING, .offset = OPT_FIELD(T, m.iss, const char *), .def = "",                    \
      .help = ASSERTION_ONLY "who says it; empty is client_id." },                                                    \
    { .key = "audience", .kind = OPTION_STRING, .offset = OPT_FIELD(T, m.audience, const char *), .def = "",          \
      .help = ASSERTION_ONLY "to whom; empty is token_url." },                                                        \
    { .key = "claims", .kind = OPTION_NODE, .offset = OPT_FIELD(T, m.claims, const struct yaml_node *), .any = true,  \
      .help = ASSERTION_ONLY "further claims, of any type." }
/* clang-format on */

/* What must hold of them, and of a secret beside them, in that block. */
void assertion_check(const struct assertion_config *a, bool is_signed, bool has_secret, const struct check_path *at);

enum oauth2_result { OAUTH2_TOKEN, OAUTH2_FAILED, OAUTH2_RESULTS };

extern const struct metric_row oauth2_fetches_row;

struct oauth2 {
    struct client_authenticator client; /* who is asked, from oauth2_open() on */

    /* Its own. */
    const struct node *node; /* NULL: it is closed */
    const struct oauth2_config *config;
    struct file_value id, secret;
    struct http_client *http;

    /* The token. */
    char *value; /* Authorization's; NULL: none */
    uint64_t generation;
    uint64_t ends;   /* mono ns; UINT64_MAX: never */
    bool used;       /* since it was fetched */
    uint64_t forgot; /* mono ns: when one was given up last */
    struct clock_timer renewal;

    /* A fetch. */
    bool fetching;
    bool in_form; /* the endpoint wants our name in the form */
    bool known;   /* which of both it wants */
    struct http_call call;
    struct http_header headers[3];
    struct buf form, authorization, answer;
    struct bytes part;
    struct list waiting; /* of struct auth_request */
    size_t n_waiting;

    /* The last failure. */
    uint64_t failed; /* mono ns; 0: the last fetch has succeeded */
    char why[160];
    struct complaint failing;
    struct metric *fetches[OAUTH2_RESULTS];
};

/* The node and the configuration outlive it. */
void oauth2_init(struct oauth2 *o, const struct node *node, const struct oauth2_config *c);
/* Reads its files. `way`: how the token endpoint is reached, which is what it says of proxies. A negative errno and
 * `err` when something cannot be used. */
int oauth2_open(struct oauth2 *o, const struct http_client_options *way, struct error *err);
void oauth2_close(struct oauth2 *o); /* nobody waits; also of one that is zeroed */

#endif
