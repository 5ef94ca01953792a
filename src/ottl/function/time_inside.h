/* SPDX-License-Identifier: Apache-2.0 */
/* What the files about times share. Nobody else needs it. */
#ifndef OTTL_FUNCTION_TIME_INSIDE_H
#define OTTL_FUNCTION_TIME_INSIDE_H

#include "base/vec.h"
#include "ottl/function/time_text.h"

#define TIME_TEXT 0 /* the element is a byte that stands for itself */
#define TIME_NS 1000000000

struct time_element {
    char directive;
    char text;
};

struct time_format {
    VEC(struct time_element) elements;
};

extern const char *const time_months[12], *const time_days[7];

/* From 1970 to that day, by the Gregorian calendar also before it was there. */
int64_t time_day_number(int64_t year, int month, int day);

int64_t time_floor_div(int64_t a, int64_t b); /* rounded down; b > 0 */

/* Of the clock that shows it, as if it were UTC. */
int64_t time_parts_seconds(const struct time_parts *t);

#endif
