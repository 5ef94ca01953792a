/* SPDX-License-Identifier: Apache-2.0 */
/* The memory limiter: past the soft limit it answers RETRY until memory is back within.
 *
 * What is measured is the larger of two: the byte budget, which knows exactly what senders' data pins, and the
 * resident set, which the kernel will judge us by. All pipelines that name the same id share one checker, which looks
 * every check_interval. Between two looks the budget alone is followed, for it costs nothing to read: when it has
 * grown, or shrunk, so far that the verdict may be another, the checker looks at once. And since the budget is what
 * receivers ask before they take anything in, its limit is lowered to what leaves the process within the hard limit:
 * bodies that no processor has seen count, too.
 *
 * What senders were answered for already, by a batch in front of it say (their ack is not refusable), passes all the
 * same. It is kept in this process until it is delivered, so that to refuse it frees nothing, and where it is itself
 * the memory that lacks nothing else would ever free it. Who sends more is held off by the budget meanwhile.
 *
 * Above the soft limit a signal that uses less than its reserve of the budget still passes, so that the data of one
 * signal which nobody takes does not silence the others; above the hard limit none does.
 *
 * Above a limit it first gives free heap back to the system (what a forced collection is to the Go collector), as often
 * as the gc intervals allow: each attempt that frees less than a twentieth doubles the wait for the next, up to the
 * maximum. When much has been given back to the budget since the last attempt, there is no wait. */
#include "processor/memory_limiter.h"

#include "base/list.h"
#include "base/mem.h"
#include "base/process.h"
#include "pipeline/item_count.h"

#include <malloc.h>
#include <stdlib.h>

#define UINT32_LIMIT "4294967295"
#define MIB (1024ull * 1024)
#define STEP 64  /* of the soft limit: a change of the budget that is worth a look */
#define SLACK 16 /* of the hard limit: what the heap needs beyond what is in it */
#define LEAST 4  /* of the hard limit: the budget is not lowered below that */
#define TOO_HIGH "data refused due to high memory usage"
#define WORTH 20 /* of what is in use: less than that is not worth an attempt */

static const struct option options[] = {
    OPT_DURATION(struct memory_limiter_config, check_interval, "0s", "0s", NULL,
                 "Time between two looks at memory usage. Must be set; 1s is a good value."),
    OPT_UINT(struct memory_limiter_config, limit_mib, "0", "0", UINT32_LIMIT,
             "Hard limit in MiB. Takes precedence over limit_percentage. service::memory_budget_mib is lowered to what "
             "fits below it, so that receivers do not take in more."),
    OPT_UINT(struct memory_limiter_config, spike_limit_mib, "0", "0", UINT32_LIMIT,
             "The soft limit, above which data is refused, is this many MiB below the hard one; 0 is 20 % of it.",
             .zero = "20 % of the hard limit"),
    OPT_UINT(struct memory_limiter_config, limit_percentage, "0", "0", "100",
             "Hard limit in percent of the memory of the cgroup or machine."),
    OPT_UINT(struct memory_limiter_config, spike_limit_percentage, "0", "0", "100",
             "The same in percent of the memory; 0 is 20 % of the hard limit.", .zero = "20 % of the hard limit"),
    OPT_DURATION(
        struct memory_limiter_config, min_gc_interval_when_soft_limited, "10s", "0s", NULL,
        "Least time between two attempts to free memory while usage is above the soft limit; when much has been "
        "released meanwhile there is no wait."),
    OPT_DURATION(struct memory_limiter_config, min_gc_interval_when_hard_limited, "0s", "0s", NULL,
                 "The same above the hard limit."),
    OPT_DURATION(struct memory_limiter_config, max_gc_interval_when_soft_limited, "30s", "0s", NULL,
                 "Longest time that attempts which free little are put off; 0s does not put them off."),
    OPT_DURATION(struct memory_limiter_config, max_gc_interval_when_hard_limited, "30s", "0s", NULL,
                 "The same above the hard limit."),
    OPT_END,
};

#define LIMITER_ROWS(items, words, unit)                                                                               \
    {                                                                                                                  \
        METRIC_ROW("otelcol_processor_memory_limiter_accepted_" items, METRIC_COUNTER, "{item}",                       \
                   "Number of " words " successfully pushed into the next component in the pipeline."),                \
            METRIC_ROW("otelcol_processor_memory_limiter_refused_" items, METRIC_COUNTER, "{item}",                    \
                       "Number of " words " that were rejected by the next component in the pipeline."),               \
    }

static const struct metric_row rows[SIGNAL_COUNT][2] = SIGNAL_ITEM_ROWS(LIMITER_ROWS);

