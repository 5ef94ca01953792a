/* SPDX-License-Identifier: Apache-2.0 */
/* Assertions: three parts, of which the last is a signature over the others that OpenSSL finds good. */
#include "oauth2/oauth2_assertion.h"

#include "codec/base64.h"

#include <check.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <string.h>

static EVP_PKEY *key;
static char pem[8192];
static struct buf text, head, claims, signature;
static struct arena arena;
static struct error err;

static void write_key(EVP_PKEY *k)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int n;

    ck_assert_int_eq(PEM_write_bio_PrivateKey(bio, k, NULL, NULL, 0, NULL, NULL), 1);
    n = BIO_read(bio, pem, sizeof(pem) - 1);
    ck_assert_int_gt(n, 0);
    pem[n] = '\0';
    BIO_free(bio);
}

static void setup(void)
{
    key = EVP_RSA_gen(2048);
    write_key(key);
}

static void teardown(void)
{
    EVP_PKEY_free(key);
    buf_free(&text);
    buf_free(&head);
    buf_free(&claims);
    buf_free(&signature);
    arena_free(&arena);
}

static const struct yaml_node *yaml(const char *t)
{
    struct faults faults = { 0 };
    const struct yaml_node *n = yaml_read(&arena, bytes_str(t), "", 1, 1, &faults);

    faults_free(&faults);
    return n;
}

static struct oauth2_assertion plain(void)
{
    return (struct oauth2_assertion){
        .key_id = "", .iss = "us", .sub = "us", .aud = "http://x/", .scope = "", .now = 1700000000
    };
}

static void take_apart(void)
{
    const char *t = buf_cstr(&text), *dot = strchr(t, '.'), *last = strrchr(t, '.');

    ck_assert_ptr_ne(dot, last);
    head.len = claims.len = signature.len = 0;
    ck_assert(base64_decode(bytes_of(t, (size_t)(dot - t)), &head));
    ck_assert(base64_decode(bytes_of(dot + 1, (size_t)(last - dot) - 1), &claims));
    ck_assert(base64_decode(bytes_str(last + 1), &signature));
    ck_assert_ptr_null(strpbrk(t, "+/="));
}

static bool is_good(const EVP_MD *digest)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    size_t n = (size_t)(strrchr(buf_cstr(&text), '.') - buf_cstr(&text));
    bool good = EVP_DigestVerifyInit(c, NULL, digest, NULL, key) == 1 &&
                EVP_DigestVerify(c, signature.data, signature.len, text.data, n) == 1;

    EVP_MD_CTX_free(c);
    return good;
}

START_TEST(an_assertion_is_signed)
{
    const EVP_MD *digests[] = { EVP_sha256(), EVP_sha384(), EVP_sha512() };
    struct oauth2_assertion a = plain();
    char wanted[80];

    a.algorithm = (enum assertion_algorithm)_i;
    a.key_id = "k1";
    ck_assert_int_eq(oauth2_assertion_put(&text, &a, pem, &err), 0);
    take_apart();
    ck_assert(is_good(digests[_i]));
    snprintf(wanted, sizeof(wanted), "{\"alg\":\"%s\",\"kid\":\"k1\",\"typ\":\"JWT\"}", assertion_algorithms[_i]);
    ck_assert_str_eq(buf_cstr(&head), wanted);
}
END_TEST

START_TEST(it_says_who_to_whom_and_for_how_long)
{
    struct oauth2_assertion a = plain();

    a.scope = "a b";
    ck_assert_int_eq(oauth2_assertion_put(&text, &a, pem, &err), 0);
    take_apart();
    ck_assert_ptr_nonnull(strstr(buf_cstr(&claims), "{\"iss\":\"us\",\"sub\":\"us\",\"aud\":\"http://x/\",\"jti\":\""));
    ck_assert_ptr_nonnull(strstr(buf_cstr(&claims), "\",\"iat\":1700000000,\"exp\":1700000600,\"scope\":\"a b\"}"));
}
END_TEST

START_TEST(claims_that_are_written_go_before_ours)
{
    struct oauth2_assertion a = plain();

    a.claims = yaml("{sub: them, exp: 5, roles: [a, 'b\"'], deep: {x: true}}");
    ck_assert_int_eq(oauth2_assertion_put(&text, &a, pem, &err), 0);
    take_apart();
    ck_assert_ptr_null(strstr(buf_cstr(&claims), "\"sub\":\"us\""));
    ck_assert_ptr_null(strstr(buf_cstr(&claims), "1700000600"));
    ck_assert_ptr_nonnull(strstr(buf_cstr(&claims), "\"sub\":\"them\",\"exp\":5,\"roles\":"));
    ck_assert_ptr_nonnull(yaml(buf_cstr(&claims)));
    ck_assert_ptr_nonnull(yaml_get(yaml_get(yaml(buf_cstr(&claims)), "deep"), "x"));
}
END_TEST

START_TEST(no_two_have_the_same_number)
{
    struct oauth2_assertion a = plain();
    struct buf first = { 0 };

    ck_assert_int_eq(oauth2_assertion_put(&first, &a, pem, &err), 0);
    ck_assert_int_eq(oauth2_assertion_put(&text, &a, pem, &err), 0);
    ck_assert_str_ne(buf_cstr(&first), buf_cstr(&text));
    buf_free(&first);
}
END_TEST

START_TEST(what_is_no_key_to_sign_with_is_told)
{
    EVP_PKEY *other = EVP_EC_gen("P-256"), *small = EVP_RSA_gen(512);
    struct oauth2_assertion a = plain();

    ck_assert_int_ne(oauth2_assertion_check_key("nothing", &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "no private key in PEM"));
    write_key(other);
    ck_assert_int_ne(oauth2_assertion_check_key(pem, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "another kind than RSA"));
    if (small != NULL) { /* where so small a one can be made at all */
        write_key(small);
        a.algorithm = ASSERTION_RS512;
        ck_assert_int_ne(oauth2_assertion_put(&text, &a, pem, &err), 0);
        ck_assert_ptr_nonnull(strstr(err.text, "cannot sign with RS512"));
    }
    EVP_PKEY_free(other);
    EVP_PKEY_free(small);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("oauth2_assertion");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, an_assertion_is_signed, 0, 3);
    tcase_add_test(tc, it_says_who_to_whom_and_for_how_long);
    tcase_add_test(tc, claims_that_are_written_go_before_ours);
    tcase_add_test(tc, no_two_have_the_same_number);
    tcase_add_test(tc, what_is_no_key_to_sign_with_is_told);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
