/* SPDX-License-Identifier: Apache-2.0 */
/* OTLP -> remote write as our exporter sends it -> OTLP as our receiver takes it: gauges, counters and native
 * histograms are the same, point by point. Classic ones come as their series; those are the same once more behind
 * another hop. OTEL_SEED goes another way than the usual one. */
#include "prom/intake/write_intake.h"
#include "prom/remote_write/remote_write.h"
#include "support/metric_lines.h"
#include "support/random_metrics.h"
#include "support/remote_write_text.h"
#include "support/rig/rig.h"
#include "support/rig/series_rig.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 300
#define TIME 1700000000000u

static uint64_t seed;
static struct rig rig;
static struct translation translation;
static bool second; /* version 2.0 */

struct hop {
    struct remote_write_options options;
    struct remote_write *out;
    struct write_intake *in;
    struct buf sent; /* as text */
};

static void open_hop(struct hop *h)
{
    *h = (struct hop){ .options = { .translation = &translation,
                                    .version = second ? REMOTE_WRITE_2 : REMOTE_WRITE_1,
                                    .target_info = true,
                                    .shards = 1,
                                    .max_bytes = 1 << 24,
                                    .expiration = 600 * NS_PER_S,
                                    .clock = &rig.loop.clock,
                                    .budget = &rig.budget } };
    h->out = remote_write_new(&h->options);
    h->in = write_intake_new(&(struct write_intake_options){ .budget = &rig.budget, .clock = &rig.loop.clock });
}

static void close_hop(struct hop *h)
{
    remote_write_free(h->out);
    write_intake_free(h->in);
    buf_free(&h->sent);
}

static struct batch *take_message(struct hop *h, const struct remote_write_request *r)
{
    struct write_reading *reading =
        write_reading_new(h->in, second ? WRITE_2 : WRITE_1, buf_bytes(&r->message), 1u << 26);
    struct write_result result;
    enum write_step step;

    while ((step = write_reading_step(reading)) == WRITE_MORE)
        ;
    ck_assert_int_eq(step, WRITE_WHOLE);
    write_reading_end(reading, &result);
    ck_assert_msg(result.invalid + result.refused + result.lost == 0, "seed %llu: %s", (unsigned long long)seed,
                  result.why);
    ck_assert_uint_eq(result.samples, r->samples);
    ck_assert_uint_eq(result.histograms, r->histograms);
    ck_assert_uint_eq(result.exemplars, r->exemplars);
    write_reading_free(reading);
    return result.batch;
}

/* Out and in. Every message holds a batch's worth. */
static struct batch *go(struct hop *h, const struct batch *batch)
{
    struct remote_write_result result;
    struct remote_write_request *r;
    struct batch *taken;

    remote_write_encode(h->out, batch, &result);
    ck_assert_msg(result.n_drops == 0, "seed %llu: %s %s", (unsigned long long)seed, result.drops[0].reason,
                  result.drops[0].example);
    ck_assert(!list_empty(&result.requests));
    r = list_first(&result.requests, struct remote_write_request, link);
    list_remove(&r->link);
    ck_assert(list_empty(&result.requests));
    h->sent.len = 0;
    remote_write_text(&h->sent, r);
    taken = take_message(h, r);
    ck_assert_ptr_nonnull(taken);
    remote_write_request_free(r);
    return taken;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Its lines in order: series come in any. */
static char *sort_lines(const struct buf *text)
{
    char *copy = mem_strdup(buf_cstr((struct buf *)(uintptr_t)text)), *rest = copy;
    struct buf sorted = { 0 };
    VEC(char *) lines = { 0 };
    char *out;

    for (char *line; (line = strsep(&rest, "\n")) != NULL;)
        *vec_push(&lines) = line;
    qsort(lines.v, lines.n, sizeof(*lines.v), by_text);
    for (size_t i = 0; i < lines.n; i++)
        buf_printf(&sorted, "%s\n", lines.v[i]);
    out = mem_strdup(buf_cstr(&sorted));
    buf_free(&sorted);
    vec_free(&lines);
    free(copy);
    return out;
}

static void compare(const struct batch *given, const struct batch *taken)
{
    struct metric_lines a = { 0 }, b = { 0 };
    struct buf text = { 0 };
    size_t i = 0;

    metric_lines_take(&a, given);
    metric_lines_take(&b, taken);
    metric_lines_text(&a, &text);
    metric_lines_text(&b, &text);
    while (i < a.all.n && i < b.all.n && strcmp(a.all.v[i], b.all.v[i]) == 0)
        i++;
    if (i < a.all.n || i < b.all.n)
        ck_abort_msg("seed %llu\ngiven %.1500s\ntaken %.1500s", (unsigned long long)seed,
                     i < a.all.n ? a.all.v[i] : "nothing", i < b.all.n ? b.all.v[i] : "nothing");
    buf_free(&text);
    metric_lines_free(&a);
    metric_lines_free(&b);
}

static struct batch *draw(struct random_metrics *m)
{
    struct buf request = { 0 };
    struct batch *batch;

    random_metrics_put(m, &request);
    batch = series_rig_batch(buf_cstr(&request));
    buf_free(&request);
    return batch;
}

/* What is in it comes through one hop; with classic ones, what comes out of one hop comes through another. */
static void check_seed(bool classic)
{
    struct random_metrics m = { .shape = seed,
                                .values = seed + 1,
                                .time_ms = TIME,
                                .any_names = seed % 2 == 1,
                                .any_times = true,
                                .helps = second,
                                .units = second,
                                .starts = second,
                                .exemplars = true,
                                .classic = classic,
                                .native = true };
    struct hop one, two;

    rig_init(&rig, 1);
    translation =
        (struct translation){ .strategy = m.any_names ? NAME_UTF8_WITHOUT_SUFFIXES : NAME_UNDERSCORES_WITH_SUFFIXES,
                              .scope_labels = true };
    open_hop(&one);
    open_hop(&two);
    for (int i = 0; i < 3; i++) {
        struct batch *given = draw(&m), *taken, *again;

        if (given->items == 0) {
            batch_unref(given);
            break;
        }
        taken = go(&one, given);
        if (!classic) {
            compare(given, taken);
        } else {
            char *first = sort_lines(&one.sent), *then;

            again = go(&two, taken);
            compare(taken, again);
            then = sort_lines(&two.sent);
            ck_assert_str_eq(then, first);
            free(first);
            free(then);
            batch_unref(again);
        }
        batch_unref(given);
        batch_unref(taken);
        m.time_ms += 200000;
        m.ended = true;
    }
    close_hop(&one);
    close_hop(&two);
    rig_close(&rig);
}

START_TEST(what_is_written_comes_in_as_it_was)
{
    const char *text = getenv("OTEL_SEED");

    second = _i % 2 == 1;
    seed = text != NULL ? strtoull(text, NULL, 0) : 11;
    for (int i = 0; i < ROUNDS; i++, seed++)
        check_seed(_i >= 2);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("write_round");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, what_is_written_comes_in_as_it_was, 0, 4);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
