/* SPDX-License-Identifier: Apache-2.0 */
/* The debug exporter: what comes by, on the console, as the Go collector prints it.
 *
 * A batch's text is made on a thread of the pool, one batch at a time, and written without waiting. The sender is
 * answered when the text has been handed over; while the reader of the console lags behind, senders wait. When it
 * has taken nothing for a second, texts are left out and counted until it reads again: a terminal that nobody looks
 * at must not hold up the data. */
#include "base/directory.h"
#include "base/mem.h"
#include "exporter/debug/debug_text.h"
#include "queue/sender_rows.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG_FULL (1u << 20) /* bytes that the reader has not taken: no new text is begun */
#define STALLED NS_PER_S
#define LOOK_AGAIN (10 * NS_PER_MS)

enum verbosity { BASIC, NORMAL, DETAILED };
static const char *const verbosity_names[] = { "basic", "normal", "detailed", NULL };

struct debug_config {
    int verbosity;
    int64_t sampling_initial, sampling_thereafter;
    bool use_internal_logger;
    struct strings output_paths;
    struct sending_queue_config sending_queue;
};

static const struct option options[] = {
    OPT_ENUM(struct debug_config, verbosity, verbosity_names, "basic",
             "basic: one line for each batch, with counts. normal: also a line for each item. detailed: every field.",
             .nocase = true),
    OPT_INT(struct debug_config, sampling_initial, "2", NULL, NULL,
            "Batches printed in each second before sampling; all of them when negative."),
    OPT_INT(struct debug_config, sampling_thereafter, "1", NULL, NULL,
            "After those, one batch in this many is printed within the second; none when 0 or negative."),
    OPT_BOOL(struct debug_config, use_internal_logger, "true",
             "Print through otelcd's own log; false: to output_paths, without time and level."),
    OPT_STRINGS(struct debug_config, output_paths, "[stdout]",
                "Without the internal logger: stdout, stderr or files to append to."),
    OPT_GROUP(struct debug_config, sending_queue, struct sending_queue_config, sending_queue_options, GROUP_DEFAULT,
              "A queue before the printing, in memory or on disk."),
    OPT_END,
};

static const struct metric_row row_left_out =
    METRIC_ROW("otelcd_exporter_debug_unprinted_batches", METRIC_COUNTER, "{batch}",
               "Batches whose text was left out because the reader of the console did not read.");
static const struct metric_row *const metric_rows[] = { &row_left_out, NULL };

struct print {
    struct list link;
    struct batch *batch;
    struct ack *ack;
};

/* On its way through the pool. */
struct text_job {
    struct job job;
    struct debug *debug;
    struct print *print;
    enum verbosity verbosity;
    bool quote;
    struct buf text;
};

struct debug {
    struct node node;
    const struct debug_config *config;
    struct sender *sender;   /* NULL without a queue */
    struct consumer attempt; /* behind it */
    struct metric *left_out;
    struct log_sink *sinks; /* own outputs */
    struct logger *loggers; /* of those, or the node's own */
    size_t n;
    /* Sampling. */
    uint64_t second_end, seen;
    /* Printing. */
    struct list prints; /* that wait */
    struct text_job *job;
    struct clock_timer look;
    size_t backlog;    /* when we last looked */
    uint64_t progress; /* mono ns when it last grew shorter */
    struct complaint stalled;
    void (*stopped)(struct node *node); /* once nothing more comes; NULL before */
    void (*done)(struct node *node);
};

static struct debug *debug_of(struct node *node)
{
    return container_of(node, struct debug, node);
}

static bool is_sampled(struct debug *d)
{
    uint64_t now = clock_mono(&d->node.host->loop->clock), initial = (uint64_t)d->config->sampling_initial;
    uint64_t thereafter = (uint64_t)d->config->sampling_thereafter;

    if (now >= d->second_end) {
        d->second_end = now + NS_PER_S;
        d->seen = 0;
    }
    d->seen++;
    return d->seen <= initial || (thereafter > 0 && (d->seen - initial) % thereafter == 0);
}

