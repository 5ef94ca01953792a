/* SPDX-License-Identifier: Apache-2.0 */
/* scale_metric(): each value of a metric times a factor. Fields that hold values are written anew, nested ones too; the
 * others are copied as they stand. Integers stay integers, as Go has it: what is behind the point is lost. */
#include "ottl/function/make.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"
#include "otlp/view.h"

/* What is to be done with a field of a message. */
enum scaling { SCALE_NOT, SCALE_DOUBLE, SCALE_DOUBLES, SCALE_INTEGER, SCALE_EXEMPLAR, SCALE_QUANTILE };

#define FIELDS 16

/* By the number of the field. */
static const enum scaling number_fields[FIELDS] = {
    [OTLP_NUMBER_DOUBLE] = SCALE_DOUBLE, [OTLP_NUMBER_INT] = SCALE_INTEGER
};
static const enum scaling histogram_fields[FIELDS] = {
    [OTLP_HISTOGRAM_SUM] = SCALE_DOUBLE,         [OTLP_HISTOGRAM_MIN] = SCALE_DOUBLE,
    [OTLP_HISTOGRAM_MAX] = SCALE_DOUBLE,         [OTLP_HISTOGRAM_BOUNDS] = SCALE_DOUBLES,
    [OTLP_HISTOGRAM_EXEMPLARS] = SCALE_EXEMPLAR,
};
static const enum scaling summary_fields[FIELDS] = {
    [OTLP_SUMMARY_SUM] = SCALE_DOUBLE, [OTLP_SUMMARY_QUANTILES] = SCALE_QUANTILE
};
static const enum scaling exemplar_fields[FIELDS] = {
    [OTLP_EXEMPLAR_DOUBLE] = SCALE_DOUBLE, [OTLP_EXEMPLAR_INT] = SCALE_INTEGER
};
static const enum scaling quantile_fields[FIELDS] = { [OTLP_QUANTILE_VALUE] = SCALE_DOUBLE };

/* Only integers that a double holds come back; others are the nearest that there is. */
static int64_t scale_integer(int64_t v, double factor)
{
    double scaled = (double)v * factor;

    if (scaled != scaled)
        return 0;
    return scaled >= 0x1p63 ? INT64_MAX : scaled < -0x1p63 ? INT64_MIN : (int64_t)scaled;
}

static void scale_doubles(struct bytes packed, uint32_t number, double factor, struct buf *out)
{
    size_t mark = pb_begin(out, number);

    for (size_t i = 0; i + 8 <= packed.len; i += 8) {
        uint64_t bits = pb_bits(pb_double(pb_load64(packed.data + i)) * factor);

        buf_append(out, &bits, 8);
    }
    pb_end(out, mark);
}

/* Messages are nested two levels deep at most. */
static void scale_message(struct bytes message, const enum scaling *fields, double factor, struct buf *out)
{
    struct pb_reader r = pb_reader(message);

    for (struct pb_field f; pb_next(&r, &f);) {
        enum scaling how = f.number < FIELDS ? fields[f.number] : SCALE_NOT;
        size_t mark;

        if (how == SCALE_DOUBLES && f.wire == PB_LEN) {
            scale_doubles(f.bytes, f.number, factor, out);
        } else if ((how == SCALE_DOUBLE || how == SCALE_DOUBLES) && f.wire == PB_FIXED64) {
            pb_put_double(out, f.number, pb_double(f.u64) * factor);
        } else if (how == SCALE_INTEGER && f.wire == PB_FIXED64) {
            pb_put_fixed64(out, f.number, (uint64_t)scale_integer((int64_t)f.u64, factor));
        } else if ((how == SCALE_EXEMPLAR || how == SCALE_QUANTILE) && f.wire == PB_LEN) {
            mark = pb_begin(out, f.number);
            scale_message(f.bytes, how == SCALE_EXEMPLAR ? exemplar_fields : quantile_fields, factor, out);
            pb_end(out, mark);
        } else {
            buf_append(out, f.start, (size_t)(r.p - f.start));
        }
    }
}

static void scale_points(struct bytes data, const enum scaling *fields, double factor, struct buf *out)
{
    struct pb_reader r = pb_reader(data);

    for (struct pb_field f; pb_next(&r, &f);) {
        size_t mark;

        if (f.number != OTLP_DATA_POINTS || f.wire != PB_LEN) {
            buf_append(out, f.start, (size_t)(r.p - f.start));
            continue;
        }
        mark = pb_begin(out, OTLP_DATA_POINTS);
        scale_message(f.bytes, fields, factor, out);
        pb_end(out, mark);
    }
}

static bool call_scale(struct ottl_call *c, struct ottl_value *result)
{
    struct bytes metric = ottl_metric(c);
    struct metric_view m = metric_view(metric);
    struct pb_reader r = pb_reader(metric);
    const enum scaling *fields = m.view.which == OTLP_METRIC_HISTOGRAM ? histogram_fields
                                 : m.view.which == OTLP_METRIC_SUMMARY ? summary_fields
                                                                       : number_fields;
    struct buf out = { 0 };

    (void)result;
    if (m.view.which != OTLP_METRIC_GAUGE && m.view.which != OTLP_METRIC_SUM && fields == number_fields)
        return ottl_fail(c, "it takes gauges, sums, histograms and summaries");
    if (!ottl_spend(c, metric.len / 32))
        return false;
    for (struct pb_field f; pb_next(&r, &f);) {
        size_t mark;

        if (f.number == OTLP_METRIC_UNIT && ottl_given(c, 1))
            continue;
        if (f.number != m.view.which) {
            buf_append(&out, f.start, (size_t)(r.p - f.start));
            continue;
        }
        mark = pb_begin(&out, f.number);
        scale_points(f.bytes, fields, c->args[0].number, &out);
        pb_end(&out, mark);
    }
    if (ottl_given(c, 1))
        pb_put_bytes(&out, OTLP_METRIC_UNIT, c->args[1].bytes);
    return ottl_metric_set(c, ottl_take(c, &out));
}

const struct ottl_function ottl_functions_scale[] = {
    EDITOR_IN(METRIC, "scale_metric", call_scale, TAKES(LITERAL("multiplier", DOUBLE), OPTIONAL("unit", STRING)),
              "Multiplies the values of a gauge, sum, histogram or summary, and gives it the unit."),
    { 0 },
};
