/* SPDX-License-Identifier: Apache-2.0 */
/* Text in quotes as Go's strconv writes it. All append to `out`. */
#ifndef OTTL_FUNCTION_QUOTE_H
#define OTTL_FUNCTION_QUOTE_H

#include "base/buf.h"

/* With `quote` at both ends and what cannot be printed escaped; with `ascii` all that is none, too. */
void quote_put(struct buf *out, struct bytes text, char quote, bool ascii);

/* A character by its number; U+FFFD for what is none. */
void quote_put_rune(struct buf *out, int64_t rune);

/* May it stand between back quotes as it is? */
bool quote_can_be_raw(struct bytes text);

#endif
