/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/kafka/kafka_topics.h"

#include "support/rig/rig.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct rig rig;
static struct kafka_topics topics;
static char why[400];

static void setup(void)
{
    rig_init(&rig, 1);
    kafka_topics_init(&topics, &rig.budget);
}

static void teardown(void)
{
    kafka_topics_free(&topics);
    rig_close(&rig);
}

static const char *find(const char *name)
{
    return kafka_topics_find(&topics, bytes_str(name), why, sizeof(why));
}

START_TEST(test_a_name_is_kept_once)
{
    const char *first = find("otlp_logs");

    ck_assert_str_eq(first, "otlp_logs");
    ck_assert_ptr_eq(find("otlp_logs"), first);
    ck_assert_ptr_ne(find("other"), first);
}
END_TEST

START_TEST(test_what_is_no_topic_is_refused)
{
    static const char *const names[] = { "", ".", "..", "a b", "a/b", "\xc3\xa4" };
    char longest[251];

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        ck_assert_msg(find(names[i]) == NULL, "%s", names[i]);
    memset(longest, 'x', 250);
    longest[250] = '\0';
    ck_assert_ptr_null(find(longest));
    ck_assert_ptr_nonnull(find(longest + 1));
    ck_assert_ptr_null(kafka_topics_find(&topics, bytes_of("a\0b", 3), why, sizeof(why)));
    ck_assert_ptr_nonnull(strstr(why, "which can be none"));
}
END_TEST

START_TEST(test_there_is_a_bound_to_them)
{
    char name[32];

    for (int i = 0; i < KAFKA_TOPICS_MOST; i++) {
        snprintf(name, sizeof(name), "topic%d", i);
        ck_assert_ptr_nonnull(find(name));
    }
    ck_assert_ptr_null(find("one_more"));
    ck_assert_ptr_nonnull(strstr(why, "one too many"));
    ck_assert_ptr_nonnull(find("topic7"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("kafka_topics");
    TCase *t = tcase_create("names");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_a_name_is_kept_once);
    tcase_add_test(t, test_what_is_no_topic_is_refused);
    tcase_add_test(t, test_there_is_a_bound_to_them);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
