/* SPDX-License-Identifier: Apache-2.0 */
/* Inside a socket with TLS: what its parts know of it. They are the wire as OpenSSL sees it (tls_wire.c), what is
 * written (tls_writer.c), the handshake (tls_handshake.c), and what is read (socket_tls.c), which has the whole's life.
 * Nothing outside net/socket/ includes this. */
#ifndef NET_TLS_SOCKET_H
#define NET_TLS_SOCKET_H

#include "net/socket/socket_kind.h"
#include "net/socket/tls_explain.h"
#include "net/socket/tls_inside.h"

enum tls_phase { HANDSHAKING, OPEN, HALF, FAILED }; /* HALF: the peer has said that it ends */

struct tls_socket {
    struct socket *socket;
    struct tls *tls;
    SSL *ssl;
    enum tls_phase phase;
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

void tls_socket_enter(struct tls_socket *t, enum tls_phase to);

/* Bytes for OpenSSL, behind what it has not read yet; and what it leaves is kept for later. */
void tls_socket_take(struct tls_socket *t, struct bytes data);
void tls_socket_keep(struct tls_socket *t);
void tls_socket_pass_on(struct tls_socket *t); /* plain text to the owner, as much as it wants */

/* What the owner may ask for (socket_why), and the end with it; or what OpenSSL says is both. */
void tls_socket_judge(struct tls_socket *t, enum tls_failure failure, const char *why);
void tls_socket_fail(struct tls_socket *t, bool in_handshake);
void tls_socket_fail_by_openssl(struct tls_socket *t);

/* The wire; NULL: no memory. */
BIO *tls_wire_new(struct tls_socket *t);

/* Write what there is of cipher; of the owner's message too. 0: all is the kernel's; 1: it will be; < 0: it failed. */
int tls_writer_flush(struct tls_socket *t);
int tls_writer_pump(struct tls_socket *t);
void tls_writer_part(struct tls_socket *t); /* close_notify into the cipher */
/* As the operations of a kind have them. */
int tls_writer_write(struct socket *s, uv_buf_t *bufs, unsigned n, size_t total);
ssize_t tls_writer_offer(struct socket *s, uv_buf_t *bufs, unsigned n, size_t total);
void tls_writer_shutdown(struct socket *s);
void tls_writer_written(struct socket *s, int error);

/* A client's beginning; what comes while HANDSHAKING; OpenSSL's question about a certificate. */
void tls_handshake_begin(struct tls_socket *t, const char *server_name);
void tls_handshake_take(struct tls_socket *t, struct bytes data);
int tls_handshake_verify(int fine, X509_STORE_CTX *store);

#endif
