/* SPDX-License-Identifier: Apache-2.0 */
/* The file exporter: requests into files, as OTLP/JSON lines or as protobuf messages with their length in front.
 *
 * One node serves all signals of an id. What comes waits in a list, with its blocks and so its share of the budget,
 * until a job on a thread of the pool has encoded and written it; there is one job at a time. A sender is answered
 * when its batch is written: nothing lies in a buffer of ours. What cannot be written is not in the file at all, and
 * its sender is told to retry. */
#include "base/directory.h"
#include "base/mem.h"
#include "exporter/file/file_options.h"
#include "exporter/file/file_writer.h"
#include "pipeline/component.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define JOB_BYTES (1u << 20)         /* a job takes up what waits until it has that many */
#define ENCODED_SIZE 4               /* times the request: what its text is counted with, while it is made */
#define STOP_EARLY (200 * NS_PER_MS) /* before the deadline: whoever still waits is told, no reader is waited for */
#define MEGABYTE (1024ull * 1024)

static const struct metric_row row_bytes =
    METRIC_ROW("otelcd_exporter_file_written_bytes", METRIC_COUNTER, "By", "Bytes written to files.");
static const struct metric_row row_failures =
    METRIC_ROW("otelcd_exporter_file_failed_batches", METRIC_COUNTER, "{batch}",
               "Batches that could not be written and were handed back to their senders.");
static const struct metric_row row_rotations =
    METRIC_ROW("otelcd_exporter_file_rotations", METRIC_COUNTER, "{file}", "Files that were full and renamed.");
static const struct metric_row *const metric_rows[] = { &row_bytes, &row_failures, &row_rotations, NULL };

struct entry {
    struct list link;
    struct batch *batch;
    struct ack *ack;
    struct file_written written;
};

/* On its way through the pool. When the node must go first the writer goes with the job. */
struct write_job {
    struct job job;
    struct file *file;
    struct file_writer *writer;
    struct list entries;
    struct budget *budget;
    uint64_t charged;
};

struct file {
    struct node node;
    const struct file_config *config;
    struct file_writer *writer;
    struct metric *bytes, *failures, *rotations;
    uint64_t seen_bytes, seen_rotations; /* of the writer's, in the metrics */
    struct list waiting;                 /* entries */
    struct write_job *job;
    struct complaint failing, missing, crowded, rejecting;
    struct clock_timer timer;
    void (*stopped)(struct node *node); /* once all is written; NULL before stop */
};

static struct file *file_of(struct node *node)
{
    return container_of(node, struct file, node);
}

/* --- the job --- */

static void write_entries(struct job *job)
{
    struct write_job *j = container_of(job, struct write_job, job);

    list_each (struct entry, e, &j->entries, link)
        file_writer_write(j->writer, e->batch, &e->written);
}

static const char *reason_of(int rc)
{
    return rc == -ENOSPC || rc == -EDQUOT || rc == -EFBIG ? "no_space" : rc == -ECANCELED ? "shutdown" : "write_failed";
}

static void settle_failed(struct file *f, const struct entry *e)
{
    metric_add(f->failures, 1);
    health_fail(&f->node.health[HEALTH_DISK], clock_mono(&f->node.host->loop->clock), HEALTH_RECOVERABLE,
                e->written.err.text);
    if (complaint_due(&f->failing, &f->node.host->loop->clock))
        log_warn(&f->node.log, "Writing failed, senders are told to retry", F_STR("error", e->written.err.text),
                 F_UINT("batches", complaint_taken(&f->failing)));
    ack_fail(e->ack, VERDICT_RETRY, reason_of(e->written.rc), "%s", e->written.err.text);
}

