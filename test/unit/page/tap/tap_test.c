/* SPDX-License-Identifier: Apache-2.0 */
/* A processor that the test is, between two edges that are looked at. */
#include "page/tap/tap.h"

#include "command/request_text.h"
#include "otlp/validate.h"
#include "support/rig/rig.h"
#include "support/seen_service.h"
#include "support/sink.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct rig rig;
static struct seen_service seen;
static struct tap_set set;
static struct tap *tap;
static struct edge before, behind;
static struct sink sink;
static struct buf got;
static bool takes; /* the reader */
static unsigned n_ready;

/* What goes in comes out as `changed`; NULL: as it is. */
static struct batch *changed;
static bool keeps; /* nothing comes out */

static void change(struct consumer *self, struct batch *batch, struct ack *ack)
{
    (void)self;
    if (keeps) {
        batch_unref(batch);
        ack_safe(ack);
        return;
    }
    if (changed != NULL) {
        batch_unref(batch);
        batch = changed;
        changed = NULL;
    }
    consumer_send(&behind.in, batch, ack);
}

static struct consumer processor = { change };

static void on_ready(void *arg)
{
    (void)arg;
    n_ready++;
    if (!takes)
        return;
    buf_put(&got, tap_bytes(tap));
    tap_taken(tap);
}

static void setup(void)
{
    rig_init(&rig, 1);
    seen_service_init(&seen);
    rig.host.view = &seen.view;
    seen.before = &before;
    seen.behind = &behind;
    edge_init(&before);
    edge_init(&behind);
    sink_init(&sink);
    edge_lead(&before, &processor);
    edge_lead(&behind, &sink.in);
    tap_set_init(&set, &rig.host);
    takes = true;
    keeps = false;
    changed = NULL;
}

static void teardown(void)
{
    if (tap != NULL)
        tap_close(tap);
    tap = NULL;
    buf_free(&got);
    edge_free(&before);
    edge_free(&behind);
    sink_close(&sink);
    rig_close(&rig);
}

static struct tap *open_tap(const char *query)
{
    struct tap_request r;
    struct tap_fault fault;
    const char *why;
    struct tap *t;

    ck_assert_msg(tap_request_read(&r, bytes_str(query), &seen.view, &fault), "%s", fault.text);
    t = tap_open(&set, &r, on_ready, NULL, &why);
    tap_request_free(&r);
    return t;
}

/* Records of logs; apostrophes stand for quotation marks. */
static struct batch *logs(const char *records)
{
    struct buf text = { 0 }, wire = { 0 };
    struct error err = { 0 };
    struct validation v;
    struct block *block;
    struct batch *batch;
    enum signal signal;

    buf_printf(&text, "{'resourceLogs':[{'scopeLogs':[{'logRecords':[%s]}]}]}", records);
    for (size_t i = 0; i < text.len; i++)
        text.data[i] = text.data[i] == '\'' ? '"' : text.data[i];
    ck_assert_msg(request_read(buf_bytes(&text), &signal, &wire, &err), "%s", err.text);
    ck_assert(otlp_validate(signal, buf_bytes(&wire), &v));
    block = block_force(&rig.budget, wire.len + 1);
    memcpy(block->data, wire.data, wire.len);
    batch = batch_new(signal, block, bytes_of(block->data, wire.len), v.items, 0);
    buf_free(&text);
    buf_free(&wire);
    return batch;
}

static void on_settled(struct ack *ack, const struct outcome *o)
{
    (void)ack;
    (void)o;
}

static void send_through(struct batch *b)
{
    struct ack ack;

    ack_init(&ack, &rig.loop.turn, NULL, b->items, true, on_settled);
    consumer_send(&before.in, b, &ack);
    turn_run(&rig.loop.turn);
}

static size_t count_of(const char *words)
{
    size_t n = 0;

    for (const char *p = buf_cstr(&got); (p = strstr(p, words)) != NULL; p++)
        n++;
    return n;
}

START_TEST(what_was_changed_left_out_and_left_alone_is_told_apart)
{
    tap = open_tap("point=logs/p&rate=0");
    changed = logs("{'body':{'stringValue':'c'}},{'timeUnixNano':'5','body':{'stringValue':'b'},'severityNumber':9}");
    send_through(logs("{'body':{'stringValue':'a'}},{'timeUnixNano':'5','body':{'stringValue':'b'}},"
                      "{'body':{'stringValue':'c'}}"));
    ck_assert_uint_eq(count_of("event: item\n"), 3);
    ck_assert_uint_eq(count_of("data: left out by p at "), 1);
    ck_assert_uint_eq(count_of("data: -   body: a\n"), 1);
    ck_assert_uint_eq(count_of("data: changed by p at "), 1);
    ck_assert_uint_eq(count_of("data: +   severityNumber: 9\n"), 1);
    ck_assert_uint_eq(count_of("data: unchanged by p at "), 1);
    ck_assert_uint_eq(count_of("data:     body: c\n"), 1);
    ck_assert_uint_eq(sink.batches, 1);
}
END_TEST

