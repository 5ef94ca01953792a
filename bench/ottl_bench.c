/* SPDX-License-Identifier: Apache-2.0 */
/* What conditions and statements cost: records per CPU-second of a walk over batches of 1000 log records, as filter and
 * transform walk them, without what stands around them.
 *
 *     build/release/bench/ottl_bench [name of a case, or all [seconds for each]]
 *
 * With 0 seconds each goes over 100 batches once: for valgrind --tool=callgrind, whose counts are the same each time.
 */
#include "base/loop/turn.h"
#include "base/vec.h"
#include "codec/pb.h"
#include "otlp/fields.h"
#include "otlp/rewrite.h"
#include "otlp/validate.h"
#include "ottl/ottl.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RECORDS 1000u
#define STATEMENTS 10u

static const struct bench_case {
    const char *name;
    bool condition; /* as filter has it: what is true goes */
    const char *text;
    unsigned times; /* so many of it; %u is their number */
} cases[] = {
    { "walk", true, "", 0 },
    { "severity", true, "log.severity_number < SEVERITY_NUMBER_DEBUG", 1 },
    { "attribute", true, "log.attributes[\"user\"] == \"nobody\"", 1 },
    { "ten", false, "set(log.attributes[\"k%u\"], \"x\") where log.severity_number == 3%u", 10 },
    { "set", false, "set(log.attributes[\"k\"], log.severity_text)", 1 },
    { "concat", false,
      "set(log.attributes[\"k\"], Concat([log.attributes[\"http.request.method\"], log.attributes[\"http.route\"]], "
      "\"-\"))",
      1 },
    { "replace_pattern", false, "replace_pattern(log.attributes[\"url.path\"], \"/[0-9]+\", \"/{id}\")", 1 },
};

struct bench {
    const struct bench_case *c;
    struct ottl_evaluation *evaluation;
    struct ottl_program *programs[STATEMENTS];
};

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void put_attribute(struct buf *b, uint32_t field, const char *key, const char *value)
{
    size_t kv = pb_begin(b, field), any;

    pb_put_str(b, OTLP_KEY_VALUE_KEY, key);
    any = pb_begin(b, OTLP_KEY_VALUE_VALUE);
    pb_put_str(b, OTLP_ANY_STRING, value);
    pb_end(b, any);
    pb_end(b, kv);
}

static void put_record(struct buf *b, unsigned i)
{
    size_t record = pb_begin(b, OTLP_SCOPE_GROUP_ITEMS), body;
    char path[40];

    pb_put_fixed64(b, OTLP_LOG_TIME, 1760000000000000000u + i);
    pb_put_uint(b, OTLP_LOG_SEVERITY_NUMBER, 9);
    pb_put_str(b, OTLP_LOG_SEVERITY_TEXT, "INFO");
    body = pb_begin(b, OTLP_LOG_BODY);
    pb_put_str(b, OTLP_ANY_STRING, "order accepted, payment authorised by the provider in 231 ms");
    pb_end(b, body);
    put_attribute(b, OTLP_LOG_ATTRIBUTES, "http.request.method", "POST");
    put_attribute(b, OTLP_LOG_ATTRIBUTES, "http.route", "/api/v1/orders/{id}");
    snprintf(path, sizeof(path), "/api/v1/orders/%u", 80000 + i);
    put_attribute(b, OTLP_LOG_ATTRIBUTES, "url.path", path);
    put_attribute(b, OTLP_LOG_ATTRIBUTES, "user", "somebody");
    put_attribute(b, OTLP_LOG_ATTRIBUTES, "code.function", "shop.orders.accept");
    pb_put_bytes(b, OTLP_LOG_TRACE_ID, bytes_of("0123456789abcdef", 16));
    pb_put_bytes(b, OTLP_LOG_SPAN_ID, bytes_of("01234567", 8));
    pb_put_fixed64(b, OTLP_LOG_OBSERVED_TIME, 1760000000000000000u + i);
    pb_end(b, record);
}

