/* SPDX-License-Identifier: Apache-2.0 */
/* A batch on its way. It begins as one piece. Step by step (a slicer's, so that a large batch does not hold up the
 * loop) the next piece is cut where it is larger than a record may be, split by key or topic, and handed to librdkafka.
 * When the last report is back the batch is settled: safe, with what was refused and why; or refused, when all of it
 * was.
 *
 * What can go wrong. A record is too large for the broker: it is cut in halves, down to single items; a single one is
 * sent as a request of its own, for what the broker measures is the request; only if that is refused it is dropped.
 * What several items are in is larger than any record: they are dropped together, for each would be alone; of a
 * resource that is so only as JSON that is seen when the first of its items is. A record is
 * refused for good: its items are, the others are not concerned. Anything else may pass: what is left is
 * not begun any more, and when all reports are there the sender keeps those pieces alone that were not delivered
 * (sender_attempt_narrow). Pieces come in no order that the sender knows, so a queue on disk hears of them at the end:
 * after a crash the batch comes once more. */
#include "exporter/kafka/kafka_exporter.h"

#include "otlp/cut/cutter.h"
#include "otlp/metadata.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define COPIED_PART 8     /* of the budget: what may be under way of records that were written for it */
#define ITEMS_AT_ONCE 256 /* pieces that are one item each: they are made as they are sent */

static uint64_t items_of(const struct kafka_piece *p)
{
    return p->item.data != NULL ? 1 : p->batch->items;
}

static void free_piece(struct kafka_piece *p)
{
    batch_cutter_free(p->cutter);
    batch_unref(p->batch);
}

static bool is_divisible(const struct kafka_piece *p)
{
    return items_of(p) > 1 && signal_table[p->batch->signal].mergeable;
}

/* ---- the end ---- */

/* Its records stay in librdkafka's hands, and end with its reports. */
void kafka_export_forget(struct kafka_export *e)
{
    list_each (struct kafka_record, r, &e->flying, sibling) {
        list_remove(&r->sibling);
        r->export = NULL;
    }
    list_remove(&e->link);
    list_remove(&e->working);
    for (size_t i = 0; i < e->pieces.n; i++)
        free_piece(&e->pieces.v[i]);
    for (size_t i = 0; i < e->failed.n; i++)
        batch_unref(e->failed.v[i]);
    vec_free(&e->pieces);
    vec_free(&e->failed);
    free(e->settled);
    jaeger_span_free(&e->node->span); /* it may remember a resource of this batch */
    batch_unref(e->batch);
    free(e);
}

/* Where each item is a record: the batch without what is settled. */
static struct batch *take_unsettled(struct kafka_export *e)
{
    item_ranges done = { 0 };
    struct batch *rest;

    for (uint64_t i = 0; i < e->batch->items; i++) {
        if (!e->settled[i])
            continue;
        if (done.n > 0 && done.v[done.n - 1].last + 1 == i)
            done.v[done.n - 1].last = i;
        else
            *vec_push(&done) = (struct item_range){ i, i };
    }
    rest = batch_without(batch_ref(e->batch), done.v, done.n, e->node->node.host->budget);
    vec_free(&done);
    return rest;
}

/* What was not delivered, as one batch with the client's metadata. */
static struct batch *take_rest(struct kafka_export *e)
{
    struct batch *rest;

    if (e->settled != NULL) {
        rest = take_unsettled(e);
    } else {
        rest = e->failed.n == 1 ? e->failed.v[0] : batch_merge(e->failed.v, e->failed.n);
        e->failed.n = 0;
    }
    return batch_with_metadata(rest, e->batch->metadata);
}

static void settle_for_now(struct kafka_export *e)
{
    struct outcome o;
    struct ack *ack = e->ack;

    outcome_copy(&o, &e->failure);
    if (e->n_settled > 0)
        sender_attempt_narrow(ack, take_rest(e), &e->done);
    kafka_export_forget(e);
    ack_settle(ack, &o);
}

void kafka_export_maybe_done(struct kafka_export *e)
{
    struct ack *ack = e->ack;
    struct outcome o;

    if (e->pieces.n > 0 || !list_empty(&e->flying))
        return;
    if (e->failure.verdict == VERDICT_RETRY) {
        settle_for_now(e);
        return;
    }
    assert(e->n_settled == e->batch->items);
    outcome_copy(&o, e->refused == e->batch->items && e->refusal.verdict == VERDICT_REJECT ? &e->refusal : &e->done);
    kafka_export_forget(e);
    ack_settle(ack, &o);
}

