/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs of recording components, wired from a few words: "a: r1 > p1 p2 > e1 c1". */
#include "service/graph.h"

#include "base/mem.h"
#include "service/config.h"
#include "support/rig/rig.h"

#include <check.h>
#include <stdlib.h>

#define MOST 8

/* A component that writes what happens to it into one log, and holds or passes what it gets. */
struct spy {
    struct node node;
    void (*done)(struct node *node);
    struct ack ack; /* receivers */
};

static struct rig rig;
static struct config config;
static struct config_pipeline pipelines[MOST];
static struct config_component receivers[MOST], processors[MOST], exporters[MOST], connectors[MOST], extensions[MOST];
static struct config_component *listed_extensions[MOST];
static struct buf story;
static struct spy *stuck; /* its stop() does not call back */
static const char *stuck_id, *failing_id, *curious_id;
static struct spy *spies[64];
static size_t n_spies;
static int settled;
static struct outcome answer;

static void on_settled(struct ack *ack, const struct outcome *o)
{
    (void)ack;
    settled++;
    answer = *o;
}

static void pass(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct node *n = container_of(self, struct node, in);

    buf_printf(&story, "%s ", n->id);
    if (n->component->kind == COMPONENT_EXPORTER) {
        batch_unref(batch);
        if (n->id[0] != 'h')
            ack_safe(ack);
    } else {
        consumer_send(n->out[n->signal], batch, ack);
    }
}

static int spy_create(struct node *node, const void *c, struct error *err)
{
    (void)c;
    (void)err;
    node->in.consume = pass;
    node->wants_client_address = curious_id != NULL && strcmp(node->id, curious_id) == 0;
    spies[n_spies++] = container_of(node, struct spy, node);
    return 0;
}

static int spy_start(struct node *node, struct error *err)
{
    if (failing_id != NULL && strcmp(node->id, failing_id) == 0)
        return error_set(err, UV_EADDRINUSE, "no luck");
    buf_printf(&story, "+%s ", node->id);
    return 0;
}

static void spy_stop(struct node *node, uint64_t deadline, void (*done)(struct node *))
{
    (void)deadline;
    buf_printf(&story, "-%s ", node->id);
    if (stuck_id != NULL && strcmp(node->id, stuck_id) == 0) {
        stuck = container_of(node, struct spy, node);
        stuck->done = done;
    } else {
        done(node);
    }
}

static void spy_destroy(struct node *node)
{
    ck_assert_uint_gt(strlen(node->id), 0);
}

#define SPY(kind_, type_, signals_)                                                                                    \
    {                                                                                                                  \
        .type = (type_), .kind = (kind_), .signals = (signals_), .node_size = sizeof(struct spy),                      \
        .create = spy_create, .start = spy_start, .stop = spy_stop, .destroy = spy_destroy                             \
    }

static const struct component spy_receiver = SPY(COMPONENT_RECEIVER, "r", SIGNAL_ALL);
static const struct component spy_processor = SPY(COMPONENT_PROCESSOR, "p", SIGNAL_ALL);
static const struct component spy_exporter = SPY(COMPONENT_EXPORTER, "e", SIGNAL_ALL);
static const struct component spy_connector = SPY(COMPONENT_CONNECTOR, "c", SIGNAL_ALL);
static const struct component spy_extension = SPY(COMPONENT_EXTENSION, "x", 0);
static const struct component logs_exporter = SPY(COMPONENT_EXPORTER, "l", SIGNAL_BIT(SIGNAL_LOGS));
static const struct component logs_processor = SPY(COMPONENT_PROCESSOR, "q", SIGNAL_BIT(SIGNAL_LOGS));
static const struct component shared_receiver = {
    .type = "s",
    .kind = COMPONENT_RECEIVER,
    .signals = SIGNAL_ALL,
    .shared = true,
    .node_size = sizeof(struct spy),
    .create = spy_create,
    .start = spy_start,
    .stop = spy_stop,
};

static struct config_component *component_of(char *id)
{
    static const struct component *const kinds[] = { &spy_receiver,  &spy_processor,  &spy_exporter,    &spy_connector,
                                                     &logs_exporter, &logs_processor, &shared_receiver, NULL };
    static struct config_component *const lists[] = { receivers, processors, exporters, connectors };
    struct bytes type = { (const uint8_t *)id, 1 };
    char first = id[0] == 'h' ? 'e' : id[0]; /* h: an exporter that holds */

