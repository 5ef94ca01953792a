/* SPDX-License-Identifier: Apache-2.0 */
/* The queue on disk: a log (wal/) that holds every entry from its append until it is settled.
 *
 * put() appends a batch; when the sync is back, its sender is answered, and the batch becomes an entry from memory, for
 * it is still there. As long as attempts keep up nothing is ever read. When they fall behind, and memory holds a window
 * of it, the store is `behind`: what is appended from then on is on disk alone, and next() reads it back in order, a
 * record at a time, as the partitions empty. At the end of what there is to read it has caught up. part() marks items
 * of a record as settled, with what became of them: after a restart an entry is what is left of its record.
 *
 * An append that fails answers RETRY: nothing is taken that is not safe. A read that fails is tried again every second,
 * with a line in the log. What is damaged, or no batch any more, is dropped{wal_corrupt}. At the start the
 * ledger takes over the log's totals, and what is held is read from the front. */
#include "queue/disk_store.h"

#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define WINDOW (16ull * 1024 * 1024) /* bytes in the queue that are kept in memory too */
#define WIDE_WINDOW (4 * WINDOW)     /* while there is something to send, and the budget is BUDGET_PARTS times that */
#define BUDGET_PARTS 16
#define READ_WINDOW (4ull * 1024 * 1024)
#define FRONT 4096u /* of a record: what its front takes, for who asks for room */
#define READ_AGAIN (1 * NS_PER_S)

static struct disk_store *disk_of(struct store *st)
{
    return container_of(st, struct disk_store, store);
}

/* One batch on its way to the disk. */
struct append {
    struct wal_append a;
    struct disk_store *store;
    struct batch *batch;
    struct ack *ack;
    struct buf front; /* what stands before the request's bytes */
    struct bytes parts[];
};

static void free_append(struct append *x)
{
    batch_unref(x->batch);
    buf_free(&x->front);
    free(x);
}

static const char *reason_of(int status)
{
    return status == UV_ENOSPC ? "storage_full" : "storage_failed";
}

/* All that one sync has brought is here at once, so that a narrow window would be full though everything flows. */
static uint64_t window_of(const struct sender *s)
{
    uint64_t part = budget_limit(s->node->host->budget) / BUDGET_PARTS;

    if (list_empty(&s->due) || part < WINDOW)
        return WINDOW;
    return part < WIDE_WINDOW ? part : WIDE_WINDOW;
}

/* It is on disk. */
static void take_in(struct disk_store *d, struct append *x)
{
    struct sender *s = d->store.sender;

    health_ok(&s->node->health[HEALTH_DISK], clock_mono(&s->node->host->loop->clock));
    ack_move(x->ack, &s->hold, x->ack->open);
    ack_safe(x->ack);
    if (s->stopping || d->behind || s->ready.bytes + x->batch->bytes > window_of(s)) {
        d->behind = true;
        return;
    }
    d->newest = x->a.seq;
    sender_push(s, batch_ref(x->batch), x->a.seq, NULL);
}

static void tell_disk(struct sender *s, const char *what, int status)
{
    char text[160];

    snprintf(text, sizeof(text), "%s: %s", what, uv_strerror(status));
    health_fail(&s->node->health[HEALTH_DISK], clock_mono(&s->node->host->loop->clock), HEALTH_RECOVERABLE, text);
}

static void fail_append(struct sender *s, struct append *x, int status)
{
    tell_disk(s, "cannot write to the queue on disk", status);
    metric_add(s->enqueue_failed, x->batch->items);
    ack_fail(x->ack, VERDICT_RETRY, reason_of(status), "the queue's disk: %s", uv_strerror(status));
}

static void on_appended(struct wal_append *a, int status)
{
    struct append *x = container_of(a, struct append, a);
    struct disk_store *d = x->store;

    d->n_appends--;
    d->appending.requests--;
    d->appending.items -= x->batch->items;
    d->appending.bytes -= x->batch->bytes;
    if (status == 0)
        take_in(d, x);
    else
        fail_append(d->store.sender, x, status);
    free_append(x);
    sender_pump(d->store.sender);
}

static struct append *make_append(struct disk_store *d, struct batch *batch, struct ack *ack)
{
    struct append *x = mem_zalloc(sizeof(*x) + (batch->n_segments + 1) * sizeof(x->parts[0]));

