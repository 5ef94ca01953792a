/* SPDX-License-Identifier: Apache-2.0 */
/* Known answers were made with the reference tools: openssl passwd, Apache's htpasswd, mkpasswd, sha1sum. */
#include "extension/htpasswd.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static struct htpasswd users;

static void tear_down(void)
{
    htpasswd_free(&users);
}

static const struct {
    const char *hash, *password;
    enum htpasswd_kind kind;
} known[] = {
    { "$apr1$CxriN0Ub$2rOdYMy3n8Q6eFiBGFGys/", "hello", HTPASSWD_APR1 },
    { "$apr1$3JmJZsPa$3Xqaxa9j4/6Nf6rZrCEad1", "p", HTPASSWD_APR1 },
    { "$apr1$uIszrBvF$.N3/gfJtsF5XeIoP6.jkg0", "a password of more than sixteen bytes", HTPASSWD_APR1 },
    { "$apr1$bGgHql0u$964FvZKOD09Nle0Lr0fKD0", "pässwörd", HTPASSWD_APR1 },
    { "$apr1$NtNXo0x.$5HP6PramC5zVVS.THh/6U1", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
      HTPASSWD_APR1 },
    { "$2b$05$OxOm5dFxXD2HMIt5OYqEfu1ns2dxlmH9qiF425Hjb2irB/Sd8I5jG", "hello", HTPASSWD_CRYPT },
    { "$2a$05$5jq66VXe5M4QsDqm7HQFP.xaFBOlVHIYi5ZTGxGIEqJKN3D2skmbO", "hello", HTPASSWD_CRYPT },
    { "$y$j9T$sQR6zyE1e9jAHMrWsQDOB0$xdnwPzDgwyWbFgYoqecMkc4t31i/eP8fUo4Yd/NJ.P2", "hello", HTPASSWD_CRYPT },
    { "$6$ngbhqAd2MjbttY.6$d4TrB9gTL0MvmSCXArB6EBinAnWJSscWwnHJGTUbxk7ML.AJ0kKknzAGl4iuCynjnDHySU23BrDywSgV0Wy2p1",
      "hello", HTPASSWD_CRYPT },
    { "$5$/Sp0X8D5amRAFogb$e/F1d5XiauujAJQTfnyJrKXebeyLSa6x.nvLlNOA3D6", "hello", HTPASSWD_CRYPT },
    { "$1$KInOvij9$LPH2OW43jOxlIDME1FSNb/", "hello", HTPASSWD_CRYPT },
    { "$7$CU..../....NO9t0EKIBjneRqiMvQy71/$DaQvLQ38gxX87y9GbXjmwlZtgsVeOO6qKVWEH4lKsW1", "hello", HTPASSWD_CRYPT },
    { "$6$abcdefgh$qlUjQo8xiC5dmwOr49rtm.DQdv9onQYoWr0dgDR2SqMkw1296.hIZnRd/ltg71cpfDQGxCw0Bli1kXypCoIxg0", "pässwörd",
      HTPASSWD_CRYPT },
    { "{SSHA}FPvT+WAOz8Kj1D5MB6mKh1x5EKJzYWx0", "hello", HTPASSWD_SSHA },
    { "$2y$05$.6aVj0fpBO8qAHZHKA4b4.MRZVbG6T8O.6LdzGCWLTJTuEIa2IWPe", "hello", HTPASSWD_CRYPT },
    { "$apr1$1aTR7yrH$mULcaLo3xdurBPbxn1xFJ.", "hello:world", HTPASSWD_APR1 },
    { "{SHA}qvTGHdzF6KLavt4PO0gs2a6pQ00=", "hello", HTPASSWD_SHA },
    { "hello", "hello", HTPASSWD_PLAIN },
    { "with:colon", "with:colon", HTPASSWD_PLAIN },
};

static bool matches(const char *name, const char *password)
{
    const struct htpasswd_user *u = htpasswd_find(&users, bytes_str(name));

    return u != NULL && htpasswd_matches(u->kind, u->hash, bytes_str(password));
}

START_TEST(every_kind_of_hash_knows_its_password_and_no_other)
{
    char line[400], wrong[200];
    struct error err = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        snprintf(line, sizeof(line), "user%zu:%s\n", i, known[i].hash);
        ck_assert_msg(htpasswd_add(&users, bytes_str(line), &err) == 0, "%s: %s", known[i].hash, err.text);
    }
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        snprintf(line, sizeof(line), "user%zu", i);
        ck_assert_msg(matches(line, known[i].password), "%s", known[i].hash);
        ck_assert_int_eq(htpasswd_find(&users, bytes_str(line))->kind, known[i].kind);
        snprintf(wrong, sizeof(wrong), "%sx", known[i].password);
        ck_assert_msg(!matches(line, wrong), "%s", known[i].hash);
        wrong[strlen(known[i].password) - 1] = '\0';
        ck_assert_msg(!matches(line, wrong), "%s", known[i].hash);
        ck_assert(!matches(line, ""));
    }
}
END_TEST

