/* SPDX-License-Identifier: Apache-2.0 */
/* Reloads of graphs of recording components: what stops, what starts, and what becomes of what is under way. */
#include "service/graph.h"

#include "base/mem.h"
#include "pipeline/storage.h"
#include "service/config.h"
#include "support/rig/rig.h"

#include <check.h>
#include <stdlib.h>

struct spy_config {
    uint64_t n;
    const char *ext;
};

struct spy {
    struct node node;
    struct ack *held; /* of exporters that hold */
    void (*done)(struct node *node);
};

static struct rig rig;
static struct buf story;
static struct config *config, *next_config;
static struct graph *graph, *old;
static const char *failing, *stuck;
static struct node *receiver; /* the last one that was started */
static struct spy *holding, *waiting;
static struct ack ack;
static int settled;
static struct outcome answer;
static bool left;

static void pass(struct consumer *self, struct batch *batch, struct ack *a)
{
    struct spy *s = container_of(container_of(self, struct node, in), struct spy, node);

    if (s->node.component->kind != COMPONENT_EXPORTER) {
        consumer_send(s->node.out[s->node.signal], batch, a);
        return;
    }
    buf_printf(&story, ">%s ", s->node.id);
    batch_unref(batch);
    if (strstr(s->node.id, "hold") == NULL) {
        ack_safe(a);
    } else {
        s->held = a;
        holding = s;
    }
}

static int spy_create(struct node *node, const void *c, struct error *err)
{
    (void)c;
    (void)err;
    node->in.consume = pass;
    return 0;
}

static int spy_start(struct node *node, struct error *err)
{
    if (failing != NULL && strcmp(node->id, failing) == 0)
        return error_set(err, UV_EADDRINUSE, "no luck");
    buf_printf(&story, "+%s ", node->id);
    if (node->component->kind == COMPONENT_RECEIVER)
        receiver = node;
    return 0;
}

static void spy_stop(struct node *node, uint64_t deadline, void (*done)(struct node *))
{
    (void)deadline;
    buf_printf(&story, "-%s ", node->id);
    if (stuck != NULL && strcmp(node->id, stuck) == 0) {
        waiting = container_of(node, struct spy, node);
        waiting->done = done;
    } else {
        done(node);
    }
}

static const struct storage *spy_storage(const struct node *node)
{
    static const struct storage none;

    (void)node;
    return &none;
}

static const struct option rows[] = {
    OPT_UINT(struct spy_config, n, "1", NULL, NULL, "n"),
    OPT_EXTENSION(struct spy_config, ext, CAPABILITY_STORAGE, "ext"),
    OPT_END,
};

#define SPY(kind_, type_)                                                                                              \
    .type = (type_), .kind = (kind_), .signals = SIGNAL_ALL, .node_size = sizeof(struct spy), .create = spy_create,    \
    .start = spy_start, .stop = spy_stop, .options = rows, .config_size = sizeof(struct spy_config)

static const struct component spy_receiver = { SPY(COMPONENT_RECEIVER, "r"), .shared = true };
static const struct component spy_processor = { SPY(COMPONENT_PROCESSOR, "p") };
static const struct component spy_exporter = { SPY(COMPONENT_EXPORTER, "e") };
static const struct component spy_connector = { SPY(COMPONENT_CONNECTOR, "c") };
static const struct component spy_extension = { SPY(COMPONENT_EXTENSION, "x"), .storage = spy_storage };
static const struct component *const registry[] = { &spy_receiver,  &spy_processor, &spy_exporter,
                                                    &spy_connector, &spy_extension, NULL };

static struct config *load(const char *text)
{
    char *uri = mem_printf("yaml:%s", text);
    struct config_sources s = { .uris = (const char *const[]){ uri }, .n_uris = 1, .offline = true };
    struct config *c = config_load(&s, registry);

    free(uri);
    for (size_t i = 0; i < c->faults.list.n; i++)
        ck_assert_msg(c->faults.list.v[i].warning, "%s", c->faults.list.v[i].text);
    return c;
}

static void setup(void)
{
    rig_init(&rig, 1);
    story = (struct buf){ 0 };
    graph = old = NULL;
    next_config = NULL;
    failing = stuck = NULL;
    holding = waiting = NULL;
    settled = 0;
    left = false;
}

