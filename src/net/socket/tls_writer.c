/* SPDX-License-Identifier: Apache-2.0 */
/* The owner's message is encrypted a chunk at a time into `cipher`, which becomes `flying` when the kernel has taken
 * what was before it; so that the text and its cipher are not both there as a whole.
 *
 * What can go wrong: writing fails, and nothing more can leave; OpenSSL does not write while a message of TLS itself is
 * half there, so its rest is read first. */
#include "net/socket/tls_socket.h"

#include "base/mem.h"

#include <assert.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#define RECORD 16384                /* plain text in one record */
#define RECORD_MORE 128             /* what a record has beside it, at most */
#define CHUNK (16 * (size_t)RECORD) /* plain text that is on its way at once */
#define KEEP_SPARE (320 * 1024ul)

/* What is in `cipher` goes to the kernel, if it takes something. 0: all is the kernel's; 1: it will be. */
int tls_writer_flush(struct tls_socket *t)
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

/* With room for the next chunk of the message as a whole: a buffer that grows as the records come is copied again and
 * again, and in the end too large to be kept. */
static void borrow_buffer(struct tls_socket *t)
{
    size_t most = 0;

    for (size_t i = t->at; i < t->parts.n && most < CHUNK; i++)
        most += t->parts.v[i].len;
    most = most < CHUNK ? most : CHUNK;
    most += (most / RECORD + 2) * RECORD_MORE;
    if (t->cipher.data == NULL) {
        t->cipher = t->socket->shared->spare_cipher;
        t->socket->shared->spare_cipher = (struct buf){ 0 };
    }
    if (t->cipher.len > 0 || t->cipher.cap >= most)
        return;
    free(t->cipher.data);
    t->cipher = (struct buf){ .data = mem_alloc(most), .cap = most };
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

void tls_writer_part(struct tls_socket *t)
{
    ERR_clear_error();
    SSL_shutdown(t->ssl);
    ERR_clear_error();
}

/* Write as much as can be. 0: all is the kernel's; 1: it will be. */
int tls_writer_pump(struct tls_socket *t)
{
    int rc = tls_writer_flush(t);

    while (rc == 0 && t->at < t->parts.n) {
        if (wait_for_rest(t))
            return 1;
        if (!encrypt_some(t))
            return UV_EPROTO;
        rc = tls_writer_flush(t);
    }
    if (rc == 0) {
        t->parts.n = t->at = 0;
        release_buffers(t);
    }
    return rc;
}

int tls_writer_write(struct socket *s, uv_buf_t *bufs, unsigned n, size_t total)
{
    struct tls_socket *t = s->kind_state;

    (void)total;
    if (t->phase == FAILED)
        return UV_EPIPE;
    assert(t->at == t->parts.n);
    t->parts.n = t->at = 0;
    for (unsigned i = 0; i < n; i++)
        *vec_push(&t->parts) = bufs[i];
    return t->phase == HANDSHAKING ? 1 : tls_writer_pump(t);
}

/* A chunk at a time, for as long as they leave at once. */
ssize_t tls_writer_offer(struct socket *s, uv_buf_t *bufs, unsigned n, size_t total)
{
    struct tls_socket *t = s->kind_state;
    size_t left = 0;
    int rc = t->phase == FAILED ? UV_EPIPE : t->phase == HANDSHAKING ? 1 : tls_writer_flush(t);

    t->parts.n = t->at = 0;
    for (unsigned i = 0; i < n; i++)
        if (bufs[i].len > 0)
            *vec_push(&t->parts) = bufs[i];
    while (rc == 0 && t->at < t->parts.n)
        rc = wait_for_rest(t) ? 1 : encrypt_some(t) ? tls_writer_flush(t) : UV_EPROTO;
    for (size_t i = t->at; i < t->parts.n; i++)
        left += t->parts.v[i].len;
    t->parts.n = t->at = 0;
    if (rc == 0)
        release_buffers(t);
    s->writing = rc == 1;
    return rc < 0 ? rc : (ssize_t)(total - left);
}

void tls_writer_shutdown(struct socket *s)
{
    struct tls_socket *t = s->kind_state;

    t->shut = true;
    if (t->phase == OPEN || t->phase == HALF)
        tls_writer_part(t);
    if (tls_writer_flush(t) != 1)
        stream_shutdown(s);
}

void tls_writer_written(struct socket *s, int error)
{
    struct tls_socket *t = s->kind_state;
    int rc = error;

    t->flying.len = 0;
    if (error == 0)
        rc = t->phase == HANDSHAKING || t->phase == FAILED ? tls_writer_flush(t) : tls_writer_pump(t);
    else
        t->broken = error;
    if (rc == 1)
        return;
    if (t->shut)
        stream_shutdown(s);
    if (s->writing && t->phase != HANDSHAKING)
        socket_written(s, t->phase == FAILED ? UV_EPROTO : rc);
}
