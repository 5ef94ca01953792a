/* SPDX-License-Identifier: Apache-2.0 */
/* Times and durations: read, written, taken apart.
 *
 * A time is nanoseconds in UTC and the offset of the clock that it was read from, in which its hours and its text are
 * told. Formats and zones are literals, so they are read at load. */
#include "base/mem.h"
#include "ottl/function/make.h"
#include "ottl/function/spell.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"
#include "ottl/function/time_inside.h"

#include <strings.h>

#define ZONE_STEPS 1000 /* for a zone by its name in the text, which may be looked for among the system's files */

__extension__ typedef __int128 int128;

static struct ottl_value time_value(int64_t ns, int32_t offset)
{
    return (struct ottl_value){ .type = OTTL_TIME, .offset = offset, .integer = ns };
}

/* What Time() and FormatTime() are prepared to. */
struct time_state {
    struct time_format *format;
    struct time_zone *zone; /* NULL: UTC */
};

static void release_time(void *state)
{
    struct time_state *s = state;

    if (s == NULL)
        return;
    time_format_free(s->format);
    time_zone_free(s->zone);
    free(s);
}

static bool prepare_format(struct ottl_prepare *p, bool writes)
{
    struct time_state *s = mem_zalloc(sizeof(*s));

    p->state = s;
    p->at = 1;
    s->format = time_format_new(p->args[1].bytes, writes, &p->err);
    return s->format != NULL;
}

static bool prepare_format_time(struct ottl_prepare *p)
{
    return prepare_format(p, true);
}

static bool is_english(struct bytes locale)
{
    return locale.len >= 2 && strncasecmp((const char *)locale.data, "en", 2) == 0 &&
           (locale.len == 2 || locale.data[2] == '-' || locale.data[2] == '_');
}

static bool prepare_time(struct ottl_prepare *p)
{
    struct time_state *s;

    if (!prepare_format(p, false))
        return false;
    s = p->state;
    if (ottl_known(p, 3) && !is_english(p->args[3].bytes))
        return ottl_refuse(p, 3,
                           "names of months and days are read in English only; write `en`, or a format of digits");
    if (!ottl_known(p, 2))
        return true;
    p->at = 2;
    s->zone = time_zone_new(p->args[2].bytes, &p->err);
    return s->zone != NULL;
}

static bool call_time(struct ottl_call *c, struct ottl_value *result)
{
    const struct time_state *s = c->state;
    struct time_reading t;
    struct error err;

    if (c->args[0].bytes.len == 0)
        return ottl_fail(c, "time cannot be nil");
    if (!ottl_spend(c, c->args[0].bytes.len / 8 + (time_format_names_zone(s->format) ? ZONE_STEPS : 0)))
        return false;
    if (!time_format_read(s->format, c->args[0].bytes, s->zone, ottl_now(c), &t, &err))
        return ottl_fail(c, "%s", err.text);
    *result = time_value(t.ns, t.offset);
    return true;
}

static bool call_format_time(struct ottl_call *c, struct ottl_value *result)
{
    const struct time_state *s = c->state;
    struct buf out = { 0 };

    time_format_put(s->format, c->args[0].integer, c->args[0].offset, &out);
    return ottl_give_text(c, &out, result);
}

static bool call_now(struct ottl_call *c, struct ottl_value *result)
{
    *result = time_value(ottl_now(c), 0);
    return true;
}

/* Go counts multiples of the duration from the year 1. */
static bool call_truncate(struct ottl_call *c, struct ottl_value *result)
{
    int64_t unit = c->args[1].integer, left;

    *result = c->args[0];
    if (unit <= 0)
        return true;
    left = (int64_t)(((int128)c->args[0].integer + (int128)62135596800 * TIME_NS) % unit);
    if (__builtin_sub_overflow(c->args[0].integer, left, &result->integer))
        return ottl_fail(c, "the time is outside of the years 1678 to 2262");
    return true;
}

static bool call_unix(struct ottl_call *c, struct ottl_value *result)
{
    int64_t ns;

    if (__builtin_mul_overflow(c->args[0].integer, (int64_t)TIME_NS, &ns) ||
        __builtin_add_overflow(ns, ottl_given(c, 1) ? c->args[1].integer : 0, &ns))
        return ottl_fail(c, "the time is outside of the years 1678 to 2262");
    *result = time_value(ns, 0);
    return true;
}

/* ---- a number of units since 1970 ---- */

OTTL_GIVES(call_unix_nano, ottl_int(c->args[0].integer))
OTTL_GIVES(call_unix_micro, ottl_int(time_floor_div(c->args[0].integer, 1000)))
OTTL_GIVES(call_unix_milli, ottl_int(time_floor_div(c->args[0].integer, 1000000)))
OTTL_GIVES(call_unix_seconds, ottl_int(time_floor_div(c->args[0].integer, TIME_NS)))

/* ---- parts ---- */

static struct time_parts parts_of(const struct ottl_call *c)
{
    return time_parts_of(c->args[0].integer, c->args[0].offset);
}

