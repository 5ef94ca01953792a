/* SPDX-License-Identifier: Apache-2.0 */
/* Remote-write messages, either version, read by their own rules and printed: `name{a="b"} 1.5 1700000000000` lines. */
#ifndef SUPPORT_REMOTE_WRITE_TEXT_H
#define SUPPORT_REMOTE_WRITE_TEXT_H

#include "prom/remote_write/remote_write.h"

/* Appends a line for each sample (`value time`), histogram (`{count=.. sum=..} time`) and metadata entry
 * (`# name type`), and aborts at whatever the protocol does not allow: labels out of order, twice or empty, references
 * that lead nowhere, series without a sample. */
void remote_write_text(struct buf *out, const struct remote_write_request *r);

#endif
