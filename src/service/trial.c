/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration is one that the service could run. Before its graph is built, the component of each receiver and
 * exporter is put in place of by a double: the same row, so that what others ask of it (its signals, whether it keeps)
 * stays true, with calls that touch nothing. Doubles find the trial by the host and enter themselves in its lists.
 *
 * The loop's clock is moved by hand from timer to timer, and after each all that was put off is done, so that what
 * follows from a timer comes in the order in which it would have come. Neither libuv's loop nor a thread turns: no
 * processor or connector needs one.
 *
 * A configuration that does not start is stopped and freed like one that did. A batch whose answer is still owed at the
 * end is forgotten with its graph. */
#include "service/trial.h"

#include "base/mem.h"
#include "base/peer_shares.h"
#include "base/version.h"
#include "otlp/profile_strings.h"
#include "otlp/validate.h"
#include "pipeline/service_view.h"
#include "service/graph_build.h"
#include "service/trial_output.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define BUDGET (1ull << 30) /* where the configuration does not say */
#define MIB (1024ull * 1024)

/* A receiver's double. As receivers do, it has stopped when all that it has sent is answered. */
struct input {
    struct node *node;
    uint64_t open;                  /* batches without an answer */
    void (*stopped)(struct node *); /* NULL: it goes on */
};

struct sending {
    struct ack ack;
    struct input *from;
    struct trial_verdict verdict;
};

struct trial {
    struct config *config;
    struct loop loop;
    struct budget budget;
    struct peer_shares peers;
    struct metrics metrics;
    struct service_view view;
    struct host host;
    struct graph *graph;
    struct component *doubles; /* of receivers, then of exporters */
    VEC(struct input) inputs;
    VEC(struct trial_output *) outputs; /* of one signal each */
    VEC(struct sending *) sent;
    bool queues, stopping, stopped;
};

static struct trial *trial_of(const struct node *node)
{
    return container_of(node->host, struct trial, host);
}

/* ---- doubles ---- */

static int create_input(struct node *node, const void *config, struct error *err)
{
    (void)config;
    (void)err;
    *vec_push(&trial_of(node)->inputs) = (struct input){ .node = node };
    return 0;
}

static void stop_input(struct node *node, uint64_t deadline, void (*stopped)(struct node *node))
{
    struct trial *t = trial_of(node);

    (void)deadline;
    for (size_t i = 0; i < t->inputs.n; i++)
        if (t->inputs.v[i].node == node && t->inputs.v[i].open > 0) {
            t->inputs.v[i].stopped = stopped;
            return;
        }
    stopped(node);
}

static struct trial_output *output_of(const struct node *node)
{
    struct trial *t = trial_of(node);

    for (size_t i = 0; i < t->outputs.n; i++)
        if (t->outputs.v[i]->node == node)
            return t->outputs.v[i];
    return NULL;
}

static void take_batch(struct consumer *self, struct batch *batch, struct ack *ack)
{
    trial_output_attempt(output_of(container_of(self, struct node, in)), batch, ack);
}

static void take_attempt(struct consumer *self, struct batch *batch, struct ack *ack)
{
    trial_output_attempt(container_of(self, struct trial_output, attempt), batch, ack);
}

static int create_output(struct node *node, const void *config, struct error *err)
{
    struct trial_output *o;

    (void)err;
    node->in.consume = take_batch; /* a queue puts itself in front */
    o = trial_output_new(node, config, trial_of(node)->queues);
    o->attempt.consume = take_attempt;
    *vec_push(&trial_of(node)->outputs) = o;
    return 0;
}

static void put_double(struct component *made, struct config_component *cc)
{
    *made = *cc->component;
    made->shared = false;
    made->node_size = sizeof(struct node);
    made->create = create_input;
    made->start = NULL;
    made->stop = stop_input;
    made->hurry = NULL;
    made->destroy = NULL;
    if (made->kind == COMPONENT_EXPORTER) {
        made->create = create_output;
        made->start = trial_output_start;
        made->stop = trial_output_stop;
        made->hurry = trial_output_hurry;
        made->destroy = trial_output_destroy;
    }
    cc->component = made;
}

static void put_doubles(struct trial *t)
{
    static const enum component_kind ends[] = { COMPONENT_RECEIVER, COMPONENT_EXPORTER };
    struct config *c = t->config;
    size_t n = 0;

    t->doubles =
        mem_zalloc((c->components[COMPONENT_RECEIVER].n + c->components[COMPONENT_EXPORTER].n) * sizeof(*t->doubles));
    for (size_t k = 0; k < ARRAY_LEN(ends); k++)
        for (size_t i = 0; i < c->components[ends[k]].n; i++)
            put_double(&t->doubles[n++], &c->components[ends[k]].v[i]);
    c->n_extensions = 0;
}

