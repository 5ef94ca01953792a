/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz drivers of the three formats have in common. */
#ifndef SUPPORT_INTAKE_FUZZ_H
#define SUPPORT_INTAKE_FUZZ_H

#include "prom/intake/intake.h"

/* The first byte chooses rules; the rest are two pages, cut where a byte 0xfe stands (in protobuf: in the middle), which
 * are taken one after the other, the first once more at the end. Whatever comes of them must be valid, and all memory be
 * given back. */
void intake_fuzz(enum intake_format format, struct bytes input);

#endif
