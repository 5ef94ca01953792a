/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the zpages extension. Nobody but src/extension/zpages/ includes this.
 *
 *     zpages.c        the component, and which page is where
 *     zpages_pages.c  what is on each page */
#ifndef EXTENSION_ZPAGES_H
#define EXTENSION_ZPAGES_H

#include "extension/page_server.h"
#include "page/html.h"
#include "pipeline/service_view.h"

/* --- zpages_pages.c: the whole page --- */

void zpages_put_index(struct buf *out, const struct host *host, bool expvar);
void zpages_put_servicez(struct buf *out, const struct host *host);
/* only: the pipeline to show; "" = all of them. */
void zpages_put_pipelinez(struct buf *out, const struct host *host, struct bytes only);
void zpages_put_extensionz(struct buf *out, const struct host *host);
void zpages_put_featurez(struct buf *out);
void zpages_put_tracez(struct buf *out, const struct host *host);
void zpages_put_expvarz(struct buf *out); /* JSON */

#endif
