/* SPDX-License-Identifier: Apache-2.0 */
/* Fragments are taken from the front until a batch is full, sorted by resource and scope, measured, and written into a
 * new block, which goes on as a batch; when its answer is there the next one is made. */
#include "processor/tail_sampling/release.h"

#include "otlp/fields.h"

#include <stdlib.h>

#define BATCH_BYTES (1u << 20)
#define BATCH_SPANS 8192u

void release_init(struct release *r, struct node *node, struct span_store *store, struct ack *pool,
                  struct metric *outgoing, void (*on_sent)(struct release *r))
{
    *r = (struct release){ .node = node, .store = store, .pool = pool, .outgoing = outgoing, .on_sent = on_sent };
    fragments_init(&r->waiting);
}

void release_free(struct release *r)
{
    if (r->out)
        ack_cancel(&r->ack);
    fragments_free(r->store, &r->waiting);
    vec_free(&r->batch);
}

/* Those of one resource stand together, and in them those of one scope; resources and scopes in the order in which they
 * came. */
static int compare_heads(const void *a, const void *b)
{
    const struct head *x = (*(struct fragment *const *)a)->scope, *y = (*(struct fragment *const *)b)->scope;

    if (x->parent->number != y->parent->number)
        return x->parent->number < y->parent->number ? -1 : 1;
    return x->number == y->number ? 0 : x->number < y->number ? -1 : 1;
}

/* What the head adds to the batch: it stands there once. */
static size_t take_head(const struct release *r, struct head *h)
{
    if (h->batch_number == r->batch_number)
        return 0;
    h->batch_number = r->batch_number;
    return h->len;
}

static void take_batch(struct release *r)
{
    uint64_t bytes = 0;

    r->batch.n = 0;
    r->out_spans = 0;
    r->batch_number++;
    while (r->waiting.first != NULL && bytes < BATCH_BYTES && r->out_spans < BATCH_SPANS) {
        struct fragment *f = fragments_pop(&r->waiting);

        bytes += f->len + take_head(r, f->scope) + take_head(r, f->scope->parent);
        r->out_spans += f->spans;
        *vec_push(&r->batch) = f;
    }
    qsort(r->batch.v, r->batch.n, sizeof(struct fragment *), compare_heads);
}

/* The end of the run of fragments from `i` on that share a scope, or a resource. */
static size_t scope_end(const struct release *r, size_t i)
{
    const struct head *scope = r->batch.v[i]->scope;

    while (i < r->batch.n && r->batch.v[i]->scope == scope)
        i++;
    return i;
}

static size_t resource_end(const struct release *r, size_t i)
{
    const struct head *resource = r->batch.v[i]->scope->parent;

    while (i < r->batch.n && r->batch.v[i]->scope->parent == resource)
        i++;
    return i;
}

static size_t measure_scope(const struct release *r, size_t from, size_t to)
{
    size_t len = r->batch.v[from]->scope->len;

    for (size_t i = from; i < to; i++)
        len += r->batch.v[i]->len;
    return len;
}

static size_t measure_resource(const struct release *r, size_t from, size_t to)
{
    size_t len = r->batch.v[from]->scope->parent->len;

    for (size_t i = from, end; i < to; i = end) {
        end = scope_end(r, i);
        len += pb_len_size(measure_scope(r, i, end));
    }
    return len;
}

static size_t measure_batch(const struct release *r)
{
    size_t len = 0;

    for (size_t i = 0, end; i < r->batch.n; i = end) {
        end = resource_end(r, i);
        len += pb_len_size(measure_resource(r, i, end));
    }
    return len;
}

static uint8_t *write_bytes(uint8_t *at, struct bytes b)
{
    memcpy(at, b.data, b.len);
    return at + b.len;
}

static uint8_t *write_scope(const struct release *r, uint8_t *at, size_t from, size_t to)
{
    at = pb_put_head_at(at, OTLP_RESOURCE_GROUP_SCOPES, measure_scope(r, from, to));
    at = write_bytes(at, head_bytes(r->batch.v[from]->scope));
    for (size_t i = from; i < to; i++)
        at = write_bytes(at, fragment_bytes(r->batch.v[i]));
    return at;
}

static uint8_t *write_resource(const struct release *r, uint8_t *at, size_t from, size_t to)
{
    at = pb_put_head_at(at, OTLP_REQUEST_RESOURCES, measure_resource(r, from, to));
    at = write_bytes(at, head_bytes(r->batch.v[from]->scope->parent));
    for (size_t i = from, end; i < to; i = end) {
        end = scope_end(r, i);
        at = write_scope(r, at, i, end);
    }
    return at;
}

static struct batch *make_batch(struct release *r)
{
    size_t len = measure_batch(r);
    struct block *block = block_force(r->store->budget, len);
    uint8_t *at = block->data;

    r->out_bytes = len;
    for (size_t i = 0, end; i < r->batch.n; i = end) {
        end = resource_end(r, i);
        at = write_resource(r, at, i, end);
    }
    for (size_t i = 0; i < r->batch.n; i++)
        fragment_free(r->store, r->batch.v[i]);
    span_store_charge(r->store);
    return batch_new(SIGNAL_TRACES, block, bytes_of(block->data, len), r->out_spans,
                     clock_mono(&r->node->host->loop->clock));
}

static void complain_failure(struct release *r, const struct outcome *o)
{
    if (complaint_due(&r->complaint, &r->node->host->loop->clock))
        log_warn(&r->node->log, "Held spans are lost: what is behind refuses them",
                 F_STR("error", o->why[0] ? o->why : o->reason), F_UINT("dropped_items", r->out_spans),
                 F_UINT("repeated", complaint_taken(&r->complaint)));
}

static void on_settled(struct ack *ack, const struct outcome *outcome)
{
    struct release *r = container_of(ack, struct release, ack);

    r->out = false;
    if (outcome->verdict != VERDICT_SAFE)
        complain_failure(r, outcome);
    else if (complaint_over(&r->complaint))
        log_info(&r->node->log, "Sending works again");
    release_advance(r);
    r->on_sent(r);
}

void release_advance(struct release *r)
{
    struct batch *batch;

    if (r->out || r->waiting.first == NULL)
        return;
    take_batch(r);
    batch = make_batch(r);
    r->out = true;
    ack_init(&r->ack, &r->node->host->loop->turn, r->node->ledger, 0, false, on_settled);
    ack_move(r->pool, &r->ack, r->out_spans);
    metric_add(r->outgoing, r->out_spans);
    consumer_send(r->node->out[SIGNAL_TRACES], batch, &r->ack);
}