/* The line with the counts. */
static void print_counts(struct debug *d, const struct batch *b)
{
    static const char *const titles[SIGNAL_COUNT] = { "Traces", "Metrics", "Logs", "Profiles" };
    static const char *const items[SIGNAL_COUNT] = { "spans", "data points", "log records", "sample records" };
    struct debug_counts c = debug_count_batch(b);
    struct log_field fields[3];
    size_t n = 0;

    fields[n++] = F_UINT(signal_table[b->signal].resources, c.resources);
    if (b->signal == SIGNAL_METRICS)
        fields[n++] = F_UINT("metrics", c.metrics);
    fields[n++] = F_UINT(items[b->signal], c.items);
    for (size_t i = 0; i < d->n; i++)
        log_write(&d->loggers[i], LOG_INFO, titles[b->signal], fields, n);
}

static void finish_print(struct debug *d, struct print *p)
{
    batch_unref(p->batch);
    ack_safe(p->ack);
    free(p);
    if (d->stopped != NULL && list_empty(&d->prints) && d->job == NULL)
        d->stopped(&d->node);
}

/* --- text --- */

static void make_text(struct job *job)
{
    struct text_job *j = container_of(job, struct text_job, job);
    struct debug_text text = { .exact = j->quote };

    if (j->verbosity == NORMAL)
        debug_normal(&text, j->print->batch);
    else
        debug_detailed(&text, j->print->batch);
    if (j->quote) {
        log_quote(&j->text, buf_bytes(&text.buf));
        buf_free(&text.buf);
    } else {
        j->text = text.buf;
    }
}

static void pump_prints(struct debug *d);

static void free_job(struct text_job *j)
{
    buf_free(&j->text);
    free(j);
}

static void on_text(struct job *job)
{
    struct text_job *j = container_of(job, struct text_job, job);
    struct debug *d = j->debug;

    d->job = NULL;
    print_counts(d, j->print->batch);
    for (size_t i = 0; i < d->n; i++)
        log_write_text(&d->loggers[i], LOG_INFO, buf_bytes(&j->text), NULL, 0);
    finish_print(d, j->print);
    pump_prints(d);
    free_job(j);
}

/* The node has gone. */
static void on_dropped(struct job *job)
{
    struct text_job *j = container_of(job, struct text_job, job);

    batch_unref(j->print->batch);
    free(j->print);
    free_job(j);
}

static void begin_job(struct debug *d, struct print *p)
{
    struct text_job *j = mem_zalloc(sizeof(*j));

    j->job = (struct job){ .work = make_text, .done = on_text, .drop = on_dropped };
    j->debug = d;
    j->print = p;
    j->verbosity = (enum verbosity)d->config->verbosity;
    j->quote = d->loggers[0].sink->json;
    d->job = j;
    job_start(d->node.host->loop, JOB_CPU, &j->job);
}

static size_t longest_backlog(const struct debug *d)
{
    size_t longest = 0;

    for (size_t i = 0; i < d->n; i++)
        if (log_backlog(d->loggers[i].sink) > longest)
            longest = log_backlog(d->loggers[i].sink);
    return longest;
}

static void leave_out(struct debug *d)
{
    struct print *p = list_pop(&d->prints, struct print, link);

    metric_add(d->left_out, 1);
    if (complaint_due(&d->stalled, &d->node.host->loop->clock))
        log_warn(&d->node.log, "The console is not being read: leaving out what would be printed",
                 F_UINT("batches", complaint_taken(&d->stalled)));
    finish_print(d, p);
}

static void on_look(struct clock_timer *t)
{
    struct debug *d = container_of(t, struct debug, look);

    for (size_t i = 0; d->sinks != NULL && i < d->n; i++)
        log_flush(&d->sinks[i]);
    pump_prints(d);
}

/* False while the reader lags; what waits longer than STALLED for nothing is left out. */
static bool reader_keeps_up(struct debug *d)
{
    uint64_t now = clock_mono(&d->node.host->loop->clock);
    size_t backlog = longest_backlog(d);

    if (backlog < d->backlog || d->backlog == 0)
        d->progress = now;
    d->backlog = backlog;
    if (backlog < BACKLOG_FULL) {
        (void)complaint_over(&d->stalled);
        return true;
    }
    while (!list_empty(&d->prints) && now - d->progress >= STALLED)
        leave_out(d);
    return false;
}

