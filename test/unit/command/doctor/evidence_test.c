/* SPDX-License-Identifier: Apache-2.0 */
#include "command/doctor/evidence.h"

#include <check.h>

static const struct json_tree_rules rules = { .max_nodes = 100, .max_depth = 8 };
static struct evidence e;

static void add_line(const char *message, const char *fields)
{
    struct error err;

    *vec_push(&e.lines) = (struct seen_line){ .message = bytes_str(message),
                                              .fields = json_tree_parse(bytes_str(fields), &e.arena, &rules, &err) };
}

#define OF(kind, id) "{\"otelcol.component.kind\": \"" kind "\", \"otelcol.component.id\": \"" id "\"}"

static void set_up(void)
{
    e = (struct evidence){ .where = "here" };
    add_line("Writing failed, again", OF("exporter", "file/1"));
    add_line("Writing failed", OF("exporter", "file/2"));
    add_line("Users are gone", OF("extension", "basicauth"));
}

static void tear_down(void)
{
    evidence_free(&e);
}

START_TEST(a_line_of_another_component_of_that_kind_is_not_its_own)
{
    ck_assert_ptr_eq(evidence_find_own_line(&e, "Writing", "exporter", "file/2"), &e.lines.v[1]);
    ck_assert_ptr_eq(evidence_find_own_line(&e, "Writing", "exporter", "file/1"), &e.lines.v[0]);
    ck_assert_ptr_null(evidence_find_own_line(&e, "Writing", "exporter", "file/3"));
    ck_assert_ptr_null(evidence_find_own_line(&e, "Reading", "exporter", "file/1"));
}
END_TEST

START_TEST(where_nobody_is_asked_for_or_it_is_of_another_kind_the_newest_counts)
{
    ck_assert_ptr_eq(evidence_find_own_line(&e, "Writing", "exporter", ""), &e.lines.v[0]);
    ck_assert_ptr_eq(evidence_find_own_line(&e, "Users", "receiver", "otlp"), &e.lines.v[2]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("evidence");
    TCase *tc = tcase_create("evidence");
    SRunner *sr;
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, a_line_of_another_component_of_that_kind_is_not_its_own);
    tcase_add_test(tc, where_nobody_is_asked_for_or_it_is_of_another_kind_the_newest_counts);
    suite_add_tcase(s, tc);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
