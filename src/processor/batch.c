/* SPDX-License-Identifier: Apache-2.0 */
/* The batch processor: gathers small batches into large ones, and cuts too large ones.
 *
 * Nothing is copied: a merged batch is a list of the segments of those it was made of. With metadata_keys, clients
 * whose metadata differ in those keys are batched apart, each by a batcher (batch_shard.c) of its own.
 * Batches that cannot be merged (profiles) go through one by one, with the sender's own ack. */
#include "base/mem.h"
#include "otlp/metadata_table.h"
#include "processor/batch_shard.h"
#include "queue/batch_bounds.h"

#include <assert.h>
#include <stdlib.h>
#include <strings.h>

#define UINT32_LIMIT "4294967295"
#define KEY_COST 512 /* bytes charged for a shard beside its key: the struct, its metadata, table slots */

static const char *const hold_acks[] = { "auto", "true", "false", NULL }; /* enum hold_ack */

static const struct option options[] = {
    OPT_DURATION(struct batch_config, timeout, "200ms", "0s", NULL,
                 "The longest time an item waits here; 0s sends each batch on at once."),
    OPT_UINT(struct batch_config, send_batch_size, "8192", "0", UINT32_LIMIT,
             "Number of items at which a batch is sent without waiting for timeout; 0 sends each batch on at once."),
    OPT_UINT(struct batch_config, send_batch_max_size, "0", "0", UINT32_LIMIT,
             "Larger batches are cut; 0 leaves them whole. At least send_batch_size."),
    OPT_STRINGS(struct batch_config, metadata_keys, "[]",
                "Clients whose metadata differ in one of these keys are batched apart. Only these keys go on."),
    OPT_UINT(struct batch_config, metadata_cardinality_limit, "1000", "0", UINT32_LIMIT,
             "Most combinations of metadata values; batches of any further one are refused. 0 = no limit."),
    OPT_ENUM(
        struct batch_config, hold_ack, hold_acks, "auto",
        "Answer senders when their items are safe, not when they are in the batch: they wait up to timeout longer, "
        "and a failure goes back to them. Otherwise what is refused for now is sent again, and what is refused for "
        "good, or by one of several exporters, is lost. auto: where an exporter behind has its queue "
        "on disk or writes files, for what is only in the batch would not survive a kill -9.",
        .nocase = true),
    OPT_END,
};

static const struct metric_row row_size_sends =
    METRIC_ROW_AT(LEVEL_NORMAL, "otelcol_processor_batch_batch_size_trigger_send", METRIC_COUNTER, "{times}",
                  "Number of times the batch was sent due to a size trigger.");
static const struct metric_row row_timeout_sends =
    METRIC_ROW_AT(LEVEL_NORMAL, "otelcol_processor_batch_timeout_trigger_send", METRIC_COUNTER, "{times}",
                  "Number of times the batch was sent due to a timeout trigger.");
static const struct metric_row row_send_size =
    METRIC_ROW_AT(LEVEL_NORMAL, "otelcol_processor_batch_batch_send_size", METRIC_HISTOGRAM, "{units}",
                  "Number of units in the batch.", METRIC_BOUNDS(batch_item_bounds));
static const struct metric_row row_send_bytes = METRIC_ROW_AT(
    LEVEL_DETAILED, "otelcol_processor_batch_batch_send_size_bytes", METRIC_HISTOGRAM, "By",
    "Number of bytes in the batch that was sent. Only shown at level detailed.", METRIC_BOUNDS(batch_byte_bounds));
static const struct metric_row row_cardinality =
    METRIC_ROW_AT(LEVEL_NORMAL, "otelcol_processor_batch_metadata_cardinality", METRIC_GAUGE, "{combinations}",
                  "Number of distinct metadata value combinations being processed.");
static const struct metric_row *const metric_rows[] = {
    &row_size_sends, &row_timeout_sends, &row_send_size, &row_send_bytes, &row_cardinality, NULL,
};

struct keyed_shard {
    struct shard shard;
    struct metadata_member member;
};

struct batch_node {
    struct node node;
    const struct batch_config *config;
    struct batch_meters meters;
    struct complaint complaint;
    struct list unused;           /* arrivals */
    struct shard *single;         /* without metadata_keys */
    struct metadata_table shards; /* else: keyed ones */
    struct complaint too_many;
    size_t flushing; /* shards that are not idle yet, and one while stop() runs */
    void (*stopped)(struct node *node);
};

static struct batch_node *batch_node_of(struct node *node)
{
    return container_of(node, struct batch_node, node);
}

static void on_idle(struct shard *s);

static void begin_shard(struct batch_node *n, struct shard *s)
{
    shard_init(s, &n->node, n->config, &n->meters, &n->unused, &n->complaint);
    s->on_idle = on_idle;
}

static uint64_t cost_of(const struct keyed_shard *s)
{
    return sizeof(*s) + 2 * s->member.key.len + KEY_COST;
}

