/* SPDX-License-Identifier: Apache-2.0 */
/* The handshake, step by step with what comes; then the socket is open, and what was written meanwhile goes out. Those
 * of a server are computed for a few milliseconds a turn; the others wait in lines, one for each network.
 *
 * What can go wrong: the first byte is not of TLS, which is answered in the peer's own tongue; a certificate is not
 * good; OpenSSL does not take the server's name. */
#include "base/mem.h"
#include "net/socket/tls_peer.h"
#include "net/socket/tls_socket.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <string.h>

#define HANDSHAKE_TIME (4 * NS_PER_MS) /* of a turn, for handshakes of one server */

static void become_open(struct tls_socket *t)
{
    struct socket *s = t->socket;
    int rc;

    tls_socket_enter(t, OPEN);
    if (s->events->on_ready != NULL)
        s->events->on_ready(s->owner);
    if (s->closed)
        return;
    rc = tls_writer_pump(t);
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
        if (t->name != NULL)
            tls_peer_note(t->tls, t->ssl, t->name);
        become_open(t);
        if (!t->socket->closed)
            tls_socket_pass_on(t);
    } else if (error == SSL_ERROR_WANT_READ) {
        tls_writer_flush(t);
        tls_socket_keep(t);
    } else {
        tls_socket_fail_by_openssl(t);
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
        tls_socket_take(t, (struct bytes){ 0 });
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

static bool is_tls(const struct tls_socket *t, struct bytes data)
{
    bool record = data.data[0] == 0x16 || (t->name != NULL && data.data[0] == 0x15);

    return record && (data.len < 2 || data.data[1] == 3);
}

void tls_handshake_take(struct tls_socket *t, struct bytes data)
{
    if (!t->heard && !is_tls(t, data)) {
        tls_explain_plain(&t->verdict, t->tls->side, data);
        if (t->tls->side == TLS_SERVER)
            answer_plain(t, data);
        tls_socket_fail(t, true);
        return;
    }
    t->heard = true;
    tls_socket_take(t, data);
    if (!must_wait(t)) {
        step_and_measure(t);
        return;
    }
    tls_socket_keep(t);
    stream_read(t->socket, false);
    tls_lines_join(&t->tls->waiting, &t->socket->peer, &t->link);
    if (!clock_armed(&t->tls->pace))
        clock_start(&t->tls->loop->clock, &t->tls->pace, 1, on_pace);
}

/* --- clients --- */

int tls_handshake_verify(int fine, X509_STORE_CTX *store)
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
        tls_socket_judge(t, TLS_BROKEN,
                         "the name of the server is longer than 255 bytes: look at server_name_override");
    else
        tls_socket_judge(t, TLS_BROKEN, "OpenSSL does not take the name of the server");
    turn_defer(&t->socket->loop->turn, &t->deliver);
}

void tls_handshake_begin(struct tls_socket *t, const char *server_name)
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
    tls_writer_flush(t);
}
