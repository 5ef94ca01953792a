/* SPDX-License-Identifier: Apache-2.0 */
/* A worker asks for a door; from then on it has an end of it, a pair of sockets. A caller is accepted and sent to the
 * end of the worker with fewest connections, and kept in the end's row until it says that it has taken him.
 *
 * What can go wrong: every worker has as many as it has not looked at yet; the door is not watched until one says
 * something. A door that is in the way of another, of the same port, is closed: a reload is on its way from one to the
 * other, and who has an end of it hears no more. */
#include "service/workers/doors.h"

#include "base/mem.h"
#include "net/socket/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ACCEPTS_PER_TURN 64
#define PAUSE (100 * NS_PER_MS)
#define LATELY (2 * NS_PER_S)

struct door {
    struct list link;
    struct doors *all;
    char *asked;             /* "tcp 127.0.0.1:4317" */
    unsigned ordinal;        /* of those that ask for any port, in the order in which a worker opens them */
    struct listening socket; /* fd -1: none, or no more */
    uv_poll_t *poll;         /* NULL: there is none */
    bool watched;
    struct clock_timer pause;
    char address[ENDPOINT_TEXT];
    int port;
    struct list ends;
    VEC(int) waiting; /* callers whose worker has died, while there is no other */
};

struct door_end {
    struct list link;
    struct door *door;
    struct door_taker *taker;
    uint32_t id;
    int fd;
    uv_poll_t *poll;
    int owed[DOOR_OWED];
    size_t n_owed;
    bool dead; /* its worker is gone: doors_leave() follows */
};

static void watch_door(struct door *door);

/* ---- freeing ---- */

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle);
}

/* The descriptor may be closed behind this. */
static void end_poll(uv_poll_t **poll)
{
    if (*poll != NULL)
        uv_close((uv_handle_t *)*poll, on_poll_closed);
    *poll = NULL;
}

static uv_poll_t *new_poll(struct doors *d, int fd, void *data)
{
    uv_poll_t *poll = mem_zalloc(sizeof(*poll));

    if (uv_poll_init(&d->loop->uv, poll, fd) != 0) {
        free(poll);
        return NULL;
    }
    poll->data = data;
    return poll;
}

static void shut_door(struct door *door)
{
    clock_stop(&door->all->loop->clock, &door->pause);
    end_poll(&door->poll);
    door->watched = false;
    if (door->socket.fd >= 0)
        listening_close(&door->socket);
    for (size_t i = 0; i < door->waiting.n; i++)
        close(door->waiting.v[i]);
    vec_free(&door->waiting);
}

static void free_door(struct door *door)
{
    shut_door(door);
    list_remove(&door->link);
    free(door->asked);
    free(door);
}

/* ---- callers ---- */

static bool is_lately(const struct door *door, const struct door_taker *t)
{
    return t->recent > 0 && clock_mono(&door->all->loop->clock) - t->since < LATELY;
}

static struct door_end *find_end(const struct door *door)
{
    struct door_end *best = NULL;
    int64_t least = 0;

    list_each (struct door_end, e, &door->ends, link) {
        int64_t has = e->taker->connections + e->taker->owed + (is_lately(door, e->taker) ? e->taker->recent : 0);

        if (e->n_owed == DOOR_OWED || e->dead)
            continue;
        if (best == NULL || has < least || (has == least && e->taker->given < best->taker->given)) {
            best = e;
            least = has;
        }
    }
    return best;
}

/* False: the end takes none now, or its worker is gone; the caller is still his who has him. */
static bool give_caller(struct door_end *e, int fd)
{
    struct channel_message m = { .kind = CHANNEL_CALLER };

    if (e->n_owed == DOOR_OWED)
        return false;
    if (!channel_send(e->fd, &m, fd)) {
        e->dead = true;
        return false;
    }
    if (!is_lately(e->door, e->taker)) {
        e->taker->since = clock_mono(&e->door->all->loop->clock);
        e->taker->recent = 0;
    }
    e->owed[e->n_owed++] = fd;
    e->taker->owed++;
    e->taker->given++;
    e->taker->recent++;
    return true;
}

static void place_caller(struct door *door, int fd)
{
    struct door_end *e;

    while ((e = find_end(door)) != NULL)
        if (give_caller(e, fd))
            return;
    *vec_push(&door->waiting) = fd;
}

/* They are at most as many as were given to those who died. */
static void place_waiting(struct door *door)
{
    while (door->waiting.n > 0 && find_end(door) != NULL) {
        int fd = door->waiting.v[--door->waiting.n];

        place_caller(door, fd);
    }
}

