/* SPDX-License-Identifier: Apache-2.0 */
/* Every new series asks; as long as less than half of the limit is used that is one comparison. Then the sketch of what
 * grows is kept, and from WARN_AT on the log tells of it. From RESERVE_AT on only senders that have less than an equal
 * share get more, and at 1 nobody.
 *
 * What can go wrong: senders that are ever new ones. They take the reserve too, so known series and other signals are
 * safe from them, but new ones of good senders are refused. */
#include "prom/series/series_limit.h"

#include "base/mem.h"
#include "prom/series/series_growth.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN ((size_t)300) /* bytes of the labels of a series in the log */
#define BUDGET_SHARE 2      /* series may take that part of the budget: one half */
#define WATCH_AT 0.5
#define WARN_AT 0.8
#define RESERVE_AT 0.9
#define LOOK NS_PER_S
#define FADE_EVERY 20000u /* new series */
#define NAMES_MAX 100     /* metrics and labels that are counted by name; others are `other` */

const struct metric_row series_limit_fill_row =
    METRIC_ROW("otelcd_prometheus_series_limit_fill", METRIC_GAUGE, "1",
               "How near an exporter or receiver is to the end of what series it may have: at 1 new ones are refused.",
               .sum = SHOW_MOST);
const struct metric_row series_limit_refused_row = METRIC_ROW(
    "otelcd_prometheus_series_limit_refused", METRIC_COUNTER, "{datapoints}",
    "Points of new series that were refused for max_series, by the metric and label that grew fastest just then.");

struct series_growth {
    struct growth_sketch sketch;
    struct metrics *metrics;
    struct metric_label whose;
    const struct logger *log;
    struct clock *clock;
    struct metric *fill;
    VEC(struct metric *) refused;
    struct complaint near, full;
    uint32_t fade;
    const struct series_limit *limit;
    struct series_limit_watch *watch;
    struct clock_timer looking; /* while new ones are refused */
    uint64_t refused_at;        /* mono ns: the last one */
};

/* ---- senders ---- */

static uint64_t hash_of_sender(const void *entry)
{
    return ((const struct series_sender *)entry)->hash;
}

static bool same_sender(const void *entry, const void *key)
{
    return ((const struct series_sender *)entry)->hash == *(const uint64_t *)key;
}

struct series_sender *series_sender_hold(struct series_limit *l, uint64_t hash, struct bytes job)
{
    struct series_sender *s = table_find(&l->senders, hash, same_sender, &hash);

    if (s == NULL) {
        s = mem_zalloc(sizeof(*s));
        s->hash = hash;
        if (job.len > 0)
            memcpy(s->job, job.data, job.len < sizeof(s->job) ? job.len : sizeof(s->job) - 1);
        if (!table_insert(&l->senders, s, hash)) {
            free(s);
            return NULL;
        }
        budget_charge(l->budget, sizeof(*s));
    }
    s->resources++;
    return s;
}

void series_sender_release(struct series_limit *l, struct series_sender *s)
{
    if (--s->resources > 0)
        return;
    table_remove(&l->senders, s, s->hash);
    budget_give(l->budget, sizeof(*s));
    free(s);
}

/* ---- while it refuses ---- */

static void end_refusing(struct series_growth *g)
{
    if (!clock_armed(&g->looking))
        return;
    clock_stop(g->clock, &g->looking);
    g->watch->turned(g->watch, false);
}

static void on_look(struct clock_timer *t)
{
    struct series_growth *g = container_of(t, struct series_growth, looking);
    uint64_t quiet = clock_mono(g->clock) - g->refused_at;

    clock_start(g->clock, t, LOOK, on_look);
    if (series_limit_fill(g->limit) < RESERVE_AT || quiet >= SERIES_LIMIT_QUIET)
        end_refusing(g);
    else if (quiet <= LOOK)
        g->watch->turned(g->watch, true);
}

static void tell_refused(struct series_growth *g)
{
    g->refused_at = clock_mono(g->clock);
    if (g->watch == NULL || clock_armed(&g->looking))
        return;
    clock_start(g->clock, &g->looking, LOOK, on_look);
    g->watch->turned(g->watch, true);
}

/* ---- life ---- */

void series_limit_init(struct series_limit *l, struct budget *budget)
{
    *l = (struct series_limit){ .budget = budget };
    table_init(&l->senders, hash_of_sender, budget);
}

void series_limit_tell(struct series_limit *l, struct metrics *metrics, struct metric_label whose,
                       const struct logger *log, struct clock *clock, struct series_limit_watch *watch)
{
    struct series_growth *g = l->growth = mem_zalloc(sizeof(*g));

    g->metrics = metrics;
    g->whose = whose;
    g->log = log;
    g->clock = clock;
    g->limit = l;
    g->watch = watch;
    g->fill = metrics_get(metrics, &series_limit_fill_row, &whose, 1);
    l->top = series_top_new(metrics, whose, l->budget);
}

