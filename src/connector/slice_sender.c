/* SPDX-License-Identifier: Apache-2.0 */
/* A timer begins each time; if the time before is not over yet, that goes on, and the new one is left out. At the stop
 * what is under way ends, and then the last time begins; nobody waits for turns of the loop any more, nor to send what
 * was refused again. */
#include "connector/slice_sender.h"

#include <assert.h>

#define FIRST_WAIT NS_PER_S /* before what was refused for now is sent again; then twice as long ... */
#define DOUBLINGS 5u        /* ... so often */

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
    if (s->sent != NULL)
        batch_unref(s->sent);
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

static void forget_sent(struct slice_sender *s)
{
    batch_unref(s->sent);
    s->sent = NULL;
    s->tries = 0;
}

static void on_settled(struct ack *ack, const struct outcome *o);

static void send_sent(struct slice_sender *s)
{
    clock_stop(clock_of(s), &s->next);
    s->waiting = true;
    s->tries++;
    ack_init(&s->ack, &s->node->host->loop->turn, NULL, s->points, false, on_settled);
    consumer_send(s->node->out[SIGNAL_METRICS], batch_ref(s->sent), &s->ack);
}

static void on_again(struct clock_timer *timer)
{
    send_sent(container_of(timer, struct slice_sender, next));
}

static uint64_t wait_before(const struct slice_sender *s, const struct outcome *o)
{
    uint64_t own = FIRST_WAIT << (s->tries - 1 < DOUBLINGS ? s->tries - 1 : DOUBLINGS);
    uint64_t asked = o->retry_after_ms < 3600000 ? o->retry_after_ms * NS_PER_MS : 0;

    return asked > own ? asked : own;
}

static void log_answer(struct slice_sender *s, const struct outcome *o, bool lost)
{
    if (complaint_due(&s->failed, clock_of(s)))
        log_warn(&s->node->log, lost ? "Metrics could not be sent" : "Metrics could not be sent, and are sent again",
                 F_STR("error", o->why[0] != '\0' ? o->why : o->reason), F_UINT("points", s->points),
                 F_UINT("repeated", complaint_taken(&s->failed)));
}

static void on_settled(struct ack *ack, const struct outcome *o)
{
    struct slice_sender *s = container_of(ack, struct slice_sender, ack);
    bool again = o->verdict == VERDICT_RETRY && s->phase == SENDER_OPEN;

    s->waiting = false;
    if (o->verdict != VERDICT_SAFE)
        log_answer(s, o, !again);
    else if (complaint_over(&s->failed))
        log_info(&s->node->log, "Sending works again");
    if (again) {
        clock_start(clock_of(s), &s->next, wait_before(s, o), on_again);
        return;
    }
    forget_sent(s);
    if (s->phase == SENDER_STOPPING)
        send_slice(s);
    else
        clock_start(clock_of(s), &s->next, 0, on_next);
}

static void send_slice(struct slice_sender *s)
{
    struct budget *budget = host_budget(s->node->host, SIGNAL_METRICS);
    struct block *block;
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
    s->sent = batch_new(SIGNAL_METRICS, block, bytes_of(block->data, len), s->points, clock_mono(clock_of(s)));
    send_sent(s);
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
    else if (s->sent != NULL && !s->waiting)
        send_sent(s);
    else if (!s->waiting)
        send_slice(s);
}
