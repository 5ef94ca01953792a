/* SPDX-License-Identifier: Apache-2.0 */
/* Upper, lower, snake and camel case, as the converters of OTTL make them: these append to `out`. */
#ifndef OTTL_FUNCTION_LETTERS_H
#define OTTL_FUNCTION_LETTERS_H

#include "base/buf.h"

/* Letter by letter, as Unicode maps single ones; what is not UTF-8 stays. */
void letters_lower(struct bytes text, struct buf *out);
void letters_upper(struct bytes text, struct buf *out);

/* ASCII letters begin and end words, as do digits, blanks, `_`, `-` and `.`; other characters stay as they are. */
void letters_snake(struct bytes text, struct buf *out);
/* Runs of ASCII letters and digits are words, each with its first letter upper and the others lower; what is neither
 * is left out. */
void letters_camel(struct bytes text, struct buf *out);

/* How many bytes the first character takes, if it is a letter; else 0. */
size_t letters_length(struct bytes text);

#endif
