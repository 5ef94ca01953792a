/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http/socks.h"

#include "base/mem.h"

#include <check.h>
#include <string.h>

static struct buf said;
static const char *why;
static size_t used;

static struct socks ask(const char *host, const char *user, const char *password)
{
    struct socks s = {
        .host = bytes_str(host), .port = bytes_str("4318"), .user = bytes_str(user), .password = bytes_str(password)
    };

    said.len = 0;
    why = NULL;
    socks_begin(&s, &said);
    return s;
}

static enum socks_step hear(struct socks *s, const char *answer, size_t len)
{
    return socks_take(s, bytes_of(answer, len), &used, &said, &why);
}

#define HEAR(s, text) hear(&(s), text, sizeof(text) - 1)
#define CK_SAID(text) ck_assert(bytes_equal(buf_bytes(&said), bytes_of(text, sizeof(text) - 1)))

START_TEST(a_name_is_the_proxys_to_look_up)
{
    struct socks s = ask("origin.example", "", "");

    CK_SAID("\5\1\0");
    ck_assert_int_eq(HEAR(s, "\5"), SOCKS_MORE);
    ck_assert_int_eq(HEAR(s, "\5\0"), SOCKS_MORE);
    ck_assert_uint_eq(used, 2);
    CK_SAID("\5\1\0\5\1\0\3\16origin.example\x10\xde");
    ck_assert_int_eq(HEAR(s, "\5\0\0\1\1\2\3\4\0\1rest"), SOCKS_OPEN);
    ck_assert_uint_eq(used, 10);
}
END_TEST

START_TEST(an_address_goes_as_one)
{
    struct socks s = ask("192.0.2.1", "", "");

    ck_assert_int_eq(HEAR(s, "\5\0"), SOCKS_MORE);
    CK_SAID("\5\1\0\5\1\0\1\xc0\0\2\1\x10\xde");
    s = ask("2001:db8::1", "", "");
    ck_assert_int_eq(HEAR(s, "\5\0"), SOCKS_MORE);
    CK_SAID("\5\1\0\5\1\0\4\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x10\xde");
}
END_TEST

START_TEST(a_password_is_shown_where_it_is_wanted)
{
    struct socks s = ask("a", "me", "secret");

    CK_SAID("\5\2\0\2");
    ck_assert_int_eq(HEAR(s, "\5\2"), SOCKS_MORE);
    CK_SAID("\5\2\0\2\1\2me\6secret");
    ck_assert_int_eq(HEAR(s, "\1\0"), SOCKS_MORE);
    CK_SAID("\5\2\0\2\1\2me\6secret\5\1\0\3\1a\x10\xde");
    s = ask("a", "me", "secret");
    ck_assert_int_eq(HEAR(s, "\5\0"), SOCKS_MORE); /* it need not be */
    CK_SAID("\5\2\0\2\5\1\0\3\1a\x10\xde");
}
END_TEST

START_TEST(an_answer_is_waited_for_to_its_end)
{
    static const char answer[] = "\5\0\0\3\3abc\0\1";
    struct socks s = ask("a", "", "");

    ck_assert_int_eq(HEAR(s, "\5\0"), SOCKS_MORE);
    for (size_t n = 0; n < sizeof(answer) - 1; n++) {
        ck_assert_int_eq(hear(&s, answer, n), SOCKS_MORE);
        ck_assert_uint_eq(used, 0);
    }
    ck_assert_int_eq(hear(&s, answer, sizeof(answer) - 1), SOCKS_OPEN);
    ck_assert_uint_eq(used, sizeof(answer) - 1);
}
END_TEST

START_TEST(a_no_is_told_in_words)
{
    static const struct {
        const char *user, *first, *second, *why;
    } cases[] = {
        { "", "\5\xff", NULL, "write a name and password" },
        { "", "\5\2", NULL, "neither names with passwords nor nothing" }, /* we did not offer that */
        { "me", "\5\xff", NULL, "neither names with passwords nor nothing" },
        { "me", "\5\2", "\1\1", "does not take the name and password" },
        { "me", "\5\2", "\5\1", "not SOCKS 5" },
        { "", "\5\1", NULL, "neither" },
        { "", "\5\5", NULL, "neither" },
        { "", "\4\1", NULL, "not SOCKS 5" },
        { "", "H", NULL, "not SOCKS 5" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct socks s = ask("a", cases[i].user, "p");
        enum socks_step step = hear(&s, cases[i].first, strlen(cases[i].first));

        if (cases[i].second != NULL) {
            ck_assert_int_eq(step, SOCKS_MORE);
            step = hear(&s, cases[i].second, 2);
        }
        ck_assert_int_eq(step, SOCKS_FAILED);
        ck_assert_msg(strstr(why, cases[i].why) != NULL, "%zu: %s", i, why);
    }
}
END_TEST

START_TEST(each_reason_of_the_proxys_has_a_sentence)
{
    for (int reply = 1; reply < 256; reply++) {
        const char answer[] = { 5, (char)reply };
        struct socks s = ask("a", "", "");

        ck_assert_int_eq(HEAR(s, "\5\0"), SOCKS_MORE);
        ck_assert_int_eq(hear(&s, answer, sizeof(answer)), SOCKS_FAILED);
        ck_assert_uint_gt(strlen(why), 10);
    }
}
END_TEST

static void tear_down(void)
{
    buf_free(&said);
}

int main(void)
{
    Suite *s = suite_create("socks");
    TCase *tc = tcase_create("socks");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, NULL, tear_down);
    tcase_add_test(tc, a_name_is_the_proxys_to_look_up);
    tcase_add_test(tc, an_address_goes_as_one);
    tcase_add_test(tc, a_password_is_shown_where_it_is_wanted);
    tcase_add_test(tc, an_answer_is_waited_for_to_its_end);
    tcase_add_test(tc, a_no_is_told_in_words);
    tcase_add_test(tc, each_reason_of_the_proxys_has_a_sentence);
    suite_add_tcase(s, tc);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