static const struct metric_row *const metric_rows[] = {
    &rows[SIGNAL_TRACES][0],   &rows[SIGNAL_TRACES][1],
    &rows[SIGNAL_METRICS][0],  &rows[SIGNAL_METRICS][1],
    &rows[SIGNAL_LOGS][0],     &rows[SIGNAL_LOGS][1],
    &rows[SIGNAL_PROFILES][0], &rows[SIGNAL_PROFILES][1],
    ITEM_COUNT_ROWS,           NULL,
};

/* Attempts to free memory above one of the limits. */
struct freeing {
    uint64_t least, most; /* ns */
    uint64_t wait;        /* until the next attempt, from the last */
};

/* One for each id. */
struct checker {
    const struct memory_limiter_config *config;
    struct memory_limits limits;
    struct host *host;
    struct logger *log;
    struct clock_timer timer;
    struct freeing soft, hard;
    uint64_t last_freed;       /* mono ns; 0 = never */
    uint64_t budget;           /* the most that it may be; 0: as it was */
    uint64_t most_used;        /* of the budget, since then, as far as looks have seen it */
    uint64_t usage, used_then; /* at the last look; of the budget then */
    enum { PASSES, PAST_SOFT, PAST_HARD } state;
    struct list users; /* nodes created; the last one frees it */
};

struct limiter {
    struct node node;
    const struct memory_limiter_config *config;
    struct checker *checker;
    struct list link; /* in the checker's users */
    struct item_count items;
    struct metric *accepted, *refused;
};

static struct limiter *limiter_of(struct node *node)
{
    return container_of(node, struct limiter, node);
}

static uint64_t ns_of(duration d)
{
    return (uint64_t)d.ns;
}

struct memory_limits memory_limits_of(const struct memory_limiter_config *c, uint64_t total)
{
    uint64_t hard = c->limit_mib > 0 ? c->limit_mib * MIB : total / 100 * c->limit_percentage;
    uint64_t spike = c->limit_mib > 0 ? c->spike_limit_mib * MIB : total / 100 * c->spike_limit_percentage;

    if (spike == 0)
        spike = hard / 5;
    return (struct memory_limits){ .soft = hard - spike, .hard = hard };
}

static uint64_t measure_usage(const struct checker *c)
{
    uint64_t rss = process_rss(), used = c->host->budget->used;

    return used > rss ? used : rss;
}

/* More has been released since the last attempt than that one could free. */
static bool is_worth_it(const struct checker *c, uint64_t usage)
{
    return c->most_used > c->host->budget->used && c->most_used - c->host->budget->used > usage / WORTH;
}

static void put_off(const struct checker *c, struct freeing *f)
{
    uint64_t step = f->wait > ns_of(c->config->check_interval) ? f->wait : ns_of(c->config->check_interval);

    if (f->most > 0)
        f->wait = 2 * step < f->most ? 2 * step : f->most;
}

/* Usage after giving back what can be given back. */
static uint64_t try_to_free(struct checker *c, uint64_t usage, struct freeing *f, const char *limit)
{
    uint64_t now = clock_mono(&c->host->loop->clock), after;

    if (c->last_freed != 0 && now - c->last_freed < f->wait && !is_worth_it(c, usage))
        return usage;
    log_at(c->log, f == &c->hard ? LOG_WARN : LOG_INFO, "Memory usage is high. Giving free memory back to the system.",
           F_STR("above", limit), F_UINT("cur_mem_mib", usage / MIB),
           F_UINT("limit_mib", (f == &c->hard ? c->limits.hard : c->limits.soft) / MIB));
    malloc_trim(0);
    c->last_freed = now;
    c->most_used = c->host->budget->used;
    after = measure_usage(c);
    if (after + usage / WORTH > usage) {
        put_off(c, &c->soft);
        put_off(c, &c->hard);
    } else {
        c->soft.wait = c->soft.least;
        c->hard.wait = c->hard.least;
    }
    log_info(c->log, "Memory usage after giving memory back.", F_UINT("cur_mem_mib", after / MIB));
    return after;
}

static void tell_health(const struct checker *c)
{
    uint64_t now = clock_mono(&c->host->loop->clock);

    list_each (struct limiter, l, &c->users, link) {
        if (c->state == PASSES)
            health_ok(&l->node.health[HEALTH_WORK], now);
        else
            health_fail(&l->node.health[HEALTH_WORK], now, HEALTH_RECOVERABLE, TOO_HIGH);
    }
}

