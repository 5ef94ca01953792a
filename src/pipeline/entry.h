/* SPDX-License-Identifier: Apache-2.0 */
/* The door of a ledger: what stands in front of every pipeline and of every exporter.
 *
 * It books each batch as received, and hands it on with an ack of its own that holds the items in this ledger;
 * the sender's ack is settled with the outcome. The requests on their way come from a free list, so that nothing is
 * allocated in the steady state. */
#ifndef PIPELINE_ENTRY_H
#define PIPELINE_ENTRY_H

#include "pipeline/consumer.h"
#include "pipeline/ledger.h"

/* The turn, ledger and consumer outlive the entry. */
struct consumer *entry_new(struct turn *turn, struct ledger *ledger, struct consumer *to);

/* Requests that are still on their way are forgotten with it. */
void entry_free(struct consumer *entry);

#endif
