/* SPDX-License-Identifier: Apache-2.0 */
#include "service/own/own_source.h"

#include "otlp/json.h"
#include "otlp/validate.h"
#include "support/rig/rig.h"
#include "support/sink.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>

static struct rig r;
static struct sink sink;
static struct buf text; /* of the last batch, as JSON */
static struct string_pair changes[] = { { "service.instance.id", "me" }, { "k", "v" } };
static struct own_source_config config;
static struct node *node;
static bool stopped;

static void on_batch(struct sink *s, const struct batch *batch)
{
    struct validation v;
    struct error err;

    (void)s;
    ck_assert(otlp_validate(batch->signal, bytes_of(batch->segments[0].data, batch->segments[0].len), &v));
    ck_assert_uint_eq(v.items, batch->items);
    text.len = 0;
    ck_assert_int_eq(wire_to_json(signal_table[batch->signal].request,
                                  bytes_of(batch->segments[0].data, batch->segments[0].len), &text, &err),
                     0);
}

static void setup(void)
{
    rig_init(&r, 1);
    sink_init(&sink);
    sink.on_batch = on_batch;
    r.log.level = LOG_DEBUG;
    r.log.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    config =
        (struct own_source_config){ .delay = NS_PER_S, .queue_items = 4, .batch_items = 3, .resource = { changes, 2 } };
    stopped = false;
    node = NULL;
}

static void begin(enum signal signal)
{
    node = rig_node(&r, &own_source, &config, signal, NULL, &sink.in);
}

static void teardown(void)
{
    if (node != NULL && !stopped)
        rig_stop(node, 0, &stopped);
    turn_run(&r.loop.turn);
    ck_assert(node == NULL || stopped);
    if (node != NULL)
        rig_destroy(node);
    sink_close(&sink);
    buf_free(&text);
    rig_close(&r);
}

static void pass(uint64_t ns)
{
    clock_advance(&r.loop.clock, ns);
    turn_run(&r.loop.turn);
}

static bool says(const char *what)
{
    return strstr(buf_cstr(&text), what) != NULL;
}

static const struct log_field component[] = { { "otelcol.component.id", LOG_FIELD_STR, { .str = "otlp/2" } } };

START_TEST(metrics_go_every_interval_and_at_the_stop)
{
    begin(SIGNAL_METRICS);
    pass(NS_PER_S);
    ck_assert_uint_eq(sink.batches, 1);
    ck_assert(says("otelcd_telemetry_dropped_items") && says("\"isMonotonic\":true") && says("\"asInt\":\"0\""));
    ck_assert(says("\"service.instance.id\"") && says("\"me\"") && says("\"k\""));
    pass(NS_PER_S);
    ck_assert_uint_eq(sink.batches, 2);
    rig_stop(node, 0, &stopped);
    turn_run(&r.loop.turn);
    ck_assert_uint_eq(sink.batches, 3);
}
END_TEST

START_TEST(points_that_nobody_takes_are_counted)
{
    sink.answer.verdict = VERDICT_RETRY;
    begin(SIGNAL_METRICS);
    pass(NS_PER_S);
    ck_assert_uint_eq(sink.items,
                      (uint64_t)rig_metric(&r, "otelcd_telemetry_dropped_items", "signal", "metrics", NULL));
}
END_TEST

START_TEST(while_an_answer_is_out_no_more_metrics_are_made)
{
    sink.hold = true;
    begin(SIGNAL_METRICS);
    pass(NS_PER_S);
    pass(NS_PER_S);
    ck_assert_uint_eq(sink.batches, 1);
    rig_stop(node, 0, &stopped);
    turn_run(&r.loop.turn);
    ck_assert(!stopped);
    sink_settle(&sink, 0, &(struct outcome){ .verdict = VERDICT_SAFE });
    turn_run(&r.loop.turn);
    ck_assert(stopped);
}
END_TEST

