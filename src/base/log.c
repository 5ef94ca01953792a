/* SPDX-License-Identifier: Apache-2.0 */
/* log_write() asks level and sampler, makes the line in the sink's buffer, as JSON or for a console, and puts it out to
 * the sink and those that hang on it. What strangers wrote is escaped on the way (log_text.c).
 *
 * No reader holds us up: put_out() writes only what poll() says the descriptor takes. The rest waits in a backlog,
 * which log_flush() writes later; beyond LOG_BACKLOG_MAX whole lines are lost, counted, and told of when the reader is
 * back. An end that is gone counts as written: it is nobody's to tell. */
#include "base/log.h"

#include "base/log_recent.h"
#include "base/loop/wall.h"
#include "base/mem.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define COUNTERS 1024u /* slots of the sampling table; messages that share one share its count */
#define COMPLAINT_FIRST NS_PER_S
#define COMPLAINT_MAX (300 * NS_PER_S)
#define COMPLAINT_NEWS (10 * NS_PER_S)

struct log_counter {
    uint64_t tick_end; /* wall ns */
    uint64_t n;
};

static const char *const level_names[] = { "debug", "info", "warn", "error", "fatal" };

void log_sink_init(struct log_sink *s)
{
    *s = (struct log_sink){ .level = LOG_INFO, .fd = 2 };
}

/* zap's sampler: the first `initial` of a message and level in a tick, then every `thereafter`th. */
static bool sampled_out(struct log_sink *s, enum log_level level, const char *msg, uint64_t now)
{
    struct log_counter *c;

    if (!s->sampling)
        return false;
    if (s->counters == NULL)
        s->counters = mem_zalloc(COUNTERS * sizeof(*s->counters));
    c = &s->counters[(bytes_hash(bytes_str(msg)) + (uint64_t)level) % COUNTERS];
    if (now >= c->tick_end)
        *c = (struct log_counter){ .tick_end = now + s->tick_ns };
    c->n++;
    if (c->n <= s->initial)
        return false;
    return s->thereafter == 0 || (c->n - s->initial) % s->thereafter != 0;
}

static void put_time(struct buf *b, uint64_t wall)
{
    time_t sec = (time_t)(wall / NS_PER_S);
    struct tm tm;

    gmtime_r(&sec, &tm);
    buf_printf(b, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
               tm.tm_min, tm.tm_sec, (unsigned)(wall % NS_PER_S / NS_PER_MS));
}

static void put_fields(struct buf *b, const struct log_field *fields, size_t n, bool *first)
{
    for (size_t i = 0; i < n; i++) {
        const struct log_field *f = &fields[i];

        if (!*first)
            buf_puts(b, ", ");
        *first = false;
        log_quote(b, bytes_str(f->key));
        buf_puts(b, ": ");
        switch (f->kind) {
        case LOG_FIELD_STR:
            log_quote(b, bytes_str(f->value.str != NULL ? f->value.str : ""));
            break;
        case LOG_FIELD_BYTES:
            log_quote(b, f->value.bytes);
            break;
        case LOG_FIELD_UINT:
            buf_printf(b, "%llu", (unsigned long long)f->value.u);
            break;
        case LOG_FIELD_INT:
            buf_printf(b, "%lld", (long long)f->value.i);
            break;
        case LOG_FIELD_DOUBLE:
            if (isfinite(f->value.d))
                buf_printf(b, "%.9g", f->value.d);
            else
                buf_printf(b, "\"%g\"", f->value.d);
            break;
        case LOG_FIELD_JSON:
            buf_puts(b, f->value.str);
            break;
        case LOG_FIELD_BOOL:
            buf_puts(b, f->value.b ? "true" : "false");
            break;
        }
    }
}

/* --- writing without waiting --- */

/* A pipe that polls as writable takes this much at once (PIPE_BUF). */
#define CHUNK 4096u
#define FLUSH_MAX (1u << 20) /* bytes in one go */

static bool takes_more(int fd, int wait_ms)
{
    struct pollfd p = { .fd = fd, .events = POLLOUT };

    return poll(&p, 1, wait_ms) > 0;
}

/* How much of it went out. When the other end is gone all counts as written: it is nobody's to tell. */
static size_t write_some(int fd, const uint8_t *data, size_t len, int wait_ms)
{
    size_t done = 0;

    while (done < len && takes_more(fd, wait_ms)) {
        size_t n = len - done < CHUNK ? len - done : CHUNK;
        ssize_t written = write(fd, data + done, n);

        if (written < 0 && errno == EAGAIN)
            break;
        if (written < 0 && errno != EINTR)
            return len;
        done += written > 0 ? (size_t)written : 0;
    }
    return done;
}

