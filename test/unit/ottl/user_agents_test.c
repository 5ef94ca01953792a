/* SPDX-License-Identifier: Apache-2.0 */
#include "ottl/user_agents.h"

#include "base/buf.h"
#include "support/files.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t left;

static bool spend(void *arg, uint64_t steps)
{
    (void)arg;
    if (steps > left)
        return false;
    left -= steps;
    return true;
}

static const struct user_agents_payer payer = { spend, NULL };

static char path[] = "/tmp/user_agents_XXXXXX";

static struct user_agents *open_text(const char *text, struct error *err)
{
    struct user_agents *u;

    snprintf(path, sizeof(path), "/tmp/user_agents_XXXXXX");
    close(mkstemp(path));
    file_put(path, text);
    u = user_agents_open(path, err);
    unlink(path);
    return u;
}

static const char rules[] = "user_agent_parsers:\n"
                            "  - regex: '(Fox)/(\\d+)\\.(\\d+)'\n"
                            "  - regex: 'Cat[ ]?(\\d+)?'\n"
                            "    family_replacement: 'Cat of $1'\n"
                            "    v1_replacement: '9'\n"
                            "  - regex: '(nameless)?/7'\n"
                            "  - regex: 'bad(?=x)'\n"
                            "  - regex: 'LOUD'\n"
                            "    regex_flag: 'i'\n"
                            "    family_replacement: 'Loud'\n"
                            "os_parsers:\n"
                            "  - regex: '(Meadow) (\\d+)_(\\d+)_(\\d+)_(\\d+)'\n";

static const struct {
    const char *text, *name, *version, *os_name, *os_version;
} cases[] = {
    { "Fox/1.2 (Meadow 4_3_2_1)", "Fox", "1.2", "Meadow", "4.3.2.1" },
    { "Cat 7", "Cat of 7", "9", "Other", "" },
    { "Cat", "Cat of ", "9", "Other", "" },
    { "x/7", "Other", "", "Other", "" },
    { "badx", "Other", "", "Other", "" },
    { "so loud", "Loud", "", "Other", "" },
    { "fox/1.2", "Other", "", "Other", "" },
    { "", "Other", "", "Other", "" },
};

START_TEST(the_first_rule_that_gives_a_name_says_what_it_is)
{
    struct error err;
    struct user_agents *u = open_text(rules, &err);
    struct user_agent found;

    ck_assert_msg(u != NULL, "%s", err.text);
    for (unsigned again = 0; again < 2; again++)
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
            left = 100000;
            ck_assert(user_agents_find(u, bytes_str(cases[i].text), payer, &found));
            ck_assert_msg(bytes_is(found.name, cases[i].name), "%s: %.*s", cases[i].text, (int)found.name.len,
                          (const char *)found.name.data);
            ck_assert(bytes_is(found.version, cases[i].version));
            ck_assert(bytes_is(found.os_name, cases[i].os_name));
            ck_assert(bytes_is(found.os_version, cases[i].os_version));
        }
    user_agents_drop(u);
}
END_TEST

START_TEST(a_text_that_was_seen_costs_nothing_more)
{
    struct user_agents *u = open_text(rules, NULL);
    struct user_agent found;

    left = 100000;
    ck_assert(user_agents_find(u, bytes_str("Fox/1.2"), payer, &found));
    ck_assert_uint_lt(left, 100000);
    left = 0;
    ck_assert(user_agents_find(u, bytes_str("Fox/1.2"), payer, &found));
    ck_assert(bytes_is(found.name, "Fox"));
    ck_assert(!user_agents_find(u, bytes_str("Fox/1.3"), payer, &found));
    left = 100000;
    ck_assert(user_agents_find(u, bytes_str("Fox/1.3"), payer, &found));
    ck_assert(bytes_is(found.version, "1.3"));
    user_agents_drop(u);
}
END_TEST

START_TEST(a_long_text_is_looked_at_each_time)
{
    struct user_agents *u = open_text(rules, NULL);
    struct user_agent found;
    struct buf text = { 0 };

    buf_puts(&text, "Fox/1.2 ");
    while (text.len < 5000)
        buf_putc(&text, 'x');
    for (unsigned i = 0; i < 2; i++) {
        left = 100000;
        ck_assert(user_agents_find(u, buf_bytes(&text), payer, &found));
        ck_assert(bytes_is(found.name, "Fox"));
        ck_assert_uint_lt(left, 100000);
    }
    buf_free(&text);
    user_agents_drop(u);
}
END_TEST

