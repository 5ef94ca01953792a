/* SPDX-License-Identifier: Apache-2.0 */
/* Conversions themselves have the Go collector's answers: test/data/processors, convert_to_*. */
#include "otlp/text/attribute_convert.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

/* What the Go collector's connector sum added for an attribute of this text. */
static const struct {
    const char *text;
    double number;
} cases[] = {
    { "123", 123 },   { "+5", 5 },     { "1_000", 1000 }, { "0x1p-2", 0.25 }, { " 12", 0 },  { "abc", 0 },
    { "2.50", 2.5 },  { "1e3", 1000 }, { "1__0", 0 },     { "", 0 },          { ".5", 0.5 }, { "5.", 5 },
    { "-2.9", -2.9 }, { "_1", 0 },     { "1_", 0 },       { "0x10", 0 },
};

START_TEST(texts_are_numbers_as_in_go)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ck_assert_msg(fabs(attribute_number(bytes_str(cases[i].text)) - cases[i].number) < 1e-9, "%s: %g",
                      cases[i].text, attribute_number(bytes_str(cases[i].text)));
    ck_assert(isinf(attribute_number(bytes_str("inf"))) && isnan(attribute_number(bytes_str("NaN"))));
}
END_TEST

START_TEST(a_number_that_is_too_large_is_infinite)
{
    ck_assert(isinf(attribute_number(bytes_str("1e999"))));
    ck_assert(isinf(attribute_number(bytes_str("-1e999"))));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("attribute_convert");
    TCase *tc = tcase_create("attribute_convert");
    SRunner *sr = srunner_create(s);
    int failed;

    tcase_add_test(tc, texts_are_numbers_as_in_go);
    tcase_add_test(tc, a_number_that_is_too_large_is_infinite);
    suite_add_tcase(s, tc);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? 0 : 1;
}
