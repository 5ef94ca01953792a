/* SPDX-License-Identifier: Apache-2.0 */
/* A token by the client credentials grant (RFC 6749 4.4), or for an assertion that we sign (RFC 7523 2.1).
 *
 * The first call that needs a token has it fetched, and those that come meanwhile wait for the same answer. A token
 * that is in use is renewed some time before it ends, while calls go on with the old one.
 *
 * What can go wrong: the token endpoint cannot be reached, refuses, or answers what is no token. Then all that wait
 * fail, and so do those that come within the next second: their calls are tried again by whoever makes them. The peer
 * says that the token is none any more (401): it is forgotten, but not more often than every ten seconds, for another
 * one may be no better. The key to sign with cannot be used: that is a failure like the others. Whether the endpoint
 * wants our name in a header or in the form is found out: first the one, and after a refusal the other. */
#include "oauth2/oauth2.h"

#include "base/loop/watched_file.h"
#include "base/mem.h"
#include "codec/base64.h"
#include "net/http/url.h"
#include "oauth2/oauth2_token.h"
#include "pipeline/node_tls.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define KEY_MAX ((size_t)64 * 1024)
#define ANSWER_MAX (64 * 1024ul)
#define WAITING_MAX 1000u
#define TIMEOUT (30 * NS_PER_S)
#define AFTER_FAILURE NS_PER_S     /* calls fail without another fetch */
#define RENEW_AGAIN (5 * NS_PER_S) /* after a renewal that failed */
#define FORGET_EVERY (10 * NS_PER_S)
#define LONGEST (10ull * 365 * 86400) /* seconds: what lives longer lives for ever */

const struct metric_row oauth2_fetches_row = METRIC_ROW("otelcd_oauth2_fetches", METRIC_COUNTER, "{requests}",
                                                        "Requests to the token endpoint, by result: token, or failed.");

static uint64_t now_of(const struct oauth2 *o)
{
    return clock_mono(&o->node->host->loop->clock);
}

static void forget_token(struct oauth2 *o)
{
    if (o->value != NULL)
        explicit_bzero(o->value, strlen(o->value));
    free(o->value);
    o->value = NULL;
    clock_stop(&o->node->host->loop->clock, &o->renewal);
}

/* ---- asking the endpoint ---- */

static void put_escaped(struct buf *out, struct bytes s)
{
    url_put_escaped(out, s, "-._~");
}

static void put_parameter(struct buf *out, const char *name, const char *value)
{
    if (out->len > 0)
        buf_putc(out, '&');
    put_escaped(out, bytes_str(name));
    buf_putc(out, '=');
    put_escaped(out, bytes_str(value));
}

static bool is_signed(const struct oauth2 *o)
{
    return o->config->grant_type == OAUTH2_JWT_BEARER;
}

/* As it is now: the file is read anew for each token, of which there is one an hour or so. */
static int read_key(const struct oauth2 *o, struct buf *pem, struct error *err)
{
    const struct assertion_config *a = &o->config->assertion;

    pem->len = 0;
    if (a->client_certificate_key_file[0] != '\0')
        return file_read(a->client_certificate_key_file, KEY_MAX, pem, err);
    buf_puts(pem, a->client_certificate_key.text);
    return 0;
}

static int put_assertion(struct oauth2 *o, const char *scope, struct error *err)
{
    const struct assertion_config *c = &o->config->assertion;
    struct buf pem = { 0 }, text = { 0 };
    const struct oauth2_assertion a = {
        .algorithm = (enum assertion_algorithm)c->signature_algorithm,
        .key_id = c->client_certificate_key_id,
        .iss = c->iss[0] != '\0' ? c->iss : o->id.text,
        .sub = o->id.text,
        .aud = c->audience[0] != '\0' ? c->audience : o->config->token_url,
        .scope = scope,
        .claims = c->claims,
        .now = clock_wall(&o->node->host->loop->clock) / NS_PER_S,
    };
    int rc = read_key(o, &pem, err);

    if (rc == 0)
        rc = oauth2_assertion_put(&text, &a, buf_cstr(&pem), err);
    if (rc == 0)
        put_parameter(&o->form, "assertion", buf_cstr(&text));
    buf_wipe(&pem);
    buf_wipe(&text);
    return rc == 0 ? 0 : error_wrap(err, "client_certificate_key");
}

/* Who needs another word there says so himself. */
static bool names_grant(const struct oauth2_config *c)
{
    for (size_t i = 0; i < c->endpoint_params.n; i++)
        if (strcmp(c->endpoint_params.v[i].key, "grant_type") == 0)
            return true;
    return false;
}

