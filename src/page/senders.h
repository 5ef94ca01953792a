/* SPDX-License-Identifier: Apache-2.0 */
/* Who sends to each receiver (pipeline/clients.h), as JSON and as HTML. */
#ifndef PAGE_SENDERS_H
#define PAGE_SENDERS_H

#include "codec/json_write.h"
#include "pipeline/service_view.h"

/* Append the member "receivers": those that are sent requests, each once, with their senders. */
void senders_put(struct json_writer *json, const struct host *host);

/* Append a section with a table, where there is such a receiver. */
void senders_put_html(struct buf *out, const struct host *host);

#endif
