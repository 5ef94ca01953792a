/* SPDX-License-Identifier: Apache-2.0 */
/* The queue on disk. What is appended is also kept in memory as long as attempts keep up; when they fall behind, it is
 * on disk alone and read back in order when its turn comes. */
#include "queue/sender_inside.h"

#include "base/mem.h"
#include "codec/pb.h"
#include "otlp/metadata.h"
#include "otlp/validate.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define WINDOW (16ull * 1024 * 1024) /* bytes in the queue that are kept in memory too */
#define READ_WINDOW (4ull * 1024 * 1024)
#define READ_AGAIN (1 * NS_PER_S)

/* One batch on its way to the disk. */
struct append {
    struct wal_append a;
    struct sender *sender;
    struct batch *batch;
    struct ack *ack;
    struct buf front; /* what stands before the request's bytes */
    struct bytes parts[];
};

/* The record: length of what is known of the client, that, the request. */
static void put_front(struct buf *out, const struct metadata *m)
{
    uint32_t len = 0;

    buf_append(out, &len, sizeof(len));
    for (uint32_t i = 0; m != NULL && i < m->n; i++) {
        pb_put_bytes(out, 1, m->entries[i].name);
        pb_put_bytes(out, 2, m->entries[i].value);
    }
    len = (uint32_t)(out->len - sizeof(len));
    memcpy(out->data, &len, sizeof(len));
}

static struct metadata *read_front(struct bytes front)
{
    VEC(struct metadata_entry) entries = { 0 };
    struct metadata_entry e = { 0 };
    struct pb_reader r = pb_reader(front);
    struct metadata *m;

    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.wire != PB_LEN)
            continue;
        if (f.number == 1) {
            e.name = f.bytes;
        } else {
            e.value = f.bytes;
            *vec_push(&entries) = e;
        }
    }
    m = metadata_new(entries.v, (uint32_t)entries.n);
    vec_free(&entries);
    return m;
}

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

/* It is on disk. */
static void take_in(struct sender *s, struct append *x)
{
    ack_move(x->ack, &s->hold, x->ack->open);
    ack_safe(x->ack);
    if (s->stopping || s->behind || s->ready.bytes + x->batch->bytes > WINDOW) {
        s->behind = true;
        return;
    }
    s->newest = x->a.seq;
    sender_push(s, batch_ref(x->batch), x->a.seq, NULL);
}

static void on_appended(struct wal_append *a, int status)
{
    struct append *x = container_of(a, struct append, a);
    struct sender *s = x->sender;

    s->n_appends--;
    s->appending.requests--;
    s->appending.items -= x->batch->items;
    s->appending.bytes -= x->batch->bytes;
    if (status == 0) {
        take_in(s, x);
    } else {
        metric_add(s->enqueue_failed, x->batch->items);
        ack_fail(x->ack, VERDICT_RETRY, reason_of(status), "the queue's disk: %s", uv_strerror(status));
    }
    free_append(x);
    sender_pump(s);
}

void sender_disk_consume(struct sender *s, struct batch *batch, struct ack *ack)
{
    struct append *x = mem_zalloc(sizeof(*x) + (batch->n_segments + 1) * sizeof(x->parts[0]));
    int rc;

    x->sender = s;
    x->batch = batch;
    x->ack = ack;
    put_front(&x->front, batch->metadata);
    x->parts[0] = buf_bytes(&x->front);
    for (uint32_t i = 0; i < batch->n_segments; i++)
        x->parts[i + 1] = bytes_of(batch->segments[i].data, batch->segments[i].len);
    x->a = (struct wal_append){ .parts = x->parts,
                                .n_parts = batch->n_segments + 1,
                                .kind = (uint32_t)batch->signal,
                                .items = batch->items,
                                .on_done = on_appended };
    rc = wal_append(s->wal, &x->a);
    if (rc == 0) {
        s->n_appends++;
        s->appending.requests++;
        s->appending.items += batch->items;
        s->appending.bytes += batch->bytes;
        return;
    }
    metric_add(s->enqueue_failed, batch->items);
    if (rc == UV_EFBIG)
        ack_fail(ack, VERDICT_REJECT, "too_large", "a batch of %llu bytes is larger than the queue's files can hold",
                 (unsigned long long)batch->bytes);
    else
        ack_fail(ack, VERDICT_RETRY, "queue_full", "sending queue is full: the disk has all it may hold");
    free_append(x);
}

/* ---- reading back ---- */

/* Of what was written long ago the CRC speaks, not the program that wrote it: look again. */
static struct batch *batch_from(struct sender *s, const struct wal_read *r)
{
    struct validation v;
    struct bytes content = r->content, front;
    struct batch *b;
    uint32_t len;

    if (content.len < sizeof(len) || r->kind >= SIGNAL_COUNT)
        return NULL;
    memcpy(&len, content.data, sizeof(len));
    content = bytes_skip(content, sizeof(len));
    if (len > content.len)
        return NULL;
    front = bytes_of(content.data, len);
    content = bytes_skip(content, len);
    if (!otlp_validate((enum signal)r->kind, content, &v) || v.items != r->items)
        return NULL;
    b = batch_new((enum signal)r->kind, r->block, content, r->items, clock_mono(&s->node->host->loop->clock));
    b->metadata = read_front(front);
    return b;
}

