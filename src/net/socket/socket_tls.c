/* SPDX-License-Identifier: Apache-2.0 */
/* TLS between the stream and the owner. OpenSSL reads what has just come from the kernel (`in`) and writes into
 * `cipher`, which leaves as soon as what was before it (`flying`) is gone; so it never waits and never calls the
 * kernel. First the handshake; then runs of plain text go to the owner, and the owner's message is taken in pieces, so
 * that the text and its cipher are not both there as a whole.
 *
 * What can go wrong: the peer does not speak TLS (told apart by the first byte, and answered in its own tongue), a
 * certificate is not good, the handshake is not ended, what comes is broken. The verdict is a sentence, an alert goes
 * out, and nothing that comes is passed on any more. An end of the stream without the peer's close_notify is an error:
 * somebody may have cut it short. Many handshakes at once are computed a few milliseconds a turn. */
#include "base/mem.h"
#include "net/socket/socket_kind.h"
#include "net/socket/tls_explain.h"
#include "net/socket/tls_inside.h"

#include <arpa/inet.h>
#include <assert.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORD 16384                /* plain text in one record */
#define CHUNK (16 * (size_t)RECORD) /* plain text that is on its way at once */
#define HANDSHAKE_READ (16 * 1024ul)
#define HANDSHAKE_TIME (4 * NS_PER_MS) /* of a turn, for handshakes of one server */
#define CONTROL_MAX (64 * 1024ul)      /* of what OpenSSL says by itself, that the peer does not take */
#define DROP_MAX (1024 * 1024ul)       /* read for nothing after a failure */
#define KEEP_SPARE (320 * 1024ul)

enum phase { HANDSHAKING, OPEN, HALF, FAILED }; /* HALF: the peer has said that it ends */

struct tls_socket {
    struct socket *socket;
    struct tls *tls;
    SSL *ssl;
    enum phase phase;
    struct bytes in;           /* for OpenSSL */
    struct buf held;           /* what nobody could take yet; `in` begins there if it is not empty */
    struct buf cipher, flying; /* to be written; being written */
    VEC(uv_buf_t) parts;       /* of the owner's message */
    size_t at;                 /* the first part that is not all in cipher */
    struct turn_task deliver;
    struct list link; /* in a line of handshakes */
    struct tls_verdict verdict;
    char *name; /* of the server; NULL: we are it */
    int broken; /* writing failed */
    size_t dropped;
    bool heard; /* the peer has sent something */
    bool shut;  /* close_notify goes out behind what is being written */
    bool stuck; /* writing waits for the rest of a message between the two TLS */
};

static void enter_phase(struct tls_socket *t, enum phase to)
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

/* --- OpenSSL's side of the wire --- */

static int bio_read(BIO *bio, char *out, int size)
{
    struct tls_socket *t = BIO_get_data(bio);
    size_t n = t->in.len < (size_t)size ? t->in.len : (size_t)size;

    BIO_clear_retry_flags(bio);
    if (n == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(out, t->in.data, n);
    t->in = bytes_skip(t->in, n);
    return (int)n;
}

static int bio_write(BIO *bio, const char *data, int size)
{
    struct tls_socket *t = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    buf_append(&t->cipher, data, (size_t)size);
    return size;
}

static long bio_control(BIO *bio, int what, long number, void *arg)
{
    (void)bio;
    (void)number;
    (void)arg;
    return what == BIO_CTRL_FLUSH ? 1 : 0;
}

/* One for the process. */
static BIO_METHOD *bio_method(void)
{
    static BIO_METHOD *method;

    if (method == NULL) {
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "otelcd socket");
        BIO_meth_set_read(method, bio_read);
        BIO_meth_set_write(method, bio_write);
        BIO_meth_set_ctrl(method, bio_control);
    }
    return method;
}

/* --- writing --- */

