/* SPDX-License-Identifier: Apache-2.0 */
/* getaddrinfo runs in libuv's pool of threads. A lookup that is cancelled cannot be called back from there: it only
 * forgets the caller, and its memory goes when the thread is done. */
#include "net/socket/lookup.h"

#include "base/mem.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lookup {
    struct loop *loop;
    uv_getaddrinfo_t request;
    struct clock_timer timer;
    lookup_done *done; /* NULL: cancelled */
    void *arg;
    char name[256];
};

static void tell_found(struct lookup *l, const struct address *found, size_t n, const char *why)
{
    lookup_done *done = l->done;
    void *arg = l->arg;
    char text[400] = "";

    if (why != NULL)
        snprintf(text, sizeof(text), "look up %s: %s", l->name, why);
    free(l);
    if (done != NULL)
        done(arg, found, n, text);
}

static void on_looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *addresses)
{
    struct address found[LOOKUP_MAX];
    size_t n = 0;

    for (const struct addrinfo *a = addresses; a != NULL && n < LOOKUP_MAX; a = a->ai_next) {
        if (a->ai_addrlen > sizeof(found[n].addr))
            continue;
        memcpy(&found[n].addr, a->ai_addr, a->ai_addrlen);
        found[n++].len = a->ai_addrlen;
    }
    uv_freeaddrinfo(addresses);
    tell_found(request->data, found, n, status != 0 ? uv_strerror(status) : n == 0 ? "no address" : NULL);
}

static void on_no_lookup(struct clock_timer *t)
{
    tell_found(container_of(t, struct lookup, timer), NULL, 0, "not a host's name");
}

static struct lookup *start_lookup(struct loop *loop, const char *host, const char *port, lookup_done *done, void *arg)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    struct lookup *l = mem_zalloc(sizeof(*l));

    l->loop = loop;
    l->request.data = l;
    l->done = done;
    l->arg = arg;
    snprintf(l->name, sizeof(l->name), "%s:%s", host, port);
    if (uv_getaddrinfo(&loop->uv, &l->request, on_looked_up, host, port, &hints) != 0)
        clock_start(&loop->clock, &l->timer, 1, on_no_lookup);
    return l;
}

static void cancel_lookup(struct lookup *l)
{
    l->done = NULL;
    if (clock_armed(&l->timer)) {
        clock_stop(&l->loop->clock, &l->timer);
        free(l);
    } else {
        uv_cancel((uv_req_t *)&l->request);
    }
}

const struct resolver resolver_system = { start_lookup, cancel_lookup };