/* ---- what became of a piece ---- */

static void settle_piece(struct kafka_export *e, struct kafka_piece *p)
{
    e->n_settled += items_of(p);
    if (e->settled != NULL)
        e->settled[p->at] = 1;
    batch_unref(p->batch);
}

void kafka_export_delivered(struct kafka_export *e, struct kafka_piece *p)
{
    struct kafka_exporter *n = e->node;
    bool over = complaint_over(&n->refusing);

    if (complaint_over(&n->failing) || over)
        log_info(&n->node.log, "The brokers take what is sent again");
    losses_add(&e->done.lost, p->left_out, p->reason);
    settle_piece(e, p);
}

void kafka_export_refused(struct kafka_export *e, struct kafka_piece *p, const char *reason, const char *why)
{
    struct kafka_exporter *n = e->node;
    uint64_t items = items_of(p);

    if (complaint_due_to(&n->refusing, &n->node.host->loop->clock, why))
        log_warn(&n->node.log, "A record cannot be delivered, and it is dropped or handed back", F_STR("error", why),
                 F_STR("reason", reason), F_UINT("items", items), F_UINT("repeated", complaint_taken(&n->refusing)));
    e->refused += items;
    e->refusal = (struct outcome){ .verdict = VERDICT_REJECT, .reason = reason };
    snprintf(e->refusal.why, sizeof(e->refusal.why), "%s", why);
    outcome_reject(&e->done, items, reason, "%s", why);
    settle_piece(e, p);
}

void kafka_export_failed(struct kafka_export *e, struct kafka_piece *p, const char *reason, const char *why)
{
    if (e->failure.verdict != VERDICT_RETRY) {
        e->failure = (struct outcome){ .verdict = VERDICT_RETRY, .reason = reason };
        snprintf(e->failure.why, sizeof(e->failure.why), "%s", why);
    }
    if (e->settled != NULL)
        batch_unref(p->batch);
    else
        *vec_push(&e->failed) = p->batch;
}

void kafka_export_left_out(struct kafka_export *e, struct kafka_piece *p, const char *reason)
{
    losses_add(&e->done.lost, items_of(p), reason);
    settle_piece(e, p);
}

/* Whoever calls starts the slicer when it is done with the export, for that may end it. */
static void push_piece(struct kafka_export *e, const struct kafka_piece *p)
{
    *vec_push(&e->pieces) = *p;
    if (!list_linked(&e->working))
        list_push(&e->node->working, &e->working);
}

/* Above it a batch makes a record that is too large; where another text is made of it nobody can say before. */
static uint64_t largest_batch(const struct kafka_exporter *n)
{
    return n->encoding == KAFKA_OTLP_PROTO ? n->limit.most : UINT64_MAX;
}

/* In pieces of at most `most` bytes, which have its key and topic, one after another. */
static void cut_piece(struct kafka_export *e, struct kafka_piece *p, uint64_t most)
{
    metric_add(e->node->m.splits, 1);
    p->most = most > 0 ? most : 1;
    p->cutter = batch_cutter_new(p->batch, p->most, largest_batch(e->node), e->node->node.host->budget);
    push_piece(e, p);
}

/* Like `p`, which is being cut: its next part, or all that is left. */
static struct kafka_piece next_piece(struct kafka_export *e, struct kafka_piece *p, bool all)
{
    struct kafka_piece part = *p;

    part.cutter = NULL;
    part.batch = all ? batch_cutter_rest(p->cutter) : batch_cutter_next(p->cutter);
    part.lost = !all && part.batch->items > 1 && part.batch->bytes > largest_batch(e->node);
    if (batch_cutter_left(p->cutter) == 0)
        free_piece(p);
    else
        push_piece(e, p);
    return part;
}

static void complain_size(struct kafka_exporter *n, uint64_t size)
{
    if (complaint_due(&n->too_large, &n->node.host->loop->clock))
        log_warn(&n->node.log, "The brokers take no records as large: from now on they are cut smaller",
                 F_UINT("record_bytes", size), F_UINT("limit_bytes", n->limit.now),
                 F_STR("advice", "raise message.max.bytes of the brokers and max.message.bytes of the topic, or set "
                                 "producer::max_message_bytes to them"),
                 F_UINT("repeated", complaint_taken(&n->too_large)));
}

