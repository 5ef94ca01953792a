/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of servers of discovery: who reads them, where, and what is left when nobody waits for them any more. */
#include "receiver/prometheus/answer.h"

#include "receiver/prometheus/discovery.h"
#include "support/rig/rig.h"
#include "support/until.h"

#include <check.h>
#include <pthread.h>

static struct rig rig;

struct reader {
    struct answer base;
    struct target_list found;
    pthread_t by;
};

static unsigned n_done, n_freed;

static void read_list(struct answer *a)
{
    struct reader *r = container_of(a, struct reader, base);

    r->by = pthread_self();
    (void)target_list_read(a->text, true, "__meta_url", "x", &r->found, &a->err);
}

static void on_done(struct answer *a)
{
    ck_assert_ptr_eq(a->owner, &rig);
    ck_assert_ptr_null(a->text.data);
    n_done++;
}

static void free_reader(struct answer *a)
{
    struct reader *r = container_of(a, struct reader, base);

    target_list_free(&r->found);
    free(r);
    n_freed++;
}

static struct reader *make_reader(void)
{
    struct reader *r = mem_zalloc(sizeof(*r));

    r->base = (struct answer){ .read = read_list, .done = on_done, .free = free_reader, .owner = &rig };
    return r;
}

/* Of so many targets, and then `end`, as a fetch has it. */
static void take(struct reader *r, unsigned n, const char *end)
{
    struct buf text = { 0 };
    struct fetch f = { 0 };

    buf_puts(&text, "[{\"targets\":[");
    for (unsigned i = 0; i < n; i++)
        buf_printf(&text, "%s\"10.0.%u.%u:9100\"", i > 0 ? "," : "", i >> 8, i & 255);
    buf_puts(&text, end);
    f.block = block_new(&rig.budget, text.len);
    memcpy(f.block->data, text.data, text.len);
    f.body = bytes_of(f.block->data, text.len);
    buf_free(&text);
    answer_take(&r->base, &f, &rig.loop);
    ck_assert_ptr_null(f.block);
}

static void step(void)
{
    rig_step(&rig, 0);
}

static void set_up(void)
{
    rig_init(&rig, 1);
    n_done = n_freed = 0;
}

static void tear_down(void)
{
    step();
    rig_close(&rig);
}

START_TEST(a_short_answer_is_read_at_once)
{
    struct reader *r = make_reader();

    take(r, 3, "]}]");
    ck_assert_uint_eq(n_done, 1);
    ck_assert(pthread_equal(r->by, pthread_self()));
    ck_assert_uint_eq(r->found.targets.n, 3);
    answer_drop(&r->base);
    ck_assert_uint_eq(n_freed, 1);
}
END_TEST

START_TEST(a_long_answer_is_read_on_a_thread)
{
    struct reader *r = make_reader();

    take(r, 20000, "]}]");
    ck_assert_uint_eq(n_done, 0);
    UNTIL(n_done == 1);
    ck_assert(!pthread_equal(r->by, pthread_self()));
    ck_assert_uint_eq(r->found.targets.n, 20000);
    ck_assert_int_eq(r->base.err.code, 0);
    target_list_free(&r->found);
    take(r, 20000, "}");
    UNTIL(n_done == 2);
    ck_assert_int_ne(r->base.err.code, 0);
    answer_drop(&r->base);
    ck_assert_uint_eq(n_freed, 1);
}
END_TEST

START_TEST(an_answer_that_nobody_waits_for_goes_with_the_thread)
{
    for (int i = 0; i < 5; i++) { /* before it begins, and while it reads */
        struct reader *r = make_reader();

        take(r, 20000, "]}]");
        answer_drop(&r->base);
    }
    UNTIL(n_freed == 5);
    ck_assert_uint_eq(n_done, 0);
    answer_drop(NULL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("answer");
    TCase *tc = tcase_create("all");
    SRunner *sr;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, a_short_answer_is_read_at_once);
    tcase_add_test(tc, a_long_answer_is_read_on_a_thread);
    tcase_add_test(tc, an_answer_that_nobody_waits_for_goes_with_the_thread);
    suite_add_tcase(s, tc);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
