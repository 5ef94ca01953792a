/* SPDX-License-Identifier: Apache-2.0 */
/* What is below keys of a value is set by making each map and list on the way anew, from the inside out. What is
 * missing on the way is made: a map for a string, a list for an integer. */
#include "otlp/validate.h"
#include "ottl/ottl_inside.h"

#define DEPTH_ABOVE 14u /* messages that a value of an attribute is in, with some to spare for its keys */

/* Messages within messages below the content of an AnyValue; past `most` it is not looked further. */
static unsigned depth_of(struct bytes any, unsigned most)
{
    struct ottl_value v = ottl_value_read(any);
    unsigned deepest = 0;
    struct pb_reader r;

    if ((v.type != OTTL_LIST && v.type != OTTL_MAP) || most == 0)
        return most == 0;
    r = pb_reader(v.bytes);
    for (struct pb_field f; pb_next(&r, &f);) {
        unsigned below;

        if (f.number != OTLP_LIST_VALUES || f.wire != PB_LEN)
            continue;
        below = depth_of(v.type == OTTL_MAP ? attribute_of(f.bytes).value : f.bytes, most - (most > 3 ? 3 : most));
        deepest = below > deepest ? below : deepest;
    }
    return deepest + 3;
}

/* No value comes to be that no peer would take. */
bool keyed_is_shallow(struct ottl_evaluation *e, struct bytes any)
{
    if (depth_of(any, VALIDATE_MAX_DEPTH) + DEPTH_ABOVE <= VALIDATE_MAX_DEPTH)
        return true;
    return eval_fail(e, "the value would be nested deeper than OTLP allows");
}

static bool set_in_map(struct ottl_evaluation *e, struct ottl_node *const *keys, size_t n, const struct ottl_value *key,
                       struct bytes *map, const struct ottl_value *v)
{
    struct pb_reader r = pb_reader(*map);
    struct bytes any = { NULL, 0 };

    if (key->type != OTTL_STRING)
        return eval_fail(e, "the key of a map is a string, not %s", ottl_type_name(key->type));
    for (struct attribute a; attribute_next(&r, OTLP_LIST_VALUES, &a);)
        if (bytes_equal(a.key, key->bytes)) {
            any = a.value;
            break;
        }
    if (!keyed_set(e, keys + 1, n - 1, &any, v))
        return false;
    *map = ottl_map_set(&e->arena, *map, key->bytes, any);
    return true;
}

/* A list made for an index has empty values before it. */
static bool make_list(struct ottl_evaluation *e, int64_t index, struct bytes *list)
{
    struct buf out = { 0 };

    if (index < 0 || !eval_spend(e, (uint64_t)index))
        return index < 0 ? eval_fail(e, "index %lld is out of bounds", (long long)index) : false;
    for (int64_t i = 0; i <= index; i++)
        ottl_list_put(&out, bytes_of(NULL, 0));
    *list = ottl_keep(&e->arena, buf_bytes(&out));
    buf_free(&out);
    return true;
}

static bool set_in_list(struct ottl_evaluation *e, struct ottl_node *const *keys, size_t n,
                        const struct ottl_value *key, struct bytes *list, const struct ottl_value *v)
{
    struct ottl_value old;
    struct bytes any;

    if (key->type != OTTL_INT)
        return eval_fail(e, "the index of a list is an integer, not %s", ottl_type_name(key->type));
    if (!ottl_list_get(*list, key->integer, &old))
        return eval_fail(e, "index %lld is out of bounds", (long long)key->integer);
    if (!ottl_value_keep(&e->arena, &old, &any) || !keyed_set(e, keys + 1, n - 1, &any, v))
        return false;
    *list = ottl_list_set(&e->arena, *list, key->integer, any);
    return true;
}

/* What is below the keys of a value becomes v; *any is the value, and the new one. */
bool keyed_set(struct ottl_evaluation *e, struct ottl_node *const *keys, size_t n, struct bytes *any,
               const struct ottl_value *v)
{
    struct ottl_value whole, key = ottl_nil();

    if (n == 0)
        return ottl_value_keep(&e->arena, v, any) || eval_fail(e, "%s cannot be a value here", ottl_type_name(v->type));
    if (!eval_value(e, keys[0], &key))
        return false;
    whole = ottl_value_read(*any);
    if (whole.type == OTTL_NIL) {
        whole = ottl_bytes(key.type == OTTL_INT ? OTTL_LIST : OTTL_MAP, bytes_of(NULL, 0));
        if (key.type == OTTL_INT && !make_list(e, key.integer, &whole.bytes))
            return false;
    }
    if (whole.type != OTTL_MAP && whole.type != OTTL_LIST)
        return eval_fail(e, "%s cannot be indexed", ottl_type_name(whole.type));
    if (whole.type == OTTL_MAP ? !set_in_map(e, keys, n, &key, &whole.bytes, v)
                               : !set_in_list(e, keys, n, &key, &whole.bytes, v))
        return false;
    return ottl_value_keep(&e->arena, &whole, any) && eval_spend(e, whole.bytes.len / 64);
}
