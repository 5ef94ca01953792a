/* SPDX-License-Identifier: Apache-2.0 */
/* Scraped samples taken in each second, one core: `intake_bench [series of a target]`. Four targets in each format,
 * whose pages are made by the encoder anew each time: counters of four labels (127 bytes a line of text) with integers
 * or with all digits, histograms of ten buckets, and counters of which a tenth is another one each time. Then what
 * memory remains, by the budget. */
#include "base/mem.h"
#include "prom/exposition/encoder.h"
#include "prom/intake/intake.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TARGETS 4
#define ROUNDS 20

static size_t n_series = 10000;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct page_kind {
    const char *name;
    enum encoder_format format;
    bool histograms, digits, churn;
};

static void put_labels(struct buf *b, size_t i, size_t round)
{
    b->len = 0;
    buf_printf(b, "code=\"200\",host=\"host-%04zu.example.net\",method=\"GET\",route=\"/api/v1/items/%05zu/of/%zu\"",
               i / 100, i, round);
}

static void write_page(const struct page_kind *k, size_t round, struct buf *out)
{
    static const double bounds[] = { 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5 };
    struct buf labels = { 0 };
    struct encoder e;
    uint64_t counts[10];

    out->len = 0;
    encoder_init(&e, k->format, NAME_ESCAPE_NONE, out);
    encoder_family_begin(&e, bytes_str("http_server_requests_total"), k->histograms ? FAMILY_HISTOGRAM : FAMILY_COUNTER,
                         bytes_str("Requests."), bytes_str(""), false);
    for (size_t i = 0; i < n_series / (k->histograms ? 13 : 1); i++) {
        double value = k->digits ? (double)(i + round + 1) / 7 : (double)(i * 7919 + round);
        struct classic_histogram h = { bounds, counts, 10, i + 10 + round, value, true };

        for (size_t b = 0; b < 10; b++)
            counts[b] = i + b;
        put_labels(&labels, i, k->churn && i % 10 == round % 10 ? round : 0);
        if (k->histograms)
            encoder_histogram(&e, buf_bytes(&labels), &h, NULL);
        else
            encoder_value(&e, buf_bytes(&labels), value, NULL);
    }
    encoder_family_end(&e);
    encoder_end(&e);
    encoder_free(&e);
    buf_free(&labels);
}

static struct intake *new_target(struct intake_store *s, const struct intake_rules *rules, size_t i)
{
    struct label_set labels = { 0 };
    struct intake_target target = { .labels = &labels };
    char instance[32];
    struct intake *in;

    snprintf(instance, sizeof(instance), "127.0.0.1:%zu", 9000 + i);
    label_set_copy(&labels, bytes_str("job"), bytes_str("bench"));
    label_set_copy(&labels, bytes_str("instance"), bytes_str(instance));
    in = intake_new(s, rules, &target);
    label_set_free(&labels);
    return in;
}

static void run(const struct page_kind *k)
{
    static const enum intake_format formats[] = {
        [ENCODER_TEXT] = INTAKE_TEXT, [ENCODER_OPENMETRICS] = INTAKE_OPENMETRICS, [ENCODER_PROTOBUF] = INTAKE_PROTOBUF
    };
    struct intake_rules rules = { .honor_timestamps = true, .max_schema = 8 };
    struct budget budget;
    struct turn turn;
    struct intake *targets[TARGETS];
    struct intake_store *store;
    struct buf page = { 0 };
    double took = 0, first = 0;
    size_t samples = 0;

    turn_init(&turn);
    budget_init(&budget, UINT64_MAX, &turn);
    store = intake_store_new(&(struct intake_store_options){ .budget = &budget, .version = "bench" });
    for (size_t i = 0; i < TARGETS; i++)
        targets[i] = new_target(store, &rules, i);
    for (size_t round = 0; round < ROUNDS; round++) {
        write_page(k, round, &page);
        for (size_t i = 0; i < TARGETS; i++) {
            struct intake_scrape scrape = { .time_ms = 1700000000000u + round * 1000 };
            struct intake_result result;
            double began = now();

            intake_take(targets[i], formats[k->format], buf_bytes(&page), &scrape, &result);
            while (result.points != NULL)
                batch_unref(intake_points_next(&result.points));
            if (result.error.code != 0) {
                fprintf(stderr, "%s\n", result.error.text);
                exit(1);
            }
            if (round == 0) {
                first += now() - began;
                continue;
            }
            took += now() - began;
            samples += result.scraped;
        }
    }
    printf("%-34s %6.2f M samples/s (first page %5.2f)  %4.0f bytes a series, %zu bytes a line\n", k->name,
           (double)samples / took / 1e6, (double)(TARGETS * n_series) / first / 1e6,
           (double)budget.used / (double)(TARGETS * n_series), page.len / n_series);
    for (size_t i = 0; i < TARGETS; i++)
        intake_free(targets[i]);
    intake_store_free(store);
    buf_free(&page);
}

int main(int argc, char **argv)
{
    static const struct page_kind kinds[] = {
        { .name = "text, integers", .format = ENCODER_TEXT },
        { .name = "text, all digits", .format = ENCODER_TEXT, .digits = true },
        { .name = "OpenMetrics, integers", .format = ENCODER_OPENMETRICS },
        { .name = "protobuf, integers", .format = ENCODER_PROTOBUF },
        { .name = "text, histograms of 10 buckets", .format = ENCODER_TEXT, .histograms = true },
        { .name = "protobuf, histograms of 10 buckets", .format = ENCODER_PROTOBUF, .histograms = true },
        { .name = "text, a tenth is new each time", .format = ENCODER_TEXT, .churn = true },
    };

    if (argc > 1)
        n_series = strtoull(argv[1], NULL, 10);
    if (n_series < 13)
        return 2;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        run(&kinds[i]);
    return 0;
}