/* ---- what a service is ---- */

static void visit_no_pipeline(const struct service_view *v, void (*visit)(const struct view_pipeline *, void *),
                              void *arg)
{
    (void)v;
    (void)visit;
    (void)arg;
}

static void visit_no_extension(const struct service_view *v, void (*visit)(const struct node *, void *), void *arg)
{
    (void)v;
    (void)visit;
    (void)arg;
}

static void init_host(struct trial *t, struct log_sink *log)
{
    uint64_t mib = t->config->service->memory_budget_mib;

    loop_init(&t->loop, true);
    t->loop.random.state = 1;
    budget_init(&t->budget, mib > 0 ? mib * MIB : BUDGET, &t->loop.turn);
    peer_shares_init(&t->peers);
    metrics_init(&t->metrics);
    t->view = (struct service_view){ .phase = SERVICE_READY,
                                     .each_pipeline = visit_no_pipeline,
                                     .each_extension = visit_no_extension };
    log->clock = &t->loop.clock;
    t->host = (struct host){
        .loop = &t->loop,
        .budget = &t->budget,
        .peers = &t->peers,
        .metrics = &t->metrics,
        .level = (enum metric_level)t->config->service->telemetry.metrics.level,
        .log = log,
        .view = &t->view,
        .version = OTELCD_VERSION,
        .alone = true,
    };
}

struct trial *trial_new(struct config *config, bool queues, struct log_sink *log, struct error *err)
{
    struct trial *t = mem_zalloc(sizeof(*t));

    t->config = config;
    t->queues = queues;
    init_host(t, log);
    put_doubles(t);
    if (graph_build(&t->graph, &t->host, config, NULL, err) != 0 || graph_start(t->graph, err) != 0) {
        trial_free(t);
        return NULL;
    }
    turn_run(&t->loop.turn);
    return t;
}

void trial_free(struct trial *t)
{
    if (t->graph != NULL) {
        trial_stop(t);
        graph_free(t->graph);
    }
    for (size_t i = 0; i < t->sent.n; i++) {
        ack_cancel(&t->sent.v[i]->ack);
        free(t->sent.v[i]);
    }
    for (size_t i = 0; i < t->outputs.n; i++)
        trial_output_free(t->outputs.v[i]);
    vec_free(&t->inputs);
    vec_free(&t->outputs);
    vec_free(&t->sent);
    free(t->doubles);
    turn_run(&t->loop.turn);
    t->host.log->clock = NULL;
    peer_shares_free(&t->peers);
    metrics_free(&t->metrics);
    ledger_book_free(&t->host.ledgers);
    loop_close(&t->loop, NULL, NULL);
    free(t);
}

/* ---- time ---- */

void trial_advance(struct trial *t, uint64_t ns)
{
    struct clock *c = &t->loop.clock;
    uint64_t end = ns > UINT64_MAX - c->mono ? UINT64_MAX : c->mono + ns;

    while (clock_next(c) <= end && !t->stopped) {
        clock_advance(c, clock_next(c) > c->mono ? clock_next(c) - c->mono : 0);
        turn_run(&t->loop.turn);
    }
    clock_advance(c, end - c->mono);
    turn_run(&t->loop.turn);
}

static void on_graph_stopped(struct graph *g, void *arg)
{
    struct trial *t = arg;

    (void)g;
    t->stopped = true;
}

void trial_stop(struct trial *t)
{
    struct clock *c = &t->loop.clock;

    if (t->stopping)
        return;
    t->stopping = true;
    graph_stop(t->graph, clock_mono(c) + (uint64_t)t->config->service->shutdown_timeout.ns, on_graph_stopped, t);
    turn_run(&t->loop.turn);
    while (!t->stopped && clock_next(c) != UINT64_MAX) {
        clock_advance(c, clock_next(c) > c->mono ? clock_next(c) - c->mono : 0);
        turn_run(&t->loop.turn);
    }
}

/* ---- in and out ---- */

#define MOST_RESOLVED (64u << 20) /* bytes of a request of profiles whose numbers have become texts */

