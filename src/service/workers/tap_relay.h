/* SPDX-License-Identifier: Apache-2.0 */
/* A tap (page/tap/tap.h) of all workers as one: each is asked the same, items are handed on as they come, counts are
 * summed, and it ends when so many items were shown, or with the last of them. */
#ifndef SERVICE_TAP_RELAY_H
#define SERVICE_TAP_RELAY_H

#include "page/page.h"
#include "page/tap/tap_request.h"
#include "service/workers/front.h"

struct loop;

/* Answers the page, now or later. */
void tap_relay_begin(struct front *f, struct loop *loop, struct page *page, const struct tap_request *r);

#endif