static void pump_prints(struct debug *d)
{
    bool keeps_up = reader_keeps_up(d);

    if (keeps_up && d->job == NULL && !list_empty(&d->prints))
        begin_job(d, list_pop(&d->prints, struct print, link));
    if (d->backlog > 0 || (!keeps_up && !list_empty(&d->prints)))
        clock_start(&d->node.host->loop->clock, &d->look, LOOK_AGAIN, on_look);
}

static void take_batch(struct debug *d, struct batch *batch, struct ack *ack)
{
    bool printed = is_sampled(d);
    struct print *p;

    if (printed && d->config->verbosity == BASIC)
        print_counts(d, batch);
    if (!printed || d->config->verbosity == BASIC) {
        batch_unref(batch);
        ack_safe(ack);
        return;
    }
    p = mem_alloc(sizeof(*p));
    *p = (struct print){ .batch = batch, .ack = ack };
    list_push(&d->prints, &p->link);
    pump_prints(d);
}

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    take_batch(debug_of(container_of(self, struct node, in)), batch, ack);
}

static void on_attempt(struct consumer *self, struct batch *batch, struct ack *ack)
{
    take_batch(container_of(self, struct debug, attempt), batch, ack);
}

/* --- life --- */

static void finish_queue(void *config, struct check *ck)
{
    sending_queue_finish(&((struct debug_config *)config)->sending_queue, ck);
}

static bool is_stream(const char *path)
{
    return strcmp(path, "stdout") == 0 || strcmp(path, "stderr") == 0;
}

static const char *file_name(const char *path)
{
    return strncmp(path, "file://", 7) == 0 ? path + 7 : path;
}

static void check_outputs(const struct strings *paths, struct check *ck)
{
    for (size_t i = 0; i < paths->n; i++) {
        int rc = is_stream(paths->v[i]) ? 0 : directory_check_for(file_name(paths->v[i]));

        if (rc == -EISDIR)
            check_fail(ck, "output_paths", "%s is a directory: write the name of a file", paths->v[i]);
        else if (rc != 0)
            check_warn(ck, "output_paths",
                       "the directory of %s cannot be used here: %s; where it is so, otelcd does not start",
                       paths->v[i], uv_strerror(rc));
    }
}

static void check(const void *config, struct check *ck)
{
    const struct debug_config *c = config;

    if (c->use_internal_logger && check_was_set(ck, "output_paths"))
        check_fail(ck, "output_paths", "output_paths is not supported when use_internal_logger is true");
    if (!c->use_internal_logger && c->output_paths.n == 0)
        check_fail(ck, "output_paths", "output_paths must name an output: stdout, stderr or a file");
    if (!c->use_internal_logger)
        check_outputs(&c->output_paths, ck);
    sending_queue_check(&c->sending_queue, ck);
}

static void claim(const void *config, struct claims *claims)
{
    const struct debug_config *c = config;

    for (size_t i = 0; !c->use_internal_logger && i < c->output_paths.n; i++)
        claim_output(claims, c->output_paths.v[i]);
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct debug *d = debug_of(node);
    const struct metric_label label = { "exporter", node->id };

    (void)err;
    node->in.consume = consume;
    list_init(&d->prints);
    d->config = config;
    d->left_out = metrics_get(node->host->metrics, &row_left_out, &label, 1);
    d->n = d->config->use_internal_logger ? 1 : d->config->output_paths.n;
    d->loggers = mem_zalloc(d->n * sizeof(*d->loggers));
    if (d->config->use_internal_logger)
        d->loggers[0] = node->log;
    d->attempt.consume = on_attempt;
    if (d->config->sending_queue.on)
        d->sender =
            sending_queue_new(node, &d->config->sending_queue, (struct sender_options){ .attempt = &d->attempt });
    return 0;
}

static bool queue(const void *config, struct sender_options *o)
{
    const struct sending_queue_config *q = &((const struct debug_config *)config)->sending_queue;

    if (q->on)
        sending_queue_fill(q, o);
    return q->on;
}

static void on_sink_backlog(struct log_sink *s)
{
    struct debug *d = s->owner;

    clock_start(&d->node.host->loop->clock, &d->look, LOOK_AGAIN, on_look);
}