static void on_done(struct graph *g, void *arg)
{
    (void)g;
    *(bool *)arg = true;
}

static void check_ledger(const struct ledger *l, void *arg)
{
    (void)arg;
    ck_assert(ledger_sums(l));
    ck_assert_uint_eq(l->held, 0);
}

static void free_old(void)
{
    ck_assert(graph_is_idle(old));
    graph_ledgers(old, check_ledger, NULL);
    graph_free(old);
    config_free(config);
    config = next_config;
    next_config = NULL;
    old = NULL;
}

static void teardown(void)
{
    bool done = false;

    graph_stop(graph, clock_mono(&rig.loop.clock) + NS_PER_S, on_done, &done);
    turn_run(&rig.loop.turn);
    ck_assert(done);
    graph_ledgers(graph, check_ledger, NULL);
    graph_free(graph);
    config_free(config);
    buf_free(&story);
    rig_close(&rig);
}

static void begin(const char *text)
{
    struct error err = { 0 };

    config = load(text);
    ck_assert_int_eq(graph_build(&graph, &rig.host, config, NULL, &err), 0);
    ck_assert_int_eq(graph_start(graph, &err), 0);
    turn_run(&rig.loop.turn);
    story.len = 0;
}

static void take_over(const char *text)
{
    struct error err = { 0 };

    old = graph;
    next_config = load(text);
    ck_assert_int_eq(graph_build(&graph, &rig.host, next_config, old, &err), 0);
    ck_assert_int_eq(graph_start_ahead(graph, &err), 0);
    buf_puts(&story, "| ");
    graph_take_over(graph);
    graph_hand_over(old, graph);
    graph_leave(old, clock_mono(&rig.loop.clock) + NS_PER_S, on_done, &left);
    turn_run(&rig.loop.turn);
}

static void start_rest(void)
{
    struct error err = { 0 };

    ck_assert_int_eq(graph_start(graph, &err), 0);
    turn_run(&rig.loop.turn);
}

static void expect(const char *text)
{
    ck_assert_str_eq(buf_cstr(&story), text);
    story.len = 0;
}

static void on_settled(struct ack *a, const struct outcome *o)
{
    (void)a;
    settled++;
    answer = *o;
}

static void send_items(uint64_t items)
{
    ack_init(&ack, &rig.loop.turn, NULL, items, true, on_settled);
    consumer_send(receiver->out[SIGNAL_LOGS], rig_logs(&rig, 0, items), &ack);
    turn_run(&rig.loop.turn);
}

#define CONFIG(r, p, e, pipelines)                                                                                     \
    "{extensions: {x: {n: 1}}, receivers: {r: {" r "}}, processors: {p: {" p "}, p/2: }, exporters: {e: {" e           \
    "}, e/2: {ext: x}, e/hold: }, connectors: {c: }, service: {extensions: [x], pipelines: {" pipelines "}}}"

#define ONE "logs: {receivers: [r], processors: [p], exporters: [e]}"
#define TWO "logs/2: {receivers: [r], exporters: [e, e/2]}"

