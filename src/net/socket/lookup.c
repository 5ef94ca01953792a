/* SPDX-License-Identifier: Apache-2.0 */
/* The system's resolver is asked through base/loop/name_lookup.h; its list becomes addresses, of which the first
 * LOOKUP_MAX count. */
#include "net/socket/lookup.h"

#include "base/loop/name_lookup.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lookup {
    struct name_lookup asked;
    lookup_done *done;
    void *arg;
    char name[256];
};

static const char *why_not(int status)
{
    if (status == UV_EINVAL) /* it was not even asked for */
        return "not a host's name";
    return status != 0 ? uv_strerror(status) : "no address";
}

static void on_looked_up(struct name_lookup *asked, int status, const struct addrinfo *addresses)
{
    struct lookup *l = container_of(asked, struct lookup, asked);
    struct address found[LOOKUP_MAX];
    char text[400] = "";
    size_t n = 0;

    for (const struct addrinfo *a = addresses; a != NULL && n < LOOKUP_MAX; a = a->ai_next) {
        if (a->ai_addrlen > sizeof(found[n].addr))
            continue;
        memcpy(&found[n].addr, a->ai_addr, a->ai_addrlen);
        found[n++].len = a->ai_addrlen;
    }
    if (n == 0)
        snprintf(text, sizeof(text), "look up %s: %s", l->name, why_not(status));
    l->done(l->arg, found, n, text);
    free(l);
}

static struct lookup *start_lookup(struct loop *loop, const char *host, const char *port, lookup_done *done, void *arg)
{
    struct lookup *l = mem_zalloc(sizeof(*l));

    l->asked.done = on_looked_up;
    l->done = done;
    l->arg = arg;
    snprintf(l->name, sizeof(l->name), "%s:%s", host, port);
    name_lookup_start(loop, &l->asked, host, port);
    return l;
}

static void cancel_lookup(struct lookup *l)
{
    name_lookup_cancel(&l->asked);
    free(l);
}

const struct resolver resolver_system = { start_lookup, cancel_lookup };
