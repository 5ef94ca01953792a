/* SPDX-License-Identifier: Apache-2.0 */
/* A batch comes in, is counted, rewritten (otlp/rewrite.h) and sent on in the same turn; what the visitor dropped is
 * booked by its reason, and items of another reason apart. When no item is left the batch has been dealt with, and
 * its sender hears so.
 *
 * A visitor that has no time for all of it says `again`. Then what it has become is walked again by a slicer, in turns
 * to come, until it is through; what comes meanwhile stands in line behind it, so that the order stays. */
#include "processor/item_processor.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

/* By their reasons, in `apart` from here on. */
static void book_dropped(struct item_processor *r, struct ack *ack, uint64_t dropped)
{
    uint64_t apart = losses_total(&r->apart);

    assert(apart <= dropped);
    losses_add(&r->apart, dropped - apart, r->dropped);
    for (uint32_t i = 0; i < r->apart.n; i++)
        ack_drop(ack, r->apart.v[i].items, r->apart.v[i].reason);
}

static void send_made(struct item_processor *r, const struct batch *batch, struct batch *made, struct ack *ack)
{
    if (made == NULL)
        ack_safe(ack);
    else if (r->refused != NULL)
        refused_batches_send(r->refused, batch, &r->apart, made, ack);
    else
        consumer_send(r->node.out[batch->signal], made, ack);
}

/* A visitor could not do its work and was not to pass over that, or there is no room for what it makes. */
static void refuse_batch(struct item_processor *r, struct ack *ack)
{
    if (r->fault.code != 0) {
        ack_fail(ack, VERDICT_REJECT, "statement", "%s", r->fault.text);
    } else if (r->too_large) {
        ack_fail(ack, VERDICT_REJECT, "too_large", "the memory budget has no room for what would be made of it");
    } else {
        budget_refuse(host_budget(r->node.host, r->batch->signal));
        ack_fail(ack, VERDICT_RETRY, "memory_limit", "no room for what would be made of it");
    }
    if (r->walked != NULL)
        batch_unref(r->walked);
}

static bool is_refused(const struct item_processor *r)
{
    return r->fault.code != 0 || r->full || r->too_large;
}

static void begin_batch(struct item_processor *r, struct batch *batch, struct ack *ack)
{
    r->sender = ack;
    r->batch = batch;
    r->walked = batch_ref(batch);
    r->gone = 0;
    r->apart.n = 0;
    r->fault.code = 0;
    r->full = r->too_large = false;
    if (r->begins != NULL)
        r->begins(r, batch);
}

static void end_batch(struct item_processor *r)
{
    struct batch *batch = r->batch;
    struct ack *ack = r->sender;

    if (r->judged != NULL)
        r->judged(r);
    r->sender = NULL;
    if (is_refused(r)) {
        refuse_batch(r, ack);
    } else {
        metric_add(r->items.outgoing, batch->items - r->gone);
        book_dropped(r, ack, r->gone);
        send_made(r, batch, r->walked, ack);
    }
    r->batch = NULL;
    batch_unref(batch);
}

/* True: it is not through. */
static bool walk_batch(struct item_processor *r)
{
    uint64_t begun = item_count_begin(&r->items), dropped;
    struct batch *before = r->walked;

    r->again = false;
    r->walks++;
    r->walked = rewrite_batch(&r->rewriter, before, &r->visitor, host_budget(r->node.host, before->signal), &dropped);
    batch_unref(before);
    r->gone += dropped;
    item_count_end(&r->items, begun);
    if (r->again && r->walked != NULL && !is_refused(r))
        return true;
    end_batch(r);
    return false;
}

/* ---- over several turns ---- */

struct waiting_batch {
    struct list link;
    struct batch *batch;
    struct ack *ack;
};

/* The deadline has come. */
static void give_up(struct item_processor *r)
{
    static const char why[] = "shutting down before this could be gone through";
    struct waiting_batch *w;

    if (r->sender != NULL) {
        ack_fail(r->sender, VERDICT_RETRY, "shutdown", "%s", why);
        batch_unref(r->walked);
        batch_unref(r->batch);
        r->sender = NULL;
        r->batch = NULL;
    }
    while ((w = list_pop(&r->waiting, struct waiting_batch, link)) != NULL) {
        ack_fail(w->ack, VERDICT_RETRY, "shutdown", "%s", why);
        batch_unref(w->batch);
        free(w);
    }
}

static bool go_on(void *arg)
{
    struct item_processor *r = arg;
    struct waiting_batch *w;

    if (r->stopped != NULL && clock_mono(&r->node.host->loop->clock) >= r->deadline)
        give_up(r);
    if (r->sender == NULL && (w = list_pop(&r->waiting, struct waiting_batch, link)) != NULL) {
        begin_batch(r, w->batch, w->ack);
        free(w);
    }
    if (r->sender != NULL && walk_batch(r))
        return true;
    if (!list_empty(&r->waiting))
        return true;
    if (r->stopped != NULL) {
        void (*stopped)(struct node *) = r->stopped;

        r->stopped = NULL;
        stopped(&r->node);
    }
    return false;
}

static void wait_behind(struct item_processor *r, struct batch *batch, struct ack *ack)
{
    struct waiting_batch *w = mem_zalloc(sizeof(*w));

    w->batch = batch;
    w->ack = ack;
    list_push(&r->waiting, &w->link);
}

static bool is_busy(const struct item_processor *r)
{
    return r->sender != NULL || !list_empty(&r->waiting);
}

void item_processor_stop(struct node *node, uint64_t deadline, void (*done)(struct node *))
{
    struct item_processor *r = item_processor_of(node);

    r->deadline = deadline;
    if (is_busy(r))
        r->stopped = done;
    else
        done(node);
}

/* ---- what comes ---- */

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct item_processor *r = item_processor_of(container_of(self, struct node, in));
    uint64_t again, begun = item_count_begin(&r->items);

    metric_add(r->items.incoming, batch->items);
    if (r->refused != NULL && refused_batches_again(r->refused, batch, ack, &again)) {
        item_count_end(&r->items, begun);
        metric_add(r->items.outgoing, again);
        return;
    }
    if (is_busy(r)) {
        wait_behind(r, batch, ack);
        return;
    }
    begin_batch(r, batch, ack);
    if (!walk_batch(r))
        return;
    if (r->slicer == NULL)
        r->slicer = slicer_new(r->node.host->loop, go_on, r);
    slicer_start(r->slicer);
}

void item_processor_init(struct item_processor *r, const char *dropped)
{
    r->node.in.consume = consume;
    r->dropped = dropped;
    r->visitor.arg = r;
    list_init(&r->waiting);
    item_count_init(&r->items, &r->node);
}

void item_processor_free(struct item_processor *r)
{
    struct waiting_batch *w;

    if (r->sender != NULL) {
        batch_unref(r->walked);
        batch_unref(r->batch);
    }
    while ((w = list_pop(&r->waiting, struct waiting_batch, link)) != NULL) {
        batch_unref(w->batch);
        free(w);
    }
    slicer_free(r->slicer);
    rewriter_free(&r->rewriter);
}
