/* SPDX-License-Identifier: Apache-2.0 */
/* A page that a worker makes, and the front answers with (service_view.relay). */
#ifndef SERVICE_PAGE_RELAY_H
#define SERVICE_PAGE_RELAY_H

#include "page/page.h"
#include "service/workers/front.h"

struct loop;

/* GET `target` of what the worker serves at `door`. Answers the page, now or later; who asks bounds how many there are.
 */
void page_relay_begin(struct front *f, struct loop *loop, const struct view_inside *inside, struct page *page);

#endif
