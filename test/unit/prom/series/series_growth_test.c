/* SPDX-License-Identifier: Apache-2.0 */
#include "prom/series/series_growth.h"

#include "codec/utf8.h"
#include "prom/model/labels.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Letters, and one of two bytes over the last byte that is kept. */
static struct bytes long_name(char *out)
{
    memset(out, 'x', GROWTH_NAME_MAX - 2);
    memcpy(out + GROWTH_NAME_MAX - 2, "\xc3\xa4\xc3\xa4", 5);
    return bytes_str(out);
}

START_TEST(a_long_name_is_cut_between_characters)
{
    static struct growth_sketch g;
    char metric[GROWTH_NAME_MAX + 4], label[GROWTH_NAME_MAX + 4];
    struct bytes name = long_name(metric);
    struct buf labels = { 0 };

    for (unsigned i = 0; i < 3; i++) {
        labels.len = 0;
        labels_put(&labels, long_name(label), bytes_str(i == 0 ? "a" : i == 1 ? "b" : "c"));
        growth_sketch_add(&g, name, buf_bytes(&labels));
    }
    ck_assert_uint_eq(growth_sketch_top(&g)->n, 2);
    ck_assert_uint_eq(strlen(growth_sketch_top(&g)->metric), GROWTH_NAME_MAX - 2);
    ck_assert(utf8_valid(bytes_str(growth_sketch_top(&g)->metric)));
    ck_assert(utf8_valid(bytes_str(growth_sketch_top(&g)->label)));
    growth_sketch_free(&g);
    buf_free(&labels);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("series_growth");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_test(tc, a_long_name_is_cut_between_characters);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
