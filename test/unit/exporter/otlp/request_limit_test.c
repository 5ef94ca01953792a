/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/otlp/request_limit.h"

#include "base/loop/clock.h"
#include "base/mem.h"

#include <check.h>

#define MIB (1024ull * 1024)
#define MINUTE (60 * NS_PER_S)

static struct request_limit l;

static void setup(void)
{
    request_limit_init(&l, 64 * MIB);
}

START_TEST(a_limit_that_the_peer_names_is_learnt_and_else_half_of_what_was_refused)
{
    ck_assert(request_limit_refused(&l, 20 * MIB, 4 * MIB, 0));
    ck_assert_uint_eq(l.now, 4 * MIB);
    ck_assert(request_limit_refused(&l, 3 * MIB, 0, 0));
    ck_assert_uint_eq(l.now, 3 * MIB / 2);
}
END_TEST

START_TEST(a_refusal_of_more_than_the_limit_teaches_nothing)
{
    request_limit_refused(&l, 20 * MIB, 4 * MIB, 0);
    ck_assert(!request_limit_refused(&l, 10 * MIB, 0, 0)); /* a single item that went all the same */
    ck_assert(!request_limit_refused(&l, 1, 0, 0));
    ck_assert_uint_eq(l.now, 4 * MIB);
}
END_TEST

START_TEST(the_limit_creeps_up_while_requests_near_it_are_taken_and_never_above_the_configured)
{
    uint64_t now = 0;

    request_limit_refused(&l, 20 * MIB, 4 * MIB, now);
    request_limit_taken(&l, 4 * MIB, now + MINUTE - 1);
    ck_assert_uint_eq(l.now, 4 * MIB);
    request_limit_taken(&l, 2 * MIB, now + MINUTE);
    ck_assert_uint_eq(l.now, 4 * MIB);
    request_limit_taken(&l, 4 * MIB, now + MINUTE);
    ck_assert_uint_gt(l.now, 4 * MIB);
    ck_assert_uint_lt(l.now, 5 * MIB);
    for (int i = 0; i < 60; i++)
        request_limit_taken(&l, l.now, now += 5 * MINUTE);
    ck_assert_uint_eq(l.now, 64 * MIB);
}
END_TEST

START_TEST(each_refusal_makes_the_next_step_up_come_later)
{
    uint64_t now = 0;

    for (int i = 0; i < 30; i++) {
        request_limit_refused(&l, l.now + 1, 4 * MIB, now);
        now = l.next;
        request_limit_taken(&l, l.now, now);
        ck_assert_uint_gt(l.now, 4 * MIB);
    }
    ck_assert_uint_ge(l.wait, 60 * MINUTE);
    ck_assert_uint_lt(l.wait, 180 * MINUTE);
}
END_TEST

static const struct {
    const char *text;
    uint64_t named;
} texts[] = {
    { "grpc: received message larger than max (5242880 vs. 4194304)", 4194304 },
    { "grpc: received message after decompression larger than max 4194304", 4194304 },
    { "SERVER: Received message larger than max (5242880 vs. 4194304)", 4194304 },
    { "gRPC message exceeds maximum size 4194304: 5242880", 4194304 },
    { "Received message larger than max (5242880 vs 4194304)", 4194304 },
    { "Received message exceeds the maximum configured message size.", 0 },
    { "Error, decoded message length too large: found 5242880 bytes, the limit is: 4194304 bytes", 4194304 },
    { "the request is larger than 4194304 bytes after decompression; send smaller batches", 4194304 },
    { "Message too large, at most 12 of 999999999999999999999", 999999999999999999 },
};

START_TEST(texts_of_known_servers_name_their_limit)
{
    uint64_t named = 1;

    ck_assert(request_limit_named(bytes_str(texts[_i].text), &named));
    ck_assert_uint_eq(named, texts[_i].named);
}
END_TEST

START_TEST(other_texts_name_none)
{
    uint64_t named = 1;

    ck_assert(!request_limit_named(bytes_str("quota of 4194304 requests exceeded"), &named));
    ck_assert_uint_eq(named, 0);
    ck_assert(!request_limit_named(bytes_of(NULL, 0), &named));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("request_limit");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_test(tc, a_limit_that_the_peer_names_is_learnt_and_else_half_of_what_was_refused);
    tcase_add_test(tc, a_refusal_of_more_than_the_limit_teaches_nothing);
    tcase_add_test(tc, the_limit_creeps_up_while_requests_near_it_are_taken_and_never_above_the_configured);
    tcase_add_test(tc, each_refusal_makes_the_next_step_up_come_later);
    tcase_add_loop_test(tc, texts_of_known_servers_name_their_limit, 0, (int)ARRAY_LEN(texts));
    tcase_add_test(tc, other_texts_name_none);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
