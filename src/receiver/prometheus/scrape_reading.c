/* SPDX-License-Identifier: Apache-2.0 */
/* What the receiver does in slices of the loop's turns. Pages that were fetched stand in a line and are taken in one
 * after the other, a step at a time; so do scrapes that failed, and ends. What came of one goes into the pipeline in
 * batches, the next one when that before has been answered for, and before any other page. A large page is given back
 * in pieces, too. Jobs whose sources have changed are gone through in between.
 *
 * What can go wrong: the pipeline does not take a batch: it is refused, and the others are sent all the same. */
#include "receiver/prometheus/prometheus.h"

#include <assert.h>

/* ---- sending ---- */

static void on_settled(struct ack *ack, const struct outcome *o)
{
    struct scrape_target *t = container_of(ack, struct scrape_target, ack);
    struct prometheus_receiver *r = t->job->receiver;
    uint64_t refused = o->verdict == VERDICT_SAFE && o->rejected < t->items ? o->rejected : t->items;

    if (o->verdict == VERDICT_SAFE && o->rejected == 0)
        refused = 0;
    metric_add(r->accepted, t->items - refused);
    metric_add(r->refused, refused);
    t->traced_accepted += t->items - refused;
    t->traced_refused += refused;
    if (refused > 0 && complaint_due(&t->refused, &r->node.host->loop->clock))
        log_warn(&r->node.log, "Scrape commit failed: the pipeline did not take its points, which are lost",
                 F_STR("target_labels", t->name), F_STR("error", o->why), F_UINT("points", refused),
                 F_UINT("repeated", complaint_taken(&t->refused)));
    else if (refused == 0)
        complaint_over(&t->refused);
    if (t->points == NULL) {
        scrape_target_delivered(t);
        return;
    }
    list_push(&r->sends, &t->queue_link);
    slicer_start(r->slicer);
}

static void send_batch(struct scrape_target *t)
{
    struct prometheus_receiver *r = t->job->receiver;
    struct batch *batch = intake_points_next(&t->points);

    t->items = batch->items;
    ack_init(&t->ack, &r->node.host->loop->turn, NULL, t->items, true, on_settled);
    consumer_send(r->node.out[SIGNAL_METRICS], batch, &t->ack);
}

/* ---- reading ---- */

static void begin_reading(struct scrape_target *t)
{
    enum intake_format format;

    t->begun = true;
    switch (t->reading) {
    case READING_PAGE:
        (void)intake_format_of(t->fetch.type, t->job->fallback, &format);
        intake_begin_page(t->intake, format, t->fetch.body, &t->scrape, &t->got);
        break;
    case READING_FAILURE:
        intake_begin_failure(t->intake, &t->scrape, &t->got);
        break;
    case READING_END:
        intake_begin_end(t->intake, t->scrape.time_ms, &t->got);
        break;
    }
}

static void leave_reading(struct scrape_target *t)
{
    struct prometheus_receiver *r = t->job->receiver;

    list_remove(&t->queue_link);
    r->waiting_bytes -= t->fetch.body.len;
    t->begun = t->taken = false;
    if (t->reading != READING_END)
        prometheus_fetched(r);
    fetch_release(&t->fetch);
}

static void read_some(struct scrape_target *t)
{
    if (!t->begun)
        begin_reading(t);
    if (!t->taken) {
        t->taken = intake_work(t->job->receiver->store);
        return;
    }
    if (fetch_release_some(&t->fetch))
        return;
    leave_reading(t);
    t->points = t->got.points;
    scrape_target_read(t);
    if (t->points != NULL)
        send_batch(t);
    else
        scrape_target_delivered(t);
}

void prometheus_read(struct scrape_target *t, enum target_reading what)
{
    struct prometheus_receiver *r = t->job->receiver;

    t->reading = what;
    t->begun = false;
    r->waiting_bytes += t->fetch.body.len;
    list_push(&r->reads, &t->queue_link);
    slicer_start(r->slicer);
}

void prometheus_cancel_read(struct scrape_target *t)
{
    if (t->taken)
        intake_points_free(t->got.points);
    else if (t->begun)
        intake_cancel(t->intake);
    leave_reading(t);
}

uint64_t prometheus_cancel_send(struct scrape_target *t)
{
    uint64_t left = intake_points_count(t->points);

    list_remove(&t->queue_link);
    intake_points_free(t->points);
    t->points = NULL;
    return left;
}

/* ---- a step ---- */

static bool step_jobs(struct prometheus_receiver *r)
{
    for (size_t i = 0; i < r->n_jobs; i++)
        if (scrape_job_sync_some(&r->jobs[i]))
            return true;
    return false;
}

bool prometheus_step(void *arg)
{
    struct prometheus_receiver *r = arg;
    struct scrape_target *sends, *reads;

    if (r->steps++ % 8 == 0 && step_jobs(r)) /* however many pages there are */
        return true;
    sends = list_pop(&r->sends, struct scrape_target, queue_link);
    reads = list_first(&r->reads, struct scrape_target, queue_link);
    if (sends != NULL)
        send_batch(sends);
    else if (reads != NULL)
        read_some(reads);
    else
        return step_jobs(r);
    return true;
}
