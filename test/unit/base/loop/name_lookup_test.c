/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop/name_lookup.h"
#include "support/stuck.h"

#include <arpa/inet.h>
#include <check.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static struct loop loop;
static struct stuck stuck;
static unsigned asked; /* of the resolver; by threads, so atomically */
static uv_sem_t begun, go;

typedef int resolve(const char *, const char *, const struct addrinfo *, struct addrinfo **);

/* The system's resolver, as libuv and otelcd call it: "none" is no name, "hangs" waits for `go`, all others are here.
 */
int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found)
{
    void *at = dlsym(RTLD_NEXT, "getaddrinfo");
    resolve *real;

    memcpy(&real, &at, sizeof(real));
    if (hints->ai_flags & AI_NUMERICHOST)
        return real(host, port, hints, found);
    __atomic_add_fetch(&asked, 1, __ATOMIC_SEQ_CST);
    if (strcmp(host, "hangs") == 0) {
        uv_sem_post(&begun);
        uv_sem_wait(&go);
    }
    return strcmp(host, "none") == 0 ? EAI_NONAME : real("127.0.0.7", port, hints, found);
}

struct counted {
    struct name_lookup lookup;
    unsigned times;
    int status;
    char text[INET6_ADDRSTRLEN];
    struct name_lookup *cancels; /* in its done() */
};

static void on_done(struct name_lookup *l, int status, const struct addrinfo *found)
{
    struct counted *c = container_of(l, struct counted, lookup);

    c->times++;
    c->status = status;
    if (found != NULL && found->ai_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)found->ai_addr)->sin_addr, c->text,
                  sizeof(c->text));
    if (c->cancels != NULL)
        name_lookup_cancel(c->cancels);
}

static struct counted counted(void)
{
    return (struct counted){ .lookup = { .done = on_done } };
}

static void wait_for(const struct counted *c)
{
    while (c->times == 0) {
        turn_run(&loop.turn);
        if (c->times == 0)
            uv_run(&loop.uv, UV_RUN_ONCE);
    }
}

static void set_up(void)
{
    loop_init(&loop, true);
    asked = 0;
    uv_sem_init(&begun, 0);
    uv_sem_init(&go, 0);
}

static void tear_down(void)
{
    turn_run(&loop.turn);
    uv_run(&loop.uv, UV_RUN_DEFAULT);
    ck_assert(list_empty(&loop.names));
    ck_assert_int_eq(loop_close(&loop, NULL, NULL), 0);
    uv_sem_destroy(&begun);
    uv_sem_destroy(&go);
}

START_TEST(a_name_is_looked_up_on_a_thread_and_told_on_the_loop)
{
    struct counted here = counted(), none = counted();

    name_lookup_start(&loop, &here.lookup, "here", "80");
    name_lookup_start(&loop, &none.lookup, "none", NULL);
    ck_assert_uint_eq(here.times + none.times, 0);
    wait_for(&here);
    wait_for(&none);
    ck_assert_int_eq(here.status, 0);
    ck_assert_str_eq(here.text, "127.0.0.7");
    ck_assert_int_eq(none.status, UV_EAI_NONAME);
    ck_assert_str_eq(none.text, "");
}
END_TEST

START_TEST(a_name_that_hangs_takes_one_thread_however_often_it_is_asked_for)
{
    enum { OFTEN = 100 };
    struct counted other = counted(), *many = calloc(OFTEN, sizeof(*many));

    for (int i = 0; i < OFTEN; i++) {
        many[i] = counted();
        name_lookup_start(&loop, &many[i].lookup, "hangs", "80");
        if (i == 0)
            uv_sem_wait(&begun);
        if (i % 3 == 0) /* as who dials again after a time-out */
            name_lookup_cancel(&many[i].lookup);
    }
    name_lookup_start(&loop, &other.lookup, "here", "80");
    wait_for(&other);
    ck_assert_uint_eq(asked, 2);
    uv_sem_post(&go);
    wait_for(&many[1]);
    for (int i = 0; i < OFTEN; i++)
        ck_assert_uint_eq(many[i].times, i % 3 != 0);
    free(many);
}
END_TEST