static int make_form(struct oauth2 *o, struct error *err)
{
    const struct oauth2_config *c = o->config;
    struct buf scope = { 0 };
    int rc = 0;

    o->form.len = 0;
    if (!names_grant(c))
        put_parameter(&o->form, "grant_type", is_signed(o) ? OAUTH2_JWT_GRANT : "client_credentials");
    for (size_t i = 0; i < c->scopes.n; i++)
        buf_printf(&scope, "%s%s", i > 0 ? " " : "", c->scopes.v[i]);
    if (is_signed(o))
        rc = put_assertion(o, buf_cstr(&scope), err);
    if (scope.len > 0)
        put_parameter(&o->form, "scope", buf_cstr(&scope));
    for (size_t i = 0; i < c->endpoint_params.n; i++)
        put_parameter(&o->form, c->endpoint_params.v[i].key, c->endpoint_params.v[i].value);
    if (o->in_form) {
        put_parameter(&o->form, "client_id", o->id.text);
        put_parameter(&o->form, "client_secret", o->secret.text);
    }
    buf_free(&scope);
    return rc;
}

/* RFC 6749 2.3.1: both are escaped before they are put together. */
static void make_authorization(struct oauth2 *o)
{
    struct buf text = { 0 };

    put_escaped(&text, bytes_str(o->id.text));
    buf_putc(&text, ':');
    put_escaped(&text, bytes_str(o->secret.text));
    o->authorization.len = 0;
    buf_puts(&o->authorization, "Basic ");
    base64_encode(buf_bytes(&text), true, &o->authorization);
    buf_wipe(&text);
}

static void on_answer(struct http_call *call, struct bytes data)
{
    buf_put(&container_of(call, struct oauth2, call)->answer, data);
}

static void on_done(struct http_call *call, const struct http_response *a);

/* False: it cannot be asked, and o->why says why. */
static bool send_request(struct oauth2 *o)
{
    struct error err;
    size_t n = 0;

    if (make_form(o, &err) != 0) {
        snprintf(o->why, sizeof(o->why), "%.150s", err.text);
        return false;
    }
    o->answer.len = 0;
    o->headers[n++] = (struct http_header){ BYTES_LIT("content-type"), BYTES_LIT("application/x-www-form-urlencoded") };
    o->headers[n++] = (struct http_header){ BYTES_LIT("accept"), BYTES_LIT("application/json") };
    if (!o->in_form && !is_signed(o)) {
        make_authorization(o);
        o->headers[n++] = (struct http_header){ BYTES_LIT("authorization"), buf_bytes(&o->authorization) };
    }
    o->part = buf_bytes(&o->form);
    o->call = (struct http_call){
        .method = "POST",
        .headers = o->headers,
        .n_headers = n,
        .parts = &o->part,
        .n_parts = 1,
        .timeout = o->config->timeout.ns > 0 ? (uint64_t)o->config->timeout.ns : TIMEOUT,
        .max_response = ANSWER_MAX,
        .repeatable = true,
        .on_body = on_answer,
        .on_done = on_done,
    };
    http_call_start(o->http, &o->call);
    return true;
}

static void note_failure(struct oauth2 *o);

/* Unless it is under way. False: nothing is, and o->why says why. */
static bool fetch_token(struct oauth2 *o)
{
    if (!o->fetching) {
        o->fetching = send_request(o);
        if (!o->fetching)
            note_failure(o);
    }
    return o->fetching;
}

/* Else who reads it takes it for what the peer has said. */
static void put_why(const struct oauth2 *o, struct auth_request *r, const char *why)
{
    snprintf(r->why, sizeof(r->why), "no token from %s: %s", o->node->id, why);
}

/* ---- telling ---- */

static void answer_waiting(struct oauth2 *o, enum auth_verdict v)
{
    struct list waiting;

    list_init(&waiting);
    list_move(&waiting, &o->waiting);
    while (!list_empty(&waiting)) {
        struct auth_request *r = list_first(&waiting, struct auth_request, link);

        list_remove(&r->link);
        o->n_waiting--;
        r->generation = o->generation;
        if (v == AUTH_GRANTED)
            call_headers_set(r->headers, bytes_str("authorization"), bytes_str(o->value));
        else
            put_why(o, r, o->why);
        authenticator_answer(r, v);
    }
}

static void on_renewal(struct clock_timer *t)
{
    struct oauth2 *o = container_of(t, struct oauth2, renewal);

    if (o->used)
        (void)fetch_token(o);
}

