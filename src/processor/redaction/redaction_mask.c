/* SPDX-License-Identifier: Apache-2.0 */
/* Matches are looked for one behind the other (regex_walk), as Go does it. What stands in the place of a match may be
 * many times as long, and a hash takes its time: both are paid for in the steps of the item. */
#include "processor/redaction/redaction_mask.h"

#include <nettle/hmac.h>
#include <nettle/md5.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <nettle/sha3.h>

#include <string.h>

const char *const mask_names[] = { "", "sha1", "sha3", "md5", "hmac-sha256", "hmac-sha512", NULL };

void mask_check(int function, const struct secret *key, struct check *ck)
{
    size_t least = function == MASK_HMAC_SHA256 ? 32 : function == MASK_HMAC_SHA512 ? 64 : 0;
    size_t n = key->text != NULL ? strlen(key->text) : 0;

    if (least > 0 && n == 0)
        check_fail(ck, "hmac_key", "hmac_key must not be empty when hash_function is \"%s\"", mask_names[function]);
    else if (n < least)
        check_fail(ck, "hmac_key", "hmac_key must be at least %zu bytes long for \"%s\", got %zu bytes", least,
                   mask_names[function], n);
}

union hashing {
    struct sha1_ctx sha1;
    struct sha3_256_ctx sha3;
    struct md5_ctx md5;
    struct hmac_sha256_ctx hmac256;
    struct hmac_sha512_ctx hmac512;
};

/* How many bytes of digest. */
static size_t hash_text(const struct mask *m, struct bytes text, uint8_t digest[SHA512_DIGEST_SIZE])
{
    union hashing h;
    const uint8_t *key = (const uint8_t *)m->key, *data = text.len > 0 ? text.data : (const uint8_t *)"";

    switch (m->function) {
    case MASK_SHA1:
        sha1_init(&h.sha1);
        sha1_update(&h.sha1, text.len, data);
        sha1_digest(&h.sha1, SHA1_DIGEST_SIZE, digest);
        return SHA1_DIGEST_SIZE;
    case MASK_SHA3:
        sha3_256_init(&h.sha3);
        sha3_256_update(&h.sha3, text.len, data);
        sha3_256_digest(&h.sha3, SHA3_256_DIGEST_SIZE, digest);
        return SHA3_256_DIGEST_SIZE;
    case MASK_MD5:
        md5_init(&h.md5);
        md5_update(&h.md5, text.len, data);
        md5_digest(&h.md5, MD5_DIGEST_SIZE, digest);
        return MD5_DIGEST_SIZE;
    case MASK_HMAC_SHA256:
        hmac_sha256_set_key(&h.hmac256, strlen(m->key), key);
        hmac_sha256_update(&h.hmac256, text.len, data);
        hmac_sha256_digest(&h.hmac256, SHA256_DIGEST_SIZE, digest);
        return SHA256_DIGEST_SIZE;
    case MASK_HMAC_SHA512:
        hmac_sha512_set_key(&h.hmac512, strlen(m->key), key);
        hmac_sha512_update(&h.hmac512, text.len, data);
        hmac_sha512_digest(&h.hmac512, SHA512_DIGEST_SIZE, digest);
        return SHA512_DIGEST_SIZE;
    default:
        return 0;
    }
}

#define MASK_STEPS 2u /* for a hash, and one for each so many bytes: */
#define STEP_BYTES 128u

/* False: the item has no steps left for it. */
static bool pay_mask(const struct mask *m, struct regex_meter *meter, struct bytes text)
{
    return regex_meter_spend(meter, m->function == MASK_STARS ? 1 : MASK_STEPS + text.len / STEP_BYTES);
}

static void put_mask(const struct mask *m, struct bytes text, struct buf *out)
{
    uint8_t digest[SHA512_DIGEST_SIZE];
    size_t n = hash_text(m, text, digest);

    if (m->function == MASK_STARS)
        buf_puts(out, "****");
    for (size_t i = 0; i < n; i++) {
        buf_putc(out, "0123456789abcdef"[digest[i] >> 4]);
        buf_putc(out, "0123456789abcdef"[digest[i] & 15]);
    }
}

bool mask_matching(const struct mask *m, struct regex_meter *meter, struct regex *r, struct bytes text, struct buf *out)
{
    struct bytes found[REGEX_MAX_GROUPS + 1];
    struct regex_walk w = { 0 };

    out->len = 0;
    while (w.from <= text.len && regex_meter_find(meter, r, text, w.from, found)) {
        if (!regex_walk_take(&w, text, found[0]))
            continue;
        if (!pay_mask(m, meter, found[0]))
            break;
        buf_append(out, text.data + w.done, w.begin - w.done);
        put_mask(m, found[0], out);
        regex_walk_done(&w);
    }
    if (w.any && text.len > w.done)
        buf_append(out, text.data + w.done, text.len - w.done);
    return w.any && !meter->over;
}

void mask_lines(const struct mask *m, struct regex_meter *meter, struct bytes text, struct buf *out)
{
    out->len = 0;
    for (;;) {
        const uint8_t *end = text.len > 0 ? memchr(text.data, '\n', text.len) : NULL;

        if (end != NULL && !pay_mask(m, meter, bytes_of(text.data, (size_t)(end - text.data))))
            end = NULL;
        put_mask(m, bytes_of(text.data, end != NULL ? (size_t)(end - text.data) : text.len), out);
        if (end == NULL)
            return;
        buf_putc(out, '\n');
        text = bytes_skip(text, (size_t)(end - text.data) + 1);
    }
}
