/* SPDX-License-Identifier: Apache-2.0 */
/* A run stands in the queue of its pace. When its turn comes it writes one slice; is the socket full then, it waits for
 * the server to call, else it stands at the end of the queue again. When all is written the exposition is let go, and
 * the run itself when the server says that the answer is out.
 *
 * What can go wrong: the peer goes away, perhaps inside a call to the server (the run is freed when that returns); it
 * reads slowly or not at all (two timers: for a slice, and for the whole), or others need the place; its source is
 * taken out. */
#include "prom/endpoint/endpoint_run.h"

#include "base/mem.h"
#include "codec/compress.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SLICE ((size_t)64 * 1024)      /* bytes before compression */
#define GZIP_COST ((size_t)320 * 1024) /* about what a gzip stream holds */
#define LIMIT_DEFAULT (120 * NS_PER_S) /* for peers that do not say how long they wait */
#define LIMIT_MAX (600 * NS_PER_S)
#define HTTP2_CANCEL 8

static void enter_state(struct endpoint_run *run, enum run_state to)
{
    static const uint8_t allowed[] = {
        [RUN_BEGUN] = 1 << RUN_READY | 1 << RUN_GONE,
        [RUN_READY] = 1 << RUN_WRITING | 1 << RUN_GONE,
        [RUN_WRITING] = 1 << RUN_READY | 1 << RUN_STALLED | 1 << RUN_WRITTEN | 1 << RUN_GONE,
        [RUN_STALLED] = 1 << RUN_READY | 1 << RUN_GONE,
        [RUN_WRITTEN] = 1 << RUN_GONE,
        [RUN_GONE] = 0,
    };

    assert(allowed[run->state] & 1 << to);
    run->state = to;
}

static void enqueue_run(struct endpoint_run *run)
{
    struct endpoint_pace *p = run->pace;

    enter_state(run, RUN_READY);
    clock_stop(&p->loop->clock, &run->stall);
    list_push(&p->ready, &run->ready);
}

static void recharge_run(struct endpoint_run *run, uint64_t now)
{
    if (now > run->charged)
        budget_charge(run->pace->budget, now - run->charged);
    else if (now < run->charged)
        budget_give(run->pace->budget, run->charged - now);
    run->charged = now;
}

static void release_run(struct endpoint_run *run)
{
    if (run->exposition != NULL)
        exposition_free(run->exposition);
    run->exposition = NULL;
    if (run->gzip != NULL)
        gzip_stream_free(run->gzip);
    run->gzip = NULL;
    buf_free(&run->plain);
    buf_free(&run->packed);
    recharge_run(run, 0);
}

static void destroy_run(struct endpoint_run *run)
{
    release_run(run);
    free(run);
}

/* The slice in the form in which it travels. */
static struct buf *pack_slice(struct endpoint_run *run, bool more)
{
    if (run->gzip == NULL)
        return &run->plain;
    gzip_stream_write(run->gzip, buf_bytes(&run->plain), &run->packed);
    if (!more)
        gzip_stream_end(run->gzip, &run->packed);
    return &run->packed;
}

static void on_stall(struct clock_timer *timer)
{
    struct endpoint_run *run = container_of(timer, struct endpoint_run, stall);

    run->outcome = ENDPOINT_TIMEOUT;
    endpoint_run_cut(run);
}

static void wait_for_peer(struct endpoint_run *run)
{
    enter_state(run, RUN_STALLED);
    run->stalled = clock_mono(&run->pace->loop->clock);
    clock_start(&run->pace->loop->clock, &run->stall, RUN_STALL_MAX, on_stall);
}

static void wait_for_end(struct endpoint_run *run)
{
    enter_state(run, RUN_WRITTEN);
    run->stalled = clock_mono(&run->pace->loop->clock);
}

/* The run may end inside the calls to the server: it is freed here then. */
static void write_slice(struct endpoint_run *run)
{
    bool more = exposition_write(run->exposition, &run->plain, SLICE), writable = true;
    struct buf *out = pack_slice(run, more);

    enter_state(run, RUN_WRITING);
    recharge_run(run,
                 run->plain.cap + run->packed.cap + exposition_size(run->exposition) + (run->gzip ? GZIP_COST : 0));
    metric_add(run->counters->sent_bytes, out->len);
    if (out->len > 0)
        writable = http_respond_write(run->req, buf_bytes(out));
    run->plain.len = run->packed.len = 0;
    if (!more && run->state == RUN_WRITING) {
        release_run(run);
        http_respond_end(run->req, NULL, 0);
    }
    if (run->state == RUN_GONE)
        destroy_run(run);
    else if (!more)
        wait_for_end(run);
    else if (writable)
        enqueue_run(run);
    else
        wait_for_peer(run);
}

static void on_idle(uv_idle_t *idle)
{
    struct endpoint_pace *p = container_of(idle, struct endpoint_pace, idle);
    struct endpoint_run *run = list_pop(&p->ready, struct endpoint_run, ready);

    if (run != NULL)
        write_slice(run);
    if (list_empty(&p->ready))
        uv_idle_stop(idle);
}

