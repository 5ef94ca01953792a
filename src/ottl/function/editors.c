/* SPDX-License-Identifier: Apache-2.0 */
/* Editors of any value: set(), append(), delete_index(); and of a map as a whole: limit(), truncate_all(),
 * stringify_all(), merge_maps(), flatten().
 *
 * Each reads the target, puts the new value together beside it and sets it; where nothing changes nothing is set, so
 * that the item stays as it came. */
#include "codec/base64.h"
#include "codec/utf8.h"
#include "ottl/function/make.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"

#include <stdio.h>

static bool call_set(struct ottl_call *c, struct ottl_value *result)
{
    (void)result;
    return c->args[1].type == OTTL_NIL || ottl_target_set(c, 0, &c->args[1]);
}

static bool set_bytes(struct ottl_call *c, struct buf *out, enum ottl_type type)
{
    struct ottl_value v = ottl_bytes(type, ottl_take(c, out));

    return ottl_target_set(c, 0, &v);
}

/* ---- append ---- */

static bool put_appended(struct ottl_call *c, struct buf *out, const struct ottl_value *v)
{
    if (v->type == OTTL_MAP || v->type == OTTL_LIST)
        return ottl_fail(c, "%s cannot be appended", ottl_type_name(v->type));
    if (!ottl_spend(c, 1 + (v->type == OTTL_STRING || v->type == OTTL_BYTES ? v->bytes.len / 64 : 0)))
        return false;
    ottl_put_element(out, v);
    return true;
}

static bool call_append(struct ottl_call *c, struct ottl_value *result)
{
    struct ottl_value target;
    struct buf out = { 0 };
    bool good;

    (void)result;
    if (!ottl_given(c, 1) && !ottl_given(c, 2))
        return ottl_fail(c, "at least one of the optional arguments ('value' or 'values') must be provided");
    if (!ottl_target_get(c, 0, &target))
        return false;
    if (target.type == OTTL_MAP)
        return ottl_fail(c, "a map cannot be appended to");
    if (target.type == OTTL_LIST && !ottl_spend(c, target.bytes.len / 64))
        return false;
    if (target.type == OTTL_LIST)
        buf_put(&out, target.bytes);
    else if (target.type != OTTL_NIL)
        ottl_put_element(&out, &target);
    good = !ottl_given(c, 1) || put_appended(c, &out, &c->args[1]);
    for (size_t i = 0; good && ottl_given(c, 2) && i < c->args[2].n; i++)
        good = put_appended(c, &out, &c->args[2].values[i]);
    if (good)
        return set_bytes(c, &out, OTTL_LIST);
    buf_free(&out);
    return false;
}

/* ---- delete_index ---- */

static bool call_delete_index(struct ottl_call *c, struct ottl_value *result)
{
    int64_t start = c->args[1].integer, end, len, i = 0;
    struct ottl_value target, v;
    struct buf out = { 0 };

    (void)result;
    if (!ottl_target_get(c, 0, &target))
        return false;
    if (target.type != OTTL_LIST)
        return ottl_fail(c, "expected pcommon.Slice but got %s", ottl_go_type(&target));
    if (!ottl_spend(c, target.bytes.len / 64))
        return false;
    len = (int64_t)ottl_list_len(target.bytes);
    end = ottl_given(c, 2) ? c->args[2].integer : start < len ? start + 1 : len;
    if (start < 0 || start >= len)
        return ottl_fail(c, "startIndex %lld out of bounds for slice of length %lld", (long long)start, (long long)len);
    if (end < start)
        return ottl_fail(c, "endIndex %lld cannot be less than startIndex %lld", (long long)end, (long long)start);
    if (end > len)
        return ottl_fail(c, "deletion range [%lld:%lld] out of bounds for slice of length %lld", (long long)start,
                         (long long)end, (long long)len);
    if (start == end)
        return true;
    if (!ottl_spend(c, (uint64_t)len))
        return false;
    for (struct pb_reader r = pb_reader(target.bytes); ottl_next_element(&r, &v); i++)
        if (i < start || i >= end)
            ottl_put_element(&out, &v);
    return set_bytes(c, &out, OTTL_LIST);
}

/* ---- limit ---- */

static bool prepare_limit(struct ottl_prepare *p)
{
    if (!ottl_known(p, 1) || !ottl_known(p, 2))
        return true;
    if (p->args[1].integer < 0)
        return ottl_refuse(p, 1, "the limit cannot be negative");
    if (p->args[2].n > (uint64_t)p->args[1].integer)
        return ottl_refuse(p, 1, "the limit %lld is less than the number of priority keys, %zu",
                           (long long)p->args[1].integer, p->args[2].n);
    return true;
}

