/* SPDX-License-Identifier: Apache-2.0 */
/* How a node is, as it says itself: it works, or since when it does not, and why. Told where the work is done, read by
 * whoever shows it (pipeline/service_view.h); nothing else depends on it. A zeroed struct is one that works. */
#ifndef PIPELINE_HEALTH_H
#define PIPELINE_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What it is about: a disk that fails or a limit that refuses is not made good by a peer that answers. */
enum health_cause {
    HEALTH_WORK,  /* what the component is there for: its peer, its memory */
    HEALTH_DISK,  /* what it writes to */
    HEALTH_LIMIT, /* how many series it may have */
    HEALTH_CAUSES
};

/* The worse the higher; the names are the Go collector's component statuses. */
enum health_state {
    HEALTH_OK,
    HEALTH_RECOVERABLE, /* it may pass: it is tried again, or senders are told to retry */
    HEALTH_PERMANENT,   /* trying again does not help: something has to be changed */
};

#define HEALTH_REASON 200 /* bytes of a reason: any bytes, cut to what fits */
#define HEALTH_ERRORS 4u

/* One that was told, as often as with the same reason. */
struct health_error {
    uint64_t first, last, times; /* mono ns, the first two */
    enum health_state state;
    char reason[HEALTH_REASON];
};

struct health {
    enum health_state state;
    uint64_t since;             /* mono ns: of the first failure of the run, or of its end; 0: never was one */
    uint64_t last;              /* mono ns: of the last failure */
    uint64_t failures;          /* in a row; 0 when it works */
    char reason[HEALTH_REASON]; /* of the last failure */
    struct health_error errors[HEALTH_ERRORS]; /* the last that differ, the newest first, whatever has worked since */
    uint32_t n_errors;
};

/* `now`: mono ns. `why` is copied; NULL is "". */
void health_fail(struct health *h, uint64_t now, enum health_state state, const char *why);
void health_ok(struct health *h, uint64_t now);

/* The errors of all causes, the newest first: how many, at most HEALTH_CAUSES * HEALTH_ERRORS. */
size_t health_errors(const struct health causes[HEALTH_CAUSES],
                     const struct health_error *out[HEALTH_CAUSES * HEALTH_ERRORS]);

/* The worst of a node's causes; of two alike the older one, and a limit last. */
const struct health *health_worst(const struct health causes[HEALTH_CAUSES]);

#endif
