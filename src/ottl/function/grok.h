/* SPDX-License-Identifier: Apache-2.0 */
/* Grok: regular expressions with names for parts of them, %{WORD:method} or %{NUMBER:status:int}. */
#ifndef OTTL_FUNCTION_GROK_H
#define OTTL_FUNCTION_GROK_H

#include "base/bytes.h"

struct grok_definition {
    const char *name;
    const char *pattern; /* in which other definitions may be named */
};

/* Those that are there without being given; the last has no name. */
extern const struct grok_definition grok_definitions[];

#endif
