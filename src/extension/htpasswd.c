/* SPDX-License-Identifier: Apache-2.0 */
/* Each line is looked at once, when the file is read: what kind its hash is, and whether libcrypt can do with it. What
 * can go wrong is a line's fault, and then the whole text is none: half of the users would be worse. */
#include "extension/htpasswd.h"

#include "base/ascii.h"
#include "base/library.h"
#include "codec/base64.h"

#include <crypt.h>
#include <nettle/md5.h>
#include <nettle/memops.h>
#include <nettle/sha1.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define APR1 "$apr1$"
#define APR1_SALT 8u
#define BCRYPT_LEN 60u
/* A few seconds for each password. */
#define BCRYPT_COST_MAX 16u
#define ROUNDS_MAX 5000000u

void htpasswd_free(struct htpasswd *h)
{
    vec_free(&h->users);
    free(h->slots);
    arena_free(&h->memory);
    *h = (struct htpasswd){ 0 };
}

/* ---- the table ---- */

static uint32_t *find_slot(const struct htpasswd *h, struct bytes name)
{
    size_t i = bytes_hash(name) & (h->n_slots - 1);

    while (h->slots[i] != 0 && !bytes_equal(h->users.v[h->slots[i] - 1].name, name))
        i = (i + 1) & (h->n_slots - 1);
    return &h->slots[i];
}

static void grow_slots(struct htpasswd *h)
{
    size_t n = h->n_slots > 0 ? h->n_slots * 2 : 64;

    free(h->slots);
    h->slots = mem_zalloc(n * sizeof(*h->slots));
    h->n_slots = n;
    for (size_t i = 0; i < h->users.n; i++)
        *find_slot(h, h->users.v[i].name) = (uint32_t)i + 1;
}

const struct htpasswd_user *htpasswd_find(const struct htpasswd *h, struct bytes name)
{
    uint32_t *slot = h->n_slots > 0 ? find_slot(h, name) : NULL;

    return slot != NULL && *slot != 0 ? &h->users.v[*slot - 1] : NULL;
}

static void add_user(struct htpasswd *h, struct bytes name, struct bytes hash, enum htpasswd_kind kind)
{
    struct htpasswd_user user = {
        bytes_of(arena_strndup(&h->memory, name.data, name.len), name.len),
        arena_strndup(&h->memory, hash.data, hash.len),
        kind,
    };
    uint32_t *slot;

    if (h->n_slots < 2 * (h->users.n + 1))
        grow_slots(h);
    slot = find_slot(h, name);
    if (*slot != 0) {
        h->users.v[*slot - 1] = user;
        return;
    }
    *vec_push(&h->users) = user;
    *slot = (uint32_t)h->users.n;
}

const struct htpasswd_user *htpasswd_decoy(const struct htpasswd *h)
{
    for (size_t i = 0; i < h->users.n; i++)
        if (htpasswd_takes_time(h->users.v[i].kind))
            return &h->users.v[i];
    return h->users.n > 0 ? &h->users.v[0] : NULL;
}

/* ---- lines ---- */

static bool starts_with(struct bytes s, const char *with)
{
    size_t n = strlen(with);

    return s.len >= n && memcmp(s.data, with, n) == 0;
}

static const char *check_digest(struct bytes encoded, bool salted)
{
    struct buf digest = { 0 };
    bool good =
        base64_decode(encoded, &digest) && (salted ? digest.len > SHA1_DIGEST_SIZE : digest.len == SHA1_DIGEST_SIZE);

    buf_free(&digest);
    return good ? NULL : "what stands behind {SHA} or {SSHA} is no SHA-1 digest in base64";
}

