/* SPDX-License-Identifier: Apache-2.0 */
/* What a receiver's answer to a remote write means (the Remote-Write specifications' status codes, and what Prometheus,
 * Mimir and VictoriaMetrics were seen to say). */
#ifndef EXPORTER_REMOTE_WRITE_ANSWER_H
#define EXPORTER_REMOTE_WRITE_ANSWER_H

#include "base/bytes.h"
#include "prom/remote_write/remote_write.h"

enum answer_fate {
    ANSWER_TAKEN,      /* all of it is stored */
    ANSWER_RETRY,      /* none of it, for now */
    ANSWER_SUSPECT,    /* as RETRY, but one series may be the reason (500) */
    ANSWER_BISECT,     /* something in it is refused, or it is too large: its halves may fare better */
    ANSWER_REFUSED,    /* all of it, for good */
    ANSWER_OTHER_FORM, /* the receiver does not know this version of the message */
};

struct answer_meaning {
    enum answer_fate fate;
    const char *reason; /* static, for counters and ledgers; NULL when taken */
};

/* `body` is the beginning of the answer's text. `written`: the receiver's own count of samples and histograms, -1 where
 * it says none. */
struct answer_meaning answer_meaning(int status, struct bytes body, enum remote_write_version version, int64_t written,
                                     uint64_t sent);

/* May a single sample be refused so because an earlier attempt, of which nobody heard, has stored it? Prometheus says
 * "duplicate" of another value for the newest time, and "out of order" of all that is older, equal or not. */
bool answer_may_mean_landed(const struct answer_meaning *m);

/* What an operator can do about it. */
const char *answer_advice(const char *reason);

#endif