    x->store = d;
    x->batch = batch;
    x->ack = ack;
    disk_record_front(&x->front, batch->metadata);
    x->parts[0] = buf_bytes(&x->front);
    for (uint32_t i = 0; i < batch->n_segments; i++)
        x->parts[i + 1] = bytes_of(batch->segments[i].data, batch->segments[i].len);
    x->a = (struct wal_append){ .parts = x->parts,
                                .n_parts = batch->n_segments + 1,
                                .kind = (uint32_t)batch->signal,
                                .items = batch->items,
                                .on_done = on_appended };
    return x;
}

static void refuse_append(struct sender *s, struct append *x, int rc)
{
    metric_add(s->enqueue_failed, x->batch->items);
    if (rc == UV_EFBIG)
        ack_fail(x->ack, VERDICT_REJECT, "too_large", "a batch of %llu bytes is larger than the queue's files can hold",
                 (unsigned long long)x->batch->bytes);
    else
        sender_tell_later(x->ack, "queue_full", "sending queue is full: the disk has all it may hold");
    free_append(x);
}

static void put(struct store *st, struct batch *batch, struct ack *ack)
{
    struct disk_store *d = disk_of(st);
    struct append *x = make_append(d, batch, ack);
    int rc = wal_append(d->wal, &x->a);

    if (rc != 0) {
        refuse_append(st->sender, x, rc);
        return;
    }
    d->n_appends++;
    d->appending.requests++;
    d->appending.items += batch->items;
    d->appending.bytes += batch->bytes;
}

/* ---- reading back ---- */

static void drop_lost(struct sender *s, uint64_t items)
{
    s->hold.open -= items;
    ledger_drop(s->node->ledger, items, "wal_corrupt");
}

static void drop_record(struct disk_store *d, const struct wal_read *r, uint64_t settled)
{
    uint64_t items = r->items > settled ? r->items - settled : 0;

    drop_lost(d->store.sender, items + wal_settle(d->wal, r->seq, 0, &(struct wal_reason){ "wal_corrupt", items }, 1));
}

/* Of a record, the items that are settled: their number. */
static uint64_t read_settled(const struct disk_store *d, const struct wal_read *r, item_ranges *settled)
{
    const struct wal_piece *pieces;
    uint64_t items = 0;
    size_t n;

    pieces = wal_pieces(d->wal, r->seq, &n);
    for (size_t i = 0; i < n; i++) {
        *vec_push(settled) = (struct item_range){ pieces[i].first, pieces[i].last };
        items += pieces[i].last - pieces[i].first + 1;
    }
    return items;
}

/* Whether they are pieces of such a batch. */
static bool can_be_settled(const struct batch *b, const item_ranges *settled)
{
    return settled->n == 0 || (signal_table[b->signal].mergeable && settled->v[settled->n - 1].last < b->items);
}

/* What the sums on disk take for settled comes again all the same, where a crash has cost the note of it: `items` more
 * than those of the entries that there are must be held. */
static void count_again(struct sender *s, uint64_t items)
{
    uint64_t all = s->ready.items + items, missing;

    list_each (struct attempt, a, &s->attempts, link)
        all += a->items;
    missing = all > s->hold.open ? all - s->hold.open : 0;
    ledger_receive(s->node->ledger, missing);
    s->hold.open += missing;
}

static void take_record(struct disk_store *d, const struct wal_read *r, struct batch *b)
{
    struct sender *s = d->store.sender;
    item_ranges settled = { 0 };
    uint64_t n_settled = read_settled(d, r, &settled);
    struct queue_entry *e;

    if (b != NULL && can_be_settled(b, &settled) && n_settled < r->items) {
        b = settled.n > 0 ? batch_without(b, settled.v, settled.n, d->read.budget) : b;
        count_again(s, b->items);
        e = sender_push(s, b, r->seq, NULL);
        e->recorded = r->items;
        e->settled = settled;
        return;
    }
    if (b != NULL)
        batch_unref(b);
    else
        block_unref(r->block);
    drop_record(d, r, n_settled);
    vec_free(&settled);
}

static void take_entry(struct disk_store *d, struct wal_read *r)
{

    if (d->store.sender->stopping) { /* it stays where it is */
        block_unref(r->block);
        return;
    }
    d->newest = r->seq;
    take_record(d, r, disk_record_batch(d, r));
}

static void read_more(struct disk_store *d);

