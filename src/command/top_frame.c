/* SPDX-License-Identifier: Apache-2.0 */
/* One walk over the tree of /api/v1/status (docs/page.md), beside it the one before, in which the same pipeline or node
 * is found by its place where the names agree. A member that is not there is shown as nothing: the daemon may be older.
 *
 * What can go wrong: names and reasons are strangers' text. Each goes through log_put_visible(), so that none has a
 * control character left when the screen is put together. */
#include "command/top_frame.h"

#include "base/log.h"
#include "base/vec.h"
#include "config/decode.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MIB (1024.0 * 1024.0)

/* ---- members ---- */

/* 0 where there is none. Texts of trees end with a NUL. */
static double number_at(const struct json_node *n, const char *path)
{
    const struct json_node *at = json_at(n, path);

    return at != NULL && at->kind == JSON_NUMBER ? strtod((const char *)at->text.data, NULL) : 0;
}

static bool is_number(const struct json_node *n, const char *path)
{
    const struct json_node *at = json_at(n, path);

    return at != NULL && at->kind == JSON_NUMBER;
}

static void put_text(struct buf *out, const struct json_node *n, const char *path)
{
    log_put_visible(out, json_text_at(n, path));
}

static bool is_text(const struct json_node *n, const char *path, const char *text)
{
    return bytes_is(json_text_at(n, path), text);
}

static void put_ago(struct buf *out, double seconds)
{
    if (seconds >= 0 && seconds < 9e9)
        duration_print((int64_t)seconds * (int64_t)NS_PER_S, out);
}

/* The i-th, if it has the same id as `now`. */
static const struct json_node *find_twin(const struct json_node *before, size_t i, const struct json_node *now)
{
    json_each (item, before)
        if (i-- == 0)
            return bytes_equal(json_text_at(item, "id"), json_text_at(now, "id")) ? item : NULL;
    return NULL;
}

/* ---- the whole ---- */

struct frame {
    struct buf *out;
    const struct json_node *now, *before;
    double seconds; /* between both; 0: there is no before */
};

static void put_head(struct frame *f)
{
    buf_putc(f->out, TOP_HEADING);
    buf_puts(f->out, "otelcd ");
    put_text(f->out, f->now, "service.version");
    buf_printf(f->out, " (pid %.0f) is ", number_at(f->now, "service.pid"));
    put_text(f->out, f->now, "service.phase");
    buf_printf(f->out, ", %s, up ", json_true_at(f->now, "well") ? "all is well" : "not all is well");
    put_ago(f->out, number_at(f->now, "service.up_seconds"));
    if (f->seconds > 0)
        buf_printf(f->out, ", cpu %.1f %%",
                   100 * (number_at(f->now, "service.cpu_seconds") - number_at(f->before, "service.cpu_seconds")) /
                       f->seconds);
    buf_printf(f->out, ", %.1f MiB resident, budget %.1f", number_at(f->now, "service.resident_bytes") / MIB,
               number_at(f->now, "budget.used_bytes") / MIB);
    if (is_number(f->now, "budget.limit_bytes"))
        buf_printf(f->out, " of %.1f", number_at(f->now, "budget.limit_bytes") / MIB);
    buf_puts(f->out, " MiB\n");
}

static void put_reload(struct frame *f)
{
    if (!is_text(f->now, "reload.result", "fault") && !is_text(f->now, "reload.result", "failed"))
        return;
    buf_putc(f->out, TOP_FAILING);
    buf_puts(f->out, "the last reload changed nothing: ");
    put_text(f->out, f->now, "reload.fault");
    buf_putc(f->out, '\n');
}

/* ---- who fails ---- */

static void put_failure(struct frame *f, const struct json_node *pipeline, const struct json_node *node)
{
    bool refused = is_text(node, "state", "refused");

    if (is_text(node, "state", "ok"))
        return;
    buf_putc(f->out, TOP_FAILING);
    put_text(f->out, pipeline, "id");
    buf_puts(f->out, pipeline != NULL ? ": " : "");
    put_text(f->out, node, "kind");
    buf_putc(f->out, ' ');
    put_text(f->out, node, "id");
    buf_printf(f->out, " %s for ", refused ? "is refused" : "fails");
    put_ago(f->out, number_at(node, "failing_seconds"));
    buf_printf(f->out, " (%.0f in a row): ", number_at(node, "failures"));
    put_text(f->out, node, "reason");
    buf_putc(f->out, '\n');
    if (json_text_at(node, "advice").len == 0)
        return;
    buf_puts(f->out, "     what to do: ");
    put_text(f->out, node, "advice");
    buf_putc(f->out, '\n');
}

