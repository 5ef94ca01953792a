/* SPDX-License-Identifier: Apache-2.0 */
/* One batch on its way, from the queue's attempt to its answer.
 *
 * The encoder makes requests of the batch, each goes to its series' shard, and when the last one has ended the batch is
 * settled: safe. Points that remote write cannot carry, and what the receiver refuses for good, are dropped with their
 * reason on the way. Whoever still waits for the answer (there is no queue) hears of them instead: of some as
 * `rejected` beside what is safe; when the receiver refused all of it, as REJECT. What failed for now makes the whole
 * batch come again: from the disk at the next start, or from the sender that waits; from a queue in memory it is lost,
 * and that only happens at the end of the program.
 *
 * Series change their shard when another number of shards is wanted (remote_write_scale.c). So batches that come then
 * are held until those under way have ended, and each series stays in order.
 *
 * A receiver that does not know the form of message gets the whole batch in the other one; what was dropped before is
 * not dropped twice. */
#include "exporter/prometheus_remote_write/remote_write.h"

#include "base/mem.h"
#include "prom/model/distribution_value.h"
#include "prom/series/collisions.h"
#include "prom/series/series_limit.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- what is not sent ---- */

/* What a user can do about points that are not sent. */
static const char *advice_for(const char *reason)
{
    static const struct {
        const char *reason, *text;
    } texts[] = {
        { "delta_temporality", "remote write has cumulative values only: set the SDK's temporality to cumulative" },
        { "no_temporality", "a sum or histogram must say its temporality" },
        { "duplicate_timestamp",
          "one batch had several points of a series for one time; the last was sent. Sources that "
          "are to be told apart need different service.instance.id, or attributes" },
        { "type_conflict", "a histogram or summary has a series of that name and these labels: rename one of them" },
        { "bad_name", "nothing of the metric's name can stand in a Prometheus name: rename it" },
        { "bad_label", "an attribute's name leaves no label name, is reserved (__), or there are too many: rename it" },
        { "scale", "an exponential histogram's scale is below -4, the least that Prometheus has" },
        { "malformed", "a histogram's buckets do not fit together" },
        { COLLISION, COLLISION_ADVICE },
        { SERIES_LIMIT, SERIES_LIMIT_ADVICE },
        { TRANSLATE_TOO_LONG, TRANSLATE_TOO_LONG_ADVICE },
        { DISTRIBUTION_TOO_LARGE, DISTRIBUTION_TOO_LARGE_ADVICE },
        { "series_budget", "the memory budget has no room: raise it, or send fewer attributes" },
        { "authenticator", "the authenticator has nothing to say for it that could ever be sent" },
        { "retries_exhausted", "the receiver did not take it within retry_on_failure::max_elapsed_time" },
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (strcmp(texts[i].reason, reason) == 0)
            return texts[i].text;
    return answer_advice(reason);
}

void delivery_drop(struct delivery *d, uint64_t items, const char *reason, const char *example, const char *said)
{
    struct remote_write_node *n = d->node;
    struct remote_write_reason *r = remote_write_reason(n, reason);

    if (!d->ack->refusable)
        ack_drop(d->ack, items, reason);
    else if (items > 0)
        outcome_reject(&d->rejection, items, reason, "%s%s%s%s%s (%s)", example, example[0] != '\0' ? ": " : "", said,
                       said[0] != '\0' ? ": " : "", advice_for(reason), reason);
    if (!d->ack->refusable) /* else a sender that comes again brings them again: settle_delivery() counts */
        metric_add(r->items, items);
    if (complaint_due(&r->complaint, &n->node.host->loop->clock))
        log_warn(&n->node.log, "Points are not sent", F_STR("reason", reason), F_STR("series", example),
                 F_STR("because", advice_for(reason)), F_STR("receiver", said), F_UINT("points", items),
                 F_UINT("repeated", complaint_taken(&r->complaint)));
}

void delivery_fail(struct delivery *d, uint64_t items, const struct outcome *why)
{
    if (items > 0)
        outcome_join(&d->failure, why);
    d->failed += items;
}

/* ---- its requests ---- */

static void encode_delivery(struct delivery *d, bool with_drops)
{
    struct remote_write_node *n = d->node;
    struct remote_write_result result;

    d->open = 1; /* ours, until all are pushed */
    remote_write_encode(n->encoder, d->batch, &result);
    for (size_t i = 0; with_drops && i < result.n_drops; i++) {
        delivery_drop(d, result.drops[i].items, result.drops[i].reason, result.drops[i].example, "");
        d->untranslated += result.drops[i].items;
        metric_add(n->m.failed_translations, result.drops[i].items);
    }
    list_each (struct remote_write_request, r, &result.requests, link) {
        metric_add(n->m.translated, r->samples + r->histograms);
        if (r->newest > n->highest)
            n->highest = r->newest;
        remote_write_shard_push(&n->shards[r->shard % n->n_shards], d, r);
    }
    delivery_request_ended(d);
}

void delivery_free(struct delivery *d)
{
    list_remove(&d->link);
    list_remove(&d->held_link);
    turn_cancel(&d->node->node.host->loop->turn, &d->task);
    batch_unref(d->batch);
    free(d);
}

/* Once more, in the form that the receiver knows. */
static void encode_again(struct turn_task *task)
{
    struct delivery *d = container_of(task, struct delivery, task);
    struct remote_write_node *n = d->node;

    d->again = false;
    d->resumed = true;
    d->known_dropped = d->dropped;
    d->failed = 0;
    d->failure = (struct outcome){ .verdict = VERDICT_SAFE };
    if (remote_write_version(n->encoder) != n->version) {
        remote_write_free(n->encoder);
        n->encoder = remote_write_make_encoder(n);
    }
    encode_delivery(d, false);
}

/* ---- its answer ---- */

/* What was rejected is not with the receiver, and whoever waits is told. */
static void answer_waiting(struct delivery *d)
{
    struct outcome *o = &d->rejection;

    for (uint32_t i = 0; i < o->lost.n; i++)
        metric_add(remote_write_reason(d->node, o->lost.v[i].reason)->items, o->lost.v[i].items);
    if (o->rejected == d->batch->items && o->rejected > d->untranslated)
        ack_fail(d->ack, VERDICT_REJECT, o->reason, "%s", o->why);
    else
        ack_settle(d->ack, o);
}

static void settle_delivery(struct delivery *d)
{
    bool comes_again = d->node->wal_directory != NULL || d->ack->refusable;

    d->failure.partly = d->failed < d->batch->items;
    if (d->failed > 0 && comes_again) {
        ack_settle(d->ack, &d->failure);
    } else if (d->rejection.rejected > 0) {
        answer_waiting(d);
    } else {
        ack_drop(d->ack, d->failed, "shutdown");
        ack_safe(d->ack);
    }
}

/* ---- under way, and held ---- */

static void begin_delivery(struct delivery *d)
{
    struct remote_write_node *n = d->node;

    if (n->under_way == 0 && n->scale.want != n->in_use) {
        n->in_use = n->scale.want;
        remote_write_use_shards(n->encoder, n->in_use);
        metric_set(n->m.shards, n->in_use);
    }
    n->under_way++;
    encode_delivery(d, true);
}

/* None of the old number of shards is under way. */
static void start_held(struct remote_write_node *n)
{
    struct list held;
    struct delivery *d;

    list_init(&held);
    list_move(&held, &n->held);
    while ((d = list_pop(&held, struct delivery, held_link)) != NULL)
        begin_delivery(d);
}

void delivery_request_ended(struct delivery *d)
{
    struct remote_write_node *n = d->node;

    if (--d->open > 0)
        return;
    if (d->again) {
        d->task.run = encode_again;
        turn_defer(&n->node.host->loop->turn, &d->task);
        return;
    }
    settle_delivery(d);
    delivery_free(d);
    if (--n->under_way == 0)
        start_held(n);
}

/* Is it one of those that may have been under way when the process before this one ended? What was one attempt then may
 * be several now, so bytes count; and a batch may be larger than all that would go together, so attempts count too. */
static bool take_resumed(struct remote_write_node *n, const struct batch *b)
{
    struct remote_write_resumed *r = &n->resumed;

    if (r->items == 0 || (r->bytes == 0 && r->attempts == 0))
        return false;
    r->attempts -= r->attempts > 0;
    r->items -= b->items < r->items ? b->items : r->items;
    r->bytes -= b->bytes < r->bytes ? b->bytes : r->bytes;
    return true;
}

void delivery_start(struct remote_write_node *n, struct batch *batch, struct ack *ack)
{
    struct delivery *d = mem_zalloc(sizeof(*d));

    d->node = n;
    d->batch = batch;
    d->ack = ack;
    d->resumed = take_resumed(n, batch);
    list_push_front(&n->deliveries, &d->link);
    if (!list_empty(&n->held) || (n->under_way > 0 && n->scale.want != n->in_use))
        list_push(&n->held, &d->held_link);
    else
        begin_delivery(d);
}
