/* SPDX-License-Identifier: Apache-2.0 */
/* What the language has, as a page: functions, paths and names, from the rows that the parser reads. */
#ifndef OTTL_REFERENCE_H
#define OTTL_REFERENCE_H

#include "base/buf.h"

void ottl_reference_write(struct buf *out); /* Markdown */

#endif