static int open_sink(struct debug *d, struct log_sink *s, const char *path, struct error *err)
{
    log_sink_init(s);
    s->bare = true;
    s->owner = d;
    s->on_backlog = on_sink_backlog;
    s->fd = strcmp(path, "stdout") == 0 ? 1 : 2;
    if (is_stream(path))
        return 0;
    path = file_name(path);
    s->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (s->fd < 0) {
        s->fd = 2;
        return error_set(err, -errno, "open %s: %s", path, strerror(errno));
    }
    return 0;
}

/* Somebody has moved one of its files away, and wants a new one. */
static bool is_stale(struct node *node)
{
    const struct debug *d = debug_of(node);
    bool stale = false;

    for (size_t i = 0; d->sinks != NULL && i < d->n; i++) {
        const char *path = d->config->output_paths.v[i];
        struct stat now, open;

        if (!is_stream(path) && fstat(d->sinks[i].fd, &open) == 0 && S_ISREG(open.st_mode))
            stale |= stat(file_name(path), &now) != 0 || now.st_ino != open.st_ino || now.st_dev != open.st_dev;
    }
    return stale;
}

static int open_sinks(struct debug *d, struct error *err)
{
    if (d->config->use_internal_logger)
        return 0;
    d->sinks = mem_zalloc(d->n * sizeof(*d->sinks));
    for (size_t i = 0; i < d->n; i++) {
        if (open_sink(d, &d->sinks[i], d->config->output_paths.v[i], err) != 0)
            return err != NULL ? err->code : -EIO;
        d->loggers[i] = (struct logger){ .sink = &d->sinks[i] };
    }
    return 0;
}

static int start(struct node *node, struct error *err)
{
    struct debug *d = debug_of(node);
    int rc = open_sinks(d, err);

    return rc == 0 && d->sender != NULL ? sender_start(d->sender, err) : rc;
}

static void finish_stop(struct node *node)
{
    struct debug *d = debug_of(node);

    d->stopped = d->done;
    if (list_empty(&d->prints) && d->job == NULL)
        d->stopped(node);
}

static void stop(struct node *node, uint64_t deadline, void (*done)(struct node *node))
{
    struct debug *d = debug_of(node);

    d->done = done;
    if (d->sender != NULL)
        sender_stop(d->sender, deadline, finish_stop);
    else
        finish_stop(node);
}

static void hurry(struct node *node)
{
    struct debug *d = debug_of(node);

    if (d->sender != NULL)
        sender_hurry(d->sender);
}

static void destroy(struct node *node)
{
    struct debug *d = debug_of(node);
    struct print *p;

    clock_stop(&node->host->loop->clock, &d->look);
    if (d->sender != NULL)
        sender_free(d->sender);
    if (d->job != NULL)
        job_abandon(&d->job->job);
    while ((p = list_pop(&d->prints, struct print, link)) != NULL) {
        batch_unref(p->batch);
        free(p);
    }
    for (size_t i = 0; d->sinks != NULL && i < d->n; i++)
        if (d->sinks[i].owner != NULL) /* it got so far */
            log_sink_close(&d->sinks[i]);
    free(d->sinks);
    free(d->loggers);
}

static bool keeps(const void *config)
{
    return sending_queue_keeps(&((const struct debug_config *)config)->sending_queue);
}

extern const struct component debug_exporter;
const struct component debug_exporter = {
    COMPONENT_TYPE("debug", COMPONENT_EXPORTER, .aliases = (const char *const[]){ "logging", NULL },
                   .signals = SIGNAL_ALL, .stability = "alpha"),
    .spread = SPREAD_EACH,
    .summary = "Prints what comes by.",
    .safe = "Safe means printed, or counted as left out where sampling or an unread console says so.",
    COMPONENT_CONFIG(struct debug_config, options, .finish = finish_queue, .check = check, .keeps = keeps,
                     .queue = queue, .claim = claim),
    .metrics = metric_rows,
    COMPONENT_NODE(struct debug, .create = create, .start = start, .stop = stop, .hurry = hurry, .destroy = destroy,
                   .is_stale = is_stale),
};
