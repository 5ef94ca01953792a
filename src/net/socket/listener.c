/* SPDX-License-Identifier: Apache-2.0 */
/* Opening binds, or takes over the socket that a listener of the last configuration left. A poll says that callers are
 * there, and a number of them are accepted in one go. Where descriptors run out somebody gives way
 * (net/socket/crowd.h), or the listener pauses and the callers wait in the backlog. Closing leaves the socket to the
 * next configuration if there may be one. */
#include "net/socket/listener.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024
#define ACCEPTS_PER_TURN 64
#define PAUSE (100 * NS_PER_MS)
#define PROBE_SECONDS 15 /* TCP keepalive, as Go sets it: finds peers that vanished */

static void set_option(int fd, int level, int name, int value)
{
    setsockopt(fd, level, name, &value, sizeof(value)); /* what fails here is only an optimisation */
}

static int open_socket(const struct endpoint *e)
{
    int fd = socket(e->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (e->addr.ss_family != AF_UNIX)
        set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (e->addr.ss_family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !e->any);
    return fd;
}

/* A socket file left by a process that is gone: it refuses connections, so it may be removed. */
static bool remove_stale(const struct endpoint *e)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&e->addr;
    struct stat st;
    int fd, rc;

    if (un->sun_family != AF_UNIX || un->sun_path[0] == '\0' || lstat(un->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return false;
    fd = open_socket(e);
    if (fd < 0)
        return false;
    rc = connect(fd, (const struct sockaddr *)&e->addr, e->len) == 0 ? 0 : errno;
    close(fd);
    return rc == ECONNREFUSED && unlink(un->sun_path) == 0;
}

/* A bound socket, or a negative errno. */
static int bind_socket(const struct endpoint *e)
{
    int fd = open_socket(e);
    int rc;

    if (fd < 0)
        return fd;
    if (bind(fd, (const struct sockaddr *)&e->addr, e->len) == 0)
        return fd;
    rc = errno;
    if (rc == EADDRINUSE && remove_stale(e) && bind(fd, (const struct sockaddr *)&e->addr, e->len) == 0)
        return fd;
    close(fd);
    return -rc;
}

static int port_of(const struct sockaddr_storage *addr)
{
    if (addr->ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)addr)->sin_port);
    if (addr->ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)addr)->sin6_port);
    return 0;
}

int listening_address(const struct listening *s, char address[ENDPOINT_TEXT])
{
    struct sockaddr_storage self = { 0 };
    socklen_t len = sizeof(self);

    getsockname(s->fd, (struct sockaddr *)&self, &len);
    endpoint_format(&self, len, address, ENDPOINT_TEXT);
    return port_of(&self);
}

/* --- sockets --- */

static void note_file(struct listening *s)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&s->asked.addr;
    struct stat st;

    if (un->sun_family != AF_UNIX || un->sun_path[0] == '\0' || stat(un->sun_path, &st) != 0)
        return;
    s->path = mem_strdup(un->sun_path);
    s->dev = st.st_dev;
    s->ino = st.st_ino;
}