static void settle_written(struct file *f, const struct entry *e)
{
    struct clock *clock = &f->node.host->loop->clock;
    struct outcome o = { .verdict = VERDICT_SAFE };

    health_ok(&f->node.health[HEALTH_DISK], clock_mono(clock));
    if (complaint_over(&f->failing))
        log_info(&f->node.log, "Writing works again");
    if (e->written.missing > 0) {
        outcome_reject(&o, e->written.missing, "no_path_segment",
                       "resources without the attribute \"%s\", which names their file",
                       f->config->group_by.resource_attribute);
        if (complaint_due(&f->missing, clock))
            log_warn(&f->node.log, "Rejected resources without the attribute that names their file",
                     F_STR("attribute", f->config->group_by.resource_attribute),
                     F_UINT("batches", complaint_taken(&f->missing)));
    }
    if (e->written.excess > 0) {
        outcome_reject(&o, e->written.excess, "too_many_files", "%s", e->written.err.text);
        if (complaint_due(&f->crowded, clock))
            log_warn(&f->node.log, "Rejected resources: their attribute names more files than group_by::max_files",
                     F_STR("attribute", f->config->group_by.resource_attribute),
                     F_INT("max_files", f->config->group_by.max_files),
                     F_UINT("batches", complaint_taken(&f->crowded)));
    }
    if (e->written.rejected > 0) {
        outcome_reject(&o, e->written.rejected, "not_writable", "%s", e->written.err.text);
        if (complaint_due(&f->rejecting, clock))
            log_warn(&f->node.log, "Left out what can never be written", F_STR("error", e->written.err.text),
                     F_UINT("batches", complaint_taken(&f->rejecting)));
    }
    ack_settle(e->ack, &o);
}

static void settle_entry(struct file *f, const struct entry *e)
{
    if (e->written.rc != 0)
        settle_failed(f, e);
    else
        settle_written(f, e);
}

static void count_written(struct file *f)
{
    uint64_t bytes = file_writer_bytes(f->writer), rotations = file_writer_rotated(f->writer);

    metric_add(f->bytes, bytes - f->seen_bytes);
    metric_add(f->rotations, rotations - f->seen_rotations);
    f->seen_bytes = bytes;
    f->seen_rotations = rotations;
}

static void begin_job(struct file *f);

static void free_job(struct write_job *j)
{
    list_each (struct entry, e, &j->entries, link) {
        batch_unref(e->batch);
        free(e);
    }
    budget_give(j->budget, j->charged);
    free(j);
}

static void on_written(struct job *job)
{
    struct write_job *j = container_of(job, struct write_job, job);
    struct file *f = j->file;

    f->job = NULL;
    list_each (struct entry, e, &j->entries, link)
        settle_entry(f, e);
    free_job(j);
    count_written(f);
    begin_job(f);
}

/* The node has gone. */
static void on_dropped(struct job *job)
{
    struct write_job *j = container_of(job, struct write_job, job);

    file_writer_free(j->writer);
    free_job(j);
}

/* What waits, up to JOB_BYTES but at least one, leaves the list with the job. */
static void take_entries(struct file *f, struct write_job *j)
{
    uint64_t bytes = 0;

    list_init(&j->entries);
    list_each (struct entry, e, &f->waiting, link) {
        if (!list_empty(&j->entries) && bytes + e->batch->bytes > JOB_BYTES)
            break;
        list_remove(&e->link);
        list_push(&j->entries, &e->link);
        bytes += e->batch->bytes;
    }
    j->charged = bytes * ENCODED_SIZE;
    budget_charge(j->budget, j->charged);
}

/* Nothing waits: the end, where that was asked for. */
static void begin_job(struct file *f)
{
    if (f->job != NULL)
        return;
    if (list_empty(&f->waiting)) {
        if (f->stopped != NULL) {
            clock_stop(&f->node.host->loop->clock, &f->timer);
            f->stopped(&f->node);
        }
        return;
    }
    f->job = mem_zalloc(sizeof(*f->job));
    f->job->job = (struct job){ .work = write_entries, .done = on_written, .drop = on_dropped };
    f->job->file = f;
    f->job->writer = f->writer;
    f->job->budget = f->node.host->budget;
    take_entries(f, f->job);
    job_start(f->node.host->loop, JOB_DISK, &f->job->job);
}

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    struct file *f = file_of(container_of(self, struct node, in));
    struct entry *e = mem_zalloc(sizeof(*e));

    e->batch = batch;
    e->ack = ack;
    list_push(&f->waiting, &e->link);
    begin_job(f);
}

static struct file_rotation rotation_of(const struct file_rotation_config *c)
{
    if (!c->on)
        return (struct file_rotation){ 0 };
    return (struct file_rotation){
        .max_bytes = (uint64_t)(c->max_megabytes != 0 ? c->max_megabytes : 100) * MEGABYTE,
        .max_days = (uint64_t)c->max_days,
        .max_backups = (uint64_t)c->max_backups,
        .localtime = c->localtime,
    };
}