static void put_failures(struct frame *f)
{
    json_each (pipeline, json_at(f->now, "pipelines"))
        json_each (node, json_at(pipeline, "nodes"))
            put_failure(f, pipeline, node);
    json_each (extension, json_at(f->now, "extensions"))
        put_failure(f, NULL, extension);
}

/* A worker that does not run is why not all is well. */
static bool is_down(const struct json_node *worker)
{
    return is_text(worker, "state", "waiting") || is_text(worker, "state", "ended");
}

static void put_dead_workers(struct frame *f)
{
    json_each (worker, json_at(f->now, "workers")) {
        if (!is_down(worker))
            continue;
        buf_printf(f->out, "%cworker %.0f does not run: ", TOP_FAILING, number_at(worker, "number"));
        put_text(f->out, worker, "state");
        buf_printf(f->out, ", started again %.0f times\n", number_at(worker, "restarts"));
    }
}

/* ---- who has failed ---- */

#define ERRORS_SHOWN 8u

struct past_error {
    const struct json_node *pipeline, *node, *member, *error;
    double time;
};

struct past_errors {
    VEC(struct past_error) v;
};

/* A component is in each pipeline that has it, a shared receiver in several. */
static bool is_gathered(const struct past_errors *all, const struct past_error *p)
{
    for (size_t i = 0; i < all->v.n; i++) {
        const struct past_error *o = &all->v.v[i];

        if (o->time == p->time && bytes_equal(json_text_at(o->node, "kind"), json_text_at(p->node, "kind")) &&
            bytes_equal(json_text_at(o->node, "id"), json_text_at(p->node, "id")) &&
            bytes_equal(json_text_at(o->error, "reason"), json_text_at(p->error, "reason")) &&
            bytes_equal(json_text_at(o->member, "endpoint"), json_text_at(p->member, "endpoint")))
            return true;
    }
    return false;
}

/* Of a node, or of a member of it: those that it does not fail with now. */
static void gather_errors(struct past_errors *all, struct past_error p, const struct json_node *of)
{
    json_each (error, json_at(of, "errors")) {
        p.error = error;
        p.time = number_at(error, "time");
        if ((is_text(of, "state", "ok") || !bytes_equal(json_text_at(of, "reason"), json_text_at(error, "reason"))) &&
            !is_gathered(all, &p))
            *vec_push(&all->v) = p;
    }
}

static int by_time(const void *a, const void *b)
{
    double x = ((const struct past_error *)a)->time, y = ((const struct past_error *)b)->time;

    return x < y ? 1 : x > y ? -1 : 0;
}

static void put_past_error(struct frame *f, const struct past_error *p)
{
    double ago = number_at(f->now, "service.time") - p->time;

    buf_putc(f->out, ' ');
    put_text(f->out, p->pipeline, "id");
    buf_puts(f->out, ": ");
    put_text(f->out, p->node, "kind");
    buf_putc(f->out, ' ');
    put_text(f->out, p->node, "id");
    if (p->member != NULL)
        buf_putc(f->out, ' ');
    put_text(f->out, p->member, "endpoint");
    buf_puts(f->out, " failed ");
    put_ago(f->out, ago > 0 ? ago : 0);
    buf_printf(f->out, " ago (%.0fx): ", number_at(p->error, "times"));
    put_text(f->out, p->error, "reason");
    buf_putc(f->out, '\n');
}

static void put_past_errors(struct frame *f)
{
    struct past_errors all = { 0 };

    json_each (pipeline, json_at(f->now, "pipelines"))
        json_each (node, json_at(pipeline, "nodes")) {
            struct past_error p = { .pipeline = pipeline, .node = node };

            gather_errors(&all, p, node);
            json_each (member, json_at(node, "members")) {
                p.member = member;
                gather_errors(&all, p, member);
            }
        }
    if (all.v.n > 1)
        qsort(all.v.v, all.v.n, sizeof(*all.v.v), by_time);
    for (size_t i = 0; i < all.v.n && i < ERRORS_SHOWN; i++)
        put_past_error(f, &all.v.v[i]);
    vec_free(&all.v);
}

