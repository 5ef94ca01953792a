/* SPDX-License-Identifier: Apache-2.0 */
/* A value of a configuration becomes the content of an AnyValue, scalar by scalar by the type that YAML sees in it,
 * lists and maps by recursion. An integer beyond 64 bits with sign becomes a double, as in the Go collector; dates
 * are text. */
#include "otlp/text/any_value_yaml.h"

#include "otlp/any_value.h"
#include "otlp/fields.h"

static void put_scalar(struct buf *out, const struct yaml_node *n)
{
    struct value v = { .type = VALUE_STRING, .bytes = bytes_str(n->text) };

    switch (yaml_type(n)) {
    case YAML_NIL:
        return;
    case YAML_BOOL:
        v.type = VALUE_BOOL;
        yaml_bool(n, &v.boolean);
        break;
    case YAML_INT:
        v.type = VALUE_INT;
        if (!yaml_int(n, &v.integer)) { /* beyond 64 bits with sign */
            v.type = VALUE_DOUBLE;
            yaml_float(n, &v.number);
        }
        break;
    case YAML_FLOAT:
        v.type = VALUE_DOUBLE;
        yaml_float(n, &v.number);
        break;
    case YAML_STR:
    case YAML_TIME:
        break;
    }
    value_put(out, &v);
}

static void put_list(struct buf *out, const struct yaml_node *n)
{
    size_t list = pb_begin(out, VALUE_ARRAY);

    for (size_t i = 0; i < n->n; i++) {
        size_t element = pb_begin(out, OTLP_LIST_VALUES);

        any_value_from_yaml(out, n->items[i]);
        pb_end(out, element);
    }
    pb_end(out, list);
}

static void put_map(struct buf *out, const struct yaml_node *n)
{
    size_t map = pb_begin(out, VALUE_MAP);

    for (size_t i = 0; i < n->n; i++) {
        size_t pair = pb_begin(out, OTLP_LIST_VALUES), value;

        pb_put_str(out, OTLP_KEY_VALUE_KEY, n->pairs[i].key);
        value = pb_begin(out, OTLP_KEY_VALUE_VALUE);
        any_value_from_yaml(out, n->pairs[i].value);
        pb_end(out, value);
        pb_end(out, pair);
    }
    pb_end(out, map);
}

void any_value_from_yaml(struct buf *out, const struct yaml_node *n)
{
    switch (n->kind) {
    case YAML_NULL:
        break;
    case YAML_SCALAR:
        put_scalar(out, n);
        break;
    case YAML_LIST:
        put_list(out, n);
        break;
    case YAML_MAP:
        put_map(out, n);
        break;
    }
}