    for (size_t k = 0; kinds[k] != NULL; k++) {
        struct config_component *list = lists[kinds[k]->kind];
        size_t *n = &config.components[kinds[k]->kind].n;

        if (kinds[k]->type[0] != first)
            continue;
        for (size_t i = 0; i < *n; i++)
            if (strcmp(list[i].id, id) == 0)
                return &list[i];
        list[*n] = (struct config_component){ .id = id, .component = kinds[k] };
        config.components[kinds[k]->kind].v = list;
        return &list[(*n)++];
    }
    ck_abort_msg("%s", (const char *)type.data);
}

/* "logs/a: r1 > p1 > e1 e2". */
static void pipeline(const char *text)
{
    struct config_pipeline *p = &pipelines[config.n_pipelines++];
    char *copy = arena_strdup(&config.arena, text), *save = NULL;
    struct config_component **lists[3];
    size_t *counts[3] = { &p->n_receivers, &p->n_processors, &p->n_exporters }, at = 0;

    config.pipelines = pipelines;
    for (size_t i = 0; i < 3; i++)
        lists[i] = arena_zalloc(&config.arena, MOST * sizeof(*lists[i]));
    p->id = strtok_r(copy, ": ", &save);
    p->signal = (int)signal_by_name(bytes_of(p->id, strcspn(p->id, "/")));
    for (char *word; (word = strtok_r(NULL, ": ", &save)) != NULL;) {
        if (strcmp(word, ">") == 0)
            ck_assert_uint_lt(++at, 3);
        else
            lists[at][(*counts[at])++] = component_of(word);
    }
    p->receivers = lists[0];
    p->processors = lists[1];
    p->exporters = lists[2];
}

static void setup(void)
{
    rig_init(&rig, 1);
    config = (struct config){ 0 };
    memset(pipelines, 0, sizeof(pipelines));
    story = (struct buf){ 0 };
    stuck_id = failing_id = curious_id = NULL;
    n_spies = 0;
    settled = 0;
}

static void teardown(void)
{
    arena_free(&config.arena);
    buf_free(&story);
    rig_close(&rig);
}

static struct graph *build(void)
{
    struct graph *g;
    struct error err = { 0 };

    ck_assert_msg(graph_build(&g, &rig.host, &config, NULL, &err) == 0, "%s", err.text);
    return g;
}

static struct graph *start(void)
{
    struct graph *g = build();
    struct error err = { 0 };

    ck_assert_msg(graph_start(g, &err) == 0, "%s", err.text);
    return g;
}

static void on_ledger(const struct ledger *l, void *arg)
{
    ck_assert(ledger_sums(l));
    if (arg != NULL && strcmp(l->id, arg) == 0)
        buf_printf(&story, "[%s %llu=%llu+%llu r%llu d%llu%s] ", l->id, (unsigned long long)l->received,
                   (unsigned long long)l->delivered, (unsigned long long)l->held,
                   (unsigned long long)ledger_reasons_total(&l->refused),
                   (unsigned long long)ledger_reasons_total(&l->dropped), l->dropped.n ? l->dropped.v[0].reason : "");
}

static void on_done(struct graph *g, void *arg)
{
    graph_ledgers(g, on_ledger, NULL);
    buf_puts(&story, "done ");
    *(bool *)arg = true;
    graph_free(g);
}

static void stop(struct graph *g)
{
    bool done = false;

    graph_stop(g, clock_mono(&rig.loop.clock) + 5 * NS_PER_S, on_done, &done);
    turn_run(&rig.loop.turn);
    ck_assert(done);
}

static void expect(const char *text)
{
    ck_assert_str_eq(buf_cstr(&story), text);
    story.len = 0;
}

/* From the receiver of that id into its pipelines of that signal. */
static void send_from(const char *id, enum signal signal, uint64_t items)
{
    for (size_t i = 0; i < n_spies; i++) {
        struct spy *s = spies[i];
        struct batch *b;

        if (strcmp(s->node.id, id) != 0 || s->node.out[signal] == NULL)
            continue;
        b = rig_logs(&rig, 0, items);
        b->signal = signal;
        ack_init(&s->ack, &rig.loop.turn, NULL, items, true, on_settled);
        consumer_send(s->node.out[signal], b, &s->ack);
        return;
    }
    ck_abort_msg("no receiver %s", id);
}

