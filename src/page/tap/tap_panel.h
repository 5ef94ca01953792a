/* SPDX-License-Identifier: Apache-2.0 */
/* The page of live items: /tap, with /tap.css and /tap.js. Its script asks /api/v1/tap (page/tap/tap_page.h), and shows
 * what comes as text. */
#ifndef PAGE_TAP_PANEL_H
#define PAGE_TAP_PANEL_H

#include "pipeline/service_view.h"

void tap_panel_put(struct buf *out, const struct host *host);

extern const char tap_style[];
extern const char tap_script[];

#endif
