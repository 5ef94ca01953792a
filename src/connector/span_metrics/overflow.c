/* SPDX-License-Identifier: Apache-2.0 */
/* Which attribute is to blame when a family has too many series: the one with the most different values among them.
 * They are counted by a bitmap for each attribute, now and then. */
#include "connector/span_metrics/span_metrics_inside.h"

#include "base/mem.h"
#include "otlp/view.h"

#include <stdio.h>
#include <stdlib.h>

#define BITS (1u << 17)  /* of a bitmap */
#define LOOKED_AT 20000u /* series */
#define NAMES_MOST 64u
#define LABEL 100u /* bytes of a name in a metric */

const struct metric_row span_metrics_overflow_row =
    METRIC_ROW("otelcd_span_metrics_overflow_spans", METRIC_COUNTER, "{spans}",
               "Spans or events that went to the series with otel.metric.overflow, by metric and by the attribute that "
               "has the most values.");

struct tally {
    struct bytes name;
    uint64_t *bits;
    uint64_t n;
};

static struct tally *find_tally(struct tally *tallies, size_t *n, struct bytes name)
{
    for (size_t i = 0; i < *n; i++)
        if (bytes_equal(tallies[i].name, name))
            return &tallies[i];
    if (*n == NAMES_MOST)
        return NULL;
    tallies[*n] = (struct tally){ .name = name, .bits = mem_zalloc(BITS / 8) };
    return &tallies[(*n)++];
}

static void count_value(struct tally *t, struct bytes value)
{
    uint64_t at = bytes_hash(value) % BITS;

    if (t == NULL || (t->bits[at / 64] >> at % 64 & 1) != 0)
        return;
    t->bits[at / 64] |= 1ull << at % 64;
    t->n++;
}

/* The name is in a series' memory. */
static struct bytes find_culprit(const struct span_family *f, uint64_t *values)
{
    struct tally tallies[NAMES_MOST], *most = NULL;
    struct bytes name = bytes_of("", 0);
    size_t n = 0, looked = 0;

    list_each (struct family_series, s, &f->series, link) {
        struct pb_reader r = pb_reader(span_series_attributes(s));

        for (struct bytes field; !s->is_overflow && message_next(&r, OTLP_LIST_VALUES, &field);) {
            struct key_value_view v = key_value_view(field);

            count_value(find_tally(tallies, &n, v.key), v.value);
        }
        if (++looked == LOOKED_AT)
            break;
    }
    for (size_t i = 0; i < n; i++) {
        if (most == NULL || tallies[i].n > most->n)
            most = &tallies[i];
        free(tallies[i].bits);
    }
    if (most != NULL) {
        name = most->name;
        *values = most->n;
    }
    return name;
}

static void name_culprit(struct span_metrics *p, struct span_family *f)
{
    uint64_t values = 0;
    struct bytes name = find_culprit(f, &values);
    char text[LABEL + 1];
    const struct metric_label labels[] = { { "connector", p->node.id },
                                           { "metric", p->names[f->kind] },
                                           { "attribute", text } };

    snprintf(text, sizeof(text), "%.*s", (int)name.len, (const char *)name.data);
    f->culprit = metrics_get(p->node.host->metrics, &span_metrics_overflow_row, labels, ARRAY_LEN(labels));
    if (!complaint_due(&p->overflow, &p->node.host->loop->clock))
        return;
    log_warn(&p->node.log, "Too many series: what is new goes to the one with otel.metric.overflow=true",
             F_STR("metric", p->names[f->kind]), F_BYTES("attribute", name), F_UINT("values", values),
             F_UINT("series", f->n), F_UINT("aggregation_cardinality_limit", p->config->aggregation_cardinality_limit),
             F_UINT("repeated", complaint_taken(&p->overflow)));
}

void span_metrics_overflow(struct span_metrics *p, struct span_family *f, uint64_t n)
{
    if (f->culprit == NULL)
        name_culprit(p, f);
    metric_add(f->culprit, n);
}
