/* SPDX-License-Identifier: Apache-2.0 */
#include "net/socket/socket.h"

#include "base/mem.h"

#include <stdlib.h>
#include <unistd.h>

#define KEEP_SPARE (256 * 1024ul) /* largest buffer kept for the next writer */
#define RUN_MAX (1024 * 1024ul)   /* read in one go, however much has arrived: the others have their turn then */
#define LARGE (64 * 1024ul)       /* written through the loop: a peer that reads fast shall not keep us in one turn */

void socket_shared_init(struct socket_shared *shared, size_t size)
{
    *shared = (struct socket_shared){ .buffer = mem_alloc(size), .size = size };
}

void socket_shared_free(struct socket_shared *shared)
{
    free(shared->buffer);
    buf_free(&shared->spare);
    shared->buffer = NULL;
}

int socket_open(struct socket *s, struct loop *loop, struct socket_shared *shared, int fd)
{
    struct sockaddr_storage self = { 0 };
    socklen_t len = sizeof(self);
    int rc;

    s->shared = shared;
    getsockname(fd, (struct sockaddr *)&self, &len);
    if (self.ss_family == AF_UNIX) {
        uv_pipe_init(&loop->uv, &s->uv.pipe, 0);
        rc = uv_pipe_open(&s->uv.pipe, fd);
    } else {
        uv_tcp_init(&loop->uv, &s->uv.tcp);
        rc = uv_tcp_open(&s->uv.tcp, fd);
    }
    if (rc != 0)
        close(fd);
    s->uv.handle.data = s;
    return rc;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct socket *s = handle->data;
    size_t size = s->most < s->shared->size ? s->most : s->shared->size;

    (void)suggested;
    /* Without a buffer libuv gives up for this turn (UV_ENOBUFS) and comes again in the next. */
    *buf = uv_buf_init((char *)s->shared->buffer, s->run < RUN_MAX ? (unsigned)size : 0);
}

static void on_read(uv_stream_t *handle, ssize_t n, const uv_buf_t *buf)
{
    struct socket *s = handle->data;

    if (n > 0) {
        s->shared->bytes_in += (uint64_t)n;
        s->run = (size_t)n < buf->len ? 0 : s->run + (size_t)n; /* not filled: that was all */
        s->on_read(s, bytes_of(buf->base, (size_t)n));
    } else if (n == 0 || n == UV_ENOBUFS) {
        s->run = 0;
    } else {
        socket_read(s, 0);
        s->on_end(s, n == UV_EOF ? 0 : (int)n);
    }
}

int socket_read(struct socket *s, size_t most)
{
    bool was = s->most > 0;

    if (s->closed)
        return 0;
    s->most = most;
    if (most > 0 && !was)
        return uv_read_start(&s->uv.stream, on_alloc, on_read);
    if (most == 0 && was)
        uv_read_stop(&s->uv.stream);
    return 0;
}

struct buf *socket_out(struct socket *s)
{
    if (s->out.data == NULL) {
        s->out = s->shared->spare;
        s->shared->spare = (struct buf){ 0 };
    }
    return &s->out;
}

/* Everything is written: give the buffer back. */
static void release(struct socket *s)
{
    s->out.len = 0;
    if (s->shared->spare.data == NULL && s->out.cap <= KEEP_SPARE) {
        s->shared->spare = s->out;
        s->out = (struct buf){ 0 };
    } else {
        buf_free(&s->out);
    }
}

static void on_write(uv_write_t *request, int status)
{
    struct socket *s = request->handle->data;

    s->writing = false;
    release(s);
    if (!s->closed)
        s->on_written(s, status);
}

int socket_flush(struct socket *s)
{
    uv_buf_t buf = uv_buf_init((char *)s->out.data, (unsigned)s->out.len);
    int n;

    if (s->writing)
        return 1;
    if (buf.len == 0) {
        release(s);
        return 0;
    }
    n = buf.len < LARGE ? uv_try_write(&s->uv.stream, &buf, 1) : 0;
    if (n == UV_EAGAIN)
        n = 0;
    if (n < 0)
        return n;
    s->shared->bytes_out += buf.len;
    if ((size_t)n == buf.len) {
        release(s);
        return 0;
    }
    buf.base += n;
    buf.len -= (size_t)n;
    n = uv_write(&s->request, &s->uv.stream, &buf, 1, on_write);
    s->writing = n == 0;
    return n == 0 ? 1 : n;
}

void socket_shutdown(struct socket *s)
{
    uv_os_fd_t fd;

    if (!s->closed && uv_fileno(&s->uv.handle, &fd) == 0)
        shutdown(fd, SHUT_WR);
}

static void on_close(uv_handle_t *handle)
{
    struct socket *s = handle->data;

    release(s);
    s->on_closed(s);
}

void socket_close(struct socket *s)
{
    if (s->closed)
        return;
    s->closed = true;
    s->most = 0;
    uv_close(&s->uv.handle, on_close);
}
