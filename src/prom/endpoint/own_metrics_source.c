/* SPDX-License-Identifier: Apache-2.0 */
/* A cursor needs no state: target_info is one line rendered at the start, and write_families() collects and writes all
 * that shows, family by family, each family's series sorted by their labels. The labels of all series (scope, resource)
 * are worked out once. Of more labels than LABELS_MAX those of scope and resource are left out first. */
#include "prom/endpoint/own_metrics_source.h"

#include "base/mem.h"
#include "base/unconst.h"
#include "base/vec.h"

#include <stdlib.h>

#define LABELS_MAX 64 /* of one series; what is beyond, in its order of precedence, is left out */

struct own_metrics_source {
    struct exposition_source source;
    struct metrics *metrics;
    enum metric_level level;
    enum name_strategy strategy;
    uint64_t start_ns;
    struct own_metrics_attribute *constant; /* labels of every series: of the scope and of the resource */
    size_t n_constant;
    char *target; /* rendered labels of target_info */
};

/* One series of the family being written. */
struct line {
    struct bytes labels; /* in the source's scratch */
    const struct metric *metric;
};

static bool is_constant(const struct own_metrics_options *o, struct bytes name)
{
    if (o->n_included == 0 && o->n_excluded == 0)
        return false;
    return (o->n_included == 0 || bytes_match_any(name, o->included, o->n_included)) &&
           !bytes_match_any(name, o->excluded, o->n_excluded);
}

static int by_name(const void *a, const void *b)
{
    const struct own_metrics_attribute *x = a, *y = b;

    return bytes_compare(x->name, y->name);
}

/* The labels sorted; of those with one name the first wins. */
static void render_attributes(struct buf *out, struct own_metrics_attribute *labels, size_t n)
{
    size_t kept = 0;

    if (n == 0)
        return;
    for (size_t i = 0; i < n; i++) {
        size_t j = 0;

        while (j < kept && !bytes_equal(labels[j].name, labels[i].name))
            j++;
        if (j == kept)
            labels[kept++] = labels[i];
    }
    qsort(labels, kept, sizeof(labels[0]), by_name);
    for (size_t i = 0; i < kept; i++)
        labels_put(out, labels[i].name, labels[i].value);
}

static void add_constant(struct own_metrics_source *s, const char *name, struct bytes value)
{
    s->constant = mem_realloc(s->constant, (s->n_constant + 1) * sizeof(s->constant[0]));
    s->constant[s->n_constant++] = (struct own_metrics_attribute){
        bytes_str(mem_strdup(name)),
        bytes_of(bytes_dup(value), value.len),
    };
}

static void set_constants(struct own_metrics_source *s, const struct own_metrics_options *o)
{
    if (!o->without_scope_info) {
        add_constant(s, "otel_scope_name", bytes_str("otelcd"));
        add_constant(s, "otel_scope_schema_url", bytes_str(""));
        add_constant(s, "otel_scope_version", bytes_str(o->version));
    }
    for (size_t i = 0; i < o->n_resource; i++) {
        if (is_constant(o, o->resource[i].name)) {
            char *name = bytes_dup(o->resource[i].name);

            add_constant(s, name, o->resource[i].value);
            free(name);
        }
    }
}

/* Names keep their dots here: each peer's escaping settles them. */
static char *render_target(const struct own_metrics_options *o)
{
    struct own_metrics_attribute labels[LABELS_MAX];
    size_t n = o->n_resource < LABELS_MAX ? o->n_resource : LABELS_MAX;
    struct buf out = { 0 };

    if (n > 0)
        memcpy(labels, o->resource, n * sizeof(labels[0]));
    render_attributes(&out, labels, n);
    (void)buf_cstr(&out);
    return (char *)out.data;
}

static void *open_cursor(struct exposition_source *source)
{
    (void)source;
    return NULL;
}

static void close_cursor(struct exposition_source *source, void *cursor)
{
    (void)source;
    (void)cursor;
}

static bool targets(struct exposition_source *source, void *cursor, bool (*emit)(void *arg, struct bytes labels),
                    void *arg)
{
    struct own_metrics_source *s = container_of(source, struct own_metrics_source, source);

    (void)cursor;
    (void)emit(arg, bytes_str(s->target));
    return false;
}

static bool shows_family(const struct own_metrics_source *s, const struct metric_family *f)
{
    if (f->row->level == LEVEL_NONE || f->row->level > s->level)
        return false;
    for (size_t i = 0; i < f->members.n; i++)
        if (f->members.v[i]->touched)
            return true;
    return false;
}

static void render_series(const struct own_metrics_source *s, const struct metric *m, struct buf *out)
{
    struct own_metrics_attribute labels[LABELS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < m->n_labels && n < LABELS_MAX; i++)
        labels[n++] = (struct own_metrics_attribute){ bytes_str(m->labels[i].name), bytes_str(m->labels[i].value) };
    for (size_t i = 0; i < s->n_constant && n < LABELS_MAX; i++)
        labels[n++] = s->constant[i];
    render_attributes(out, labels, n);
}

