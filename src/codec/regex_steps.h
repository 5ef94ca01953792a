/* SPDX-License-Identifier: Apache-2.0 */
/* What searches cost, in steps, so that what is done for one item can be limited.
 *
 * A search costs by what RE2 does at worst, which is to run each instruction of the pattern for each byte. Of a short
 * subject that is what is paid. Of a long one it must be within what an item has, and what is paid is the time that it
 * has taken: mostly a hundredth, but nobody can tell before, and where a match ends early neither. */
#ifndef CODEC_REGEX_STEPS_H
#define CODEC_REGEX_STEPS_H

#include "codec/regex.h"

#define REGEX_ITEM_STEPS 1000000u /* that an item has, for all searches in it */

/* Is the subject, from `from` on, short enough to be paid for before it is searched? Then *steps is the price; else it
 * is what the search may come to. */
bool regex_price(const struct regex *r, struct bytes subject, size_t from, uint64_t *steps);

/* The search itself: with `found` regex_find_from(), without it is there a match from the beginning on. The steps are
 * those of the time that it has taken. */
bool regex_find_timed(struct regex *r, struct bytes subject, size_t from, struct bytes *found, uint64_t *steps);

/* What an item has left. Zeroed it has had nothing yet. */
struct regex_meter {
    uint64_t taken;
    bool over; /* a search was not made, because the item had no steps left for it */
};

/* Each item begins with all of its steps. */
static inline void regex_meter_begin(struct regex_meter *m)
{
    *m = (struct regex_meter){ 0 };
}

/* regex_search() and regex_find_from(), paid for. False, too, when the meter is over: then nothing was searched, and
 * the caller must not take it for "there is no match" where that matters. */
bool regex_meter_search(struct regex_meter *m, struct regex *r, struct bytes subject);
bool regex_meter_find(struct regex_meter *m, struct regex *r, struct bytes subject, size_t from, struct bytes *found);

/* Other work: false, the meter is over. */
bool regex_meter_spend(struct regex_meter *m, uint64_t steps);

#endif