static void on_read_again(struct clock_timer *t)
{
    read_more(container_of(t, struct disk_store, read_timer));
}

static void read_later(struct disk_store *d, int status)
{
    struct node *node = d->store.sender->node;
    struct clock *clock = &node->host->loop->clock;

    metric_add(d->read_failures, 1);
    tell_disk(d->store.sender, "cannot read the queue on disk", status);
    if (complaint_due(&d->unreadable, clock))
        log_error(&node->log, "Cannot read the queue on disk. Will try again.", F_STR("directory", d->directory),
                  F_STR("error", uv_strerror(status)), F_UINT("attempts", complaint_taken(&d->unreadable)));
    clock_start(clock, &d->read_timer, READ_AGAIN, on_read_again);
}

static void on_read(struct wal_read *r, int status)
{
    struct disk_store *d = container_of(r, struct disk_store, read);
    struct sender *s = d->store.sender;

    d->reading = false;
    if (r->lost > 0)
        drop_lost(s, r->lost);
    if ((status == 0 || status == UV_EOF) && complaint_over(&d->unreadable))
        health_ok(&s->node->health[HEALTH_DISK], clock_mono(&s->node->host->loop->clock));
    if (status == 0)
        take_entry(d, r);
    else if (status == UV_EOF)
        d->behind = false;
    else if (!s->stopping)
        read_later(d, status);
    sender_pump(s);
}

static void read_more(struct disk_store *d)
{
    struct sender *s = d->store.sender;

    if (!d->behind || d->reading || s->stopping || clock_armed(&d->read_timer) ||
        s->ready.bytes >= (list_empty(&s->due) ? WINDOW : READ_WINDOW))
        return;
    d->reading = true;
    d->read = (struct wal_read){ .after = d->newest,
                                 .budget = host_budget(s->node->host, s->node->signal),
                                 .on_read = on_read };
    wal_read(d->wal, &d->read);
}

/* When a batch would need more than memory has room for, it goes as it is. */
static void flush_full_window(struct disk_store *d)
{
    struct sender *s = d->store.sender;

    if (!d->behind || !list_empty(&s->due) || s->ready.bytes < WINDOW)
        return;
    sender_partitions_flush(s);
    turn_defer(&s->node->host->loop->turn, &s->pump_task);
}

static void next(struct store *st)
{
    flush_full_window(disk_of(st));
    read_more(disk_of(st));
}

/* ---- what became of it ---- */

_Static_assert(LOSSES_MAX <= WAL_REASONS, "a state on disk has room for the reasons of one entry");

/* Where in its record an item of the entry is. */
static uint64_t item_position(const struct queue_entry *e, uint64_t item)
{
    for (size_t i = 0; i < e->settled.n && e->settled.v[i].first <= item; i++)
        item += e->settled.v[i].last - e->settled.v[i].first + 1;
    return item;
}

static void part(struct store *st, const struct queue_entry *e, uint64_t first, uint64_t n, const struct losses *lost)
{
    uint64_t from = item_position(e, first), to = item_position(e, first + n - 1);
    struct wal_part known = { .seq = e->seq, .items = e->recorded, .first = from, .n = to - from + 1 };
    struct wal_reason dropped[LOSSES_MAX] = { 0 };

    for (uint32_t i = 0; i < lost->n; i++) {
        snprintf(dropped[i].reason, sizeof(dropped[i].reason), "%s", lost->v[i].reason);
        dropped[i].items = lost->v[i].items;
    }
    drop_lost(st->sender, wal_settle_part(disk_of(st)->wal, &known, n - losses_total(lost), dropped, lost->n));
}

static bool has_room(const struct store *st, uint64_t bytes)
{
    const struct disk_store *d = container_of_const(st, struct disk_store, store);

    return d->wal != NULL && wal_has_room(d->wal, bytes + FRONT);
}

static struct amount held(const struct store *st)
{
    const struct disk_store *d = container_of_const(st, struct disk_store, store);
    struct wal_held w = d->wal != NULL ? wal_held(d->wal) : (struct wal_held){ 0 };

    return (struct amount){ w.records + d->appending.requests, w.items + d->appending.items,
                            w.bytes + d->appending.bytes };
}

