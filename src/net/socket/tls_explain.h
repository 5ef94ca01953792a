/* SPDX-License-Identifier: Apache-2.0 */
/* What OpenSSL says of a handshake that failed, as a sentence for operators: which certificate, which check, which
 * date, and what to write. */
#ifndef NET_TLS_EXPLAIN_H
#define NET_TLS_EXPLAIN_H

#include "base/bytes.h"
#include "net/socket/tls.h"

#include <openssl/x509_vfy.h>

#define TLS_WHY_TEXT 400

struct tls_verdict {
    enum tls_failure failure; /* TLS_FINE: none yet */
    char why[TLS_WHY_TEXT];
};

/* Verification has found something (X509_STORE_CTX_get_error). `name` is the server's that was asked for; NULL: we are
 * the server. */
void tls_explain_certificate(struct tls_verdict *v, X509_STORE_CTX *store, const char *name);

/* The last error of OpenSSL's queue, which is empty then. No effect where there is a verdict already. */
void tls_explain_error(struct tls_verdict *v);

/* These bytes of the peer's begin no TLS record. */
void tls_explain_plain(struct tls_verdict *v, enum tls_side side, struct bytes began);

#endif