static bool is_priority(const struct ottl_call *c, struct bytes key)
{
    for (size_t i = 0; i < c->args[2].n; i++)
        if (bytes_equal(c->args[2].values[i].bytes, key))
            return true;
    return false;
}

static bool call_limit(struct ottl_call *c, struct ottl_value *result)
{
    uint64_t limit = (uint64_t)c->args[1].integer, others, keys = 0;
    struct ottl_value target, v;
    struct buf out = { 0 };
    struct pb_reader r;

    (void)result;
    for (size_t i = 0; i < c->args[2].n; i++)
        keys += 8 + c->args[2].values[i].bytes.len;
    if (!ottl_target_get(c, 0, &target) || !ottl_spend(c, target.bytes.len / 64) ||
        !ottl_spend(c, ottl_list_len(target.bytes) * (keys / 128 + 1)))
        return false;
    if (ottl_list_len(target.bytes) <= limit)
        return true;
    others = limit;
    r = pb_reader(target.bytes);
    for (struct bytes key; ottl_next_pair(&r, &key, &v);)
        others -= is_priority(c, key) && others > 0;
    r = pb_reader(target.bytes);
    for (struct bytes key; ottl_next_pair(&r, &key, &v);)
        if (is_priority(c, key))
            ottl_put_pair(&out, key, &v);
        else if (others > 0) {
            ottl_put_pair(&out, key, &v);
            others--;
        }
    return set_bytes(c, &out, OTTL_MAP);
}

/* ---- truncate_all ---- */

static bool prepare_truncate(struct ottl_prepare *p)
{
    if (ottl_known(p, 1) && p->args[1].integer < 0)
        return ottl_refuse(p, 1, "the limit cannot be negative");
    if (ottl_known(p, 1) && ottl_known(p, 3) && p->args[3].bytes.len > (uint64_t)p->args[1].integer)
        return ottl_refuse(p, 3, "the marker has %zu bytes, more than the limit %lld", p->args[3].bytes.len,
                           (long long)p->args[1].integer);
    return true;
}

static bool call_truncate_all(struct ottl_call *c, struct ottl_value *result)
{
    size_t limit = (size_t)c->args[1].integer;
    struct bytes marker = ottl_text_or(c, 3, "");
    struct ottl_value target, v;
    struct buf out = { 0 }, text = { 0 };
    struct pb_reader r;
    bool changed = false;

    (void)result;
    if (!ottl_target_get(c, 0, &target) || !ottl_spend(c, target.bytes.len / 64))
        return false;
    r = pb_reader(target.bytes);
    for (struct bytes key; ottl_next_pair(&r, &key, &v);) {
        if (v.type == OTTL_STRING && v.bytes.len > limit) {
            text.len = 0;
            buf_put(&text, utf8_cut(v.bytes, limit - marker.len));
            buf_put(&text, marker);
            v = ottl_string(buf_bytes(&text));
            changed = true;
        }
        ottl_put_pair(&out, key, &v);
    }
    buf_free(&text);
    if (changed)
        return set_bytes(c, &out, OTTL_MAP);
    buf_free(&out);
    return true;
}

/* ---- stringify_all ---- */

static bool call_stringify(struct ottl_call *c, struct ottl_value *result)
{
    struct ottl_value target, v;
    struct buf out = { 0 }, text = { 0 };
    struct pb_reader r;

    (void)result;
    if (!ottl_target_get(c, 0, &target) || !ottl_spend(c, target.bytes.len / 16))
        return false;
    r = pb_reader(target.bytes);
    for (struct bytes key; ottl_next_pair(&r, &key, &v);) {
        struct bytes s = bytes_of("", 0);

        text.len = 0;
        if (v.type == OTTL_DOUBLE && (v.number != v.number || v.number - v.number != 0)) {
            s = bytes_str(v.number != v.number ? "NaN" : v.number > 0 ? "Infinity" : "-Infinity");
        } else if (v.type == OTTL_BYTES) {
            base64_encode(v.bytes, true, &text);
            s = buf_bytes(&text);
        } else if (v.type != OTTL_NIL) {
            ottl_value_text(c->arena, &v, &s);
        }
        ottl_put_text_pair(&out, key, s);
    }
    buf_free(&text);
    return set_bytes(c, &out, OTTL_MAP);
}

