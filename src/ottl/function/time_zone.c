/* SPDX-License-Identifier: Apache-2.0 */
/* A TZif file has its data twice: for 32 bits, which is passed over, and for 64. Behind them stands the rule for the
 * time after the last transition, as POSIX writes TZ: "CET-1CEST,M3.5.0,M10.5.0/3"; of the three ways to name a day
 * that is the one that the database uses. A file that is cut short or says impossible things is no zone. */
#include "ottl/function/time_zone.h"

#include "base/mem.h"
#include "base/vec.h"
#include "ottl/function/time_inside.h"

#include <endian.h>
#include <stdio.h>

#define MAX_FILE 65536
#define MAX_NAME 64

struct zone_type {
    int32_t offset;
    char name[8];
};

struct zone_change {
    int64_t at;
    uint8_t type;
};

/* When summer time begins or ends: the week'th weekday of the month. */
struct zone_rule {
    int month, week, weekday;
    int32_t time; /* seconds of that day */
};

struct time_zone {
    VEC(struct zone_type) types;
    VEC(struct zone_change) changes;
    bool ruled, summer; /* there is a rule; it has a summer time */
    int32_t offset, summer_offset;
    struct zone_rule begins, ends;
};

void time_zone_free(struct time_zone *z)
{
    if (z == NULL)
        return;
    vec_free(&z->types);
    vec_free(&z->changes);
    free(z);
}

/* ---- the file ---- */

static uint32_t load32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, 4);
    return be32toh(v);
}

static int64_t load64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, 8);
    return (int64_t)be64toh(v);
}

struct zone_counts {
    size_t ut, standard, leaps, changes, types, letters;
};

#define HEADER 44

static bool read_header(struct bytes file, struct zone_counts *n)
{
    if (file.len < HEADER || memcmp(file.data, "TZif", 4) != 0 || file.data[4] < '2')
        return false;
    n->ut = load32(file.data + 20);
    n->standard = load32(file.data + 24);
    n->leaps = load32(file.data + 28);
    n->changes = load32(file.data + 32);
    n->types = load32(file.data + 36);
    n->letters = load32(file.data + 40);
    return n->ut < MAX_FILE && n->standard < MAX_FILE && n->leaps < MAX_FILE && n->changes < MAX_FILE &&
           n->types < 256 && n->letters < MAX_FILE;
}

static size_t data_size(const struct zone_counts *n, size_t wide)
{
    return n->changes * (wide + 1) + n->types * 6 + n->letters + n->leaps * (wide + 4) + n->standard + n->ut;
}

static bool read_types(struct time_zone *z, const uint8_t *types, const struct zone_counts *n)
{
    const char *letters = (const char *)(types + n->types * 6);

    for (size_t i = 0; i < n->types; i++) {
        const uint8_t *p = types + i * 6;
        struct zone_type *type = vec_push(&z->types);

        memset(type, 0, sizeof(*type));
        type->offset = (int32_t)load32(p);
        if (p[5] >= n->letters)
            return false;
        snprintf(type->name, sizeof(type->name), "%.*s", (int)strnlen(letters + p[5], n->letters - p[5]),
                 letters + p[5]);
    }
    return n->types > 0;
}

static bool read_changes(struct time_zone *z, const uint8_t *p, const struct zone_counts *n)
{
    for (size_t i = 0; i < n->changes; i++) {
        uint8_t type = p[n->changes * 8 + i];

        if (type >= n->types)
            return false;
        *vec_push(&z->changes) = (struct zone_change){ load64(p + i * 8), type };
    }
    return true;
}

/* ---- the rule ---- */

/* Letters, or anything in angle brackets. */
static bool skip_name(const char **p)
{
    const char *begin = *p;

    if (**p == '<') {
        *p = strchr(*p, '>');
        return *p != NULL && *(*p)++ == '>';
    }
    while ((**p >= 'A' && **p <= 'Z') || (**p >= 'a' && **p <= 'z'))
        (*p)++;
    return *p > begin;
}

static bool read_small(const char **p, int max, int *v)
{
    const char *begin = *p;

    for (*v = 0; **p >= '0' && **p <= '9' && *v <= max; (*p)++)
        *v = *v * 10 + (**p - '0');
    return *p > begin && *v <= max;
}

/* [+-]h[:m[:s]] in seconds */
static bool read_clock(const char **p, int32_t *seconds)
{
    int sign = **p == '-' ? -1 : 1, part, unit = 3600;

    *p += **p == '-' || **p == '+';
    for (*seconds = 0; unit > 0; unit /= 60) {
        if (!read_small(p, 167, &part))
            return false;
        *seconds += part * unit;
        if (**p != ':' || unit == 1)
            break;
        (*p)++;
    }
    *seconds *= sign;
    return true;
}

static bool read_rule(const char **p, struct zone_rule *rule)
{
    if (*(*p)++ != ',' || *(*p)++ != 'M' || !read_small(p, 12, &rule->month) || rule->month == 0 || *(*p)++ != '.' ||
        !read_small(p, 5, &rule->week) || rule->week == 0 || *(*p)++ != '.' || !read_small(p, 6, &rule->weekday))
        return false;
    rule->time = 7200;
    if (**p != '/')
        return true;
    (*p)++;
    return read_clock(p, &rule->time);
}

