/* SPDX-License-Identifier: Apache-2.0 */
/* Runs are offered to the socket a few hundred at a time; what it took of them is struck off, and the rest is offered
 * again when it has room. Since the socket keeps no pointer to what it did not take, an owner can leave at any time.
 * Own bytes are named by their offset, for the buffer moves as it grows; it starts anew when all has left. */
#include "net/socket/outbox.h"

#include "base/mem.h"

#include <stdlib.h>

#define AT_ONCE 256            /* runs offered in one go */
#define KEEP_OWN (16 * 1024ul) /* larger buffers are not kept while empty */
#define KEEP_RUNS 64           /* nor longer arrays */

void outbox_free(struct outbox *o)
{
    buf_free(&o->own);
    vec_free(&o->runs);
    *o = (struct outbox){ 0 };
}

static void push_run(struct outbox *o, struct outbox_run run)
{
    if (run.len == 0)
        return;
    *vec_push(&o->runs) = run;
    o->len += run.len;
}

static void seal_text(struct outbox *o)
{
    push_run(o, (struct outbox_run){ .at = o->sealed, .len = o->own.len - o->sealed });
    o->sealed = o->own.len;
}

struct buf *outbox_own(struct outbox *o)
{
    return &o->own;
}

void outbox_refer(struct outbox *o, const void *owner, struct bytes data)
{
    seal_text(o);
    push_run(o, (struct outbox_run){ .owner = owner, .data = data.data, .len = data.len });
}

void outbox_keep(struct outbox *o, const void *owner)
{
    seal_text(o);
    for (size_t i = o->first; i < o->runs.n; i++) {
        struct outbox_run *run = &o->runs.v[i];

        if (run->owner != owner)
            continue;
        run->at = o->own.len;
        buf_append(&o->own, run->data, run->len);
        run->owner = NULL;
    }
    o->sealed = o->own.len;
}

size_t outbox_waiting(struct outbox *o)
{
    seal_text(o);
    return o->len;
}

/* All has left. */
static void begin_anew(struct outbox *o)
{
    o->own.len = o->sealed = 0;
    o->first = o->runs.n = 0;
    if (o->own.cap > KEEP_OWN)
        buf_free(&o->own);
    if (o->runs.cap > KEEP_RUNS)
        vec_free(&o->runs);
}

static void strike_off(struct outbox *o, size_t n)
{
    o->len -= n;
    while (n > 0) {
        struct outbox_run *run = &o->runs.v[o->first];
        size_t here = n < run->len ? n : run->len;

        n -= here;
        run->len -= here;
        run->at += here;
        if (run->owner != NULL)
            run->data += here;
        if (run->len == 0)
            o->first++;
    }
}

int outbox_send(struct outbox *o, struct socket *s)
{
    seal_text(o);
    while (o->len > 0) {
        struct bytes parts[AT_ONCE];
        size_t n = 0;
        ssize_t taken;

        for (size_t i = o->first; i < o->runs.n && n < AT_ONCE; i++) {
            const struct outbox_run *run = &o->runs.v[i];

            parts[n++] = bytes_of(run->owner != NULL ? run->data : o->own.data + run->at, run->len);
        }
        taken = socket_offer(s, parts, n);
        if (taken < 0)
            return (int)taken;
        strike_off(o, (size_t)taken);
        if (socket_writing(s))
            return 1;
    }
    begin_anew(o);
    return 0;
}