/* Before the bar: what starts beside the old one. Then what stops, then what starts after it. */
static const struct {
    const char *before, *after, *story;
} cases[] = {
    { CONFIG("", "", "", ONE), CONFIG("", "", "", ONE), "| " },
    { CONFIG("n: 1", "", "", ONE), CONFIG("", "n: 1", "n: 1 # the same\n", ONE), "| " },
    { CONFIG("", "", "", ONE), CONFIG("", "", "n: 2", ONE), "+e | -e " },
    { CONFIG("", "", "", ONE), CONFIG("", "n: 2", "", ONE), "+p | -p " },
    { CONFIG("", "", "", ONE), CONFIG("n: 2", "", "", ONE), "| -r +r " },
    { CONFIG("", "", "", ONE), CONFIG("n: 2", "n: 2", "n: 2", ONE), "+e +p | -r -p -e +r " },
    { CONFIG("", "", "", ONE), CONFIG("", "", "", ONE ", " TWO), "+e/2 | " },
    { CONFIG("", "", "", ONE ", " TWO), CONFIG("", "", "", ONE), "| -e/2 " },
    { CONFIG("", "", "", ONE), CONFIG("", "", "", "logs: {receivers: [r], processors: [p/2, p], exporters: [e]}"),
      "+p/2 | " },
    { CONFIG("", "", "", ONE), CONFIG("", "", "", "logs: {receivers: [r], exporters: [e]}"), "| -p " },
    { CONFIG("", "", "", ONE), CONFIG("", "", "", "logs/2: {receivers: [r], processors: [p], exporters: [e]}"),
      "+p | -p " },
    { CONFIG("", "", "", ONE ", " TWO),
      "{extensions: {x: {n: 2}}, receivers: {r: }, processors: {p: }, exporters: {e: , e/2: {ext: x}}, service: "
      "{extensions: [x], pipelines: {" ONE ", " TWO "}}}",
      "| -e/2 -x +x +e/2 " },
    { CONFIG("", "", "", ONE ", " TWO),
      "{extensions: {x: {n: 1}, x/2: }, receivers: {r: }, processors: {p: }, exporters: {e: {n: 2}, e/2: {ext: x}}, "
      "service: {extensions: [x, x/2], pipelines: {" ONE ", " TWO "}}}",
      "| -e +x/2 +e " },
    { CONFIG("", "", "", "logs: {receivers: [r], exporters: [c]}, logs/2: {receivers: [c], exporters: [e]}"),
      CONFIG("", "", "",
             "logs: {receivers: [r], exporters: [c]}, logs/2: {receivers: [c], exporters: [e]}, logs/3: {receivers: "
             "[c], exporters: [e]}"),
      "+c | -c " },
    { CONFIG("", "", "", "logs: {receivers: [r], exporters: [c]}, logs/2: {receivers: [c], exporters: [e]}"),
      CONFIG("", "", "",
             "logs: {receivers: [r], exporters: [c, e]}, logs/2: {receivers: [c], processors: [p], exporters: [e]}"),
      "+p | " },
    { CONFIG("", "", "", ONE), CONFIG("", "", "", "traces: {receivers: [r], exporters: [e]}, " ONE), "+e | " },
};

START_TEST(only_what_changed_stops_and_starts)
{
    begin(cases[_i].before);
    take_over(cases[_i].after);
    ck_assert(left);
    start_rest();
    expect(cases[_i].story);
    send_items(3);
    ck_assert_int_eq(settled, 1);
    ck_assert_int_eq(answer.verdict, VERDICT_SAFE);
    free_old();
}
END_TEST

START_TEST(another_level_of_own_metrics_replaces_all)
{
    begin(CONFIG("", "", "", ONE));
    rig.host.level++;
    take_over(CONFIG("", "", "", ONE));
    start_rest();
    expect("+p | -r -p -e -x +x +e +r ");
    free_old();
}
END_TEST

static const struct ledger *found;

static void find_ledger(const struct ledger *l, void *id)
{
    if (strcmp(l->id, id) == 0)
        found = l;
}

static const struct ledger *ledger_of(const struct graph *g, const char *id)
{
    found = NULL;
    graph_ledgers(g, find_ledger, (void *)(uintptr_t)id);
    return found;
}

#define HELD "logs: {receivers: [r], processors: [p], exporters: [e/hold]}"
#define SPREAD "logs: {receivers: [r], processors: [p], exporters: [e, e/hold]}"

START_TEST(an_answer_that_is_under_way_finds_its_way_round_all_that_changed)
{
    begin(CONFIG("", "", "", SPREAD));
    send_items(3);
    take_over(CONFIG("", "n: 2", "n: 2", HELD));
    start_rest();
    ck_assert(left && !graph_is_idle(old)); /* the fan-out waits for one of its two answers */
    ck_assert_int_eq(settled, 0);
    ack_safe(holding->held);
    turn_run(&rig.loop.turn);
    ck_assert_int_eq(settled, 1);
    ck_assert_uint_eq(ledger_of(graph, "logs")->delivered, 3);
    ck_assert_uint_eq(ledger_of(graph, "e/hold")->delivered, 3);
    free_old();
}
END_TEST

