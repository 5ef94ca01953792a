/* SPDX-License-Identifier: Apache-2.0 */
/* In the full handshake the chain is there that the peer's certificate was verified by: the date on which its first
 * certificate expires goes into the session (a server's is in the ticket then, which the client keeps). A resumed
 * connection has no chain; its next session is a copy of the old one, date included.
 *
 * What can go wrong: a ticket of a client without a date, where certificates are asked for. It is not resumed. What
 * the client shows in the full handshake is looked at then. */
#include "net/socket/tls_resume.h"

#include <string.h>

void tls_resume_note(SSL *ssl, SSL_SESSION *session)
{
    STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
    int64_t until = INT64_MAX;

    for (int i = 0; i < sk_X509_num(chain); i++) {
        int64_t end = tls_time(X509_get0_notAfter(sk_X509_value(chain, i)));

        until = end < until ? end : until;
    }
    if (until != INT64_MAX)
        SSL_SESSION_set1_ticket_appdata(session, &until, sizeof(until));
}

bool tls_resume_allowed(const struct tls *t, SSL_SESSION *session)
{
    bool asks = t->config.client_ca_file != NULL && t->config.client_ca_file[0] != '\0';
    int64_t until;
    void *data = NULL;
    size_t n = 0;

    if (SSL_SESSION_get0_ticket_appdata(session, &data, &n) != 1 || n != sizeof(until))
        return t->side == TLS_CLIENT || !asks;
    memcpy(&until, data, sizeof(until));
    return (int64_t)(clock_wall(&t->loop->clock) / NS_PER_S) < until;
}

static int on_ticket(SSL *ssl, void *arg)
{
    (void)arg;
    tls_resume_note(ssl, SSL_get_session(ssl));
    return 1;
}

static SSL_TICKET_RETURN on_ticket_back(SSL *ssl, SSL_SESSION *session, const unsigned char *key, size_t key_len,
                                        SSL_TICKET_STATUS status, void *arg)
{
    (void)ssl;
    (void)key;
    (void)key_len;
    if ((status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) || !tls_resume_allowed(arg, session))
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

void tls_resume_serve(struct tls *t, SSL_CTX *ctx)
{
    SSL_CTX_set_session_ticket_cb(ctx, on_ticket, on_ticket_back, t);
}
