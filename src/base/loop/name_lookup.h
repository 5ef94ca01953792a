/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of a name, by the system's resolver (getaddrinfo), on threads that do nothing else. A name that nobody
 * answers for keeps one of them, however often it is asked for: whoever asks for what is asked for already gets that
 * answer. What is an address already needs no thread. */
#ifndef BASE_NAME_LOOKUP_H
#define BASE_NAME_LOOKUP_H

#include "base/loop/loop.h"

#include <netdb.h>

struct name_question;

/* Part of whoever asks. Zeroed before the first start; `done` is set. */
struct name_lookup {
    /* 0 and what was found, or libuv's error and NULL. From the loop, never from inside start; `found` is valid until
     * it returns. It may start the lookup again, or free it. */
    void (*done)(struct name_lookup *l, int status, const struct addrinfo *found);

    struct name_question *question; /* NULL: none is under way */
    struct list link;               /* of who waits for its answer */
};

/* None is under way. The texts are copied; `port` may be NULL. */
void name_lookup_start(struct loop *loop, struct name_lookup *l, const char *host, const char *port);

/* `done` does not come any more. May be called when none is under way. */
void name_lookup_cancel(struct name_lookup *l);

#endif
