/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the zpages extension. Nobody but src/extension/zpages/ includes this.
 *
 *     zpages.c        the component, and which page is where
 *     zpages_html.c   HTML: frame, tables, escapes
 *     zpages_pages.c  what is on each page */
#ifndef EXTENSION_ZPAGES_H
#define EXTENSION_ZPAGES_H

#include "extension/page_server.h"
#include "pipeline/service_view.h"

/* --- zpages_html.c: each appends to `out` --- */

void html_begin(struct buf *out, const char *title);
void html_end(struct buf *out);
/* Text of anybody's: markup is escaped, and what would change the text's direction or hide is shown. */
void html_text(struct buf *out, struct bytes text);
void html_row(struct buf *out, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void html_time(struct buf *out, uint64_t wall);                 /* 2026-01-02 03:04:05 UTC */
void html_ago(struct buf *out, uint64_t wall, uint64_t before); /* how long, as Go prints it, to whole seconds */

/* --- zpages_pages.c: the whole page --- */

void put_index(struct buf *out, const struct host *host, bool expvar);
void put_servicez(struct buf *out, const struct host *host);
/* only: the pipeline to show; "" = all of them. */
void put_pipelinez(struct buf *out, const struct host *host, struct bytes only);
void put_extensionz(struct buf *out, const struct host *host);
void put_featurez(struct buf *out);
void put_tracez(struct buf *out, const struct host *host);
void put_expvarz(struct buf *out); /* JSON */

#endif
