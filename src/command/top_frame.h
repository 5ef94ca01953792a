/* SPDX-License-Identifier: Apache-2.0 */
/* What `otelcd top` shows of two looks at the status of a daemon: lines of text, nothing of a terminal. */
#ifndef COMMAND_TOP_FRAME_H
#define COMMAND_TOP_FRAME_H

#include "base/buf.h"
#include "codec/json_tree.h"

/* How a line is shown, its first byte; a blank is as it is. */
#define TOP_HEADING '*'
#define TOP_FAILING '!'

/* Append the lines. `before`: the look before of the same process, or NULL: then there are no rates. */
void top_frame_put(struct buf *out, const struct json_node *now, const struct json_node *before);

#endif
