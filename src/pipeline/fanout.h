/* SPDX-License-Identifier: Apache-2.0 */
/* One sender, several receivers: every branch gets the same batch, nothing is copied.
 *
 * Each branch answers an ack of its own, which holds the items but books nothing (the pipelines and exporters behind
 * it have ledgers of their own), so that what one branch drops does not touch another's share. When all
 * have answered, the sender gets the heaviest verdict; of the items that the branches rejected, the
 * largest number with its reason. All branches are served even if the first fails. */
#ifndef PIPELINE_FANOUT_H
#define PIPELINE_FANOUT_H

#include "pipeline/consumer.h"

#include <stddef.h>

/* `to` is copied. n >= 1; the consumers and the turn outlive the fan-out. */
struct consumer *fanout_new(struct turn *turn, struct consumer *const *to, size_t n);

bool fanout_leads_to(const struct consumer *fanout, struct consumer *const *to,
                     size_t n);                     /* just these, in that order */
bool fanout_is_busy(const struct consumer *fanout); /* an answer is still to come */

/* Requests that are still on their way are forgotten with it. */
void fanout_free(struct consumer *fanout);

#endif
