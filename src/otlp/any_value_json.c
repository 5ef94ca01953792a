/* SPDX-License-Identifier: Apache-2.0 */
/* One message within another, as the tree has them. Nothing can go wrong: numbers beyond a double are infinite. */
#include "otlp/any_value.h"

#include "codec/json_tree.h"
#include "otlp/fields.h"

#include <math.h>
#include <stdlib.h>

#define WHOLE_MOST 9007199254740992.0 /* integers up to there are doubles of their own */

static void put_number(struct buf *out, struct bytes text, enum json_numbers numbers)
{
    struct value v = { .type = VALUE_DOUBLE, .number = strtod((const char *)text.data, NULL) };

    if (numbers == JSON_NUMBERS_WHOLE && fabs(v.number) <= WHOLE_MOST && v.number == trunc(v.number))
        v = (struct value){ .type = VALUE_INT, .integer = (int64_t)v.number };
    value_put(out, &v);
}

static void put_members(struct buf *out, const struct json_node *n, enum json_numbers numbers)
{
    size_t mark = pb_begin(out, n->kind == JSON_LIST ? OTLP_ANY_ARRAY : OTLP_ANY_MAP);

    for (const struct json_node *m = n->first; m != NULL; m = m->next) {
        size_t pair = pb_begin(out, OTLP_LIST_VALUES), value;

        if (n->kind == JSON_OBJECT) {
            pb_put_bytes(out, OTLP_KEY_VALUE_KEY, m->key);
            value = pb_begin(out, OTLP_KEY_VALUE_VALUE);
            any_value_put_json(out, m, numbers);
            pb_end(out, value);
        } else {
            any_value_put_json(out, m, numbers);
        }
        pb_end(out, pair);
    }
    pb_end(out, mark);
}

void any_value_put_json(struct buf *out, const struct json_node *n, enum json_numbers numbers)
{
    switch (n->kind) {
    case JSON_NULL:
        break;
    case JSON_BOOL:
        value_put(out, &(struct value){ .type = VALUE_BOOL, .boolean = bytes_is(n->text, "true") });
        break;
    case JSON_NUMBER:
        put_number(out, n->text, numbers);
        break;
    case JSON_STRING:
        value_put(out, &(struct value){ .type = VALUE_STRING, .bytes = n->text });
        break;
    case JSON_LIST:
    case JSON_OBJECT:
        put_members(out, n, numbers);
        break;
    }
}