START_TEST(a_later_line_takes_the_place_of_an_earlier_one)
{
    struct error err = { 0 };

    ck_assert_int_eq(htpasswd_add(&users, bytes_str("# users\n\na:one\r\nb: two \na:three"), &err), 0);
    ck_assert_int_eq(htpasswd_add(&users, bytes_str("b:four\n"), &err), 0);
    ck_assert_uint_eq(users.users.n, 2);
    ck_assert(matches("a", "three") && !matches("a", "one"));
    ck_assert(matches("b", "four") && !matches("b", "two"));
    ck_assert_ptr_null(htpasswd_find(&users, bytes_str("c")));
}
END_TEST

START_TEST(many_users_are_found)
{
    struct error err = { 0 };
    char line[64];

    for (int i = 0; i < 5000; i++) {
        snprintf(line, sizeof(line), "user%d:pass%d", i, i);
        ck_assert_int_eq(htpasswd_add(&users, bytes_str(line), &err), 0);
    }
    ck_assert(matches("user0", "pass0") && matches("user4999", "pass4999") && !matches("user1", "pass2"));
}
END_TEST

START_TEST(a_line_that_is_no_user_is_named_by_its_number_and_nothing_of_it_is_shown)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        { "a:b\nsecret\n", "line 2: there is no colon" },
        { ":secret", "line 1: the user's name is empty" },
        { "a:", "line 1: the password is empty" },
        { "\n\na:$9$secret", "line 3: the hash is of no kind" },
        { "a:$2y$99$secretsecretsecretsecretsecretsecretsecretsecretsecre", "line 1: bcrypt's cost" },
        { "a:$6$rounds=999999999$abcdefgh$secret", "line 1: these are more than 5000000 rounds" },
        { "a:$5$rounds=5000001$abcdefgh$secret", "line 1: these are more than 5000000 rounds" },
        { "a:$2y$10$secret", "line 1: the bcrypt hash is not 60 digits long" },
        { "a:$2y$17$abcdefghijklmnopqrstuuwHJMEGjfAzmL1lWmUmlphguIbWfjYey", "line 1: bcrypt's cost" },
        { "a:{SHA}secret", "line 1: what stands behind {SHA}" },
        { "a:{MD5}secret", "line 1: the hash is of no kind" },
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct error err = { 0 };

        ck_assert_int_ne(htpasswd_add(&users, bytes_str(bad[i].text), &err), 0);
        ck_assert_msg(strstr(err.text, bad[i].why) != NULL, "%s", err.text);
        ck_assert_msg(strstr(err.text, "secret") == NULL, "%s", err.text);
    }
}
END_TEST

START_TEST(a_password_with_a_nul_or_too_long_a_one_matches_nothing)
{
    struct error err = { 0 };
    char text[600];
    const struct htpasswd_user *u;

    memset(text, 'x', sizeof(text));
    ck_assert_int_eq(htpasswd_add(&users, bytes_str("a:$1$abcdefgh$rwnEbRiN0agqVgZBovWNQ/"), &err), 0);
    u = htpasswd_find(&users, bytes_str("a"));
    ck_assert(htpasswd_matches(u->kind, u->hash, bytes_str("hello")));
    ck_assert(!htpasswd_matches(u->kind, u->hash, bytes_of("hello\0x", 7)));
    ck_assert(!htpasswd_matches(u->kind, u->hash, bytes_of(text, sizeof(text))));
}
END_TEST

START_TEST(who_is_not_there_is_compared_with_what_takes_longest)
{
    struct error err = { 0 };

    ck_assert_ptr_null(htpasswd_decoy(&users));
    ck_assert_int_eq(htpasswd_add(&users, bytes_str("a:plain"), &err), 0);
    ck_assert_int_eq(htpasswd_decoy(&users)->kind, HTPASSWD_PLAIN);
    ck_assert_int_eq(htpasswd_add(&users, bytes_str("b:$1$abcdefgh$rwnEbRiN0agqVgZBovWNQ/"), &err), 0);
    ck_assert_int_eq(htpasswd_decoy(&users)->kind, HTPASSWD_CRYPT);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("htpasswd");
    TCase *tc = tcase_create("htpasswd");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, NULL, tear_down);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, every_kind_of_hash_knows_its_password_and_no_other);
    tcase_add_test(tc, a_later_line_takes_the_place_of_an_earlier_one);
    tcase_add_test(tc, many_users_are_found);
    tcase_add_test(tc, a_line_that_is_no_user_is_named_by_its_number_and_nothing_of_it_is_shown);
    tcase_add_test(tc, a_password_with_a_nul_or_too_long_a_one_matches_nothing);
    tcase_add_test(tc, who_is_not_there_is_compared_with_what_takes_longest);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
