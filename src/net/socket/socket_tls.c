/* SPDX-License-Identifier: Apache-2.0 */
/* TLS between the stream and the owner. OpenSSL reads what has just come from the kernel (`in`) and writes into
 * `cipher`, which leaves as soon as what was before it (`flying`) is gone; so it never waits and never calls the
 * kernel. First the handshake; then runs of plain text go to the owner, and the owner's message is taken in pieces, so
 * that the text and its cipher are not both there as a whole. Here is what is read, and the life of it all.
 *
 * What can go wrong: the handshake fails (tls_handshake.c) or is not ended, what comes is broken. The verdict is a
 * sentence, an alert goes out, and nothing that comes is passed on any more. An end of the stream without the peer's
 * close_notify is an error: somebody may have cut it short. */
#include "net/socket/tls_socket.h"

#include "base/mem.h"

#include <assert.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HANDSHAKE_READ (16 * 1024ul)
#define CONTROL_MAX (64 * 1024ul) /* of what OpenSSL says by itself, that the peer does not take */
#define DROP_MAX (1024 * 1024ul)  /* read for nothing after a failure */

void tls_socket_enter(struct tls_socket *t, enum tls_phase to)
{
    static const uint8_t allowed[] = {
        [HANDSHAKING] = 1 << OPEN | 1 << FAILED,
        [OPEN] = 1 << HALF | 1 << FAILED,
        [HALF] = 1 << FAILED,
        [FAILED] = 0,
    };

    assert(allowed[t->phase] & 1 << to);
    t->phase = to;
}

/* --- the end --- */

void tls_socket_fail(struct tls_socket *t, bool in_handshake)
{
    struct socket *s = t->socket;

    if (in_handshake)
        tls_count_failure(t->tls, t->verdict.failure);
    tls_socket_enter(t, FAILED);
    tls_writer_flush(t); /* the alert */
    t->in = (struct bytes){ 0 };
    buf_free(&t->held);
    s->most = 0;
    stream_read(s, false);
    if (!s->closed)
        s->events->on_end(s->owner, UV_EPROTO);
}

void tls_socket_judge(struct tls_socket *t, enum tls_failure failure, const char *why)
{
    t->verdict.failure = failure;
    snprintf(t->verdict.why, sizeof(t->verdict.why), "%s", why);
}

void tls_socket_fail_by_openssl(struct tls_socket *t)
{
    tls_explain_error(&t->verdict);
    tls_socket_fail(t, t->phase == HANDSHAKING);
}

static void on_stream_end(struct socket *s, int error)
{
    struct tls_socket *t = s->kind_state;

    if (t->phase == HANDSHAKING && (t->heard || t->name != NULL)) {
        tls_socket_judge(t, TLS_CLOSED, "the peer closed the connection during the TLS handshake");
        tls_socket_fail(t, true);
    } else if (t->phase == OPEN && error == 0) {
        tls_socket_judge(t, TLS_CLOSED,
                         "the peer closed the connection without TLS's close_notify: it may be cut short");
        tls_socket_fail(t, false);
    } else if (t->phase != HALF) {
        s->events->on_end(s->owner, error);
    }
}

/* --- reading --- */

/* What OpenSSL has not read stays for later. */
void tls_socket_keep(struct tls_socket *t)
{
    size_t n = t->in.len;

    if (t->phase == FAILED || n == 0) {
        buf_free(&t->held);
    } else if (t->held.len > 0) {
        memmove(t->held.data, t->in.data, n);
        t->held.len = n;
    } else {
        buf_put(&t->held, t->in);
    }
    t->in = (struct bytes){ 0 };
}

void tls_socket_take(struct tls_socket *t, struct bytes data)
{
    if (t->held.len > 0) {
        if (data.len > 0)
            buf_put(&t->held, data);
        data = buf_bytes(&t->held);
    }
    t->in = data;
}

