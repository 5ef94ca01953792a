/* SPDX-License-Identifier: Apache-2.0 */
/* Deltas added up by the delta_to_cumulative processor, on one core: `delta_bench [stream]...` (1000 and 100000), 1000
 * points of three attributes to a request, as SDKs send them. Prints points a second that pass the processor, from the
 * batch that comes to the batch that goes on. What receiving them costs comes on top. */
#include "base/mem.h"
#include "codec/pb.h"
#include "pipeline/component.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define POINTS 1000u
#define START 1760000000000000000ull
#define ROUNDS 2000000u /* points */

extern const struct component delta_to_cumulative_processor;

static uint64_t passed;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void put_attribute(struct buf *b, const char *key, const char *value)
{
    size_t outer = pb_begin(b, 7), inner;

    pb_put_str(b, 1, key);
    inner = pb_begin(b, 2);
    pb_put_str(b, 1, value);
    pb_end(b, inner);
    pb_end(b, outer);
}

static void put_point(struct buf *b, unsigned user, uint64_t time)
{
    size_t point = pb_begin(b, 1);
    char text[32];

    pb_put_fixed64(b, 2, time - 1);
    pb_put_fixed64(b, 3, time);
    pb_put_fixed64(b, 6, 7);
    put_attribute(b, "http.route", "/api/v1/carts/{id}/items");
    put_attribute(b, "http.method", "GET");
    snprintf(text, sizeof(text), "user-%08u", user);
    put_attribute(b, "user", text);
    pb_end(b, point);
}

static struct batch *make_batch(unsigned first, uint64_t time)
{
    struct buf b = { 0 };
    size_t resource = pb_begin(&b, 1), scope = pb_begin(&b, 2), metric = pb_begin(&b, 2), sum;
    struct block *block;

    pb_put_str(&b, 1, "http.server.requests");
    sum = pb_begin(&b, 7);
    for (unsigned i = 0; i < POINTS; i++)
        put_point(&b, first + i, time);
    pb_put_uint(&b, 2, 1);
    pb_put_uint(&b, 3, 1);
    pb_end(&b, sum);
    pb_end(&b, metric);
    pb_end(&b, scope);
    pb_end(&b, resource);
    block = block_force(NULL, b.len);
    memcpy(block->data, b.data, b.len);
    buf_free(&b);
    return batch_new(SIGNAL_METRICS, block, bytes_of(block->data, block->cap), POINTS, 0);
}

static void take_out(struct consumer *self, struct batch *batch, struct ack *ack)
{
    (void)self;
    passed += batch->items;
    batch_unref(batch);
    ack_safe(ack);
}

static void on_settled(struct ack *ack, const struct outcome *outcome)
{
    (void)ack;
    (void)outcome;
}

/* Only what the processor does is measured: the batches are made outside. */
static double run(struct node *node, struct loop *loop, unsigned streams)
{
    uint64_t time = START;
    double spent = 0;

    for (unsigned done = 0; done < ROUNDS + streams; done += POINTS) {
        struct batch *batch = make_batch(done % streams, time += done % streams == 0);
        struct ack ack;
        double began = now();

        ack_init(&ack, &loop->turn, NULL, POINTS, true, on_settled);
        consumer_send(&node->in, batch, &ack);
        turn_run(&loop->turn);
        spent += done >= streams ? now() - began : 0; /* streams are known by then */
    }
    return spent / ROUNDS;
}

static void measure(unsigned streams)
{
    const struct {
        duration max_stale;
        int64_t max_streams;
    } config = { { 300 * (int64_t)NS_PER_S }, INT64_MAX };
    struct loop loop;
    struct budget budget;
    struct metrics metrics;
    struct consumer out = { take_out };
    struct host host = { .loop = &loop, .budget = &budget, .metrics = &metrics, .level = LEVEL_NORMAL };
    struct node *node = mem_zalloc(delta_to_cumulative_processor.node_size);
    struct error err;
    double each;

    loop_init(&loop, true);
    budget_init(&budget, UINT64_MAX, &loop.turn);
    metrics_init(&metrics);
    node->component = &delta_to_cumulative_processor;
    node->id = "delta_to_cumulative";
    node->signal = SIGNAL_METRICS;
    node->host = &host;
    node->out[SIGNAL_METRICS] = &out;
    delta_to_cumulative_processor.create(node, &config, &err);
    passed = 0;
    each = run(node, &loop, streams);
    printf("%8u streams  %8.2f M points/s  %6.1f ns each%s\n", streams, 1e-6 / each, each * 1e9,
           passed == ROUNDS + streams ? "" : "  and not all came through");
    delta_to_cumulative_processor.destroy(node);
    free(node);
    metrics_free(&metrics);
    loop_close(&loop, NULL, NULL);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        measure(1000);
        measure(100000);
    }
    for (int i = 1; i < argc; i++)
        measure((unsigned)atoi(argv[i]));
    return 0;
}
