/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rig/processor_rig.h"

#include "base/mem.h"
#include "codec/pb.h"
#include "config/decode.h"
#include "config/fault.h"
#include "otlp/fields.h"
#include "otlp/json.h"
#include "otlp/validate.h"
#include "pipeline/ledger/ledger_tap.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define SETTLE_TURNS 20u

struct sender {
    struct ack ack;
    struct processor_rig *rig;
};

static void on_batch(struct sink *s, const struct batch *b)
{
    struct processor_rig *r = s->arg;
    struct buf wire = { 0 };
    struct validation v;
    struct error err;

    for (uint32_t i = 0; i < b->n_segments; i++)
        buf_append(&wire, b->segments[i].data, b->segments[i].len);
    ck_assert_msg(otlp_validate(b->signal, buf_bytes(&wire), &v), "%s", v.fault);
    ck_assert_uint_eq(v.items, b->items);
    ck_assert_int_eq(wire_to_json(signal_table[b->signal].request, buf_bytes(&wire), &r->out, &err), 0);
    buf_putc(&r->out, '\n');
    buf_free(&wire);
}

void processor_rig_init(struct processor_rig *r, const struct component *component, enum signal from, enum signal to,
                        const char *yaml)
{
    struct faults faults = { 0 };
    void *config;

    *r = (struct processor_rig){ .component = component };
    rig_init(&r->rig, 1);
    ledger_init(&r->ledger, "pipeline", "test", from);
    sink_init(&r->sink);
    r->sink.on_batch = on_batch;
    r->sink.arg = r;
    config = arena_zalloc(&r->arena, component->config_size + 1);
    decode_struct(&r->arena, component->options, yaml_read(&r->arena, bytes_str(yaml), "test", 1, 1, &faults), "",
                  config, &faults);
    ck_assert_msg(faults.list.n == 0, "%s", faults.list.n > 0 ? faults.list.v[0].text : "");
    faults_free(&faults);
    r->node = rig_node(&r->rig, component, config, from, &r->ledger, &r->sink.in);
    r->node->out[to] = &r->sink.in;
    r->tap = ledger_tap_new(&r->rig.loop.turn, &r->ledger, &r->node->in);
}

void processor_rig_stop(struct processor_rig *r)
{
    if (r->component->stop != NULL)
        rig_stop(r->node, UINT64_MAX, &r->stopped);
    else
        r->stopped = true;
    for (unsigned i = 0; i < 100 && !r->stopped; i++)
        turn_run(&r->rig.loop.turn);
    ck_assert(r->stopped);
}

void processor_rig_close(struct processor_rig *r)
{
    if (!r->stopped)
        processor_rig_stop(r);
    turn_run(&r->rig.loop.turn);
    ck_assert(ledger_sums(&r->ledger));
    ck_assert_uint_eq(r->ledger.held, 0);
    ck_assert_uint_eq(r->answered, r->asked);
    rig_destroy(r->node);
    ledger_tap_free(r->tap);
    sink_close(&r->sink);
    ledger_free(&r->ledger);
    buf_free(&r->out);
    arena_free(&r->arena);
    rig_close(&r->rig);
}

static void on_settled(struct ack *ack, const struct outcome *outcome)
{
    struct sender *s = container_of(ack, struct sender, ack);

    s->rig->verdict = outcome->verdict;
    s->rig->answered++;
    s->rig->retries += outcome->verdict == VERDICT_RETRY;
    free(s);
}

void processor_rig_send_batch(struct processor_rig *r, struct batch *batch)
{
    struct sender *s = mem_zalloc(sizeof(*s));

    s->rig = r;
    r->asked++;
    ack_init(&s->ack, &r->rig.loop.turn, NULL, 0, true, on_settled);
    consumer_send(r->tap, batch, &s->ack);
    turn_run(&r->rig.loop.turn);
    ck_assert(ledger_sums(&r->ledger));
}