/* What is in `cipher` goes to the kernel, if it takes something. 0: all is the kernel's; 1: it will be. */
static int flush_cipher(struct tls_socket *t)
{
    struct buf empty = t->flying;
    uv_buf_t buf;
    int rc;

    if (t->broken != 0) {
        t->cipher.len = 0; /* it can never leave */
        return t->broken;
    }
    if (t->flying.len > 0)
        return 1;
    if (t->cipher.len == 0)
        return 0;
    t->flying = t->cipher;
    t->cipher = empty;
    buf = uv_buf_init((char *)t->flying.data, (unsigned)t->flying.len);
    rc = stream_write(t->socket, &buf, 1, t->flying.len);
    if (rc <= 0)
        t->flying.len = 0;
    if (rc < 0)
        t->broken = rc;
    return rc;
}

/* Idle connections keep no buffers. */
static void release_buffers(struct tls_socket *t)
{
    struct buf *const all[] = { &t->cipher, &t->flying };

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (all[i]->len > 0)
            continue;
        if (t->socket->shared->spare_cipher.data == NULL && all[i]->cap <= KEEP_SPARE) {
            t->socket->shared->spare_cipher = *all[i];
            *all[i] = (struct buf){ 0 };
        } else {
            buf_free(all[i]);
        }
    }
}

static void borrow_buffer(struct tls_socket *t)
{
    if (t->cipher.data != NULL)
        return;
    t->cipher = t->socket->shared->spare_cipher;
    t->socket->shared->spare_cipher = (struct buf){ 0 };
}

static bool encrypt_bytes(struct tls_socket *t, const void *data, size_t n)
{
    size_t done = 0;

    ERR_clear_error();
    return SSL_write_ex(t->ssl, data, n, &done) == 1 && done == n;
}

static void skip_part(struct tls_socket *t, size_t n)
{
    uv_buf_t *part = &t->parts.v[t->at];

    part->base += n;
    part->len -= n;
    if (part->len == 0)
        t->at++;
}

/* Small parts share a record. */
static size_t gather_parts(struct tls_socket *t, uint8_t *record)
{
    size_t n = 0;

    while (t->at < t->parts.n && n < RECORD) {
        const uv_buf_t *part = &t->parts.v[t->at];
        size_t take = part->len < RECORD - n ? part->len : RECORD - n;

        memcpy(record + n, part->base, take);
        n += take;
        skip_part(t, take);
    }
    return n;
}

/* OpenSSL writes nothing while a message of TLS itself, a ticket or new keys, is half there: then the rest is read,
 * whether the owner wants to read or not. Of what has come already nothing is unread then. */
static bool wait_for_rest(struct tls_socket *t)
{
    if (t->phase != OPEN || !SSL_in_init(t->ssl))
        return false;
    t->stuck = true;
    stream_read(t->socket, true);
    return true;
}

/* Up to a chunk of the message. */
static bool encrypt_some(struct tls_socket *t)
{
    uint8_t record[RECORD];
    size_t taken = 0;

    borrow_buffer(t);
    while (t->at < t->parts.n && taken < CHUNK) {
        const uv_buf_t *part = &t->parts.v[t->at];
        size_t whole = part->len < CHUNK - taken ? part->len : CHUNK - taken;
        const void *from = part->base;

        if (whole == part->len && t->at + 1 < t->parts.n)
            whole -= whole % RECORD; /* the rest goes with what follows */
        if (whole > 0)
            skip_part(t, whole);
        else
            whole = gather_parts(t, record), from = record;
        if (!encrypt_bytes(t, from, whole))
            return false;
        taken += whole;
    }
    return true;
}

static void say_goodbye(struct tls_socket *t)
{
    ERR_clear_error();
    SSL_shutdown(t->ssl);
    ERR_clear_error();
}

/* Write as much as can be. 0: all is the kernel's; 1: it will be. */
static int pump_message(struct tls_socket *t)
{
    int rc = flush_cipher(t);

    while (rc == 0 && t->at < t->parts.n) {
        if (wait_for_rest(t))
            return 1;
        if (!encrypt_some(t))
            return UV_EPROTO;
        rc = flush_cipher(t);
    }
    if (rc == 0) {
        t->parts.n = t->at = 0;
        release_buffers(t);
    }
    return rc;
}

static int write_message(struct socket *s, uv_buf_t *bufs, unsigned n, size_t total)
{
    struct tls_socket *t = s->kind_state;

    (void)total;
    if (t->phase == FAILED)
        return UV_EPIPE;
    assert(t->at == t->parts.n);
    t->parts.n = t->at = 0;
    for (unsigned i = 0; i < n; i++)
        *vec_push(&t->parts) = bufs[i];
    return t->phase == HANDSHAKING ? 1 : pump_message(t);
}

