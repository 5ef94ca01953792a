/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that are given a lambda, and ask it about each pair of a map or element of a list in turn. What the lambda
 * costs it pays itself, a step for each word of it at least; what its answers come to is paid for here. */
#include "ottl/function/make.h"
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

static bool call_all(struct ottl_call *c, struct ottl_value *result)
{
    return walk_until(c, false, result);
}

static bool call_any(struct ottl_call *c, struct ottl_value *result)
{
    return walk_until(c, true, result);
}

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

static bool call_map_each(struct ottl_call *c, struct ottl_value *result)
{
    struct ottl_value v = ottl_nil();
    struct buf out = { 0 };
    bool good = true;
    struct walk w;

    if (!begin_walk(c, &w))
        return false;
    while (good && next_value(&w)) {
        good = make_value(c, 1, w.named, &v) && may_put(c, &v);
        if (good)
            put_value(&out, &w, &v);
    }
    return give_walked(c, &w, good, &out, result);
}

static bool call_map_keys(struct ottl_call *c, struct ottl_value *result)
{
    struct ottl_value key = ottl_nil();
    struct buf out = { 0 };
    bool good = true;
    struct walk w;

    if (!begin_walk(c, &w))
        return false;
    while (good && next_value(&w)) {
        good = make_value(c, 1, w.named, &key) && may_put(c, &key);
        if (good && key.type != OTTL_STRING)
            good =
                ottl_fail(c, "the lambda gives %s where a key is wanted, which is a string", ottl_type_name(key.type));
        if (good)
            ottl_put_pair(&out, key.bytes, &w.named[1]);
    }
    if (good)
        ottl_unique(&out);
    return give_walked(c, &w, good, &out, result);
}

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

#define SOURCE OTTL_ARGUMENT("source", OTTL_TAKES_ANY)
#define LAMBDA(n, count)                                                                                               \
    {                                                                                                                  \
        .name = (n), .kind = OTTL_TAKES_LAMBDA, .names = (count)                                                       \
    }

const struct ottl_function ottl_functions_lambdas[] = {
    { .name = "All",
      .args = { SOURCE, LAMBDA("predicate", 2) },
      .gives = "a boolean",
      .help =
          "Is the lambda, (key, value) => ..., true of each pair of the map, or element of the list, whose key is its "
          "index? Of an empty one it is.",
      .call = call_all },
    { .name = "Any",
      .args = { SOURCE, LAMBDA("predicate", 2) },
      .gives = "a boolean",
      .help = "Is the lambda, (key, value) => ..., true of any of them?",
      .call = call_any },
    { .name = "Filter",
      .args = { SOURCE, LAMBDA("predicate", 2) },
      .gives = "a map or list",
      .help = "Those pairs or elements that the lambda, (key, value) => ..., is true of.",
      .call = call_filter },
    { .name = "Find",
      .args = { SOURCE,
                LAMBDA("predicate", 2),
                { .name = "mapper", .kind = OTTL_TAKES_LAMBDA, .names = 2, .optional = true } },
      .gives = "any value, or nil",
      .help =
          "The first value that the predicate, (key, value) => ..., is true of, or what the mapper, (key, value) => "
          "..., makes of that one.",
      .call = call_find },
    { .name = "MapEach",
      .args = { SOURCE, LAMBDA("mapper", 2) },
      .gives = "a map or list",
      .help = "The same with each value as the lambda, (key, value) => ..., makes it.",
      .call = call_map_each },
    { .name = "MapKeys",
      .args = { OTTL_ARGUMENT("source", OTTL_TAKES_MAP), LAMBDA("key_mapper", 2) },
      .gives = "a map",
      .help = "The same with each key as the lambda, (key, value) => ..., makes it; of keys that become one the last "
              "value stays.",
      .call = call_map_keys },
    { .name = "Reduce",
      .args = { SOURCE, OTTL_ARGUMENT("seed", OTTL_TAKES_ANY), LAMBDA("accumulator", 3) },
      .gives = "any value",
      .help =
          "One value of all: the lambda, (so_far, key, value) => ..., is given the seed with the first of them, and "
          "then what it has made with each that follows.",
      .call = call_reduce },
    { .name = "When",
      .args = { LAMBDA("condition", 0), OTTL_ARGUMENT("true_value", OTTL_TAKES_LATER),
                OTTL_ARGUMENT("false_value", OTTL_TAKES_LATER) },
      .gives = "any value",
      .help = "One of two values: the first where the lambda, () => ..., is true.",
      .call = call_when },
    { 0 },
};
