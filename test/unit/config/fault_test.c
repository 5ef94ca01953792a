/* SPDX-License-Identifier: Apache-2.0 */
#include "config/fault.h"

#include <check.h>

static const struct {
    const char *text, *remedy;
} faults[] = {
    { "has invalid keys: timeuot; did you mean \"timeout\"?", "did you mean \"timeout\"?" },
    { "views are not served: remove this key", "remove this key" },
    { "is not served yet: remove this block; the log goes elsewhere", "remove this block; the log goes elsewhere" },
    { "cannot read a.pem: no such file or directory", NULL },
    { "\"a; b: write c\" is not one of d", NULL },
    { "in `a; b` it is wrong; write c", "write c" },
    { "one \" alone is no quote; write another", "write another" },
    { "", NULL },
    { "ends with;", NULL },
};

START_TEST(a_remedy_begins_behind_what_is_wrong)
{
    struct fault x = { .text = faults[_i].text };

    ck_assert_pstr_eq(fault_remedy(&x), faults[_i].remedy);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fault");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_loop_test(tc, a_remedy_begins_behind_what_is_wrong, 0, sizeof(faults) / sizeof(*faults));
    suite_add_tcase(suite, tc);
    r = srunner_create(suite);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
