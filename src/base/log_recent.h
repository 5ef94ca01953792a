/* SPDX-License-Identifier: Apache-2.0 */
/* The last warnings and errors of the log, for who shows them: so many, of a fixed size each, the oldest gone first. */
#ifndef BASE_LOG_RECENT_H
#define BASE_LOG_RECENT_H

#include "base/log.h"

#define LOG_RECENT_MAX 64u

struct log_recent_line {
    uint64_t wall; /* ns */
    enum log_level level;
    bool cut;
    size_t len;
    uint8_t text[1000]; /* the message, and its fields as JSON; of any bytes where it was cut */
};

struct log_recent {
    size_t total; /* of all time: the newest is lines[(total - 1) % LOG_RECENT_MAX] */
    struct log_recent_line lines[LOG_RECENT_MAX];
};

/* Kept from now on, and until the sink is closed: s->recent. */
void log_keep_recent(struct log_sink *s);

void log_recent_add(struct log_recent *r, uint64_t wall, enum log_level level, struct bytes text);

/* The i-th, 0 is the newest; NULL: there are no more. */
const struct log_recent_line *log_recent_line(const struct log_recent *r, size_t i);

#endif
