/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics stand in a table by name, each with its number of series. Of a label's values only hashes are looked at: each
 * value chooses one of 256 registers and offers it the number of zeros in front of the rest of its hash, and the
 * greatest stays (HyperLogLog, Flajolet and others).
 *
 * What can go wrong: there are more names than are counted: the later ones are not. A name that is too long for the own
 * metrics is cut where it is shown. */
#include "prom/series/series_top.h"

#include "base/list.h"
#include "base/loop/clock.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/vec.h"
#include "codec/utf8.h"
#include "otlp/any_value.h"
#include "prom/model/labels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define METRICS_MOST 5000u
#define LABELS_MOST 128u
#define LABEL_SLOTS 256u
#define REGISTERS 256u
#define SHOWN SERIES_TOP_SHOWN
#define NAMES_SHOWN 100u
#define NAME_SHOWN 128u
#define NAME_KEPT 512u /* bytes of a name; a longer one is not counted */
#define NEWEST_KEPT 255u
#define MARK_EVERY (60 * NS_PER_S)

const struct metric_row series_top_metrics_row =
    METRIC_ROW_AT(LEVEL_NORMAL, "otelcd_prometheus_largest_metrics", METRIC_GAUGE, "{series}",
                  "Series of the ten metrics that have most of them.");
const struct metric_row series_top_labels_row = METRIC_ROW_AT(
    LEVEL_NORMAL, "otelcd_prometheus_label_values", METRIC_GAUGE, "{values}",
    "About how many different values the ten labels with most of them have had in series since the start.",
    .sum = SHOW_MOST);

struct top_metric {
    struct list link;
    uint64_t hash, series;
    uint32_t len;
    uint8_t name[];
};

struct top_label {
    uint64_t hash; /* 0: a free slot */
    uint8_t registers[REGISTERS];
    double marks[2]; /* values at the mark before the last, and at the last */
    uint32_t len;
    char name[NAME_SHOWN];
};

struct newest {
    uint8_t len;
    uint8_t text[NEWEST_KEPT];
};

struct shown {
    const struct metric_row *row;
    const char *label;
    VEC(struct metric *) all; /* that were ever shown */
};

struct series_top {
    struct list all;
    struct metrics *registry;
    struct metric_label whose;
    struct budget *budget;
    struct table metrics;
    struct list list; /* of the same */
    struct top_label labels[LABEL_SLOTS];
    size_t n_labels;
    struct shown shown[2];
    uint64_t marked[2]; /* mono ns of the marks; 0: nobody has looked yet */
    struct newest newest[SERIES_TOP_NEWEST];
    size_t n_made; /* the newest is the one before n_made % SERIES_TOP_NEWEST */
};

/* All of the process, for who shows them: one for each exporter or receiver that makes series. */
static struct list tops = { &tops, &tops };

/* ---- the newest ---- */

static void put_newest(struct newest *x, const void *text, size_t len)
{
    size_t n = len < NEWEST_KEPT - x->len ? len : NEWEST_KEPT - x->len;

    if (n == 0)
        return;
    memcpy(x->text + x->len, text, n);
    x->len = (uint8_t)(x->len + n);
}

static void begin_newest(struct series_top *t, struct bytes metric)
{
    struct newest *x = &t->newest[t->n_made++ % SERIES_TOP_NEWEST];

    x->len = 0;
    put_newest(x, metric.data, metric.len);
}

static void add_newest(struct series_top *t, struct bytes name, struct bytes value)
{
    struct newest *x = &t->newest[(t->n_made - 1) % SERIES_TOP_NEWEST];

    if (t->n_made == 0 || x->len == NEWEST_KEPT)
        return;
    put_newest(x, " ", 1);
    put_newest(x, name.data, name.len);
    put_newest(x, "=", 1);
    put_newest(x, value.data, value.len);
}

/* ---- metrics ---- */

static uint64_t hash_of_metric(const void *entry)
{
    return ((const struct top_metric *)entry)->hash;
}

static bool is_metric(const void *entry, const void *key)
{
    const struct top_metric *m = entry;

    return bytes_equal(bytes_of(m->name, m->len), *(const struct bytes *)key);
}

/* A name that is not kept is not looked at, for each series has it. */
static struct top_metric *find_metric(const struct series_top *t, struct bytes name)
{
    return name.len > NAME_KEPT ? NULL : table_find(&t->metrics, bytes_hash(name), is_metric, &name);
}

static struct top_metric *make_metric(struct series_top *t, struct bytes name)
{
    struct top_metric *m;

