/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v1/tap: a tap (page/tap/tap.h) as an answer without end. What is wrong with the question is answered with 400
 * and
 * {"error", "parameter", "line", "column"}; the last two where it is in the condition. */
#ifndef PAGE_TAP_PAGE_H
#define PAGE_TAP_PAGE_H

#include "page/page.h"
#include "page/tap/tap.h"

void tap_page_begin(struct tap_set *s, struct page *page);

/* All taps of that set of pages end with that sentence. */
void tap_pages_end(struct page_set *pages, const char *sentence);

#endif
