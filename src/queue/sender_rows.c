/* SPDX-License-Identifier: Apache-2.0 */
/* Checks in the words of the Go collector, and sending_queue_new(), which makes of the options what the sender takes. A
 * queue on disk has a directory of its own below the storage's, called after exporter and signal; what cannot stand in
 * a file's name is written as its number. */
#include "queue/sender_rows.h"

#include "base/buf.h"
#include "base/mem.h"
#include "otlp/metadata.h"
#include "pipeline/storage.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *const sizers[] = { "requests", "items", "bytes", NULL };

enum { BATCH_SIZER_UNSET, BATCH_SIZER_ITEMS, BATCH_SIZER_BYTES };
static const char *const batch_sizers[] = { "", "items", "bytes", NULL };

static const struct option partition_options[] = {
    OPT_STRINGS(struct sending_partition_config, metadata_keys, "[]",
                "Clients whose metadata differ in one of these keys are batched apart. Only these keys go on."),
    OPT_END,
};

static const struct option batch_options[] = {
    OPT_DURATION(struct sending_batch_config, flush_timeout, "200ms", NULL, NULL,
                 "The longest that something waits for more."),
    OPT_INT(
        struct sending_batch_config, min_size, "8192", NULL, NULL,
        "Size at which a batch is sent without waiting for flush_timeout, in units of sizer; 0 sends each on at once."),
    OPT_INT(struct sending_batch_config, max_size, "0", NULL, NULL,
            "Larger batches are cut; 0 leaves them whole. At least min_size."),
    OPT_ENUM(struct sending_batch_config, sizer, batch_sizers, "",
             "What min_size and max_size count: items or bytes. Empty: bytes where the queue's sizer is that, else "
             "items."),
    OPT_GROUP(struct sending_batch_config, partition, struct sending_partition_config, partition_options, GROUP_PLAIN,
              "What may not go together."),
    OPT_END,
};

const struct option sending_queue_options[] = {
    OPT_INT(struct sending_queue_config, num_consumers, "10", NULL, "1000", "Batches being sent at one time."),
    OPT_INT(struct sending_queue_config, queue_size, "1000", NULL, NULL,
            "What the queue may hold, in units of sizer, including what is being sent."),
    OPT_ENUM(struct sending_queue_config, sizer, sizers, "requests",
             "What queue_size counts: batches, items (spans, data points, log records) or bytes."),
    OPT_BOOL(struct sending_queue_config, block_on_overflow, "false",
             "When the queue is full, senders wait; otherwise they are told to retry."),
    OPT_BOOL(struct sending_queue_config, wait_for_result, "false",
             "Senders wait until their batch is exported. With retry_on_failure::enabled false they always do."),
    OPT_EXTENSION(struct sending_queue_config, storage, CAPABILITY_STORAGE,
                  "Keep the queue on disk: the id of a file_storage extension. What was accepted survives restarts."),
    OPT_GROUP(
        struct sending_queue_config, batch, struct sending_batch_config, batch_options, GROUP_DEFAULT,
        "Merge and cut what is in the queue before it is sent. What was accepted is in the queue already, so with "
        "storage nothing is lost while it waits for more, as it would be in the batch processor."),
    OPT_END,
};

static enum sender_sizer sizer_of(const struct sending_batch_config *b)
{
    return b->sizer == BATCH_SIZER_BYTES ? SIZER_BYTES : SIZER_ITEMS;
}

void sending_queue_finish(struct sending_queue_config *c, struct check *ck)
{
    if (c->batch.sizer == BATCH_SIZER_UNSET && c->on && c->batch.on)
        c->batch.sizer = c->sizer == SIZER_BYTES && !check_is_bare(ck, "sending_queue::batch") ? BATCH_SIZER_BYTES
                                                                                               : BATCH_SIZER_ITEMS;
}

