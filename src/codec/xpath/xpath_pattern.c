/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of XPath that take a regular expression. One that is written out was compiled with the expression, one
 * that is computed is compiled for the call. Each search is paid for before it is made. */
#include "codec/regex_steps.h"
#include "codec/xpath/xpath_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_STEP 16u      /* bytes of text for a step */
#define COMPILE_STEPS 2000 /* what it costs to compile one, more or less */

/* The pattern of the second argument, which may be NULL: it is none. *made: to be freed. False: no more steps. */
static bool pattern_at(const struct xpath_context *c, const struct xpath_exprs *args, struct regex **re,
                       struct regex **made)
{
    struct bytes text;

    *made = NULL;
    *re = args->v[1]->pattern;
    if (*re != NULL)
        return true;
    if (!xpath_text_at(c, args, 1, &text) || !xpath_spend(c, COMPILE_STEPS + text.len))
        return false;
    *re = *made = regex_new_bytes(text, NULL);
    return true;
}

/* False: no more steps. */
static bool find_paid(const struct xpath_context *c, struct regex *re, struct bytes s, size_t from, struct bytes *found,
                      bool *matches)
{
    uint64_t steps;

    *matches = false;
    if (regex_price(re, s, from, &steps) || steps > REGEX_ITEM_STEPS) {
        if (!xpath_spend(c, steps))
            return false;
        *matches = regex_find_from(re, s, from, found);
        return true;
    }
    *matches = regex_find_timed(re, s, from, found, &steps);
    return xpath_spend(c, steps);
}

bool xpath_call_matches(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    struct bytes s, found[REGEX_MAX_GROUPS + 1];
    struct regex *re, *made;
    bool matches = false, paid;

    if (!xpath_text_only_at(c, args, 0, &s) || !pattern_at(c, args, &re, &made))
        return false;
    paid = re == NULL || find_paid(c, re, s, 0, found, &matches);
    regex_free(made);
    return paid && xpath_give_boolean(v, matches);
}

/* $12 is group 12 where there are so many, else group 1 and a 2. */
static void put_replacement(const struct regex *re, struct bytes text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        size_t digits = 0, n = 0, group = 0;

        while (text.data[i] == '$' && i + 1 + n < text.len && text.data[i + 1 + n] >= '0' &&
               text.data[i + 1 + n] <= '9') {
            group = group * 10 + (size_t)(text.data[i + 1 + n] - '0');
            n++;
            if (group > regex_groups(re))
                break;
            digits = group > 0 ? n : digits;
        }
        buf_putc(out, (char)text.data[i]);
        if (digits == 0)
            continue;
        buf_putc(out, '{');
        buf_append(out, text.data + i + 1, digits);
        buf_putc(out, '}');
        i += digits;
    }
}

static bool replace_all(const struct xpath_context *c, struct regex *re, struct bytes s, struct bytes replacement,
                        struct buf *out)
{
    struct bytes found[REGEX_MAX_GROUPS + 1];
    struct regex_walk w = { 0 };
    bool matches;

    while (w.from <= s.len) {
        if (!find_paid(c, re, s, w.from, found, &matches))
            return false;
        if (!matches)
            break;
        if (!regex_walk_take(&w, s, found[0]))
            continue;
        if (!xpath_spend(c, (w.end - w.done + replacement.len * (1 + found[0].len)) / TEXT_STEP))
            return false;
        buf_append(out, s.data + w.done, w.begin - w.done);
        regex_expand(re, replacement, found, out);
        regex_walk_done(&w);
    }
    if (s.len > w.done)
        buf_append(out, s.data + w.done, s.len - w.done);
    return true;
}

bool xpath_call_replace(const struct xpath_context *c, const struct xpath_exprs *args, struct xpath_value *v)
{
    struct buf out = { 0 }, with = { 0 };
    struct bytes s, replacement;
    struct regex *re, *made;
    bool paid;

    if (!xpath_text_at(c, args, 0, &s) || !xpath_text_at(c, args, 2, &replacement) || !pattern_at(c, args, &re, &made))
        return false;
    if (re == NULL)
        return xpath_give_text(v, s);
    put_replacement(re, replacement, &with);
    paid = replace_all(c, re, s, buf_bytes(&with), &out);
    regex_free(made);
    buf_free(&with);
    if (paid)
        return xpath_give_made(c, v, &out);
    buf_free(&out);
    return false;
}