static void put_request(struct buf *b)
{
    size_t group = pb_begin(b, OTLP_REQUEST_RESOURCES), resource = pb_begin(b, OTLP_RESOURCE_GROUP_RESOURCE), scope;

    put_attribute(b, OTLP_RESOURCE_ATTRIBUTES, "service.name", "checkout");
    put_attribute(b, OTLP_RESOURCE_ATTRIBUTES, "service.instance.id", "627cc493-f310-47de-96bd-71410b7dec09");
    pb_end(b, resource);
    scope = pb_begin(b, OTLP_RESOURCE_GROUP_SCOPES);
    for (unsigned i = 0; i < RECORDS; i++)
        put_record(b, i);
    pb_end(b, scope);
    pb_end(b, group);
}

static enum rewrite_verdict on_item(void *arg, const struct visit *at, struct pieces *edit)
{
    struct bench *b = arg;
    struct error err;
    bool held;

    error_clear(&err);
    ottl_begin_visited(b->evaluation, at, 0);
    for (unsigned i = 0; i < b->c->times; i++)
        if (b->c->condition && ottl_test(b->evaluation, b->programs[i], &held, &err) && held)
            return REWRITE_DROP;
        else if (!b->c->condition)
            ottl_run(b->evaluation, b->programs[i], &held, &err);
    if (!(ottl_changed(b->evaluation) & OTTL_CHANGED_ITEM))
        return REWRITE_KEEP;
    pieces_add(edit, ottl_item_now(b->evaluation)->item);
    return REWRITE_EDIT;
}

static void parse_all(struct bench *b)
{
    static const struct ottl_reading log = { .context = OTTL_LOG };
    struct ottl_fault fault;
    char text[300];

    for (unsigned i = 0; i < b->c->times; i++) {
        _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wformat-nonliteral\"")
            snprintf(text, sizeof(text), b->c->text, i, i);
        _Pragma("GCC diagnostic pop") b->programs[i] =
            b->c->condition ? ottl_parse_condition(text, log, &fault) : ottl_parse_statement(text, log, &fault);
        if (b->programs[i] == NULL) {
            fprintf(stderr, "%s: %s\n", text, fault.text);
            exit(EXIT_FAILURE);
        }
    }
}

static void measure(const struct bench_case *c, struct batch *batch, struct budget *budget, double seconds)
{
    struct bench b = { .c = c, .evaluation = ottl_evaluation_new() };
    const struct rewrite_visitor visitor = { .item = on_item, .arg = &b };
    struct rewriter w = { 0 };
    double begun, spent;
    uint64_t batches = 0, dropped;

    parse_all(&b);
    begun = now();
    do {
        for (unsigned i = 0; i < 100; i++, batches++) {
            struct batch *made = rewrite_batch(&w, batch, &visitor, budget, &dropped);

            if (made != NULL)
                batch_unref(made);
        }
        spent = now() - begun;
    } while (spent < seconds);
    printf("%-16s %8.2f M records/s\n", c->name, (double)(batches * RECORDS) / spent / 1e6);
    for (unsigned i = 0; i < c->times; i++)
        ottl_program_free(b.programs[i]);
    ottl_evaluation_free(b.evaluation);
    rewriter_free(&w);
}

int main(int argc, char **argv)
{
    double seconds = argc > 2 ? atof(argv[2]) : 1;
    struct buf request = { 0 };
    struct validation valid;
    struct turn turn;
    struct budget budget;
    struct block *block;
    struct batch *batch;

    turn_init(&turn);
    budget_init(&budget, UINT64_MAX, &turn);
    put_request(&request);
    block = block_force(&budget, request.len);
    memcpy(block->data, request.data, request.len);
    batch = batch_new(SIGNAL_LOGS, block, bytes_of(block->data, request.len), RECORDS, 0);
    batch->ordered = otlp_validate(SIGNAL_LOGS, buf_bytes(&request), &valid) && valid.ordered;
    printf("%zu bytes for each of %u records\n", request.len / RECORDS, RECORDS);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (argc < 2 || strcmp(argv[1], "all") == 0 || strcmp(argv[1], cases[i].name) == 0)
            measure(&cases[i], batch, &budget, seconds);
    batch_unref(batch);
    buf_free(&request);
    return EXIT_SUCCESS;
}
