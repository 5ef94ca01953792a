/* SPDX-License-Identifier: Apache-2.0 */
/* Editors that leave keys out of a map. What stays is copied as it is, field by field. */
#include "ottl/function/make.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"

static bool call_delete_key(struct ottl_call *c, struct ottl_value *result)
{
    (void)result;
    return ottl_target_delete(c, 0, c->args[1].bytes);
}

/* The map with the pairs whose key the function wants, which costs `steps` for each; nothing is set where it wants all.
 */
static bool keep_pairs(struct ottl_call *c, bool (*is_wanted)(struct ottl_call *c, struct bytes key, bool *wanted),
                       uint64_t steps)
{
    struct ottl_value target;
    struct buf out = { 0 };
    struct pb_reader r;
    bool changed = false, good = true, wanted;

    if (!ottl_target_get(c, 0, &target) || !ottl_spend(c, target.bytes.len / 64) ||
        !ottl_spend(c, ottl_list_len(target.bytes) * steps))
        return false;
    r = pb_reader(target.bytes);
    for (struct pb_field f; good && pb_next(&r, &f);) {
        good = is_wanted(c, attribute_of(f.bytes).key, &wanted);
        if (good && wanted)
            buf_append(&out, f.start, (size_t)(r.p - f.start));
        else
            changed = true;
    }
    if (!good || !changed) {
        buf_free(&out);
        return good;
    }
    target.bytes = ottl_take(c, &out);
    return ottl_target_set(c, 0, &target);
}

static bool is_listed(struct ottl_call *c, struct bytes key, bool *wanted)
{
    *wanted = false;
    for (size_t i = 0; i < c->args[1].n && !*wanted; i++)
        *wanted = bytes_equal(c->args[1].values[i].bytes, key);
    return true;
}

/* Keys that stand in the statement are few; those that come with the item are as many as its sender likes, and long. */
static bool call_keep_keys(struct ottl_call *c, struct ottl_value *result)
{
    uint64_t bytes = 0;

    (void)result;
    for (size_t i = 0; i < c->args[1].n; i++)
        bytes += 8 + c->args[1].values[i].bytes.len;
    return keep_pairs(c, is_listed, 1 + bytes / 128);
}

static bool is_match(struct ottl_call *c, struct bytes key, bool *wanted)
{
    struct regex *re = ottl_pattern_of(c, 1);

    return re != NULL && ottl_search(c, re, key, wanted);
}

static bool is_none(struct ottl_call *c, struct bytes key, bool *wanted)
{
    if (!is_match(c, key, wanted))
        return false;
    *wanted = !*wanted;
    return true;
}

static bool prepare_matching(struct ottl_prepare *p)
{
    return ottl_pattern_prepare(p, 1);
}

static bool call_delete_matching(struct ottl_call *c, struct ottl_value *result)
{
    (void)result;
    return ottl_pattern_of(c, 1) != NULL && keep_pairs(c, is_none, 1);
}

static bool call_keep_matching(struct ottl_call *c, struct ottl_value *result)
{
    (void)result;
    return ottl_pattern_of(c, 1) != NULL && keep_pairs(c, is_match, 1);
}

const struct ottl_function ottl_functions_keys[] = {
    EDITOR("delete_key", call_delete_key, TAKES(ARGUMENT("target", TARGET_MAP), ARGUMENT("key", STRING)),
           "Takes the key out of the map."),
    EDITOR("delete_matching_keys", call_delete_matching,
           TAKES(ARGUMENT("target", TARGET_MAP), ARGUMENT("pattern", STRING)),
           "Takes the keys out of the map in which the regular expression matches.", .prepare = prepare_matching,
           .release = ottl_pattern_release),
    EDITOR("keep_keys", call_keep_keys, TAKES(ARGUMENT("target", TARGET_MAP), LIST("keys", STRING)),
           "Takes all other keys out of the map."),
    EDITOR("keep_matching_keys", call_keep_matching, TAKES(ARGUMENT("target", TARGET_MAP), ARGUMENT("pattern", STRING)),
           "Takes the keys out of the map in which the regular expression does not match.", .prepare = prepare_matching,
           .release = ottl_pattern_release),
    { 0 },
};
