/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/authenticator.h"

#include <check.h>
#include <stdio.h>

static struct {
    struct client_authenticator by;
    enum auth_verdict says;
    struct auth_request *waits;
    uint64_t refused;
    unsigned cancelled, told;
} other;

static enum auth_verdict ask(struct client_authenticator *a, struct auth_request *r)
{
    ck_assert_ptr_eq(a, &other.by);
    r->generation = 7;
    if (other.says == AUTH_LATER)
        other.waits = r;
    return other.says;
}

static void cancel(struct client_authenticator *a, struct auth_request *r)
{
    ck_assert_ptr_eq(a, &other.by);
    ck_assert_ptr_eq(r, other.waits);
    other.waits = NULL;
    other.cancelled++;
}

static bool was_refused(struct client_authenticator *a, uint64_t generation)
{
    (void)a;
    other.refused = generation;
    return true;
}

static void on_done(struct auth_request *r, enum auth_verdict v)
{
    ck_assert_int_eq(v, AUTH_GRANTED);
    ck_assert_ptr_null(r->by);
    other.told++;
}

static void set_up(void)
{
    memset(&other, 0, sizeof(other));
    other.by = (struct client_authenticator){ .ask = ask, .cancel = cancel, .refused = was_refused };
}

static const char *value_of(const struct call_headers *h, const char *name)
{
    static char text[64];

    for (size_t i = 0; i < h->list.n; i++)
        if (bytes_is(h->list.v[i].name, name)) {
            snprintf(text, sizeof(text), "%.*s", (int)h->list.v[i].value.len, (const char *)h->list.v[i].value.data);
            return text;
        }
    return NULL;
}

START_TEST(a_header_is_set_in_place_of_all_of_its_name_whatever_their_letters)
{
    struct call_headers h = { 0 };

    call_headers_add(&h, bytes_str("X-A"), bytes_str("1"));
    call_headers_add(&h, bytes_str("x-b"), bytes_str("2"));
    call_headers_add(&h, bytes_str("x-a"), bytes_str("3"));
    ck_assert(call_headers_have(&h, bytes_str("X-a")));
    call_headers_set(&h, bytes_str("X-A"), bytes_str("4"));
    ck_assert_uint_eq(h.list.n, 2);
    ck_assert_str_eq(value_of(&h, "x-a"), "4");
    call_headers_remove(&h, bytes_str("X-B"));
    ck_assert_ptr_null(value_of(&h, "x-b"));
    call_headers_set(&h, bytes_str("x-empty"), bytes_str(""));
    ck_assert(!call_headers_have(&h, bytes_str("x-empty")));
    call_headers_reset(&h);
    ck_assert_uint_eq(h.list.n, 0);
    call_headers_free(&h);
}
END_TEST

START_TEST(what_is_set_is_copied)
{
    struct call_headers h = { 0 };
    char name[] = "X-A", value[] = "secret";

    call_headers_set(&h, bytes_str(name), bytes_str(value));
    memset(name, 'x', strlen(name));
    memset(value, 'x', strlen(value));
    ck_assert_str_eq(value_of(&h, "x-a"), "secret");
    call_headers_free(&h);
}
END_TEST

START_TEST(an_answer_that_comes_later_is_told_once_and_one_that_was_taken_back_never)
{
    struct auth_request r = { .done = on_done };

    other.says = AUTH_LATER;
    ck_assert_int_eq(authenticator_ask(&other.by, &r), AUTH_LATER);
    authenticator_answer(&r, AUTH_GRANTED);
    ck_assert_uint_eq(other.told, 1);
    authenticator_cancel(&r); /* it does not wait */
    ck_assert_uint_eq(other.cancelled, 0);
    ck_assert_int_eq(authenticator_ask(&other.by, &r), AUTH_LATER);
    authenticator_cancel(&r);
    ck_assert_uint_eq(other.cancelled, 1);
    ck_assert_uint_eq(other.told, 1);
}
END_TEST

START_TEST(what_an_earlier_request_left_behind_does_not_count_for_the_next)
{
    struct auth_request r = { .permanent = true, .retry_after_ms = 5, .why = "old" };

    other.says = AUTH_FAILED;
    ck_assert_int_eq(authenticator_ask(&other.by, &r), AUTH_FAILED);
    ck_assert(!r.permanent);
    ck_assert_uint_eq(r.retry_after_ms, 0);
    ck_assert_str_eq(r.why, "");
    ck_assert_ptr_null(r.by);
}
END_TEST

START_TEST(a_credential_that_was_refused_is_named_by_its_generation)
{
    struct auth_request r = { 0 };

    other.says = AUTH_GRANTED;
    ck_assert_int_eq(authenticator_ask(&other.by, &r), AUTH_GRANTED);
    ck_assert(authenticator_refused(&other.by, &r));
    ck_assert_uint_eq(other.refused, 7);
    other.by.refused = NULL;
    ck_assert(!authenticator_refused(&other.by, &r));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("authenticator");
    TCase *tc = tcase_create("authenticator");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, set_up, NULL);
    tcase_add_test(tc, a_header_is_set_in_place_of_all_of_its_name_whatever_their_letters);
    tcase_add_test(tc, what_is_set_is_copied);
    tcase_add_test(tc, an_answer_that_comes_later_is_told_once_and_one_that_was_taken_back_never);
    tcase_add_test(tc, what_an_earlier_request_left_behind_does_not_count_for_the_next);
    tcase_add_test(tc, a_credential_that_was_refused_is_named_by_its_generation);
    suite_add_tcase(s, tc);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