static void tell_lost(struct log_sink *s)
{
    const struct logger lg = { .sink = s };
    uint64_t lost = s->lost;

    s->lost = 0;
    log_warn(&lg, "Lines of the log were lost: its reader was too slow", F_UINT("lines", lost));
}

static size_t own_backlog(const struct log_sink *s)
{
    return s->backlog.len - s->backlog_from;
}

static void flush_sink(struct log_sink *s, size_t most, int wait_ms)
{
    size_t n = own_backlog(s) < most ? own_backlog(s) : most;

    s->backlog_from += write_some(s->fd, s->backlog.data + s->backlog_from, n, wait_ms);
    if (own_backlog(s) > 0)
        return;
    buf_free(&s->backlog);
    s->backlog_from = 0;
    if (s->lost > 0)
        tell_lost(s);
}

void log_flush(struct log_sink *s)
{
    for (; s != NULL; s = s->next)
        if (own_backlog(s) > 0)
            flush_sink(s, FLUSH_MAX, 0);
}

/* The line goes out, behind what waits already, or waits too. True: something waits that did not before. */
static bool put_out(struct log_sink *s, struct bytes line)
{
    bool waiting = own_backlog(s) > 0;
    size_t n = line.len < FLUSH_MAX ? line.len : FLUSH_MAX;
    size_t done = waiting ? 0 : write_some(s->fd, line.data, n, 0);

    if (done == line.len)
        return false;
    if (waiting && own_backlog(s) + line.len > LOG_BACKLOG_MAX) {
        s->lost++;
        return false;
    }
    buf_append(&s->backlog, line.data + done, line.len - done);
    return !waiting;
}

static void close_output(struct log_sink *s)
{
    while (own_backlog(s) > 0) {
        size_t before = own_backlog(s);

        flush_sink(s, before, 1000);
        if (own_backlog(s) == before)
            break;
    }
    buf_free(&s->backlog);
    s->backlog_from = 0;
    buf_free(&s->line);
    if (s->fd > 2)
        close(s->fd);
    s->fd = 2;
}

static void close_others(struct log_sink *s)
{
    while (s->next != NULL) {
        struct log_sink *other = s->next;

        s->next = other->next;
        close_output(other);
        free(other);
    }
}

void log_sink_close(struct log_sink *s)
{
    close_others(s);
    close_output(s);
    free(s->counters);
    free(s->recent);
    s->counters = NULL;
    s->recent = NULL;
}

void log_sink_to(struct log_sink *s, int fd)
{
    close_others(s);
    if (s->fd > 2)
        close(s->fd);
    s->fd = fd;
}

void log_sink_add(struct log_sink *s, int fd)
{
    struct log_sink *other = mem_zalloc(sizeof(*other)), **last;

    log_sink_init(other);
    other->fd = fd;
    other->json = s->json;
    for (last = &s->next; *last != NULL; last = &(*last)->next)
        ;
    *last = other;
}

/* --- lines --- */

static void make_json(struct log_sink *s, const struct logger *lg, enum log_level level, struct bytes msg, bool quoted,
                      uint64_t now)
{
    struct buf *b = &s->line;
    bool first = false;

    buf_printf(b, "{\"level\": \"%s\", \"ts\": \"", level_names[level]);
    put_time(b, now);
    buf_puts(b, "\", \"msg\": ");
    if (quoted)
        buf_put(b, msg);
    else
        log_quote(b, msg);
    put_fields(b, s->fields, s->n_fields, &first);
    put_fields(b, lg->fields, lg->n_fields, &first);
}

static void make_console(struct log_sink *s, const struct logger *lg, enum log_level level, struct bytes msg,
                         const struct log_field *fields, size_t n, uint64_t now)
{
    struct buf *b = &s->line;
    bool first = true;

    if (!s->bare) {
        put_time(b, now);
        buf_printf(b, "\t%s\t", level_names[level]);
    }
    buf_put(b, msg);
    if (s->n_fields + lg->n_fields + n > 0) {
        buf_puts(b, "\t{");
        put_fields(b, lg->fields, lg->n_fields, &first);
        put_fields(b, fields, n, &first);
        put_fields(b, s->fields, s->n_fields, &first);
        buf_putc(b, '}');
    }
    buf_putc(b, '\n');
}

