/* SPDX-License-Identifier: Apache-2.0 */
/* Times as text by formats of strptime's kind (%Y-%m-%dT%H:%M:%S%z), to and fro.
 *
 * A format is compiled once: its directives are those of Go's time converters, which are strptime's but for some. Names
 * of months and days are English. Years are 0 to 9999 and
 * times those that fit 64 bits of nanoseconds: 1678 to 2262. */
#ifndef OTTL_FUNCTION_TIME_TEXT_H
#define OTTL_FUNCTION_TIME_TEXT_H

#include "base/buf.h"
#include "ottl/function/time_zone.h"

struct time_format;

/* `writes`: for time_format_put(). NULL: err says why. */
struct time_format *time_format_new(struct bytes format, bool writes, struct error *err);
void time_format_free(struct time_format *f);
/* Does the text name its zone, EST or CET? To find out which that is costs more than all else. */
bool time_format_names_zone(const struct time_format *f);

struct time_reading {
    int64_t ns;     /* since 1970, in UTC */
    int32_t offset; /* seconds east of UTC that the text was in */
};

/* The time that the text is. What the format does not name is 0 or the first; a date without year is in that of `now`,
 * or the one before where it would be more than a week ahead. Without a zone of its own it is in `zone`, or UTC where
 * that is NULL. */
bool time_format_read(const struct time_format *f, struct bytes text, const struct time_zone *zone, int64_t now,
                      struct time_reading *t, struct error *err);

/* Append the time. */
void time_format_put(const struct time_format *f, int64_t ns, int32_t offset, struct buf *out);

/* Append it as Go's String() has it: 2023-11-14 22:13:20.123456789 +0000 UTC */
void time_text_put(struct buf *out, int64_t ns, int32_t offset);

struct time_parts {
    int64_t year;
    int month, day, weekday, hour, minute, second, nanosecond; /* from 1, from 1, Sunday 0 */
};

struct time_parts time_parts_of(int64_t ns, int32_t offset);
/* ns since 1970 in UTC, if UTC it is; false: out of range. */
bool time_parts_join(const struct time_parts *t, int64_t *ns);

#endif