static void note_failure(struct oauth2 *o)
{
    struct clock *clock = &o->node->host->loop->clock;

    o->failed = now_of(o);
    metric_add(o->fetches[OAUTH2_FAILED], 1);
    if (complaint_due_to(&o->failing, clock, o->why))
        log_error(&o->node->log, "Cannot get a token. What needs one is tried again.", F_STR("error", o->why),
                  F_UINT("requests", complaint_taken(&o->failing)));
    if (o->value != NULL && o->ends > o->failed)
        clock_start(clock, &o->renewal, RENEW_AGAIN, on_renewal);
}

static void take_failure(struct oauth2 *o)
{
    note_failure(o);
    answer_waiting(o, AUTH_FAILED);
}

/* Bearer is written in its own way, whatever the endpoint calls it. */
static void set_token(struct oauth2 *o, const struct oauth2_token *t)
{
    struct bytes type = buf_bytes(&t->token_type), token = buf_bytes(&t->access_token);

    if (type.len == 0 || bytes_equal_nocase(type, bytes_str("bearer")))
        type = bytes_str("Bearer");
    forget_token(o);
    o->value =
        mem_printf("%.*s %.*s", (int)type.len, (const char *)type.data, (int)token.len, (const char *)token.data);
    o->generation++;
    o->used = false;
}

static void set_lifetime(struct oauth2 *o, double seconds)
{
    uint64_t life, early = (uint64_t)o->config->expiry_buffer.ns;

    o->ends = UINT64_MAX;
    if (seconds <= 0 || seconds > (double)LONGEST)
        return;
    life = (uint64_t)(seconds * (double)NS_PER_S);
    o->ends = now_of(o) + life;
    if (early > life / 2)
        early = life / 2;
    clock_start(&o->node->host->loop->clock, &o->renewal, life - early, on_renewal);
}

static void take_token(struct oauth2 *o, const struct oauth2_token *t)
{
    set_token(o, t);
    set_lifetime(o, t->expires_in);
    o->known = true;
    o->failed = 0;
    metric_add(o->fetches[OAUTH2_TOKEN], 1);
    if (complaint_over(&o->failing))
        log_info(&o->node->log, "There is a token again");
    o->used = !list_empty(&o->waiting);
    answer_waiting(o, AUTH_GRANTED);
}

/* What the endpoint says of its refusal, on one line. */
static void put_refusal(struct oauth2 *o, int status, const struct oauth2_token *t)
{
    struct buf said = { 0 };

    log_put_visible(&said, bytes_of(t->error.data, t->error.len < 60 ? t->error.len : 60));
    if (t->description.len > 0) {
        buf_puts(&said, ": ");
        log_put_visible(&said, bytes_of(t->description.data, t->description.len < 80 ? t->description.len : 80));
    }
    snprintf(o->why, sizeof(o->why), "%s answered %d%s%s", http_client_name(o->http), status, said.len > 0 ? ": " : "",
             buf_cstr(&said));
    buf_free(&said);
}

static void take_answer(struct oauth2 *o, int status)
{
    struct oauth2_token t = { 0 };
    bool json = oauth2_token_read(buf_bytes(&o->answer), &t), good = status >= 200 && status < 300;
    const char *fault = json ? oauth2_token_fault(&t) : "it is no JSON";

    o->fetching = false;
    if (good && fault == NULL) {
        take_token(o, &t);
    } else if ((status == 400 || status == 401) && !o->known && !o->in_form && !is_signed(o)) {
        o->in_form = true; /* perhaps it looks for us there */
        (void)fetch_token(o);
    } else {
        o->in_form = o->in_form && o->known;
        if (good)
            snprintf(o->why, sizeof(o->why), "%s answered %d, and %s", http_client_name(o->http), status, fault);
        else
            put_refusal(o, status, &t);
        take_failure(o);
    }
    oauth2_token_free(&t);
}

static void on_done(struct http_call *call, const struct http_response *a)
{
    struct oauth2 *o = container_of(call, struct oauth2, call);

    explicit_bzero(o->form.data, o->form.cap);
    if (a->failure == HTTP_ANSWERED) {
        take_answer(o, a->status);
    } else {
        o->fetching = false;
        snprintf(o->why, sizeof(o->why), "%s", a->why);
        take_failure(o);
    }
    if (o->answer.data != NULL)
        explicit_bzero(o->answer.data, o->answer.cap);
}

/* ---- being asked ---- */

static enum auth_verdict fail_now(const struct oauth2 *o, struct auth_request *r, const char *why)
{
    put_why(o, r, why);
    r->generation = o->generation;
    return AUTH_FAILED;
}