void series_limit_free(struct series_limit *l)
{
    assert(l->series == 0 && l->bytes == 0 && l->senders.n == 0);
    table_free(&l->senders);
    series_top_free(l->top);
    l->top = NULL;
    if (l->growth == NULL)
        return;
    end_refusing(l->growth);
    growth_sketch_free(&l->growth->sketch);
    vec_free(&l->growth->refused);
    free(l->growth);
    l->growth = NULL;
}

/* ---- the limit ---- */

static double larger_of(double a, double b)
{
    return a > b ? a : b;
}

static uint64_t most_bytes(const struct series_limit *l)
{
    return budget_limit(l->budget) / BUDGET_SHARE;
}

/* Of all that may be had. */
static double part_of(const struct series_limit *l, uint64_t series, uint64_t bytes)
{
    uint64_t most = most_bytes(l);
    double by_number = l->max == 0 ? 0 : (double)series / (double)l->max;

    return larger_of(by_number, most == 0 ? 1 : (double)bytes / (double)most);
}

double series_limit_fill(const struct series_limit *l)
{
    return part_of(l, l->series, l->bytes + l->others);
}

/* It has as much as is each one's, were all given the same. */
static bool has_its_share(const struct series_limit *l, const struct series_sender *s)
{
    return l->senders.n > 1 && part_of(l, s->series, s->bytes) * (double)l->senders.n >= 1;
}

static struct metric *counter_of(struct series_growth *g, const struct growth *top)
{
    const struct metric_label labels[] = { g->whose, { "metric", top->metric }, { "label", top->label } };
    const struct metric_label other[] = { g->whose, { "metric", "other" }, { "label", "other" } };

    for (size_t i = 0; i < g->refused.n; i++)
        if (strcmp(g->refused.v[i]->labels[1].value, top->metric) == 0 &&
            strcmp(g->refused.v[i]->labels[2].value, top->label) == 0)
            return g->refused.v[i];
    if (g->refused.n >= NAMES_MAX)
        return metrics_get(g->metrics, &series_limit_refused_row, other, ARRAY_LEN(other));
    return *vec_push(&g->refused) = metrics_get(g->metrics, &series_limit_refused_row, labels, ARRAY_LEN(labels));
}

/* labels: of the series that there is no room for, or hardly: they say whose it is. */
static void warn_limit(const struct series_limit *l, struct complaint *c, const char *text,
                       const struct series_sender *sender, struct bytes labels)
{
    const struct series_growth *g = l->growth;
    const struct growth *top = growth_sketch_top(&g->sketch);

    if (complaint_due(c, g->clock))
        log_warn(g->log, text, F_UINT("series", l->series),
                 l->max > 0 ? F_UINT("max_series", l->max) : F_UINT("max_bytes", most_bytes(l)),
                 F_UINT("bytes", l->bytes + l->others), F_STR("job", sender->job),
                 F_UINT("series_of_this_sender", sender->series),
                 F_BYTES("such_as", bytes_of(labels.data, labels.len < SHOWN ? labels.len : SHOWN)),
                 F_STR("fastest_metric", top->metric), F_STR("fastest_label", top->label),
                 F_STR("remedy", SERIES_LIMIT_ADVICE), F_UINT("repeated", complaint_taken(c)));
}

static void watch_growth(struct series_growth *g, struct bytes metric, struct bytes labels)
{
    growth_sketch_add(&g->sketch, metric, labels);
    if (++g->fade % FADE_EVERY == 0)
        growth_sketch_fade(&g->sketch);
}

bool series_limit_admits(struct series_limit *l, const struct series_sender *sender, struct bytes metric,
                         struct bytes labels)
{
    double fill = series_limit_fill(l);
    bool admitted = fill < RESERVE_AT || (fill < 1 && !has_its_share(l, sender));

    if (l->growth == NULL || fill < WATCH_AT)
        return admitted;
    watch_growth(l->growth, metric, labels);
    if (!admitted) {
        tell_refused(l->growth);
        metric_add(counter_of(l->growth, growth_sketch_top(&l->growth->sketch)), 1);
        warn_limit(l, &l->growth->full, "New series are refused: there are as many as there may be", sender, labels);
    } else if (fill >= WARN_AT) {
        warn_limit(l, &l->growth->near, "Series are near their limit, beyond which new ones are refused", sender,
                   labels);
    }
    return admitted;
}

void series_limit_count(struct series_limit *l, struct series_sender *sender, size_t bytes)
{
    l->series++;
    sender->series++;
    series_limit_grow(l, sender, bytes);
}

void series_limit_uncount(struct series_limit *l, struct series_sender *sender, size_t bytes)
{
    l->series--;
    sender->series--;
    series_limit_shrink(l, sender, bytes);
}

void series_limit_collect(struct series_limit *l)
{
    if (l->growth != NULL)
        metric_set(l->growth->fill, series_limit_fill(l));
    series_top_collect(l->top);
}