/* ---- ledgers ---- */

static void put_rate(struct frame *f, const struct json_node *now, const struct json_node *before, const char *path)
{
    double gained = number_at(now, path) - number_at(before, path);

    if (f->seconds > 0 && before != NULL && gained >= 0)
        buf_printf(f->out, " %11.0f", gained / f->seconds);
    else
        buf_printf(f->out, " %11s", "-");
}

static void put_reasons(struct frame *f, const struct json_node *n, const char *what, const char *path)
{
    json_each (reason, json_at(n, path)) {
        buf_printf(f->out, "  %s ", what);
        log_put_visible(f->out, reason->key);
        buf_puts(f->out, " ");
        log_put_visible(f->out, reason->text);
    }
}

static void put_queue(struct frame *f, const struct json_node *node)
{
    if (json_at(node, "queue") == NULL)
        return;
    buf_printf(f->out, "  queue %.0f", number_at(node, "queue.size"));
    if (is_number(node, "queue.capacity"))
        buf_printf(f->out, " of %.0f", number_at(node, "queue.capacity"));
    buf_putc(f->out, ' ');
    put_text(f->out, node, "queue.unit");
    buf_puts(f->out, json_true_at(node, "queue.on_disk") ? " on disk" : "");
    if (is_number(node, "queue.oldest_seconds")) {
        buf_puts(f->out, ", oldest ");
        put_ago(f->out, number_at(node, "queue.oldest_seconds"));
    }
}

/* A cell of names; longer ones keep their columns behind them. */
static void put_name(struct frame *f, const char *indent, const struct json_node *n)
{
    size_t from = f->out->len;

    buf_puts(f->out, indent);
    put_text(f->out, n, "id");
    while (f->out->len - from < 33)
        buf_putc(f->out, ' ');
}

static void put_ledger(struct frame *f, const char *indent, const struct json_node *n, const struct json_node *before)
{
    put_name(f, indent, n);
    put_rate(f, n, before, "ledger.received");
    put_rate(f, n, before, "ledger.delivered");
    buf_printf(f->out, " %10.0f %10.0f %10.0f", number_at(n, "ledger.held"), number_at(n, "ledger.refused"),
               number_at(n, "ledger.dropped"));
    put_queue(f, n);
    put_reasons(f, n, "refused", "ledger.refused_by");
    put_reasons(f, n, "dropped", "ledger.dropped_by");
    buf_putc(f->out, '\n');
}

/* Of an exporter that has several peers: each of them. */
static void put_members(struct frame *f, const struct json_node *node)
{
    json_each (member, json_at(node, "members")) {
        bool well = is_text(member, "state", "ok");

        buf_putc(f->out, well ? ' ' : TOP_FAILING);
        buf_puts(f->out, "    ");
        put_text(f->out, member, "endpoint");
        buf_putc(f->out, ' ');
        put_text(f->out, member, "member");
        put_queue(f, member);
        if (!well) {
            buf_puts(f->out, "  ");
            put_text(f->out, member, "state");
            buf_puts(f->out, ": ");
            put_text(f->out, member, "reason");
        }
        buf_putc(f->out, '\n');
    }
}

static void put_pipelines(struct frame *f)
{
    size_t i = 0, k;

    buf_printf(f->out, " \n%c%-32s %11s %11s %10s %10s %10s\n", TOP_HEADING, "PIPELINE, exporters", "RECEIVED/s",
               "DELIVERED/s", "HELD", "REFUSED", "DROPPED");
    json_each (pipeline, json_at(f->now, "pipelines")) {
        const struct json_node *before = find_twin(json_at(f->before, "pipelines"), i++, pipeline);

        put_ledger(f, " ", pipeline, before);
        k = 0;
        json_each (node, json_at(pipeline, "nodes")) {
            const struct json_node *twin = find_twin(json_at(before, "nodes"), k++, node);

            if (json_at(node, "ledger") != NULL)
                put_ledger(f, "   ", node, twin);
            put_members(f, node);
        }
    }
}

/* ---- workers ---- */

