/* SPDX-License-Identifier: Apache-2.0 */
/* Digests of strings, and ids.
 *
 * SHA and MD5 are Nettle's, XXH3 that of xxHash; FNV-1a (the page of its authors) and MurmurHash3 (A. Appleby, in the
 * public domain; x86_32 and x64_128 with seed 0) are a few lines. All are given in hex, but for FNV, an integer. */
#include "codec/base64.h"
#include "ottl/function/make.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"

#include <nettle/md5.h>
#include <nettle/nettle-meta.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <sys/random.h>
#include <xxhash.h>

static bool give_hex(struct ottl_call *c, const uint8_t *digest, size_t n, struct ottl_value *result)
{
    struct buf out = { 0 };

    hex_encode(bytes_of(digest, n), &out);
    return ottl_give(c, &out, OTTL_STRING, result);
}

static bool give_digest(struct ottl_call *c, const struct nettle_hash *hash, struct ottl_value *result)
{
    union {
        struct sha1_ctx sha1;
        struct sha256_ctx sha256;
        struct sha512_ctx sha512;
        struct md5_ctx md5;
    } h;
    uint8_t digest[SHA512_DIGEST_SIZE];

    if (!ottl_spend(c, c->args[0].bytes.len / 64))
        return false;
    hash->init(&h);
    hash->update(&h, c->args[0].bytes.len, c->args[0].bytes.data);
    hash->digest(&h, hash->digest_size, digest);
    return give_hex(c, digest, hash->digest_size, result);
}

OTTL_CALLS(call_sha1, give_digest(c, &nettle_sha1, result))
OTTL_CALLS(call_sha256, give_digest(c, &nettle_sha256, result))
OTTL_CALLS(call_sha512, give_digest(c, &nettle_sha512, result))
OTTL_CALLS(call_md5, give_digest(c, &nettle_md5, result))

static bool call_fnv(struct ottl_call *c, struct ottl_value *result)
{
    struct bytes s = c->args[0].bytes;

    if (!ottl_spend(c, s.len / 64))
        return false;
    *result = ottl_int((int64_t)bytes_fnv1a(BYTES_FNV1A, s));
    return true;
}

#define XXH3(call_it, size)                                                                                            \
    static bool call_it(struct ottl_call *c, struct ottl_value *result)                                                \
    {                                                                                                                  \
        struct bytes s = c->args[0].bytes;                                                                             \
        XXH##size##_canonical_t digest;                                                                                \
                                                                                                                       \
        if (!ottl_spend(c, s.len / 256))                                                                               \
            return false;                                                                                              \
        XXH##size##_canonicalFromHash(&digest, XXH3_##size##bits(s.data, s.len));                                      \
        return give_hex(c, digest.digest, sizeof(digest.digest), result);                                              \
    }

XXH3(call_xxh3, 64)
XXH3(call_xxh128, 128)

/* ---- MurmurHash3 ---- */

static uint32_t rotate32(uint32_t v, unsigned by)
{
    return v << by | v >> (32 - by);
}

static uint64_t rotate64(uint64_t v, unsigned by)
{
    return v << by | v >> (64 - by);
}

static uint32_t scramble32(uint32_t k)
{
    return rotate32(k * 0xcc9e2d51u, 15) * 0x1b873593u;
}