static void write_histogram(struct encoder *e, const struct line *line, const struct sample_extra *x)
{
    const struct metric_row *row = line->metric->row;
    uint64_t *counts = mem_alloc((row->n_bounds + 1) * sizeof(*counts)), sum = 0;
    struct classic_histogram h = { row->bounds, counts, row->n_bounds, line->metric->count, line->metric->value, true };

    for (size_t i = 0; i < row->n_bounds; i++)
        counts[i] = sum += line->metric->buckets[i];
    encoder_histogram(e, line->labels, &h, x);
    free(counts);
}

static int by_labels(const void *a, const void *b)
{
    const struct line *x = a, *y = b;

    return bytes_compare(x->labels, y->labels);
}

/* The series of a family in the order of their labels. */
static void write_series(const struct own_metrics_source *s, struct encoder *e, const struct metric_family *f)
{
    struct sample_extra x = { .start_ns = f->row->type == METRIC_GAUGE ? 0 : s->start_ns };
    VEC(struct line) lines = { 0 };

    for (size_t i = 0; i < f->members.n; i++) {
        struct buf labels = { 0 };

        if (!f->members.v[i]->touched)
            continue;
        render_series(s, f->members.v[i], &labels);
        *vec_push(&lines) = (struct line){ buf_bytes(&labels), f->members.v[i] };
    }
    if (lines.n > 0)
        qsort(lines.v, lines.n, sizeof(lines.v[0]), by_labels);
    for (size_t i = 0; i < lines.n; i++) {
        if (f->row->type == METRIC_HISTOGRAM)
            write_histogram(e, &lines.v[i], &x);
        else
            encoder_value(e, lines.v[i].labels, lines.v[i].metric->value, &x);
        free_const(lines.v[i].labels.data);
    }
    vec_free(&lines);
}

static void write_family(const struct own_metrics_source *s, struct encoder *e, const struct metric_family *f,
                         bool (*claim)(void *arg, struct bytes name, enum family_type type), void *arg)
{
    static const enum family_type types[] = { FAMILY_COUNTER, FAMILY_GAUGE, FAMILY_HISTOGRAM };
    static const enum name_type name_types[] = { NAME_COUNTER, NAME_GAUGE, NAME_OTHER };
    struct bytes row_name = bytes_str(f->row->name), row_unit = bytes_str(f->row->unit);
    struct buf name = { 0 }, unit = { 0 };
    enum family_type type = types[f->row->type];

    (void)name_metric(&name, s->strategy, bytes_str(""), row_name, row_unit, name_types[f->row->type]);
    name_unit(&unit, s->strategy, row_unit);
    if (claim(arg, buf_bytes(&name), type)) {
        encoder_family_begin(e, buf_bytes(&name), type, bytes_str(f->row->help), buf_bytes(&unit), false);
        write_series(s, e, f);
        encoder_family_end(e);
    }
    buf_free(&name);
    buf_free(&unit);
}

static bool write_families(struct exposition_source *source, void *cursor, struct encoder *e, size_t want,
                           bool (*claim)(void *arg, struct bytes name, enum family_type type), void *arg)
{
    struct own_metrics_source *s = container_of(source, struct own_metrics_source, source);

    (void)cursor;
    (void)want;
    metrics_collect(s->metrics);
    for (size_t i = 0; i < s->metrics->families.n; i++)
        if (shows_family(s, s->metrics->families.v[i]))
            write_family(s, e, s->metrics->families.v[i], claim, arg);
    return false;
}

struct own_metrics_source *own_metrics_source_new(struct metrics *m, const struct own_metrics_options *o)
{
    struct own_metrics_source *s = mem_zalloc(sizeof(*s));

    s->source = (struct exposition_source){
        .name = "telemetry",
        .open = open_cursor,
        .targets = targets,
        .write = write_families,
        .close = close_cursor,
    };
    s->metrics = m;
    s->level = o->level;
    s->strategy =
        o->without_units && o->without_type_suffix ? NAME_UNDERSCORES_WITHOUT_SUFFIXES : NAME_UNDERSCORES_WITH_SUFFIXES;
    s->start_ns = o->start_ns;
    set_constants(s, o);
    s->target = render_target(o);
    return s;
}

void own_metrics_source_free(struct own_metrics_source *s)
{
    for (size_t i = 0; i < s->n_constant; i++) {
        free_const(s->constant[i].name.data);
        free_const(s->constant[i].value.data);
    }
    free(s->constant);
    free(s->target);
    free(s);
}

struct exposition_source *own_metrics_source_base(struct own_metrics_source *s)
{
    return &s->source;
}