/* A chunk at a time, for as long as they leave at once. */
static ssize_t take_some(struct socket *s, uv_buf_t *bufs, unsigned n, size_t total)
{
    struct tls_socket *t = s->kind_state;
    size_t left = 0;
    int rc = t->phase == FAILED ? UV_EPIPE : t->phase == HANDSHAKING ? 1 : flush_cipher(t);

    t->parts.n = t->at = 0;
    for (unsigned i = 0; i < n; i++)
        if (bufs[i].len > 0)
            *vec_push(&t->parts) = bufs[i];
    while (rc == 0 && t->at < t->parts.n)
        rc = wait_for_rest(t) ? 1 : encrypt_some(t) ? flush_cipher(t) : UV_EPROTO;
    for (size_t i = t->at; i < t->parts.n; i++)
        left += t->parts.v[i].len;
    t->parts.n = t->at = 0;
    if (rc == 0)
        release_buffers(t);
    s->writing = rc == 1;
    return rc < 0 ? rc : (ssize_t)(total - left);
}

static void shut_down(struct socket *s)
{
    struct tls_socket *t = s->kind_state;

    t->shut = true;
    if (t->phase == OPEN || t->phase == HALF)
        say_goodbye(t);
    if (flush_cipher(t) != 1)
        stream_shutdown(s);
}

static void on_written(struct socket *s, int error)
{
    struct tls_socket *t = s->kind_state;
    int rc = error;

    t->flying.len = 0;
    if (error == 0)
        rc = t->phase == HANDSHAKING || t->phase == FAILED ? flush_cipher(t) : pump_message(t);
    else
        t->broken = error;
    if (rc == 1)
        return;
    if (t->shut)
        stream_shutdown(s);
    if (s->writing && t->phase != HANDSHAKING)
        socket_written(s, t->phase == FAILED ? UV_EPROTO : rc);
}

/* --- the end --- */

static void fail_socket(struct tls_socket *t, bool in_handshake)
{
    struct socket *s = t->socket;

    if (in_handshake)
        tls_count_failure(t->tls, t->verdict.failure);
    enter_phase(t, FAILED);
    flush_cipher(t); /* the alert */
    t->in = (struct bytes){ 0 };
    buf_free(&t->held);
    s->most = 0;
    stream_read(s, false);
    if (!s->closed)
        s->events->on_end(s->owner, UV_EPROTO);
}

static void set_verdict(struct tls_socket *t, enum tls_failure failure, const char *why)
{
    t->verdict.failure = failure;
    snprintf(t->verdict.why, sizeof(t->verdict.why), "%s", why);
}

static void fail_by_openssl(struct tls_socket *t)
{
    tls_explain_error(&t->verdict);
    fail_socket(t, t->phase == HANDSHAKING);
}

/* The other half of the connection ends without TLS having been begun. */
static void answer_plain(struct tls_socket *t, struct bytes began)
{
    static const char http1[] = "HTTP/1.0 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n"
                                "Client sent an HTTP request to an HTTPS server.\n";
    /* SETTINGS; GOAWAY(INADEQUATE_SECURITY) with a text. */
    static const uint8_t http2[] = "\0\0\0\4\0\0\0\0\0"
                                   "\0\0\x2c\7\0\0\0\0\0\0\0\0\0\0\0\0\x0c"
                                   "this port speaks TLS, not plain HTTP";

    if (began.len >= 3 && memcmp(began.data, "PRI", 3) == 0)
        buf_append(&t->cipher, http2, sizeof(http2) - 1);
    else if (began.data[0] >= 'A' && began.data[0] <= 'Z')
        buf_append(&t->cipher, http1, sizeof(http1) - 1);
}

