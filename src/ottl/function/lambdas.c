/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that are given a lambda, and ask it about each pair of a map or element of a list in turn. What the lambda
 * costs it pays itself, a step for each word of it at least; what its answers come to is paid for here. */
#include "ottl/function/make.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"

/* Where a walk over the source stands: the index of an element, or the key of a pair, and what is there. */
struct walk {
    struct pb_reader r;
    bool map;
    int64_t index;
    struct ottl_value named[2];
};

static bool begin_walk(struct ottl_call *c, struct walk *w)
{
    const struct ottl_value *source = &c->args[0];

    if (source->type != OTTL_LIST && source->type != OTTL_MAP) {
        ottl_fail(c, "the source is a list or a map, not %s", ottl_type_name(source->type));
        return false;
    }
    *w = (struct walk){ .r = pb_reader(source->bytes), .map = source->type == OTTL_MAP };
    return ottl_spend(c, source->bytes.len / 64);
}

static bool next_value(struct walk *w)
{
    struct bytes key;

    if (!w->map) {
        w->named[0] = ottl_int(w->index++);
        return ottl_next_element(&w->r, &w->named[1]);
    }
    if (!ottl_next_pair(&w->r, &key, &w->named[1]))
        return false;
    w->named[0] = ottl_string(key);
    return true;
}

/* What a predicate says; one that says something else has failed. */
static bool ask_predicate(struct ottl_call *c, unsigned i, const struct ottl_value *named, bool *truth)
{
    struct ottl_value v = ottl_nil();

    if (!ottl_call_lambda(c, i, named, &v))
        return false;
    if (v.type != OTTL_BOOL) {
        ottl_fail(c, "the lambda gives %s where true or false is wanted", ottl_type_name(v.type));
        return false;
    }
    *truth = v.boolean;
    return true;
}

/* What a lambda makes of a value; nothing is a fault, as in Go. */
static bool make_value(struct ottl_call *c, unsigned i, const struct ottl_value *named, struct ottl_value *v)
{
    if (!ottl_call_lambda(c, i, named, v))
        return false;
    return v->type != OTTL_NIL || ottl_fail(c, "the lambda gives nil where a value is wanted");
}

/* Until one says `stop`: then that is the answer. */
static bool walk_until(struct ottl_call *c, bool stop, struct ottl_value *result)
{
    struct walk w;
    bool truth = !stop;

    if (!begin_walk(c, &w))
        return false;
    while (truth != stop && next_value(&w))
        if (!ask_predicate(c, 1, w.named, &truth))
            return false;
    *result = ottl_bool(truth);
    return true;
}

OTTL_CALLS(call_all, walk_until(c, false, result))
OTTL_CALLS(call_any, walk_until(c, true, result))

static void put_value(struct buf *out, const struct walk *w, const struct ottl_value *v)
{
    if (w->map)
        ottl_put_pair(out, w->named[0].bytes, v);
    else
        ottl_put_element(out, v);
}

static bool give_walked(struct ottl_call *c, const struct walk *w, bool good, struct buf *out,
                        struct ottl_value *result)
{
    if (good)
        return ottl_give(c, out, w->map ? OTTL_MAP : OTTL_LIST, result);
    buf_free(out);
    return false;
}

static bool call_filter(struct ottl_call *c, struct ottl_value *result)
{
    struct buf out = { 0 };
    bool good = true, keep = false;
    struct walk w;

    if (!begin_walk(c, &w))
        return false;
    while (good && next_value(&w)) {
        good = ask_predicate(c, 1, w.named, &keep);
        if (good && keep)
            put_value(&out, &w, &w.named[1]);
    }
    return give_walked(c, &w, good, &out, result);
}

static bool call_find(struct ottl_call *c, struct ottl_value *result)
{
    bool found = false;
    struct walk w;

    if (!begin_walk(c, &w))
        return false;
    *result = ottl_nil();
    while (!found && next_value(&w))
        if (!ask_predicate(c, 1, w.named, &found))
            return false;
    if (!found)
        return true;
    if (ottl_given(c, 2))
        return make_value(c, 2, w.named, result);
    *result = w.named[1];
    return true;
}

