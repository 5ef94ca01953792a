/* SPDX-License-Identifier: Apache-2.0 */
#include "support/sink.h"

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct sink *s = container_of(self, struct sink, in);

    s->batches++;
    s->items += batch->items;
    if (s->on_batch != NULL)
        s->on_batch(s, batch);
    if (s->hold) {
        *vec_push(&s->held) = (struct sink_entry){ batch, ack };
        return;
    }
    batch_unref(batch);
    ack_settle(ack, &s->answer);
}

void sink_init(struct sink *s)
{
    *s = (struct sink){ .in.consume = consume };
}

void sink_settle(struct sink *s, size_t i, const struct outcome *outcome)
{
    struct sink_entry e = s->held.v[i];

    memmove(&s->held.v[i], &s->held.v[i + 1], (s->held.n - i - 1) * sizeof(e));
    s->held.n--;
    batch_unref(e.batch);
    ack_settle(e.ack, outcome);
}

void sink_close(struct sink *s)
{
    for (size_t i = 0; i < s->held.n; i++)
        batch_unref(s->held.v[i].batch);
    vec_free(&s->held);
}