/* Plain text up to `most` bytes. *error: why there is no more, as SSL_get_error() has it. */
static size_t decrypt_bytes(struct tls_socket *t, uint8_t *out, size_t most, int *error)
{
    size_t n = 0, got;

    *error = SSL_ERROR_NONE;
    ERR_clear_error();
    while (n < most && *error == SSL_ERROR_NONE) {
        int rc = SSL_read_ex(t->ssl, out + n, most - n, &got);

        if (rc == 1)
            n += got;
        else
            *error = SSL_get_error(t->ssl, rc);
    }
    return n;
}

/* The rest of what writing waits for. */
static void finish_message(struct tls_socket *t)
{
    struct socket *s = t->socket;
    int rc;

    ERR_clear_error();
    rc = SSL_do_handshake(t->ssl);
    if (rc != 1 && SSL_get_error(t->ssl, rc) != SSL_ERROR_WANT_READ)
        tls_socket_fail_by_openssl(t);
    if (rc != 1)
        return;
    t->stuck = false;
    if (s->most == 0)
        stream_read(s, false);
    rc = tls_writer_pump(t);
    if (rc != 1 && s->writing)
        socket_written(s, rc);
}

static void end_reading(struct tls_socket *t)
{
    struct socket *s = t->socket;

    tls_socket_enter(t, HALF);
    s->most = 0;
    stream_read(s, false);
    s->events->on_end(s->owner, 0);
}

/* Take from `in` what the owner wants. */
void tls_socket_pass_on(struct tls_socket *t)
{
    struct socket *s = t->socket;
    int error = SSL_ERROR_NONE;

    if (t->stuck)
        finish_message(t);
    while (t->phase == OPEN && !t->stuck && error == SSL_ERROR_NONE && s->most > 0 && !s->closed) {
        size_t most = s->most < s->shared->size ? s->most : s->shared->size;
        size_t n = decrypt_bytes(t, s->shared->plain, most, &error);

        if (n > 0)
            s->events->on_read(s->owner, bytes_of(s->shared->plain, n));
        if (s->closed || error == SSL_ERROR_NONE || error == SSL_ERROR_WANT_READ)
            continue;
        if (error == SSL_ERROR_ZERO_RETURN)
            end_reading(t);
        else
            tls_socket_fail_by_openssl(t);
    }
    /* Behind what is being written there is nothing in `cipher` but what OpenSSL says by itself. */
    if (!s->closed && t->phase == OPEN && tls_writer_flush(t) == 1 && t->cipher.len > CONTROL_MAX) {
        tls_socket_judge(t, TLS_BROKEN, "the peer asks for new keys, and does not take them");
        tls_socket_fail(t, false);
    }
    tls_socket_keep(t);
}

static void on_deliver(struct turn_task *task)
{
    struct tls_socket *t = container_of(task, struct tls_socket, deliver);

    tls_socket_take(t, (struct bytes){ 0 });
    if (t->phase == OPEN && !t->socket->closed)
        tls_socket_pass_on(t);
    else if (t->phase == HANDSHAKING)
        tls_socket_fail(t, true); /* of refuse_name() */
}

static int read_on(struct socket *s, bool on)
{
    struct tls_socket *t = s->kind_state;

    if (t->phase == HANDSHAKING)
        return 0; /* it is reading anyway */
    if (t->phase == OPEN && on && (t->held.len > 0 || SSL_pending(t->ssl) > 0))
        turn_defer(&s->loop->turn, &t->deliver);
    return stream_read(s, (on || t->stuck) && t->phase != HALF);
}

static void on_received(struct socket *s, struct bytes data)
{
    struct tls_socket *t = s->kind_state;

    if (t->phase == HANDSHAKING) {
        tls_handshake_take(t, data);
    } else if (t->phase == OPEN) {
        tls_socket_take(t, data);
        tls_socket_pass_on(t);
    } else {
        t->dropped += data.len;
        if (t->dropped > DROP_MAX)
            stream_read(s, false);
    }
}

