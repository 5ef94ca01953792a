/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/thrift.h"

#include <check.h>
#include <stdlib.h>

#define READER(text) thrift_reader(bytes_of((const uint8_t *)(text), sizeof(text) - 1))

START_TEST(test_fields_are_read_one_after_the_other)
{
    struct thrift_reader r = READER("\x06\x00\x01\xff\xfe"
                                    "\x0a\x00\x02\x80\x00\x00\x00\x00\x00\x00\x01"
                                    "\x0b\x00\x03\x00\x00\x00\x02"
                                    "ab"
                                    "\x0f\x00\x04\x08\x00\x00\x00\x02\x00\x00\x00\x07\xff\xff\xff\xff"
                                    "\x00");
    struct thrift_field f;
    uint8_t type;

    ck_assert(thrift_next(&r, &f) && f.id == 1);
    ck_assert_int_eq(thrift_int(&r, f.type), -2);
    ck_assert(thrift_next(&r, &f) && f.id == 2);
    ck_assert_int_eq(thrift_int(&r, f.type), INT64_MIN + 1);
    ck_assert(thrift_next(&r, &f) && f.id == 3);
    ck_assert(bytes_is(thrift_string(&r), "ab"));
    ck_assert(thrift_next(&r, &f) && f.id == 4);
    ck_assert_uint_eq(thrift_list(&r, &type), 2);
    ck_assert_int_eq(thrift_int(&r, type), 7);
    ck_assert_int_eq(thrift_int(&r, type), -1);
    ck_assert(!thrift_next(&r, &f) && !r.bad && r.p == r.end);
}
END_TEST

START_TEST(test_what_is_not_known_is_passed_over)
{
    struct thrift_reader r = READER("\x0c\x00\x01\x02\x00\x09\x01\x00"     /* a struct with a bool */
                                    "\x0d\x00\x02\x0b\x0f\x00\x00\x00\x01" /* a map of a string to a list */
                                    "\x00\x00\x00\x01k\x03\x00\x00\x00\x02xy"
                                    "\x0e\x00\x03\x06\x00\x00\x00\x01\x00\x05" /* a set */
                                    "\x04\x00\x04"
                                    "12345678"
                                    "\x00");
    struct thrift_field f;
    int n = 0;

    while (thrift_next(&r, &f)) {
        thrift_skip(&r, f.type);
        n++;
    }
    ck_assert(n == 4 && !r.bad && r.p == r.end);
}
END_TEST

static const struct {
    const char *text;
    size_t len;
} bad[] = {
#define BAD(text)                                                                                                      \
    {                                                                                                                  \
        text, sizeof(text) - 1                                                                                         \
    }
    BAD(""),
    BAD("\x08\x00"),
    BAD("\x08\x00\x01\x00\x00\x00"),
    BAD("\x0b\x00\x01\x00\x00\x00\x05xx"),
    BAD("\x0b\x00\x01\xff\xff\xff\xff"),
    BAD("\x01\x00\x01"),
    BAD("\x10\x00\x01"),
    BAD("\x0f\x00\x01\x08\x7f\xff\xff\xff\x00\x00\x00\x00"),
    BAD("\x0f\x00\x01\x00\x00\x00\x00\x01"),
};

START_TEST(test_what_cannot_be_is_bad_and_nothing_follows)
{
    struct thrift_reader r = thrift_reader(bytes_of((const uint8_t *)bad[_i].text, bad[_i].len));
    struct thrift_field f;

    while (thrift_next(&r, &f))
        thrift_skip(&r, f.type);
    ck_assert(r.bad && !thrift_next(&r, &f));
    ck_assert_uint_eq(thrift_string(&r).len, 0);
    ck_assert_int_eq(thrift_int(&r, THRIFT_I64), 0);
}
END_TEST

START_TEST(test_structs_are_nested_only_so_deep)
{
    char text[4 * 100];
    struct thrift_field f;

    for (int depth = 20; depth <= 60; depth += 40) {
        struct thrift_reader r = thrift_reader(bytes_of((const uint8_t *)text, (size_t)(4 * depth + 1)));

        memset(text, 0, sizeof(text));
        for (int i = 0; i < depth; i++)
            memcpy(text + 3 * i, "\x0c\x00\x01", 3);
        ck_assert(thrift_next(&r, &f));
        thrift_skip(&r, f.type);
        ck_assert_int_eq(r.bad, depth == 60);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("thrift");
    TCase *t = tcase_create("thrift");
    SRunner *r;
    int failed;

    tcase_add_test(t, test_fields_are_read_one_after_the_other);
    tcase_add_test(t, test_what_is_not_known_is_passed_over);
    tcase_add_loop_test(t, test_what_cannot_be_is_bad_and_nothing_follows, 0, sizeof(bad) / sizeof(bad[0]));
    tcase_add_test(t, test_structs_are_nested_only_so_deep);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
