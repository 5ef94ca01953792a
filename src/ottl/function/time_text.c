/* SPDX-License-Identifier: Apache-2.0 */
/* A format is compiled to a row of elements: a directive, or a byte that stands for itself; those that stand for
 * several
 * (%F, %T) are written out. Reading walks elements and text together and fails at the first that does not fit, with the
 * rest of the text; dates and clocks are checked when all is read. */
#include "ottl/function/time_text.h"

#include "base/mem.h"
#include "base/vec.h"

#include <stdio.h>
#include <strings.h>

#define TEXT 0 /* the element is a byte that stands for itself */
#define MAX_FORMAT 1024
#define NS 1000000000

struct time_element {
    char directive;
    char text;
};

struct time_format {
    VEC(struct time_element) elements;
};

static const char *const months[] = { "January", "February", "March",     "April",   "May",      "June",
                                      "July",    "August",   "September", "October", "November", "December" };
static const char *const days[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" };

void time_format_free(struct time_format *f)
{
    if (f == NULL)
        return;
    vec_free(&f->elements);
    free(f);
}

/* ---- formats ---- */

static const struct {
    char directive;
    const char *means;
} shorthands[] = {
    { 'D', "%m/%d/%K" }, { 'x', "%m/%d/%K" },
    { 'F', "%Y-%m-%d" }, { 'T', "%H:%M:%S" },
    { 'X', "%H:%M:%S" }, { 'r', "%I:%M:%S %P" },
    { 'R', "%H:%M" },    { 'n', "\n" },
    { 't', "\t" },       { 'c', "%a %b %d %H:%M:%S %Y" },
};

/* %K: a year of four digits; two are read too. */
static const char directives[] = "YymoqbhBdegaAHlIpPMSLfsZzwijk";

static bool add_directive(struct time_format *f, char directive, bool inside, struct error *err)
{
    if (directive == '%' || directive == '\0') {
        *vec_push(&f->elements) = (struct time_element){ TEXT, '%' };
        return true;
    }
    for (size_t i = 0; i < sizeof(shorthands) / sizeof(*shorthands); i++)
        if (!inside && shorthands[i].directive == directive) {
            for (const char *p = shorthands[i].means; *p != '\0'; p++)
                if (*p == '%')
                    add_directive(f, *++p, true, err);
                else
                    *vec_push(&f->elements) = (struct time_element){ TEXT, *p };
            return true;
        }
    if (strchr(directives, directive) == NULL && !(inside && directive == 'K')) {
        error_set(err, -1, "a time format has no directive %%%c", directive);
        return false;
    }
    if (strchr("Lfs", directive) != NULL) {
        struct time_element before = f->elements.n > 0 ? f->elements.v[f->elements.n - 1] : (struct time_element){ 0 };

        if (before.directive != TEXT || (before.text != '.' && before.text != ',')) {
            error_set(err, -1, "%%%c, the fraction of a second, must follow a point or a comma", directive);
            return false;
        }
    }
    *vec_push(&f->elements) = (struct time_element){ directive, 0 };
    return true;
}

struct time_format *time_format_new(struct bytes format, bool writes, struct error *err)
{
    struct time_format *f = mem_zalloc(sizeof(*f));
    bool good = format.len > 0 && format.len <= MAX_FORMAT;

    if (!good)
        error_set(err, -1, format.len > 0 ? "a time format of more than 1024 bytes" : "an empty time format");
    for (size_t i = 0; i < format.len && good; i++) {
        char c = (char)format.data[i];

        if (c == '%') {
            i++;
            good = add_directive(f, i < format.len ? (char)format.data[i] : '%', false, err);
        } else if (writes && c >= '0' && c <= '9') {
            error_set(err, -1, "a time format has no digits of its own: write %%Y-%%m-%%d, not 2006-01-02");
            good = false;
        } else {
            *vec_push(&f->elements) = (struct time_element){ TEXT, c };
        }
    }
    if (good)
        return f;
    time_format_free(f);
    return NULL;
}

/* ---- parts ---- */

static int64_t days_from_civil(int64_t year, int month, int day)
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

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

struct time_parts time_parts_of(int64_t ns, int32_t offset)
{
    int64_t seconds = floor_div(ns, NS) + offset, day = floor_div(seconds, 86400), left = seconds - day * 86400;
    struct time_parts t = { .nanosecond = (int)(ns - floor_div(ns, NS) * NS) };

    civil_from_days(day, &t);
    t.weekday = (int)(((day + 4) % 7 + 7) % 7);
    t.hour = (int)(left / 3600);
    t.minute = (int)(left / 60 % 60);
    t.second = (int)(left % 60);
    return t;
}

static int64_t seconds_of(const struct time_parts *t)
{
    return days_from_civil(t->year, t->month, t->day) * 86400 + t->hour * 3600 + t->minute * 60 + t->second;
}

bool time_parts_join(const struct time_parts *t, int64_t *ns)
{
    return !__builtin_mul_overflow(seconds_of(t), (int64_t)NS, ns) && !__builtin_add_overflow(*ns, t->nanosecond, ns);
}

/* ---- writing ---- */

static void put_offset(struct buf *out, int32_t offset, const char *form)
{
    int32_t v = offset < 0 ? -offset : offset;

    buf_putc(out, offset < 0 ? '-' : '+');
    buf_printf(out, "%02d", v / 3600);
    for (; *form != '\0'; form++)
        if (*form == ':')
            buf_putc(out, ':');
        else
            buf_printf(out, "%02d", *form == 'm' ? v / 60 % 60 : v % 60);
}

/* Without zeros at the end; of none the point before it goes too. */
static void put_fraction(struct buf *out, int nanosecond, int digits)
{
    char text[16];
    int n = digits;

    snprintf(text, sizeof(text), "%09d", nanosecond);
    while (n > 0 && text[n - 1] == '0')
        n--;
    buf_append(out, text, (size_t)n);
    if (n == 0 && out->len > 0)
        out->len--;
}

static void put_zone(struct buf *out, char directive, int32_t offset)
{
    switch (directive) {
    case 'Z':
        if (offset == 0)
            buf_puts(out, "UTC");
        else
            put_offset(out, offset, "m");
        break;
    case 'z':
        if (offset == 0)
            buf_putc(out, 'Z');
        else
            put_offset(out, offset, "m");
        break;
    case 'w':
        put_offset(out, offset, "ms");
        break;
    case 'i':
        put_offset(out, offset, "");
        break;
    case 'j':
        put_offset(out, offset, ":m");
        break;
    default: /* k */
        put_offset(out, offset, ":m:s");
        break;
    }
}

static void put_name(struct buf *out, const char *name, bool whole)
{
    buf_append(out, name, whole ? strlen(name) : 3);
}

static void put_date(struct buf *out, char directive, const struct time_parts *t)
{
    switch (directive) {
    case 'Y':
    case 'K':
        buf_printf(out, "%04lld", (long long)t->year);
        break;
    case 'y':
        buf_printf(out, "%02lld", (long long)(t->year % 100));
        break;
    case 'm':
        buf_printf(out, "%02d", t->month);
        break;
    case 'o':
        buf_printf(out, "%2d", t->month);
        break;
    case 'q':
        buf_printf(out, "%d", t->month);
        break;
    case 'd':
        buf_printf(out, "%02d", t->day);
        break;
    case 'e':
        buf_printf(out, "%2d", t->day);
        break;
    case 'g':
        buf_printf(out, "%d", t->day);
        break;
    case 'b':
    case 'h':
    case 'B':
        put_name(out, months[t->month - 1], directive == 'B');
        break;
    default: /* a, A */
        put_name(out, days[t->weekday], directive == 'A');
        break;
    }
}

static void put_clock(struct buf *out, char directive, const struct time_parts *t)
{
    int hour = t->hour % 12 == 0 ? 12 : t->hour % 12;

    switch (directive) {
    case 'H':
        buf_printf(out, "%02d", t->hour);
        break;
    case 'I':
        buf_printf(out, "%02d", hour);
        break;
    case 'l':
        buf_printf(out, "%d", hour);
        break;
    case 'M':
        buf_printf(out, "%02d", t->minute);
        break;
    case 'S':
        buf_printf(out, "%02d", t->second);
        break;
    case 'p':
        buf_puts(out, t->hour < 12 ? "AM" : "PM");
        break;
    case 'P':
        buf_puts(out, t->hour < 12 ? "am" : "pm");
        break;
    default: /* L, f, s */
        put_fraction(out, t->nanosecond, directive == 'L' ? 3 : directive == 'f' ? 6 : 9);
        break;
    }
}

void time_format_put(const struct time_format *f, int64_t ns, int32_t offset, struct buf *out)
{
    struct time_parts t = time_parts_of(ns, offset);

    for (size_t i = 0; i < f->elements.n; i++) {
        struct time_element e = f->elements.v[i];

        if (e.directive == TEXT)
            buf_putc(out, e.text);
        else if (strchr("Zzwijk", e.directive) != NULL)
            put_zone(out, e.directive, offset);
        else if (strchr("HIlMSpPLfs", e.directive) != NULL)
            put_clock(out, e.directive, &t);
        else
            put_date(out, e.directive, &t);
    }
}

void time_text_put(struct buf *out, int64_t ns, int32_t offset)
{
    struct time_parts t = time_parts_of(ns, offset);

    buf_printf(out, "%04lld-%02d-%02d %02d:%02d:%02d.", (long long)t.year, t.month, t.day, t.hour, t.minute, t.second);
    put_fraction(out, t.nanosecond, 9);
    buf_putc(out, ' ');
    put_offset(out, offset, "m");
    buf_putc(out, ' ');
    put_zone(out, 'Z', offset);
}

/* ---- reading ---- */

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
        if (!read_name(&x->rest, months, 12, directive == 'B', &at))
            return false;
        x->t.month = at + 1;
        return true;
    default: /* a, A */
        return read_name(&x->rest, days, 7, directive == 'A', &at);
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

    if (e.directive == TEXT && e.text == ' ' && i > 0 && f->elements.v[i - 1].text == ' ')
        return true;
    if (e.directive == TEXT)
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
    if (x->t.month >= 1 && x->t.month <= 12 && time_parts_join(&x->t, &ns) && ns / NS > now / NS + 7 * 86400)
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
        return zone != NULL ? time_zone_offset_local(zone, seconds_of(&x->t)) : 0;
    if (bytes_is(x->zone, "UTC") || (zone != NULL && time_zone_abbreviation(zone, x->zone, &offset)))
        return offset;
    named = time_zone_new(x->zone, NULL);
    if (named != NULL)
        offset = time_zone_offset_local(named, seconds_of(&x->t));
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
        if (!time_parts_join(&x.t, &t->ns) || __builtin_sub_overflow(t->ns, (int64_t)t->offset * NS, &t->ns))
            wrong = "year";
    }
    if (wrong != NULL)
        error_set(err, -1, "the time \"%.*s\": its %s is out of range", (int)(text.len < 80 ? text.len : 80),
                  (const char *)text.data, wrong);
    return wrong == NULL;
}
