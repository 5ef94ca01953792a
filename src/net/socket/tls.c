/* SPDX-License-Identifier: Apache-2.0 */
/* tls_new() reads the files and makes a context of OpenSSL from them; connections take it and keep it. When a watch
 * (base/loop/watched_file.h) brings a new text, a new context is made a moment later, for the pair changes in two
 * steps, and with it new keys for session tickets, so that nobody resumes what a CA that is gone had verified.
 *
 * What can go wrong: the new texts make no context. Then the old one stays, until they change again. */
#include "net/socket/tls_inside.h"

#include "base/mem.h"
#include "base/loop/watched_file.h"
#include "net/socket/tls_peer.h"
#include "net/socket/tls_resume.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define SETTLE (250 * NS_PER_MS)         /* from a file that changes to the next: certificate, then key */
#define UPKEEP (12 * 3600ull * NS_PER_S) /* how long tickets are made with one key */
#define SOON (14 * 86400l)               /* a certificate that expires within it is told of */
#define SESSION_SECONDS 7200

const char *const tls_failure_names[TLS_FAILURES] = { "",        "plain",          "version",
                                                      "cipher",  "no_certificate", "bad_certificate",
                                                      "refused", "alpn",           "timeout",
                                                      "closed",  "protocol" };

static const struct metric_row failures_row = METRIC_ROW(
    "otelcd_tls_failed_handshakes", METRIC_COUNTER, "{handshakes}",
    "TLS handshakes that came to nothing. Reason plain: the peer speaks no TLS; version, cipher, alpn: nothing "
    "in common; no_certificate: a client without one; bad_certificate: that of the peer is not good; refused: "
    "ours is not good for the peer; timeout, closed: the peer did not end it; protocol: what it sent is broken");
static const struct metric_row expiry_row =
    METRIC_ROW("otelcd_tls_certificate_expiry", METRIC_GAUGE, "s",
               "When the certificate in this file expires, in Unix seconds; of several the first.", .sum = SHOW_LEAST);
static const struct metric_row reloads_row = METRIC_ROW(
    "otelcd_tls_reloads", METRIC_COUNTER, "{reloads}",
    "Times that certificates, keys or CAs were read anew. Outcome ok: they are in use; failed: they cannot be "
    "used, and those from before stay");
const struct metric_row *const tls_metric_rows[] = { &failures_row, &expiry_row, &reloads_row, &tls_peer_expiry_row,
                                                     NULL };

/* --- figures --- */

void tls_count_failure(struct tls *t, enum tls_failure why)
{
    struct metric_label labels[] = {
        { "component", t->component },
        { "side", t->side == TLS_SERVER ? "server" : "client" },
        { "reason", tls_failure_names[why] },
    };

    if (t->metrics != NULL)
        metric_add(metrics_get(t->metrics, &failures_row, labels, ARRAY_LEN(labels)), 1);
}

static void count_reload(struct tls *t, bool ok)
{
    struct metric_label labels[] = { { "component", t->component }, { "outcome", ok ? "ok" : "failed" } };

    if (t->metrics != NULL)
        metric_add(metrics_get(t->metrics, &reloads_row, labels, ARRAY_LEN(labels)), 1);
}

static const char *name_of(const struct tls_source *s)
{
    return s->file != NULL ? s->file : s->key;
}

/* What is known of the dates: into the gauge, and into the log where it matters. */
static void tell_dates(struct tls *t)
{
    int64_t now = (int64_t)(clock_wall(&t->loop->clock) / NS_PER_S);

    for (int i = 0; i < TLS_PARTS; i++) {
        const struct tls_validity *v = &t->validity[i];
        const char *name = v->known ? name_of(&t->sources.v[i]) : "";
        struct metric_label labels[] = { { "component", t->component }, { "file", name } };
        char date[TLS_TIME_TEXT];

        if (!v->known)
            continue;
        if (t->metrics != NULL)
            metric_set(metrics_get(t->metrics, &expiry_row, labels, ARRAY_LEN(labels)), (double)v->not_after);
        tls_time_text(v->not_before > now ? v->not_before : v->not_after, date);
        if (v->not_before > now)
            log_warn(&t->log, "A TLS certificate is not valid yet", F_STR("file", name),
                     F_STR("certificate", v->subject), F_STR("valid_from", date));
        else if (v->not_after < now + SOON)
            log_warn(&t->log, v->not_after < now ? "A TLS certificate has expired" : "A TLS certificate expires soon",
                     F_STR("file", name), F_STR("certificate", v->subject), F_STR("expires", date));
    }
}