static void on_pause_over(struct clock_timer *t)
{
    watch_door(container_of(t, struct door, pause));
}

static void stop_watching(struct door *door)
{
    if (door->watched)
        uv_poll_stop(door->poll);
    door->watched = false;
}

static void on_callers(uv_poll_t *poll, int status, int events)
{
    struct door *door = poll->data;

    (void)status;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN && find_end(door) != NULL; i++) {
        int fd = accept4(door->socket.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            place_caller(door, fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            stop_watching(door);
            clock_start(&door->all->loop->clock, &door->pause, PAUSE, on_pause_over);
            return;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        }
    }
    if (find_end(door) == NULL)
        stop_watching(door);
}

static void watch_door(struct door *door)
{
    place_waiting(door);
    if (door->watched || door->poll == NULL || clock_armed(&door->pause) || find_end(door) == NULL)
        return;
    door->watched = true;
    uv_poll_start(door->poll, UV_READABLE, on_callers);
}

/* ---- ends ---- */

static void free_end(struct door_end *e)
{
    struct door *door = e->door;
    int owed[DOOR_OWED];
    size_t n = e->n_owed;

    memcpy(owed, e->owed, sizeof(owed));
    e->taker->owed -= (uint32_t)n;
    list_remove(&e->link);
    end_poll(&e->poll);
    close(e->fd);
    free(e);
    for (size_t i = 0; i < n; i++)
        if (door->port < 0)
            close(owed[i]); /* the front has asked this worker, and no other */
        else
            place_caller(door, owed[i]);
}

/* The first that it has not answered for. Where it had no descriptor for him he is lost, as with one process. */
static void on_answered(void *arg, const struct channel_message *m)
{
    struct door_end *e = arg;
    int fd = e->owed[0];

    (void)m;
    if (e->n_owed == 0)
        return;
    memmove(&e->owed[0], &e->owed[1], --e->n_owed * sizeof(e->owed[0]));
    e->taker->owed--;
    e->taker->taken++;
    e->taker->connections++;
    close(fd);
}

static void on_end(uv_poll_t *poll, int status, int events)
{
    struct door_end *e = poll->data;

    (void)status;
    (void)events;
    channel_drain(poll, e->fd, on_answered, e); /* one that is gone says so on its channel too */
    watch_door(e->door);
}

static struct door_end *new_end(struct door *door, struct door_taker *t, int *other)
{
    struct door_end *e = mem_zalloc(sizeof(*e));
    static uint32_t ids;
    int pair[2];

    if (!channel_pair(pair)) {
        free(e);
        return NULL;
    }
    *e = (struct door_end){ .door = door, .taker = t, .id = ++ids, .fd = pair[0] };
    e->poll = new_poll(door->all, e->fd, e);
    if (e->poll == NULL) {
        close(pair[0]);
        close(pair[1]);
        free(e);
        return NULL;
    }
    uv_poll_start(e->poll, UV_READABLE, on_end);
    list_push(&door->ends, &e->link);
    *other = pair[1];
    return e;
}

/* ---- doors ---- */

static unsigned count_ends(const struct doors *d, const struct door_taker *t, const char *asked)
{
    unsigned n = 0;

    list_each (struct door, door, &d->all, link)
        if (strcmp(door->asked, asked) == 0)
            list_each (struct door_end, e, &door->ends, link)
                n += e->taker == t;
    return n;
}

static struct door *find_door(const struct doors *d, const char *asked, unsigned ordinal)
{
    list_each (struct door, door, &d->all, link)
        if (strcmp(door->asked, asked) == 0 && door->ordinal == ordinal && (door->poll != NULL || door->port < 0))
            return door;
    return NULL;
}

static int port_of(const struct endpoint *e)
{
    return e->addr.ss_family == AF_INET    ? ntohs(((const struct sockaddr_in *)&e->addr)->sin_port)
           : e->addr.ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)&e->addr)->sin6_port)
                                           : 0;
}

/* Doors on the same port. False: there was none. */
static bool evict_doors(struct doors *d, const struct endpoint *e)
{
    bool any = false;

    list_each (struct door, door, &d->all, link)
        if (door->socket.fd >= 0 && port_of(e) != 0 && port_of(&door->socket.asked) == port_of(e)) {
            shut_door(door);
            any = true;
        }
    return any;
}

