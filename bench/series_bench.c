/* SPDX-License-Identifier: Apache-2.0 */
/* Points merged and series shown, on one core: `series_bench [series]...` (10000, 100000 and 1000000). Counters of
 * three attributes, as SDKs send them, 1000 points to a request of 130 kB. Prints points a second into new and known
 * series, memory for each series, the longest request, and for each format the time of a scrape and of its longest
 * slice. */
#include "base/mem.h"
#include "codec/pb.h"
#include "prom/endpoint/series_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define POINTS 1000
#define SLICE 65536 /* bytes that a scrape asks for at once */
#define START 1760000000000000000ull

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* what others do on this core is none of our business */
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double resident(void)
{
    long pages = 0, unused;
    FILE *f = fopen("/proc/self/statm", "r");

    if (f == NULL || fscanf(f, "%ld %ld", &unused, &pages) != 2)
        pages = 0;
    if (f != NULL)
        fclose(f);
    return (double)pages * 4096;
}

static void put_attribute(struct buf *b, uint32_t field, const char *key, const char *value)
{
    size_t outer = pb_begin(b, field), inner;

    pb_put_str(b, 1, key);
    inner = pb_begin(b, 2);
    pb_put_str(b, 1, value);
    pb_end(b, inner);
    pb_end(b, outer);
}

static void put_point(struct buf *b, unsigned n, unsigned user, uint64_t time)
{
    size_t point = pb_begin(b, 1);
    char text[32];

    pb_put_fixed64(b, 2, START);
    pb_put_fixed64(b, 3, time);
    pb_put_fixed64(b, 6, n * 7919 + 100000);
    put_attribute(b, 7, "http.route", "/api/v1/carts/{id}/items");
    put_attribute(b, 7, "http.method", "GET");
    snprintf(text, sizeof(text), "u@@%06u-%08u", n, user);
    put_attribute(b, 7, "user", text);
    pb_end(b, point);
}

static void put_resource(struct buf *b)
{
    static const char *const attributes[][2] = {
        { "service.name", "checkout" },
        { "service.instance.id", "627cc493-f310-47de-96bd-71410b7dec09" },
        { "service.version", "1.14.2" },
        { "telemetry.sdk.language", "go" },
        { "telemetry.sdk.name", "opentelemetry" },
        { "host.name", "ip-10-0-12-33.eu-central-1.compute.internal" },
    };
    size_t resource = pb_begin(b, 1);

    for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
        put_attribute(b, 1, attributes[i][0], attributes[i][1]);
    pb_end(b, resource);
}

static void put_request(struct buf *b, unsigned first, uint64_t time)
{
    size_t rm, sm, scope, metric, sum;
    char name[64];

    rm = pb_begin(b, 1);
    put_resource(b);
    sm = pb_begin(b, 2);
    scope = pb_begin(b, 1);
    pb_put_str(b, 1, "checkout/http");
    pb_end(b, scope);
    for (unsigned m = 0; m < 10; m++) {
        metric = pb_begin(b, 2);
        snprintf(name, sizeof(name), "http.server.request.count.%u", m);
        pb_put_str(b, 1, name);
        pb_put_str(b, 2, "Requests served");
        pb_put_str(b, 3, "{request}");
        sum = pb_begin(b, 7);
        for (unsigned i = 0; i < POINTS / 10; i++)
            put_point(b, m * POINTS / 10 + i, first + m * POINTS / 10 + i, time);
        pb_put_uint(b, 2, 2);
        pb_put_uint(b, 3, 1);
        pb_end(b, sum);
        pb_end(b, metric);
    }
    pb_end(b, sm);
    pb_end(b, rm);
}

static struct batch *make_batch(unsigned first, uint64_t time)
{
    struct buf b = { 0 };
    struct block *block;

    put_request(&b, first, time);
    block = block_force(NULL, b.len);
    memcpy(block->data, b.data, b.len);
    buf_free(&b);
    return batch_new(SIGNAL_METRICS, block, bytes_of(block->data, block->cap), POINTS, 0);
}

static void take_all(struct series_store *s, struct batch **batches, unsigned n, unsigned rounds, const char *what)
{
    double began = now(), longest = 0, total;

    for (unsigned r = 0; r < rounds; r++)
        for (unsigned i = 0; i < n; i++) {
            struct series_result result;
            double t = now();

            series_store_take(s, batches[i], &result);
            t = now() - t;
            longest = t > longest ? t : longest;
            if (result.rejected != 0)
                printf("rejected %llu: %s\n", (unsigned long long)result.rejected, result.reasons[0].reason);
        }
    total = now() - began;
    printf("  %-8s %8.2f M points/s  %6.1f ns each  longest request %.3f ms\n", what,
           (double)n * rounds * POINTS / total / 1e6, total / ((double)n * rounds * POINTS) * 1e9, longest * 1000);
}

static bool claim(void *arg, struct bytes name, enum family_type type)
{
    (void)arg, (void)name, (void)type;
    return true;
}

static void scrape(struct series_store *store, enum encoder_format format, const char *what)
{
    struct series_source s;
    struct buf out = { 0 };
    struct encoder e;
    double began = now(), longest = 0, total;
    size_t bytes = 0;
    void *cursor;
    bool more = true;

    series_source_init(&s, "bench", store);
    cursor = s.source.open(&s.source);
    encoder_init(&e, format, NAME_ESCAPE_UNDERSCORES, &out);
    while (more) {
        double t = now();

        more = s.source.write(&s.source, cursor, &e, SLICE, claim, NULL);
        bytes += out.len;
        out.len = 0;
        t = now() - t;
        longest = t > longest ? t : longest;
    }
    s.source.close(&s.source, cursor);
    total = now() - began;
    printf("  scrape   %8.3f s  %s, %.0f MB, longest slice %.3f ms\n", total, what, (double)bytes / 1e6,
           longest * 1000);
    encoder_free(&e);
    buf_free(&out);
}

static void run(unsigned series)
{
    struct series_options options = { .translation = { .scope_labels = true }, .expiration = 300 * NS_PER_S };
    unsigned n = series / POINTS, rounds = 4000000 / series + 1;
    struct batch **batches = mem_alloc(n * sizeof(struct batch *));
    struct series_store s;
    struct budget budget;
    struct clock clock;
    struct turn turn;
    double before;

    turn_init(&turn);
    clock_init(&clock, true);
    budget_init(&budget, UINT64_MAX, &turn);
    for (unsigned i = 0; i < n; i++)
        batches[i] = make_batch(i * POINTS, START + 1);
    printf("%u series, requests of %zu bytes\n", series, batches[0]->segments[0].len);
    before = resident();
    series_store_init(&s, &options, &clock, &budget);
    take_all(&s, batches, n, 1, "new");
    printf("  memory   %8.0f bytes resident each, %.0f charged\n", (resident() - before) / series,
           (double)budget.used / series);
    take_all(&s, batches, n, rounds, "known");
    scrape(&s, ENCODER_TEXT, "text 0.0.4");
    scrape(&s, ENCODER_OPENMETRICS, "OpenMetrics");
    scrape(&s, ENCODER_PROTOBUF, "protobuf");
    series_store_free(&s);
    for (unsigned i = 0; i < n; i++)
        batch_unref(batches[i]);
    free(batches);
    clock_free(&clock);
}

int main(int argc, char **argv)
{
    static const unsigned usual[] = { 10000, 100000, 1000000 };

    for (int i = 1; i < argc; i++)
        run((unsigned)strtoul(argv[i], NULL, 10));
    for (size_t i = 0; argc < 2 && i < ARRAY_LEN(usual); i++)
        run(usual[i]);
    return 0;
}
