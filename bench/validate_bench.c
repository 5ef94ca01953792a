/* SPDX-License-Identifier: Apache-2.0 */
/* How fast a request is checked: MB/s and items/s of otlp_validate over requests like those of the end-to-end bench.
 *
 *     build/release/bench/validate_bench [seconds per case]
 */
#include "codec/pb.h"
#include "otlp/validate.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void put_attribute(struct buf *b, uint32_t field, const char *key, const char *value)
{
    size_t kv = pb_begin(b, field), any;

    pb_put_str(b, 1, key);
    any = pb_begin(b, 2);
    pb_put_str(b, 1, value);
    pb_end(b, any);
    pb_end(b, kv);
}

static void put_resource(struct buf *b)
{
    size_t m = pb_begin(b, 1);

    put_attribute(b, 1, "service.name", "checkout");
    put_attribute(b, 1, "service.instance.id", "checkout-6d5f7c9b8-x2x7k");
    put_attribute(b, 1, "telemetry.sdk.language", "go");
    pb_end(b, m);
}

static void put_scope(struct buf *b)
{
    size_t m = pb_begin(b, 1);

    pb_put_str(b, 1, "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp");
    pb_put_str(b, 2, "0.49.0");
    pb_end(b, m);
}

static void put_span(struct buf *b)
{
    size_t span = pb_begin(b, 2);

    pb_put_bytes(b, 1, bytes_of("0123456789abcdef", 16));
    pb_put_bytes(b, 2, bytes_of("01234567", 8));
    pb_put_bytes(b, 4, bytes_of("76543210", 8));
    pb_put_str(b, 5, "GET /api/v1/products/{id}");
    pb_put_uint(b, 6, 2);
    pb_put_fixed64(b, 7, 1544712660000000000u);
    pb_put_fixed64(b, 8, 1544712661000000000u);
    put_attribute(b, 9, "http.request.method", "GET");
    put_attribute(b, 9, "url.path", "/api/v1/products/OLJCESPC7Z");
    put_attribute(b, 9, "server.address", "checkout.shop.svc.cluster.local");
    put_attribute(b, 9, "user_agent.original",
                  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
                  "Chrome/120.0.0.0 Safari/537.36");
    put_attribute(b, 9, "network.protocol.version", "1.1");
    pb_end(b, span);
}

static void put_point(struct buf *b, unsigned i)
{
    char id[24];
    size_t point = pb_begin(b, 1);

    snprintf(id, sizeof(id), "host-%05u", i);
    pb_put_fixed64(b, 2, 1544712660000000000u);
    pb_put_fixed64(b, 3, 1544712661000000000u);
    pb_put_double(b, 4, i * 1.5);
    put_attribute(b, 7, "host.name", id);
    put_attribute(b, 7, "http.route", "/api/v1/products/{id}");
    put_attribute(b, 7, "http.status_code", "200");
    pb_end(b, point);
}

static void put_log(struct buf *b)
{
    size_t record = pb_begin(b, 2), body;

    pb_put_fixed64(b, 1, 1544712660000000000u);
    pb_put_uint(b, 2, 9);
    pb_put_str(b, 3, "INFO");
    body = pb_begin(b, 5);
    pb_put_str(b, 1, "order placed: id=8f2c1d user=4711 amount=129.95 EUR, shipping to the address on file");
    pb_end(b, body);
    put_attribute(b, 6, "code.function", "(*Server).PlaceOrder");
    put_attribute(b, 6, "code.filepath", "/src/checkout/server.go");
    put_attribute(b, 6, "thread.name", "worker-7");
    pb_put_bytes(b, 9, bytes_of("0123456789abcdef", 16));
    pb_put_bytes(b, 10, bytes_of("01234567", 8));
    pb_end(b, record);
}

static void put_request(struct buf *b, enum signal s, unsigned n)
{
    size_t resource = pb_begin(b, 1), scope, metric = 0, gauge = 0;

    put_resource(b);
    scope = pb_begin(b, 2);
    put_scope(b);
    if (s == SIGNAL_METRICS) {
        metric = pb_begin(b, 2);
        pb_put_str(b, 1, "http.server.active_requests");
        gauge = pb_begin(b, 5);
    }
    for (unsigned i = 0; i < n; i++)
        s == SIGNAL_TRACES ? put_span(b) : s == SIGNAL_METRICS ? put_point(b, i) : put_log(b);
    if (s == SIGNAL_METRICS) {
        pb_end(b, gauge);
        pb_end(b, metric);
    }
    pb_end(b, scope);
    pb_end(b, resource);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 1.0;
    static const struct {
        enum signal signal;
        unsigned n;
    } cases[] = { { SIGNAL_TRACES, 100 }, { SIGNAL_METRICS, 1000 }, { SIGNAL_LOGS, 1000 }, { SIGNAL_LOGS, 10 } };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf b = { 0 };
        struct validation v;
        double start, t;
        uint64_t rounds = 0;

        put_request(&b, cases[i].signal, cases[i].n);
        start = now();
        do {
            for (int k = 0; k < 100; k++, rounds++)
                if (!otlp_validate(cases[i].signal, buf_bytes(&b), &v) || v.items != cases[i].n) {
                    fprintf(stderr, "%s: %s\n", signal_table[cases[i].signal].name, v.fault);
                    return 1;
                }
            t = now() - start;
        } while (t < seconds);
        printf("%-8s %5u items %7zu bytes: %7.0f MB/s %6.2f M items/s\n", signal_table[cases[i].signal].name,
               cases[i].n, b.len, (double)rounds * (double)b.len / t / 1e6, (double)rounds * cases[i].n / t / 1e6);
        buf_free(&b);
    }
    return 0;
}
