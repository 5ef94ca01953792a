/* SPDX-License-Identifier: Apache-2.0 */
/* What the functions of OTTL are written with: results that are put together, and patterns that may be known at load.
 */
#ifndef OTTL_FUNCTION_MAKE_H
#define OTTL_FUNCTION_MAKE_H

#include "base/vec.h"
#include "codec/regex.h"
#include "ottl/function.h"

/* The content of a buf as bytes in the arena; the buf is empty again. */
struct bytes ottl_take(struct ottl_call *c, struct buf *b);
/* The same as a string; what is not UTF-8 in it is repaired (codec/utf8.h). Always true. */
bool ottl_give_text(struct ottl_call *c, struct buf *b, struct ottl_value *result);
/* A list or map that has been put together. Always true. */
bool ottl_give(struct ottl_call *c, struct buf *b, enum ottl_type type, struct ottl_value *result);

/* A function, for a row's .call, that is a call of another with what tells it from its kin; one that is a value. Both
 * have `c`, the first has `result`, which editors leave alone. */
#define OTTL_CALLS(call_it, call)                                                                                      \
    static bool call_it(struct ottl_call *c, struct ottl_value *result)                                                \
    {                                                                                                                  \
        (void)result;                                                                                                  \
        return (call);                                                                                                 \
    }
#define OTTL_GIVES(call_it, value)                                                                                     \
    static bool call_it(struct ottl_call *c, struct ottl_value *result)                                                \
    {                                                                                                                  \
        *result = (value);                                                                                             \
        return true;                                                                                                   \
    }

/* One more element of a list, one more pair of a map. */
void ottl_put_element(struct buf *list, const struct ottl_value *v);
void ottl_put_string(struct buf *list, struct bytes text);
void ottl_put_pair(struct buf *map, struct bytes key, const struct ottl_value *v);
void ottl_put_text_pair(struct buf *map, struct bytes key, struct bytes text);

/* Pairs of a map, elements of a list, one after another. */
bool ottl_next_pair(struct pb_reader *r, struct bytes *key, struct ottl_value *v);
bool ottl_next_element(struct pb_reader *r, struct ottl_value *v);

/* As Go names the type, for texts of faults. */
const char *ottl_go_type(const struct ottl_value *v);

/* A string argument: of a literal at load or of a call; false: it is not there. */
static inline bool ottl_known(const struct ottl_prepare *p, unsigned i)
{
    return (p->known >> i & 1) != 0;
}

/* The text of an optional argument, or what stands for it. */
struct bytes ottl_text_or(const struct ottl_call *c, unsigned i, const char *otherwise);
bool ottl_bool_or(const struct ottl_call *c, unsigned i, bool otherwise);

/* A fault of argument i. Always false. */
bool ottl_refuse(struct ottl_prepare *p, unsigned i, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* ---- patterns ---- */

/* The state of a function with one: compiled at load where it is a literal, else when it comes, the last one kept. */
struct ottl_pattern {
    struct regex *re;
    struct buf text; /* that `re` was made of */
    struct regex *(*compile)(struct bytes text, struct error *err);
};

bool ottl_pattern_prepare(struct ottl_prepare *p, unsigned i);
/* The same of what is no regular expression itself, by who makes one of it, or NULL with `err`. */
bool ottl_pattern_prepare_by(struct ottl_prepare *p, unsigned i,
                             struct regex *(*compile)(struct bytes, struct error *));
void ottl_pattern_release(void *state);
/* NULL: ottl_fail() has said why. Patterns that come with the items cost steps. */
struct regex *ottl_pattern_of(struct ottl_call *c, unsigned i);

/* regex_search() and regex_find_from(), paid for in steps. False: the item has no steps left for it, or the search may
 * come to cost more than an item may. */
bool ottl_search(struct ottl_call *c, struct regex *re, struct bytes subject, bool *matches);
bool ottl_find(struct ottl_call *c, struct regex *re, struct bytes subject, size_t from, struct bytes *found,
               bool *matches);

#endif
