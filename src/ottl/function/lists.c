/* SPDX-License-Identifier: Apache-2.0 */
/* Lists and maps: what is in them, in which order, and one made of the other.
 *
 * Elements are read off the wire one by one; each costs a step. */
#include "ottl/function/make.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"

#include <stdio.h>

/* A list of one side of each pair. */
static inline bool give_side(struct ottl_call *c, bool keys, struct ottl_value *result)
{
    struct pb_reader r = pb_reader(c->args[0].bytes);
    struct buf out = { 0 };
    struct ottl_value v;

    if (!ottl_spend(c, c->args[0].bytes.len / 32))
        return false;
    for (struct bytes key; ottl_next_pair(&r, &key, &v);)
        if (keys)
            ottl_put_string(&out, key);
        else
            ottl_put_element(&out, &v);
    return ottl_give(c, &out, OTTL_LIST, result);
}

OTTL_CALLS(call_keys, give_side(c, true, result))
OTTL_CALLS(call_values, give_side(c, false, result))

/* The index of the first element that is equal; -1: none. */
static bool find_element(struct ottl_call *c, const struct ottl_value *wanted, int64_t *at)
{
    struct pb_reader r = pb_reader(c->args[0].bytes);
    struct ottl_value v;

    *at = -1;
    for (int64_t i = 0; *at < 0 && ottl_next_element(&r, &v); i++) {
        bool nested = v.type == OTTL_LIST || v.type == OTTL_MAP;

        if (!ottl_spend(c, 1 + (nested && v.type == wanted->type ? v.bytes.len / 32 : 0)))
            return false;
        if (ottl_compare(&v, OTTL_EQ, wanted))
            *at = i;
    }
    return true;
}

static bool call_contains(struct ottl_call *c, struct ottl_value *result)
{
    int64_t at;

    if (!find_element(c, &c->args[1], &at))
        return false;
    *result = ottl_bool(at >= 0);
    return true;
}

static bool call_index(struct ottl_call *c, struct ottl_value *result)
{
    const struct ottl_value *in = &c->args[0], *wanted = &c->args[1];
    int64_t at = -1;

    if (in->type == OTTL_STRING) {
        const uint8_t *found;

        if (wanted->type != OTTL_STRING)
            return ottl_fail(c, "in a string it looks for a string, not for %s", ottl_type_name(wanted->type));
        if (!ottl_spend(c, in->bytes.len / 64))
            return false;
        found = wanted->bytes.len > 0 ? memmem(in->bytes.data, in->bytes.len, wanted->bytes.data, wanted->bytes.len)
                                      : in->bytes.data;
        if (wanted->bytes.len == 0)
            at = 0;
        else if (found != NULL)
            at = found - in->bytes.data;
    } else if (in->type != OTTL_LIST) {
        return ottl_fail(c, "expected pcommon.Slice but got %s", ottl_go_type(in));
    } else if (!find_element(c, wanted, &at)) {
        return false;
    }
    *result = ottl_int(at);
    return true;
}

/* ---- Sort ---- */

struct sorted_element {
    struct ottl_value value;
    struct bytes text;
    double number;
    int64_t integer;
};

enum sort_by { SORT_NOT, SORT_INTEGERS, SORT_NUMBERS, SORT_TEXTS };

/* Integers and doubles by their value, with anything else of a plain type all by their text; lists and maps have no
 * order. */
static enum sort_by sort_by(struct bytes list)
{
    struct pb_reader r = pb_reader(list);
    enum sort_by by = SORT_INTEGERS;

    for (struct ottl_value v; ottl_next_element(&r, &v);)
        if (v.type == OTTL_LIST || v.type == OTTL_MAP || v.type == OTTL_BYTES)
            return SORT_NOT;
        else if (v.type == OTTL_DOUBLE && by != SORT_TEXTS)
            by = SORT_NUMBERS;
        else if (v.type != OTTL_INT && v.type != OTTL_DOUBLE)
            by = SORT_TEXTS;
    return by;
}

static int compare_integers(const void *a, const void *b)
{
    const struct sorted_element *x = a, *y = b;

    return (x->integer > y->integer) - (x->integer < y->integer);
}

