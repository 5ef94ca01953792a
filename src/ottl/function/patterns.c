/* SPDX-License-Identifier: Apache-2.0 */
/* ExtractPatterns(): what the named groups of a regular expression take. */
#include "ottl/function/make.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"

static bool prepare_extract(struct ottl_prepare *p)
{
    return ottl_pattern_prepare(p, 1);
}

static bool call_extract(struct ottl_call *c, struct ottl_value *result)
{
    struct regex *re = ottl_pattern_of(c, 1);
    struct bytes found[REGEX_MAX_GROUPS + 1];
    struct buf out = { 0 };
    unsigned named = 0;
    bool matches;

    if (re == NULL || !ottl_spend(c, 2 + c->args[0].bytes.len / 32) ||
        !ottl_find(c, re, c->args[0].bytes, 0, found, &matches))
        return false;
    for (unsigned i = 1; i <= regex_groups(re); i++)
        if (regex_group_name(re, i) != NULL) {
            named++;
            if (matches)
                ottl_put_text_pair(&out, bytes_str(regex_group_name(re, i)), found[i]);
        }
    if (named == 0) {
        buf_free(&out);
        return ottl_fail(c, "at least 1 named capture group must be supplied in the given regex");
    }
    return ottl_give(c, &out, OTTL_MAP, result);
}

const struct ottl_function ottl_functions_patterns[] = {
    CONVERTER(
        "ExtractPatterns", call_extract, "a map of strings",
        TAKES(ARGUMENT("target", STRING), ARGUMENT("pattern", STRING)),
        "What the named groups of the regular expression, (?P<name>...), take; an empty map where it does not match.",
        .prepare = prepare_extract, .release = ottl_pattern_release),
    { 0 },
};
