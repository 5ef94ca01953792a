/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/trace/tracer.h"

#include "support/rig/rig.h"

#include <check.h>

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"

static struct rig r;
static struct node node;
static struct traced t;
static struct traced seen;
static uint64_t spans;
static struct trace_watcher watcher;

static void on_span(struct trace_watcher *w, const struct traced_span *s)
{
    ck_assert(w == &watcher && s->node == &node);
    seen = *s->traced;
    spans++;
}

static void setup(void)
{
    rig_init(&r, 1);
    node = (struct node){ .host = &r.host, .log = { .sink = &r.log } };
    watcher.on_span = on_span;
    spans = 0;
}

static void teardown(void)
{
    tracer_unwatch(&r.host.tracer, &watcher);
    rig_close(&r);
}

static void watch(double share, bool follows_parent)
{
    tracer_watch(&r.host.tracer, &watcher, &(struct trace_sampler){ share, follows_parent, true });
}

static bool reads(const char *text)
{
    uint8_t trace[16], parent[8];
    bool sampled;

    return traceparent_read(bytes_str(text), trace, parent, &sampled);
}

START_TEST(a_traceparent_is_read_as_the_standard_has_it)
{
    uint8_t trace[16], parent[8];
    bool sampled = false;

    ck_assert(traceparent_read(bytes_str("00-" TRACE "-" PARENT "-01"), trace, parent, &sampled));
    ck_assert(sampled && trace[0] == 0x0a && trace[15] == 0x9c && parent[0] == 0xb7 && parent[7] == 0x31);
    ck_assert(traceparent_read(bytes_str("00-" TRACE "-" PARENT "-02"), trace, parent, &sampled) && !sampled);
    ck_assert(reads("cc-" TRACE "-" PARENT "-01-more"));
    ck_assert(!reads("") && !reads("00-" TRACE "-" PARENT "-0") && !reads("ff-" TRACE "-" PARENT "-01"));
    ck_assert(!reads("00-" TRACE "-" PARENT "-01-more") && !reads("cc-" TRACE "-" PARENT "-01more"));
    ck_assert(!reads("00-00000000000000000000000000000000-" PARENT "-01"));
    ck_assert(!reads("00-" TRACE "-0000000000000000-01"));
    ck_assert(!reads("00-0AF7651916CD43DD8448EB211C80319C-" PARENT "-01"));
    ck_assert(!reads("00_" TRACE "-" PARENT "-01") && !reads("00-" TRACE "_" PARENT "-01"));
}
END_TEST

START_TEST(while_nobody_watches_nothing_is_recorded)
{
    traced_begin(&node, &t, NULL);
    ck_assert_uint_eq(t.start, 0);
    watch(1, true);
    node.log.unwatched = true;
    traced_begin(&node, &t, NULL);
    traced_end(&node, &t, &(struct traced_end){ 0 });
    ck_assert_uint_eq(spans, 0);
}
END_TEST

START_TEST(a_span_is_its_parents_child_and_ends_once)
{
    const struct bytes parent = bytes_str("00-" TRACE "-" PARENT "-01"), broken = bytes_str("00-" TRACE);

    watch(0, true);
    traced_begin(&node, &t, &parent);
    traced_end(&node, &t, &(struct traced_end){ 0 });
    traced_end(&node, &t, &(struct traced_end){ 0 });
    ck_assert_uint_eq(spans, 1);
    ck_assert(seen.has_parent && seen.trace[0] == 0x0a && seen.parent[0] == 0xb7 && seen.start > 0);
    traced_begin(&node, &t, &broken); /* begins here, and of those none is wanted */
    ck_assert(t.start == 0 && !t.has_parent);
}
END_TEST

START_TEST(what_the_parent_says_counts_only_where_it_is_asked)
{
    const struct bytes off = bytes_str("00-" TRACE "-" PARENT "-00");

    watch(1, true);
    traced_begin(&node, &t, &off);
    ck_assert_uint_eq(t.start, 0);
    tracer_unwatch(&r.host.tracer, &watcher);
    watch(1, false);
    traced_begin(&node, &t, &off);
    ck_assert(t.start != 0 && t.has_parent);
}
END_TEST

START_TEST(a_share_of_traces_is_recorded_by_their_ids)
{
    const uint8_t low[16] = { [8] = 0x1f }, high[16] = { [8] = 0x21 };
    const struct trace_sampler s = { .share = 0.125 };
    uint64_t recorded = 0;

    ck_assert(trace_sampled(&s, low) && !trace_sampled(&s, high));
    watch(0.125, true);
    for (int i = 0; i < 8000; i++) {
        traced_begin(&node, &t, NULL);
        recorded += t.start != 0;
    }
    ck_assert(recorded > 800 && recorded < 1200);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tracer");
    TCase *tc = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_traceparent_is_read_as_the_standard_has_it);
    tcase_add_test(tc, while_nobody_watches_nothing_is_recorded);
    tcase_add_test(tc, a_span_is_its_parents_child_and_ends_once);
    tcase_add_test(tc, what_the_parent_says_counts_only_where_it_is_asked);
    tcase_add_test(tc, a_share_of_traces_is_recorded_by_their_ids);
    suite_add_tcase(s, tc);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