/* What it is about, without what all lines have. */
static void keep_recent(const struct logger *lg, enum log_level level, struct bytes msg, const struct log_field *fields,
                        size_t n, uint64_t now)
{
    struct buf *b = &lg->sink->line;
    bool first = true;

    b->len = 0;
    buf_put(b, msg);
    if (lg->n_fields + n > 0) {
        buf_puts(b, " {");
        put_fields(b, lg->fields, lg->n_fields, &first);
        put_fields(b, fields, n, &first);
        buf_putc(b, '}');
    }
    log_recent_add(lg->sink->recent, now, level, buf_bytes(b));
}

void log_watch(struct log_sink *s, struct log_watcher *w)
{
    w->next = s->watchers;
    s->watchers = w;
}

void log_unwatch(struct log_sink *s, struct log_watcher *w)
{
    for (struct log_watcher **at = &s->watchers; *at != NULL; at = &(*at)->next) {
        if (*at == w) {
            *at = w->next;
            return;
        }
    }
}

static void tell_watchers(const struct logger *lg, enum log_level level, struct bytes msg,
                          const struct log_field *fields, size_t n, uint64_t now)
{
    const struct log_line line = { lg, level, now, msg, fields, n };

    for (struct log_watcher *w = lg->unwatched ? NULL : lg->sink->watchers; w != NULL; w = w->next)
        w->on_line(w, &line);
}

static void make_line(const struct logger *lg, enum log_level level, struct bytes msg, bool quoted,
                      const struct log_field *fields, size_t n, uint64_t now)
{
    struct log_sink *s = lg->sink;
    bool first = false, waits = false;

    s->line.len = 0;
    if (s->json) {
        make_json(s, lg, level, msg, quoted, now);
        put_fields(&s->line, fields, n, &first);
        buf_puts(&s->line, "}\n");
    } else {
        make_console(s, lg, level, msg, fields, n, now);
    }
    if (!quoted)
        tell_watchers(lg, level, msg, fields, n, now);
    for (struct log_sink *t = s; t != NULL; t = t->next)
        waits |= put_out(t, buf_bytes(&s->line));
    if (waits && s->on_backlog != NULL)
        s->on_backlog(s);
    if (s->recent != NULL && level >= LOG_WARN)
        keep_recent(lg, level, msg, fields, n, now);
    if (s->line.cap > FLUSH_MAX)
        buf_free(&s->line);
}

void log_write(const struct logger *lg, enum log_level level, const char *msg, const struct log_field *fields, size_t n)
{
    uint64_t now = wall_now(lg->sink->clock);

    if (log_enabled(lg, level) && !sampled_out(lg->sink, level, msg, now))
        make_line(lg, level, bytes_str(msg), false, fields, n, now);
}

void log_write_text(const struct logger *lg, enum log_level level, struct bytes msg, const struct log_field *fields,
                    size_t n)
{
    if (log_enabled(lg, level))
        make_line(lg, level, msg, true, fields, n, wall_now(lg->sink->clock));
}

bool complaint_due(struct complaint *c, struct clock *clock)
{
    uint64_t now = clock_mono(clock);

    c->held++;
    if (c->interval != 0 && now < c->next)
        return false;
    /* Silence twice as long as the last interval ends the run: the next complaint starts a new one. */
    if (c->interval == 0 || now > c->next + c->interval)
        c->interval = COMPLAINT_FIRST;
    else if (c->interval < COMPLAINT_MAX)
        c->interval *= 2;
    if (c->interval > COMPLAINT_MAX)
        c->interval = COMPLAINT_MAX;
    c->next = now + c->interval;
    return true;
}

bool complaint_due_to(struct complaint *c, struct clock *clock, const char *cause)
{
    uint64_t hash = bytes_hash(bytes_str(cause)), now = clock_mono(clock);

    if (c->interval != 0 && now < c->next && hash != c->cause && now >= c->said + COMPLAINT_NEWS)
        c->held++;
    else if (!complaint_due(c, clock))
        return false;
    c->cause = hash;
    c->said = now;
    return true;
}

uint64_t complaint_taken(struct complaint *c)
{
    uint64_t n = c->held;

    c->held = 0;
    return n;
}

bool complaint_over(struct complaint *c)
{
    bool was = c->interval != 0;

    *c = (struct complaint){ 0 };
    return was;
}