static enum auth_verdict sign(struct client_authenticator *a, struct auth_request *r)
{
    struct oauth2 *o = container_of(a, struct oauth2, client);
    uint64_t now = now_of(o);

    if (o->value != NULL && now < o->ends) {
        o->used = true;
        r->generation = o->generation;
        call_headers_set(r->headers, bytes_str("authorization"), bytes_str(o->value));
        if (!o->fetching && !clock_armed(&o->renewal) && o->ends != UINT64_MAX)
            (void)fetch_token(o); /* its renewal was due while nobody used it */
        return AUTH_GRANTED;
    }
    if (!o->fetching && o->failed > 0 && now - o->failed < AFTER_FAILURE)
        return fail_now(o, r, o->why);
    if (o->n_waiting == WAITING_MAX)
        return fail_now(o, r, "too many calls wait for a token");
    if (!fetch_token(o))
        return fail_now(o, r, o->why);
    list_push(&o->waiting, &r->link);
    o->n_waiting++;
    return AUTH_LATER;
}

static void cancel(struct client_authenticator *a, struct auth_request *r)
{
    list_remove(&r->link);
    container_of(a, struct oauth2, client)->n_waiting--;
}

static bool was_refused(struct client_authenticator *a, uint64_t generation)
{
    struct oauth2 *o = container_of(a, struct oauth2, client);

    if (generation != o->generation || o->value == NULL)
        return true;
    if (o->forgot > 0 && now_of(o) - o->forgot < FORGET_EVERY)
        return false;
    o->forgot = now_of(o);
    forget_token(o);
    return true;
}

/* ---- life ---- */

void oauth2_init(struct oauth2 *o, const struct node *node, const struct oauth2_config *c)
{
    static const char *const results[] = { [OAUTH2_TOKEN] = "token", [OAUTH2_FAILED] = "failed" };

    *o = (struct oauth2){ .node = node, .config = c };
    list_init(&o->waiting);
    o->client =
        (struct client_authenticator){ .ask = sign, .cancel = cancel, .refused = was_refused, .secure_only = true };
    for (int i = 0; i < OAUTH2_RESULTS; i++) {
        const struct metric_label labels[] = { { "authenticator", node->id }, { "result", results[i] } };

        o->fetches[i] = metrics_get(node->host->metrics, &oauth2_fetches_row, labels, 2);
    }
}

static int check_key(const struct oauth2 *o, struct error *err)
{
    struct buf pem = { 0 };
    int rc = read_key(o, &pem, err);

    if (rc == 0)
        rc = oauth2_assertion_check_key(buf_cstr(&pem), err);
    buf_wipe(&pem);
    return rc == 0 ? 0 : error_wrap(err, "client_certificate_key");
}

int oauth2_open(struct oauth2 *o, const struct http_client_options *way, struct error *err)
{
    const struct oauth2_config *c = o->config;
    struct loop *loop = o->node->host->loop;
    bool secure = strncasecmp(c->token_url, "https:", 6) == 0;
    struct http_client_options h = *way;
    char agent[80];

    snprintf(agent, sizeof(agent), "otelcd/%s", o->node->host->version);
    h.url = c->token_url;
    h.user_agent = agent;
    h.idle_timeout = 30 * NS_PER_S;
    h.max_idle = h.max_connections = 1;
    h.version = HTTP_VERSION_ALPN;
    h.budget = o->node->host->budget;
    if (file_value_open(&o->id, loop, &o->node->log, c->client_id, c->client_id_file, err) != 0)
        return error_wrap(err, "client_id_file");
    if (file_value_open(&o->secret, loop, &o->node->log, c->client_secret.text != NULL ? c->client_secret.text : "",
                        c->client_secret_file, err) != 0)
        return error_wrap(err, "client_secret_file");
    if (is_signed(o) && check_key(o, err) != 0)
        return err->code;
    o->http = node_http_client(o->node, &h, &c->tls, secure, err);
    return o->http != NULL ? 0 : error_wrap(err, "token_url");
}

void oauth2_close(struct oauth2 *o)
{
    if (o->node == NULL)
        return;
    assert(o->n_waiting == 0);
    if (o->fetching)
        http_call_cancel(&o->call);
    if (o->http != NULL)
        http_client_close(o->http);
    forget_token(o);
    file_value_close(&o->id);
    file_value_close(&o->secret);
    buf_wipe(&o->form);
    buf_wipe(&o->authorization);
    buf_wipe(&o->answer);
    o->node = NULL;
}
