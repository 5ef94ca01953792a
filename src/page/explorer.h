/* SPDX-License-Identifier: Apache-2.0 */
/* The series that exporters and receivers make (prom/series/series_top.h): the largest metrics, the labels with most
 * values and those that gain most, the newest series. */
#ifndef PAGE_EXPLORER_H
#define PAGE_EXPLORER_H

#include "pipeline/component.h"

/* Append them as JSON: /api/v1/series. */
void explorer_put(struct buf *out, const struct host *host);

/* Append a section of HTML, where somebody makes series. */
void explorer_put_html(struct buf *out, const struct host *host);

#endif