    if (t->metrics.n >= METRICS_MOST || name.len == 0 || name.len > NAME_KEPT)
        return NULL;
    m = mem_alloc(sizeof(*m) + name.len);
    *m = (struct top_metric){ .hash = bytes_hash(name), .len = (uint32_t)name.len };
    memcpy(m->name, name.data, name.len);
    if (!table_insert(&t->metrics, m, m->hash)) {
        free(m);
        return NULL;
    }
    list_push(&t->list, &m->link);
    budget_charge(t->budget, sizeof(*m) + m->len);
    return m;
}

static void drop_metric(struct series_top *t, struct top_metric *m)
{
    table_remove(&t->metrics, m, m->hash);
    list_remove(&m->link);
    budget_give(t->budget, sizeof(*m) + m->len);
    free(m);
}

void series_top_made(struct series_top *t, struct bytes metric)
{
    struct top_metric *m = t == NULL ? NULL : find_metric(t, metric);

    if (t != NULL)
        begin_newest(t, metric);
    if (t != NULL && m == NULL)
        m = make_metric(t, metric);
    if (m != NULL)
        m->series++;
}

void series_top_gone(struct series_top *t, struct bytes metric)
{
    struct top_metric *m = t == NULL ? NULL : find_metric(t, metric);

    if (m != NULL && --m->series == 0)
        drop_metric(t, m);
}

/* ---- labels ---- */

static struct top_label *get_label(struct series_top *t, struct bytes name)
{
    uint64_t hash = bytes_hash(name) | 1;
    struct top_label *l = &t->labels[hash / 2 % LABEL_SLOTS];

    while (l->hash != 0 && l->hash != hash)
        l = l + 1 == t->labels + LABEL_SLOTS ? t->labels : l + 1;
    if (l->hash != 0)
        return l;
    if (t->n_labels >= LABELS_MOST || name.len == 0)
        return NULL;
    t->n_labels++;
    l->hash = hash;
    l->len = (uint32_t)utf8_cut(name, NAME_SHOWN - 1).len;
    memcpy(l->name, name.data, l->len);
    return l;
}

void series_top_label(struct series_top *t, struct bytes name, struct bytes value)
{
    struct top_label *l = t == NULL ? NULL : get_label(t, name);
    uint64_t hash;
    uint8_t rank;

    if (t != NULL)
        add_newest(t, name, value);
    if (l == NULL)
        return;
    hash = bytes_hash(value) * 0x9e3779b97f4a7c15ull; /* its bits are to be as good as random */
    hash ^= hash >> 32;
    rank = (uint8_t)(__builtin_clzll(hash / REGISTERS | 1) - 7);
    if (l->registers[hash % REGISTERS] < rank)
        l->registers[hash % REGISTERS] = rank;
}

void series_top_labels(struct series_top *t, struct bytes rendered)
{
    if (t != NULL)
        for (struct label l; labels_next(&rendered, &l);)
            series_top_label(t, l.name, l.value);
}

void series_top_attributes(struct series_top *t, struct bytes message, uint32_t number)
{
    struct pb_reader r = pb_reader(message);
    struct attribute a;
    struct buf value = { 0 };

    while (t != NULL && attribute_next(&r, number, &a)) {
        value.len = 0;
        any_value_put(&value, a.value);
        series_top_label(t, a.key, buf_bytes(&value));
    }
    buf_free(&value);
}

static double values_of(const struct top_label *l)
{
    double sum = 0, zero = 0, estimate;

    for (size_t i = 0; i < REGISTERS; i++) {
        sum += ldexp(1, -(int)l->registers[i]);
        zero += l->registers[i] == 0;
    }
    estimate = 0.7183 * REGISTERS * REGISTERS / sum;
    if (estimate <= 2.5 * REGISTERS && zero > 0) /* few: by how many registers nobody chose */
        estimate = REGISTERS * log(REGISTERS / zero);
    return round(estimate);
}

/* ---- what is shown ---- */

/* Into its place among the largest. */
static void rank_entry(struct series_top_entry *top, size_t *n, struct series_top_entry x)
{
    size_t at = *n < SHOWN ? (*n)++ : SHOWN;

    if (at == SHOWN) {
        if (top[SHOWN - 1].value >= x.value)
            return;
        at = SHOWN - 1;
    }
    for (; at > 0 && top[at - 1].value < x.value; at--)
        top[at] = top[at - 1];
    top[at] = x;
}

static struct metric *metric_for(struct series_top *t, struct shown *s, struct bytes name)
{
    char text[NAME_SHOWN];
    const struct metric_label labels[] = { t->whose, { s->label, text } };

    name = utf8_cut(name, sizeof(text) - 1);
    snprintf(text, sizeof(text), "%.*s", (int)name.len, (const char *)name.data);
    for (size_t i = 0; i < s->all.n; i++) {
        struct metric *known = s->all.v[i];

        if (known != NULL && strcmp(known->labels[1].value, text) == 0)
            return known;
    }
    if (s->all.n >= NAMES_SHOWN)
        return NULL;
    return *vec_push(&s->all) = metrics_get(t->registry, s->row, labels, ARRAY_LEN(labels));
}