static void put_worker(struct frame *f, const struct json_node *now, const struct json_node *before)
{
    double used = number_at(now, "cpu_seconds") - number_at(before, "cpu_seconds");
    size_t from = f->out->len;

    buf_printf(f->out, "%c%-6.0f ", is_down(now) ? TOP_FAILING : ' ', number_at(now, "number"));
    put_text(f->out, now, "state");
    while (f->out->len - from < 19)
        buf_putc(f->out, ' ');
    buf_printf(f->out, " %9.0f %11.0f %12.1f", number_at(now, "pid"), number_at(now, "connections"),
               number_at(now, "resident_bytes") / MIB);
    if (f->seconds > 0 && before != NULL && used >= 0)
        buf_printf(f->out, " %8.1f", 100 * used / f->seconds);
    else
        buf_printf(f->out, " %8s", "-");
    buf_printf(f->out, " %9.0f\n", number_at(now, "restarts"));
}

static void put_workers(struct frame *f)
{
    const struct json_node *workers = json_at(f->now, "workers");
    const struct json_node *before = json_at(f->before, "workers");
    const struct json_node *old;

    if (workers == NULL)
        return;
    buf_printf(f->out, " \n%c%-6s %-11s %9s %11s %12s %8s %9s\n", TOP_HEADING, "WORKER", "STATE", "PID", "CONNECTIONS",
               "MiB RESIDENT", "CPU %", "RESTARTS");
    json_each (worker, workers) {
        old = NULL;
        json_each (b, before) {
            if (number_at(b, "number") == number_at(worker, "number"))
                old = b;
        }
        put_worker(f, worker, old);
    }
}

/* ---- senders ---- */

static void put_sender(struct frame *f, const struct json_node *node, const struct json_node *sender)
{
    buf_putc(f->out, is_text(sender, "error", "") ? ' ' : TOP_FAILING);
    put_text(f->out, node, "id");
    buf_puts(f->out, "  ");
    put_text(f->out, sender, "address");
    buf_puts(f->out, "  ");
    put_text(f->out, sender, "protocol");
    buf_printf(f->out, "  %.0f requests, %.0f refused, last ", number_at(sender, "requests"),
               number_at(sender, "refused"));
    put_ago(f->out, number_at(sender, "idle_seconds"));
    buf_puts(f->out, " ago  ");
    put_text(f->out, sender, "user_agent");
    if (!is_text(sender, "error", "")) {
        buf_puts(f->out, "  last error: ");
        put_text(f->out, sender, "error");
    }
    buf_putc(f->out, '\n');
}

static void put_senders(struct frame *f)
{
    bool any = false;

    json_each (receiver, json_at(f->now, "receivers"))
        json_each (sender, json_at(receiver, "senders")) {
            if (!any)
                buf_printf(f->out, " \n%cSENDERS\n", TOP_HEADING);
            any = true;
            put_sender(f, receiver, sender);
        }
}

/* ---- the log ---- */

static void put_time(struct buf *out, double seconds)
{
    time_t at = seconds >= 0 && seconds < 1e11 ? (time_t)seconds : 0;
    struct tm tm;

    gmtime_r(&at, &tm);
    buf_printf(out, "%02d:%02d:%02d ", tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void put_log(struct frame *f)
{
    bool any = false;

    json_each (line, json_at(f->now, "log")) {
        if (!any)
            buf_printf(f->out, " \n%cLAST WARNINGS AND ERRORS (UTC)\n", TOP_HEADING);
        any = true;
        buf_putc(f->out, ' ');
        put_time(f->out, number_at(line, "time"));
        put_text(f->out, line, "level");
        buf_putc(f->out, ' ');
        put_text(f->out, line, "text");
        buf_putc(f->out, '\n');
    }
}

void top_frame_put(struct buf *out, const struct json_node *now, const struct json_node *before)
{
    struct frame f = { .out = out, .now = now };

    /* another process has other counters */
    if (before != NULL && number_at(now, "service.pid") == number_at(before, "service.pid")) {
        f.before = before;
        f.seconds = number_at(now, "service.time") - number_at(before, "service.time");
    }
    put_head(&f);
    put_reload(&f);
    put_failures(&f);
    put_dead_workers(&f);
    put_past_errors(&f);
    put_pipelines(&f);
    put_workers(&f);
    put_senders(&f);
    put_log(&f);
}