START_TEST(what_a_long_text_needs_is_given_back_with_the_next_look)
{
    struct user_agents *u = open_text(rules, NULL);
    struct user_agent found;
    struct buf text = { 0 };

    buf_puts(&text, "LOUD Cat 7");
    while (text.len < 1000000)
        buf_putc(&text, '7');
    left = 10000000;
    ck_assert(user_agents_find(u, buf_bytes(&text), payer, &found));
    ck_assert_uint_gt(found.name.len, 900000);
    ck_assert(user_agents_find(u, bytes_str("Cat 8"), payer, &found));
    ck_assert(bytes_is(found.name, "Cat of 8"));
    ck_assert_uint_lt(user_agents_scratch(u), 100000);
    buf_free(&text);
    user_agents_drop(u);
}
END_TEST

START_TEST(past_the_most_compiled_rules_the_oldest_go_and_come_again)
{
    struct buf text = { 0 };
    struct user_agents *u;
    struct user_agent found;
    char name[20];

    buf_puts(&text, "os_parsers: []\nuser_agent_parsers:\n");
    for (unsigned i = 0; i < 300; i++)
        buf_printf(&text, "  - regex: '(rule%u)/'\n", i);
    u = open_text(buf_cstr(&text), NULL);
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < 300; i++) {
            snprintf(name, sizeof(name), "rule%u/%u", i, round);
            left = 100000;
            ck_assert(user_agents_find(u, bytes_str(name), payer, &found));
            *strchr(name, '/') = '\0';
            ck_assert(bytes_is(found.name, name));
        }
    user_agents_drop(u);
    buf_free(&text);
}
END_TEST

START_TEST(a_file_that_is_not_there_is_told_with_the_package_to_install)
{
    struct error err;

    ck_assert_ptr_null(user_agents_open("/nowhere/regexes.yaml", &err));
    ck_assert_msg(strstr(err.text, "/nowhere/regexes.yaml") != NULL && strstr(err.text, "install the package uap-core"),
                  "%s", err.text);
}
END_TEST

START_TEST(a_file_that_is_something_else_is_told)
{
    static const char *const files[][2] = {
        { "a: [", "no YAML" },
        { "a: 1", "no list \"user_agent_parsers\"" },
        { "user_agent_parsers: [{regex: x}]", "no list \"os_parsers\"" },
        { "user_agent_parsers: [{regex: x}, {}]", "rule 2 of \"user_agent_parsers\"" },
        { "user_agent_parsers: [{regex: [x]}]", "rule 1 of \"user_agent_parsers\"" },
    };
    struct error err;

    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        ck_assert_ptr_null(open_text(files[i][0], &err));
        ck_assert_msg(strstr(err.text, files[i][1]) != NULL, "%s", err.text);
    }
}
END_TEST

START_TEST(all_who_take_the_systems_file_share_it)
{
    struct error err;
    struct user_agents *a = user_agents_take(&err), *b = user_agents_take(&err);
    struct user_agent found;

    ck_assert_msg(a != NULL, "%s", err.text);
    ck_assert_ptr_eq(a, b);
    user_agents_drop(a);
    left = 1000000;
    ck_assert(user_agents_find(b, bytes_str("curl/7.81.0"), payer, &found));
    ck_assert(bytes_is(found.name, "curl"));
    user_agents_drop(b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("user_agents");
    TCase *tc = tcase_create("user_agents");
    SRunner *sr = srunner_create(s);
    int failed;

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, the_first_rule_that_gives_a_name_says_what_it_is);
    tcase_add_test(tc, a_text_that_was_seen_costs_nothing_more);
    tcase_add_test(tc, a_long_text_is_looked_at_each_time);
    tcase_add_test(tc, what_a_long_text_needs_is_given_back_with_the_next_look);
    tcase_add_test(tc, past_the_most_compiled_rules_the_oldest_go_and_come_again);
    tcase_add_test(tc, a_file_that_is_not_there_is_told_with_the_package_to_install);
    tcase_add_test(tc, a_file_that_is_something_else_is_told);
    tcase_add_test(tc, all_who_take_the_systems_file_share_it);
    suite_add_tcase(s, tc);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? 0 : 1;
}
