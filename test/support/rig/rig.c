/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rig/rig.h"

#include "base/mem.h"

#include <check.h>
#include <stdarg.h>
#include <stdlib.h>

void rig_init(struct rig *r, uint64_t seed)
{
    *r = (struct rig){ .random = seed * 2654435761u + 1 };
    loop_init(&r->loop, true);
    budget_init(&r->budget, UINT64_MAX, &r->loop.turn);
    metrics_init(&r->metrics);
    log_sink_init(&r->log);
    r->log.level = LOG_OFF;
    r->log.clock = &r->loop.clock;
    r->host = (struct host){
        .loop = &r->loop,
        .budget = &r->budget,
        .metrics = &r->metrics,
        .level = LEVEL_DETAILED,
        .log = &r->log,
        .version = "test",
        .instance_id = "rig",
    };
}

void rig_step(struct rig *r, uint64_t ns)
{
    clock_advance(&r->loop.clock, ns);
    uv_run(&r->loop.uv, UV_RUN_NOWAIT);
    turn_run(&r->loop.turn);
}

void rig_close(struct rig *r)
{
    ck_assert_uint_eq(r->budget.used, 0);
    ck_assert(r->loop.turn.head == NULL);
    metrics_free(&r->metrics);
    ledger_book_free(&r->host.ledgers);
    log_sink_close(&r->log);
    ck_assert_int_eq(loop_close(&r->loop, NULL, NULL), 0);
}

/* xorshift64*: enough for tests. */
uint64_t rig_random(struct rig *r, uint64_t below)
{
    r->random ^= r->random >> 12;
    r->random ^= r->random << 25;
    r->random ^= r->random >> 27;
    return (r->random * 0x2545f4914f6cdd1dull >> 33) % below;
}

static size_t varint(uint8_t *at, uint64_t v)
{
    size_t n = 0;

    for (; v >= 0x80; v >>= 7)
        at[n++] = (uint8_t)(v | 0x80);
    at[n++] = (uint8_t)v;
    return n;
}

static size_t varint_size(uint64_t v)
{
    uint8_t scratch[10];

    return varint(scratch, v);
}

/* resource_logs { scope_logs { log_records { body { bytes_value: one byte } } ... } } */
struct batch *rig_logs(struct rig *r, unsigned first, uint64_t items)
{
    const size_t record = 7; /* 12 05 2a 03 3a 01 XX */
    size_t scope = items * record, resource = 1 + varint_size(scope) + scope, at = 0;
    struct block *b = block_force(&r->budget, 1 + varint_size(resource) + resource);

    b->data[at++] = 0x0a;
    at += varint(b->data + at, resource);
    b->data[at++] = 0x12;
    at += varint(b->data + at, scope);
    for (uint64_t i = 0; i < items; i++, at += record)
        memcpy(b->data + at, (const uint8_t[]){ 0x12, 5, 0x2a, 3, 0x3a, 1, (uint8_t)(first + i) }, record);
    ck_assert_uint_eq(at, b->cap);
    return batch_new(SIGNAL_LOGS, b, bytes_of(b->data, at), items, clock_mono(&r->loop.clock));
}

double rig_metric(struct rig *r, const char *name, ...)
{
    metrics_collect(&r->metrics);
    for (size_t i = 0; i < r->metrics.families.n; i++) {
        const struct metric_family *f = r->metrics.families.v[i];

        if (strcmp(f->row->name, name) != 0)
            continue;
        for (size_t k = 0; k < f->members.n; k++) {
            const struct metric *x = f->members.v[k];
            bool same = x->touched;
            size_t n = 0;
            va_list args;

            va_start(args, name);
            for (const char *key; (key = va_arg(args, const char *)) != NULL; n++) {
                const char *value = va_arg(args, const char *);

                same = same && n < x->n_labels && strcmp(x->labels[n].name, key) == 0 &&
                       strcmp(x->labels[n].value, value) == 0;
            }
            va_end(args);
            if (same && n == x->n_labels)
                return f->row->type == METRIC_HISTOGRAM ? (double)x->count : x->value;
        }
    }
    return -1;
}

struct node *rig_node(struct rig *r, const struct component *component, const void *config, enum signal signal,
                      struct ledger *ledger, struct consumer *out)
{
    struct node *node = mem_zalloc(component->node_size);
    struct error err = { 0 };

    node->component = component;
    node->id = component->type;
    node->signal = signal;
    node->pipeline = component->kind == COMPONENT_PROCESSOR ? "logs" : NULL;
    node->host = &r->host;
    node->log = (struct logger){ .sink = &r->log };
    node->ledger = ledger;
    node->out[signal] = out;
    node->ends = r->ends;
    node->n_ends = r->n_ends;
    ck_assert_msg(node_create(node, config, &err) == 0, "%s", err.text);
    if (component->start != NULL)
        ck_assert_msg(component->start(node, &err) == 0, "%s", err.text);
    return node;
}

static bool *stop_flag;

static void on_stopped(struct node *node)
{
    (void)node;
    ck_assert(!*stop_flag);
    *stop_flag = true;
}

void rig_stop(struct node *node, uint64_t deadline, bool *stopped)
{
    stop_flag = stopped;
    if (node->component->stop == NULL)
        *stopped = true;
    else
        node->component->stop(node, deadline, on_stopped);
}

void rig_destroy(struct node *node)
{
    if (node->component->destroy != NULL)
        node->component->destroy(node);
    free(node);
}
