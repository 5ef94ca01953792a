/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing, hashing and copying. The hash's seed is drawn before main(), so that threads only read it. */
#include "base/bytes.h"

#include "base/mem.h"
#include "base/random.h"

#include <strings.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

int bytes_compare(struct bytes a, struct bytes b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int d = n ? memcmp(a.data, b.data, n) : 0;

    if (d != 0)
        return d;
    return a.len < b.len ? -1 : a.len > b.len;
}

bool bytes_equal_nocase(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || strncasecmp((const char *)a.data, (const char *)b.data, a.len) == 0);
}

bool bytes_contain_nocase(struct bytes s, struct bytes part)
{
    for (size_t at = 0; at + part.len <= s.len; at++)
        if (bytes_equal_nocase(bytes_of(s.data + at, part.len), part))
            return true;
    return false;
}

bool bytes_decimal(struct bytes s, uint64_t *v)
{
    *v = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9')
            return false;
        *v = *v * 10 + (uint64_t)(s.data[i] - '0');
    }
    return s.len > 0 && s.len <= 18;
}

bool bytes_match(struct bytes s, const char *pattern)
{
    const char *star = NULL;
    size_t at = 0, star_at = 0;

    while (at < s.len) {
        if (*pattern == '*') {
            star = ++pattern;
            star_at = at;
        } else if (*pattern != '\0' && (*pattern == '?' || (uint8_t)*pattern == s.data[at])) {
            pattern++;
            at++;
        } else if (star != NULL) {
            pattern = star;
            at = ++star_at;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

bool bytes_match_any(struct bytes s, const char *const *patterns, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes_match(s, patterns[i]))
            return true;
    return false;
}

static uint64_t seed;

/* Before main(), and so before there are threads. */
__attribute__((constructor)) static void draw_seed(void)
{
    struct random random;

    random_seed(&random);
    seed = random_next(&random);
}

uint64_t bytes_hash(struct bytes b)
{
    return XXH3_64bits_withSeed(b.data, b.len, seed);
}

char *bytes_dup(struct bytes b)
{
    char *s = mem_alloc(b.len + 1);

    if (b.len)
        memcpy(s, b.data, b.len);
    s[b.len] = '\0';
    return s;
}