START_TEST(the_counts_of_what_is_kept_go_on_and_those_of_what_left_stay_in_the_metrics)
{
    begin(CONFIG("", "", "", ONE));
    send_items(3);
    take_over(CONFIG("", "", "n: 2", ONE));
    start_rest();
    send_items(4);
    ck_assert_uint_eq(ledger_of(graph, "logs")->received, 7);
    ck_assert_uint_eq(ledger_of(graph, "e")->received, 4);
    free_old();
    ck_assert_double_eq(rig_metric(&rig, "otelcd_exporter_received_items", "exporter", "e", "signal", "logs", NULL), 7);
    ck_assert_double_eq(rig_metric(&rig, "otelcd_pipeline_received_items", "pipeline", "logs", NULL), 7);
}
END_TEST

START_TEST(batches_for_an_exporter_that_has_not_started_wait_for_it)
{
    begin(CONFIG("", "", "", ONE ", " TWO));
    take_over("{extensions: {x: {n: 2}}, receivers: {r: }, exporters: {e/2: {ext: x}}, service: {extensions: [x], "
              "pipelines: {logs/2: {receivers: [r], exporters: [e/2]}}}}");
    story.len = 0;
    send_items(5);
    ck_assert_int_eq(settled, 0);
    ck_assert_uint_eq(ledger_of(graph, "e/2")->held, 5);
    start_rest();
    expect("+x +e/2 >e/2 ");
    ck_assert_int_eq(settled, 1);
    free_old();
}
END_TEST

START_TEST(a_new_graph_that_does_not_start_leaves_the_old_one_as_it_was)
{
    struct error err = { 0 };
    struct graph *g;
    bool done = false;

    begin(CONFIG("", "", "", ONE));
    failing = "p";
    next_config = load(CONFIG("n: 2", "n: 2", "n: 2", ONE));
    ck_assert_int_eq(graph_build(&g, &rig.host, next_config, graph, &err), 0);
    ck_assert_int_ne(graph_start_ahead(g, &err), 0);
    graph_stop(g, clock_mono(&rig.loop.clock) + NS_PER_S, on_done, &done);
    turn_run(&rig.loop.turn);
    ck_assert(done);
    graph_free(g);
    config_free(next_config);
    expect("+e -p -e ");
    send_items(3);
    ck_assert_int_eq(settled, 1);
    ck_assert_uint_eq(ledger_of(graph, "logs")->delivered, 3);
}
END_TEST

START_TEST(what_waited_for_an_exporter_that_did_not_start_goes_to_the_one_from_before)
{
    const char *before = CONFIG("", "", "", TWO);
    struct error err = { 0 };
    struct config *failed;
    struct graph *first;

    begin(before);
    take_over("{extensions: {x: {n: 2}}, receivers: {r: }, exporters: {e: , e/2: {ext: x}}, service: {extensions: [x], "
              "pipelines: {logs/2: {receivers: [r], exporters: [e, e/2]}}}}");
    first = old;
    failed = next_config;
    send_items(5);
    ck_assert_int_eq(settled, 0);
    failing = "x";
    ck_assert_int_ne(graph_start(graph, &err), 0);
    failing = NULL;
    story.len = 0;
    take_over(before);
    start_rest();
    expect("| -x +x +e/2 >e/2 ");
    ck_assert_int_eq(settled, 1);
    ck_assert_int_eq(answer.verdict, VERDICT_SAFE);
    ck_assert_uint_eq(ledger_of(graph, "e/2")->delivered, 5);
    ck_assert_uint_eq(ledger_of(old, "e/2")->received, 0);
    graph_free(first);
    config_free(config);
    config = failed;
    free_old();
}
END_TEST

START_TEST(what_has_failed_to_start_is_not_kept_by_the_way_back)
{
    const char *same = CONFIG("n: 2", "", "", ONE);
    struct error err = { 0 };
    struct config *first_config;
    struct graph *first;

    begin(CONFIG("", "", "", ONE));
    take_over(same);
    first = old;
    first_config = config;
    config = next_config;
    failing = "r";
    ck_assert_int_ne(graph_start(graph, &err), 0);
    failing = NULL;
    expect("| -r ");
    take_over(same);
    start_rest();
    expect("| -r +r ");
    graph_free(first);
    config_free(first_config);
    free_old();
}
END_TEST

