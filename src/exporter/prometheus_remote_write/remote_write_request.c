/* SPDX-License-Identifier: Apache-2.0 */
/* One request of a shard: the message compressed, and charged to the budget for as long as it is kept. To be cut, or to
 * name its series, the message is opened again. It is cut between its units, a single unit between its items. */
#include "exporter/prometheus_remote_write/remote_write.h"

#include "base/mem.h"
#include "codec/compress.h"

#include <assert.h>
#include <stdlib.h>

static uint64_t charge_of(const struct shard_request *r)
{
    return sizeof(*r) + sizeof(*r->message) + r->body.cap + r->message->units.cap * sizeof(struct remote_write_unit);
}

struct shard_request *shard_request_new(struct remote_write_shard *s, struct delivery *d,
                                        struct remote_write_request *message)
{
    struct shard_request *r = mem_zalloc(sizeof(*r));

    r->delivery = d;
    r->message = message;
    r->ambiguous = d->resumed;
    if (deflate_buf(CODING_SNAPPY, 0, buf_bytes(&message->message), &r->body, NULL) != 0)
        abort(); /* snappy is there, and its only failure is a length of 4 GiB */
    buf_free(&message->message);
    budget_charge(s->node->node.host->budget, charge_of(r));
    d->open++;
    return r;
}

void shard_request_free(struct remote_write_shard *s, struct shard_request *r)
{
    budget_give(s->node->node.host->budget, charge_of(r));
    remote_write_request_free(r->message);
    buf_free(&r->body);
    free(r);
}

void shard_request_end(struct remote_write_shard *s, struct shard_request *r)
{
    struct delivery *d = r->delivery;

    shard_request_free(s, r);
    delivery_request_ended(d);
}

bool shard_request_open(struct shard_request *r)
{
    struct block *block;
    size_t len;

    if (inflate_block(CODING_SNAPPY, buf_bytes(&r->body), SIZE_MAX / 4, NULL, &block, &len, NULL) != 0)
        return false;
    r->message->message.len = 0;
    buf_append(&r->message->message, block->data, len);
    block_unref(block);
    return true;
}

bool shard_request_divisible(const struct shard_request *r)
{
    return r->message->units.n > 1 || r->message->items > 1;
}

/* Units [from, to); of a single unit items. */
static struct remote_write_request *cut_message(const struct remote_write_request *m, size_t from, size_t to)
{
    return m->units.n > 1 ? remote_write_cut(m, from, to) : remote_write_cut_items(m, from, to);
}

bool shard_request_cut(struct remote_write_shard *s, struct shard_request *r, size_t pieces)
{
    bool by_units = r->message->units.n > 1;
    size_t n = by_units ? r->message->units.n : r->message->items;

    assert(n > 1);
    if (!shard_request_open(r))
        return false;
    pieces = pieces < n ? pieces : n;
    for (size_t i = pieces; i-- > 0;) {
        struct shard_request *piece =
            shard_request_new(s, r->delivery, cut_message(r->message, i * n / pieces, (i + 1) * n / pieces));

        piece->bisected = true;
        piece->alone = by_units && piece->message->units.n == 1;
        piece->ambiguous = r->ambiguous;
        piece->retry = r->retry;
        list_push_front(&s->requests, &piece->link);
    }
    buf_free(&r->message->message);
    shard_request_end(s, r);
    return true;
}
