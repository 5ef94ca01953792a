/* SPDX-License-Identifier: Apache-2.0 */
/* Durations and sizes as Prometheus' configuration has them: other words than those of the collector around it. */
#ifndef RECEIVER_PROM_TEXT_H
#define RECEIVER_PROM_TEXT_H

#include "base/buf.h"

/* "1d2h", "90s", "500ms", "0": units y w d h m s ms in this order, each once; no fraction, no sign. False: it is none,
 * or longer than 292 years. */
bool prom_duration_parse(const char *text, uint64_t *ns);
void prom_duration_print(uint64_t ns, struct buf *out); /* "1d2h"; of what is below a millisecond nothing is left */

/* "10MB", "512KiB", "0": powers of 1024, whichever way they are spelt. */
bool prom_size_parse(const char *text, uint64_t *bytes);

#endif