/* ---- merge_maps ---- */

static bool prepare_merge(struct ottl_prepare *p)
{
    struct bytes s = p->args[2].bytes;

    if (ottl_known(p, 2) && !bytes_is(s, "insert") && !bytes_is(s, "update") && !bytes_is(s, "upsert"))
        return ottl_refuse(p, 2, "the strategy is 'insert', 'update' or 'upsert'");
    return true;
}

/* Pairs by their key, in the order in which they came: for maps that are laid side by side. */
struct map_pair {
    struct bytes key;
    struct ottl_value value;
};

typedef VEC(struct map_pair) map_pairs;

static int compare_pairs(const void *a, const void *b)
{
    const struct map_pair *x = a, *y = b;

    return bytes_compare(x->key, y->key);
}

static void read_sorted(struct bytes map, map_pairs *pairs)
{
    struct pb_reader r = pb_reader(map);
    struct map_pair one;

    while (ottl_next_pair(&r, &one.key, &one.value))
        *vec_push(pairs) = one;
    if (pairs->n > 1)
        qsort(pairs->v, pairs->n, sizeof(*pairs->v), compare_pairs);
}

static const struct map_pair *find_pair(const map_pairs *pairs, struct bytes key)
{
    struct map_pair wanted = { .key = key };

    return pairs->n > 0 ? bsearch(&wanted, pairs->v, pairs->n, sizeof(wanted), compare_pairs) : NULL;
}

static bool call_merge(struct ottl_call *c, struct ottl_value *result)
{
    struct bytes strategy = c->args[2].bytes, source = c->args[1].bytes;
    bool updates = !bytes_is(strategy, "insert"), inserts = !bytes_is(strategy, "update");
    struct ottl_value target, v;
    map_pairs theirs = { 0 }, ours = { 0 };
    struct buf out = { 0 };
    struct pb_reader r;

    (void)result;
    if (!ottl_target_get(c, 0, &target) || !ottl_spend(c, (target.bytes.len + source.len) / 32) ||
        !ottl_spend(c, 4 * (ottl_list_len(target.bytes) + ottl_list_len(source))))
        return false;
    read_sorted(source, &theirs);
    read_sorted(target.bytes, &ours);
    r = pb_reader(target.bytes);
    for (struct bytes key; ottl_next_pair(&r, &key, &v);) {
        const struct map_pair *other = updates ? find_pair(&theirs, key) : NULL;

        ottl_put_pair(&out, key, other != NULL ? &other->value : &v);
    }
    r = pb_reader(source);
    for (struct bytes key; inserts && ottl_next_pair(&r, &key, &v);)
        if (find_pair(&ours, key) == NULL)
            ottl_put_pair(&out, key, &v);
    vec_free(&theirs);
    vec_free(&ours);
    return set_bytes(c, &out, OTTL_MAP);
}

/* ---- flatten ---- */

#define MAX_FLATTENED 100 /* levels */

struct flattening {
    struct ottl_call *c;
    struct buf key, out;
    int64_t depth;
    bool resolves;
};

static bool prepare_flatten(struct ottl_prepare *p)
{
    if (ottl_known(p, 2) && p->args[2].integer < 1)
        return ottl_refuse(p, 2, "the depth must be greater than 0");
    return true;
}

/* With resolve_conflicts a key that is there already gets a number. */
static bool put_flat(struct flattening *f, const struct ottl_value *v)
{
    size_t len = f->key.len;

    if (!ottl_spend(f->c, 1 + f->key.len / 64 + (f->resolves ? f->out.len / 64 : 0)))
        return false;
    for (unsigned i = 0; f->resolves && ottl_map_get(buf_bytes(&f->out), buf_bytes(&f->key)).type != OTTL_NIL; i++) {
        f->key.len = len;
        buf_printf(&f->key, ".%u", i);
        if (!ottl_spend(f->c, 1 + f->out.len / 64))
            return false;
    }
    ottl_put_pair(&f->out, buf_bytes(&f->key), v);
    f->key.len = len;
    return true;
}

static bool flatten_value(struct flattening *f, const struct ottl_value *v, int64_t level);

static void put_dot(struct flattening *f)
{
    if (f->key.len > 0)
        buf_putc(&f->key, '.');
}

static bool flatten_map(struct flattening *f, struct bytes map, int64_t level)
{
    struct pb_reader r = pb_reader(map);
    size_t len = f->key.len;
    struct ottl_value v;
    bool good = true;

    for (struct bytes key; good && ottl_next_pair(&r, &key, &v); f->key.len = len) {
        put_dot(f);
        buf_put(&f->key, key);
        good = flatten_value(f, &v, level);
    }
    return good;
}

