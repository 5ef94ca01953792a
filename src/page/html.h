/* SPDX-License-Identifier: Apache-2.0 */
/* What pages for people are put together of. Each appends to `out`. */
#ifndef PAGE_HTML_H
#define PAGE_HTML_H

#include "base/buf.h"
#include "base/bytes.h"

/* Text of anybody's: markup is escaped, and what would change the text's direction or hide is shown. */
void html_text(struct buf *out, struct bytes text);
void html_row(struct buf *out, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void html_time(struct buf *out, uint64_t wall);                 /* 2026-01-02 03:04:05 UTC */
void html_ago(struct buf *out, uint64_t wall, uint64_t before); /* how long, as Go prints it, to whole seconds */

#endif
