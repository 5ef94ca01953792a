/* SPDX-License-Identifier: Apache-2.0 */
/* Days since 1970 and dates of the Gregorian calendar, by counting years from March (H. Hinnant, "chrono-Compatible
 * Low-Level Date Algorithms"). */
#include "ottl/function/time_inside.h"

int64_t time_day_number(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year, era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void civil_from_days(int64_t days_since, struct time_parts *t)
{
    int64_t z = days_since + 719468, era = (z >= 0 ? z : z - 146096) / 146097, of_era = z - era * 146097;
    int64_t of_years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * of_years + of_years / 4 - of_years / 100), m = (5 * of_year + 2) / 153;

    t->day = (int)(of_year - (153 * m + 2) / 5 + 1);
    t->month = (int)(m < 10 ? m + 3 : m - 9);
    t->year = of_years + era * 400 + (t->month <= 2);
}

int64_t time_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

struct time_parts time_parts_of(int64_t ns, int32_t offset)
{
    int64_t seconds = time_floor_div(ns, TIME_NS) + offset, day = time_floor_div(seconds, 86400),
            left = seconds - day * 86400;
    int64_t nanosecond = ns % TIME_NS;
    struct time_parts t = { .nanosecond = (int)(nanosecond < 0 ? nanosecond + TIME_NS : nanosecond) };

    civil_from_days(day, &t);
    t.weekday = (int)(((day + 4) % 7 + 7) % 7);
    t.hour = (int)(left / 3600);
    t.minute = (int)(left / 60 % 60);
    t.second = (int)(left % 60);
    return t;
}

int64_t time_parts_seconds(const struct time_parts *t)
{
    return time_day_number(t->year, t->month, t->day) * 86400 + ((int64_t)t->hour * 60 + t->minute) * 60 + t->second;
}

bool time_parts_join(const struct time_parts *t, int64_t *ns)
{
    return !__builtin_mul_overflow(time_parts_seconds(t), (int64_t)TIME_NS, ns) &&
           !__builtin_add_overflow(*ns, t->nanosecond, ns);
}