/* What can be in a list or map, and is paid for. */
static bool may_put(struct ottl_call *c, const struct ottl_value *v)
{
    size_t len = v->type >= OTTL_STRING && v->type <= OTTL_MAP ? v->bytes.len : 0;

    if (v->type > OTTL_MAP)
        return ottl_fail(c, "%s cannot be in a list or map", ottl_type_name(v->type));
    return ottl_spend(c, len / 64);
}

static bool put_renamed(struct ottl_call *c, struct buf *out, const struct ottl_value *key, const struct ottl_value *v)
{
    if (key->type != OTTL_STRING)
        return ottl_fail(c, "the lambda gives %s where a key is wanted, which is a string", ottl_type_name(key->type));
    ottl_put_pair(out, key->bytes, v);
    return true;
}

/* What the lambda makes of each stands for its value or, of pairs alone, for its key. */
static inline bool map_all(struct ottl_call *c, bool keys, struct ottl_value *result)
{
    struct ottl_value v = ottl_nil();
    struct buf out = { 0 };
    bool good = true;
    struct walk w;

    if (!begin_walk(c, &w))
        return false;
    while (good && next_value(&w)) {
        good = make_value(c, 1, w.named, &v) && may_put(c, &v);
        if (good && keys)
            good = put_renamed(c, &out, &v, &w.named[1]);
        else if (good)
            put_value(&out, &w, &v);
    }
    if (good && keys)
        attributes_keep_last(&out);
    return give_walked(c, &w, good, &out, result);
}

OTTL_CALLS(call_map_each, map_all(c, false, result))
OTTL_CALLS(call_map_keys, map_all(c, true, result))

static bool call_reduce(struct ottl_call *c, struct ottl_value *result)
{
    struct ottl_value named[3], so_far = c->args[1];
    struct walk w;

    if (!begin_walk(c, &w))
        return false;
    while (next_value(&w)) {
        named[0] = so_far;
        named[1] = w.named[0];
        named[2] = w.named[1];
        if (!make_value(c, 2, named, &so_far))
            return false;
    }
    *result = so_far;
    return true;
}

static bool call_when(struct ottl_call *c, struct ottl_value *result)
{
    bool truth = false;

    return ask_predicate(c, 0, NULL, &truth) && ottl_later(c, truth ? 1 : 2, result);
}

#define SOURCE ARGUMENT("source", ANY)
#define PREDICATE ARGUMENT("predicate", LAMBDA, .names = 2)

const struct ottl_function ottl_functions_lambdas[] = {
    CONVERTER("All", call_all, "a boolean", TAKES(SOURCE, PREDICATE),
              "Is the lambda, (key, value) => ..., true of each pair of the map, or element of the list, whose key is "
              "its index? Of an empty one it is."),
    CONVERTER("Any", call_any, "a boolean", TAKES(SOURCE, PREDICATE),
              "Is the lambda, (key, value) => ..., true of any of them?"),
    CONVERTER("Filter", call_filter, "a map or list", TAKES(SOURCE, PREDICATE),
              "Those pairs or elements that the lambda, (key, value) => ..., is true of."),
    CONVERTER("Find", call_find, "any value, or nil",
              TAKES(SOURCE, PREDICATE, ARGUMENT("mapper", LAMBDA, .names = 2, .optional = true)),
              "The first value that the predicate, (key, value) => ..., is true of, or what the mapper, (key, value) "
              "=> ..., makes of that one."),
    CONVERTER("MapEach", call_map_each, "a map or list", TAKES(SOURCE, ARGUMENT("mapper", LAMBDA, .names = 2)),
              "The same with each value as the lambda, (key, value) => ..., makes it."),
    CONVERTER("MapKeys", call_map_keys, "a map",
              TAKES(ARGUMENT("source", MAP), ARGUMENT("key_mapper", LAMBDA, .names = 2)),
              "The same with each key as the lambda, (key, value) => ..., makes it; of keys that become one the last "
              "value stays."),
    CONVERTER("Reduce", call_reduce, "any value",
              TAKES(SOURCE, ARGUMENT("seed", ANY), ARGUMENT("accumulator", LAMBDA, .names = 3)),
              "One value of all: the lambda, (so_far, key, value) => ..., is given the seed with the first of them, "
              "and then what it has made with each that follows."),
    CONVERTER("When", call_when, "any value",
              TAKES(ARGUMENT("condition", LAMBDA), ARGUMENT("true_value", LATER), ARGUMENT("false_value", LATER)),
              "One of two values: the first where the lambda, () => ..., is true."),
    { 0 },
};