static void lose(struct sender *s, uint64_t items)
{
    s->hold.open -= items;
    ledger_drop(s->node->ledger, items, "wal_corrupt");
}

static void on_read_again(struct clock_timer *t)
{
    sender_disk_more(container_of(t, struct sender, read_timer));
}

static void take_entry(struct sender *s, struct wal_read *r)
{
    struct batch *b;

    if (s->stopping) { /* it stays where it is */
        block_unref(r->block);
        return;
    }
    b = batch_from(s, r);
    s->newest = r->seq;
    if (b != NULL) {
        sender_push(s, b, r->seq, NULL);
        return;
    }
    lose(s, r->items + wal_settle(s->wal, r->seq, 0, &(struct wal_reason){ "wal_corrupt", r->items }, 1));
    block_unref(r->block);
}

static void read_later(struct sender *s, int status)
{
    if (complaint_due(&s->unreadable, &s->node->host->loop->clock))
        log_error(&s->node->log, "Cannot read the queue on disk. Will try again.", F_STR("directory", s->directory),
                  F_STR("error", uv_strerror(status)), F_UINT("attempts", complaint_taken(&s->unreadable)));
    clock_start(&s->node->host->loop->clock, &s->read_timer, READ_AGAIN, on_read_again);
}

static void on_read(struct wal_read *r, int status)
{
    struct sender *s = container_of(r, struct sender, read);

    s->reading = false;
    if (r->lost > 0)
        lose(s, r->lost);
    if (status == 0 || status == UV_EOF)
        complaint_over(&s->unreadable);
    if (status == 0)
        take_entry(s, r);
    else if (status == UV_EOF)
        s->behind = false;
    else if (!s->stopping)
        read_later(s, status);
    sender_pump(s);
}

void sender_disk_press(struct sender *s)
{
    if (s->behind && s->due == NULL && s->ready.bytes >= WINDOW)
        sender_partitions_flush(s);
}

void sender_disk_more(struct sender *s)
{
    if (!s->behind || s->reading || s->stopping || clock_armed(&s->read_timer) ||
        s->ready.bytes >= (s->due != NULL ? READ_WINDOW : WINDOW))
        return;
    s->reading = true;
    s->read = (struct wal_read){ .after = s->newest, .budget = s->node->host->budget, .on_read = on_read };
    wal_read(s->wal, &s->read);
}

/* ---- what became of it ---- */

_Static_assert(LOSSES_MAX <= WAL_REASONS, "a state on disk has room for the reasons of one entry");

void sender_disk_settle(struct sender *s, struct queue_entry *e)
{
    struct wal_reason dropped[LOSSES_MAX];
    const struct losses *lost = &e->outcome.lost;

    for (uint32_t i = 0; i < lost->n; i++) {
        snprintf(dropped[i].reason, sizeof(dropped[i].reason), "%s", lost->v[i].reason);
        dropped[i].items = lost->v[i].items;
    }
    lose(s, wal_settle(s->wal, e->seq, e->items - losses_total(lost), dropped, lost->n));
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
    if (n == ARRAY_LEN(known))
        return "before_restart";
    known[n] = mem_strdup(reason);
    return known[n];
}

/* The ledger goes on where it was. */
static void take_totals(struct sender *s)
{
    const struct wal_totals *t = wal_totals(s->wal);
    struct ledger *l = s->node->ledger;

    ledger_receive(l, t->appended);
    ledger_deliver(l, t->delivered);
    for (uint32_t i = 0; i < t->n_dropped; i++)
        ledger_drop(l, t->dropped[i].items, static_reason(t->dropped[i].reason));
    l->durable = true;
    s->hold.open = l->held;
    s->behind = wal_held(s->wal).records > 0;
}

int sender_disk_start(struct sender *s, struct error *err)
{
    struct host *host = s->node->host;
    struct wal_options o = {
        .directory = s->options.directory,
        .max_bytes = s->options.max_disk_bytes,
        .sync = !s->options.no_sync,
    };
    int rc = wal_open(&s->wal, host->loop, &s->node->log, &o, err);

    if (rc != 0)
        return error_wrap(err, "the queue on disk");
    take_totals(s);
    if (s->behind)
        log_info(&s->node->log, "Batches of before the start are on disk, and go first",
                 F_UINT("batches", wal_held(s->wal).records), F_UINT("items", s->node->ledger->held));
    sender_pump(s);
    return 0;
}

static void on_closed(void *arg)
{
    struct sender *s = arg;

    s->wal = NULL;
    sender_maybe_stopped(s);
}

void sender_disk_stop(struct sender *s)
{
    struct wal *w = s->wal;

    if (s->reading)
        wal_read_cancel(w, &s->read);
    s->reading = false;
    clock_stop(&s->node->host->loop->clock, &s->read_timer);
    if (s->closing)
        return;
    s->closing = true;
    wal_close(w, on_closed, s);
}