static const char *check_crypt(struct bytes hash, struct error *err)
{
    char text[CRYPT_OUTPUT_SIZE];
    int salt;

    if (hash.len >= sizeof(text))
        return "the hash is too long";
    memcpy(text, hash.data, hash.len);
    text[hash.len] = '\0';
    if (library_load(LIBRARY_CRYPT, err) != 0)
        return err->text;
    salt = crypt_checksalt(text);
    if (strlen(text) != hash.len || salt == CRYPT_SALT_INVALID || salt == CRYPT_SALT_METHOD_DISABLED)
        return "the hash is of no kind that is known here: make it with `htpasswd -B`";
    if (starts_with(hash, "$2") && hash.len != BCRYPT_LEN)
        return "the bcrypt hash is not 60 digits long";
    if (starts_with(hash, "$2") && strtoul(text + 4, NULL, 10) > BCRYPT_COST_MAX)
        return "bcrypt's cost is beyond 16: each password would take seconds";
    if ((starts_with(hash, "$5$rounds=") || starts_with(hash, "$6$rounds=")) &&
        strtoul(text + 10, NULL, 10) > ROUNDS_MAX)
        return "these are more than 5000000 rounds: each password would take seconds";
    return NULL;
}

/* What kind of hash that is; not NULL: why it is none, which may be the text of `err`. */
static const char *take_kind(struct bytes hash, enum htpasswd_kind *kind, struct error *err)
{
    *kind = HTPASSWD_PLAIN;
    if (hash.len == 0)
        return "the password is empty";
    if (starts_with(hash, "{SHA}")) {
        *kind = HTPASSWD_SHA;
        return check_digest(bytes_skip(hash, 5), false);
    }
    if (starts_with(hash, "{SSHA}")) {
        *kind = HTPASSWD_SSHA;
        return check_digest(bytes_skip(hash, 6), true);
    }
    if (hash.data[0] == '{' && memchr(hash.data, '}', hash.len) != NULL)
        return "the hash is of no kind that is known here: make it with `htpasswd -B`";
    if (starts_with(hash, APR1)) {
        *kind = HTPASSWD_APR1;
        return NULL;
    }
    if (hash.data[0] != '$')
        return NULL;
    *kind = HTPASSWD_CRYPT;
    return check_crypt(hash, err);
}

static const char *take_line(struct htpasswd *h, struct bytes line, struct error *err)
{
    const uint8_t *colon = memchr(line.data, ':', line.len);
    struct bytes name, hash;
    enum htpasswd_kind kind;
    const char *why;

    if (colon == NULL)
        return "there is no colon: write user:hash";
    name = bytes_of(line.data, (size_t)(colon - line.data));
    hash = bytes_skip(line, name.len + 1);
    if (name.len == 0 || name.len > HTPASSWD_NAME)
        return "the user's name is empty, or longer than 255 bytes";
    if (memchr(line.data, '\0', line.len) != NULL)
        return "there is a NUL in it";
    why = take_kind(hash, &kind, err);
    if (why == NULL)
        add_user(h, name, hash, kind);
    return why;
}

int htpasswd_add(struct htpasswd *h, struct bytes text, struct error *err)
{
    struct error missing;

    for (size_t number = 1; text.len > 0; number++) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        size_t len = end != NULL ? (size_t)(end - text.data) : text.len;
        struct bytes line = ascii_trim(bytes_of(text.data, len));
        const char *why = line.len > 0 && line.data[0] != '#' ? take_line(h, line, &missing) : NULL;

        if (why != NULL)
            return error_set(err, UV_EINVAL, "line %zu: %s", number, why);
        text = bytes_skip(text, end != NULL ? len + 1 : len);
    }
    return 0;
}

/* ---- comparing ---- */

static bool same_bytes(const void *a, size_t a_len, const void *b, size_t b_len)
{
    return a_len == b_len && memeql_sec(a, b, a_len);
}

static bool matches_sha(const char *encoded, struct bytes password)
{
    uint8_t digest[SHA1_DIGEST_SIZE];
    struct buf stored = { 0 };
    struct sha1_ctx sha;
    bool same = false;

    if (base64_decode(bytes_str(encoded), &stored) && stored.len >= sizeof(digest)) {
        sha1_init(&sha);
        sha1_update(&sha, password.len, password.data);
        sha1_update(&sha, stored.len - sizeof(digest), stored.data + sizeof(digest)); /* the salt, if there is one */
        sha1_digest(&sha, sizeof(digest), digest);
        same = memeql_sec(digest, stored.data, sizeof(digest));
    }
    buf_free(&stored);
    return same;
}

