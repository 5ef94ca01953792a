/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the page that are made anew every few seconds for who looks: senders, series, latencies, reloads,
 * warnings of the configuration, the log. */
#ifndef PAGE_PANELS_H
#define PAGE_PANELS_H

#include "pipeline/service_view.h"

/* Append them as a piece of HTML: /panels, and a part of the page. */
void panels_put(struct buf *out, const struct host *host);

#endif
