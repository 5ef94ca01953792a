/* SPDX-License-Identifier: Apache-2.0 */
/* Durations as Go reads and prints them. */
#include "config/decode.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

static const struct unit {
    const char *name;
    int64_t ns;
} units[] = {
    { "ns", 1 },       { "us", 1000 },      { "\xc2\xb5s", 1000 }, { "\xce\xbcs", 1000 },
    { "ms", 1000000 }, { "s", 1000000000 }, { "m", 60000000000 },  { "h", 3600000000000 },
};

static const struct unit *unit_at(const char *p, size_t *len)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        size_t n = strlen(units[i].name);

        if (strncmp(p, units[i].name, n) == 0 && (p[n] == '\0' || isdigit((unsigned char)p[n]) || p[n] == '.')) {
            *len = n;
            return &units[i];
        }
    }
    return NULL;
}

/* One "1.5h": adds to *total. Returns what follows, or NULL. */
static const char *parse_part(const char *p, uint64_t *total)
{
    uint64_t whole = 0;
    double fraction = 0, scale = 1;
    const struct unit *unit;
    bool digits = false;
    size_t len;

    for (; isdigit((unsigned char)*p); p++, digits = true) {
        if (whole > (uint64_t)INT64_MAX / 10)
            return NULL;
        whole = whole * 10 + (uint64_t)(*p - '0');
    }
    if (*p == '.')
        for (p++; isdigit((unsigned char)*p); p++, digits = true)
            fraction += (*p - '0') * (scale /= 10);
    unit = unit_at(p, &len);
    if (!digits || unit == NULL || whole > (uint64_t)INT64_MAX / (uint64_t)unit->ns)
        return NULL;
    *total += whole * (uint64_t)unit->ns + (uint64_t)(fraction * (double)unit->ns + 1e-9);
    return *total <= (uint64_t)INT64_MAX ? p + len : NULL;
}

bool duration_parse(const char *text, int64_t *ns)
{
    bool negative = *text == '-';
    uint64_t total = 0;

    if (*text == '-' || *text == '+')
        text++;
    if (strcmp(text, "0") == 0) {
        *ns = 0;
        return true;
    }
    if (*text == '\0')
        return false;
    while (*text != '\0') {
        text = parse_part(text, &total);
        if (text == NULL)
            return false;
    }
    *ns = negative ? -(int64_t)total : (int64_t)total;
    return true;
}

void duration_print(int64_t ns, struct buf *out)
{
    uint64_t u = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;

    if (ns < 0)
        buf_putc(out, '-');
    if (u == 0) {
        buf_puts(out, "0s");
    } else if (u < 1000) {
        buf_printf(out, "%lluns", (unsigned long long)u);
    } else if (u < 1000000) {
        buf_printf(out, "%.9g\xc2\xb5s", (double)u / 1e3);
    } else if (u < 1000000000) {
        buf_printf(out, "%.9gms", (double)u / 1e6);
    } else {
        uint64_t s = u / 1000000000;

        if (s >= 3600)
            buf_printf(out, "%lluh", (unsigned long long)(s / 3600));
        if (s >= 60)
            buf_printf(out, "%llum", (unsigned long long)(s / 60 % 60));
        buf_printf(out, "%.11gs", (double)(s % 60) + (double)(u % 1000000000) / 1e9);
    }
}
