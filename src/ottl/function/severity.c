/* SPDX-License-Identifier: Apache-2.0 */
/* ParseSeverity(): a level by a mapping of names to lists of criteria, {equals: [...]}, {range: "4xx"} or
 * {min: 1, max: 5}. The names are tried in the order in which they are written. */
#include "ottl/function/make.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"

static bool equals_one(struct ottl_call *c, const struct ottl_value *wanted, const struct ottl_value *v, bool *matches)
{
    struct pb_reader r;
    struct ottl_value one;

    if (wanted->type != OTTL_LIST)
        return ottl_fail(c, "equals must be a list");
    r = pb_reader(wanted->bytes);
    while (ottl_next_element(&r, &one)) {
        if (one.type != OTTL_STRING)
            return ottl_fail(c, "equals values must be strings");
        *matches = *matches || (v->type == OTTL_STRING && bytes_equal(one.bytes, v->bytes));
    }
    return true;
}

/* "2xx" to "5xx" */
static bool in_range(struct ottl_call *c, const struct ottl_value *range, const struct ottl_value *v, bool *matches)
{
    int64_t hundred;

    if (range->type != OTTL_STRING || range->bytes.len != 3 || memcmp(range->bytes.data + 1, "xx", 2) != 0 ||
        range->bytes.data[0] < '2' || range->bytes.data[0] > '5')
        return ottl_fail(c, "a range is 2xx, 3xx, 4xx or 5xx");
    hundred = range->bytes.data[0] - '0';
    *matches = v->type == OTTL_INT && v->integer / 100 == hundred;
    return true;
}

static bool meets_criterion(struct ottl_call *c, struct bytes criterion, const struct ottl_value *v, bool *matches)
{
    struct ottl_value equals = ottl_map_get(criterion, bytes_str("equals"));
    struct ottl_value range = ottl_map_get(criterion, bytes_str("range"));
    struct ottl_value min = ottl_map_get(criterion, bytes_str("min")), max = ottl_map_get(criterion, bytes_str("max"));

    *matches = false;
    if (equals.type != OTTL_NIL && !equals_one(c, &equals, v, matches))
        return false;
    if (!*matches && range.type != OTTL_NIL && !in_range(c, &range, v, matches))
        return false;
    if (!*matches && v->type == OTTL_INT && min.type == OTTL_INT && max.type == OTTL_INT)
        *matches = v->integer >= min.integer && v->integer <= max.integer;
    return true;
}

static bool meets_one(struct ottl_call *c, const struct ottl_value *criteria, bool *matches)
{
    struct pb_reader r;
    struct ottl_value one;

    *matches = false;
    if (criteria->type != OTTL_LIST)
        return ottl_fail(c, "the criteria of a level must be a list, and these are %s", ottl_type_name(criteria->type));
    r = pb_reader(criteria->bytes);
    while (!*matches && ottl_next_element(&r, &one)) {
        if (one.type != OTTL_MAP)
            return ottl_fail(c, "a criterion must be a map with equals, range, or min and max");
        if (!ottl_spend(c, 1) || !meets_criterion(c, one.bytes, &c->args[0], matches))
            return false;
    }
    return true;
}

static bool call_severity(struct ottl_call *c, struct ottl_value *result)
{
    struct pb_reader r = pb_reader(c->args[1].bytes);
    struct ottl_value criteria;
    bool matches;

    if (!ottl_spend(c, c->args[1].bytes.len / 32))
        return false;
    for (struct bytes level; ottl_next_pair(&r, &level, &criteria);) {
        if (!meets_one(c, &criteria, &matches))
            return false;
        if (matches) {
            *result = ottl_string(level);
            return true;
        }
    }
    return ottl_fail(c, "no level fits the value");
}

const struct ottl_function ottl_functions_severity[] = {
    CONVERTER("ParseSeverity", call_severity, "a string", TAKES(ARGUMENT("target", ANY), ARGUMENT("mapping", MAP)),
              "The name of the first level in the mapping with a criterion that the value meets: {\"error\": "
              "[{\"equals\": [\"err\"]}, {\"range\": \"5xx\"}, {\"min\": 3, \"max\": 4}]}."),
    { 0 },
};