bool trial_batch(struct trial *t, enum signal signal, struct bytes wire, struct batch **batch, struct error *err)
{
    struct buf resolved = { 0 };
    struct validation v;
    struct block *block;

    if (!otlp_validate(signal, wire, &v)) {
        error_set(err, UV_EINVAL, "%s", v.fault);
        return false;
    }
    if (signal == SIGNAL_PROFILES && profile_strings_resolve(wire, MOST_RESOLVED, &resolved))
        wire = buf_bytes(&resolved);
    block = block_force(&t->budget, wire.len + 1);
    if (wire.len > 0)
        memcpy(block->data, wire.data, wire.len);
    *batch = batch_new(signal, block, bytes_of(block->data, wire.len), v.items, clock_mono(&t->loop.clock));
    buf_free(&resolved);
    return true;
}

static void on_settled(struct ack *ack, const struct outcome *outcome)
{
    static const enum trial_answer answers[] = {
        [VERDICT_SAFE] = TRIAL_ACCEPTED, [VERDICT_REJECT] = TRIAL_REJECTED, [VERDICT_RETRY] = TRIAL_RETRY
    };
    struct sending *s = container_of(ack, struct sending, ack);
    struct trial_verdict *v = &s->verdict;

    v->answer = outcome->rejected > 0 && outcome->verdict == VERDICT_SAFE ? TRIAL_REJECTED : answers[outcome->verdict];
    v->rejected = outcome->rejected;
    snprintf(v->why, sizeof(v->why), "%s", outcome->why);
    if (--s->from->open == 0 && s->from->stopped != NULL)
        s->from->stopped(s->from->node);
}

bool trial_send(struct trial *t, const char *receiver, struct batch *batch, const struct trial_verdict **verdict)
{
    enum signal signal = batch->signal;
    struct input *from = NULL;
    struct sending *s;

    for (size_t i = 0; i < t->inputs.n; i++)
        if (strcmp(t->inputs.v[i].node->id, receiver) == 0 && t->inputs.v[i].node->out[signal] != NULL)
            from = &t->inputs.v[i];
    if (from == NULL || t->stopping) {
        batch_unref(batch);
        return false;
    }
    s = mem_zalloc(sizeof(*s));
    s->from = from;
    from->open++;
    *vec_push(&t->sent) = s;
    *verdict = &s->verdict;
    ack_init(&s->ack, &t->loop.turn, NULL, 0, true, on_settled);
    consumer_send(from->node->out[signal], batch, &s->ack);
    turn_run(&t->loop.turn);
    return true;
}

static struct trial_output *find_output(const struct trial *t, const char *exporter, enum signal signal)
{
    for (size_t i = 0; i < t->outputs.n; i++)
        if (strcmp(t->outputs.v[i]->node->id, exporter) == 0 && t->outputs.v[i]->node->signal == signal)
            return t->outputs.v[i];
    return NULL;
}

struct batch *trial_take(struct trial *t, const char *exporter, enum signal signal)
{
    struct trial_output *o = find_output(t, exporter, signal);

    return o != NULL && o->taken < o->batches.n ? o->batches.v[o->taken++] : NULL;
}

void trial_set_peer(struct trial *t, const char *exporter, enum trial_peer is, uint64_t takes, uint64_t ns)
{
    for (size_t i = 0; i < t->outputs.n; i++) {
        struct trial_output *o = t->outputs.v[i];

        if (strcmp(o->node->id, exporter) != 0)
            continue;
        o->is = is;
        o->takes = takes;
        o->until = ns == 0 ? UINT64_MAX : clock_mono(&t->loop.clock) + ns;
    }
}

uint64_t trial_attempts(const struct trial *t, const char *exporter, enum signal signal)
{
    const struct trial_output *o = find_output(t, exporter, signal);

    return o != NULL ? o->attempts : 0;
}

const struct ledger *trial_exporter_ledger(const struct trial *t, const char *exporter, enum signal signal)
{
    const struct trial_output *o = find_output(t, exporter, signal);

    return o != NULL ? o->node->ledger : NULL;
}

struct budget *trial_budget(struct trial *t)
{
    return &t->budget;
}

uint64_t trial_wall(struct trial *t)
{
    return clock_wall(&t->loop.clock);
}

const struct ledger *trial_ledger(const struct trial *t, const char *pipeline)
{
    for (size_t i = 0; i < t->config->n_pipelines; i++)
        if (strcmp(t->config->pipelines[i].id, pipeline) == 0)
            return &t->graph->pipes[i].entrance->ledger;
    return NULL;
}
