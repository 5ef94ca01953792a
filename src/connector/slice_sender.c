/* SPDX-License-Identifier: Apache-2.0 */
/* A timer begins each time; if the time before is not over yet, that goes on, and the new one is left out. At the stop
 * what is under way ends, and then the last time begins; nobody waits for turns of the loop any more. */
#include "connector/slice_sender.h"

#include <assert.h>

static void enter_phase(struct slice_sender *s, enum sender_phase to)
{
    static const uint8_t allowed[] = {
        [SENDER_OPEN] = 1 << SENDER_STOPPING,
        [SENDER_STOPPING] = 1 << SENDER_STOPPED,
        [SENDER_STOPPED] = 0,
    };

    assert(allowed[s->phase] & 1 << to);
    s->phase = to;
}

static struct clock *clock_of(const struct slice_sender *s)
{
    return &s->node->host->loop->clock;
}

void slice_sender_init(struct slice_sender *s, struct node *node, uint64_t interval)
{
    *s = (struct slice_sender){ .node = node, .interval = interval };
}

void slice_sender_free(struct slice_sender *s)
{
    clock_stop(clock_of(s), &s->timer);
    clock_stop(clock_of(s), &s->next);
    if (s->waiting)
        ack_cancel(&s->ack);
    buf_free(&s->out);
}

static void send_slice(struct slice_sender *s);

static void begin_sending(struct slice_sender *s, bool last)
{
    s->on = true;
    s->last = last;
    s->wall = clock_wall(clock_of(s));
    s->mono = clock_mono(clock_of(s));
    s->begin(s, last);
    send_slice(s);
}

static void finish_sending(struct slice_sender *s)
{
    bool last = s->last;

    s->on = false;
    s->finish(s);
    if (s->phase != SENDER_STOPPING)
        return;
    if (!last) {
        begin_sending(s, true);
        return;
    }
    enter_phase(s, SENDER_STOPPED);
    s->stopped(s->node);
}

static void on_next(struct clock_timer *timer)
{
    send_slice(container_of(timer, struct slice_sender, next));
}

static void on_settled(struct ack *ack, const struct outcome *o)
{
    struct slice_sender *s = container_of(ack, struct slice_sender, ack);

    s->waiting = false;
    if (o->verdict == VERDICT_SAFE) {
        if (complaint_over(&s->failed))
            log_info(&s->node->log, "Sending works again");
    } else if (complaint_due(&s->failed, clock_of(s))) {
        log_warn(&s->node->log, "Metrics could not be sent", F_STR("error", o->why[0] != '\0' ? o->why : o->reason),
                 F_UINT("points", s->points), F_UINT("repeated", complaint_taken(&s->failed)));
    }
    if (s->phase == SENDER_STOPPING)
        send_slice(s);
    else
        clock_start(clock_of(s), &s->next, 0, on_next);
}

static void send_slice(struct slice_sender *s)
{
    struct budget *budget = host_budget(s->node->host, SIGNAL_METRICS);
    struct block *block;
    struct batch *batch;
    size_t len;

    clock_stop(clock_of(s), &s->next);
    s->out.len = 0;
    s->points = 0;
    s->head = 0;
    s->fill(s);
    if (s->points == 0) {
        finish_sending(s);
        return;
    }
    len = s->out.len;
    block = block_force(budget, len);
    memcpy(block->data, s->out.data, len);
    if (s->out.cap > 2 * SLICE_BYTES) /* one point may be large */
        buf_free(&s->out);
    batch = batch_new(SIGNAL_METRICS, block, bytes_of(block->data, len), s->points, clock_mono(clock_of(s)));
    s->waiting = true;
    ack_init(&s->ack, &s->node->host->loop->turn, NULL, s->points, false, on_settled);
    consumer_send(s->node->out[SIGNAL_METRICS], batch, &s->ack);
}

void slice_sender_send(struct slice_sender *s)
{
    if (!s->on)
        begin_sending(s, false);
}

static void on_due(struct clock_timer *timer)
{
    struct slice_sender *s = container_of(timer, struct slice_sender, timer);

    clock_start(clock_of(s), &s->timer, s->interval, on_due);
    slice_sender_send(s);
}

void slice_sender_start(struct slice_sender *s)
{
    if (s->interval > 0)
        clock_start(clock_of(s), &s->timer, s->interval, on_due);
}

void slice_sender_stop(struct slice_sender *s, void (*done)(struct node *node))
{
    s->stopped = done;
    clock_stop(clock_of(s), &s->timer);
    enter_phase(s, SENDER_STOPPING);
    if (!s->on)
        begin_sending(s, true);
    else if (!s->waiting)
        send_slice(s);
}
