/* SPDX-License-Identifier: Apache-2.0 */
/* What is lost in which failure, and what is needed, by the options that say it: sending_queue and retry_on_failure of
 * exporters that send, hold_ack of batch, storage and wal of what is on disk. Failures where nothing is lost are named
 * too, for that is what is asked. */
#include "command/explain.h"

#include "base/process.h"
#include "config/decode.h"
#include "service/memory.h"

#include <stdlib.h>
#include <string.h>

#define MIB 1048576.0

struct section {
    struct explanation *e;
    size_t n; /* lines */
};

static void put_line(struct section *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put_line(struct section *s, const char *fmt, ...)
{
    char text[1024];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    buf_printf(s->e->out, "    %s\n", text);
    s->n++;
}

static struct section begin_section(struct explanation *e, const char *heading)
{
    buf_printf(e->out, "  %s\n", heading);
    return (struct section){ .e = e };
}

static const struct component *component_of(const struct explained *x)
{
    return x->cc->component;
}

static bool is_exporter(const struct explained *x)
{
    return component_of(x)->kind == COMPONENT_EXPORTER;
}

/* --- queues --- */

static bool has_queue_options(const struct explained *x)
{
    return is_exporter(x) && explained_is_on(x, "retry_on_failure");
}

static const char *queue_key(const struct explained *x)
{
    return explained_option(x, "remote_write_queue::queue_size")[0] != '\0' ? "remote_write_queue" : "sending_queue";
}

static const char *queue_option(struct section *s, const struct explained *x, const char *key)
{
    return explained_option(x, arena_printf(&s->e->arena, "%s::%s", queue_key(x), key));
}

static bool has_queue(const struct explained *x)
{
    return has_queue_options(x) && explained_is_on(x, queue_key(x));
}

static bool is_on_disk(const struct explained *x)
{
    return explained_option(x, "sending_queue::storage")[0] != '\0' || explained_is_on(x, "wal");
}

static bool tries_again(const struct explained *x)
{
    return explained_is_on(x, "retry_on_failure");
}

/* What waits in memory was answered. */
static bool answers_early(struct section *s, const struct explained *x)
{
    return has_queue(x) && !is_on_disk(x) && tries_again(x) &&
           strcmp(queue_option(s, x, "wait_for_result"), "true") != 0;
}

static const char *queue_words(struct section *s, const struct explained *x)
{
    const char *sizer = queue_option(s, x, "sizer");

    return arena_printf(&s->e->arena, "%s %s", queue_option(s, x, "queue_size"), sizer[0] != '\0' ? sizer : "batches");
}

/* --- failures --- */

/* Senders have an answer before it has handed on what they sent. */
static bool answers_before(const struct explained *x, bool kept)
{
    const char *hold = explained_option(x, "hold_ack");

    if (component_of(x)->safe == NULL || is_exporter(x) || component_of(x)->kind == COMPONENT_RECEIVER)
        return false;
    return hold[0] == '\0' || strcmp(hold, "false") == 0 || (strcmp(hold, "auto") == 0 && !kept);
}

static void lose_processor(struct section *s, const struct explained *x, bool kept)
{
    if (!answers_before(x, kept))
        return;
    if (explained_option(x, "hold_ack")[0] == '\0')
        put_line(s, "%s: what it holds", x->path);
    else
        put_line(s, "%s: what waits in the batch, for %s at most", x->path, explained_option(x, "timeout"));
}

/* Something behind a processor of this pipeline keeps what it has accepted; `left` bounds the way over connectors. */
static bool keeps_behind(const struct config *c, const struct config_pipeline *p, size_t left)
{
    for (size_t i = 0; i < p->n_exporters; i++) {
        const struct config_component *cc = p->exporters[i];

        if (cc->component->keeps != NULL && cc->component->keeps(cc->config))
            return true;
        for (size_t k = 0; cc->component->kind == COMPONENT_CONNECTOR && left > 0 && k < c->n_pipelines; k++)
            if (config_lists(c->pipelines[k].receivers, c->pipelines[k].n_receivers, cc) &&
                keeps_behind(c, &c->pipelines[k], left - 1))
                return true;
    }
    return false;
}

/* In all of its pipelines. */
static bool is_kept(const struct config *c, const struct config_component *cc)
{
    bool kept = true;

    for (size_t i = 0; i < c->n_pipelines; i++)
        if (config_lists(c->pipelines[i].processors, c->pipelines[i].n_processors, cc))
            kept = kept && keeps_behind(c, &c->pipelines[i], 8);
    return kept;
}

/* What a user could write; of own telemetry nothing. */
static const char *keeper_words(const struct explained *x)
{
    if (x->cc->own)
        return "";
    return strcmp(queue_key(x), "sending_queue") == 0 ? "; sending_queue::storage would keep it"
                                                      : "; wal would keep it";
}

static void lose_in_kill(struct section *s)
{
    for (size_t i = 0; i < s->e->used.n; i++) {
        const struct explained *x = &s->e->used.v[i];
        bool kept = is_kept(s->e->config, x->cc);

        lose_processor(s, x, kept);
        if (answers_early(s, x))
            put_line(s, "%s: what waits in its queue, %s at most%s", x->path, queue_words(s, x), keeper_words(x));
        if (is_exporter(x) && explained_option(x, "metric_expiration")[0] != '\0')
            put_line(s, "%s: what was not scraped; series go on when their points come again", x->path);
    }
    if (s->n == 0)
        put_line(s, "nothing that was acknowledged");
}

static void lose_in_power_cut(struct section *s)
{
    bool file = false;

    for (size_t i = 0; i < s->e->used.n; i++) {
        const struct explained *x = &s->e->used.v[i];

        if (component_of(x)->kind == COMPONENT_EXTENSION && strcmp(explained_option(x, "fsync"), "false") == 0)
            put_line(s, "%s: what the kernel has not written yet, for fsync is false", x->path);
        if (is_exporter(x) && explained_is_on(x, "wal") && strcmp(explained_option(x, "wal::fsync"), "false") == 0)
            put_line(s, "%s: what the kernel has not written of its wal yet, for wal::fsync is false", x->path);
        file = is_exporter(x) && component_of(x)->keeps != NULL && explained_option(x, "format")[0] != '\0' &&
               explained_option(x, "path")[0] != '\0';
        if (file)
            put_line(s, "%s: what the kernel has not written to its file yet", x->path);
    }
    put_line(s, s->n > 0 ? "and all that is lost when it is killed" : "what is lost when it is killed");
}

static void lose_by_peer(struct section *s, const struct explained *x)
{
    const char *most = explained_option(x, "retry_on_failure::max_elapsed_time");
    bool unset = is_on_disk(x) && strcmp(most, "5m0s") == 0; /* by default what is on disk is kept */
    bool ever = strcmp(most, "0s") == 0 || strcmp(most, "0") == 0 || unset;
    bool waits = strcmp(queue_option(s, x, "wait_for_result"), "true") == 0;

    if (!has_queue_options(x) && explained_option(x, "retry_on_failure::enabled")[0] == '\0')
        return;
    if (!has_queue(x))
        put_line(s, "%s: nothing, for it has no queue: senders wait, and are told what became of it", x->path);
    else if (!tries_again(x))
        put_line(s, "%s: nothing in memory, for senders hear of each failure; what is on disk is dropped when it fails",
                 x->path);
    else if (waits && ever)
        put_line(s, "%s: nothing, for senders wait until it is delivered", x->path);
    else if (waits)
        put_line(s,
                 "%s: nothing, for senders wait, and are told to retry after %s (retry_on_failure::max_elapsed_time)",
                 x->path, most);
    else if (ever)
        put_line(s, "%s: nothing, it is tried for ever; when %s wait, senders %s", x->path, queue_words(s, x),
                 strcmp(queue_option(s, x, "block_on_overflow"), "true") == 0 ? "wait too" : "are told to retry");
    else
        put_line(s,
                 "%s: what could not be sent for %s (retry_on_failure::max_elapsed_time; 0 is for ever); when %s "
                 "wait, senders %s",
                 x->path, most, queue_words(s, x),
                 strcmp(queue_option(s, x, "block_on_overflow"), "true") == 0 ? "wait" : "are told to retry");
}

/* A batch that has answered goes again, unless another exporter has it already. */
static bool parts_ways(const struct config *c, const struct config_component *cc)
{
    for (size_t i = 0; i < c->n_pipelines; i++)
        if (config_lists(c->pipelines[i].processors, c->pipelines[i].n_processors, cc) &&
            c->pipelines[i].n_exporters > 1)
            return true;
    return false;
}

static void lose_by_branch(struct section *s, const struct explained *x)
{
    const char *hold = explained_option(x, "hold_ack");
    bool holds = strcmp(hold, "true") == 0 || (strcmp(hold, "auto") == 0 && is_kept(s->e->config, x->cc));

    if (hold[0] != '\0' && !holds && parts_ways(s->e->config, x->cc))
        put_line(s,
                 "%s: what one exporter has taken, and another one refuses for now, for the latter; hold_ack: true "
                 "or a pipeline for each keeps it",
                 x->path);
}

static void lose_without_peer(struct section *s)
{
    bool queue = false;

    for (size_t i = 0; i < s->e->used.n; i++) {
        const struct explained *x = &s->e->used.v[i];

        lose_by_branch(s, x);
        if (!is_exporter(x))
            continue;
        queue = queue || has_queue(x);
        lose_by_peer(s, x);
        if (explained_option(x, "metric_expiration")[0] != '\0')
            put_line(s, "%s: nobody scrapes: a series without a new point for %s is forgotten", x->path,
                     explained_option(x, "metric_expiration"));
    }
    if (queue)
        put_line(s, "what is answered, but refused for good, is dropped with its reason in the log and the ledger");
    if (s->n == 0)
        put_line(s, "nothing: there is no peer");
}

static const struct explained *explained_of(const struct explanation *e, const struct config_component *cc)
{
    for (size_t i = 0; i < e->used.n; i++)
        if (e->used.v[i].cc == cc)
            return &e->used.v[i];
    return NULL;
}

/* A limiter cannot refuse those who have their answer already, where it stands behind who gives it. */
static void lose_in_want(struct section *s)
{
    const struct config *c = s->e->config;

    for (size_t i = 0; i < c->n_pipelines; i++) {
        const struct config_pipeline *p = &c->pipelines[i];
        const struct explained *early = NULL;

        for (size_t k = 0; k < p->n_processors; k++) {
            const struct explained *x = explained_of(s->e, p->processors[k]);

            if (strcmp(p->processors[k]->component->type, "memory_limiter") == 0 && early != NULL)
                put_line(s,
                         "%s, in pipeline %s: nothing, for it lets all pass that %s has answered before; put it first",
                         x->path, p->id, early->path);
            else if (answers_before(x, is_kept(c, x->cc)))
                early = x;
        }
    }
    if (s->n == 0)
        put_line(s, "nothing that was acknowledged: senders are told to retry");
}

void explain_loss(struct explanation *e)
{
    struct section s;
    struct buf timeout = { 0 };

    buf_puts(e->out, "\nis lost\n");
    s = begin_section(e, "when otelcd is killed, or crashes");
    lose_in_kill(&s);
    s = begin_section(e, "when the machine stops");
    lose_in_power_cut(&s);
    s = begin_section(e, "when who gets the data does not answer");
    lose_without_peer(&s);
    s = begin_section(e, "when otelcd is stopped (SIGTERM)");
    duration_print(e->config->service->shutdown_timeout.ns, &timeout);
    put_line(&s, "what has not been handed on after %s (service::shutdown_timeout), but for what is on disk",
             buf_cstr(&timeout));
    s = begin_section(e, "when memory runs short, or a disk is full");
    lose_in_want(&s);
    buf_free(&timeout);
}

/* --- needs --- */

static double number_of(const char *text)
{
    return text[0] != '\0' ? strtod(text, NULL) : 0;
}

static void need_files(struct section *s, const struct explained *x)
{
    const char *megabytes = explained_option(x, "rotation::max_megabytes"),
               *backups = explained_option(x, "rotation::max_backups");

    if (!explained_is_on(x, "rotation"))
        put_line(s, "disk: %s of %s grows without end; write rotation", explained_option(x, "path"), x->path);
    else if (number_of(backups) > 0 && number_of(megabytes) > 0)
        put_line(s, "disk: %.0f MB at %s of %s, in %s files of %s MB and the one that is written%s",
                 (number_of(backups) + 1) * number_of(megabytes), explained_option(x, "path"), x->path, backups,
                 megabytes, explained_is_on(x, "group_by::enabled") ? ", for each group" : "");
    else
        put_line(s, "disk: %s of %s grows without end, for all files are kept; write rotation::max_backups",
                 explained_option(x, "path"), x->path);
}

static size_t queues_in(const struct explanation *e, const char *storage)
{
    size_t n = 0;

    for (size_t i = 0; i < e->used.n; i++)
        n += is_exporter(&e->used.v[i]) &&
             strcmp(explained_option(&e->used.v[i], "sending_queue::storage"), storage) == 0;
    return n;
}

static void need_storage(struct section *s, const struct explained *x)
{
    double most = number_of(explained_option(x, "max_size"));
    size_t queues = queues_in(s->e, x->cc->id);

    if (most > 0)
        put_line(s, "disk: %.1f MiB for each queue in %s of %s; exporters with one: %zu, each for every signal it gets",
                 most / MIB, explained_option(x, "directory"), x->path, queues);
    else
        put_line(s, "disk: what %s in %s of %s takes has no bound in bytes; write max_size",
                 queues == 1 ? "the queue" : "each queue", explained_option(x, "directory"), x->path);
}

static void need_disk(struct section *s, const struct explained *x)
{
    if (is_exporter(x) && explained_is_on(x, "wal"))
        put_line(s, "disk: %s MiB at most in %s of %s", explained_option(x, "wal::max_size_mib"),
                 explained_option(x, "wal::directory"), x->path);
    else if (is_exporter(x) && component_of(x)->keeps != NULL && explained_option(x, "path")[0] != '\0')
        need_files(s, x);
    else if (component_of(x)->storage != NULL)
        need_storage(s, x);
}

/* The hard limit of a memory_limiter, in bytes; 0: it is none. */
static double hard_limit(const struct explained *x)
{
    double mib = number_of(explained_option(x, "limit_mib"));

    return mib > 0 ? mib * MIB
                   : (double)process_memory_total("") / 100 * number_of(explained_option(x, "limit_percentage"));
}

static void need_memory(struct section *s)
{
    const struct service_config *c = s->e->config->service;
    const struct explained *limiter = NULL;
    double budget = (double)memory_limit(c), least = budget;

    for (size_t i = 0; i < s->e->used.n; i++) {
        double limit = hard_limit(&s->e->used.v[i]);

        if (limit <= 0 || limit >= least)
            continue;
        least = limit;
        limiter = &s->e->used.v[i];
    }
    if (limiter != NULL)
        put_line(s, "memory: %.1f MiB at most for the whole process, its data and queues in memory among it (%s)",
                 least / MIB, limiter->path);
    else
        put_line(s, "memory: %.1f MiB at most for data, queues in memory among it (%s), and some MiB for itself",
                 budget / MIB,
                 c->memory_budget_mib > 0 ? "service::memory_budget_mib" : "60 % of what this machine or cgroup has");
}

void explain_needs(struct explanation *e)
{
    const struct service_config *c = e->config->service;
    struct section s = { .e = e };

    buf_puts(e->out, "\nneeds\n");
    need_memory(&s);
    if (c->workers > 1)
        put_line(
            &s,
            "processes: %u workers, each with its part of the connections and of that memory, and the one that looks "
            "after them; a queue on disk is the first one's, those of the others are in worker-2 and so on below it",
            (unsigned)c->workers);
    for (size_t i = 0; i < e->used.n; i++) {
        const struct explained *x = &e->used.v[i];
        const char *series = explained_option(x, "max_series");

        if (series[0] != '\0' && strcmp(series, "0") == 0)
            put_line(&s, "memory: %s keeps every series it gets, inside of that; write max_series for a bound",
                     x->path);
        else if (series[0] != '\0')
            put_line(&s, "memory: %s keeps %s series at most, inside of that", x->path, series);
        need_disk(&s, x);
    }
}