void endpoint_pace_init(struct endpoint_pace *p, struct loop *loop, struct budget *budget)
{
    *p = (struct endpoint_pace){ .loop = loop, .budget = budget };
    list_init(&p->ready);
    uv_idle_init(&loop->uv, &p->idle);
}

void endpoint_pace_close(struct endpoint_pace *p, uv_close_cb on_closed)
{
    uv_close((uv_handle_t *)&p->idle, on_closed);
}

void endpoint_run_resume(struct endpoint_run *run)
{
    if (run->state != RUN_STALLED && run->state != RUN_BEGUN)
        return;
    enqueue_run(run);
    uv_idle_start(&run->pace->idle, on_idle);
}

void endpoint_run_cut(struct endpoint_run *run)
{
    run->cut = true;
    http_request_reset(run->req, HTTP2_CANCEL);
}

static void on_limit(struct clock_timer *timer)
{
    struct endpoint_run *run = container_of(timer, struct endpoint_run, limit);

    run->outcome = ENDPOINT_TIMEOUT;
    endpoint_run_cut(run);
}

/* How long the peer waits, as it says; in whole seconds, for what counts here is whether it still listens. */
static uint64_t time_limit(const struct http_request *req)
{
    const struct bytes *header = http_request_header(req, "x-prometheus-scrape-timeout-seconds");
    uint64_t s = 0;

    if (header == NULL || header->len == 0)
        return LIMIT_DEFAULT;
    for (size_t i = 0; i < header->len && i < 9 && header->data[i] >= '0' && header->data[i] <= '9'; i++)
        s = s * 10 + (uint64_t)(header->data[i] - '0');
    s = (s + 1) * NS_PER_S;
    return s < LIMIT_MAX ? s : LIMIT_MAX;
}

static void begin_answer(struct endpoint_run *run, const struct accept *accept)
{
    struct buf type = { 0 };
    struct http_header headers[2];

    accept_content_type(accept, &type);
    headers[0] = (struct http_header){ bytes_str("content-type"), buf_bytes(&type) };
    headers[1] = (struct http_header){ bytes_str("content-encoding"), bytes_str("gzip") };
    http_respond_begin(run->req, 200, headers, run->gzip != NULL ? 2 : 1);
    buf_free(&type);
}

void endpoint_run_start(struct endpoint_pace *pace, struct endpoint_counters *counters, struct http_request *req,
                        struct exposition *exposition, const struct accept *accept, struct list *runs)
{
    const struct bytes *coding = http_request_header(req, "accept-encoding");
    struct endpoint_run *run = mem_zalloc(sizeof(*run));

    run->pace = pace;
    run->counters = counters;
    run->req = req;
    run->exposition = exposition;
    run->began = uv_hrtime(); /* the clock stands still within a turn */
    if (coding != NULL && accept_gzip(*coding))
        run->gzip = gzip_stream_new();
    list_push_front(runs, &run->link);
    req->context = run;
    clock_start(&pace->loop->clock, &run->limit, time_limit(req), on_limit);
    begin_answer(run, accept);
    if (run->state == RUN_GONE)
        destroy_run(run);
    else
        endpoint_run_resume(run);
}

static bool is_of(const struct endpoint_run *run, const uint8_t *network)
{
    return memcmp(http_request_network(run->req), network, HTTP_NETWORK) == 0;
}

size_t endpoint_run_count(const struct list *runs, const uint8_t *network)
{
    size_t n = 0;

    list_each (const struct endpoint_run, run, runs, link)
        n += !run->cut && (network == NULL || is_of(run, network));
    return n;
}

static bool is_slow(const struct endpoint_run *run)
{
    if (run->cut || (run->state != RUN_STALLED && run->state != RUN_WRITTEN))
        return false;
    return clock_mono(&run->pace->loop->clock) - run->stalled >= RUN_STALL_SOME;
}

struct endpoint_run *endpoint_run_slowest(struct list *runs, const uint8_t *of)
{
    struct endpoint_run *slowest = NULL;
    size_t most = 0;

    list_each (struct endpoint_run, run, runs, link) {
        size_t n;

        if (!is_slow(run) || (of != NULL && !is_of(run, of)))
            continue;
        n = endpoint_run_count(runs, http_request_network(run->req));
        if (slowest == NULL || n > most || (n == most && run->stalled < slowest->stalled)) {
            slowest = run;
            most = n;
        }
    }
    return slowest;
}

void endpoint_run_close(struct endpoint_run *run, bool aborted)
{
    bool whole = run->exposition == NULL && !aborted;
    bool inside = run->state == RUN_BEGUN || run->state == RUN_WRITING; /* a call of ours to the server */

    if (!whole && run->outcome == ENDPOINT_OK)
        run->outcome = ENDPOINT_ABORTED;
    metric_add(run->counters->requests[run->outcome], 1);
    metric_observe(run->counters->duration, (double)(uv_hrtime() - run->began) / NS_PER_S);
    clock_stop(&run->pace->loop->clock, &run->limit);
    clock_stop(&run->pace->loop->clock, &run->stall);
    list_remove(&run->ready);
    list_remove(&run->link);
    enter_state(run, RUN_GONE);
    if (!inside)
        destroy_run(run);
}
