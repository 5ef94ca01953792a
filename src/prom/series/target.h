/* SPDX-License-Identifier: Apache-2.0 */
/* Which resource is shown as target_info, where several are of one job and instance: the newest. */
#ifndef PROM_TARGET_H
#define PROM_TARGET_H

#include "prom/series/streams.h"

uint64_t target_hash(const void *entry); /* of a resource_entry in the table of targets */

/* It is the one that is shown from now on. Where the table has no room for it, none is. */
void target_show(struct table *targets, struct resource_entry *r);

/* It goes. If it was shown, the one before it is shown again. */
void target_hide(struct table *targets, struct resource_entry *r);

#endif
