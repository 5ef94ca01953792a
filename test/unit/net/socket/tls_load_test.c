/* SPDX-License-Identifier: Apache-2.0 */
#include "net/socket/tls_load.h"

#include "base/mem.h"
#include "net/socket/tls_names.h"
#include "support/certificates.h"

#include <check.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct identity ca, one, two;
static struct tls_config config;
static char directory[64];

static void set_up(void)
{
    ca = identity_make(NULL, "test ca", NULL, -1, 10);
    one = identity_make(&ca, "one", "DNS:one", -1, 5);
    two = identity_make(&ca, "two", "DNS:two", -1, 7);
    config = (struct tls_config){ .on = true, .cert_pem = { one.cert }, .key_pem = { one.key } };
    strcpy(directory, "/tmp/otelcd_tls_load_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void tear_down(void)
{
    identity_free(&ca);
    identity_free(&one);
    identity_free(&two);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    ck_assert_int_eq(rmdir(directory), 0);
}

/* NULL: it loads; else the sentence, and at which key. */
static const char *load_side(enum tls_side side, const char **at)
{
    static struct error err;
    struct tls_sources sources = { 0 };
    struct tls_loaded loaded;
    const char *key = NULL;
    int rc;

    tls_sources_note(&config, side, &sources);
    rc = tls_sources_read(&sources, &key, &err);
    if (rc == 0)
        rc = tls_load(&config, side, &sources, &loaded, &key, &err);
    tls_sources_free(&sources);
    if (rc == 0)
        SSL_CTX_free(loaded.ctx);
    if (at != NULL)
        *at = key;
    return rc == 0 ? NULL : err.text;
}

#define assert_refused(key_, ...)                                                                                      \
    do {                                                                                                               \
        const char *const words[] = { __VA_ARGS__ };                                                                   \
        const char *at_, *why_ = load_side(TLS_SERVER, &at_);                                                          \
                                                                                                                       \
        ck_assert_ptr_nonnull(why_);                                                                                   \
        ck_assert_str_eq(at_, key_);                                                                                   \
        for (size_t i_ = 0; i_ < ARRAY_LEN(words); i_++)                                                               \
            ck_assert_msg(strstr(why_, words[i_]) != NULL, "no \"%s\" in: %s", words[i_], why_);                       \
    } while (0)

START_TEST(a_pair_that_fits_is_loaded)
{
    ck_assert_ptr_null(load_side(TLS_SERVER, NULL));
    ck_assert_ptr_null(load_side(TLS_CLIENT, NULL));
}
END_TEST

static SSL_CTX *load_client(void)
{
    struct tls_sources sources = { 0 };
    struct tls_loaded loaded;
    struct error err;

    tls_sources_note(&config, TLS_CLIENT, &sources);
    ck_assert_int_eq(tls_load(&config, TLS_CLIENT, &sources, &loaded, NULL, &err), 0);
    tls_sources_free(&sources);
    return loaded.ctx;
}

static void write_bundle(const char *path, const char *text, time_t changed)
{
    const struct timespec times[2] = { { .tv_sec = changed }, { .tv_sec = changed } };
    FILE *f = fopen(path, "w");

    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
    ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* 500 members of a tier, with 150 CAs each, took half a GiB, and the loop for seconds. */
START_TEST(clients_that_trust_the_system_alone_have_its_cas_together_until_they_change)
{
    char path[80];
    SSL_CTX *a, *b, *c, *d;

    snprintf(path, sizeof(path), "%s/bundle.pem", directory);
    setenv("SSL_CERT_FILE", path, 1);
    config = (struct tls_config){ .on = true };
    write_bundle(path, ca.cert, 1000);
    a = load_client();
    b = load_client();
    ck_assert_ptr_eq(SSL_CTX_get_cert_store(a), SSL_CTX_get_cert_store(b));
    ck_assert_int_eq(sk_X509_OBJECT_num(X509_STORE_get0_objects(SSL_CTX_get_cert_store(b))), 1);
    config.ca_pem.text = one.cert;
    config.include_system_ca_certs_pool = true;
    c = load_client();
    ck_assert_ptr_ne(SSL_CTX_get_cert_store(c), SSL_CTX_get_cert_store(a));
    ck_assert_int_eq(sk_X509_OBJECT_num(X509_STORE_get0_objects(SSL_CTX_get_cert_store(c))), 2);
    ck_assert_int_eq(sk_X509_OBJECT_num(X509_STORE_get0_objects(SSL_CTX_get_cert_store(a))), 1);
    config = (struct tls_config){ .on = true };
    write_bundle(path, two.cert, 2000);
    d = load_client();
    ck_assert_ptr_ne(SSL_CTX_get_cert_store(d), SSL_CTX_get_cert_store(a));
    SSL_CTX_free(a);
    SSL_CTX_free(b);
    SSL_CTX_free(c);
    SSL_CTX_free(d);
    unlink(path);
    unsetenv("SSL_CERT_FILE");
}
END_TEST

/* Where no file has them a CA that was added, or taken away, did not count before the next start. */
START_TEST(the_systems_cas_are_read_anew_when_their_directory_has_changed)
{
    const struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
    char none[80], first[80], path[200];
    SSL_CTX *a, *b, *c;

    snprintf(none, sizeof(none), "%s/none.pem", directory);
    snprintf(first, sizeof(first), "%s/first", directory);
    snprintf(path, sizeof(path), "%s/absent:%s", directory, first);
    ck_assert_int_eq(mkdir(first, 0700), 0);
    setenv("SSL_CERT_FILE", none, 1);
    setenv("SSL_CERT_DIR", path, 1);
    config = (struct tls_config){ .on = true };
    a = load_client();
    b = load_client();
    ck_assert_ptr_eq(SSL_CTX_get_cert_store(a), SSL_CTX_get_cert_store(b));
    ck_assert_int_eq(utimensat(AT_FDCWD, first, times, 0), 0);
    c = load_client();
    ck_assert_ptr_ne(SSL_CTX_get_cert_store(c), SSL_CTX_get_cert_store(a));
    SSL_CTX_free(a);
    SSL_CTX_free(b);
    SSL_CTX_free(c);
    rmdir(first);
    unsetenv("SSL_CERT_FILE");
    unsetenv("SSL_CERT_DIR");
}
END_TEST

START_TEST(a_key_of_another_certificate_is_told)
{
    config.key_pem.text = two.key;
    assert_refused("key_pem", "key_pem is not that of the first certificate in cert_pem", "CN=one");
}
END_TEST

START_TEST(what_is_swapped_or_empty_or_no_pem_is_told)
{
    config.cert_pem.text = one.key;
    assert_refused("cert_pem", "no certificate but a private key", "swapped");
    config.cert_pem.text = "\x30\x82\x01\x22";
    assert_refused("cert_pem", "no PEM", "-inform der");
    config.cert_pem.text = one.cert;
    config.key_pem.text = one.cert;
    assert_refused("key_pem", "no private key but a certificate", "swapped");
}
END_TEST

START_TEST(a_text_that_ends_too_soon_is_told)
{
    char *both = mem_printf("%s%s", one.cert, ca.cert);
    size_t first = strlen(one.cert), all = strlen(both);

    config.cert_pem.text = both;
    ck_assert_ptr_null(load_side(TLS_SERVER, NULL));
    for (size_t n = first + 40; n < all - 30; n += 97) {
        char *cut = strndup(both, n);

        config.cert_pem.text = cut;
        assert_refused("cert_pem", "certificate 2 of cert_pem is broken");
        free(cut);
    }
    free(both);
    config.cert_pem.text = one.cert;
    for (size_t n = 30; n < strlen(one.key) - 30; n += 17) {
        char *cut = strndup(one.key, n);

        config.key_pem.text = cut;
        assert_refused("key_pem", "no private key");
        free(cut);
    }
}
END_TEST

START_TEST(suites_of_tls_1_3_alone_leave_nothing_to_an_older_version)
{
    const char *newer[] = { "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384" };

    config.cipher_suites = (struct strings){ newer, 2 };
    ck_assert_ptr_null(load_side(TLS_SERVER, NULL));
    config.max_version = TLS_VERSION_13;
    ck_assert_ptr_null(load_side(TLS_SERVER, NULL));
    config.max_version = TLS_VERSION_12;
    assert_refused("cipher_suites", "TLS 1.3", "max_version 1.2", "TLS_ECDHE_");
    newer[1] = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
    ck_assert_ptr_null(load_side(TLS_SERVER, NULL));
}
END_TEST

START_TEST(a_passphrase_is_asked_of_nobody)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data, *text;
    long n;

    PEM_write_bio_PKCS8PrivateKey(bio, one.pkey, EVP_aes_128_cbc(), "x123", 4, NULL, NULL);
    n = BIO_get_mem_data(bio, &data);
    text = strndup(data, (size_t)n);
    config.key_pem.text = text;
    assert_refused("key_pem", "has a passphrase", "openssl pkey");
    BIO_free(bio);
    free(text);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_named)
{
    char *missing = mem_printf("%s/none.pem", directory);

    config.cert_pem.text = NULL;
    config.cert_file = missing;
    assert_refused("cert_file", missing, "no such file");
    config.cert_file = directory;
    assert_refused("cert_file", directory, "directory");
    free(missing);
}
END_TEST

START_TEST(the_first_date_of_a_text_is_the_one_that_counts)
{
    char *both = mem_printf("%s%s", two.cert, one.cert);
    struct tls_sources sources = { 0 };
    struct tls_loaded loaded;
    struct error err;

    config = (struct tls_config){ .ca_pem = { both } };
    tls_sources_note(&config, TLS_CLIENT, &sources);
    ck_assert_int_eq(tls_load(&config, TLS_CLIENT, &sources, &loaded, NULL, &err), 0);
    ck_assert(loaded.validity[TLS_CA].known && !loaded.validity[TLS_CERT].known);
    ck_assert_str_eq(loaded.validity[TLS_CA].subject, "CN=one");
    SSL_CTX_free(loaded.ctx);
    tls_sources_free(&sources);
    free(both);
}
END_TEST

START_TEST(suites_and_curves_have_go_names)
{
    const char *several[] = { "X25519MLKEM768", "X25519" }, *name;

    config.cipher_suites = (struct strings){ &name, 1 };
    name = "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305";
    ck_assert_ptr_null(load_side(TLS_SERVER, NULL));
    name = "TLS_AES_128_GCM_SHA256"; /* of 1.3 only: nothing older is left */
    ck_assert_ptr_null(load_side(TLS_SERVER, NULL));
    name = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA384";
    assert_refused("cipher_suites", "did you mean TLS_ECDHE_RSA_WITH_AES_");
    name = "TLS_RSA_WITH_AES_128_CBC_SHA";
    assert_refused("cipher_suites", "weak", "include_insecure_cipher_suites: true");
    config.include_insecure_cipher_suites = true;
    ck_assert_ptr_null(load_side(TLS_SERVER, NULL));
    name = "TLS_RSA_WITH_RC4_128_SHA";
    assert_refused("cipher_suites", "has it no more");
    config.cipher_suites.n = 0;
    config.curve_preferences = (struct strings){ &name, 1 };
    name = "X25519MLKEM768";
    assert_refused("curve_preferences", "OpenSSL 3.0", "write X25519");
    name = "P224";
    assert_refused("curve_preferences", "P256, P384 or P521");
    name = "P521";
    ck_assert_ptr_null(load_side(TLS_SERVER, NULL));
    config.curve_preferences = (struct strings){ several, 2 }; /* as Go's configurations write them */
    ck_assert_ptr_null(load_side(TLS_SERVER, NULL));
}
END_TEST

START_TEST(every_suite_that_has_a_name_is_in_openssl)
{
    static const char *const names[] = {
        "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
        "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
        "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
        "TLS_RSA_WITH_AES_128_CBC_SHA",
        "TLS_RSA_WITH_AES_256_CBC_SHA",
        "TLS_RSA_WITH_AES_128_CBC_SHA256",
        "TLS_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    };

    config.include_insecure_cipher_suites = true;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *name = names[i];

        config.cipher_suites = (struct strings){ &name, 1 };
        ck_assert_msg(load_side(TLS_SERVER, NULL) == NULL, "%s", name);
    }
}
END_TEST

START_TEST(aes_128_is_what_a_server_takes_first_as_in_go)
{
    struct tls_sources sources = { 0 };
    struct tls_loaded loaded;
    STACK_OF(SSL_CIPHER) * suites;
    struct error err;

    tls_sources_note(&config, TLS_SERVER, &sources);
    ck_assert_int_eq(tls_load(&config, TLS_SERVER, &sources, &loaded, NULL, &err), 0);
    suites = SSL_CTX_get_ciphers(loaded.ctx);
    ck_assert_str_eq(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(suites, 0)), "TLS_AES_128_GCM_SHA256");
    ck_assert_str_eq(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(suites, 1)), "TLS_AES_256_GCM_SHA384");
    ck_assert_str_eq(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(suites, 2)), "TLS_CHACHA20_POLY1305_SHA256");
    ck_assert_str_eq(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(suites, 3)), "ECDHE-ECDSA-AES128-GCM-SHA256");
    ck_assert_str_eq(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(suites, 4)), "ECDHE-RSA-AES128-GCM-SHA256");
    SSL_CTX_free(loaded.ctx);
    tls_sources_free(&sources);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tls_load");
    TCase *tc = tcase_create("all");
    SRunner *sr = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, a_pair_that_fits_is_loaded);
    tcase_add_test(tc, clients_that_trust_the_system_alone_have_its_cas_together_until_they_change);
    tcase_add_test(tc, the_systems_cas_are_read_anew_when_their_directory_has_changed);
    tcase_add_test(tc, a_key_of_another_certificate_is_told);
    tcase_add_test(tc, what_is_swapped_or_empty_or_no_pem_is_told);
    tcase_add_test(tc, a_text_that_ends_too_soon_is_told);
    tcase_add_test(tc, suites_of_tls_1_3_alone_leave_nothing_to_an_older_version);
    tcase_add_test(tc, a_passphrase_is_asked_of_nobody);
    tcase_add_test(tc, a_file_that_cannot_be_read_is_named);
    tcase_add_test(tc, the_first_date_of_a_text_is_the_one_that_counts);
    tcase_add_test(tc, suites_and_curves_have_go_names);
    tcase_add_test(tc, every_suite_that_has_a_name_is_in_openssl);
    tcase_add_test(tc, aes_128_is_what_a_server_takes_first_as_in_go);
    suite_add_tcase(s, tc);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
