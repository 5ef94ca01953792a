/* SPDX-License-Identifier: Apache-2.0 */
/* Units are tried from the largest to the smallest, each at most once, so that what stands in another order is left
 * over at the end and refused. */
#include "receiver/prometheus/prom_text.h"

#include "base/ascii.h"
#include "base/loop/clock.h"

struct unit {
    const char *name;
    uint64_t size;
};

#define DAY (24 * 3600ull * NS_PER_S)

static const struct unit times[] = {
    { "y", 365ull * DAY },     { "w", 7ull * DAY }, { "d", DAY },        { "h", 3600ull * NS_PER_S },
    { "m", 60ull * NS_PER_S }, { "s", NS_PER_S },   { "ms", NS_PER_MS },
};

/* The digits at *text, which moves behind them. */
static bool read_number(const char **text, uint64_t *v)
{
    const char *p = *text;

    *v = 0;
    while (ascii_is_digit(*p)) {
        if (*v > (UINT64_MAX - 9) / 10)
            return false;
        *v = *v * 10 + (uint64_t)(*p++ - '0');
    }
    if (p == *text)
        return false;
    *text = p;
    return true;
}

/* Letters up to the next digit. */
static bool unit_is(const char *text, const char *name)
{
    size_t n = strlen(name);

    return strncmp(text, name, n) == 0 && (text[n] == '\0' || ascii_is_digit(text[n]));
}

bool prom_duration_parse(const char *text, uint64_t *ns)
{
    size_t unit = 0;
    uint64_t n;

    *ns = 0;
    if (strcmp(text, "0") == 0)
        return true;
    if (*text == '\0')
        return false;
    while (*text != '\0') {
        if (!read_number(&text, &n))
            return false;
        while (unit < sizeof(times) / sizeof(*times) && !unit_is(text, times[unit].name))
            unit++;
        if (unit == sizeof(times) / sizeof(*times) || n > (uint64_t)INT64_MAX / times[unit].size ||
            n * times[unit].size > (uint64_t)INT64_MAX - *ns)
            return false;
        *ns += n * times[unit].size;
        text += strlen(times[unit++].name);
    }
    return true;
}

void prom_duration_print(uint64_t ns, struct buf *out)
{
    size_t before = out->len;

    for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
        uint64_t n = ns / times[i].size;

        /* Years and weeks only where they are all of it, as Prometheus prints them. */
        if (n == 0 || (i < 2 && ns % times[i].size != 0))
            continue;
        buf_printf(out, "%llu%s", (unsigned long long)n, times[i].name);
        ns -= n * times[i].size;
    }
    if (out->len == before)
        buf_puts(out, "0s");
}

bool prom_size_parse(const char *text, uint64_t *bytes)
{
    static const char prefixes[] = "KMGTPE";
    const char *p = text, *prefix;
    unsigned shift = 0;

    if (!read_number(&p, bytes))
        return false;
    if (*p == '\0')
        return *bytes == 0;
    prefix = strchr(prefixes, *p);
    if (prefix != NULL) {
        shift = 10 * (unsigned)(prefix - prefixes + 1);
        p++;
        p += *p == 'i';
    }
    if (strcmp(p, "B") != 0 || *bytes > (uint64_t)INT64_MAX >> shift)
        return false;
    *bytes <<= shift;
    return true;
}