START_TEST(an_item_that_was_changed_beyond_recognition_is_shown_as_it_came_out_too)
{
    tap = open_tap("point=logs/p&rate=0");
    changed = logs("{'body':{'stringValue':'b'},'severityText':'y'}");
    send_through(logs("{'body':{'stringValue':'a'},'severityText':'x','eventName':'e'}"));
    ck_assert_uint_eq(count_of("data: changed by p at "), 1);
    ck_assert_uint_eq(count_of("data: -   body: a\n"), 1);
    ck_assert_uint_eq(count_of("data: +   body: b\n"), 1);
}
END_TEST

START_TEST(among_too_many_no_pair_is_looked_for)
{
    struct buf records = { 0 };

    for (int i = 0; i < 20000; i++)
        buf_printf(&records, "%s{'timeUnixNano':'%d'}", i > 0 ? "," : "", i + 1);
    tap = open_tap("point=logs/p&count=2");
    send_through(logs(buf_cstr(&records)));
    ck_assert_uint_eq(count_of("data: went in, among too many to find what came of it, to p at "), 2);
    ck_assert_uint_eq(count_of("left out"), 0);
    buf_free(&records);
}
END_TEST

START_TEST(what_is_kept_is_shown_when_it_comes_out_or_after_a_minute)
{
    tap = open_tap("point=logs/holds&rate=0");
    keeps = true;
    send_through(logs("{'body':{'stringValue':'a'}},{'body':{'stringValue':'b'}}"));
    ck_assert_uint_eq(count_of("event: item\n"), 0);
    keeps = false;
    changed = logs("{'body':{'stringValue':'b'}}");
    send_through(logs("{'body':{'stringValue':'c'}}"));
    ck_assert_uint_eq(count_of("data: unchanged by holds at "), 1);
    clock_advance(&rig.loop.clock, 70 * NS_PER_S);
    turn_run(&rig.loop.turn);
    ck_assert_uint_eq(count_of("data: not come out so far of holds at "), 2);
}
END_TEST

START_TEST(who_does_not_read_has_so_much_kept_and_is_told_the_rest)
{
    char record[8100];
    uint64_t before_all = rig.budget.used;

    tap = open_tap("point=logs&rate=0&side=before");
    takes = false;
    memset(record, 'x', sizeof(record) - 1);
    record[sizeof(record) - 1] = '\0';
    memcpy(record, "{'body':{'stringValue':'", 24);
    memcpy(record + sizeof(record) - 5, "'}}", 4);
    for (int i = 0; i < 100; i++) {
        send_through(logs(record));
        clock_advance(&rig.loop.clock, NS_PER_S);
    }
    ck_assert_uint_le(tap_bytes(tap).len, TAP_BYTES + 512);
    ck_assert_uint_eq(rig.budget.used, before_all + tap_bytes(tap).len);
    takes = true;
    clock_advance(&rig.loop.clock, NS_PER_S);
    turn_run(&rig.loop.turn);
    clock_advance(&rig.loop.clock, NS_PER_S);
    turn_run(&rig.loop.turn);
    ck_assert_uint_gt(count_of("event: item\n"), 10);
    ck_assert_uint_lt(count_of("event: item\n"), 100);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&got), "\"passed\":100"));
    ck_assert_uint_eq(count_of("\"missed\":0,\"large\":0,\"failed\":0}"), count_of("\"missed\":0,"));
    ck_assert_uint_eq(rig.budget.used, before_all);
    ck_assert_uint_eq(sink.batches, 100);
}
END_TEST

START_TEST(it_ends_behind_so_many_and_looks_no_more)
{
    tap = open_tap("point=logs&count=2&side=before");
    send_through(logs("{'body':{'stringValue':'a'}},{'body':{'stringValue':'b'}},{'body':{'stringValue':'c'}}"));
    ck_assert(tap_is_over(tap));
    ck_assert_uint_eq(count_of("event: item\n"), 2);
    ck_assert_uint_eq(count_of("event: end\ndata: 2 items were shown\n"), 1);
    send_through(logs("{'body':{'stringValue':'a'}}"));
    clock_advance(&rig.loop.clock, NS_PER_S);
    turn_run(&rig.loop.turn);
    ck_assert_uint_eq(count_of("event: item\n"), 2);
    ck_assert_ptr_null(before.viewers);
}
END_TEST

START_TEST(who_has_not_read_the_end_is_looked_after_each_second)
{
    tap = open_tap("point=logs&count=1&side=before");
    takes = false;
    send_through(logs("{'body':{'stringValue':'a'}}"));
    ck_assert(tap_is_over(tap));
    n_ready = 0;
    for (unsigned i = 1; i < 4; i++) {
        clock_advance(&rig.loop.clock, NS_PER_S);
        turn_run(&rig.loop.turn);
        ck_assert_uint_eq(n_ready, i);
    }
    takes = true;
    clock_advance(&rig.loop.clock, NS_PER_S);
    turn_run(&rig.loop.turn);
    ck_assert_uint_eq(count_of("event: end\n"), 1);
}
END_TEST

