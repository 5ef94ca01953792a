/* SPDX-License-Identifier: Apache-2.0 */
#include "ottl/reference.h"

#include "base/mem.h"
#include "ottl/ottl_inside.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct buf page;

static void make_page(void)
{
    ottl_reference_write(&page);
}

static void free_page(void)
{
    buf_free(&page);
}

static void assert_stands(const char *before, const char *name, const char *behind)
{
    char line[200];

    snprintf(line, sizeof(line), "%s%s%s", before, name, behind);
    ck_assert_msg(strstr(buf_cstr(&page), line) != NULL, "not on the page: %s", line);
}

START_TEST(each_function_stands_on_the_page_with_what_it_is_for)
{
    const struct ottl_function *table;

    for (size_t i = 0; (table = ottl_function_table(i)) != NULL; i++)
        for (const struct ottl_function *f = table; f->name != NULL; f++) {
            assert_stands("- `", f->name, "(");
            ck_assert_msg(strstr(buf_cstr(&page), f->help) != NULL, "%s says not what it is for", f->name);
            for (const struct ottl_argument *a = f->args; a->name != NULL; a++)
                assert_stands("    - `", a->name, "`: ");
        }
}
END_TEST

START_TEST(each_path_stands_on_the_page_with_what_it_holds)
{
    for (unsigned c = 0; c < OTTL_CONTEXTS; c++)
        for (const struct path_row *row = path_rows((enum ottl_context)c); row->name != NULL; row++) {
            char *path = mem_printf("%s.%s", ottl_context_names[c], row->name);

            assert_stands("- `", path, "`: ");
            free(path);
        }
    ck_assert_ptr_null(strstr(buf_cstr(&page), "(null)"));
}
END_TEST

START_TEST(each_name_of_a_number_stands_on_the_page)
{
    size_t n = 0;
    const struct ottl_symbol *all = ottl_symbols(&n);

    for (size_t i = 0; i < n; i++)
        assert_stands("`", all[i].name, "` (");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reference");
    TCase *tc = tcase_create("reference");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, make_page, free_page);
    tcase_add_test(tc, each_function_stands_on_the_page_with_what_it_is_for);
    tcase_add_test(tc, each_path_stands_on_the_page_with_what_it_holds);
    tcase_add_test(tc, each_name_of_a_number_stands_on_the_page);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