/* --- life --- */

static int create(struct node *node, const void *config, struct error *err)
{
    struct file *f = file_of(node);
    const struct file_config *c = f->config = config;
    const struct metric_label label = { "exporter", node->id };
    struct file_writer_options o = {
        .path = c->path,
        .append = c->append,
        .proto = c->format == FILE_FORMAT_PROTO,
        .zstd = c->compression != 0,
        .group_attribute = c->group_by.enabled ? c->group_by.resource_attribute : NULL,
        .max_open_files = (uint64_t)c->group_by.max_open_files,
        .max_files = (uint64_t)c->group_by.max_files,
        .rotation = rotation_of(&c->rotation),
    };

    (void)err;
    node->in.consume = consume;
    list_init(&f->waiting);
    (void)directory_mode(c->mode, &o.mode);
    f->writer = file_writer_new(&o);
    f->bytes = metrics_get(node->host->metrics, &row_bytes, &label, 1);
    f->failures = metrics_get(node->host->metrics, &row_failures, &label, 1);
    f->rotations = metrics_get(node->host->metrics, &row_rotations, &label, 1);
    return 0;
}

static int start(struct node *node, struct error *err)
{
    struct file *f = file_of(node);
    mode_t mode = 0755;
    int rc = 0;

    if (f->config->create_directory) {
        (void)directory_mode(f->config->directory_permissions, &mode);
        rc = directory_make_for(f->config->path, f->config->directory_permissions[0] != '\0' ? mode : 0755);
    }
    if (rc != 0)
        return error_set(err, rc, "cannot make the directory of %s: %s", f->config->path, uv_strerror(rc));
    return file_writer_open(f->writer, err);
}

/* Somebody has moved its file away, and wants a new one. */
static bool is_stale(struct node *node)
{
    return file_writer_was_moved(file_of(node)->writer);
}

/* A disk or a reader that hangs: those who have been waiting are told, before nobody can be told any more. */
static void on_late(struct clock_timer *t)
{
    struct file *f = container_of(t, struct file, timer);

    file_writer_cancel(f->writer);
    list_each (struct entry, e, &f->waiting, link) {
        list_remove(&e->link);
        batch_unref(e->batch);
        ack_fail(e->ack, VERDICT_RETRY, "shutdown", "shutting down before this could be written");
        free(e);
    }
    begin_job(f);
}

static void stop(struct node *node, uint64_t deadline, void (*done)(struct node *node))
{
    struct file *f = file_of(node);
    uint64_t now = clock_mono(&node->host->loop->clock);

    f->stopped = done;
    clock_start(&node->host->loop->clock, &f->timer, deadline > now + STOP_EARLY ? deadline - now - STOP_EARLY : 0,
                on_late);
    begin_job(f);
}

static void hurry(struct node *node)
{
    clock_start(&node->host->loop->clock, &file_of(node)->timer, 0, on_late);
}

static void destroy(struct node *node)
{
    struct file *f = file_of(node);

    clock_stop(&node->host->loop->clock, &f->timer);
    list_each (struct entry, e, &f->waiting, link) {
        batch_unref(e->batch);
        free(e);
    }
    if (f->job == NULL) {
        file_writer_free(f->writer);
        return;
    }
    file_writer_cancel(f->writer);
    job_abandon(&f->job->job);
}

/* What is written survives the process. */
static bool keeps(const void *config)
{
    (void)config;
    return true;
}

extern const struct component file_exporter;
const struct component file_exporter = {
    COMPONENT_TYPE("file", COMPONENT_EXPORTER, .signals = SIGNAL_ALL, .shared = true, .stability = "alpha"),
    .alone = "they would write one file between each other's lines, and rotate it under each other",
    .summary = "Writes what comes to files, as OTLP/JSON lines or protobuf messages.",
    .safe = "Safe means written: handed to the kernel whole, not synced to the disk.",
    COMPONENT_CONFIG(struct file_config, file_options, .check = file_options_check, .keeps = keeps,
                     .claim = file_options_claim),
    .metrics = metric_rows,
    COMPONENT_NODE(struct file, .create = create, .start = start, .stop = stop, .hurry = hurry, .destroy = destroy,
                   .is_stale = is_stale),
};