START_TEST(it_starts_from_the_exporters_back_and_stops_from_the_receivers_on)
{
    struct graph *g;

    pipeline("logs: r1 > p1 p2 > e1");
    extensions[0] = (struct config_component){ .id = "x1", .component = &spy_extension };
    extensions[1] = (struct config_component){ .id = "x2", .component = &spy_extension };
    listed_extensions[0] = &extensions[0];
    listed_extensions[1] = &extensions[1];
    config.extensions = listed_extensions;
    config.n_extensions = 2;
    g = start();
    expect("+x1 +x2 +e1 +p2 +p1 +r1 ");
    stop(g);
    expect("-r1 -p1 -p2 -e1 -x2 -x1 done ");
}
END_TEST

START_TEST(a_batch_walks_through_processors_and_connectors_to_every_exporter)
{
    struct graph *g;

    pipeline("logs/b: c1 > p2 > e2"); /* written first, and yet behind */
    pipeline("logs/a: r1 > p1 > e1 c1");
    pipeline("logs/c: c1 r1 > > e1");
    g = start();
    expect("+e1 +e2 +p2 +c1 +p1 +r1 ");
    send_from("r1", SIGNAL_LOGS, 3);
    expect("p1 e1 c1 p2 e2 e1 e1 ");
    turn_run(&rig.loop.turn);
    ck_assert_int_eq(settled, 1);
    graph_ledgers(g, on_ledger, "logs/a");
    graph_ledgers(g, on_ledger, "logs/c");
    graph_ledgers(g, on_ledger, "e1");
    expect("[logs/a 3=3+0 r0 d0] [logs/c 6=6+0 r0 d0] [e1 9=9+0 r0 d0] ");
    stop(g);
    expect("-r1 -p1 -c1 -p2 -e2 -e1 done ");
}
END_TEST

START_TEST(a_shared_receiver_is_one_node_and_an_exporter_one_for_each_signal)
{
    struct graph *g;

    pipeline("logs: s1 > > e1");
    pipeline("traces: s1 > p1 > e1");
    g = start();
    expect("+e1 +e1 +p1 +s1 ");
    send_from("s1", SIGNAL_TRACES, 1);
    expect("p1 e1 ");
    turn_run(&rig.loop.turn);
    send_from("s1", SIGNAL_LOGS, 1);
    expect("e1 ");
    stop(g);
}
END_TEST

START_TEST(what_does_not_stop_in_time_is_given_up_and_its_items_are_dropped)
{
    struct graph *g;
    bool done = false;

    pipeline("logs: r1 > p1 > h1");
    stuck_id = "p1";
    g = start();
    send_from("r1", SIGNAL_LOGS, 4);
    story.len = 0;
    graph_stop(g, clock_mono(&rig.loop.clock) + 5 * NS_PER_S, on_done, &done);
    turn_run(&rig.loop.turn);
    clock_advance(&rig.loop.clock, 4 * NS_PER_S);
    turn_run(&rig.loop.turn);
    expect("-r1 -p1 ");
    clock_advance(&rig.loop.clock, NS_PER_S);
    turn_run(&rig.loop.turn);
    expect("-h1 ");
    clock_advance(&rig.loop.clock, NS_PER_S);
    turn_run(&rig.loop.turn);
    ck_assert(done);
    ck_assert_int_eq(settled, 0);
    ck_assert_double_eq(
        rig_metric(&rig, "otelcd_pipeline_dropped_items", "pipeline", "logs", "reason", "shutdown", NULL), 4);
    ck_assert_double_eq(rig_metric(&rig, "otelcd_pipeline_held_items", "pipeline", "logs", NULL), 0);
}
END_TEST

START_TEST(a_node_that_stops_late_but_in_time_is_waited_for)
{
    struct graph *g;
    bool done = false;

    pipeline("logs: r1 > p1 > e1");
    stuck_id = "p1";
    g = start();
    story.len = 0;
    graph_stop(g, clock_mono(&rig.loop.clock) + 5 * NS_PER_S, on_done, &done);
    turn_run(&rig.loop.turn);
    expect("-r1 -p1 ");
    if (_i == 1)
        graph_hurry(g);
    stuck->done(&stuck->node);
    turn_run(&rig.loop.turn);
    clock_advance(&rig.loop.clock, 0);
    ck_assert(done);
}
END_TEST