static void show_entries(struct series_top *t, struct shown *s, const struct series_top_entry *top, size_t n)
{
    for (size_t i = 0; i < s->all.n; i++)
        s->all.v[i]->touched = false; /* it is not shown */
    for (size_t i = 0; i < n; i++) {
        struct metric *m = metric_for(t, s, top[i].name);

        if (m != NULL)
            metric_set(m, top[i].value);
    }
}

void series_top_collect(struct series_top *t)
{
    struct series_top_entry top[SHOWN];
    size_t n = 0;

    if (t == NULL)
        return;
    list_each (struct top_metric, m, &t->list, link)
        rank_entry(top, &n, (struct series_top_entry){ bytes_of(m->name, m->len), (double)m->series });
    show_entries(t, &t->shown[0], top, n);
    n = 0;
    for (size_t i = 0; i < LABEL_SLOTS; i++)
        if (t->labels[i].hash != 0)
            rank_entry(
                top, &n,
                (struct series_top_entry){ bytes_of(t->labels[i].name, t->labels[i].len), values_of(&t->labels[i]) });
    show_entries(t, &t->shown[1], top, n);
}

/* ---- for who shows them ---- */

/* The marks move on: what is compared with is between one and two minutes old, once somebody has looked so long. */
static bool move_marks(struct series_top *t, uint64_t now)
{
    if (t->marked[1] != 0 && now - t->marked[1] < MARK_EVERY)
        return false;
    t->marked[0] = t->marked[1] != 0 ? t->marked[1] : now;
    t->marked[1] = now;
    return true;
}

static void look_at_labels(struct series_top *t, uint64_t now, struct series_top_look *look)
{
    bool first = t->marked[1] == 0, moved = move_marks(t, now);

    for (size_t i = 0; i < LABEL_SLOTS; i++) {
        struct top_label *l = &t->labels[i];
        struct series_top_entry x = { bytes_of(l->name, l->len), 0 };
        double values;

        if (l->hash == 0)
            continue;
        x.value = values = values_of(l);
        rank_entry(look->labels, &look->n_labels, x);
        if (moved) {
            l->marks[0] = first ? values : l->marks[1];
            l->marks[1] = values;
        }
        x.value = values - l->marks[0];
        if (x.value > 0)
            rank_entry(look->growing, &look->n_growing, x);
    }
    look->growing_seconds = (double)(now - t->marked[0]) / (double)NS_PER_S;
}

static void look_at(struct series_top *t, uint64_t now, struct series_top_look *look)
{
    *look = (struct series_top_look){ .whose = t->whose };
    list_each (struct top_metric, m, &t->list, link)
        rank_entry(look->metrics, &look->n_metrics,
                   (struct series_top_entry){ bytes_of(m->name, m->len), (double)m->series });
    look_at_labels(t, now, look);
    for (size_t i = 1; i <= SERIES_TOP_NEWEST && i <= t->n_made; i++) {
        const struct newest *x = &t->newest[(t->n_made - i) % SERIES_TOP_NEWEST];

        look->newest[look->n_newest++] =
            utf8_cut(bytes_of(x->text, x->len), x->len == NEWEST_KEPT ? NEWEST_KEPT - 1 : NEWEST_KEPT);
    }
}

void series_top_each(uint64_t now, void (*visit)(const struct series_top_look *look, void *arg), void *arg)
{
    struct series_top_look look;

    list_each (struct series_top, t, &tops, all) {
        look_at(t, now, &look);
        visit(&look, arg);
    }
}

/* ---- life ---- */

struct series_top *series_top_new(struct metrics *metrics, struct metric_label whose, struct budget *budget)
{
    struct series_top *t = mem_zalloc(sizeof(*t));

    t->registry = metrics;
    t->whose = whose;
    t->budget = budget;
    table_init(&t->metrics, hash_of_metric, budget);
    list_init(&t->list);
    t->shown[0] = (struct shown){ .row = &series_top_metrics_row, .label = "metric" };
    t->shown[1] = (struct shown){ .row = &series_top_labels_row, .label = "label" };
    budget_charge(budget, sizeof(*t));
    list_push(&tops, &t->all);
    return t;
}

void series_top_free(struct series_top *t)
{
    if (t == NULL)
        return;
    list_each (struct top_metric, m, &t->list, link)
        drop_metric(t, m);
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < t->shown[i].all.n; k++)
            t->shown[i].all.v[k]->touched = false; /* of a configuration that is no more */
        vec_free(&t->shown[i].all);
    }
    list_remove(&t->all);
    table_free(&t->metrics);
    budget_give(t->budget, sizeof(*t));
    free(t);
}