static void on_stream_end(struct socket *s, int error)
{
    struct tls_socket *t = s->kind_state;

    if (t->phase == HANDSHAKING && (t->heard || t->name != NULL)) {
        set_verdict(t, TLS_CLOSED, "the peer closed the connection during the TLS handshake");
        fail_socket(t, true);
    } else if (t->phase == OPEN && error == 0) {
        set_verdict(t, TLS_CLOSED, "the peer closed the connection without TLS's close_notify: it may be cut short");
        fail_socket(t, false);
    } else if (t->phase != HALF) {
        s->events->on_end(s->owner, error);
    }
}

/* --- reading --- */

/* What OpenSSL has not read stays for later. */
static void keep_rest(struct tls_socket *t)
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

static void take_in(struct tls_socket *t, struct bytes data)
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
        fail_by_openssl(t);
    if (rc != 1)
        return;
    t->stuck = false;
    if (s->most == 0)
        stream_read(s, false);
    rc = pump_message(t);
    if (rc != 1 && s->writing)
        socket_written(s, rc);
}

static void end_reading(struct tls_socket *t)
{
    struct socket *s = t->socket;

    enter_phase(t, HALF);
    s->most = 0;
    stream_read(s, false);
    s->events->on_end(s->owner, 0);
}

/* Take from `in` what the owner wants. */
static void pass_on(struct tls_socket *t)
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
            fail_by_openssl(t);
    }
    /* Behind what is being written there is nothing in `cipher` but what OpenSSL says by itself. */
    if (!s->closed && t->phase == OPEN && flush_cipher(t) == 1 && t->cipher.len > CONTROL_MAX) {
        set_verdict(t, TLS_BROKEN, "the peer asks for new keys, and does not take them");
        fail_socket(t, false);
    }
    keep_rest(t);
}

static void on_deliver(struct turn_task *task)
{
    struct tls_socket *t = container_of(task, struct tls_socket, deliver);

    take_in(t, (struct bytes){ 0 });
    if (t->phase == OPEN && !t->socket->closed)
        pass_on(t);
    else if (t->phase == HANDSHAKING)
        fail_socket(t, true); /* of refuse_name() */
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

/* --- the handshake --- */

static void become_open(struct tls_socket *t)
{
    struct socket *s = t->socket;
    int rc;

    enter_phase(t, OPEN);
    if (s->events->on_ready != NULL)
        s->events->on_ready(s->owner);
    if (s->closed)
        return;
    rc = pump_message(t);
    if (rc != 1 && s->writing)
        socket_written(s, rc);
    if (s->closed)
        return;
    if (s->most == 0)
        stream_read(s, false);
}

static void step_handshake(struct tls_socket *t)
{
    int rc, error;

    ERR_clear_error();
    rc = SSL_do_handshake(t->ssl);
    error = rc == 1 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, rc);
    if (rc == 1) {
        become_open(t);
        if (!t->socket->closed)
            pass_on(t);
    } else if (error == SSL_ERROR_WANT_READ) {
        flush_cipher(t);
        keep_rest(t);
    } else {
        fail_by_openssl(t);
    }
}

static void step_and_measure(struct tls_socket *t)
{
    uint64_t began = uv_hrtime();

    step_handshake(t);
    t->tls->spent += uv_hrtime() - began;
}

/* The handshakes that had to wait. */
static void on_pace(struct clock_timer *timer)
{
    struct tls *tls = container_of(timer, struct tls, pace);
    struct list *member;

    tls_ref(tls);
    tls->turn = clock_mono(&tls->loop->clock);
    tls->spent = 0;
    while (tls->spent < HANDSHAKE_TIME && (member = tls_lines_take(&tls->waiting)) != NULL) {
        struct tls_socket *t = container_of(member, struct tls_socket, link);

        stream_read(t->socket, true);
        take_in(t, (struct bytes){ 0 });
        step_and_measure(t);
    }
    if (tls->waiting.n > 0)
        clock_start(&tls->loop->clock, &tls->pace, 1, on_pace);
    tls_unref(tls);
}

/* Is it the turn of others first? */
static bool must_wait(struct tls_socket *t)
{
    struct tls *tls = t->tls;
    uint64_t now = clock_mono(&tls->loop->clock);

    if (tls->turn != now) {
        tls->turn = now;
        tls->spent = 0;
    }
    return tls->side == TLS_SERVER && (tls->spent >= HANDSHAKE_TIME || tls->waiting.n > 0);
}