/* NaN before all others, as Go has it. */
static int compare_numbers(const void *a, const void *b)
{
    const struct sorted_element *x = a, *y = b;

    if (x->number != x->number || y->number != y->number)
        return (y->number != y->number) - (x->number != x->number) == 0 ? 0 : x->number != x->number ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

static int compare_texts(const void *a, const void *b)
{
    const struct sorted_element *x = a, *y = b;

    return bytes_compare(x->text, y->text);
}

static struct sorted_element sorted_element(struct ottl_call *c, const struct ottl_value *v, enum sort_by by)
{
    struct sorted_element e = { .value = *v };

    if (by == SORT_TEXTS)
        ottl_value_text(c->arena, v, &e.text);
    e.integer = v->type == OTTL_INT ? v->integer : 0;
    e.number = v->type == OTTL_INT ? (double)v->integer : v->type == OTTL_DOUBLE ? v->number : 0;
    return e;
}

static bool prepare_sort(struct ottl_prepare *p)
{
    if (ottl_known(p, 1) && !bytes_is(p->args[1].bytes, "asc") && !bytes_is(p->args[1].bytes, "desc"))
        return ottl_refuse(p, 1, "the order is \"asc\" or \"desc\"");
    return true;
}

static bool call_sort(struct ottl_call *c, struct ottl_value *result)
{
    static int (*const compare[])(const void *, const void *) = {
        [SORT_INTEGERS] = compare_integers, [SORT_NUMBERS] = compare_numbers, [SORT_TEXTS] = compare_texts
    };
    bool down = bytes_is(ottl_text_or(c, 1, "asc"), "desc");
    VEC(struct sorted_element) elements = { 0 };
    struct buf out = { 0 };
    enum sort_by by;

    if (c->args[0].type != OTTL_LIST)
        return ottl_fail(c, "it takes a list, and was given %s", ottl_type_name(c->args[0].type));
    *result = c->args[0];
    if (!ottl_spend(c, c->args[0].bytes.len / 32))
        return false;
    by = sort_by(c->args[0].bytes);
    if (by == SORT_NOT || c->args[0].bytes.len == 0)
        return true;
    if (!ottl_spend(c, 8 * ottl_list_len(c->args[0].bytes)))
        return false;
    struct pb_reader r = pb_reader(c->args[0].bytes);
    for (struct ottl_value v; ottl_next_element(&r, &v);)
        *vec_push(&elements) = sorted_element(c, &v, by);
    if (elements.n > 1)
        qsort(elements.v, elements.n, sizeof(*elements.v), compare[by]);
    for (size_t i = 0; i < elements.n; i++)
        ottl_put_element(&out, &elements.v[down ? elements.n - 1 - i : i].value);
    vec_free(&elements);
    return ottl_give(c, &out, OTTL_LIST, result);
}

/* ---- SliceToMap ---- */

/* What stands at the end of a path of keys. */
static bool follow_path(const struct ottl_value *path, struct ottl_value *v)
{
    for (size_t i = 0; i < path->n; i++) {
        if (v->type != OTTL_MAP)
            return false;
        *v = ottl_map_get(v->bytes, path->values[i].bytes);
        if (v->type == OTTL_NIL)
            return false;
    }
    return true;
}

static bool put_entry(struct ottl_call *c, size_t i, struct ottl_value element, struct buf *out)
{
    struct ottl_value key = element, value = element;
    char number[24];

    if ((ottl_given(c, 1) || ottl_given(c, 2)) && element.type != OTTL_MAP)
        return ottl_fail(c, "with key_path or value_path each element must be a map, and element %zu is %s", i,
                         ottl_type_name(element.type));
    if (!ottl_given(c, 1)) {
        key = ottl_string(bytes_of(number, (size_t)snprintf(number, sizeof(number), "%zu", i)));
    } else if (!follow_path(&c->args[1], &key)) {
        return ottl_fail(c, "element %zu has nothing at key_path", i);
    } else if (key.type != OTTL_STRING) {
        return ottl_fail(c, "what element %zu has at key_path is %s, not a string", i, ottl_type_name(key.type));
    }
    if (ottl_given(c, 2) && !follow_path(&c->args[2], &value))
        return ottl_fail(c, "element %zu has nothing at value_path", i);
    ottl_put_pair(out, key.bytes, &value);
    return true;
}

static bool call_slice_to_map(struct ottl_call *c, struct ottl_value *result)
{
    struct pb_reader r = pb_reader(c->args[0].bytes);
    struct buf out = { 0 };
    struct ottl_value v;

    if (!ottl_spend(c, c->args[0].bytes.len / 32))
        return false;
    for (size_t i = 0; ottl_next_element(&r, &v); i++)
        if (!ottl_spend(c, 1) || !put_entry(c, i, v, &out)) {
            buf_free(&out);
            return false;
        }
    attributes_keep_last(&out);
    return ottl_give(c, &out, OTTL_MAP, result);
}

const struct ottl_function ottl_functions_lists[] = {
    CONVERTER("Keys", call_keys, "a list of strings", TAKES(ARGUMENT("target", MAP)), "The keys of the map."),
    CONVERTER("Values", call_values, "a list", TAKES(ARGUMENT("target", MAP)), "The values of the map."),
    CONVERTER("ContainsValue", call_contains, "a boolean", TAKES(ARGUMENT("target", LIST), ARGUMENT("item", ANY)),
              "Whether an element of the list is equal to the item."),
    CONVERTER("Index", call_index, "an integer", TAKES(ARGUMENT("target", ANY), ARGUMENT("value", ANY)),
              "Where the value first stands in a string, in bytes, or in a list; -1: nowhere."),
    CONVERTER("Sort", call_sort, "a list", TAKES(ARGUMENT("target", ANY), OPTION("order", STRING)),
              "The list in order, \"asc\" or \"desc\": numbers by value, mixed types by their text. A list with lists, "
              "maps or bytes in it stays as it is.",
              .prepare = prepare_sort),
    CONVERTER("SliceToMap", call_slice_to_map, "a map",
              TAKES(ARGUMENT("target", LIST), LIST_OPTION("key_path", STRING), LIST_OPTION("value_path", STRING)),
              "A map of the list's elements. Its keys are what stands at key_path in each, else their index; its "
              "values what stands at value_path, else the element."),
    { 0 },
};
