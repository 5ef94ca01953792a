/* SPDX-License-Identifier: Apache-2.0 */
/* What components have failed with lately (pipeline/health.h), also those that work again: the newest first. */
#ifndef PAGE_PAST_ERRORS_H
#define PAGE_PAST_ERRORS_H

#include "base/buf.h"
#include "pipeline/component.h"

#define PAST_ERRORS_SHOWN 32u /* on the page; in a terminal as many lines as are worth reading, a quarter of it */

void past_errors_put_html(struct buf *out, const struct host *host);
/* Those that no component fails with now; nothing where there are none. */
void past_errors_put_text(struct buf *out, const struct host *host);

#endif
