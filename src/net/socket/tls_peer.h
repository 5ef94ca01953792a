/* SPDX-License-Identifier: Apache-2.0 */
/* Until when the certificates of those servers are good that a client has met. */
#ifndef NET_TLS_PEER_H
#define NET_TLS_PEER_H

#include "net/socket/tls_inside.h"

extern const struct metric_row tls_peer_expiry_row;

/* A client's handshake is done. */
void tls_peer_note(struct tls *t, const SSL *ssl, const char *server);

#endif
