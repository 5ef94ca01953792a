/* SPDX-License-Identifier: Apache-2.0 */
/* Head and claims are JSON; each in base64 for URLs, with a dot between, is what is signed, and the signature goes
 * behind another dot.
 *
 * What can go wrong: the key is no PEM, has a pass phrase, is not of RSA, or is too short to sign with. */
#include "oauth2/oauth2_assertion.h"

#include "base/library.h"
#include "codec/base64.h"
#include "codec/json_write.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <stdio.h>

#define LIFE 600u /* seconds */

const char *const assertion_algorithms[] = { "RS256", "RS384", "RS512", NULL };

/* As the header of a URL has it: no padding, `-` and `_`. */
static void put_part(struct buf *out, struct bytes data)
{
    size_t at = out->len;

    base64_encode(data, false, out);
    for (; at < out->len; at++)
        if (out->data[at] == '+')
            out->data[at] = '-';
        else if (out->data[at] == '/')
            out->data[at] = '_';
}

static void put_head(struct buf *out, const struct oauth2_assertion *a)
{
    struct buf head = { 0 };
    struct json_writer w = { .out = &head };

    json_begin(&w, NULL, '{');
    json_write_text(&w, "alg", bytes_str(assertion_algorithms[a->algorithm]));
    if (a->key_id[0] != '\0')
        json_write_text(&w, "kid", bytes_str(a->key_id));
    json_write_text(&w, "typ", bytes_str("JWT"));
    json_end(&w, '}');
    put_part(out, buf_bytes(&head));
    buf_free(&head);
}

/* A number that nobody has had (RFC 9562, version 4). */
static void make_id(char text[40])
{
    uint8_t b[16] = { 0 };
    size_t n = 0;

    (void)RAND_bytes(b, sizeof(b));
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof(b); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[n++] = '-';
        n += (size_t)snprintf(text + n, 3, "%02x", b[i]);
    }
}

static bool is_given(const struct oauth2_assertion *a, const char *name)
{
    return a->claims != NULL && yaml_get(a->claims, name) != NULL;
}

static void put_claim(struct json_writer *w, const struct oauth2_assertion *a, const char *name, const char *text)
{
    if (text[0] != '\0' && !is_given(a, name))
        json_write_text(w, name, bytes_str(text));
}

static void put_time(struct json_writer *w, const struct oauth2_assertion *a, const char *name, uint64_t time)
{
    if (!is_given(a, name))
        json_write_uint(w, name, time);
}

/* Those that are written, in the braces of the others. */
static void put_written(struct json_writer *w, const struct yaml_node *claims)
{
    for (size_t i = 0; claims != NULL && i < claims->n; i++) {
        if (w->more)
            buf_putc(w->out, ',');
        yaml_put_quoted(w->out, claims->pairs[i].key);
        buf_putc(w->out, ':');
        yaml_write(claims->pairs[i].value, w->out, true);
        w->out->len--; /* the end of its line */
        w->more = true;
    }
}

static void put_claims(struct buf *out, const struct oauth2_assertion *a)
{
    struct buf claims = { 0 };
    struct json_writer w = { .out = &claims };
    char id[40];

    make_id(id);
    json_begin(&w, NULL, '{');
    put_claim(&w, a, "iss", a->iss);
    put_claim(&w, a, "sub", a->sub);
    put_claim(&w, a, "aud", a->aud);
    put_claim(&w, a, "jti", id);
    put_time(&w, a, "iat", a->now);
    put_time(&w, a, "exp", a->now + LIFE);
    put_claim(&w, a, "scope", a->scope);
    put_written(&w, a->claims);
    json_end(&w, '}');
    put_part(out, buf_bytes(&claims));
    buf_free(&claims);
}

/* ---- the key ---- */

/* Nobody is there to be asked for a pass phrase. */
static int no_pass_phrase(char *buffer, int size, int writing, void *user)
{
    (void)buffer, (void)size, (void)writing, (void)user;
    return -1;
}

static EVP_PKEY *read_key(const char *text, struct error *err)
{
    EVP_PKEY *key;
    BIO *bio;

    if (library_load(LIBRARY_OPENSSL, err) != 0)
        return NULL;
    bio = BIO_new_mem_buf(text, -1);
    key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL) : NULL;
    BIO_free(bio);
    if (key == NULL) {
        error_set(err, -EINVAL, "it is no private key in PEM without a pass phrase");
        return NULL;
    }
    if (EVP_PKEY_is_a(key, "RSA"))
        return key;
    EVP_PKEY_free(key);
    error_set(err, -EINVAL, "it is a key of another kind than RSA, which alone is taken here");
    return NULL;
}

int oauth2_assertion_check_key(const char *key, struct error *err)
{
    EVP_PKEY *read = read_key(key, err);

    if (read == NULL)
        return err->code;
    EVP_PKEY_free(read);
    return 0;
}

static const EVP_MD *digest_of(enum assertion_algorithm a)
{
    return a == ASSERTION_RS256 ? EVP_sha256() : a == ASSERTION_RS384 ? EVP_sha384() : EVP_sha512();
}

/* What is in `out` from `from` on; the signature goes behind it. */
static int put_signature(struct buf *out, size_t from, const struct oauth2_assertion *a, EVP_PKEY *key,
                         struct error *err)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    struct buf signature = { 0 };
    size_t len = 0;
    bool good = context != NULL && EVP_DigestSignInit(context, NULL, digest_of(a->algorithm), NULL, key) == 1 &&
                EVP_DigestSign(context, NULL, &len, out->data + from, out->len - from) == 1 &&
                EVP_DigestSign(context, buf_reserve(&signature, len), &len, out->data + from, out->len - from) == 1;

    EVP_MD_CTX_free(context);
    if (good) {
        buf_putc(out, '.');
        put_part(out, bytes_of(signature.data, len));
    }
    buf_free(&signature);
    return good ? 0
                : error_set(err, -EINVAL, "the key cannot sign with %s: is it too short?",
                            assertion_algorithms[a->algorithm]);
}

int oauth2_assertion_put(struct buf *out, const struct oauth2_assertion *a, const char *pem, struct error *err)
{
    EVP_PKEY *key = read_key(pem, err);
    size_t from = out->len;
    int rc;

    if (key == NULL)
        return err->code;
    put_head(out, a);
    buf_putc(out, '.');
    put_claims(out, a);
    rc = put_signature(out, from, a, key, err);
    EVP_PKEY_free(key);
    return rc;
}
