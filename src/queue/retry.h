/* SPDX-License-Identifier: Apache-2.0 */
/* When to try again, and when to give up: `retry_on_failure` of the Go collector's exporters. Pure logic. */
#ifndef QUEUE_RETRY_H
#define QUEUE_RETRY_H

#include "base/random.h"
#include "config/option.h"

struct retry_config {
    bool enabled;
    duration initial_interval, max_interval, max_elapsed_time;
    double randomization_factor, multiplier;
};

/* Rows of the block; `initial_` is the first interval. */
/* clang-format off */
#define RETRY_ROWS(initial_)                                                                                          \
    OPT_BOOL(struct retry_config, enabled, "true",                                                                    \
             "Try again after a failure that may pass. Without it, and without a queue on disk, senders wait for the "   \
             "answer, for it is for them to try again."),                                                              \
    OPT_DURATION(struct retry_config, initial_interval, initial_, "0s", NULL, "Wait before the second try."),         \
    OPT_DOUBLE(struct retry_config, randomization_factor, "0.5", "0", "1",                                            \
               "Each wait is longer or shorter by up to this share."),                                                \
    OPT_DOUBLE(struct retry_config, multiplier, "1.5", "0", NULL, "How much longer each wait is than the last."),     \
    OPT_DURATION(struct retry_config, max_interval, "30s", "0s", NULL, "Waits grow no longer than this."),            \
    OPT_DURATION(struct retry_config, max_elapsed_time, "5m", "0s", NULL,                                             \
                 "Give up after this time; 0s never does. What is in the queue is dropped then. Senders that wait for "\
                 "the result, or for want of a queue, are told to retry; a batch processor keeps what it has answered "\
                 "for, and sends it again. With a queue on disk the default is never."),                              \
    OPT_END
/* clang-format on */

/* What the rows cannot say. `key` is where the block stands ("retry_on_failure"). */
void retry_check(const struct retry_config *c, const char *key, struct check *ck);

/* Zeroed before the first try. */
struct retry {
    uint64_t begun;    /* mono ns of the first failure's try */
    uint64_t interval; /* ns; the next one, without its random part; 0: the first */
    uint32_t tries;    /* that have failed */
};

/* A try, begun at `begun`, has failed; now is `now`. True: again after *delay ns, which is not shorter than what the
 * peer asked for. False: give up. `forever`: max_elapsed_time does not count. */
bool retry_next(struct retry *r, const struct retry_config *c, bool forever, uint64_t begun, uint64_t now,
                uint64_t peer_ms, struct random *random, uint64_t *delay);

#endif