/* 0, or a negative errno. */
static int bind_door(struct door *door, const char *endpoint, const char *transport)
{
    struct endpoint e;
    struct error err;
    int rc;

    door->socket.fd = -1;
    if (strncmp(endpoint, DOOR_INSIDE, strlen(DOOR_INSIDE)) == 0) {
        door->port = -1;
        return 0;
    }
    rc = endpoint_parse(&e, endpoint, transport, &err);
    if (rc == 0)
        rc = listening_open(&door->socket, &e);
    if (rc == -EADDRINUSE && evict_doors(door->all, &e))
        rc = listening_open(&door->socket, &e);
    if (rc != 0) {
        door->socket.fd = -1;
        return rc;
    }
    door->port = listening_address(&door->socket, door->address);
    door->poll = new_poll(door->all, door->socket.fd, door);
    return door->poll != NULL ? 0 : -ENOMEM;
}

static struct door *open_door(struct doors *d, const char *asked, unsigned ordinal, int *rc)
{
    struct door *door = mem_zalloc(sizeof(*door));
    const char *space = strchr(asked, ' ');
    char transport[16];

    door->all = d;
    door->asked = mem_strdup(asked);
    door->ordinal = ordinal;
    list_init(&door->ends);
    list_push(&d->all, &door->link);
    snprintf(transport, sizeof(transport), "%.*s", (int)(space != NULL ? space - asked : 0), asked);
    *rc = space != NULL ? bind_door(door, space + 1, transport) : -EINVAL;
    if (*rc == 0)
        return door;
    free_door(door);
    return NULL;
}

int doors_attach(struct doors *d, struct door_taker *t, const char *asked, struct channel_message *answer)
{
    unsigned ordinal = count_ends(d, t, asked);
    struct door *door = find_door(d, asked, ordinal);
    struct door_end *e = NULL;
    int other = -1, rc = 0;

    *answer = (struct channel_message){ .kind = CHANNEL_OPENED };
    if (d->shut)
        rc = -ECANCELED;
    else if (door == NULL)
        door = open_door(d, asked, ordinal, &rc);
    if (rc == 0) {
        e = new_end(door, t, &other);
        rc = e != NULL ? 0 : -EMFILE;
    }
    answer->number = rc;
    if (rc != 0)
        return -1;
    answer->other = e->id;
    answer->number = door->port > 0 ? door->port : 0;
    snprintf(answer->text, sizeof(answer->text), "%s", door->address);
    watch_door(door);
    return other;
}

/* Nobody has an end of it, nor will have. */
static void settle_door(struct door *door)
{
    if (list_empty(&door->ends) && (!door->all->keeps || door->poll == NULL))
        free_door(door);
    else if (door->poll != NULL && find_end(door) == NULL)
        stop_watching(door);
}

void doors_detach(struct doors *d, struct door_taker *t, uint32_t id)
{
    list_each (struct door, door, &d->all, link)
        list_each (struct door_end, e, &door->ends, link) {
            if (e->id != id || e->taker != t)
                continue;
            free_end(e);
            settle_door(door);
            return;
        }
}

void doors_leave(struct doors *d, struct door_taker *t)
{
    list_each (struct door, door, &d->all, link) {
        list_each (struct door_end, e, &door->ends, link)
            if (e->taker == t)
                free_end(e);
        settle_door(door);
    }
}

static bool is_called(const struct door *door, const char *name)
{
    const char *space = strchr(door->asked, ' ');

    return door->port < 0 && space != NULL && strcmp(space + 1, name) == 0;
}

bool doors_give(struct doors *d, struct door_taker *t, const char *name, int fd)
{
    list_each (struct door, door, &d->all, link)
        list_each (struct door_end, e, &door->ends, link)
            if (e->taker == t && is_called(door, name) && give_caller(e, fd))
                return true;
    close(fd);
    return false;
}

void doors_count(struct door_taker *t, int64_t connections, uint32_t taken)
{
    t->connections = connections + (int32_t)(t->taken - taken);
}

void doors_init(struct doors *d, struct loop *loop)
{
    *d = (struct doors){ .loop = loop, .keeps = true };
    list_init(&d->all);
}

void doors_keep(struct doors *d, bool keeps)
{
    d->keeps = keeps;
    list_each (struct door, door, &d->all, link)
        settle_door(door);
}

void doors_shut(struct doors *d)
{
    d->shut = true;
    list_each (struct door, door, &d->all, link)
        shut_door(door);
}

void doors_close(struct doors *d)
{
    doors_shut(d);
    list_each (struct door, door, &d->all, link) {
        list_each (struct door_end, e, &door->ends, link)
            free_end(e);
        free_door(door);
    }
}
