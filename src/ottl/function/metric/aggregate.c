/* SPDX-License-Identifier: Apache-2.0 */
/* aggregate_on_attributes() and aggregate_on_attribute_value(): what they mean is read here; who runs the statements
 * knows how data points become one (ottl_evaluation_aggregates()). */
#include "ottl/function/make.h"
#include "ottl/function/metric/metric_make.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"
#include "otlp/view.h"

static bool read_merging(struct bytes name, enum ottl_merging *how)
{
    static const char *const names[] = { "sum", "mean", "min", "max", "median", "count" };

    for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (bytes_is(name, names[i])) {
            *how = (enum ottl_merging)i;
            return true;
        }
    return false;
}

static bool prepare_aggregate(struct ottl_prepare *p)
{
    enum ottl_merging how;

    if (ottl_known(p, 0) && !read_merging(p->args[0].bytes, &how))
        return ottl_refuse(p, 0, "the function is \"sum\", \"mean\", \"min\", \"max\", \"median\" or \"count\"");
    return true;
}

/* They are opened into memory of another size than their bytes': four steps for a point, one for an attribute. */
static bool spend_points(struct ottl_call *c, const struct metric_view *m)
{
    struct pb_reader r = pb_reader(m->data);
    uint64_t steps = m->data.len / 16;

    for (struct bytes point, pair; message_next(&r, OTLP_DATA_POINTS, &point); steps += 4) {
        unsigned attributes = metric_point(m->view.which, point).attributes;
        struct pb_reader s = pb_reader(point);

        while (message_next(&s, attributes, &pair))
            steps++;
    }
    return ottl_spend(c, steps);
}

static bool aggregate_points(struct ottl_call *c, struct ottl_aggregation *a)
{
    struct metric_view m = metric_view(ottl_metric(c));
    struct bytes merged;

    if (m.view.which == OTLP_METRIC_SUMMARY)
        return ottl_fail(c, "the data points of a summary cannot be aggregated");
    if (m.view.which == 0)
        return true;
    read_merging(c->args[0].bytes, &a->how);
    return spend_points(c, &m) && ottl_aggregate(c, a, &merged) && ottl_metric_set(c, merged);
}

static bool call_attributes(struct ottl_call *c, struct ottl_value *result)
{
    struct ottl_aggregation a = { .keeps = ottl_given(c, 1), .list = c->args[1].values, .n = c->args[1].n };

    (void)result;
    return aggregate_points(c, &a);
}

static bool call_value(struct ottl_call *c, struct ottl_value *result)
{
    struct ottl_aggregation a = {
        .attribute = &c->args[1], .list = c->args[2].values, .n = c->args[2].n, .value = &c->args[3]
    };

    (void)result;
    return aggregate_points(c, &a);
}

const struct ottl_function ottl_functions_aggregate[] = {
    EDITOR_IN(
        METRIC, "aggregate_on_attributes", call_attributes,
        TAKES(LITERAL("aggregation_function", STRING), LIST_OPTION("attributes", STRING)),
        "Takes all other attributes from the metric's data points, and makes one of those that are alike then and "
        "of one time: their sum, mean, min, max, median or count; histograms are always added up.",
        .prepare = prepare_aggregate),
    EDITOR_IN(METRIC, "aggregate_on_attribute_value", call_value,
              TAKES(LITERAL("aggregation_function", STRING), LITERAL("attribute", STRING),
                    LIST_LITERAL("values", STRING), LITERAL("new_value", STRING)),
              "Gives the attribute the new value where it has one of the values, and makes one of data points that are "
              "alike then, as aggregate_on_attributes does.",
              .prepare = prepare_aggregate),
    { 0 },
};