START_TEST(a_line_is_a_record_with_its_fields)
{
    const struct logger lg = { .sink = &r.log, .fields = component, .n_fields = 1 };

    begin(SIGNAL_LOGS);
    log_warn(&lg, "Something", F_STR("text", "a\xff\"b\n"), F_UINT("n", 7), F_UINT("large", UINT64_MAX), F_INT("i", -3),
             F_DOUBLE("d", 0.5), F_BOOL("b", true), F_BYTES("raw", bytes_str("\xc3")), F_STR("none", NULL));
    pass(NS_PER_S);
    ck_assert_uint_eq(sink.items, 1);
    ck_assert(says("\"severityNumber\":13") && says("\"severityText\":\"warn\"") &&
              says("\"body\":{\"stringValue\":\"Something\"}"));
    ck_assert(says("\"a\xef\xbf\xbd\\\"b\\n\"") && says("{\"intValue\":\"7\"}") && says("\"18446744073709551615\"") &&
              says("{\"intValue\":\"-3\"}") && says("{\"doubleValue\":0.5}") && says("{\"boolValue\":true}"));
    ck_assert(says("\"scope\":{\"name\":\"otelcd\"") && says("\"otlp/2\""));
}
END_TEST

START_TEST(records_of_one_component_stand_together)
{
    const struct logger one = { .sink = &r.log, .fields = component, .n_fields = 1 }, other = { .sink = &r.log };

    begin(SIGNAL_LOGS);
    log_info(&one, "A");
    log_info(&other, "B");
    pass(NS_PER_S - 1);
    ck_assert_uint_eq(sink.batches, 0);
    log_info(&one, "C");
    pass(0);
    ck_assert_uint_eq(sink.items, 3);
    ck_assert(strstr(buf_cstr(&text), "\"C\"") < strstr(buf_cstr(&text), "\"B\""));
}
END_TEST

START_TEST(what_sends_lines_does_not_tell_of_itself)
{
    const struct logger own = { .sink = &r.log, .unwatched = true }, lg = { .sink = &r.log };

    begin(SIGNAL_LOGS);
    log_error(&own, "Exporting failed");
    log_write_text(&lg, LOG_INFO, bytes_str("\"data\""), NULL, 0);
    pass(2 * NS_PER_S);
    ck_assert_uint_eq(sink.batches, 0);
}
END_TEST

START_TEST(more_lines_than_there_is_room_for_are_counted)
{
    const struct logger lg = { .sink = &r.log };

    sink.hold = true;
    begin(SIGNAL_LOGS);
    for (int i = 0; i < 3; i++)
        log_info(&lg, "A");
    pass(0);
    for (int i = 0; i < 9; i++)
        log_info(&lg, "B");
    pass(NS_PER_S);
    ck_assert_uint_eq(sink.items, 3);
    ck_assert_double_eq(rig_metric(&r, "otelcd_telemetry_dropped_items", "signal", "logs", NULL), 5);
    sink_settle(&sink, 0, &(struct outcome){ .verdict = VERDICT_SAFE });
    turn_run(&r.loop.turn);
    ck_assert_uint_eq(sink.items, 7);
    sink_settle(&sink, 0, &(struct outcome){ .verdict = VERDICT_REJECT });
    turn_run(&r.loop.turn);
    ck_assert_double_eq(rig_metric(&r, "otelcd_telemetry_dropped_items", "signal", "logs", NULL), 9);
}
END_TEST

START_TEST(what_a_line_quotes_is_cut)
{
    const struct logger lg = { .sink = &r.log };
    char *quoted = malloc(1 << 20);

    memset(quoted, 'x', (1 << 20) - 1);
    quoted[(1 << 20) - 1] = '\0';
    begin(SIGNAL_LOGS);
    log_info(&lg, "A", F_STR("quoted", quoted));
    rig_stop(node, 0, &stopped);
    turn_run(&r.loop.turn);
    ck_assert_uint_eq(sink.items, 1);
    ck_assert_uint_lt(text.len, 17000);
    free(quoted);
}
END_TEST

