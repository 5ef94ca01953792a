/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of `otelcd top` (top_frame.h) on a terminal. */
#ifndef COMMAND_TOP_SCREEN_H
#define COMMAND_TOP_SCREEN_H

#include "base/buf.h"

/* Append those of `lines` that a screen has room for, cut to its width, with ANSI codes; 0 columns: all, without. */
void top_screen_put(struct buf *out, struct bytes lines, size_t columns, size_t rows);

#endif
