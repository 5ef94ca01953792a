/* SPDX-License-Identifier: Apache-2.0 */
/* Text by a format, as Go's fmt.Sprintf has it: verbs, flags, widths, precisions, indexes, and what it says of those
 * that do not fit. */
#ifndef OTTL_FUNCTION_FORMAT_H
#define OTTL_FUNCTION_FORMAT_H

#include "ottl/function/make.h"

/* Append it. Lists and maps are JSON, ids hex. False: the item has had its share of steps. */
bool ottl_format(struct ottl_call *c, struct bytes format, const struct ottl_value *values, size_t n, struct buf *out);

#endif
