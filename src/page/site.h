/* SPDX-License-Identifier: Apache-2.0 */
/* The page of the running service, and its API: what is answered beside /metrics.
 *
 *     /                   the page (page/overview.h), with /page.css and /page.js
 *     /panels             the part of the page that its script fetches again (page/panels.h)
 *     /healthz            200 for as long as the loop turns
 *     /readyz             200 when the configuration runs, else 503
 *     /api/v1/status      page/status.h as JSON; ?format=text for a terminal
 *     /api/v1/events      the same each second, without the log, as server-sent events
 *     /api/v1/metrics     our own metrics as JSON: all rows, whatever level and names /metrics has
 *     /api/v1/series      page/explorer.h as JSON
 *     /api/v1/tap         live items (page/tap/tap_page.h), where that is allowed; /tap is a page of them
 *     /api/v1/config      the effective configuration as YAML, secrets hidden; ?format=json
 *
 * Read only. Another site's script gets nothing: what a browser says comes from elsewhere is refused. Watchers are
 * bounded in number, and one that does not read is left. */
#ifndef PAGE_SITE_H
#define PAGE_SITE_H

#include "page/page.h"
#include "page/tap/tap.h"

#define WATCHERS_MAX 128

struct site {
    struct page_set pages; /* pages.service is what the scrape endpoints are given */
    struct page_set local; /* local.service is for root and our own user alone (service/control/control.h) */
    const struct host *host;
    struct tap_set taps;
    bool tap; /* for `pages` too */
    struct clock_timer tick;
    size_t n_watchers;
};

void site_init(struct site *s, const struct host *host);

/* Whether items are shown on the page too, and not by the control socket alone. */
void site_allow_tap(struct site *s, bool allowed);

#endif