static void check_usage(struct checker *c)
{
    uint64_t usage = measure_usage(c);
    bool refused = c->state != PASSES;

    c->used_then = c->host->budget->used;
    if (c->used_then > c->most_used)
        c->most_used = c->used_then;
    if (usage >= c->limits.hard)
        usage = try_to_free(c, usage, &c->hard, "hard limit");
    else if (usage >= c->limits.soft)
        usage = try_to_free(c, usage, &c->soft, "soft limit");
    c->usage = usage;
    if (usage >= c->limits.soft && !refused)
        log_warn(c->log, "Memory usage is above soft limit. Refusing data.", F_UINT("cur_mem_mib", usage / MIB),
                 F_UINT("limit_mib", c->limits.soft / MIB));
    if (usage < c->limits.soft && refused)
        log_info(c->log, "Memory usage back within limits. Resuming normal operation.",
                 F_UINT("cur_mem_mib", usage / MIB));
    c->state = usage >= c->limits.hard ? PAST_HARD : usage >= c->limits.soft ? PAST_SOFT : PASSES;
    if (refused || c->state != PASSES)
        tell_health(c);
}

/* The budget has changed so much since the last look that another one may find otherwise. */
static bool may_have_changed(const struct checker *c)
{
    uint64_t used = c->host->budget->used, then = c->used_then;
    uint64_t next = c->state == PASSES ? c->limits.soft : c->limits.hard;

    if (used > then)
        return used - then >= c->limits.soft / STEP && c->state != PAST_HARD && c->usage + (used - then) >= next;
    return c->state != PASSES && then - used >= c->limits.soft / STEP;
}

static bool is_refused(struct checker *c, enum signal signal, const struct ack *ack)
{
    const struct budget *share = host_budget(c->host, signal);

    if (may_have_changed(c))
        check_usage(c);
    if (!ack->refusable)
        return false;
    return c->state == PAST_HARD || (c->state == PAST_SOFT && share->used >= share->reserve);
}

static void on_tick(struct clock_timer *t)
{
    struct checker *c = container_of(t, struct checker, timer);

    clock_start(&c->host->loop->clock, t, ns_of(c->config->check_interval), on_tick);
    check_usage(c);
}

static void refuse_batch(struct limiter *l, struct batch *batch, struct ack *ack)
{
    struct outcome o = {
        .verdict = VERDICT_RETRY,
        .reason = "memory_limit",
        .retry_after_ms = (ns_of(l->checker->config->check_interval) + NS_PER_MS - 1) / NS_PER_MS,
        .why = TOO_HIGH,
    };

    metric_add(l->refused, batch->items);
    metric_add(l->items.outgoing, 0);
    batch_unref(batch);
    ack_settle(ack, &o);
}

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct limiter *l = limiter_of(container_of(self, struct node, in));
    uint64_t begun = item_count_begin(&l->items);

    metric_add(l->items.incoming, batch->items);
    if (is_refused(l->checker, batch->signal, ack)) {
        refuse_batch(l, batch, ack);
        item_count_end(&l->items, begun);
        return;
    }
    metric_add(l->accepted, batch->items);
    metric_add(l->items.outgoing, batch->items);
    item_count_end(&l->items, begun);
    consumer_send(l->node.out[batch->signal], batch, ack);
}

static void check_intervals(const struct memory_limiter_config *c, struct check *ck)
{
    int64_t min_soft = c->min_gc_interval_when_soft_limited.ns, min_hard = c->min_gc_interval_when_hard_limited.ns;
    int64_t max_soft = c->max_gc_interval_when_soft_limited.ns, max_hard = c->max_gc_interval_when_hard_limited.ns;

    if (min_soft < min_hard)
        check_fail(ck, "min_gc_interval_when_soft_limited",
                   "'min_gc_interval_when_soft_limited' should be larger than 'min_gc_interval_when_hard_limited'");
    if (max_soft > 0 && max_soft < min_soft)
        check_fail(ck, "max_gc_interval_when_soft_limited",
                   "'max_gc_interval_when_soft_limited' must be at least 'min_gc_interval_when_soft_limited', or 0");
    if (max_hard > 0 && max_hard < min_hard)
        check_fail(ck, "max_gc_interval_when_hard_limited",
                   "'max_gc_interval_when_hard_limited' must be at least 'min_gc_interval_when_hard_limited', or 0");
    if (max_soft > 0 && max_hard > 0 && max_soft < max_hard)
        check_fail(ck, "max_gc_interval_when_soft_limited",
                   "'max_gc_interval_when_soft_limited' must be at least 'max_gc_interval_when_hard_limited'");
}

static void check(const void *config, struct check *ck)
{
    const struct memory_limiter_config *c = config;

    if (c->check_interval.ns <= 0)
        check_fail(ck, "check_interval", "'check_interval' must be greater than zero; 1s is a good value");
    if (c->limit_mib == 0 && c->limit_percentage == 0)
        check_fail(ck, "limit_mib",
                   "'limit_mib' or 'limit_percentage' must be greater than zero: write limit_mib: 512, or "
                   "limit_percentage: 80");
    if (c->limit_mib > 0 && c->spike_limit_mib >= c->limit_mib)
        check_fail(ck, "spike_limit_mib", "'spike_limit_mib' must be smaller than 'limit_mib'");
    if (c->limit_percentage > 0 && c->spike_limit_percentage >= c->limit_percentage)
        check_fail(ck, "spike_limit_percentage", "'spike_limit_percentage' must be smaller than 'limit_percentage'");
    check_intervals(c, ck);
}