static void check_batch(const struct sending_queue_config *q, const struct sending_batch_config *b, struct check *ck)
{
#define PATH "sending_queue::batch::"
    if (b->flush_timeout.ns <= 0)
        check_fail(ck, PATH "flush_timeout", "`flush_timeout` must be positive, found %lld",
                   (long long)b->flush_timeout.ns);
    if (b->min_size < 0)
        check_fail(ck, PATH "min_size", "`min_size` must be non-negative, found %lld", (long long)b->min_size);
    if (b->max_size < 0)
        check_fail(ck, PATH "max_size", "`max_size` must be non-negative, found %lld", (long long)b->max_size);
    if (b->max_size > 0 && b->max_size < b->min_size)
        check_fail(ck, PATH "max_size", "`max_size` (%lld) must be greater or equal to `min_size` (%lld)",
                   (long long)b->max_size, (long long)b->min_size);
    if ((int)sizer_of(b) == q->sizer && b->min_size > q->queue_size)
        check_fail(ck, PATH "min_size", "`min_size` must be less than or equal to `queue_size`");
    metadata_check(&b->partition.metadata_keys, PATH "partition::metadata_keys", ck);
#undef PATH
}

void sending_queue_check(const struct sending_queue_config *c, struct check *ck)
{
    if (!c->on)
        return;
    if (c->num_consumers <= 0)
        check_fail(ck, "sending_queue::num_consumers", "`num_consumers` must be positive");
    if (c->queue_size <= 0)
        check_fail(ck, "sending_queue::queue_size", "`queue_size` must be positive");
    if (c->wait_for_result && c->storage[0] != '\0')
        check_fail(ck, "sending_queue::wait_for_result",
                   "`wait_for_result` is not supported with a persistent queue configured with `storage`");
    if (c->batch.on)
        check_batch(c, &c->batch, ck);
}

bool sending_queue_keeps(const struct sending_queue_config *c)
{
    return c->on && c->storage[0] != '\0';
}

/* As a file's name: what is not a letter, digit, dot, dash or underscore becomes ~XXXX. */
static void put_escaped(struct buf *out, const char *s)
{
    for (; *s != '\0'; s++)
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_", *s) != NULL)
            buf_putc(out, *s);
        else
            buf_printf(out, "~%04X", (unsigned)(uint8_t)*s);
}

static void put_directory(struct buf *out, const struct node *node, const struct storage *storage)
{
    buf_printf(out, "%s/exporter_", storage->directory);
    put_escaped(out, node->id);
    buf_printf(out, "_%s", signal_table[node->signal].name);
}

bool sending_queue_directory(struct buf *out, const struct node *node, const struct sending_queue_config *c)
{
    const struct storage *storage = sending_queue_keeps(c) ? node->host->find_storage(node, c->storage) : NULL;

    if (storage != NULL)
        put_directory(out, node, storage);
    return storage != NULL;
}

void sending_queue_put_name(struct buf *out, const char *text)
{
    put_escaped(out, text);
}

void sending_queue_fill(const struct sending_queue_config *c, struct sender_options *o)
{
    o->queue_size = (uint64_t)c->queue_size;
    o->sizer = (enum sender_sizer)c->sizer;
    o->consumers = (uint32_t)c->num_consumers;
    o->block_on_overflow = c->block_on_overflow;
    o->wait_for_result = c->wait_for_result;
    o->batch = (struct sender_batch){
        .on = c->batch.on,
        .in_bytes = sizer_of(&c->batch) == SIZER_BYTES,
        .flush = (uint64_t)c->batch.flush_timeout.ns,
        .least = (uint64_t)c->batch.min_size,
        .most = (uint64_t)c->batch.max_size,
        .keys = c->batch.partition.metadata_keys,
    };
}

struct sender *sending_queue_new(struct node *node, const struct sending_queue_config *c, struct sender_options o)
{
    const struct storage *storage = c->storage[0] != '\0' ? node->host->find_storage(node, c->storage) : NULL;
    struct buf path = { 0 };
    struct sender *s;

    sending_queue_fill(c, &o);
    if (storage != NULL) {
        put_directory(&path, node, storage);
        if (o.member != NULL)
            buf_printf(&path, "/%s", o.member);
        o.disk = (struct wal_options){ .directory = buf_cstr(&path),
                                       .max_bytes = storage->max_bytes,
                                       .sync = storage->fsync };
    }
    s = sender_new(node, &o);
    buf_free(&path);
    return s;
}