/* Whether who connects to the path comes to this socket. */
static bool owns_its_file(const struct listening *s)
{
    struct stat st;

    return s->path != NULL && stat(s->path, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino;
}

void listening_close(struct listening *s)
{
    if (s->path != NULL && owns_its_file(s))
        unlink(s->path);
    free(s->path);
    if (s->front != NULL)
        s->front->close(s->front, s->fd);
    else
        close(s->fd);
    s->fd = -1;
    s->path = NULL;
}

int listening_open(struct listening *s, const struct endpoint *e)
{
    struct endpoint narrow = *e;
    int rc;

    *s = (struct listening){ .asked = *e };
    s->fd = bind_socket(e);
    if (s->fd == -EAFNOSUPPORT && e->any) { /* a machine without IPv6 */
        endpoint_narrow(&narrow);
        s->fd = bind_socket(&narrow);
    }
    if (s->fd < 0)
        return s->fd;
    note_file(s);
    if (listen(s->fd, BACKLOG) == 0)
        return 0;
    rc = -errno;
    listening_close(s);
    return rc;
}

/* --- handing over --- */

void listener_handover_open(struct listener_handover *handover)
{
    handover->keeps = true;
}

/* Nobody listens there any more. */
static void close_resting(struct resting *r)
{
    budget_give(r->budget, r->unread.len);
    buf_free(&r->unread);
    close(r->fd);
}

void listener_handover_close(struct listener_handover *handover)
{
    handover->keeps = false;
    for (size_t i = 0; i < handover->sockets.n; i++)
        listening_close(&handover->sockets.v[i]);
    vec_free(&handover->sockets);
    for (size_t i = 0; i < handover->connections.n; i++)
        close_resting(&handover->connections.v[i]);
    vec_free(&handover->connections);
}

bool listener_hands_over(const struct listener *l)
{
    return l->shared != NULL && l->shared->handover.keeps &&
           (l->socket.asked.addr.ss_family == AF_UNIX || port_of(&l->socket.asked.addr) != 0);
}

static struct listening take_out(struct listener_handover *handover, size_t i)
{
    struct listening s = handover->sockets.v[i];

    handover->sockets.v[i] = handover->sockets.v[--handover->sockets.n];
    return s;
}

/* The socket that was bound to e, if there is one. */
static bool take_handed_over(struct listener_handover *handover, const struct endpoint *e, struct listening *out)
{
    for (size_t i = 0; handover != NULL && i < handover->sockets.n; i++) {
        const struct endpoint *asked = &handover->sockets.v[i].asked;

        if (asked->any != e->any || asked->len != e->len || memcmp(&asked->addr, &e->addr, e->len) != 0)
            continue;
        *out = take_out(handover, i);
        if (out->path == NULL || owns_its_file(out))
            return true;
        listening_close(out);
        return false;
    }
    return false;
}

/* Make way for a wider or narrower address on the same port. False: nothing was in the way. */
static bool evict_handed_over(struct listener_handover *handover, const struct endpoint *e)
{
    bool any = false;

    for (size_t i = handover != NULL ? handover->sockets.n : 0; i-- > 0;) {
        struct listening s;

        if (e->addr.ss_family == AF_UNIX || port_of(&handover->sockets.v[i].asked.addr) != port_of(&e->addr))
            continue;
        s = take_out(handover, i);
        listening_close(&s);
        any = true;
    }
    return any;
}

void listener_hand_over(struct listener *l, int fd, struct buf unread, struct budget *budget)
{
    *vec_push(&l->shared->handover.connections) =
        (struct resting){ .asked = l->socket.asked, .fd = fd, .unread = unread, .budget = budget };
}

/* Would who connected to b have come to a? */
static bool is_same_endpoint(const struct endpoint *a, const struct endpoint *b)
{
    if (a->addr.ss_family == AF_UNIX || b->addr.ss_family == AF_UNIX)
        return a->len == b->len && memcmp(&a->addr, &b->addr, a->len) == 0;
    return port_of(&a->addr) == port_of(&b->addr);
}

bool listener_take_over(struct listener *l, struct resting *out)
{
    struct listener_handover *handover = l->shared != NULL ? &l->shared->handover : NULL;

    for (size_t i = handover != NULL ? handover->connections.n : 0; i-- > 0;) {
        if (!is_same_endpoint(&l->socket.asked, &handover->connections.v[i].asked))
            continue;
        *out = handover->connections.v[i];
        handover->connections.v[i] = handover->connections.v[--handover->connections.n];
        return true;
    }
    return false;
}

/* --- accepting --- */

static void set_options(const struct listener *l, int fd)
{
    if (l->port == 0)
        return;
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, PROBE_SECONDS);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, PROBE_SECONDS);
}

static bool is_in_reserve(const struct listener *l, int fd)
{
    return l->shared != NULL && fd >= l->shared->crowd.max_fd;
}

/* The caller has a descriptor of the reserve: another connection gives way to it. Returns what it keeps. */
static int make_room(struct listener *l, int fd)
{
    struct peer peer = peer_of(fd);
    bool gave_way = crowd_make_room(&l->shared->crowd, &peer);
    int lower = gave_way ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;

    if (lower >= 0) {
        close(fd);
        fd = lower;
    }
    l->crowded = !gave_way;
    l->on_crowded(l, gave_way);
    return fd;
}

/* May a descriptor be used for the next caller? */
static bool has_room(const struct listener *l)
{
    int fd = fcntl(l->socket.fd, F_DUPFD_CLOEXEC, 0);
    bool free_one = fd >= 0 && !is_in_reserve(l, fd);

    if (fd >= 0)
        close(fd);
    return free_one || crowd_make_room(&l->shared->crowd, NULL);
}

static void on_pause_over(struct clock_timer *t)
{
    listener_resume(container_of(t, struct listener, pause));
}

/* The callers wait in the backlog until there is room or the pause is over. */
static void pause_accepting(struct listener *l)
{
    uv_poll_stop(&l->poll);
    clock_start(&l->loop->clock, &l->pause, PAUSE, on_pause_over);
}

/* accept() failed. True: it may be tried again at once. */
static bool survives_error(struct listener *l, int error)
{
    if (error == EAGAIN || error == EWOULDBLOCK)
        return false;
    if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM)
        return true; /* the caller went away before we came (ECONNABORTED, EPROTO, network errors) */
    if (error == EMFILE && l->shared != NULL && crowd_make_room(&l->shared->crowd, NULL))
        return true;
    pause_accepting(l);
    l->on_full(l, -error);
    return false;
}

