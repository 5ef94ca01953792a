/* SPDX-License-Identifier: Apache-2.0 */
/* Reading walks the elements of a format and the text together and fails at the first that does not fit, with the rest
 * of the text; dates and clocks are checked when all is read, and then the zone is found that they are in. */
#include "ottl/function/time_inside.h"

#include <strings.h>

#define WEEK ((int64_t)7 * 86400)

struct time_text {
    struct bytes rest;
    struct time_parts t;
    bool year, noon, afternoon, zoned;
    int32_t offset;
    struct bytes zone; /* its abbreviation */
};

static bool is_digit_at(struct bytes s, size_t i)
{
    return i < s.len && s.data[i] >= '0' && s.data[i] <= '9';
}

/* From `least` to `most` digits. */
static bool read_digits(struct bytes *s, size_t least, size_t most, int *v)
{
    size_t n = 0;

    for (*v = 0; n < most && is_digit_at(*s, n); n++)
        *v = *v * 10 + (s->data[n] - '0');
    if (n < least)
        return false;
    *s = bytes_skip(*s, n);
    return true;
}

/* The name at the front, whole or its first three letters; its index. */
static bool read_name(struct bytes *s, const char *const *names, int n, bool whole, int *at)
{
    for (*at = 0; *at < n; (*at)++) {
        size_t len = whole ? strlen(names[*at]) : 3;

        if (s->len >= len && strncasecmp((const char *)s->data, names[*at], len) == 0) {
            *s = bytes_skip(*s, len);
            return true;
        }
    }
    return false;
}

static void skip_blank(struct bytes *s)
{
    if (s->len > 0 && s->data[0] == ' ')
        *s = bytes_skip(*s, 1);
}

static bool read_year(struct time_text *x, char directive)
{
    int v;

    x->year = true;
    if (directive == 'y' || (directive == 'K' && !(is_digit_at(x->rest, 2) && is_digit_at(x->rest, 3)))) {
        if (!read_digits(&x->rest, 2, 2, &v))
            return false;
        x->t.year = v >= 69 ? 1900 + v : 2000 + v;
        return true;
    }
    if (!read_digits(&x->rest, 4, 4, &v))
        return false;
    x->t.year = v;
    return true;
}

static bool read_half(struct time_text *x)
{
    static const char *const halves[] = { "AM.", "PM." };
    int at = 0;

    while (at < 2 && (x->rest.len < 2 || strncasecmp((const char *)x->rest.data, halves[at], 2) != 0))
        at++;
    if (at == 2)
        return false;
    x->noon = at == 0;
    x->afternoon = at == 1;
    x->rest = bytes_skip(x->rest, 2);
    return true;
}

/* Digits behind the point, of which those behind the ninth are passed over. */
static bool read_fraction(struct bytes *s, int *nanosecond)
{
    int digits = 0;

    if (!is_digit_at(*s, 0))
        return false;
    for (*nanosecond = 0; is_digit_at(*s, 0); *s = bytes_skip(*s, 1))
        if (digits < 9) {
            *nanosecond = *nanosecond * 10 + (s->data[0] - '0');
            digits++;
        }
    for (; digits < 9; digits++)
        *nanosecond *= 10;
    return true;
}

/* ±hh and what the form says: m for two digits of minutes, s for seconds. A colon may stand where the form has ?. */
static bool read_offset(struct time_text *x, const char *form)
{
    int sign, hours, v, unit = 60;

    if (x->rest.len == 0 || (x->rest.data[0] != '+' && x->rest.data[0] != '-'))
        return false;
    sign = x->rest.data[0] == '-' ? -1 : 1;
    x->rest = bytes_skip(x->rest, 1);
    if (!read_digits(&x->rest, 2, 2, &hours) || hours > 24)
        return false;
    x->offset = hours * 3600;
    for (; *form != '\0'; form++) {
        bool colon = x->rest.len > 0 && x->rest.data[0] == ':';

        if (*form == ':' && !colon)
            return false;
        if (*form == ':' || (*form == '?' && colon))
            x->rest = bytes_skip(x->rest, 1);
        if (*form == ':' || *form == '?')
            continue;
        if (!read_digits(&x->rest, 2, 2, &v) || v >= 60)
            return false;
        x->offset += v * unit;
        unit = 1;
    }
    x->offset *= sign;
    x->zoned = true;
    return true;
}

static bool read_zone(struct time_text *x, char directive)
{
    size_t n = 0;

    switch (directive) {
    case 'z':
        if (x->rest.len > 0 && x->rest.data[0] == 'Z') {
            x->rest = bytes_skip(x->rest, 1);
            x->offset = 0;
            return x->zoned = true;
        }
        return read_offset(x, "?m");
    case 'w':
        return read_offset(x, "ms");
    case 'i':
        return read_offset(x, "");
    case 'j':
        return read_offset(x, ":m");
    case 'k':
        return read_offset(x, ":m:s");
    default: /* Z */
        while (n < x->rest.len && n < 5 && x->rest.data[n] >= 'A' && x->rest.data[n] <= 'Z')
            n++;
        x->zone = bytes_of(x->rest.data, n);
        x->rest = bytes_skip(x->rest, n);
        return n >= 3;
    }
}

static bool read_date(struct time_text *x, char directive)
{
    int at;

    switch (directive) {
    case 'Y':
    case 'y':
    case 'K':
        return read_year(x, directive);
    case 'o':
        skip_blank(&x->rest);
        return read_digits(&x->rest, 1, 2, &x->t.month);
    case 'm':
    case 'q':
        return read_digits(&x->rest, 1, 2, &x->t.month);
    case 'd':
    case 'e':
    case 'g':
        skip_blank(&x->rest);
        return read_digits(&x->rest, 1, 2, &x->t.day);
    case 'b':
    case 'h':
    case 'B':
        if (!read_name(&x->rest, time_months, 12, directive == 'B', &at))
            return false;
        x->t.month = at + 1;
        return true;
    default: /* a, A */
        return read_name(&x->rest, time_days, 7, directive == 'A', &at);
    }
}