static void send_items(struct processor_rig *r, struct bytes wire, uint64_t items, bool ordered)
{
    struct block *block = block_force(&r->rig.budget, wire.len + 1);
    struct batch *batch;

    if (wire.len > 0)
        memcpy(block->data, wire.data, wire.len);
    batch = batch_new(r->ledger.signal, block, bytes_of(block->data, wire.len), items, clock_mono(&r->rig.loop.clock));
    batch->ordered = ordered;
    processor_rig_send_batch(r, batch);
}

void processor_rig_send_wire(struct processor_rig *r, struct bytes wire)
{
    struct validation v;

    ck_assert_msg(otlp_validate(r->ledger.signal, wire, &v), "%s", v.fault);
    send_items(r, wire, v.items, v.ordered);
}

void processor_rig_send(struct processor_rig *r, const char *json)
{
    struct buf text = { 0 }, wire = { 0 };
    struct error err;

    for (const char *p = json; *p != '\0'; p++)
        buf_putc(&text, *p == '\'' ? '"' : *p);
    ck_assert_msg(json_to_wire(signal_table[r->ledger.signal].request, buf_bytes(&text), 1 << 24, &wire, &err) == 0,
                  "%s\n%s", err.text, json);
    processor_rig_send_wire(r, buf_bytes(&wire));
    buf_free(&text);
    buf_free(&wire);
}

void processor_rig_send_two_data(struct processor_rig *r, const char *name)
{
    static const uint32_t parts[] = { OTLP_METRIC_HISTOGRAM, OTLP_METRIC_SUM };
    const double bounds[] = { 1, 2, 3 };
    struct buf b = { 0 };
    size_t resource = pb_begin(&b, OTLP_REQUEST_RESOURCES), scope = pb_begin(&b, OTLP_RESOURCE_GROUP_SCOPES);
    size_t metric = pb_begin(&b, OTLP_SCOPE_GROUP_ITEMS);

    pb_put_str(&b, OTLP_METRIC_NAME, name);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        size_t data = pb_begin(&b, parts[i]), point = pb_begin(&b, OTLP_DATA_POINTS);

        if (parts[i] == OTLP_METRIC_HISTOGRAM)
            pb_put_bytes(&b, OTLP_HISTOGRAM_BOUNDS, bytes_of(bounds, sizeof(bounds)));
        else
            pb_put_fixed64(&b, OTLP_NUMBER_INT, 5);
        pb_end(&b, point);
        pb_put_uint(&b, OTLP_DATA_TEMPORALITY, OTLP_TEMPORALITY_CUMULATIVE);
        if (parts[i] == OTLP_METRIC_SUM)
            pb_put_uint(&b, OTLP_DATA_MONOTONIC, 1);
        pb_end(&b, data);
    }
    pb_end(&b, metric);
    pb_end(&b, scope);
    pb_end(&b, resource);
    send_items(r, buf_bytes(&b), 2, false);
    buf_free(&b);
}

void processor_rig_send_metric(struct processor_rig *r, const char *json)
{
    char *request = mem_printf("{'resourceMetrics':[{'scopeMetrics':[{'metrics':[%s]}]}]}", json);

    processor_rig_send(r, request);
    free(request);
}

void processor_rig_pass(struct processor_rig *r, uint64_t ns)
{
    clock_advance(&r->rig.loop.clock, ns);
    turn_run(&r->rig.loop.turn);
    ck_assert(ledger_sums(&r->ledger));
}

void processor_rig_settle(struct processor_rig *r, uint64_t ns)
{
    processor_rig_pass(r, ns);
    for (unsigned i = 0; i < SETTLE_TURNS; i++)
        processor_rig_pass(r, 0);
}

const char *processor_rig_out(struct processor_rig *r)
{
    const char *text = buf_cstr(&r->out);

    r->out.len = 0;
    return text;
}

uint64_t processor_rig_dropped(const struct processor_rig *r, const char *reason)
{
    for (size_t i = 0; i < r->ledger.dropped.n; i++)
        if (strcmp(r->ledger.dropped.v[i].reason, reason) == 0)
            return r->ledger.dropped.v[i].items;
    return 0;
}

unsigned occurrences(const char *text, const char *part)
{
    unsigned n = 0;

    for (const char *p = text; (p = strstr(p, part)) != NULL; p += strlen(part))
        n++;
    return n;
}
