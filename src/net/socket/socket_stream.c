/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes between a socket and the kernel, by libuv. Reading goes into the buffer that all sockets share, as much as the
 * socket's kind asks for, up to RUN_MAX in one turn. Writing is tried at once; what the kernel has no room for is
 * queued with libuv, and the kind is told when it has left. stream_offer() takes only what fits, and rings a bell: a
 * few bytes go through libuv, to hear when there is room again.
 *
 * What can go wrong: an error of reading ends the socket for its owner, as the end of the stream does; one of writing
 * is what the call says, or what the kind is told later. */
#include "net/socket/socket_kind.h"

#define RUN_MAX (1024 * 1024ul) /* read in one go, however much has arrived: the others have their turn then */
#define BELL 4096ul             /* bytes written through the loop to hear when there is room for more */
#define LARGE (64 * 1024ul)     /* written through the loop: a peer that reads fast shall not keep us in one turn */

int stream_open(struct socket *s, int fd)
{
    struct sockaddr_storage self = { 0 };
    socklen_t len = sizeof(self);

    getsockname(fd, (struct sockaddr *)&self, &len);
    if (self.ss_family == AF_UNIX) {
        uv_pipe_init(&s->loop->uv, &s->uv.pipe, 0);
        return uv_pipe_open(&s->uv.pipe, fd);
    }
    uv_tcp_init(&s->loop->uv, &s->uv.tcp);
    return uv_tcp_open(&s->uv.tcp, fd);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct socket *s = handle->data;

    (void)suggested;
    /* Without a buffer libuv gives up for this turn (UV_ENOBUFS) and comes again in the next. */
    *buf = uv_buf_init((char *)s->shared->buffer, s->run < RUN_MAX ? (unsigned)s->kind->ask(s) : 0);
}

static void on_read(uv_stream_t *handle, ssize_t n, const uv_buf_t *buf)
{
    struct socket *s = handle->data;

    if (n > 0) {
        s->shared->bytes_in += (uint64_t)n;
        s->run = (size_t)n < buf->len ? 0 : s->run + (size_t)n; /* not filled: that was all */
        s->kind->received(s, bytes_of(buf->base, (size_t)n));
    } else if (n == 0 || n == UV_ENOBUFS) {
        s->run = 0;
    } else {
        s->most = 0;
        stream_read(s, false);
        s->kind->ended(s, n == UV_EOF ? 0 : (int)n);
    }
}

int stream_read(struct socket *s, bool on)
{
    return on ? uv_read_start(&s->uv.stream, on_alloc, on_read) : uv_read_stop(&s->uv.stream);
}

static void on_write(uv_write_t *request, int status)
{
    struct socket *s = request->handle->data;

    s->kind->written(s, status);
}

/* Leave out the first n bytes. */
static unsigned skip_bytes(uv_buf_t **bufs, unsigned n_bufs, size_t n)
{
    while (n_bufs > 0 && n >= (*bufs)->len) {
        n -= (*bufs)->len;
        (*bufs)++;
        n_bufs--;
    }
    if (n > 0) {
        (*bufs)->base += n;
        (*bufs)->len -= n;
    }
    return n_bufs;
}

int stream_write(struct socket *s, uv_buf_t *bufs, unsigned n_bufs, size_t total)
{
    int n = total < LARGE ? uv_try_write(&s->uv.stream, bufs, n_bufs) : 0;

    if (n == UV_EAGAIN)
        n = 0;
    if (n < 0)
        return n;
    s->shared->bytes_out += total;
    if ((size_t)n == total)
        return 0;
    n_bufs = skip_bytes(&bufs, n_bufs, (size_t)n);
    n = uv_write(&s->request, &s->uv.stream, bufs, n_bufs, on_write);
    return n == 0 ? 1 : n;
}

/* A few bytes of our own that leave when there is room: who waits for it is told by that. */
static ssize_t ring_peer(struct socket *s, struct bytes next)
{
    struct buf *out = socket_out(s);
    uv_buf_t bell;
    int rc;

    buf_append(out, next.data, next.len < BELL ? next.len : BELL);
    bell = uv_buf_init((char *)out->data, (unsigned)out->len);
    rc = uv_write(&s->request, &s->uv.stream, &bell, 1, on_write);
    s->writing = rc == 0;
    return rc == 0 ? (ssize_t)out->len : rc;
}

ssize_t stream_offer(struct socket *s, uv_buf_t *bufs, unsigned n_bufs, size_t total)
{
    int n = uv_try_write(&s->uv.stream, bufs, n_bufs);
    ssize_t rung;

    if (n == UV_EAGAIN)
        n = 0;
    if (n < 0)
        return n;
    s->shared->bytes_out += (uint64_t)n;
    if ((size_t)n == total)
        return n;
    skip_bytes(&bufs, n_bufs, (size_t)n);
    rung = ring_peer(s, bytes_of(bufs->base, bufs->len));
    if (rung > 0)
        s->shared->bytes_out += (uint64_t)rung;
    return rung < 0 ? rung : n + rung;
}

void stream_shutdown(struct socket *s)
{
    uv_os_fd_t fd;

    if (uv_fileno(&s->uv.handle, &fd) == 0)
        shutdown(fd, SHUT_WR);
}
