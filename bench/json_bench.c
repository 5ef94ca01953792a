/* SPDX-License-Identifier: Apache-2.0 */
/* MB/s of JSON text, one core: requests of 100 spans, 1000 gauge points and 1000 log records, as SDKs write them, to
 * wire bytes and back. */
#include "otlp/json.h"
#include "otlp/signal.h"
#include "otlp/validate.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t random_state = 88172645463325252u;

static unsigned long long next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

static void put_attributes(struct buf *b, unsigned i)
{
    buf_printf(b,
               "\"attributes\":[{\"key\":\"http.request.method\",\"value\":{\"stringValue\":\"GET\"}},"
               "{\"key\":\"url.path\",\"value\":{\"stringValue\":\"/api/v1/users/%llu\"}},"
               "{\"key\":\"server.address\",\"value\":{\"stringValue\":\"backend-%u.example.internal\"}},",
               next_random() % 10000, i % 7);
    buf_printf(b,
               "{\"key\":\"http.response.status_code\",\"value\":{\"intValue\":\"%u\"}},"
               "{\"key\":\"network.protocol.version\",\"value\":{\"stringValue\":\"1.1\"}}]",
               i % 10 ? 200u : 500u);
}

static void put_resource(struct buf *b, const char *scopes, const char *items)
{
    buf_printf(b,
               "\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"checkout\"}},"
               "{\"key\":\"host.name\",\"value\":{\"stringValue\":\"node-17\"}}]},\"%s\":[{\"scope\":{\"name\":"
               "\"bench\",\"version\":\"1.0\"},\"%s\":[",
               scopes, items);
}

static void make_spans(struct buf *b)
{
    buf_puts(b, "{\"resourceSpans\":[{");
    put_resource(b, "scopeSpans", "spans");
    for (unsigned i = 0; i < 100; i++) {
        unsigned long long start = 1700000000000000000u + i * 1000003u;

        buf_printf(b, "%s{\"traceId\":\"%016llx%016llx\",\"spanId\":\"%016llx\",\"name\":\"GET /api/v1/users/{id}\",",
                   i ? "," : "", next_random(), next_random(), next_random());
        buf_printf(b, "\"kind\":2,\"startTimeUnixNano\":\"%llu\",\"endTimeUnixNano\":\"%llu\",", start,
                   start + next_random() % 10000000);
        put_attributes(b, i);
        buf_puts(b, ",\"status\":{\"code\":1}}");
    }
    buf_puts(b, "]}]}]}");
}

static void make_points(struct buf *b)
{
    buf_puts(b, "{\"resourceMetrics\":[{");
    put_resource(b, "scopeMetrics", "metrics");
    buf_puts(b, "{\"name\":\"http.server.duration\",\"unit\":\"s\",\"gauge\":{\"dataPoints\":[");
    for (unsigned i = 0; i < 1000; i++) {
        buf_printf(b, "%s{\"startTimeUnixNano\":\"1700000000000000000\",\"timeUnixNano\":\"1700000060000000000\",",
                   i ? "," : "");
        buf_printf(b, "\"asDouble\":%.17g,", (double)(next_random() % 1000000) / (i % 2 ? 1000 : 997));
        put_attributes(b, i);
        buf_puts(b, "}");
    }
    buf_puts(b, "]}}]}]}]}");
}

static void make_records(struct buf *b)
{
    buf_puts(b, "{\"resourceLogs\":[{");
    put_resource(b, "scopeLogs", "logRecords");
    for (unsigned i = 0; i < 1000; i++) {
        buf_printf(b, "%s{\"timeUnixNano\":\"%llu\",\"severityNumber\":9,\"severityText\":\"INFO\",", i ? "," : "",
                   1700000000000000000ull + i * 1000003u);
        buf_printf(b, "\"body\":{\"stringValue\":\"request %u from \\\"%llu\\\" was served\\n\"},", i, next_random());
        put_attributes(b, i);
        buf_puts(b, "}");
    }
    buf_puts(b, "]}]}]}");
}

static void check(bool ok, const char *text)
{
    if (ok)
        return;
    fprintf(stderr, "%s\n", text);
    exit(1);
}

static void bench(enum signal signal, const struct buf *text)
{
    const struct signal_info *info = &signal_table[signal];
    unsigned runs = (unsigned)(300000000 / text->len) + 1;
    struct buf wire = { 0 }, again = { 0 };
    struct validation v = { 0 };
    struct error err = { 0 };
    double t = now(), to_wire, to_json;

    for (unsigned i = 0; i < runs; i++) {
        wire.len = 0;
        check(json_to_wire(info->request, buf_bytes(text), SIZE_MAX, &wire, &err) == 0, err.text);
    }
    to_wire = now() - t;
    check(otlp_validate(signal, buf_bytes(&wire), &v), v.fault);
    t = now();
    for (unsigned i = 0; i < runs; i++) {
        again.len = 0;
        check(wire_to_json(info->request, buf_bytes(&wire), &again, &err) == 0, err.text);
    }
    to_json = now() - t;
    printf(
        "%-8s %7zu bytes of JSON, %6zu of protobuf, %4llu items: read %5.0f MB/s (%.2f M items/s), write %5.0f MB/s\n",
        info->name, text->len, wire.len, (unsigned long long)v.items, (double)text->len * runs / to_wire / 1e6,
        (double)v.items * runs / to_wire / 1e6, (double)again.len * runs / to_json / 1e6);
    buf_free(&wire);
    buf_free(&again);
}

int main(void)
{
    struct buf text = { 0 };

    make_spans(&text);
    bench(SIGNAL_TRACES, &text);
    text.len = 0;
    make_points(&text);
    bench(SIGNAL_METRICS, &text);
    text.len = 0;
    make_records(&text);
    bench(SIGNAL_LOGS, &text);
    buf_free(&text);
    return 0;
}