START_TEST(without_room_in_the_budget_lines_are_counted_and_nothing_is_taken)
{
    const struct logger lg = { .sink = &r.log };

    budget_set_limit(&r.budget, 100000);
    begin(SIGNAL_LOGS);
    log_info(&lg, "A");
    pass(NS_PER_S);
    ck_assert_uint_eq(sink.batches, 0);
    ck_assert_double_eq(rig_metric(&r, "otelcd_telemetry_dropped_items", "signal", "logs", NULL), 1);
}
END_TEST

START_TEST(spans_are_of_their_component_with_what_became_of_them)
{
    const struct bytes parent = bytes_str("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    const struct log_field attributes[] = { F_UINT("accepted_spans", 3) };
    struct traced t;

    config.sampler = (struct trace_sampler){ 1, true, true };
    begin(SIGNAL_TRACES);
    traced_begin(node, &t, &parent);
    traced_end(node, &t, &(struct traced_end){ "receiver/otlp/LogsReceived", TRACED_SERVER, attributes, 1, "no" });
    pass(NS_PER_S);
    ck_assert_uint_eq(sink.items, 1);
    ck_assert(says("\"traceId\":\"0af7651916cd43dd8448eb211c80319c\"") &&
              says("\"parentSpanId\":\"b7ad6b7169203331\""));
    ck_assert(says("\"flags\":769") && says("\"receiver/otlp/LogsReceived\"") && says("\"message\":\"no\""));
    rig_stop(node, 0, &stopped);
    traced_begin(node, &t, &parent);
    ck_assert_uint_eq(t.start, 0);
}
END_TEST

static void make_span(void)
{
    struct traced t;

    traced_begin(node, &t, NULL);
    traced_end(node, &t, &(struct traced_end){ "receiver/otlp/TraceDataReceived", TRACED_SERVER, NULL, 0, NULL });
}

START_TEST(a_name_that_was_cut_within_a_character_is_text_all_the_same)
{
    struct traced t;

    config.sampler = (struct trace_sampler){ 1, true, true };
    begin(SIGNAL_TRACES);
    traced_begin(node, &t, NULL);
    traced_end(node, &t, &(struct traced_end){ "exporter/\xc3", TRACED_CLIENT, NULL, 0, NULL });
    pass(NS_PER_S);
    ck_assert(says("\"exporter/\xef\xbf\xbd\""));
}
END_TEST

START_TEST(spans_that_are_sent_at_once_have_a_pause_between_them)
{
    config.delay = 0;
    config.batch_items = 1;
    config.queue_items = 8;
    config.sampler = (struct trace_sampler){ 1, true, true };
    begin(SIGNAL_TRACES);
    pass(1);
    make_span();
    pass(0);
    ck_assert_uint_eq(sink.batches, 1);
    make_span();
    make_span();
    pass(99 * NS_PER_MS);
    ck_assert_uint_eq(sink.batches, 1);
    pass(NS_PER_MS);
    ck_assert_uint_eq(sink.items, 3);
    for (size_t i = 0; i < 3; i++)
        make_span();
    pass(0);
    ck_assert_uint_eq(sink.items, 3);
    make_span(); /* half of those that may wait do */
    pass(0);
    ck_assert_uint_eq(sink.items, 7);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("own_source");
    TCase *t = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, metrics_go_every_interval_and_at_the_stop);
    tcase_add_test(t, points_that_nobody_takes_are_counted);
    tcase_add_test(t, while_an_answer_is_out_no_more_metrics_are_made);
    tcase_add_test(t, a_line_is_a_record_with_its_fields);
    tcase_add_test(t, records_of_one_component_stand_together);
    tcase_add_test(t, what_sends_lines_does_not_tell_of_itself);
    tcase_add_test(t, more_lines_than_there_is_room_for_are_counted);
    tcase_add_test(t, what_a_line_quotes_is_cut);
    tcase_add_test(t, spans_are_of_their_component_with_what_became_of_them);
    tcase_add_test(t, a_name_that_was_cut_within_a_character_is_text_all_the_same);
    tcase_add_test(t, spans_that_are_sent_at_once_have_a_pause_between_them);
    tcase_add_test(t, without_room_in_the_budget_lines_are_counted_and_nothing_is_taken);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
