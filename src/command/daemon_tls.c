/* SPDX-License-Identifier: Apache-2.0 */
/* A context for one connection: handshake, request, the answer; the socket is not waited for in OpenSSL, where each
 * byte of a record would have its own time. What goes wrong is told in OpenSSL's words, or X.509's where the
 * certificate is at fault. */
#include "command/daemon_tls.h"

#include "base/library.h"
#include "base/unconst.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void note_fault(const SSL *ssl, const char *otherwise, char *why, size_t cap)
{
    unsigned long code = ERR_peek_last_error();
    long verdict = ssl != NULL ? SSL_get_verify_result(ssl) : X509_V_OK;

    if (verdict != X509_V_OK)
        snprintf(why, cap, "the certificate: %s; --ca FILE says whom to trust", X509_verify_cert_error_string(verdict));
    else if (code != 0 && ERR_reason_error_string(code) != NULL)
        snprintf(why, cap, "TLS: %s", ERR_reason_error_string(code));
    else
        snprintf(why, cap, "%s", otherwise);
}

static bool set_trust(SSL_CTX *ctx, const struct tls_question *q)
{
    if (!q->verify)
        return true;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    return q->ca != NULL ? SSL_CTX_load_verify_locations(ctx, q->ca, NULL) == 1
                         : SSL_CTX_set_default_verify_paths(ctx) == 1;
}

/* A name or an address. */
static bool set_host(SSL *ssl, const struct tls_question *q)
{
    if (!q->verify || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), q->host) == 1)
        return true;
    /* what SSL_set_tlsext_host_name() is, without its cast */
    return SSL_set1_host(ssl, q->host) == 1 &&
           SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, unconst(q->host)) == 1;
}

/* It wants more of the socket, and that comes in time. */
static bool wait_more(SSL *ssl, int rc, const struct tls_question *q)
{
    int want = SSL_get_error(ssl, rc);

    return (want == SSL_ERROR_WANT_READ || want == SSL_ERROR_WANT_WRITE) &&
           daemon_wait(q->fd, want == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, q->until);
}

static bool begin_talk(SSL *ssl, const struct tls_question *q)
{
    int flags = fcntl(q->fd, F_GETFL), rc;

    if (!set_host(ssl, q) || SSL_set_fd(ssl, q->fd) != 1 || fcntl(q->fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return false;
    while ((rc = SSL_connect(ssl)) != 1)
        if (!wait_more(ssl, rc, q))
            return false;
    while ((rc = SSL_write(ssl, q->request, (int)strlen(q->request))) <= 0)
        if (!wait_more(ssl, rc, q))
            return false;
    return true;
}

static bool talk_tls(SSL *ssl, const struct tls_question *q, size_t most, struct buf *answer)
{
    bool on = begin_talk(ssl, q);

    while (on && answer->len < most) {
        size_t room = most - answer->len < 16384 ? most - answer->len : 16384;
        int got = SSL_read(ssl, buf_reserve(answer, room), (int)room);

        answer->len += got > 0 ? (size_t)got : 0;
        on = got > 0 || wait_more(ssl, got, q);
    }
    return answer->len > 0;
}

bool daemon_ask_tls(const struct tls_question *q, size_t most, struct buf *answer, char *why, size_t why_cap)
{
    struct error err;
    SSL_CTX *ctx;
    SSL *ssl = NULL;
    bool ok = false;

    if (library_load(LIBRARY_OPENSSL, &err) != 0) {
        snprintf(why, why_cap, "%s", err.text);
        return false;
    }
    ctx = SSL_CTX_new(TLS_client_method());
    ERR_clear_error();
    if (ctx == NULL || !set_trust(ctx, q)) {
        note_fault(NULL, "cannot be loaded", why, why_cap);
    } else {
        ssl = SSL_new(ctx);
        ok = ssl != NULL && talk_tls(ssl, q, most, answer);
        if (!ok)
            note_fault(ssl, "no answer", why, why_cap);
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return ok;
}