static bool read_clock(struct time_text *x, char directive, char next)
{
    switch (directive) {
    case 'H':
        return read_digits(&x->rest, 1, 2, &x->t.hour);
    case 'I':
    case 'l':
        return read_digits(&x->rest, 1, 2, &x->t.hour) && x->t.hour <= 12;
    case 'M':
        return read_digits(&x->rest, 1, 2, &x->t.minute);
    case 'S':
        if (!read_digits(&x->rest, 1, 2, &x->t.second))
            return false;
        /* a fraction that the format does not name */
        if (next != '.' && next != ',' && x->rest.len > 1 && (x->rest.data[0] == '.' || x->rest.data[0] == ',') &&
            is_digit_at(x->rest, 1)) {
            x->rest = bytes_skip(x->rest, 1);
            return read_fraction(&x->rest, &x->t.nanosecond);
        }
        return true;
    case 'p':
    case 'P':
        return read_half(x);
    default: /* L, f, s */
        return read_fraction(&x->rest, &x->t.nanosecond);
    }
}

/* One blank stands for any number of them. */
static bool read_literal(struct bytes *s, char c)
{
    if (s->len == 0)
        return false;
    if (s->data[0] != (uint8_t)c)
        return false;
    *s = bytes_skip(*s, 1);
    while (c == ' ' && s->len > 0 && s->data[0] == ' ')
        *s = bytes_skip(*s, 1);
    return true;
}

static bool read_element(const struct time_format *f, size_t i, struct time_text *x)
{
    struct time_element e = f->elements.v[i];
    char next = i + 1 < f->elements.n ? f->elements.v[i + 1].text : 0;

    if (e.directive == TIME_TEXT && e.text == ' ' && i > 0 && f->elements.v[i - 1].text == ' ')
        return true;
    if (e.directive == TIME_TEXT)
        return read_literal(&x->rest, e.text);
    if (strchr("Zzwijk", e.directive) != NULL)
        return read_zone(x, e.directive);
    if (strchr("HIlMSpPLfs", e.directive) != NULL)
        return read_clock(x, e.directive, next);
    return read_date(x, e.directive);
}

static int month_days(int64_t year, int month)
{
    static const int n[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return n[month - 1] + (month == 2 && leap);
}

static const char *check_parts(const struct time_parts *t)
{
    if (t->month < 1 || t->month > 12)
        return "month";
    if (t->day < 1 || t->day > month_days(t->year, t->month))
        return "day";
    if (t->hour > 23)
        return "hour";
    if (t->minute > 59)
        return "minute";
    return t->second > 59 ? "second" : NULL;
}

/* A date without year is in the year of `now`, or the one before where it would be more than a week ahead. */
static void supply_year(struct time_text *x, int64_t now)
{
    int64_t ns;

    if (x->year)
        return;
    x->t.year = time_parts_of(now, 0).year;
    if (x->t.month >= 1 && x->t.month <= 12 && time_parts_join(&x->t, &ns) && ns / TIME_NS > now / TIME_NS + WEEK)
        x->t.year--;
}

/* What zone the text names, or that it is to be in. */
static int32_t find_offset(const struct time_text *x, const struct time_zone *zone)
{
    struct time_zone *named = NULL;
    int32_t offset = 0;

    if (x->zoned)
        return x->offset;
    if (x->zone.len == 0)
        return zone != NULL ? time_zone_offset_local(zone, time_parts_seconds(&x->t)) : 0;
    if (bytes_is(x->zone, "UTC") || (zone != NULL && time_zone_abbreviation(zone, x->zone, &offset)))
        return offset;
    named = time_zone_new(x->zone, NULL);
    if (named != NULL)
        offset = time_zone_offset_local(named, time_parts_seconds(&x->t));
    time_zone_free(named);
    return offset;
}

bool time_format_read(const struct time_format *f, struct bytes text, const struct time_zone *zone, int64_t now,
                      struct time_reading *t, struct error *err)
{
    struct time_text x = { .rest = text, .t = { .month = 1, .day = 1 } };
    const char *wrong;
    bool good = true;

    for (size_t i = 0; i < f->elements.n && good; i++)
        good = read_element(f, i, &x);
    if (!good || x.rest.len > 0) {
        error_set(err, -1, "the time \"%.*s\" does not fit the format: %s \"%.*s\"",
                  (int)(text.len < 80 ? text.len : 80), (const char *)text.data,
                  good ? "left over is" : "it stops doing so at", (int)(x.rest.len < 80 ? x.rest.len : 80),
                  (const char *)x.rest.data);
        return false;
    }
    if (x.afternoon && x.t.hour < 12)
        x.t.hour += 12;
    if (x.noon && x.t.hour == 12)
        x.t.hour = 0;
    supply_year(&x, now);
    wrong = check_parts(&x.t);
    if (wrong == NULL) {
        t->offset = find_offset(&x, zone);
        if (!time_parts_join(&x.t, &t->ns) || __builtin_sub_overflow(t->ns, (int64_t)t->offset * TIME_NS, &t->ns))
            wrong = "year";
    }
    if (wrong != NULL)
        error_set(err, -1, "the time \"%.*s\": its %s is out of range", (int)(text.len < 80 ? text.len : 80),
                  (const char *)text.data, wrong);
    return wrong == NULL;
}
