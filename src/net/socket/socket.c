/* SPDX-License-Identifier: Apache-2.0 */
/* A socket stands between its owner, who gets whole runs of bytes and gives whole messages, and its kind, which moves
 * them. The memory goes in the handle's close callback, so that no callback of libuv finds it gone. What is to be
 * written lies in a buffer that is lent from one writer to the next. */
#include "base/mem.h"
#include "base/unconst.h"
#include "net/socket/socket_kind.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define KEEP_SPARE (256 * 1024ul) /* largest buffer kept for the next writer */
#define FEW 16                    /* parts of a message for which no array is allocated */

static uint8_t common_buffer[SOCKET_COMMON], common_plain[SOCKET_COMMON];

void socket_shared_init(struct socket_shared *shared, size_t size)
{
    bool common = size <= SOCKET_COMMON;

    *shared = (struct socket_shared){
        .buffer = common ? common_buffer : mem_alloc(size),
        .plain = common ? common_plain : NULL,
        .size = size,
        .most = size,
    };
}

void socket_shared_free(struct socket_shared *shared)
{
    if (shared->size > SOCKET_COMMON) {
        free(shared->buffer);
        free(shared->plain);
    }
    buf_free(&shared->spare);
    buf_free(&shared->spare_cipher);
    shared->buffer = shared->plain = NULL;
}

/* Everything is written: give the buffer back. */
static void release_out(struct socket *s)
{
    s->out.len = 0;
    if (s->shared->spare.data == NULL && s->out.cap <= KEEP_SPARE) {
        s->shared->spare = s->out;
        s->out = (struct buf){ 0 };
    } else {
        buf_free(&s->out);
    }
}

static void on_close(uv_handle_t *handle)
{
    struct socket *s = handle->data;
    const struct socket_events *events = s->events;
    void *owner = s->owner;

    if (owner == NULL) {
        free(s);
        return;
    }
    release_out(s);
    if (s->kind->free != NULL)
        s->kind->free(s);
    free(s);
    events->on_closed(owner);
}

struct socket *socket_make(struct loop *loop, struct socket_shared *shared, int fd)
{
    struct socket *s = mem_zalloc(sizeof(*s));
    int rc;

    s->loop = loop;
    s->shared = shared;
    s->kind = &socket_plain;
    s->peer = peer_of(fd);
    rc = stream_open(s, fd);
    s->uv.handle.data = s;
    if (rc == 0)
        return s;
    close(fd);
    s->closed = true;
    uv_close(&s->uv.handle, on_close);
    return NULL;
}

struct socket *socket_open(struct loop *loop, struct socket_shared *shared, int fd, const struct socket_events *events,
                           void *owner)
{
    struct socket *s = socket_make(loop, shared, fd);

    if (s != NULL) {
        s->events = events;
        s->owner = owner;
    }
    return s;
}

const struct peer *socket_peer(const struct socket *s)
{
    return &s->peer;
}

int socket_read(struct socket *s, size_t most)
{
    bool was = s->most > 0;

    if (s->closed)
        return 0;
    s->most = most;
    return (most > 0) != was ? s->kind->read(s, most > 0) : 0;
}

struct buf *socket_out(struct socket *s)
{
    if (s->out.data == NULL) {
        s->out = s->shared->spare;
        s->shared->spare = (struct buf){ 0 };
    }
    return &s->out;
}

void socket_written(struct socket *s, int error)
{
    s->writing = false;
    release_out(s);
    if (!s->closed)
        s->events->on_written(s->owner, error);
}

static uv_buf_t buf_of(struct bytes b)
{
    return uv_buf_init(unconst(b.data), (unsigned)b.len);
}

int socket_send(struct socket *s, const struct bytes *parts, size_t n)
{
    uv_buf_t few[FEW], *bufs = n < FEW ? few : mem_alloc((n + 1) * sizeof(*bufs));
    size_t total = s->out.len;
    unsigned n_bufs = 0;
    int rc = 0;

    if (s->out.len > 0)
        bufs[n_bufs++] = buf_of(buf_bytes(&s->out));
    for (size_t i = 0; i < n; i++) {
        if (parts[i].len == 0)
            continue;
        bufs[n_bufs++] = buf_of(parts[i]);
        total += parts[i].len;
    }
    if (n_bufs > 0)
        rc = s->kind->write(s, bufs, n_bufs, total);
    s->writing = rc > 0;
    if (rc == 0)
        release_out(s);
    if (bufs != few)
        free(bufs);
    return rc;
}

ssize_t socket_offer(struct socket *s, const struct bytes *parts, size_t n)
{
    uv_buf_t few[FEW], *bufs = n <= FEW ? few : mem_alloc(n * sizeof(*bufs));
    size_t total = 0;
    ssize_t taken;

    assert(!s->writing && s->out.len == 0);
    for (size_t i = 0; i < n; i++) {
        bufs[i] = buf_of(parts[i]);
        total += parts[i].len;
    }
    taken = s->kind->offer(s, bufs, (unsigned)n, total);
    if (bufs != few)
        free(bufs);
    return taken;
}

int socket_flush(struct socket *s)
{
    return s->writing ? 1 : socket_send(s, NULL, 0);
}

bool socket_writing(const struct socket *s)
{
    return s->writing;
}

int socket_dup(const struct socket *s)
{
    uv_os_fd_t fd;

    if (s->kind != &socket_plain)
        return -1; /* half of it is in this process's memory */
    return uv_fileno(&s->uv.handle, &fd) == 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
}

void socket_shutdown(struct socket *s)
{
    if (!s->closed)
        s->kind->shutdown(s);
}

void socket_close(struct socket *s)
{
    if (s->closed)
        return;
    if (s->kind->close != NULL)
        s->kind->close(s);
    s->closed = true;
    s->most = 0;
    uv_close(&s->uv.handle, on_close);
}
