/* SPDX-License-Identifier: Apache-2.0 */
/* Which series the receiver has refused lately, so that they can be asked for apart from the rest, which then goes
 * through undivided. Mostly they are somebody else's: another sender has them, with newer samples.
 *
 * Series are known by a hash of 32 bits; two that share one are only sent apart together. The table is bounded (it
 * grows to REFUSED_MAX series, then those refused longest ago give way), and so is the time (REFUSED_FOR). */
#ifndef EXPORTER_REMOTE_WRITE_REFUSED_H
#define EXPORTER_REMOTE_WRITE_REFUSED_H

#include "base/budget.h"
#include "prom/remote_write/remote_write.h"

#define REFUSED_FOR (600 * NS_PER_S)
#define REFUSED_MAX (64u * 1024)

/* A zeroed one with a budget is empty. */
struct refused_series {
    struct budget *budget; /* charged with the table */
    struct refused_slot {
        uint32_t series; /* 0: free */
        uint32_t until;  /* s of the monotonic clock */
    } * slots;
    uint32_t n_slots; /* a power of two, or 0 */
};

/* `series` is not 0; `now`: mono ns. */
void refused_series_add(struct refused_series *r, uint32_t series, uint64_t now);
bool refused_series_has(const struct refused_series *r, uint32_t series, uint64_t now);
void refused_series_free(struct refused_series *r); /* its memory */

/* Those of the message's series that were refused lately, taken out of it: the caller's. NULL when they are none or
 * all, and the message is as it was. */
struct remote_write_request *refused_series_split(const struct refused_series *r, struct remote_write_request **message,
                                                  uint64_t now);

#endif
