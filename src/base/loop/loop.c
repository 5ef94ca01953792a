/* SPDX-License-Identifier: Apache-2.0 */
/* libuv calls on_prepare() when it has called everybody back and is about to sleep: what was put off in this turn is
 * done, the timer is set to what the clock waits for first, and the clock goes stale. After the sleep on_timer() fires
 * what is due. loop_close() is for the end, when all others have closed theirs; who has not is reported. */
#include "base/loop/loop.h"

#include "base/mem.h"

#include <time.h>

#define LAST_WAIT_MS 1000

static const double busy_bounds[] = { 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1 };

static const struct metric_row row_stall =
    METRIC_ROW("otelcd_loop_longest_stall_seconds", METRIC_GAUGE, "s",
               "Longest time since the start that the event loop was busy between two waits.", .sum = SHOW_MOST);

static const struct metric_row row_cpu =
    METRIC_ROW("otelcd_loop_longest_stall_cpu_seconds", METRIC_GAUGE, "s",
               "Most time since the start that the event loop's thread was on a processor between two waits. Where the "
               "longest stall is much longer, the machine had other work.",
               .sum = SHOW_MOST);

static const struct metric_row row_busy =
    METRIC_ROW_AT(LEVEL_DETAILED, "otelcd_loop_busy_seconds", METRIC_HISTOGRAM, "s",
                  "Time that the event loop was busy between two waits.", METRIC_BOUNDS(busy_bounds));

const struct metric_row *const loop_metric_rows[] = { &row_stall, &row_cpu, &row_busy, NULL };

static void on_timer(uv_timer_t *timer)
{
    struct loop *l = timer->data;

    l->armed = UINT64_MAX;
    clock_fire(&l->clock);
}

/* libuv counts in milliseconds of a clock that it reads once a turn: round up, relative to that. */
static void arm_timer(struct loop *l)
{
    uint64_t due = clock_next(&l->clock), due_ms, now_ms;

    if (due == l->armed)
        return;
    l->armed = due;
    if (due == UINT64_MAX) {
        uv_timer_stop(&l->timer);
        return;
    }
    due_ms = due / NS_PER_MS + (due % NS_PER_MS != 0);
    now_ms = uv_now(&l->uv);
    uv_timer_start(&l->timer, on_timer, due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

static uint64_t thread_time(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void measure_turn(struct loop *l)
{
    uint64_t now = uv_hrtime(), idle = uv_metrics_idle_time(&l->uv), cpu = thread_time();
    uint64_t busy = now - l->woken - (idle - l->idle);

    if (l->woken != 0 && l->stall != NULL && busy < now) {
        metric_observe(l->busy, (double)busy / 1e9);
        if (busy > l->longest) {
            l->longest = busy;
            metric_set(l->stall, (double)busy / 1e9);
        }
        if (cpu - l->cpu > l->longest_cpu) {
            l->longest_cpu = cpu - l->cpu;
            metric_set(l->stall_cpu, (double)l->longest_cpu / 1e9);
        }
    }
    l->cpu = cpu;
    l->woken = now;
    l->idle = idle;
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct loop *l = prepare->data;

    turn_run(&l->turn);
    arm_timer(l);
    measure_turn(l);
    clock_sleep(&l->clock);
}

void loop_init(struct loop *l, bool manual)
{
    *l = (struct loop){ .armed = UINT64_MAX };
    uv_loop_init(&l->uv);
    (void)uv_loop_configure(&l->uv, UV_METRICS_IDLE_TIME);
    turn_init(&l->turn);
    clock_init(&l->clock, manual);
    random_seed(&l->random);
    list_init(&l->names);
    uv_prepare_init(&l->uv, &l->prepare);
    l->prepare.data = l;
    if (!manual)
        uv_prepare_start(&l->prepare, on_prepare);
    uv_timer_init(&l->uv, &l->timer);
    l->timer.data = l;
}

void loop_measure(struct loop *l, struct metrics *metrics)
{
    l->stall = metrics_get(metrics, &row_stall, NULL, 0);
    l->busy = metrics_get(metrics, &row_busy, NULL, 0);
    l->stall_cpu = metrics_get(metrics, &row_cpu, NULL, 0);
    metric_set(l->stall, 0);
    metric_set(l->stall_cpu, 0);
}

void loop_run(struct loop *l)
{
    uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *l)
{
    uv_stop(&l->uv);
}

struct walk {
    struct loop *loop;
    void (*report)(void *arg, const char *type);
    void *arg;
    int open;
};

static void report_handle(struct walk *w, const char *type)
{
    w->open++;
    if (w->report != NULL)
        w->report(w->arg, type);
}

static void on_open_handle(uv_handle_t *h, void *arg)
{
    struct walk *w = arg;

    if (uv_is_closing(h) || h == (uv_handle_t *)&w->loop->prepare || h == (uv_handle_t *)&w->loop->timer ||
        jobs_own(w->loop->jobs, h))
        return;
    report_handle(w, uv_handle_type_name(uv_handle_get_type(h)));
}

static void on_last_wait_over(uv_timer_t *timer)
{
    uv_close((uv_handle_t *)timer, NULL);
}

int loop_close(struct loop *l, void (*report)(void *arg, const char *type), void *arg)
{
    struct walk w = { .loop = l, .report = report, .arg = arg };

    uv_walk(&l->uv, on_open_handle, &w);
    uv_close((uv_handle_t *)&l->prepare, NULL);
    uv_timer_start(&l->timer, on_last_wait_over, LAST_WAIT_MS, 0);
    uv_unref((uv_handle_t *)&l->timer);
    while (uv_loop_alive(&l->uv) && !uv_is_closing((uv_handle_t *)&l->timer))
        uv_run(&l->uv, UV_RUN_ONCE);
    if (!uv_is_closing((uv_handle_t *)&l->timer))
        uv_close((uv_handle_t *)&l->timer, NULL);
    if (!jobs_close(l->jobs))
        report_handle(&w, "job");
    uv_run(&l->uv, UV_RUN_NOWAIT);
    if (uv_loop_close(&l->uv) != 0 && w.open == 0)
        w.open = 1; /* a request that never ended */
    clock_free(&l->clock);
    return w.open;
}