static bool is_tls(const struct tls_socket *t, struct bytes data)
{
    bool record = data.data[0] == 0x16 || (t->name != NULL && data.data[0] == 0x15);

    return record && (data.len < 2 || data.data[1] == 3);
}

static void take_handshake(struct tls_socket *t, struct bytes data)
{
    if (!t->heard && !is_tls(t, data)) {
        tls_explain_plain(&t->verdict, t->tls->side, data);
        if (t->tls->side == TLS_SERVER)
            answer_plain(t, data);
        fail_socket(t, true);
        return;
    }
    t->heard = true;
    take_in(t, data);
    if (!must_wait(t)) {
        step_and_measure(t);
        return;
    }
    keep_rest(t);
    stream_read(t->socket, false);
    tls_lines_join(&t->tls->waiting, &t->socket->peer, &t->link);
    if (!clock_armed(&t->tls->pace))
        clock_start(&t->tls->loop->clock, &t->tls->pace, 1, on_pace);
}

static void on_received(struct socket *s, struct bytes data)
{
    struct tls_socket *t = s->kind_state;

    if (t->phase == HANDSHAKING) {
        take_handshake(t, data);
    } else if (t->phase == OPEN) {
        take_in(t, data);
        pass_on(t);
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

    return most < s->shared->size ? most : s->shared->size;
}

/* --- life --- */

static int on_verified(int fine, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_socket *t = SSL_get_app_data(ssl);

    if (fine != 1 && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE)
        tls_explain_certificate(&t->verdict, store, t->name);
    return fine;
}

/* Who the server has to be: a name or an address. False: OpenSSL does not take it, and would look at no name. */
static bool expect_name(struct tls_socket *t)
{
    uint8_t address[16];
    bool ip = inet_pton(AF_INET, t->name, address) == 1 || inet_pton(AF_INET6, t->name, address) == 1;

    if (ip)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(t->ssl), t->name) == 1;
    return SSL_set1_host(t->ssl, t->name) == 1 && SSL_set_tlsext_host_name(t->ssl, t->name) == 1;
}

/* The owner does not have its socket yet: it hears of it in a moment. */
static void refuse_name(struct tls_socket *t)
{
    if (strlen(t->name) > TLSEXT_MAXLEN_host_name)
        set_verdict(t, TLS_BROKEN, "the name of the server is longer than 255 bytes: look at server_name_override");
    else
        set_verdict(t, TLS_BROKEN, "OpenSSL does not take the name of the server");
    turn_defer(&t->socket->loop->turn, &t->deliver);
}

static void begin_client(struct tls_socket *t, const char *server_name)
{
    const char *override = t->tls->config.server_name_override;
    SSL_SESSION *session = tls_take_session(t->tls);

    t->name = mem_strdup(override != NULL && override[0] != '\0' ? override
                         : server_name[0] != '\0'                ? server_name
                                                                 : "?");
    if (strlen(t->name) > 1 && t->name[strlen(t->name) - 1] == '.') /* an empty name would be no check at all */
        t->name[strlen(t->name) - 1] = '\0';
    if (session != NULL) {
        SSL_set_session(t->ssl, session);
        SSL_SESSION_free(session);
    }
    if (!expect_name(t)) {
        refuse_name(t);
        return;
    }
    SSL_set_connect_state(t->ssl);
    SSL_do_handshake(t->ssl); /* the ClientHello; the rest when the answer comes */
    flush_cipher(t);
}

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
    bio = BIO_new(bio_method());
    if (t->ssl == NULL || bio == NULL)
        abort(); /* no memory */
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio);
    SSL_set_app_data(t->ssl, t);
    SSL_set_verify(t->ssl, SSL_CTX_get_verify_mode(tls->ctx), on_verified);
    if (tls->side == TLS_SERVER)
        SSL_set_accept_state(t->ssl);
    else
        begin_client(t, server_name);
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

        say_goodbye(t);
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
    .write = write_message,
    .offer = take_some,
    .shutdown = shut_down,
    .close = on_close,
    .free = free_state,
    .ask = ask_size,
    .received = on_received,
    .ended = on_stream_end,
    .written = on_written,
};