static uint64_t age(const struct store *st)
{
    const struct disk_store *d = container_of_const(st, struct disk_store, store);
    uint64_t oldest = d->wal != NULL ? wal_held(d->wal).oldest : 0;
    uint64_t now = clock_wall(&st->sender->node->host->loop->clock);

    return oldest != 0 && now > oldest ? now - oldest : 0;
}

/* ---- life ---- */

/* A ledger's reasons live for ever. Those that a log may hold are few: words of our own. */
static const char *static_reason(const char *reason)
{
    static char *known[64];
    size_t n = 0;

    while (n < ARRAY_LEN(known) && known[n] != NULL) {
        if (strcmp(known[n], reason) == 0)
            return known[n];
        n++;
    }
    if (strcmp(reason, SENDER_MOVED) == 0)
        return SENDER_MOVED;
    if (n == ARRAY_LEN(known))
        return "before_restart";
    known[n] = mem_strdup(reason);
    return known[n];
}

/* The same number however the path is written, and through whatever link. */
static uint64_t disk_number(const char *directory)
{
    char *real = realpath(directory, NULL);
    uint64_t number = bytes_hash(bytes_str(real != NULL ? real : directory)) | 1;

    free(real);
    return number;
}

/* The ledger goes on where it was. What was moved to other queues is in their totals. */
static void take_totals(struct disk_store *d)
{
    struct sender *s = d->store.sender;
    const struct wal_totals *t = wal_totals(d->wal);
    struct losses lost = { 0 };
    struct ledger *l = s->node->ledger;
    uint64_t before = l->held;

    ledger_receive(l, t->appended);
    ledger_deliver(l, t->delivered);
    for (uint32_t i = 0; i < t->n_dropped; i++) {
        lost = (struct losses){ .n = 1, .v = { { static_reason(t->dropped[i].reason), t->dropped[i].items } } };
        sender_book_losses(s, &lost);
    }
    l->disk = disk_number(d->directory);
    s->hold.open = l->held - before;
    d->inherited = wal_last(d->wal);
    d->behind = wal_held(d->wal).records > 0;
}

static int start(struct store *st, struct error *err)
{
    struct disk_store *d = disk_of(st);
    struct node *node = st->sender->node;
    struct wal_options o = st->sender->options.disk;
    int rc;

    o.directory = d->directory;
    rc = wal_open(&d->wal, node->host->loop, &node->log, &o, err);
    if (rc != 0)
        return error_wrap(err, "the queue on disk");
    take_totals(d);
    if (d->behind)
        log_info(&node->log, "Batches of before the start are on disk, and go first",
                 F_UINT("batches", wal_held(d->wal).records), F_UINT("items", st->sender->hold.open));
    return 0;
}

static void on_closed(void *arg)
{
    struct disk_store *d = arg;

    d->wal = NULL;
    sender_maybe_stopped(d->store.sender);
}

/* Appends are answered first: whoever waits for one is told. */
static bool stop(struct store *st)
{
    struct disk_store *d = disk_of(st);

    if (d->wal == NULL)
        return true;
    if (d->n_appends > 0)
        return false;
    if (d->reading)
        wal_read_cancel(d->wal, &d->read);
    d->reading = false;
    clock_stop(&st->sender->node->host->loop->clock, &d->read_timer);
    if (!d->closing) {
        d->closing = true;
        wal_close(d->wal, on_closed, d);
    }
    return false;
}

/* A write that has not come back. */
static const char *blocked_on(const struct node *node)
{
    const struct disk_store *d = container_of_const(node->sender->store, struct disk_store, store);

    return d->wal != NULL ? "the disk" : NULL;
}

static void free_store(struct store *st)
{
    struct disk_store *d = disk_of(st);

    clock_stop(&st->sender->node->host->loop->clock, &d->read_timer);
    disk_store_metrics_close(d);
    st->sender->node->blocked_on = NULL;
    free(d->directory);
    free(d);
}

struct store *disk_store_new(struct sender *s)
{
    static const struct store_ops ops = {
        .keeps = true,
        .start = start,
        .put = put,
        .next = next,
        .part = part,
        .stop = stop,
        .has_room = has_room,
        .held = held,
        .age = age,
        .free = free_store,
    };
    struct disk_store *d = mem_zalloc(sizeof(*d));

    d->store = (struct store){ .ops = &ops, .sender = s };
    d->directory = mem_strdup(s->options.disk.directory);
    s->node->blocked_on = blocked_on;
    disk_store_metrics_init(d);
    return &d->store;
}