/* With resolve_conflicts elements that are no maps or lists all have the key of the list, as Go has it. */
static bool flatten_list(struct flattening *f, struct bytes list, int64_t level)
{
    struct pb_reader r = pb_reader(list);
    size_t len = f->key.len;
    struct ottl_value v;
    bool good = true;

    for (size_t i = 0; good && ottl_next_element(&r, &v); i++, f->key.len = len) {
        bool nested = (v.type == OTTL_MAP || v.type == OTTL_LIST) && level < f->depth;

        if (nested || !f->resolves) {
            put_dot(f);
            buf_printf(&f->key, "%zu", i);
        }
        good = flatten_value(f, &v, level);
    }
    return good;
}

static bool flatten_value(struct flattening *f, const struct ottl_value *v, int64_t level)
{
    if (level >= MAX_FLATTENED)
        return ottl_fail(f->c, "nested more than %d levels deep", MAX_FLATTENED);
    if (v->type == OTTL_MAP && level < f->depth)
        return flatten_map(f, v->bytes, level + 1);
    if (v->type == OTTL_LIST && level < f->depth)
        return flatten_list(f, v->bytes, level + 1);
    return put_flat(f, v);
}

static bool call_flatten(struct ottl_call *c, struct ottl_value *result)
{
    struct flattening f = { .c = c,
                            .depth = ottl_given(c, 2) ? c->args[2].integer : INT64_MAX,
                            .resolves = ottl_bool_or(c, 3, false) };
    struct ottl_value target;
    bool good;

    (void)result;
    if (!ottl_target_get(c, 0, &target) || !ottl_spend(c, target.bytes.len / 32))
        return false;
    buf_put(&f.key, ottl_text_or(c, 1, ""));
    good = flatten_map(&f, target.bytes, 0);
    buf_free(&f.key);
    if (!good) {
        buf_free(&f.out);
        return false;
    }
    attributes_keep_last(&f.out);
    return set_bytes(c, &f.out, OTTL_MAP);
}

const struct ottl_function ottl_functions_editors[] = {
    EDITOR("set", call_set, TAKES(ARGUMENT("target", TARGET), ARGUMENT("value", ANY)),
           "Sets the field to the value; nil leaves it as it is."),
    EDITOR("append", call_append,
           TAKES(ARGUMENT("target", TARGET), OPTIONAL("value", ANY), LIST_OPTIONAL("values", ANY)),
           "Adds the value, the values or both to the end of the list; a field that is no list becomes one."),
    EDITOR("delete_index", call_delete_index,
           TAKES(ARGUMENT("target", TARGET), ARGUMENT("start_index", INT), OPTIONAL("end_index", INT)),
           "Takes the elements from start_index up to, not with, end_index out of the list; without it one element."),
    EDITOR("limit", call_limit,
           TAKES(ARGUMENT("target", TARGET_MAP), LITERAL("limit", INT), LIST_LITERAL("priority_keys", STRING)),
           "Leaves at most so many pairs in the map, those of the priority keys before all others.",
           .prepare = prepare_limit),
    EDITOR("truncate_all", call_truncate_all,
           TAKES(ARGUMENT("target", TARGET_MAP), LITERAL("limit", INT), OPTION("utf8_safe", BOOL),
                 OPTION("truncation_marker", STRING)),
           "Cuts the strings of the map to so many bytes, the marker's among them, and never inside a character, "
           "whatever utf8_safe.",
           .prepare = prepare_truncate),
    EDITOR("stringify_all", call_stringify, TAKES(ARGUMENT("target", TARGET_MAP)),
           "Makes all values of the map strings: bytes base64, lists and maps JSON."),
    EDITOR("merge_maps", call_merge,
           TAKES(ARGUMENT("target", TARGET_MAP), ARGUMENT("source", MAP), LITERAL("strategy", STRING)),
           "Takes the source's pairs into the map: those of new keys (insert), of keys that are there (update), or all "
           "(upsert).",
           .prepare = prepare_merge),
    EDITOR("flatten", call_flatten,
           TAKES(ARGUMENT("target", TARGET_MAP), OPTION("prefix", STRING), OPTION("depth", INT),
                 OPTION("resolve_conflicts", BOOL)),
           "Makes one level of nested maps and lists: a.b, list.0.", .prepare = prepare_flatten),
    { 0 },
};
