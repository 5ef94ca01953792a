/* SPDX-License-Identifier: Apache-2.0 */
/* Which metrics and points a transform means, and what its operations do to an opened metric.
 *
 * An update that means only some of a metric's points may not change what all have in common: its name and sets of
 * labels stay, label values and numbers of those points change. */
#include "base/mem.h"
#include "processor/stream/metric_edit.h"
#include "processor/metrics_transform/transform.h"
#include "processor/stream/stream_histogram.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is meant ---- */

void transform_init(struct metric_transform *t, const struct metric_transform_config *c)
{
    struct error err;

    *t = (struct metric_transform){ .config = c };
    if (c->match_type == 0)
        return;
    t->name = regex_new(c->include, &err);
    t->labels = mem_zalloc((c->experimental_match_labels.n + 1) * sizeof(struct regex *));
    for (size_t i = 0; i < c->experimental_match_labels.n; i++)
        t->labels[i] = regex_new(c->experimental_match_labels.v[i].value, &err);
}

void transform_free(struct metric_transform *t)
{
    for (size_t i = 0; t->labels != NULL && i < t->config->experimental_match_labels.n; i++)
        regex_free(t->labels[i]);
    free(t->labels);
    regex_free(t->name);
}

bool transform_has_name(const struct metric_transform *t, struct work *w, struct bytes name)
{
    return t->name != NULL ? regex_meter_search(&w->meter, t->name, name) : bytes_is(name, t->config->include);
}

static bool has_label(const struct metric_transform *t, struct regex_meter *m, size_t i, struct bytes text)
{
    return t->labels != NULL ? regex_meter_search(m, t->labels[i], text)
                             : bytes_is(text, t->config->experimental_match_labels.v[i].value);
}

bool transform_has_point(const struct metric_transform *t, struct work *w, const struct work_point *p)
{
    const struct string_map *labels = &t->config->experimental_match_labels;
    struct regex_meter meter = { 0 };
    bool has = true;

    for (size_t i = 0; i < labels->n && has; i++) {
        const struct attribute_pair *a = work_point_find(p, bytes_str(labels->v[i].key));

        has = has_label(t, &meter, i, a != NULL ? work_text(a->value) : bytes_of("", 0));
    }
    w->meter.over |= meter.over;
    return has;
}

/* ---- names ---- */

/* What the name becomes: the template is new_name of the configuration, $1 and ${name} stand for groups. NULL: it
 * stays. */
static struct bytes expand_name(const struct metric_transform *t, struct work *w, struct bytes name)
{
    struct bytes found[REGEX_MAX_GROUPS + 1];

    if (t->name == NULL)
        return bytes_str(t->config->new_name);
    if (!regex_meter_find(&w->meter, t->name, name, 0, found))
        return bytes_of("", 0);
    w->scratch.len = 0;
    regex_expand(t->name, bytes_str(t->config->new_name), found, &w->scratch);
    return work_keep(w, buf_bytes(&w->scratch));
}

/* ---- labels ---- */

static void add_label(const struct operation_config *op, struct work *w, struct work_point *p)
{
    const char *version = "{{version}}", *at = strstr(op->new_value, version);
    struct buf text = { 0 };

    if (work_point_find(p, bytes_str(op->new_label)) != NULL)
        return;
    if (at != NULL) {
        buf_append(&text, op->new_value, (size_t)(at - op->new_value));
        buf_puts(&text, w->version);
        at += strlen(version);
    }
    buf_puts(&text, at != NULL ? at : op->new_value);
    work_point_set(w, p, bytes_str(op->new_label), work_string(w, buf_bytes(&text)));
    buf_free(&text);
}

static void update_label(const struct operation_config *op, struct work *w, struct work_point *p)
{
    const struct value_action_config *actions = op->value_actions.v;
    struct bytes key = bytes_str(op->label), value;
    const struct attribute_pair *a = work_point_find(p, key);

    if (a == NULL)
        return;
    value = a->value;
    if (op->new_label[0] != '\0' && strcmp(op->new_label, op->label) != 0) {
        work_point_remove(p, key);
        key = bytes_str(op->new_label);
        work_point_set(w, p, key, value);
    }
    for (size_t i = op->value_actions.n; i-- > 0;)
        if (bytes_is(work_text(value), actions[i].value)) {
            work_point_set(w, p, key, work_string(w, bytes_str(actions[i].new_value)));
            return;
        }
}