/* At most 8 bytes, little-endian. */
static uint64_t load_tail(const uint8_t *p, size_t n)
{
    uint64_t v = 0;

    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static uint32_t murmur32(struct bytes s)
{
    uint32_t h = 0;
    size_t whole = s.len & ~(size_t)3;

    for (size_t i = 0; i < whole; i += 4)
        h = rotate32(h ^ scramble32(pb_load32(s.data + i)), 13) * 5 + 0xe6546b64u;
    if (whole < s.len)
        h ^= scramble32((uint32_t)load_tail(s.data + whole, s.len - whole));
    h ^= (uint32_t)s.len;
    h = (h ^ h >> 16) * 0x85ebca6bu;
    h = (h ^ h >> 13) * 0xc2b2ae35u;
    return h ^ h >> 16;
}

static uint64_t scramble_low(uint64_t k)
{
    return rotate64(k * 0x87c37b91114253d5u, 31) * 0x4cf5ad432745937fu;
}

static uint64_t scramble_high(uint64_t k)
{
    return rotate64(k * 0x4cf5ad432745937fu, 33) * 0x87c37b91114253d5u;
}

static uint64_t finish64(uint64_t k)
{
    k = (k ^ k >> 33) * 0xff51afd7ed558ccdu;
    k = (k ^ k >> 33) * 0xc4ceb9fe1a85ec53u;
    return k ^ k >> 33;
}

static void murmur128(struct bytes s, uint64_t *low, uint64_t *high)
{
    uint64_t h1 = 0, h2 = 0;
    size_t whole = s.len & ~(size_t)15, left = s.len - whole;

    for (size_t i = 0; i < whole; i += 16) {
        h1 = (rotate64(h1 ^ scramble_low(pb_load64(s.data + i)), 27) + h2) * 5 + 0x52dce729u;
        h2 = (rotate64(h2 ^ scramble_high(pb_load64(s.data + i + 8)), 31) + h1) * 5 + 0x38495ab5u;
    }
    if (left > 8)
        h2 ^= scramble_high(load_tail(s.data + whole + 8, left - 8));
    if (left > 0)
        h1 ^= scramble_low(load_tail(s.data + whole, left < 8 ? left : 8));
    h1 ^= s.len;
    h2 ^= s.len;
    h1 += h2;
    h2 += h1;
    h1 = finish64(h1);
    h2 = finish64(h2);
    *low = h1 + h2;
    *high = h2 + *low;
}

static void store_big(uint8_t *to, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
}

static bool call_murmur32(struct ottl_call *c, struct ottl_value *result)
{
    uint8_t digest[4];
    uint32_t h;

    if (!ottl_spend(c, c->args[0].bytes.len / 64))
        return false;
    h = murmur32(c->args[0].bytes);
    memcpy(digest, &h, sizeof(digest)); /* its lowest byte first, as Go's converter gives it */
    return give_hex(c, digest, sizeof(digest), result);
}

static bool call_murmur128(struct ottl_call *c, struct ottl_value *result)
{
    uint8_t digest[16];
    uint64_t low, high;

    if (!ottl_spend(c, c->args[0].bytes.len / 64))
        return false;
    murmur128(c->args[0].bytes, &low, &high);
    memcpy(digest, &low, 8);
    memcpy(digest + 8, &high, 8);
    return give_hex(c, digest, sizeof(digest), result);
}

/* ---- ids ---- */

/* RFC 9562, sections 5.4 and 5.7. */
static bool give_uuid(struct ottl_call *c, uint8_t *id, uint8_t version, struct ottl_value *result)
{
    struct buf out = { 0 };

    id[6] = (uint8_t)((id[6] & 0x0f) | version << 4);
    id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            buf_putc(&out, '-');
        hex_encode(bytes_of(id + i, 1), &out);
    }
    return ottl_give(c, &out, OTTL_STRING, result);
}

static bool draw_bytes(struct ottl_call *c, uint8_t *to, size_t n)
{
    return getrandom(to, n, 0) == (ssize_t)n || ottl_fail(c, "the system gave no random bytes");
}

static bool call_uuid(struct ottl_call *c, struct ottl_value *result)
{
    uint8_t id[16];

    return draw_bytes(c, id, sizeof(id)) && give_uuid(c, id, 4, result);
}

static bool call_uuid7(struct ottl_call *c, struct ottl_value *result)
{
    uint8_t id[16];

    if (!draw_bytes(c, id, sizeof(id)))
        return false;
    store_big(id, (uint64_t)(ottl_now(c) / 1000000), 6);
    return give_uuid(c, id, 7, result);
}