static void refuse_large(struct kafka_export *e, struct kafka_piece *p, uint64_t size, bool here)
{
    const struct kafka_exporter *n = e->node;
    char why[200];

    snprintf(why, sizeof(why),
             here ? "one item of %llu bytes is larger than producer::max_message_bytes has room for (%llu): raise it"
                  : "one item of %llu bytes is larger than the brokers take (%llu are configured here): raise their "
                    "message.max.bytes",
             (unsigned long long)size, (unsigned long long)n->limit.most);
    kafka_export_refused(e, p, "too_large", why);
}

static void refuse_lost(struct kafka_export *e, struct kafka_piece *p)
{
    char why[200];

    snprintf(why, sizeof(why),
             "what several items are in (resource, scope, metric) makes each of them alone larger than "
             "producer::max_message_bytes has room for (%llu): raise it",
             (unsigned long long)e->node->limit.most);
    kafka_export_refused(e, p, "too_large", why);
}

static void refuse_resource(struct kafka_export *e, struct kafka_piece *p)
{
    char why[200];

    snprintf(why, sizeof(why),
             "the resource of several items is alone larger as JSON than producer::max_message_bytes has room for "
             "(%llu): raise it",
             (unsigned long long)e->node->limit.most);
    kafka_export_refused(e, p, "too_large", why);
}

/* As JSON a resource may be longer than a record, which cutting does not help: those that follow of what is being cut,
 * and are of it, are not tried one by one. */
static void refuse_alike(struct kafka_export *e, const struct kafka_piece *p)
{
    struct kafka_piece *last = e->pieces.n > 0 ? &e->pieces.v[e->pieces.n - 1] : NULL, rest, same;
    struct bytes resource = kafka_split_first(p->batch);
    struct batch *all;

    if (last == NULL || last->cutter == NULL || !kafka_resource_is_long(e->node, p->batch->signal, resource))
        return;
    rest = same = *last;
    same.cutter = NULL;
    e->pieces.n--;
    all = batch_cutter_rest(last->cutter);
    kafka_split_leading(all, resource, &same.batch, &rest.batch);
    batch_unref(all);
    free_piece(last);
    if (rest.batch != NULL) {
        rest.cutter = batch_cutter_new(rest.batch, rest.most, largest_batch(e->node), e->node->node.host->budget);
        push_piece(e, &rest);
    }
    if (same.batch != NULL)
        refuse_resource(e, &same);
}

void kafka_export_too_long(struct kafka_export *e, struct kafka_piece *p, uint64_t size)
{
    double share = (double)e->node->limit.most / (double)size * 0.9;

    if (is_divisible(p)) {
        cut_piece(e, p, (uint64_t)((double)p->batch->bytes * share));
    } else {
        refuse_alike(e, p);
        refuse_large(e, p, size, true);
    }
}

void kafka_export_too_large(struct kafka_export *e, struct kafka_piece *p, uint64_t size)
{
    struct kafka_exporter *n = e->node;

    if (is_divisible(p)) {
        if (request_limit_refused(&n->limit, size, 0, clock_mono(&n->node.host->loop->clock)))
            complain_size(n, size);
        cut_piece(e, p, p->batch->bytes / 2);
    } else if (!p->alone) {
        p->alone = true;
        push_piece(e, p);
    } else {
        refuse_large(e, p, size, false);
    }
}

/* ---- sending ---- */

/* What has not been begun waits for the next attempt. */
static void give_up_pieces(struct kafka_export *e)
{
    while (e->pieces.n > 0) {
        struct kafka_piece p = e->pieces.v[--e->pieces.n];

        if (p.cutter != NULL)
            p = next_piece(e, &p, true);
        kafka_export_failed(e, &p, e->failure.reason, e->failure.why);
    }
}

/* False: the data names one that is none, and the piece is refused. */
static bool name_topic(struct kafka_export *e, struct kafka_piece *p)
{
    char why[400];

    p->name = e->topic;
    if (p->name != NULL)
        return true;
    p->name = p->topic.len == 0 ? e->node->topic : kafka_topics_find(&e->node->topics, p->topic, why, sizeof(why));
    if (p->name == NULL)
        kafka_export_refused(e, p, "no_topic", why);
    return p->name != NULL;
}