/* The shard for this client; NULL when there would be too many. */
static struct shard *shard_for(struct batch_node *n, const struct metadata *m)
{
    uint64_t limit = n->config->metadata_cardinality_limit;
    struct metadata_member *member = metadata_table_find(&n->shards, m);
    struct keyed_shard *s;

    if (member != NULL)
        return &container_of(member, struct keyed_shard, member)->shard;
    if (limit > 0 && n->shards.n >= limit)
        return NULL;
    s = mem_zalloc(sizeof(*s));
    metadata_table_add(&n->shards, &s->member, m);
    begin_shard(n, &s->shard);
    s->shard.metadata = s->member.metadata;
    budget_charge(n->node.host->budget, cost_of(s));
    return &s->shard;
}

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct batch_node *n = batch_node_of(container_of(self, struct node, in));
    struct shard *s;

    if (!signal_table[batch->signal].mergeable || batch->items == 0) {
        consumer_send(n->node.out[batch->signal], batch, ack);
        return;
    }
    s = n->single != NULL ? n->single : shard_for(n, batch->metadata);
    if (s != NULL) {
        shard_take(s, batch, ack);
        return;
    }
    batch_unref(batch);
    if (complaint_due(&n->too_many, &n->node.host->loop->clock))
        log_warn(&n->node.log, "Refusing data: too many batcher metadata-value combinations",
                 F_UINT("metadata_cardinality_limit", n->config->metadata_cardinality_limit),
                 F_UINT("repeated", complaint_taken(&n->too_many)));
    ack_fail(ack, VERDICT_REJECT, "metadata_cardinality", "too many batcher metadata-value combinations");
}

static void check(const void *config, struct check *ck)
{
    const struct batch_config *c = config;

    if (c->send_batch_max_size > 0 && c->send_batch_max_size < c->send_batch_size)
        check_fail(ck, "send_batch_max_size", "send_batch_max_size must be greater or equal to send_batch_size");
    metadata_check(&c->metadata_keys, "metadata_keys", ck);
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct batch_node *n = batch_node_of(node);
    struct metrics *m = node->host->metrics;
    const struct metric_label label = { "processor", node->id };

    (void)err;
    node->in.consume = consume;
    n->config = config;
    n->meters = (struct batch_meters){
        .size_sends = metrics_get(m, &row_size_sends, &label, 1),
        .timeout_sends = metrics_get(m, &row_timeout_sends, &label, 1),
        .send_size = metrics_get(m, &row_send_size, &label, 1),
        .send_bytes = node->host->level >= LEVEL_DETAILED ? metrics_get(m, &row_send_bytes, &label, 1) : NULL,
        .cardinality = metrics_get(m, &row_cardinality, &label, 1),
    };
    list_init(&n->unused);
    metadata_table_init(&n->shards, &n->config->metadata_keys);
    if (n->config->metadata_keys.n == 0) {
        n->single = mem_alloc(sizeof(*n->single));
        begin_shard(n, n->single);
    }
    return 0;
}

static void shard_flushed(struct batch_node *n)
{
    assert(n->flushing > 0);
    if (--n->flushing == 0)
        n->stopped(&n->node);
}

static void on_idle(struct shard *s)
{
    shard_flushed(batch_node_of(s->node));
}

static void flush_shard(struct batch_node *n, struct shard *s)
{
    n->flushing++;
    shard_flush(s);
}

static void stop(struct node *node, uint64_t deadline, void (*done)(struct node *node))
{
    struct batch_node *n = batch_node_of(node);

    (void)deadline;
    n->stopped = done;
    n->flushing = 1;
    if (n->single != NULL)
        flush_shard(n, n->single);
    list_each (struct keyed_shard, s, &n->shards.members, member.link)
        flush_shard(n, &s->shard);
    shard_flushed(n);
}

static void destroy(struct node *node)
{
    struct batch_node *n = batch_node_of(node);
    struct arrival *a;

    if (n->single != NULL)
        shard_close(n->single);
    free(n->single);
    list_each (struct keyed_shard, s, &n->shards.members, member.link) {
        budget_give(node->host->budget, cost_of(s));
        shard_close(&s->shard);
        metadata_table_remove(&n->shards, &s->member);
        free(s);
    }
    metadata_table_free(&n->shards);
    while ((a = list_pop(&n->unused, struct arrival, link)) != NULL)
        free(a);
}

extern const struct component batch_processor;
const struct component batch_processor = {
    COMPONENT_TYPE("batch", COMPONENT_PROCESSOR, .signals = SIGNAL_ALL, .stability = "beta"),
    .spread = SPREAD_EACH,
    .summary = "Gathers small batches into large ones, and cuts too large ones.",
    .safe =
        "In the batch, in memory, until what is behind takes it; with hold_ack: what the exporters behind say of it.",
    COMPONENT_CONFIG(struct batch_config, options, .check = check),
    .metrics = metric_rows,
    COMPONENT_NODE(struct batch_node, .create = create, .stop = stop, .destroy = destroy),
};
