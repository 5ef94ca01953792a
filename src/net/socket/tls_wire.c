/* SPDX-License-Identifier: Apache-2.0 */
/* A BIO over a socket's memory: it reads what has come and was not read yet, and writes behind the cipher that waits to
 * leave. What is not there yet is asked for again. */
#include "net/socket/tls_socket.h"

#include <string.h>

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

BIO *tls_wire_new(struct tls_socket *t)
{
    BIO *bio = BIO_new(bio_method());

    if (bio == NULL)
        return NULL;
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    return bio;
}
