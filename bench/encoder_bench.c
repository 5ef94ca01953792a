/* SPDX-License-Identifier: Apache-2.0 */
/* Series written each second, one core: `encoder_bench [series]`. Counters of three labels in each format, with numbers
 * of three kinds; histograms of ten buckets; names that have to be escaped for the peer. */
#include "base/mem.h"
#include "codec/compress.h"
#include "prom/exposition/encoder.h"
#include "prom/model/number.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SLICE (64 * 1024)

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct bytes *labels;
static double *values;
static size_t n_series;

static void make_labels(bool dotted)
{
    const char *host = dotted ? "\"host.name\"" : "instance", *path = dotted ? "\"url.path\"" : "route";

    for (size_t i = 0; i < n_series; i++)
        labels[i] = bytes_str(mem_printf("%s=\"host-%zu\",job=\"shop/frontend\",%s=\"/api/v1/items/%zu/%zu\"", host,
                                         i / 100, path, i % 100, i));
}

static void free_labels(void)
{
    for (size_t i = 0; i < n_series; i++)
        free((void *)(uintptr_t)labels[i].data);
}

static double integer(size_t i)
{
    return (double)(i * 7919 % 100000000);
}

static double short_decimal(size_t i)
{
    return (double)(i * 7919 % 10000000) / 1000;
}

static double full_double(size_t i)
{
    return (double)(i + 1) / 7;
}

static void write_counters(struct encoder *e, size_t at, size_t end)
{
    for (; at < end; at++)
        encoder_value(e, labels[at], values[at], NULL);
}

static void write_histograms(struct encoder *e, size_t at, size_t end)
{
    static const double bounds[] = { 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5 };
    uint64_t counts[10];

    for (; at < end; at++) {
        struct classic_histogram h = { bounds, counts, 10, at + 10, values[at], true };

        for (size_t b = 0; b < 10; b++)
            counts[b] = at + b;
        encoder_histogram(e, labels[at], &h, NULL);
    }
}

static void run(const char *what, enum encoder_format format, enum name_escaping escaping, bool gzip,
                void (*write)(struct encoder *e, size_t at, size_t end), size_t lines, double (*value)(size_t i))
{
    struct buf out = { 0 }, packed = { 0 };
    struct gzip_stream *stream = gzip ? gzip_stream_new() : NULL;
    size_t bytes = 0, sent = 0, step = 400 / lines;
    struct encoder e;
    double began, took;

    for (size_t i = 0; i < n_series; i++)
        values[i] = value(i);
    began = now();
    encoder_init(&e, format, escaping, &out);
    for (size_t at = 0; at < n_series; at += step) {
        encoder_family_begin(&e, bytes_str("http_server_requests_total"),
                             write == write_counters ? FAMILY_COUNTER : FAMILY_HISTOGRAM, bytes_str("Requests."),
                             bytes_str(""), at > 0);
        write(&e, at, at + step < n_series ? at + step : n_series);
        encoder_family_end(&e);
        bytes += out.len;
        if (gzip)
            gzip_stream_write(stream, buf_bytes(&out), &packed);
        sent += packed.len;
        out.len = packed.len = 0;
    }
    took = now() - began;
    printf("%-44s %6.2f M samples/s %8.1f MB/s  %.2f s for %zu series", what, (double)(n_series * lines) / took / 1e6,
           (double)bytes / took / 1e6, took, n_series);
    if (gzip) {
        printf(", %.1f times smaller", (double)bytes / (double)sent);
        gzip_stream_free(stream);
    }
    printf("\n");
    encoder_free(&e);
    buf_free(&out);
    buf_free(&packed);
}

static void run_numbers(const char *what, double (*value)(size_t i))
{
    char at[NUMBER_MAX];
    size_t total = 0;
    double began;

    for (size_t i = 0; i < n_series; i++)
        values[i] = value(i);
    began = now();
    for (size_t i = 0; i < n_series; i++)
        total += number_put(at, values[i]);
    printf("%-44s %6.1f ns each, %.1f bytes\n", what, (now() - began) / (double)n_series * 1e9,
           (double)total / (double)n_series);
}

int main(int argc, char **argv)
{
    n_series = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    if (n_series == 0)
        return 2;
    labels = mem_alloc(n_series * sizeof(*labels));
    values = mem_alloc(n_series * sizeof(*values));
    run_numbers("number: integer", integer);
    run_numbers("number: short decimal", short_decimal);
    run_numbers("number: all digits", full_double);
    make_labels(false);
    run("text, integers", ENCODER_TEXT, NAME_ESCAPE_UNDERSCORES, false, write_counters, 1, integer);
    run("text, short decimals", ENCODER_TEXT, NAME_ESCAPE_UNDERSCORES, false, write_counters, 1, short_decimal);
    run("text, all digits", ENCODER_TEXT, NAME_ESCAPE_UNDERSCORES, false, write_counters, 1, full_double);
    run("text, integers, gzip", ENCODER_TEXT, NAME_ESCAPE_UNDERSCORES, true, write_counters, 1, integer);
    run("OpenMetrics, integers", ENCODER_OPENMETRICS, NAME_ESCAPE_NONE, false, write_counters, 1, integer);
    run("protobuf, integers", ENCODER_PROTOBUF, NAME_ESCAPE_UNDERSCORES, false, write_counters, 1, integer);
    run("text, histograms of 10 buckets", ENCODER_TEXT, NAME_ESCAPE_UNDERSCORES, false, write_histograms, 13,
        full_double);
    run("protobuf, histograms of 10 buckets", ENCODER_PROTOBUF, NAME_ESCAPE_UNDERSCORES, false, write_histograms, 13,
        full_double);
    free_labels();
    make_labels(true);
    run("text, dotted labels escaped for the peer", ENCODER_TEXT, NAME_ESCAPE_UNDERSCORES, false, write_counters, 1,
        integer);
    run("text, dotted labels as they are", ENCODER_TEXT, NAME_ESCAPE_NONE, false, write_counters, 1, integer);
    free_labels();
    free(labels);
    free(values);
    return 0;
}
