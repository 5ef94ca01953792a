/* SPDX-License-Identifier: Apache-2.0 */
/* The page: pipelines with their ledgers, what holds memory, what fails, the configuration, the log. It is whole
 * without its script, which only keeps the numbers moving. */
#ifndef PAGE_OVERVIEW_H
#define PAGE_OVERVIEW_H

#include "pipeline/service_view.h"

void overview_put(struct buf *out, const struct host *host);

#endif
