/* SPDX-License-Identifier: Apache-2.0 */
#include "support/intake_fuzz.h"

#include "otlp/validate.h"

#include <stdio.h>
#include <stdlib.h>

static void check_batch(struct batch *batch)
{
    struct validation v;

    if (!otlp_validate(SIGNAL_METRICS, bytes_of(batch->segments[0].data, batch->segments[0].len), &v)) {
        fprintf(stderr, "%s\n", v.fault);
        abort();
    }
    if (v.items != batch->items)
        abort();
    batch_unref(batch);
}

static void check_result(struct intake_result *result)
{
    if (result->kept > result->scraped + 1 || result->added > result->kept)
        abort();
    while (result->points != NULL)
        check_batch(intake_points_next(&result->points));
}

/* One that is given up after some steps. */
static void take_some(struct intake_store *store, struct intake *in, enum intake_format format, struct bytes page,
                      size_t steps)
{
    struct intake_scrape scrape = { .time_ms = 1700000010000u, .body_size = (int64_t)page.len };
    struct intake_result result;
    bool done = false;

    intake_begin_page(in, format, page, &scrape, &result);
    for (size_t i = 0; i < steps && !done; i++)
        done = intake_work(store);
    intake_cancel(in);
    intake_points_free(result.points);
}

static void take(struct intake *in, enum intake_format format, struct bytes page, uint64_t time_ms)
{
    struct intake_scrape scrape = { .time_ms = time_ms, .duration_ns = 1, .body_size = (int64_t)page.len };
    struct intake_result result;

    intake_take(in, format, page, &scrape, &result);
    check_result(&result);
}

static struct bytes first_page(enum intake_format format, struct bytes input)
{
    const uint8_t *cut = input.len > 0 ? memchr(input.data, 0xfe, input.len) : NULL;

    if (format == INTAKE_PROTOBUF)
        return bytes_of(input.data, input.len / 2);
    return cut != NULL ? bytes_of(input.data, (size_t)(cut - input.data)) : input;
}

static void take_pages(struct intake_store *store, struct intake *in, enum intake_format format, struct bytes input)
{
    struct bytes first = first_page(format, input), second = bytes_skip(input, first.len);
    struct intake_result result;

    if (format == INTAKE_PROTOBUF)
        take(in, format, input, 1699999990000u);
    else
        second = bytes_skip(second, second.len > 0);
    take(in, format, first, 1700000000000u);
    take_some(store, in, format, second, input.len % 13);
    take(in, format, second, 1700000015000u);
    take(in, format, first, 1700000030000u);
    take(in, format, first, 1700000045000u);
    intake_end(in, 1700000060000u, &result);
    check_result(&result);
}

void intake_fuzz(enum intake_format format, struct bytes input)
{
    uint8_t choice = input.len > 0 ? input.data[0] : 0;
    struct intake_rules rules = { .honor_labels = choice & 1,
                                  .honor_timestamps = choice & 2,
                                  .track_timestamps_staleness = choice & 4,
                                  .native_histograms = choice & 8,
                                  .classic_too = choice & 16,
                                  .classic_to_custom = choice & 32,
                                  .trim_suffixes = choice & 64,
                                  .sample_limit = choice & 128 ? 20 : 0,
                                  .label_limit = choice & 128 ? 10 : 0,
                                  .bucket_limit = choice & 128 ? 4 : 0,
                                  .max_schema = choice & 4 ? 2 : 8 };
    struct label_set labels = { 0 };
    struct intake_target target = { .labels = &labels };
    struct intake_store *store;
    struct budget budget;
    struct turn turn;
    struct intake *in;

    turn_init(&turn);
    budget_init(&budget, choice & 32 ? 60000 : UINT64_MAX, &turn);
    label_set_copy(&labels, bytes_str("job"), bytes_str("j"));
    label_set_copy(&labels, bytes_str("instance"), bytes_str("i:1"));
    store = intake_store_new(
        &(struct intake_store_options){ .budget = &budget, .version = "1", .max_series = choice & 64 ? 30 : 0 });
    in = intake_new(store, &rules, &target);
    take_pages(store, in, format, bytes_skip(input, input.len > 0));
    intake_free(in);
    intake_store_free(store);
    label_set_free(&labels);
    if (budget.used != 0)
        abort();
}
