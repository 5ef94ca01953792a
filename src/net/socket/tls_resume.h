/* SPDX-License-Identifier: Apache-2.0 */
/* Who may resume a session: with it goes the end of what the peer's certificate was verified by, for nobody looks at a
 * certificate when a session is resumed, and each resumed session brings the next. */
#ifndef NET_TLS_RESUME_H
#define NET_TLS_RESUME_H

#include "net/socket/tls_inside.h"

/* The session of this connection, which is to be kept: note until when it may be used. */
void tls_resume_note(SSL *ssl, SSL_SESSION *session);

/* May it be resumed now? */
bool tls_resume_allowed(const struct tls *t, SSL_SESSION *session);

/* A server's tickets are asked about that, too. */
void tls_resume_serve(struct tls *t, SSL_CTX *ctx);

#endif