/* --- contexts --- */

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                           unsigned in_len, void *arg)
{
    const struct tls *t = arg;
    unsigned char *chosen;

    (void)ssl;
    if (SSL_select_next_proto(&chosen, out_len, t->alpn, t->alpn_len, in, in_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static void drop_sessions(struct tls *t)
{
    while (t->n_sessions > 0)
        SSL_SESSION_free(t->sessions[--t->n_sessions]);
}

SSL_SESSION *tls_take_session(struct tls *t)
{
    while (t->n_sessions > 0) {
        SSL_SESSION *session = t->sessions[--t->n_sessions];

        if (tls_resume_allowed(t, session))
            return session;
        SSL_SESSION_free(session);
    }
    return NULL;
}

/* A server has given a ticket: the oldest makes way. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    if (SSL_get_SSL_CTX(ssl) != t->ctx)
        return 0; /* of what the files were before */
    tls_resume_note(ssl, session);
    if (t->n_sessions == TLS_SESSIONS) {
        SSL_SESSION_free(t->sessions[0]);
        memmove(t->sessions, t->sessions + 1, (TLS_SESSIONS - 1) * sizeof(t->sessions[0]));
        t->n_sessions--;
    }
    t->sessions[t->n_sessions++] = session;
    return 1;
}

static void set_client(struct tls *t, SSL_CTX *ctx)
{
    SSL_CTX_set_verify(ctx, t->config.insecure_skip_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_session);
    if (t->alpn_len > 0)
        SSL_CTX_set_alpn_protos(ctx, t->alpn, t->alpn_len);
}

static void set_server(struct tls *t, SSL_CTX *ctx)
{
    static const unsigned char id[] = "otelcd";
    bool asks = t->config.client_ca_file != NULL && t->config.client_ca_file[0] != '\0';

    SSL_CTX_set_verify(ctx, asks ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* the client keeps it, in its ticket */
    SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1);
    SSL_CTX_set_timeout(ctx, SESSION_SECONDS);
    SSL_CTX_set_num_tickets(ctx, 1);
    tls_resume_serve(t, ctx);
    SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    if (t->alpn_len > 0)
        SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, t);
}

static void use_context(struct tls *t, SSL_CTX *ctx)
{
    SSL_CTX_set_app_data(ctx, t);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (t->side == TLS_SERVER)
        set_server(t, ctx);
    else
        set_client(t, ctx);
    drop_sessions(t);
    if (t->ctx != NULL) /* else there may be no OpenSSL */
        SSL_CTX_free(t->ctx);
    t->ctx = ctx;
}

static int load_context(struct tls *t, struct error *err)
{
    struct tls_loaded loaded;
    int rc = tls_load(&t->config, t->side, &t->sources, &loaded, NULL, err);

    if (rc != 0)
        return rc;
    use_context(t, loaded.ctx);
    memcpy(t->validity, loaded.validity, sizeof(t->validity));
    return 0;
}

static void on_upkeep(struct clock_timer *timer);

/* When a certificate expires that is told at once. */
static void plan_upkeep(struct tls *t)
{
    int64_t now = (int64_t)(clock_wall(&t->loop->clock) / NS_PER_S);
    uint64_t wait = UPKEEP;

    for (int i = 0; i < TLS_PARTS; i++) {
        int64_t left = t->validity[i].not_after - now;

        if (t->validity[i].known && left >= 0 && (uint64_t)left < UPKEEP / NS_PER_S) {
            uint64_t until = ((uint64_t)left + 1) * NS_PER_S;

            wait = until < wait ? until : wait;
        }
    }
    clock_start(&t->loop->clock, &t->upkeep, wait, on_upkeep);
}

/* --- files --- */

static void keep_old(struct tls *t, const char *why)
{
    count_reload(t, false);
    if (complaint_due(&t->bad_files, &t->loop->clock))
        log_warn(&t->log, "New TLS files cannot be used: what was loaded before stays in use", F_STR("error", why),
                 F_UINT("occurrences", complaint_taken(&t->bad_files)));
}

static void tell_reload(struct tls *t)
{
    const struct tls_validity *v = &t->validity[TLS_CERT];
    char date[TLS_TIME_TEXT] = "";

    for (int i = 0; i < TLS_PARTS && !v->known; i++)
        v = &t->validity[i];
    tls_time_text(v->not_after, date);
    log_info(&t->log, "TLS files have changed and are in use", F_STR("certificate", v->subject),
             F_STR("expires", date));
}

static void on_settled(struct clock_timer *timer)
{
    struct tls *t = container_of(timer, struct tls, settle);
    struct error err;

    if (load_context(t, &err) != 0) {
        keep_old(t, err.text);
        return;
    }
    complaint_over(&t->bad_files);
    count_reload(t, true);
    tell_reload(t);
    tell_dates(t);
    plan_upkeep(t);
}

static void on_change(void *owner, struct bytes content)
{
    struct tls_file *f = owner;
    struct buf *text = &f->tls->sources.v[f->part].text;

    if (text->data != NULL)
        explicit_bzero(text->data, text->cap);
    text->len = 0;
    buf_put(text, content);
    clock_start(&f->tls->loop->clock, &f->tls->settle, SETTLE, on_settled);
}

static void on_fault(void *owner, const char *why)
{
    keep_old(((struct tls_file *)owner)->tls, why);
}

static void on_interval(struct clock_timer *timer)
{
    struct tls *t = container_of(timer, struct tls, interval);

    clock_start(&t->loop->clock, &t->interval, (uint64_t)t->config.reload_interval.ns, on_interval);
    for (int i = 0; i < TLS_PARTS; i++)
        if (t->files[i].watched != NULL)
            watched_file_look(t->files[i].watched);
}

static void on_upkeep(struct clock_timer *timer)
{
    struct tls *t = container_of(timer, struct tls, upkeep);
    unsigned char keys[80];

    plan_upkeep(t);
    if (t->side == TLS_SERVER && RAND_bytes(keys, sizeof(keys)) == 1)
        SSL_CTX_set_tlsext_ticket_keys(t->ctx, keys, sizeof(keys));
    explicit_bzero(keys, sizeof(keys));
    tell_dates(t);
}

static int open_files(struct tls *t, struct error *err)
{
    for (int i = 0; i < TLS_PARTS; i++) {
        struct tls_source *s = &t->sources.v[i];
        struct tls_file *f = &t->files[i];
        struct watched_file_options o = { s->file, TLS_FILE_MAX, on_change, on_fault, f };

        f->tls = t;
        f->part = (enum tls_part)i;
        if (s->file == NULL)
            continue;
        if (t->config.reload_interval.ns == 0) {
            if (file_read(s->file, TLS_FILE_MAX, &s->text, err) != 0)
                return err->code;
            continue;
        }
        f->watched = watched_file_open(t->loop, &o, &s->text, err);
        if (f->watched == NULL)
            return err->code;
    }
    return 0;
}

/* --- life --- */

static const char *copy_text(struct tls *t, const char *text)
{
    return text != NULL ? arena_strdup(&t->arena, text) : NULL;
}

static struct strings copy_strings(struct tls *t, struct strings s)
{
    const char **v = arena_alloc(&t->arena, (s.n + 1) * sizeof(*v));

    for (size_t i = 0; i < s.n; i++)
        v[i] = copy_text(t, s.v[i]);
    return (struct strings){ v, s.n };
}

static void copy_config(struct tls *t, const struct tls_config *c)
{
    t->config = *c;
    t->config.ca_file = copy_text(t, c->ca_file);
    t->config.cert_file = copy_text(t, c->cert_file);
    t->config.key_file = copy_text(t, c->key_file);
    t->config.client_ca_file = copy_text(t, c->client_ca_file);
    t->config.ca_pem.text = copy_text(t, c->ca_pem.text);
    t->config.cert_pem.text = copy_text(t, c->cert_pem.text);
    t->config.key_pem.text = copy_text(t, c->key_pem.text);
    t->config.tpm.path = copy_text(t, c->tpm.path);
    t->config.tpm.owner_auth.text = copy_text(t, c->tpm.owner_auth.text);
    t->config.tpm.auth.text = copy_text(t, c->tpm.auth.text);
    t->config.server_name_override = copy_text(t, c->server_name_override);
    t->config.cipher_suites = copy_strings(t, c->cipher_suites);
    t->config.curve_preferences = copy_strings(t, c->curve_preferences);
}

static void copy_logger(struct tls *t, const struct logger *log)
{
    struct log_field *fields = arena_alloc(&t->arena, (log->n_fields + 1) * sizeof(*fields));

    for (size_t i = 0; i < log->n_fields; i++) {
        fields[i] = log->fields[i];
        fields[i].key = copy_text(t, fields[i].key);
        if (fields[i].kind == LOG_FIELD_STR || fields[i].kind == LOG_FIELD_JSON)
            fields[i].value.str = copy_text(t, fields[i].value.str);
    }
    t->log = (struct logger){ log->sink, fields, log->n_fields, log->unwatched };
}

/* "h2,http/1.1" as the wire has it. */
static void set_alpn(struct tls *t, const char *text)
{
    while (text != NULL && *text != '\0') {
        size_t n = strcspn(text, ",");

        assert(t->alpn_len + 1 + n <= sizeof(t->alpn));
        t->alpn[t->alpn_len++] = (uint8_t)n;
        memcpy(t->alpn + t->alpn_len, text, n);
        t->alpn_len += (unsigned)n;
        text += n + (text[n] == ',');
    }
}

struct tls *tls_new(const struct tls_setup *setup, const struct tls_config *config, struct error *err)
{
    struct tls *t = mem_zalloc(sizeof(*t));

    t->refs = 1;
    t->loop = setup->loop;
    t->side = setup->side;
    t->metrics = setup->metrics;
    tls_lines_init(&t->waiting, random_next(&t->loop->random));
    copy_config(t, config);
    copy_logger(t, setup->log);
    t->component = copy_text(t, setup->component);
    set_alpn(t, setup->alpn);
    tls_sources_note(&t->config, t->side, &t->sources);
    if (open_files(t, err) != 0 || load_context(t, err) != 0) {
        error_wrap(err, "tls");
        tls_unref(t);
        return NULL;
    }
    tell_dates(t);
    if (t->config.reload_interval.ns > 0)
        clock_start(&t->loop->clock, &t->interval, (uint64_t)t->config.reload_interval.ns, on_interval);
    plan_upkeep(t);
    return t;
}

struct tls *tls_ref(struct tls *t)
{
    t->refs++;
    return t;
}

bool tls_same(const struct tls *a, const struct tls *b)
{
    return tls_config_hash(&a->config) == tls_config_hash(&b->config);
}

void tls_unref(struct tls *t)
{
    if (t == NULL || --t->refs > 0)
        return;
    assert(t->waiting.n == 0);
    for (int i = 0; i < TLS_PARTS; i++)
        watched_file_close(t->files[i].watched);
    tls_sources_free(&t->sources);
    clock_stop(&t->loop->clock, &t->settle);
    clock_stop(&t->loop->clock, &t->interval);
    clock_stop(&t->loop->clock, &t->upkeep);
    clock_stop(&t->loop->clock, &t->pace);
    drop_sessions(t);
    SSL_CTX_free(t->ctx);
    arena_free(&t->arena);
    free(t);
}
