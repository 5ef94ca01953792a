/* SPDX-License-Identifier: Apache-2.0 */
/* How the rows of the tables are written, for nobody but them. A row begins as its call does, and says in this order
 * what it is called, what runs, what a converter gives, what it takes, and its sentence; then what few have:
 *
 *     CONVERTER("Sort", call_sort, "a list", TAKES(ARGUMENT("target", ANY), OPTION("order", STRING)),
 *               "The list in order, \"asc\" or \"desc\".", .prepare = prepare_sort),
 *
 * The kind of an argument is an OTTL_TAKES_ of ottl/function.h. */
#ifndef OTTL_FUNCTION_ROWS_H
#define OTTL_FUNCTION_ROWS_H

#include "ottl/function.h"

#define CONVERTER(n, call_it, out, takes, what, ...)                                                                   \
    {                                                                                                                  \
        .name = (n), .call = (call_it), .gives = (out), takes, .help = what, __VA_ARGS__                               \
    }
#define EDITOR(n, call_it, takes, what, ...)                                                                           \
    {                                                                                                                  \
        .editor = true, .name = (n), .call = (call_it), takes, .help = what, __VA_ARGS__                               \
    }
/* Of one context alone. */
#define CONVERTER_IN(context, n, call_it, out, takes, what, ...)                                                       \
    {                                                                                                                  \
        .contexts = OTTL_IN(OTTL_##context), .name = (n), .call = (call_it), .gives = (out), takes, .help = what,      \
        __VA_ARGS__                                                                                                    \
    }
#define EDITOR_IN(context, n, call_it, takes, what, ...)                                                               \
    {                                                                                                                  \
        .editor = true, .contexts = OTTL_IN(OTTL_##context), .name = (n), .call = (call_it), takes, .help = what,      \
        __VA_ARGS__                                                                                                    \
    }

#define TAKES(...) .args = { __VA_ARGS__ }
#define TAKES_NOTHING .args = { { 0 } }

/* What has to be there, and may come with the item; what may be missing; what must be written in the statement; both.
 */
#define ARGUMENT(n, k, ...)                                                                                            \
    {                                                                                                                  \
        .name = (n), .kind = OTTL_TAKES_##k, __VA_ARGS__                                                               \
    }
#define OPTIONAL(n, k) ARGUMENT(n, k, .optional = true)
#define LITERAL(n, k) ARGUMENT(n, k, .literal = true)
#define OPTION(n, k) ARGUMENT(n, k, .optional = true, .literal = true)
/* The same of lists of them. */
#define LIST(n, k) ARGUMENT(n, k, .list = true)
#define LIST_OPTIONAL(n, k) ARGUMENT(n, k, .optional = true, .list = true)
#define LIST_LITERAL(n, k) ARGUMENT(n, k, .literal = true, .list = true)
#define LIST_OPTION(n, k) ARGUMENT(n, k, .optional = true, .literal = true, .list = true)

#endif
