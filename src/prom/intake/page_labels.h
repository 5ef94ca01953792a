/* SPDX-License-Identifier: Apache-2.0 */
/* What is inside the names, braces and quotes of a scraped page. Of prom/intake/page.c. */
#ifndef PROM_PAGE_LABELS_H
#define PROM_PAGE_LABELS_H

#include "base/buf.h"
#include "base/bytes.h"

/* Behind the name at p, which is of no length when none begins there; with colons: that of a metric. */
const uint8_t *page_skip_name(const uint8_t *p, const uint8_t *end, bool colons);

/* Behind the quotes that begin at p; NULL: they do not end. Strictly: not in another line. */
const uint8_t *page_skip_quoted(const uint8_t *p, const uint8_t *end, bool strict);

/* Without escapes: `text` itself where it has none, else in `out`, which is emptied first. A quote is escaped only
 * where `quotes`. */
struct bytes page_unescape(struct bytes text, bool quotes, struct buf *out);

/* The labels of an exemplar, from behind the brace to behind the other one. NULL, or what is wrong (static). */
const char *page_check_exemplar(const uint8_t **p, const uint8_t *end);

#endif
