/* SPDX-License-Identifier: Apache-2.0 */
/* A run of bytes that somebody else owns: pointer and length, never NUL-terminated. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *data; /* may be NULL when len is 0 */
    size_t len;
};

/* A string literal as bytes, usable in static initialisers. */
#define BYTES_LIT(s)                                                                                                   \
    {                                                                                                                  \
        (const uint8_t *)(s), sizeof(s) - 1                                                                            \
    }

static inline struct bytes bytes_of(const void *data, size_t len)
{
    return (struct bytes){ data, len };
}

static inline struct bytes bytes_str(const char *s)
{
    return (struct bytes){ (const uint8_t *)s, strlen(s) };
}

/* Behind the last byte. Of no bytes at NULL that is NULL, to which C allows not even 0 to be added. */
static inline const uint8_t *bytes_end(struct bytes b)
{
    return b.len > 0 ? b.data + b.len : b.data;
}

/* What is behind the first n bytes. */
static inline struct bytes bytes_skip(struct bytes b, size_t n)
{
    return n > 0 ? (struct bytes){ b.data + n, b.len - n } : b;
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool bytes_is(struct bytes a, const char *s)
{
    return bytes_equal(a, bytes_str(s));
}

/* Byte order, the shorter first when one begins the other. */
int bytes_compare(struct bytes a, struct bytes b);

/* ASCII case folded; for header names and the like. */
bool bytes_equal_nocase(struct bytes a, struct bytes b);

/* Is `part` in it, ASCII case folded? */
bool bytes_contain_nocase(struct bytes s, struct bytes part);

/* A number of 1 to 18 digits and nothing else. */
bool bytes_decimal(struct bytes s, uint64_t *v);

/* Without the blanks and tabs at both ends. */
static inline struct bytes bytes_trim(struct bytes s)
{
    while (s.len > 0 && (s.data[0] == ' ' || s.data[0] == '\t'))
        s = bytes_skip(s, 1);
    while (s.len > 0 && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* Nothing but zeros, or nothing: as an id it is none. */
static inline bool bytes_is_zero(struct bytes b)
{
    for (size_t i = 0; i < b.len; i++)
        if (b.data[i] != 0)
            return false;
    return true;
}

/* In a pattern `*` is any run of bytes, `?` is any one. */
bool bytes_match(struct bytes s, const char *pattern);
bool bytes_match_any(struct bytes s, const char *const *patterns, size_t n); /* one of them */

/* A 64-bit hash (XXH3) for tables in memory. Each process draws a seed of its own, so that no stranger can make up keys
 * that crowd one spot of a table; but two keys may share a hash, so compare the bytes too. */
uint64_t bytes_hash(struct bytes b);

#define BYTES_FNV1A 0xcbf29ce484222325u /* to begin with */

/* FNV-1a of 64 bits, going on from `hash`: for what others compute too. */
static inline uint64_t bytes_fnv1a(uint64_t hash, struct bytes b)
{
    for (size_t i = 0; i < b.len; i++)
        hash = (hash ^ b.data[i]) * 0x100000001b3u;
    return hash;
}

/* A NUL-terminated copy for the caller to free(). Embedded NULs are copied as they are. */
char *bytes_dup(struct bytes b);

#endif