static void read_footer(struct time_zone *z, const char *p)
{
    int32_t west, summer_west;

    if (!skip_name(&p) || !read_clock(&p, &west))
        return;
    z->offset = -west;
    z->ruled = *p == '\0';
    if (z->ruled || !skip_name(&p))
        return;
    summer_west = west - 3600;
    if (*p != ',' && !read_clock(&p, &summer_west))
        return;
    z->summer_offset = -summer_west;
    z->ruled = z->summer = read_rule(&p, &z->begins) && read_rule(&p, &z->ends) && *p == '\0';
}

static bool read_file(struct time_zone *z, struct bytes file)
{
    struct zone_counts n;
    char footer[128];
    const uint8_t *p;
    size_t size;

    if (!read_header(file, &n) || data_size(&n, 4) + HEADER > file.len)
        return false;
    file = bytes_skip(file, data_size(&n, 4) + HEADER);
    if (!read_header(file, &n) || data_size(&n, 8) + HEADER > file.len)
        return false;
    p = file.data + HEADER;
    size = data_size(&n, 8) + HEADER;
    if (!read_types(z, p + n.changes * 9, &n) || !read_changes(z, p, &n))
        return false;
    file = bytes_skip(file, size);
    if (file.len > 2 && file.len - 2 < sizeof(footer)) {
        snprintf(footer, sizeof(footer), "%.*s", (int)(file.len - 2), (const char *)file.data + 1);
        read_footer(z, footer);
    }
    return true;
}

/* No way out of the database's folder. */
static bool is_zone_name(struct bytes name)
{
    if (name.len == 0 || name.len > MAX_NAME || name.data[0] == '/' || name.data[0] == '.')
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] == 0 || (name.data[i] == '.' && i + 1 < name.len && name.data[i + 1] == '.'))
            return false;
    return true;
}

struct time_zone *time_zone_new(struct bytes name, struct error *err)
{
    struct time_zone *z = mem_zalloc(sizeof(*z));
    char path[MAX_NAME + 32];
    uint8_t *file = mem_alloc(MAX_FILE);
    FILE *in = NULL;
    bool good = false;

    if (name.len == 0)
        name = bytes_str("UTC");
    if (is_zone_name(name)) {
        snprintf(path, sizeof(path), "/usr/share/zoneinfo/%.*s", (int)name.len, (const char *)name.data);
        in = fopen(path, "re");
    }
    if (in != NULL) {
        good = read_file(z, bytes_of(file, fread(file, 1, MAX_FILE, in)));
        fclose(in);
    }
    free(file);
    if (good)
        return z;
    time_zone_free(z);
    error_set(err, -1, "unknown time zone %.*s (looked for in /usr/share/zoneinfo)",
              (int)(name.len < 80 ? name.len : 80), (const char *)name.data);
    return NULL;
}

/* ---- what time it is ---- */

static int64_t year_of(int64_t at)
{
    int64_t year = 1970 + at / 31556952;

    while (time_day_number(year, 1, 1) * 86400 > at)
        year--;
    while (time_day_number(year + 1, 1, 1) * 86400 <= at)
        year++;
    return year;
}

/* In local seconds. */
static int64_t rule_time(const struct zone_rule *r, int64_t year)
{
    int64_t first = time_day_number(year, r->month, 1), next;
    int64_t weekday = ((first + 4) % 7 + 7) % 7,
            day = first + (r->weekday - weekday + 7) % 7 + (int64_t)7 * (r->week - 1);

    next = r->month == 12 ? time_day_number(year + 1, 1, 1) : time_day_number(year, r->month + 1, 1);
    if (day >= next)
        day -= 7;
    return day * 86400 + r->time;
}

static int32_t ruled_offset(const struct time_zone *z, int64_t at)
{
    int64_t year, begins, ends;
    bool summer;

    if (!z->summer)
        return z->offset;
    year = year_of(at + z->offset);
    begins = rule_time(&z->begins, year) - z->offset;
    ends = rule_time(&z->ends, year) - z->summer_offset;
    summer = begins < ends ? at >= begins && at < ends : at >= begins || at < ends;
    return summer ? z->summer_offset : z->offset;
}

int32_t time_zone_offset(const struct time_zone *z, int64_t at)
{
    size_t low = 0, high = z->changes.n;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (z->changes.v[middle].at <= at)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == z->changes.n && z->ruled)
        return ruled_offset(z, at);
    return z->types.v[low > 0 ? z->changes.v[low - 1].type : 0].offset;
}

int32_t time_zone_offset_local(const struct time_zone *z, int64_t local)
{
    return time_zone_offset(z, local - time_zone_offset(z, local - time_zone_offset(z, local)));
}

bool time_zone_abbreviation(const struct time_zone *z, struct bytes name, int32_t *offset)
{
    for (size_t i = z->types.n; i > 0; i--)
        if (bytes_is(name, z->types.v[i - 1].name)) {
            *offset = z->types.v[i - 1].offset;
            return true;
        }
    return false;
}