OTTL_GIVES(call_year, ottl_int(parts_of(c).year))
OTTL_GIVES(call_month, ottl_int(parts_of(c).month))
OTTL_GIVES(call_day, ottl_int(parts_of(c).day))
OTTL_GIVES(call_weekday, ottl_int(parts_of(c).weekday))
OTTL_GIVES(call_hour, ottl_int(parts_of(c).hour))
OTTL_GIVES(call_minute, ottl_int(parts_of(c).minute))
OTTL_GIVES(call_second, ottl_int(parts_of(c).second))
OTTL_GIVES(call_nanosecond, ottl_int(parts_of(c).nanosecond))

/* ---- durations ---- */

static bool call_duration(struct ottl_call *c, struct ottl_value *result)
{
    struct bytes text = c->args[0].bytes;
    int64_t ns;

    if (text.len > 64 || !duration_read(text, &ns))
        return ottl_fail(c, "\"%.*s\" is no duration such as 1h30m or 100ms", (int)(text.len < 64 ? text.len : 64),
                         (const char *)text.data);
    *result = (struct ottl_value){ .type = OTTL_DURATION, .integer = ns };
    return true;
}

static inline double in_units(int64_t ns, int64_t one)
{
    int64_t whole = ns / one;

    return (double)whole + (double)(ns % one) / (double)one;
}

OTTL_GIVES(call_hours, ottl_double(in_units(c->args[0].integer, (int64_t)3600 * TIME_NS)))
OTTL_GIVES(call_minutes, ottl_double(in_units(c->args[0].integer, (int64_t)60 * TIME_NS)))
OTTL_GIVES(call_seconds, ottl_double(in_units(c->args[0].integer, TIME_NS)))
OTTL_GIVES(call_milliseconds, ottl_int(c->args[0].integer / 1000000))
OTTL_GIVES(call_microseconds, ottl_int(c->args[0].integer / 1000))
OTTL_GIVES(call_nanoseconds, ottl_int(c->args[0].integer))

#define OF_TIME(n, call_it, what) CONVERTER(n, call_it, "an integer", TAKES(ARGUMENT("time", TIME)), what)

#define IN_UNITS(n, call_it, what)                                                                                     \
    CONVERTER(n, call_it, "a double", TAKES(ARGUMENT("duration", DURATION)), "The duration in " what ".")
#define IN_WHOLE(n, call_it, what)                                                                                     \
    CONVERTER(n, call_it, "an integer", TAKES(ARGUMENT("duration", DURATION)), "The duration in " what ".")

const struct ottl_function ottl_functions_time[] = {
    CONVERTER("Now", call_now, "a time", TAKES_NOTHING, "The time now."),
    CONVERTER("Time", call_time, "a time",
              TAKES(ARGUMENT("time", STRING), LITERAL("format", STRING), OPTION("location", STRING),
                    OPTION("locale", STRING)),
              "The time that the string is by the format (%Y-%m-%dT%H:%M:%S%z); without a zone of its own in that of "
              "`location`, or UTC.",
              .prepare = prepare_time, .release = release_time),
    CONVERTER("FormatTime", call_format_time, "a string", TAKES(ARGUMENT("time", TIME), LITERAL("format", STRING)),
              "The time by the format.", .prepare = prepare_format_time, .release = release_time),
    CONVERTER("TruncateTime", call_truncate, "a time", TAKES(ARGUMENT("time", TIME), ARGUMENT("duration", DURATION)),
              "The time, down to a multiple of the duration."),
    CONVERTER("Unix", call_unix, "a time", TAKES(ARGUMENT("seconds", INT), OPTIONAL("nanoseconds", INT)),
              "The time so many seconds and nanoseconds after 1970."),
    OF_TIME("UnixNano", call_unix_nano, "Nanoseconds since 1970."),
    OF_TIME("UnixMicro", call_unix_micro, "Microseconds since 1970."),
    OF_TIME("UnixMilli", call_unix_milli, "Milliseconds since 1970."),
    OF_TIME("UnixSeconds", call_unix_seconds, "Seconds since 1970."),
    OF_TIME("Year", call_year, "The time's year."),
    OF_TIME("Month", call_month, "The time's month, January 1."),
    OF_TIME("Day", call_day, "The time's day of the month."),
    OF_TIME("Weekday", call_weekday, "The time's day of the week, Sunday 0."),
    OF_TIME("Hour", call_hour, "The time's hour."),
    OF_TIME("Minute", call_minute, "The time's minute."),
    OF_TIME("Second", call_second, "The time's second."),
    OF_TIME("Nanosecond", call_nanosecond, "The time's nanosecond of its second."),
    CONVERTER("Duration", call_duration, "a duration", TAKES(ARGUMENT("duration", STRING)),
              "The duration that the string is: 1h30m, 100ms."),
    IN_UNITS("Hours", call_hours, "hours"),
    IN_UNITS("Minutes", call_minutes, "minutes"),
    IN_UNITS("Seconds", call_seconds, "seconds"),
    IN_WHOLE("Milliseconds", call_milliseconds, "whole milliseconds"),
    IN_WHOLE("Microseconds", call_microseconds, "whole microseconds"),
    IN_WHOLE("Nanoseconds", call_nanoseconds, "nanoseconds"),
    { 0 },
};