static struct checker *checker_new(struct node *node, const struct memory_limiter_config *config)
{
    struct checker *c = mem_zalloc(sizeof(*c));

    list_init(&c->users);
    c->config = config;
    c->host = node->host;
    c->log = &node->log;
    c->soft.least = c->soft.wait = ns_of(config->min_gc_interval_when_soft_limited);
    c->soft.most = ns_of(config->max_gc_interval_when_soft_limited);
    c->hard.least = c->hard.wait = ns_of(config->min_gc_interval_when_hard_limited);
    c->hard.most = ns_of(config->max_gc_interval_when_hard_limited);
    return c;
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct limiter *l = limiter_of(node);
    const struct metric_label label = { "processor", node->id };
    void **slot = node_shared(node);

    (void)err;
    if (*slot == NULL)
        *slot = checker_new(node, config);
    l->checker = *slot;
    l->config = config;
    list_push(&l->checker->users, &l->link);
    node->in.consume = consume;
    item_count_init(&l->items, node);
    l->accepted = metrics_get(node->host->metrics, &rows[node->signal][0], &label, 1);
    l->refused = metrics_get(node->host->metrics, &rows[node->signal][1], &label, 1);
    return 0;
}

static void apply_budget(const struct checker *c)
{
    if (c->budget > 0 && c->budget < c->host->budget->limit)
        budget_set_limit(c->host->budget, c->budget);
}

/* So that what receivers let in, with what there is already, stays below the hard limit. */
static void lower_budget(struct checker *c)
{
    uint64_t hard = c->limits.hard, least = hard / LEAST, used = c->host->budget->used, rss, other, most;

    malloc_trim(0); /* at a reload: what the graph before has freed is no part of this one */
    rss = process_rss();
    other = (rss > used ? rss - used : 0) + hard / SLACK;
    most = hard > other + least ? hard - other : least;
    c->budget = most;
    apply_budget(c);
}

/* The budget is what the configuration says again: it goes on with what was found out before. */
static void on_reload(struct node *node)
{
    apply_budget(limiter_of(node)->checker);
}

static int start(struct node *node, struct error *err)
{
    struct checker *c = limiter_of(node)->checker;
    uint64_t total = 0;

    if (clock_armed(&c->timer))
        return 0;
    if (c->config->limit_mib == 0) {
        total = process_memory_total("");
        if (total == 0)
            return error_set(err, UV_ENOENT,
                             "the memory of this machine cannot be read from /proc/meminfo; "
                             "set limit_mib instead of limit_percentage");
        log_info(c->log, "Using percentage memory limiter", F_UINT("total_memory_mib", total / MIB),
                 F_UINT("limit_percentage", c->config->limit_percentage),
                 F_UINT("spike_limit_percentage", c->config->spike_limit_percentage));
    }
    c->limits = memory_limits_of(c->config, total);
    if (c->host->workers > 1) { /* each has its part */
        c->limits.soft /= c->host->workers;
        c->limits.hard /= c->host->workers;
    }
    lower_budget(c);
    log_info(c->log, "Memory limiter configured", F_UINT("limit_mib", c->limits.hard / MIB),
             F_UINT("spike_limit_mib", (c->limits.hard - c->limits.soft) / MIB),
             F_DOUBLE("check_interval", (double)c->config->check_interval.ns / 1e9));
    clock_start(&c->host->loop->clock, &c->timer, ns_of(c->config->check_interval), on_tick);
    return 0;
}

static void destroy(struct node *node)
{
    struct limiter *l = limiter_of(node);

    if (l->checker == NULL)
        return;
    list_remove(&l->link);
    if (!list_empty(&l->checker->users)) { /* a reload has taken its pipeline, and kept others */
        struct limiter *other = list_first(&l->checker->users, struct limiter, link);

        l->checker->config = other->config;
        l->checker->log = &other->node.log;
        return;
    }
    clock_stop(&node->host->loop->clock, &l->checker->timer);
    free(l->checker);
    *node_shared(node) = NULL;
}

extern const struct component memory_limiter_processor;
const struct component memory_limiter_processor = {
    COMPONENT_TYPE("memory_limiter", COMPONENT_PROCESSOR, .signals = SIGNAL_ALL, .stability = "beta"),
    .spread = SPREAD_EACH,
    .summary = "Refuses data, and says when to come back, while memory usage is above its limit.",
    COMPONENT_CONFIG(struct memory_limiter_config, options, .check = check),
    .metrics = metric_rows,
    COMPONENT_NODE(struct limiter, .create = create, .start = start, .destroy = destroy, .on_reload = on_reload),
};