static int accept_caller(const struct listener *l)
{
    if (l->socket.front != NULL)
        return l->socket.front->accept(l->socket.fd);
    return accept4(l->socket.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static void accept_some(uv_poll_t *poll, int status, int events)
{
    struct listener *l = container_of(poll, struct listener, poll);

    (void)status;
    (void)events;
    l->crowded = l->crowded && !has_room(l);
    for (int i = 0; i < ACCEPTS_PER_TURN && l->socket.fd >= 0 && !l->crowded; i++) {
        int fd = accept_caller(l);

        if (fd < 0 && !survives_error(l, errno))
            return;
        if (fd < 0)
            continue;
        set_options(l, fd);
        if (is_in_reserve(l, fd))
            fd = make_room(l, fd);
        l->on_accept(l, fd);
    }
    if (l->crowded)
        pause_accepting(l);
}

void listener_resume(struct listener *l)
{
    if (l->socket.fd < 0)
        return;
    clock_stop(&l->loop->clock, &l->pause);
    if (!uv_is_active((uv_handle_t *)&l->poll))
        uv_poll_start(&l->poll, UV_READABLE, accept_some);
}

static const char *hint_of(int code, bool local)
{
    return code == -EADDRINUSE && local ? "; `ss -lxp` shows who listens there: end it, or choose another path"
           : code == -EADDRINUSE        ? "; `ss -ltnp` shows who listens there: end it, or choose another port"
           : code == -EACCES && local   ? "; the directory must allow making a socket there"
           : code == -EACCES            ? "; ports below 1024 need root or CAP_NET_BIND_SERVICE"
           : code == -EADDRNOTAVAIL     ? "; this machine has no such address"
                                        : "";
}

/* Where it is bound, or where the other process is. */
static int bind_endpoint(struct listener *l, const struct endpoint *e, const char *endpoint, const char *transport)
{
    struct listener_front *front = l->shared != NULL ? l->shared->front : NULL;
    int rc;

    if (front == NULL) {
        rc = listening_open(&l->socket, e);
        if (rc == 0)
            l->port = listening_address(&l->socket, l->address);
        return rc;
    }
    l->socket = (struct listening){ .asked = *e, .front = front };
    return front->open(front, endpoint, transport, &l->socket, l->address, &l->port);
}

static int open_endpoint(struct listener *l, const struct endpoint *e, const char *endpoint, const char *transport)
{
    struct listener_handover *handover = l->shared != NULL ? &l->shared->handover : NULL;
    struct listening *s = &l->socket;
    int rc = 0;

    if (take_handed_over(handover, e, s)) {
        memcpy(l->address, s->address, sizeof(l->address));
        l->port = s->port;
        return 0;
    }
    rc = bind_endpoint(l, e, endpoint, transport);
    if (rc == -EADDRINUSE && evict_handed_over(handover, e))
        rc = bind_endpoint(l, e, endpoint, transport);
    return rc;
}

int listener_open(struct listener *l, struct loop *loop, struct listener_shared *shared, const char *endpoint,
                  const char *transport, struct error *err)
{
    struct endpoint e;
    int rc = endpoint_parse(&e, endpoint, transport, err);

    if (rc != 0)
        return rc;
    l->loop = loop;
    l->shared = shared;
    rc = open_endpoint(l, &e, endpoint, transport);
    if (rc != 0)
        return error_set(err, rc, "listen on %s: %s%s", endpoint, uv_strerror(rc),
                         hint_of(rc, e.addr.ss_family == AF_UNIX));
    rc = uv_poll_init(&loop->uv, &l->poll, l->socket.fd);
    if (rc != 0) {
        listening_close(&l->socket);
        return error_set(err, rc, "listen on %s: %s", endpoint, uv_strerror(rc));
    }
    uv_poll_start(&l->poll, UV_READABLE, accept_some);
    return 0;
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct listener *l = container_of((uv_poll_t *)handle, struct listener, poll);

    l->on_closed(l);
}

void listener_close(struct listener *l, void (*on_closed)(struct listener *))
{
    l->on_closed = on_closed;
    clock_stop(&l->loop->clock, &l->pause);
    uv_close((uv_handle_t *)&l->poll, on_poll_closed);
    memcpy(l->socket.address, l->address, sizeof(l->address));
    l->socket.port = l->port;
    if (listener_hands_over(l))
        *vec_push(&l->shared->handover.sockets) = l->socket;
    else
        listening_close(&l->socket);
    l->socket.fd = -1;
    l->socket.path = NULL;
}