static void split_piece(struct kafka_export *e, struct kafka_piece *p)
{
    struct kafka_exporter *n = e->node;
    kafka_pieces out = { 0 };

    if (n->split.by != KAFKA_BY_ITEM && is_divisible(p) && p->batch->bytes > n->limit.now) {
        cut_piece(e, p, n->limit.now);
        return;
    }
    if (n->split.by != KAFKA_BY_ITEM)
        kafka_split(&n->split, p->batch, n->node.host->budget, &out);
    else if (kafka_split_items(&n->split, p->batch, &e->walk, ITEMS_AT_ONCE, &out))
        push_piece(e, &(struct kafka_piece){ .batch = batch_ref(p->batch) }); /* the rest, behind them */
    while (out.n > 0) {
        struct kafka_piece *piece = &out.v[--out.n];

        if (!piece->ready || name_topic(e, piece))
            push_piece(e, piece);
    }
    vec_free(&out);
    batch_unref(p->batch);
}

/* Records repeat resources: what was written for those under way stays within a share of the budget. One record may
 * always be under way, and its report goes on from here. */
static bool must_wait(const struct kafka_exporter *n)
{
    const struct budget *budget = host_budget(n->node.host, n->node.signal);

    return n->copied > 0 && (n->copied > budget_most(budget) / COPIED_PART || budget_room(budget) == 0);
}

/* The next piece of the first export that has one. False: none has, or nothing may be sent for now. */
bool kafka_export_step(void *node)
{
    struct kafka_exporter *n = node;
    struct kafka_export *e = list_first(&n->working, struct kafka_export, working);
    struct kafka_piece p;

    if (e == NULL || n->full)
        return false;
    if (e->failure.verdict == VERDICT_RETRY) {
        give_up_pieces(e);
    } else if (must_wait(n)) {
        return false;
    } else {
        p = e->pieces.v[--e->pieces.n];
        if (p.cutter != NULL) {
            p = next_piece(e, &p, false);
            push_piece(e, &p);
        } else if (p.lost) {
            refuse_lost(e, &p);
        } else if (!p.ready) {
            split_piece(e, &p);
        } else if (kafka_produce(n, e, &p) == KAFKA_FULL) {
            *vec_push(&e->pieces) = p;
            n->full = true;
            return false;
        }
    }
    if (e->pieces.n == 0)
        list_remove(&e->working);
    kafka_export_maybe_done(e);
    return true;
}

/* What the client's metadata say of all of its records. False: they name a topic that is none. */
static bool read_metadata(struct kafka_export *e, char *why, size_t size)
{
    const struct kafka_signal_config *c = &e->node->config->signals[e->batch->signal];
    const struct metadata_entry *entry;
    uint32_t at = 0;

    if (c->topic_from_metadata_key[0] != '\0' &&
        (entry = metadata_find(e->batch->metadata, bytes_str(c->topic_from_metadata_key), &at)) != NULL) {
        e->topic = kafka_topics_find(&e->node->topics, entry->value, why, size);
        if (e->topic == NULL)
            return false;
    }
    at = 0;
    if (c->message_key_from_metadata_key[0] != '\0' &&
        (entry = metadata_find(e->batch->metadata, bytes_str(c->message_key_from_metadata_key), &at)) != NULL)
        e->key = entry->value;
    return true;
}

void kafka_export_start(struct kafka_exporter *n, struct batch *batch, struct ack *ack)
{
    struct kafka_export *e = mem_zalloc(sizeof(*e));
    struct kafka_piece all = { .batch = batch_ref(batch) };
    char why[400];

    e->node = n;
    e->ack = ack;
    e->batch = batch;
    list_init(&e->flying);
    list_push(&n->exports, &e->link);
    if (!read_metadata(e, why, sizeof(why))) {
        kafka_export_refused(e, &all, "no_topic", why);
        kafka_export_maybe_done(e);
        return;
    }
    if (n->split.by == KAFKA_BY_ITEM)
        e->settled = mem_zalloc(batch->items);
    push_piece(e, &all);
    slicer_start(n->slicer);
}