static void delete_label_value(const struct operation_config *op, struct work *w, struct work_metric *m)
{
    size_t n = 0;

    for (size_t i = 0; i < m->n; i++) {
        const struct attribute_pair *a = work_point_find(m->points[i], bytes_str(op->label));

        if (a == NULL || !bytes_is(work_text(a->value), op->label_value))
            m->points[n++] = m->points[i];
    }
    w->deleted += m->n - n;
    m->n = n;
}

static bool is_listed(const struct strings *list, struct bytes text)
{
    for (size_t i = 0; i < list->n; i++)
        if (bytes_is(text, list->v[i]))
            return true;
    return false;
}

static void aggregate_labels(const struct operation_config *op, struct work *w, struct work_metric *m)
{
    for (size_t i = 0; i < m->n; i++) {
        struct work_point *p = m->points[i];
        size_t n = 0;

        for (size_t k = 0; k < p->n; k++)
            if (is_listed(&op->label_set, p->attributes[k].key))
                p->attributes[n++] = p->attributes[k];
        p->n = n;
    }
    work_metric_merge(w, m, (enum aggregation)op->aggregation_type);
}

static void aggregate_values(const struct operation_config *op, struct work *w, struct work_metric *m)
{
    for (size_t i = 0; i < m->n; i++) {
        struct attribute_pair *a = work_point_find(m->points[i], bytes_str(op->label));

        if (a != NULL && is_listed(&op->aggregated_values, work_text(a->value)))
            a->value = work_string(w, bytes_str(op->new_value));
    }
    work_metric_merge(w, m, (enum aggregation)op->aggregation_type);
}

/* ---- values ---- */

/* As Go's conversion does it on amd64 where that is defined; elsewhere the nearest integer. */
static int64_t truncate_double(double d)
{
    if (isnan(d))
        return 0;
    if (d >= 0x1p63)
        return INT64_MAX;
    return d < -0x1p63 ? INT64_MIN : (int64_t)d;
}

static void put_fields(struct work *w, struct work_point *p, uint32_t without, const struct buf *more)
{
    w->scratch.len = 0;
    metric_edit_copy(&w->scratch, p->rest, without);
    buf_put(&w->scratch, buf_bytes(more));
    p->rest = work_keep(w, buf_bytes(&w->scratch));
}

static void set_number(struct work *w, struct work_point *p, uint32_t field, uint64_t bits)
{
    struct buf more = { 0 };

    pb_put_fixed64(&more, field, bits);
    put_fields(w, p, FIELD_BIT(OTLP_NUMBER_INT) | FIELD_BIT(OTLP_NUMBER_DOUBLE), &more);
    buf_free(&more);
}

static void toggle_number(struct work *w, struct work_point *p)
{
    struct number_view v = number_view(p->rest);

    if (v.view.which == OTLP_NUMBER_INT)
        set_number(w, p, OTLP_NUMBER_DOUBLE, pb_bits((double)v.integer));
    else if (v.view.which == OTLP_NUMBER_DOUBLE)
        set_number(w, p, OTLP_NUMBER_INT, (uint64_t)truncate_double(v.number));
}

static void scale_number(struct work *w, struct work_point *p, double by)
{
    struct number_view v = number_view(p->rest);

    if (v.view.which == OTLP_NUMBER_INT)
        set_number(w, p, OTLP_NUMBER_INT, (uint64_t)truncate_double((double)v.integer * by));
    else if (v.view.which == OTLP_NUMBER_DOUBLE)
        set_number(w, p, OTLP_NUMBER_DOUBLE, pb_bits(v.number * by));
}

static void put_scaled_exemplar(struct buf *out, uint32_t number, struct bytes exemplar, double by)
{
    struct exemplar_view v = exemplar_view(exemplar);
    size_t mark = pb_begin(out, number);

    metric_edit_copy(out, exemplar, FIELD_BIT(OTLP_EXEMPLAR_DOUBLE) | FIELD_BIT(OTLP_EXEMPLAR_INT));
    if (v.view.which == OTLP_EXEMPLAR_INT)
        pb_put_fixed64(out, OTLP_EXEMPLAR_INT, (uint64_t)truncate_double((double)v.integer * by));
    else if (v.view.which == OTLP_EXEMPLAR_DOUBLE)
        pb_put_double(out, OTLP_EXEMPLAR_DOUBLE, v.number * by);
    pb_end(out, mark);
}

/* A bucket of one scale holds factors of its base: the whole side moves by as many buckets as the middle of its first
 * one does. */
static void move_side(struct exponential_side *s, int32_t scale, double by)
{
    double base = exp2(exp2(-scale)), middle, moved;

    if (s->counts.n == 0)
        return;
    middle = (pow(base, (double)s->offset) + pow(base, (double)s->offset + 1)) / 2 * by;
    moved = ceil(log2(middle) * exp2(scale)) - 1;
    if (isfinite(moved) && fabs(moved) + (double)s->counts.n < 0x1p31)
        s->offset = (int64_t)moved;
}

