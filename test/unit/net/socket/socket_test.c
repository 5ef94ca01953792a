/* SPDX-License-Identifier: Apache-2.0 */
#include "net/socket/socket.h"

#include <check.h>
#include <stdlib.h>

/* A client for each of 2000 targets to scrape: 64 KiB each that no budget knew of. */
START_TEST(owners_that_read_no_more_than_64_kib_at_a_time_have_one_buffer)
{
    struct socket_shared small, usual, large, larger;

    socket_shared_init(&small, 4096);
    socket_shared_init(&usual, 64 * 1024ul);
    socket_shared_init(&large, 256 * 1024ul);
    socket_shared_init(&larger, 512 * 1024ul);
    ck_assert_uint_eq(small.most, 4096);
    ck_assert_ptr_eq(small.buffer, usual.buffer);
    ck_assert_ptr_eq(small.plain, usual.plain);
    ck_assert_ptr_ne(small.buffer, small.plain);
    ck_assert_ptr_ne(large.buffer, usual.buffer);
    ck_assert_ptr_ne(large.buffer, larger.buffer);
    socket_shared_free(&small);
    socket_shared_free(&large);
    socket_shared_free(&larger);
    usual.buffer[usual.size - 1] = usual.plain[usual.size - 1] = 1; /* is there still */
    socket_shared_free(&usual);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("socket");
    TCase *tc = tcase_create("socket");
    SRunner *sr;
    int failed;

    tcase_add_test(tc, owners_that_read_no_more_than_64_kib_at_a_time_have_one_buffer);
    suite_add_tcase(s, tc);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