/* Two processors with the same exporters behind them. */
START_TEST(ways_that_branch_to_the_same_are_kept_as_one)
{
    const char *branches = "logs: {receivers: [r], processors: [p], exporters: [e, e/2]}, "
                           "logs/2: {receivers: [r], processors: [p], exporters: [e, e/2]}";
    char *texts[] = { mem_printf(CONFIG("", "", "", "%s"), branches),
                      mem_printf(CONFIG("", "n: 2", "", "%s"), branches) };

    begin(texts[0]);
    for (int i = 1; i <= 4; i++) {
        take_over(texts[i % 2]);
        start_rest();
        send_items(3);
        ck_assert_int_eq(settled, i);
        free_old();
    }
    ck_assert_uint_eq(ledger_of(graph, "e")->delivered, 24);
    free(texts[0]);
    free(texts[1]);
}
END_TEST

START_TEST(who_has_not_stopped_by_the_deadline_sends_no_more_and_is_waited_for)
{
    begin(CONFIG("", "", "", ONE));
    stuck = "p";
    take_over(CONFIG("", "n: 2", "", ONE));
    ck_assert(!left);
    for (int i = 0; i < 3; i++) {
        clock_advance(&rig.loop.clock, NS_PER_S);
        turn_run(&rig.loop.turn);
    }
    ck_assert(left && !graph_is_idle(old));
    story.len = 0;
    ack_init(&ack, &rig.loop.turn, NULL, 2, true, on_settled);
    consumer_send(waiting->node.out[SIGNAL_LOGS], rig_logs(&rig, 0, 2), &ack);
    turn_run(&rig.loop.turn);
    expect("");
    ck_assert_int_eq(answer.verdict, VERDICT_RETRY);
    waiting->done(&waiting->node);
    turn_run(&rig.loop.turn);
    start_rest();
    free_old();
    stuck = NULL;
}
END_TEST

static const char *wait_for_disk(const struct node *node)
{
    (void)node;
    return "the disk";
}

/* It can be neither settled nor freed: what it waits for may still come. */
START_TEST(the_process_ends_without_a_leaver_that_waits_for_a_disk)
{
    begin(CONFIG("", "", "", ONE));
    stuck = "p";
    take_over(CONFIG("", "n: 2", "", ONE));
    waiting->node.blocked_on = wait_for_disk;
    for (int i = 0; i < 3; i++) {
        clock_advance(&rig.loop.clock, NS_PER_S);
        turn_run(&rig.loop.turn);
    }
    ck_assert(left);
    graph_give_up(old);
    ck_abort_msg("it went on");
}
END_TEST

START_TEST(one_reload_after_the_other_keeps_the_same_nodes)
{
    struct node *first;

    begin(CONFIG("", "", "", ONE));
    first = receiver;
    for (int i = 0; i < 20; i++) {
        take_over(i % 2 == 0 ? CONFIG("", "n: 2", "", ONE ", " TWO) : CONFIG("", "", "n: 2", ONE));
        start_rest();
        free_old();
        send_items(1);
    }
    ck_assert_int_eq(settled, 20);
    ck_assert_ptr_eq(first, receiver);
    ck_assert_uint_eq(ledger_of(graph, "logs")->received, 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph_keep");
    TCase *tc = tcase_create("graph_keep");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, only_what_changed_stops_and_starts, 0, ARRAY_LEN(cases));
    tcase_add_test(tc, another_level_of_own_metrics_replaces_all);
    tcase_add_test(tc, an_answer_that_is_under_way_finds_its_way_round_all_that_changed);
    tcase_add_test(tc, the_counts_of_what_is_kept_go_on_and_those_of_what_left_stay_in_the_metrics);
    tcase_add_test(tc, batches_for_an_exporter_that_has_not_started_wait_for_it);
    tcase_add_test(tc, a_new_graph_that_does_not_start_leaves_the_old_one_as_it_was);
    tcase_add_test(tc, what_waited_for_an_exporter_that_did_not_start_goes_to_the_one_from_before);
    tcase_add_test(tc, what_has_failed_to_start_is_not_kept_by_the_way_back);
    tcase_add_test(tc, ways_that_branch_to_the_same_are_kept_as_one);
    tcase_add_test(tc, who_has_not_stopped_by_the_deadline_sends_no_more_and_is_waited_for);
    tcase_add_exit_test(tc, the_process_ends_without_a_leaver_that_waits_for_a_disk, EXIT_CODE_OPEN);
    tcase_add_test(tc, one_reload_after_the_other_keeps_the_same_nodes);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
