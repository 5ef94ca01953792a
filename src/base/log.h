/* SPDX-License-Identifier: Apache-2.0 */
/* Structured log lines: a level, a message that never varies, and fields that do.
 *
 *     log_info(lg, "Listening", F_STR("endpoint", text), F_UINT("port", port));
 *
 * A `struct logger` carries the fields that every line of a component has (its id, kind, signal) and points
 * to the sink, which knows level, encoding (console or json, as the Go collector's `service::telemetry::logs`
 * prints them) and output. Lines are for start, stop, changes of state and the first and last of a run of
 * failures, never one a request: use a `struct complaint` where a stranger can cause a line. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/loop/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_FATAL, LOG_OFF };

enum log_kind {
    LOG_FIELD_STR,
    LOG_FIELD_BYTES,
    LOG_FIELD_UINT,
    LOG_FIELD_INT,
    LOG_FIELD_DOUBLE,
    LOG_FIELD_BOOL,
    LOG_FIELD_JSON, /* .str: a JSON value, printed as it is */
};

struct log_field {
    const char *key;
    enum log_kind kind;
    union {
        const char *str;
        struct bytes bytes; /* any bytes; printed escaped */
        uint64_t u;
        int64_t i;
        double d;
        bool b;
    } value;
};

#define F_STR(k, v) ((struct log_field){ (k), LOG_FIELD_STR, { .str = (v) } })
#define F_JSON(k, v) ((struct log_field){ (k), LOG_FIELD_JSON, { .str = (v) } })
#define F_BYTES(k, v) ((struct log_field){ (k), LOG_FIELD_BYTES, { .bytes = (v) } })
#define F_UINT(k, v) ((struct log_field){ (k), LOG_FIELD_UINT, { .u = (v) } })
#define F_INT(k, v) ((struct log_field){ (k), LOG_FIELD_INT, { .i = (v) } })
#define F_DOUBLE(k, v) ((struct log_field){ (k), LOG_FIELD_DOUBLE, { .d = (v) } })
#define F_BOOL(k, v) ((struct log_field){ (k), LOG_FIELD_BOOL, { .b = (v) } })

/* Who is told of each line, beside the outputs. */
struct log_line;
struct log_watcher {
    struct log_watcher *next;
    void (*on_line)(struct log_watcher *w, const struct log_line *line); /* it logs nothing itself */
};

struct log_sink {
    enum log_level level;
    bool json;
    int fd;                   /* where lines go; default 2 */
    struct log_sink *next;    /* a further output of the same lines, with its own backlog; log_sink_add */
    struct log_field *fields; /* initial_fields and the resource, on every line; owned by whoever set them */
    size_t n_fields;
    struct clock *clock; /* may be NULL: then the system's time is read */
    struct buf line;     /* scratch */
    /* Sampling (zap's): per message and level, the first `initial` in each `tick`, then every `thereafter`th. */
    bool sampling;
    uint64_t tick_ns;
    uint64_t initial, thereafter;
    struct log_counter *counters; /* fixed table, made on first use */
    bool bare;                    /* console lines without time and level */
    /* What a slow reader has not taken yet: writing never waits. Past LOG_BACKLOG_MAX lines are lost and counted. */
    struct buf backlog;
    size_t backlog_from;                    /* of it, how much has been written */
    uint64_t lost;                          /* lines, until the next that tells of them */
    void (*on_backlog)(struct log_sink *s); /* there is one now: call log_flush every while. May be NULL */
    void *owner;
    struct log_recent *recent; /* base/log_recent.h: the last warnings and errors; NULL: they are not kept */
    struct log_watcher *watchers;
};

#define LOG_BACKLOG_MAX (8u << 20)

/* Of all its outputs. */
static inline size_t log_backlog(const struct log_sink *s)
{
    size_t sum = 0;

    for (; s != NULL; s = s->next)
        sum += s->backlog.len - s->backlog_from;
    return sum;
}

