/* SPDX-License-Identifier: Apache-2.0 */
/* Where a ledger counts what passes: what stands in front of every pipeline and of every exporter.
 *
 * It books each batch as received, and hands it on with an ack of its own that holds the items in this ledger;
 * the sender's ack is settled with the outcome. What is in flight comes from a free list, so that nothing is
 * allocated in the steady state. */
#ifndef PIPELINE_LEDGER_TAP_H
#define PIPELINE_LEDGER_TAP_H

#include "pipeline/consumer.h"
#include "pipeline/ledger.h"

/* The turn, ledger and consumer outlive the tap. */
struct consumer *ledger_tap_new(struct turn *turn, struct ledger *ledger, struct consumer *to);

bool ledger_tap_is_busy(const struct consumer *tap); /* an answer is still to come */

/* What is still in flight is forgotten with it. */
void ledger_tap_free(struct consumer *tap);

#endif
