/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/sender_rows.h"

#include "base/buf.h"
#include "base/mem.h"
#include "pipeline/storage.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *const sizers[] = { "requests", "items", "bytes", NULL };

const struct option sending_queue_options[] = {
    OPT_INT(struct sending_queue_config, num_consumers, "10", NULL, "1000", "Batches on their way at one time."),
    OPT_INT(struct sending_queue_config, queue_size, "1000", NULL, NULL,
            "What the queue may hold, in units of sizer, what is on its way included."),
    OPT_ENUM(struct sending_queue_config, sizer, sizers, "requests",
             "What queue_size counts: batches, items (spans, data points, log records) or bytes."),
    OPT_BOOL(struct sending_queue_config, block_on_overflow, "false",
             "When the queue is full senders wait; else they are told to come again."),
    OPT_BOOL(struct sending_queue_config, wait_for_result, "false", "Senders wait until their batch is exported."),
    OPT_STRING(struct sending_queue_config, storage, "",
               "Keep the queue on disk: the id of a file_storage extension. What was accepted survives restarts."),
    OPT_REFUSED("batch", "batching behind the queue is not served yet: put the batch processor into the pipeline"),
    OPT_END,
};

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

struct sender *sending_queue_new(struct node *node, const struct sending_queue_config *c, struct sender_options o)
{
    const struct storage *storage = c->storage[0] != '\0' ? node_storage(node, c->storage) : NULL;
    struct buf path = { 0 };
    struct sender *s;

    o.queue_size = (uint64_t)c->queue_size;
    o.sizer = (enum sender_sizer)c->sizer;
    o.consumers = (uint32_t)c->num_consumers;
    o.block_on_overflow = c->block_on_overflow;
    o.wait_for_result = c->wait_for_result;
    if (storage != NULL) {
        buf_printf(&path, "%s/exporter_", storage->directory);
        put_escaped(&path, node->id);
        buf_printf(&path, "_%s", signal_table[node->signal].name);
        o.directory = buf_cstr(&path);
        o.max_disk_bytes = storage->max_bytes;
        o.no_sync = !storage->fsync;
    }
    s = sender_new(node, &o);
    buf_free(&path);
    return s;
}