START_TEST(a_rate_is_of_each_second)
{
    tap = open_tap("point=logs&rate=2&side=before");
    for (int i = 0; i < 3; i++) {
        send_through(rig_logs(&rig, 0, 5));
        send_through(rig_logs(&rig, 0, 5));
        clock_advance(&rig.loop.clock, NS_PER_S);
    }
    ck_assert_uint_eq(count_of("event: item\n"), 6);
    ck_assert_uint_eq(sink.batches, 6);
}
END_TEST

START_TEST(another_graph_is_looked_at_in_the_same_place_or_it_ends)
{
    struct edge other;

    tap = open_tap("point=logs&side=before");
    edge_init(&other);
    seen.before = &other;
    tap_set_renew(&set);
    ck_assert_ptr_null(before.viewers);
    ck_assert_ptr_nonnull(other.viewers);
    seen.before = NULL;
    tap_set_renew(&set);
    turn_run(&rig.loop.turn);
    ck_assert_ptr_null(other.viewers);
    ck_assert(tap_is_over(tap));
    ck_assert_uint_eq(count_of("event: end\ndata: another configuration runs, which has no such place any more\n"), 1);
}
END_TEST

START_TEST(so_many_may_look_and_each_that_goes_makes_room)
{
    struct tap *taps[TAPS_MAX];

    for (size_t i = 0; i < TAPS_MAX; i++)
        ck_assert_ptr_nonnull(taps[i] = open_tap("point=logs"));
    ck_assert_ptr_null(open_tap("point=logs"));
    tap_close(taps[0]);
    ck_assert_ptr_nonnull(taps[0] = open_tap("point=logs"));
    for (size_t i = 0; i < TAPS_MAX; i++)
        tap_close(taps[i]);
    ck_assert_ptr_null(before.viewers);
    ck_assert(!clock_armed(&set.tick));
}
END_TEST

START_TEST(an_item_that_is_too_large_is_counted)
{
    struct buf record = { 0 };

    tap = open_tap("point=logs&rate=0&side=before");
    buf_puts(&record, "{'body':{'stringValue':'");
    for (int i = 0; i < 70000; i++)
        buf_putc(&record, 'x');
    buf_puts(&record, "'}},{'body':{'stringValue':'small'}}");
    send_through(logs(buf_cstr(&record)));
    buf_free(&record);
    clock_advance(&rig.loop.clock, NS_PER_S);
    turn_run(&rig.loop.turn);
    ck_assert_uint_eq(count_of("event: item\n"), 1);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&got), "\"matched\":2,\"shown\":1,\"missed\":0,\"large\":1"));
}
END_TEST

START_TEST(json_of_a_large_batch_is_shown_as_far_as_there_is_room)
{
    struct buf records = { 0 };

    tap = open_tap("point=logs&rate=0&side=before&format=json");
    for (int i = 0; i < 6000; i++)
        buf_printf(&records, "%s{'timeUnixNano':'%d','body':{'kvlistValue':{'values':[{'key':'k'}]}}}",
                   i > 0 ? "," : "", 1700000000 + i);
    send_through(logs(buf_cstr(&records)));
    buf_free(&records);
    clock_advance(&rig.loop.clock, NS_PER_S);
    turn_run(&rig.loop.turn);
    ck_assert_uint_eq(count_of("event: item\n"), 1);
    ck_assert_uint_gt(count_of("timeUnixNano"), 100);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&got), "\"missed\":0,\"large\":0"));
}
END_TEST

START_TEST(why_a_condition_fails_does_nothing_to_a_terminal)
{
    tap = open_tap("point=logs&side=before&condition=Time(log.body,%22%25Y%22)!=nil");
    send_through(logs("{'body':{'stringValue':'\\u001b[2Jx'}}"));
    ck_assert_uint_eq(count_of("event: note\n"), 2);
    ck_assert_uint_eq(count_of("does not fit"), 1);
    ck_assert_uint_eq(count_of("\033"), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tap");
    TCase *tc = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, what_was_changed_left_out_and_left_alone_is_told_apart);
    tcase_add_test(tc, an_item_that_was_changed_beyond_recognition_is_shown_as_it_came_out_too);
    tcase_add_test(tc, among_too_many_no_pair_is_looked_for);
    tcase_add_test(tc, what_is_kept_is_shown_when_it_comes_out_or_after_a_minute);
    tcase_add_test(tc, who_does_not_read_has_so_much_kept_and_is_told_the_rest);
    tcase_add_test(tc, it_ends_behind_so_many_and_looks_no_more);
    tcase_add_test(tc, who_has_not_read_the_end_is_looked_after_each_second);
    tcase_add_test(tc, a_rate_is_of_each_second);
    tcase_add_test(tc, another_graph_is_looked_at_in_the_same_place_or_it_ends);
    tcase_add_test(tc, so_many_may_look_and_each_that_goes_makes_room);
    tcase_add_test(tc, an_item_that_is_too_large_is_counted);
    tcase_add_test(tc, json_of_a_large_batch_is_shown_as_far_as_there_is_room);
    tcase_add_test(tc, why_a_condition_fails_does_nothing_to_a_terminal);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
