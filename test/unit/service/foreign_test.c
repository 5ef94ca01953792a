/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of components that otelcd does not have is said of none that it has. */
#include "service/foreign.h"

#include <check.h>

START_TEST(no_component_of_ours_is_called_foreign)
{
    for (const struct component *const *c = component_registry; *c != NULL; c++) {
        ck_assert_msg(foreign_find((*c)->kind, (*c)->type) == NULL, "%s is ours", (*c)->type);
        for (const char *const *alias = (*c)->aliases; alias != NULL && *alias != NULL; alias++)
            ck_assert_msg(foreign_find((*c)->kind, *alias) == NULL, "%s is ours", *alias);
    }
}
END_TEST

START_TEST(both_spellings_are_known)
{
    ck_assert_ptr_nonnull(foreign_find(COMPONENT_RECEIVER, "filelog"));
    ck_assert_ptr_eq(foreign_find(COMPONENT_RECEIVER, "file_log"), foreign_find(COMPONENT_RECEIVER, "filelog"));
    ck_assert_ptr_null(foreign_find(COMPONENT_RECEIVER, "filelogs"));
    ck_assert_ptr_null(foreign_find(COMPONENT_EXPORTER, "filelog"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("foreign");
    TCase *tc = tcase_create("foreign");
    SRunner *runner;
    int failed;

    tcase_add_test(tc, no_component_of_ours_is_called_foreign);
    tcase_add_test(tc, both_spellings_are_known);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
