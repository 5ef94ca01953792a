/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "config/decode.h"
#include "config/fault.h"
#include "config/yaml.h"
#include "otlp/json.h"
#include "otlp/validate.h"
#include "pipeline/ledger/ledger_tap.h"
#include "support/rig/rig.h"
#include "support/sink.h"

#include <check.h>
#include <stdlib.h>

extern const struct component routing_connector;

enum { A, B, SINKS };

static struct rig rig;
static struct arena arena;
static struct sink sinks[SINKS];
static struct pipeline_end ends[SINKS];
static struct ledger ledger;
static struct node *node;
static struct consumer *tap;
static struct ack ack;
static struct outcome answer;
static unsigned answers;

static void on_settled(struct ack *a, const struct outcome *outcome)
{
    (void)a;
    outcome_copy(&answer, outcome);
    answers++;
}

static void begin(const char *yaml)
{
    static const char *const names[] = { "logs/a", "logs/b" };
    struct faults faults = { 0 };
    void *config;

    rig_init(&rig, 1);
    ledger_init(&ledger, "pipeline", "logs/in", SIGNAL_LOGS);
    for (unsigned i = 0; i < SINKS; i++) {
        sink_init(&sinks[i]);
        ends[i] = (struct pipeline_end){ names[i], &sinks[i].in };
    }
    rig.ends = ends;
    rig.n_ends = SINKS;
    config = arena_zalloc(&arena, routing_connector.config_size);
    decode_struct(&arena, routing_connector.options, yaml_read(&arena, bytes_str(yaml), "test", 1, 1, &faults), "",
                  config, &faults);
    ck_assert_uint_eq(faults.list.n, 0);
    faults_free(&faults);
    node = rig_node(&rig, &routing_connector, config, SIGNAL_LOGS, &ledger, NULL);
    tap = ledger_tap_new(&rig.loop.turn, &ledger, &node->in);
    answers = 0;
}

static void end(void)
{
    turn_run(&rig.loop.turn);
    ck_assert(ledger_sums(&ledger));
    rig_destroy(node);
    ledger_tap_free(tap);
    for (unsigned i = 0; i < SINKS; i++)
        sink_close(&sinks[i]);
    ledger_free(&ledger);
    arena_free(&arena);
    rig_close(&rig);
}

/* A resource for each letter, with two records, and a name so long that copying it would be a pity. */
static struct batch *request(const char *letters)
{
    struct buf json = { 0 }, wire = { 0 };
    struct block *block;
    struct validation v;
    struct error err;

    buf_puts(&json, "{\"resourceLogs\":[");
    for (size_t i = 0; letters[i] != '\0'; i++)
        buf_printf(
            &json,
            "%s{\"resource\":{\"attributes\":[{\"key\":\"t\",\"value\":{\"stringValue\":\"%c\"}}]},\"scopeLogs\":"
            "[{\"logRecords\":[{\"severityNumber\":9},{\"severityNumber\":17}],\"scope\":{\"name\":\"%05000d\"}}]}",
            i > 0 ? "," : "", letters[i], 1);
    buf_puts(&json, "]}");
    ck_assert_int_eq(json_to_wire(signal_table[SIGNAL_LOGS].request, buf_bytes(&json), 1 << 20, &wire, &err), 0);
    ck_assert(otlp_validate(SIGNAL_LOGS, buf_bytes(&wire), &v));
    block = block_force(&rig.budget, wire.len);
    memcpy(block->data, wire.data, wire.len);
    buf_free(&json);
    struct batch *b = batch_new(SIGNAL_LOGS, block, bytes_of(block->data, wire.len), v.items, 0);

    buf_free(&wire);
    return b;
}

static void send_request(struct batch *batch)
{
    ack_init(&ack, &rig.loop.turn, NULL, 0, true, on_settled);
    consumer_send(tap, batch, &ack);
    turn_run(&rig.loop.turn);
}

#define TABLE "{table: [{condition: 'attributes[\"t\"] == \"x\"', pipelines: [logs/a]}], default_pipelines: [logs/b]}"
#define BY_RECORD                                                                                                      \
    "{table: [{context: log, condition: 'severity_number == 17', pipelines: [logs/a]}], default_pipelines: [logs/b]}"