struct logger {
    struct log_sink *sink;
    const struct log_field *fields; /* owned by whoever made the logger */
    size_t n_fields;
    bool unwatched; /* its lines are for the outputs alone: what watches the log would be told of itself */
};

/* A line on its way; valid for as long as the call. Not of log_write_text(), whose text is data, nor of loggers that
 * are unwatched. */
struct log_line {
    const struct logger *logger;
    enum log_level level;
    uint64_t time; /* wall ns */
    struct bytes msg;
    const struct log_field *fields;
    size_t n;
};

void log_watch(struct log_sink *s, struct log_watcher *w);
void log_unwatch(struct log_sink *s, struct log_watcher *w);

/* stderr, console, info: what is used before the configuration is known. */
void log_sink_init(struct log_sink *s);
/* Lines go to `fd` from now on, and nowhere else; what was written to before is closed. */
void log_sink_to(struct log_sink *s, int fd);
/* And to this one as well. */
void log_sink_add(struct log_sink *s, int fd);
/* Waits up to a second for the reader to take what is left, gives back scratch; closes fd when it is not 1 or 2. */
void log_sink_close(struct log_sink *s);

/* Write as much of the backlog as the reader takes, but not more than is good for one turn. */
void log_flush(struct log_sink *s);

/* A JSON string with its quotes: what field values are printed as, safe in a terminal whatever the bytes are. */
void log_quote(struct buf *b, struct bytes s);
/* Text of strangers for people to read, on one line whatever it holds: what a terminal would act on (controls, line
 * ends of every kind, changes of direction) is written as an escape. Backslashes stay as they are. */
void log_put_visible(struct buf *b, struct bytes s);

void log_write(const struct logger *lg, enum log_level level, const char *msg, const struct log_field *fields,
               size_t n);

/* The same for a message of any bytes, which no sampling holds back. In JSON, `msg` is printed as it is: quoted. */
void log_write_text(const struct logger *lg, enum log_level level, struct bytes msg, const struct log_field *fields,
                    size_t n);

static inline bool log_enabled(const struct logger *lg, enum log_level level)
{
    return level >= lg->sink->level;
}

/* The fields' array starts with an empty one so that a line without fields is an array too. */
#define log_at(lg, level, msg, ...)                                                                                    \
    do {                                                                                                               \
        if (log_enabled((lg), (level))) {                                                                              \
            const struct log_field log_fields_[] = { { .key = "" }, ##__VA_ARGS__ };                                   \
            log_write((lg), (level), (msg), log_fields_ + 1, sizeof(log_fields_) / sizeof(*log_fields_) - 1);          \
        }                                                                                                              \
    } while (0)
#define log_info(lg, ...) log_at(lg, LOG_INFO, __VA_ARGS__)
#define log_warn(lg, ...) log_at(lg, LOG_WARN, __VA_ARGS__)
#define log_error(lg, ...) log_at(lg, LOG_ERROR, __VA_ARGS__)

/* A complaint that backs off: due at once, then after 1 s, 2 s, 4 s ... up to 5 min of going on.
 *
 *     if (complaint_due(&c->bad_peer, clock))
 *         log_warn(lg, "...", F_UINT("repeated", complaint_taken(&c->bad_peer)));
 *
 * complaint_over() says once that it has stopped: true when there had been a run of them. Zeroed = never. */
struct complaint {
    uint64_t next;     /* mono ns of the next line */
    uint64_t interval; /* ns */
    uint64_t held;     /* occurrences since the last line */
    uint64_t said;     /* mono ns of the last line, where there are causes */
    uint64_t cause;    /* what it was about: a hash */
};

bool complaint_due(struct complaint *c, struct clock *clock);
/* The same; and a cause that is not the last line's is told after ten seconds at most, however long the run. */
bool complaint_due_to(struct complaint *c, struct clock *clock, const char *cause);
uint64_t complaint_taken(struct complaint *c); /* occurrences since the last line, this one included; resets */
bool complaint_over(struct complaint *c);

#endif