/* A round of MD5-crypt: what goes in hangs on the round's number. */
static void stretch_digest(uint8_t digest[MD5_DIGEST_SIZE], unsigned round, struct bytes password, struct bytes salt)
{
    struct md5_ctx md5;

    md5_init(&md5);
    if (round % 2 != 0)
        md5_update(&md5, password.len, password.data);
    else
        md5_update(&md5, MD5_DIGEST_SIZE, digest);
    if (round % 3 != 0)
        md5_update(&md5, salt.len, salt.data);
    if (round % 7 != 0)
        md5_update(&md5, password.len, password.data);
    if (round % 2 != 0)
        md5_update(&md5, MD5_DIGEST_SIZE, digest);
    else
        md5_update(&md5, password.len, password.data);
    md5_digest(&md5, MD5_DIGEST_SIZE, digest);
}

/* As many digits of base 64, in MD5-crypt's own alphabet and order. */
static char *put_digits(char *to, unsigned bits, unsigned n)
{
    static const char digits[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    for (; n > 0; n--, bits >>= 6)
        *to++ = digits[bits & 63];
    return to;
}

#define APR1_DIGITS 22u

static void apr1_digest(struct bytes password, struct bytes salt, char out[APR1_DIGITS])
{
    uint8_t digest[MD5_DIGEST_SIZE];
    struct md5_ctx md5;

    md5_init(&md5);
    md5_update(&md5, password.len, password.data);
    md5_update(&md5, salt.len, salt.data);
    md5_update(&md5, password.len, password.data);
    md5_digest(&md5, sizeof(digest), digest);
    md5_update(&md5, password.len, password.data);
    md5_update(&md5, strlen(APR1), (const uint8_t *)APR1);
    md5_update(&md5, salt.len, salt.data);
    for (size_t left = password.len; left > 0; left -= left < sizeof(digest) ? left : sizeof(digest))
        md5_update(&md5, left < sizeof(digest) ? left : sizeof(digest), digest);
    for (size_t bits = password.len; bits > 0; bits >>= 1)
        md5_update(&md5, 1, bits & 1 ? (const uint8_t *)"" : password.data);
    md5_digest(&md5, sizeof(digest), digest);
    for (unsigned round = 0; round < 1000; round++)
        stretch_digest(digest, round, password, salt);
    for (unsigned i = 0; i < 5; i++)
        out = put_digits(out, (unsigned)digest[i] << 16 | (unsigned)digest[i + 6] << 8 | digest[i < 4 ? i + 12 : 5], 4);
    put_digits(out, digest[11], 2);
}

static bool matches_apr1(const char *hash, struct bytes password)
{
    const char *salt = hash + strlen(APR1);
    size_t n = strcspn(salt, "$");
    char digits[APR1_DIGITS];

    apr1_digest(password, bytes_of(salt, n < APR1_SALT ? n : APR1_SALT), digits);
    return salt[n] == '$' && same_bytes(digits, sizeof(digits), salt + n + 1, strlen(salt + n + 1));
}

static bool matches_crypt(const char *hash, struct bytes password)
{
    struct crypt_data *data = mem_zalloc(sizeof(*data));
    char text[HTPASSWD_PASSWORD + 1];
    const char *again;
    bool same;

    memcpy(text, password.data, password.len);
    text[password.len] = '\0';
    again = crypt_r(text, hash, data);
    same = again != NULL && again[0] != '*' && same_bytes(again, strlen(again), hash, strlen(hash));
    explicit_bzero(text, sizeof(text));
    explicit_bzero(data, sizeof(*data));
    free(data);
    return same;
}

bool htpasswd_matches(enum htpasswd_kind kind, const char *hash, struct bytes password)
{
    if (password.len == 0 || password.len > HTPASSWD_PASSWORD || memchr(password.data, '\0', password.len) != NULL)
        return false;
    switch (kind) {
    case HTPASSWD_SHA:
        return matches_sha(hash + strlen("{SHA}"), password);
    case HTPASSWD_SSHA:
        return matches_sha(hash + strlen("{SSHA}"), password);
    case HTPASSWD_APR1:
        return matches_apr1(hash, password);
    case HTPASSWD_CRYPT:
        return matches_crypt(hash, password);
    default:
        return same_bytes(hash, strlen(hash), password.data, password.len);
    }
}
