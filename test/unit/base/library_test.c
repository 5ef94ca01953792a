/* SPDX-License-Identifier: Apache-2.0 */
/* The stubs' tables are the test's own: three libraries, of which one is whole, one lacks a function, one is not there.
 */
#include "base/library.h"

#include <check.h>
#include <signal.h>
#include <string.h>

#define SLOTS 512 /* a page */

/* As contrib/late.sh writes them. */
_Alignas(4096) void *late_slots[SLOTS];
__asm__(".globl late_slots_end\n.set late_slots_end, late_slots + 4096");
const char late_names[] =
    "libssl.so.3\0TLS_client_method\0SSL_new\0\0libsnappy.so.1\0snappy_compress\0snappy_of_tomorrow\0\0"
    "libre2.so.nowhere\0re2\0\0";

START_TEST(what_is_there_is_looked_up_and_stays)
{
    void *method, *(*made)(void);

    ck_assert_int_eq(library_load(LIBRARY_OPENSSL, NULL), 0);
    method = late_slots[0];
    ck_assert_ptr_nonnull(method);
    ck_assert_ptr_nonnull(late_slots[1]);
    memcpy(&made, &method, sizeof(made));
    ck_assert_ptr_nonnull(made());
    ck_assert_int_eq(library_load(LIBRARY_OPENSSL, NULL), 0);
    ck_assert_ptr_eq(late_slots[0], method);
}
END_TEST

START_TEST(a_stub_that_comes_first_finds_its_function)
{
    void *found = library_function(1);

    ck_assert_ptr_nonnull(found);
    ck_assert_ptr_eq(found, late_slots[1]);
}
END_TEST

START_TEST(a_library_that_lacks_a_function_changes_nothing)
{
    struct error err;

    ck_assert_int_ne(library_load(LIBRARY_SNAPPY, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "libsnappy.so.1 is not one that otelcd was built for: it lacks "
                                           "snappy_of_tomorrow"));
    ck_assert_ptr_null(late_slots[2]);
    ck_assert_ptr_null(late_slots[3]);
}
END_TEST

START_TEST(a_library_that_is_not_there_is_named_each_time)
{
    struct error err;

    for (int i = 0; i < 2; i++) {
        ck_assert_int_ne(library_load(LIBRARY_RE2, &err), 0);
        ck_assert_ptr_nonnull(strstr(err.text, "regular expressions need RE2"));
        ck_assert_ptr_nonnull(strstr(err.text, "install the package that has libre2.so.nowhere"));
    }
}
END_TEST

START_TEST(what_is_linked_is_there)
{
    ck_assert_int_eq(library_load(LIBRARY_CRYPT, NULL), 0);
}
END_TEST

START_TEST(a_stub_without_its_library_ends_the_process)
{
    (void)library_function(4);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("library");
    TCase *t = tcase_create("library");
    SRunner *r;
    int failed;

    tcase_add_test(t, what_is_there_is_looked_up_and_stays);
    tcase_add_test(t, a_stub_that_comes_first_finds_its_function);
    tcase_add_test(t, a_library_that_lacks_a_function_changes_nothing);
    tcase_add_test(t, a_library_that_is_not_there_is_named_each_time);
    tcase_add_test(t, what_is_linked_is_there);
    tcase_add_test_raise_signal(t, a_stub_without_its_library_ends_the_process, SIGABRT);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