START_TEST(an_address_is_understood_while_all_threads_for_names_hang)
{
    struct counted v4 = counted(), v6 = counted(), gone = counted();

    stuck_begin(&stuck, &loop, JOB_NAME);
    name_lookup_start(&loop, &v4.lookup, "127.0.0.1", "4317");
    name_lookup_start(&loop, &v6.lookup, "::1", NULL);
    name_lookup_start(&loop, &gone.lookup, "127.0.0.2", "4317");
    name_lookup_cancel(&gone.lookup);
    ck_assert_uint_eq(v4.times, 0); /* never from inside start */
    turn_run(&loop.turn);
    ck_assert_uint_eq(v4.times + v6.times, 2);
    ck_assert_uint_eq(gone.times, 0);
    ck_assert_str_eq(v4.text, "127.0.0.1");
    ck_assert_uint_eq(asked, 0);
    stuck_end(&stuck, &loop);
}
END_TEST

START_TEST(who_asks_while_a_question_is_abandoned_gets_its_answer)
{
    struct counted first = counted(), second = counted();

    name_lookup_start(&loop, &first.lookup, "hangs", "80");
    uv_sem_wait(&begun);
    name_lookup_cancel(&first.lookup);
    name_lookup_start(&loop, &second.lookup, "hangs", "80");
    name_lookup_cancel(&second.lookup);
    name_lookup_start(&loop, &second.lookup, "hangs", "80");
    uv_sem_post(&go);
    wait_for(&second);
    ck_assert_uint_eq(first.times, 0);
    ck_assert_uint_eq(second.times, 1);
    ck_assert_uint_eq(asked, 1);
}
END_TEST

START_TEST(a_question_that_has_not_begun_is_not_asked_when_nobody_waits)
{
    struct counted c = counted();

    stuck_begin(&stuck, &loop, JOB_NAME);
    name_lookup_start(&loop, &c.lookup, "here", "80");
    name_lookup_cancel(&c.lookup);
    ck_assert(list_empty(&loop.names));
    stuck_end(&stuck, &loop);
    ck_assert_uint_eq(c.times + asked, 0);
}
END_TEST

START_TEST(an_answer_may_cancel_those_that_wait_for_the_same)
{
    struct counted first = counted(), second = counted();

    first.cancels = &second.lookup;
    name_lookup_start(&loop, &first.lookup, "here", "80");
    name_lookup_start(&loop, &second.lookup, "here", "80");
    wait_for(&first);
    ck_assert_uint_eq(first.times, 1);
    ck_assert_uint_eq(second.times, 0);
}
END_TEST

/* The last test of a process: a thread stays. */
START_TEST(a_loop_that_closes_does_not_wait_for_a_resolver_that_hangs_and_calls_it_no_defect)
{
    static struct counted c;
    static struct loop own;

    c = counted();
    loop_init(&own, true);
    name_lookup_start(&own, &c.lookup, "hangs", "80");
    uv_sem_wait(&begun);
    name_lookup_cancel(&c.lookup);
    ck_assert_int_eq(loop_close(&own, NULL, NULL), 0);
    uv_sem_post(&go); /* too late: nobody is told */
    ck_assert_uint_eq(c.times, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("name_lookup");
    TCase *tc = tcase_create("name_lookup");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, a_name_is_looked_up_on_a_thread_and_told_on_the_loop);
    tcase_add_test(tc, a_name_that_hangs_takes_one_thread_however_often_it_is_asked_for);
    tcase_add_test(tc, an_address_is_understood_while_all_threads_for_names_hang);
    tcase_add_test(tc, who_asks_while_a_question_is_abandoned_gets_its_answer);
    tcase_add_test(tc, a_question_that_has_not_begun_is_not_asked_when_nobody_waits);
    tcase_add_test(tc, an_answer_may_cancel_those_that_wait_for_the_same);
    tcase_add_test(tc, a_loop_that_closes_does_not_wait_for_a_resolver_that_hangs_and_calls_it_no_defect);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