/* So many bytes as they are, or twice as many hex digits. */
static bool read_id(struct bytes in, size_t n, uint8_t *id, const char **why)
{
    *why = NULL;
    if (in.len == n)
        memcpy(id, in.data, n);
    else if (in.len != 2 * n)
        *why = "is neither that many bytes nor twice as many hex digits";
    else if (!hex_decode(in, id))
        *why = "is not hex";
    return *why == NULL;
}

static bool prepare_id(struct ottl_prepare *p, size_t n)
{
    uint8_t id[16];
    const char *why;

    if (ottl_known(p, 0) && !read_id(p->args[0].bytes, n, id, &why))
        return ottl_refuse(p, 0, "an id of %zu bytes is wanted, and this %s", n, why);
    return true;
}

static bool give_id(struct ottl_call *c, size_t n, struct ottl_value *result)
{
    uint8_t *id = arena_alloc_bytes(c->arena, n);
    const char *why;

    if (c->args[0].type == OTTL_NIL)
        return ottl_fail(c, "it was given nil");
    if (!read_id(c->args[0].bytes, n, id, &why))
        return ottl_fail(c, "an id of %zu bytes is wanted, and this %s", n, why);
    *result = ottl_bytes(OTTL_BYTES, bytes_of(id, n));
    return true;
}

static bool prepare_id16(struct ottl_prepare *p)
{
    return prepare_id(p, 16);
}

static bool prepare_id8(struct ottl_prepare *p)
{
    return prepare_id(p, 8);
}

OTTL_CALLS(call_id16, give_id(c, 16, result))
OTTL_CALLS(call_id8, give_id(c, 8, result))

static bool call_hex(struct ottl_call *c, struct ottl_value *result)
{
    struct buf out = { 0 };

    if (c->args[0].type != OTTL_NIL && !ottl_spend(c, c->args[0].bytes.len / 32))
        return false;
    if (c->args[0].type != OTTL_NIL)
        hex_encode(c->args[0].bytes, &out);
    return ottl_give(c, &out, OTTL_STRING, result);
}

#define DIGEST(n, call_it, what)                                                                                       \
    CONVERTER(n, call_it, "a string", TAKES(ARGUMENT("target", STRING)), "The string's " what " in hex.")

#define ID(n, prepare_it, call_it, what)                                                                               \
    CONVERTER(n, call_it, "bytes", TAKES(ARGUMENT("target", BYTES_LIKE)), what, .prepare = (prepare_it))

const struct ottl_function ottl_functions_hash[] = {
    DIGEST("SHA1", call_sha1, "SHA-1"),
    DIGEST("SHA256", call_sha256, "SHA-256"),
    DIGEST("SHA512", call_sha512, "SHA-512"),
    DIGEST("MD5", call_md5, "MD5"),
    CONVERTER("FNV", call_fnv, "an integer", TAKES(ARGUMENT("target", STRING)), "The string's 64-bit FNV-1a."),
    DIGEST("Murmur3Hash", call_murmur32, "32-bit MurmurHash3"),
    DIGEST("Murmur3Hash128", call_murmur128, "128-bit MurmurHash3"),
    DIGEST("XXH3", call_xxh3, "64-bit XXH3"),
    DIGEST("XXH128", call_xxh128, "128-bit XXH3"),
    CONVERTER("UUID", call_uuid, "a string", TAKES_NOTHING, "A random UUID (version 4)."),
    CONVERTER("UUIDv7", call_uuid7, "a string", TAKES_NOTHING, "A UUID that begins with the time (version 7)."),
    ID("TraceID", prepare_id16, call_id16, "The id of 16 bytes that these bytes, or hex digits, are."),
    ID("SpanID", prepare_id8, call_id8, "The id of 8 bytes that these bytes, or hex digits, are."),
    ID("ProfileID", prepare_id16, call_id16, "The id of 16 bytes that these bytes, or hex digits, are."),
    CONVERTER("Hex", call_hex, "a string", TAKES(ARGUMENT("target", BYTES_LIKE)),
              "The bytes of the value in hex; numbers have 8, the highest first."),
    { 0 },
};