START_TEST(a_component_that_does_not_start_is_named_and_what_was_started_stops)
{
    struct graph *g = NULL;
    struct error err = { 0 };

    pipeline("logs: r1 > p1 > e1");
    failing_id = "p1";
    g = build();
    ck_assert_int_ne(graph_start(g, &err), 0);
    ck_assert_str_eq(err.text, "cannot start pipelines: failed to start \"p1\" processor: no luck");
    expect("+e1 ");
    stop(g);
    expect("-p1 -e1 done ");
}
END_TEST

static void note_fault(void *arg, const struct config_pipeline *p, const char *text)
{
    (void)arg;
    (void)p;
    buf_printf(&story, "%s\n", text);
}

static void expect_faults(const char *text)
{
    struct graph *g;
    struct error err = { 0 };

    ck_assert_uint_gt(graph_check(&config, note_fault, NULL), 0);
    expect(text);
    ck_assert_int_ne(graph_build(&g, &rig.host, &config, NULL, &err), 0);
    ck_assert(strncmp(err.text, text, strlen(err.text)) == 0);
}

START_TEST(a_component_that_does_not_carry_the_signal_is_named)
{
    pipeline("traces/x: r1 > q1 > l1");
    pipeline("logs: r1 > q1 > l1");
    expect_faults(
        "failed to create \"q1\" processor, in pipeline \"traces/x\": telemetry type is not supported; it "
        "is for logs\n"
        "failed to create \"l1\" exporter for data type \"traces\": telemetry type is not supported; it is for "
        "logs\n");
}
END_TEST

START_TEST(a_connector_with_one_end_is_named)
{
    pipeline("traces/in: r1 > > c1");
    pipeline("traces/in2: r1 > > e1 c1");
    pipeline("logs: c1 > > e1");
    expect_faults("connector \"c1\" used as exporter in [traces/in traces/in2] pipeline but not used in any supported "
                  "receiver pipeline; it joins pipelines of one signal\n"
                  "connector \"c1\" used as receiver in [logs] pipeline but not used in any supported exporter "
                  "pipeline; it joins pipelines of one signal\n");
}
END_TEST

START_TEST(a_cycle_is_named_with_all_that_is_on_it)
{
    pipeline("logs/0: r1 > > c1");
    pipeline("logs/a: c1 > p1 > c2");
    pipeline("logs/b: c2 > > e1 c1");
    expect_faults("cycle detected: connector \"c2\" (logs to logs) -> connector \"c1\" (logs to logs) -> "
                  "processor \"p1\" in pipeline \"logs/a\" -> connector \"c2\" (logs to logs)\n");
}
END_TEST

START_TEST(a_pipeline_that_feeds_itself_is_a_cycle)
{
    pipeline("logs: r1 c1 > p1 > c1 e1");
    expect_faults("cycle detected: connector \"c1\" (logs to logs) -> processor \"p1\" in pipeline \"logs\" -> "
                  "connector \"c1\" (logs to logs)\n");
}
END_TEST

START_TEST(receivers_keep_client_addresses_while_a_node_of_the_graph_wants_them)
{
    struct graph *g, *next;

    pipeline("logs: r1 > p1 p2 > e1");
    curious_id = "p2";
    g = start();
    ck_assert(rig.host.client_address);
    curious_id = NULL;
    next = build(); /* a reload: the old graph still runs */
    ck_assert(rig.host.client_address);
    stop(g);
    ck_assert_int_eq(graph_start(next, NULL), 0);
    ck_assert(!rig.host.client_address);
    stop(next);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("graph");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, receivers_keep_client_addresses_while_a_node_of_the_graph_wants_them);
    tcase_add_test(tc, it_starts_from_the_exporters_back_and_stops_from_the_receivers_on);
    tcase_add_test(tc, a_batch_walks_through_processors_and_connectors_to_every_exporter);
    tcase_add_test(tc, a_shared_receiver_is_one_node_and_an_exporter_one_for_each_signal);
    tcase_add_test(tc, what_does_not_stop_in_time_is_given_up_and_its_items_are_dropped);
    tcase_add_loop_test(tc, a_node_that_stops_late_but_in_time_is_waited_for, 0, 2);
    tcase_add_test(tc, a_component_that_does_not_start_is_named_and_what_was_started_stops);
    tcase_add_test(tc, a_component_that_does_not_carry_the_signal_is_named);
    tcase_add_test(tc, a_connector_with_one_end_is_named);
    tcase_add_test(tc, a_cycle_is_named_with_all_that_is_on_it);
    tcase_add_test(tc, a_pipeline_that_feeds_itself_is_a_cycle);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
