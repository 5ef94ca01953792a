/* SPDX-License-Identifier: Apache-2.0 */
#include "support/client.h"

#include <check.h>

static void on_settled(struct ack *ack, const struct outcome *o)
{
    struct client *c = container_of(ack, struct client, ack);

    ck_assert(!c->settled);
    c->settled = true;
    outcome_copy(&c->outcome, o);
}

void client_send(struct client *c, struct rig *r, struct consumer *to, struct batch *batch)
{
    *c = (struct client){ .items = batch->items };
    ack_init(&c->ack, &r->loop.turn, NULL, batch->items, true, on_settled);
    consumer_send(to, batch, &c->ack);
}

static uint64_t varint(const uint8_t **at)
{
    uint64_t v = 0;

    for (unsigned shift = 0;; shift += 7) {
        v |= (uint64_t)(**at & 0x7f) << shift;
        if ((*(*at)++ & 0x80) == 0)
            return v;
    }
}

uint64_t client_logs_follow(const struct batch *b, unsigned first)
{
    uint64_t seen = 0;

    for (uint32_t i = 0; i < b->n_segments; i++) {
        const uint8_t *at = b->segments[i].data, *end = at + b->segments[i].len;
        uint64_t length;

        ck_assert_uint_eq(*at++, 0x0a);
        length = varint(&at);
        ck_assert_uint_eq(length, (uint64_t)(end - at));
        ck_assert_uint_eq(*at++, 0x12);
        (void)varint(&at);
        for (; at < end; at += 7, seen++)
            ck_assert_uint_eq(at[6], (uint8_t)(first + seen));
    }
    return seen;
}