static size_t ask_size(const struct socket *s)
{
    const struct tls_socket *t = s->kind_state;
    size_t most = t->phase == HANDSHAKING || t->stuck ? HANDSHAKE_READ : s->most;

    return most < s->shared->most ? most : s->shared->most;
}

/* --- life --- */

struct socket *socket_open_tls(struct loop *loop, struct socket_shared *shared, int fd, struct tls *tls,
                               const char *server_name, const struct socket_events *events, void *owner)
{
    struct socket *s = socket_make(loop, shared, fd);
    struct tls_socket *t;
    BIO *bio;

    if (s == NULL)
        return NULL;
    t = mem_zalloc(sizeof(*t));
    s->kind = &socket_tls;
    s->kind_state = t;
    s->events = events;
    s->owner = owner;
    t->socket = s;
    t->tls = tls_ref(tls);
    t->deliver.run = on_deliver;
    if (shared->plain == NULL)
        shared->plain = mem_alloc(shared->size);
    ERR_clear_error();
    t->ssl = SSL_new(tls->ctx);
    bio = tls_wire_new(t);
    if (t->ssl == NULL || bio == NULL)
        abort(); /* no memory */
    SSL_set_bio(t->ssl, bio, bio);
    SSL_set_app_data(t->ssl, t);
    SSL_set_verify(t->ssl, SSL_CTX_get_verify_mode(tls->ctx), tls_handshake_verify);
    if (tls->side == TLS_SERVER)
        SSL_set_accept_state(t->ssl);
    else
        tls_handshake_begin(t, server_name);
    stream_read(s, true);
    return s;
}

/* Polite where it costs nothing: nothing of ours is on its way. */
static void on_close(struct socket *s)
{
    struct tls_socket *t = s->kind_state;

    tls_lines_leave(&t->tls->waiting, &t->link);
    turn_cancel(&s->loop->turn, &t->deliver);
    if ((t->phase == OPEN || t->phase == HALF) && t->parts.n == 0 && !t->shut && t->flying.len == 0) {
        uv_buf_t buf;

        tls_writer_part(t);
        buf = uv_buf_init((char *)t->cipher.data, (unsigned)t->cipher.len);
        uv_try_write(&s->uv.stream, &buf, 1);
    }
}

static void free_state(struct socket *s)
{
    struct tls_socket *t = s->kind_state;

    if (t->phase == OPEN || t->phase == HALF) /* its session may be resumed */
        SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(t->ssl);
    buf_free(&t->held);
    buf_free(&t->cipher);
    buf_free(&t->flying);
    vec_free(&t->parts);
    free(t->name);
    tls_unref(t->tls);
    free(t);
}

static const struct tls_socket *state_of(const struct socket *s)
{
    return s->kind == &socket_tls ? s->kind_state : NULL;
}

const char *socket_why(const struct socket *s)
{
    const struct tls_socket *t = state_of(s);

    return t != NULL ? t->verdict.why : "";
}

enum tls_failure socket_tls_failure(const struct socket *s)
{
    const struct tls_socket *t = state_of(s);

    return t != NULL ? t->verdict.failure : TLS_FINE;
}

const char *socket_alpn(const struct socket *s)
{
    static const char *const known[] = { "h2", "http/1.1" };
    const struct tls_socket *t = state_of(s);
    const unsigned char *name = NULL;
    unsigned n = 0;

    if (t != NULL)
        SSL_get0_alpn_selected(t->ssl, &name, &n);
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (n == strlen(known[i]) && memcmp(name, known[i], n) == 0)
            return known[i];
    return "";
}

const struct socket_kind socket_tls = {
    .read = read_on,
    .write = tls_writer_write,
    .offer = tls_writer_offer,
    .shutdown = tls_writer_shutdown,
    .close = on_close,
    .free = free_state,
    .ask = ask_size,
    .received = on_received,
    .ended = on_stream_end,
    .written = tls_writer_written,
};
