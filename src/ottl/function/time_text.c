/* SPDX-License-Identifier: Apache-2.0 */
/* A format is compiled to a row of elements: a directive, or a byte that stands for itself; those that stand for
 * several
 * (%F, %T) are written out. Times are read in time_read.c. */
#include "base/mem.h"
#include "ottl/function/time_inside.h"

#include <stdio.h>

#define MAX_FORMAT 1024

const char *const time_months[12] = { "January", "February", "March",     "April",   "May",      "June",
                                      "July",    "August",   "September", "October", "November", "December" };
const char *const time_days[7] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" };

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
        *vec_push(&f->elements) = (struct time_element){ TIME_TEXT, '%' };
        return true;
    }
    for (size_t i = 0; i < sizeof(shorthands) / sizeof(*shorthands); i++)
        if (!inside && shorthands[i].directive == directive) {
            for (const char *p = shorthands[i].means; *p != '\0'; p++)
                if (*p == '%')
                    add_directive(f, *++p, true, err);
                else
                    *vec_push(&f->elements) = (struct time_element){ TIME_TEXT, *p };
            return true;
        }
    if (strchr(directives, directive) == NULL && !(inside && directive == 'K')) {
        error_set(err, -1, "a time format has no directive %%%c", directive);
        return false;
    }
    if (strchr("Lfs", directive) != NULL) {
        struct time_element before = f->elements.n > 0 ? f->elements.v[f->elements.n - 1] : (struct time_element){ 0 };

        if (before.directive != TIME_TEXT || (before.text != '.' && before.text != ',')) {
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
            *vec_push(&f->elements) = (struct time_element){ TIME_TEXT, c };
        }
    }
    if (good)
        return f;
    time_format_free(f);
    return NULL;
}

bool time_format_names_zone(const struct time_format *f)
{
    for (size_t i = 0; i < f->elements.n; i++)
        if (f->elements.v[i].directive == 'Z')
            return true;
    return false;
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
        put_name(out, time_months[t->month - 1], directive == 'B');
        break;
    default: /* a, A */
        put_name(out, time_days[t->weekday], directive == 'A');
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

        if (e.directive == TIME_TEXT)
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