START_TEST(a_batch_that_goes_to_one_pipeline_goes_as_it_is)
{
    struct batch *batch;

    begin(TABLE);
    sinks[A].hold = true;
    batch = request("xx");
    send_request(batch);
    ck_assert_uint_eq(sinks[A].held.n, 1);
    ck_assert_ptr_eq(sinks[A].held.v[0].batch, batch);
    ck_assert_uint_eq(answers, 0);
    sink_settle(&sinks[A], 0, &(struct outcome){ .verdict = VERDICT_SAFE });
    turn_run(&rig.loop.turn);
    ck_assert_uint_eq(answers, 1);
    ck_assert_uint_eq(ledger.delivered, 4);
    end();
}
END_TEST

START_TEST(resources_that_go_whole_are_not_copied)
{
    struct batch *batch;

    begin(TABLE);
    sinks[A].hold = true;
    batch = batch_ref(request("xyx"));
    send_request(batch);
    ck_assert_uint_eq(sinks[A].held.v[0].batch->items, 4);
    ck_assert_ptr_eq(sinks[A].held.v[0].batch->segments[0].block, batch->segments[0].block);
    ck_assert_uint_eq(sinks[B].items, 2);
    sink_settle(&sinks[A], 0, &(struct outcome){ .verdict = VERDICT_SAFE });
    batch_unref(batch);
    end();
}
END_TEST

START_TEST(the_sender_waits_for_all_parts_and_hears_the_heaviest_answer)
{
    begin(BY_RECORD);
    sinks[A].hold = sinks[B].hold = true;
    send_request(request("xy"));
    sink_settle(&sinks[B], 0, &(struct outcome){ .verdict = VERDICT_SAFE });
    turn_run(&rig.loop.turn);
    ck_assert_uint_eq(answers, 0);
    sink_settle(&sinks[A], 0, &(struct outcome){ .verdict = VERDICT_RETRY, .reason = "away", .retry_after_ms = 7 });
    turn_run(&rig.loop.turn);
    ck_assert_uint_eq(answers, 1);
    ck_assert_int_eq(answer.verdict, VERDICT_RETRY);
    ck_assert_uint_eq(answer.retry_after_ms, 7);
    ck_assert_uint_eq(ledger_reasons_total(&ledger.refused), 4);
    end();
}
END_TEST

START_TEST(what_parts_reject_is_added_up)
{
    begin(BY_RECORD);
    sinks[A].answer = (struct outcome){ .verdict = VERDICT_SAFE, .rejected = 1, .reason = "type" };
    sinks[B].answer = (struct outcome){ .verdict = VERDICT_SAFE, .rejected = 1, .reason = "age" };
    send_request(request("xy"));
    ck_assert_int_eq(answer.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(answer.rejected, 2);
    ck_assert_uint_eq(ledger.delivered, 2);
    ck_assert_uint_eq(ledger_reasons_total(&ledger.dropped), 2);
    end();
}
END_TEST

START_TEST(a_route_to_several_pipelines_gives_each_the_same)
{
    begin("{table: [{statement: 'route()', pipelines: [logs/b, logs/a, logs/b]}]}");
    send_request(request("xy"));
    ck_assert_uint_eq(sinks[A].items, 4);
    ck_assert_uint_eq(sinks[B].items, 4);
    ck_assert_uint_eq(ledger.delivered, 4);
    end();
}
END_TEST

START_TEST(what_is_on_its_way_at_the_end_is_forgotten)
{
    begin(BY_RECORD);
    sinks[A].hold = true;
    send_request(request("x"));
    ck_assert_uint_eq(answers, 0);
    end();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("routing");
    TCase *t = tcase_create("routing");
    SRunner *runner;
    int failed;

    tcase_add_test(t, a_batch_that_goes_to_one_pipeline_goes_as_it_is);
    tcase_add_test(t, resources_that_go_whole_are_not_copied);
    tcase_add_test(t, the_sender_waits_for_all_parts_and_hears_the_heaviest_answer);
    tcase_add_test(t, what_parts_reject_is_added_up);
    tcase_add_test(t, a_route_to_several_pipelines_gives_each_the_same);
    tcase_add_test(t, what_is_on_its_way_at_the_end_is_forgotten);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