static void scale_measured(struct stream_histogram *h, unsigned data, double by)
{
    h->sum *= by;
    h->min *= by;
    h->max *= by;
    if (data == OTLP_METRIC_EXPONENTIAL) {
        move_side(&h->exponential.positive, h->exponential.scale, by);
        move_side(&h->exponential.negative, h->exponential.scale, by);
        return;
    }
    for (size_t i = 0; i < h->bounds.n; i++)
        h->bounds.v[i] *= by;
}

static void scale_histogram(struct work *w, struct work_point *p, unsigned data, double by)
{
    uint32_t exemplars = data == OTLP_METRIC_HISTOGRAM ? OTLP_HISTOGRAM_EXEMPLARS : OTLP_EXPONENTIAL_EXEMPLARS;
    uint32_t without = FIELD_BIT(exemplars);
    struct stream_histogram h = { 0 };
    struct pb_reader r = pb_reader(p->rest);
    struct buf more = { 0 };
    struct bytes exemplar;

    for (uint32_t i = 0; i < 32; i++)
        without |= stream_histogram_has(data, i) ? FIELD_BIT(i) : 0;
    if (stream_histogram_read(&h, data, p->rest)) {
        scale_measured(&h, data, by);
        stream_histogram_write(&more, data, &h);
        while (message_next(&r, exemplars, &exemplar))
            put_scaled_exemplar(&more, exemplars, exemplar, by);
        put_fields(w, p, without, &more);
    }
    stream_histogram_free(&h);
    buf_free(&more);
}

static void scale_point(struct work *w, const struct work_metric *m, struct work_point *p, double by)
{
    if (m->data == OTLP_METRIC_HISTOGRAM || m->data == OTLP_METRIC_EXPONENTIAL)
        scale_histogram(w, p, m->data, by);
    else if (m->data != OTLP_METRIC_SUMMARY)
        scale_number(w, p, by);
}

/* ---- all of it ---- */

/* On points that the labels mean. */
static void apply_to_points(const struct metric_transform *t, const struct operation_config *op, struct work *w,
                            const struct work_metric *m)
{
    for (size_t i = 0; i < m->n; i++) {
        struct work_point *p = m->points[i];

        if (!transform_has_point(t, w, p))
            continue;
        if (op->action == OPERATION_UPDATE_LABEL)
            update_label(op, w, p);
        else if (op->action == OPERATION_SCALE)
            scale_point(w, m, p, op->experimental_scale);
        else if (m->data == OTLP_METRIC_SUM || m->data == OTLP_METRIC_GAUGE)
            toggle_number(w, p);
    }
}

/* On all there are. */
static void apply_to_all(const struct operation_config *op, struct work *w, struct work_metric *m)
{
    switch ((enum operation_action)op->action) {
    case OPERATION_ADD_LABEL:
        for (size_t i = 0; i < m->n; i++)
            add_label(op, w, m->points[i]);
        break;
    case OPERATION_DELETE_LABEL_VALUE:
        delete_label_value(op, w, m);
        break;
    case OPERATION_AGGREGATE_LABELS:
        aggregate_labels(op, w, m);
        break;
    case OPERATION_AGGREGATE_VALUES:
        aggregate_values(op, w, m);
        break;
    default:
        break;
    }
}

static bool means_all(const struct metric_transform *t, struct work *w, const struct work_metric *m)
{
    for (size_t i = 0; i < m->n; i++)
        if (!transform_has_point(t, w, m->points[i]))
            return false;
    return true;
}

bool transform_apply(const struct metric_transform *t, struct work *w, struct work_metric *m)
{
    const struct operation_config *ops = t->config->operations.v;
    bool whole = t->config->action != ACTION_UPDATE || means_all(t, w, m);
    size_t had = m->n;

    if (whole && t->config->new_name[0] != '\0' && t->config->action != ACTION_COMBINE) {
        struct bytes name = expand_name(t, w, m->name);

        m->name = name.len > 0 ? name : m->name;
    }
    for (size_t i = 0; i < t->config->operations.n; i++) {
        int action = ops[i].action;

        if (action == OPERATION_UPDATE_LABEL || action == OPERATION_SCALE || action == OPERATION_TOGGLE)
            apply_to_points(t, &ops[i], w, m);
        else if (whole)
            apply_to_all(&ops[i], w, m);
    }
    return m->n > 0 || had == 0;
}
