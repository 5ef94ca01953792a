/* SPDX-License-Identifier: Apache-2.0 */
/* Requests whose strings are not all UTF-8, mended: one bad string costs that string only.
 *
 * Senders that do not check (a log line in Latin-1, a cut in the middle of a character) would lose the whole request
 * to a refusal, for they do not send again what was refused. otlp_validate() finds the fault; only then is this asked.
 */
#ifndef OTLP_REPAIR_H
#define OTLP_REPAIR_H

#include "base/buf.h"
#include "otlp/signal.h"

#define REPAIR_GROWTH 65536u /* bytes that a request may become longer; one that would is no text */

/* Append the request to `out` with each string field that is not UTF-8 as utf8_repair() has it; all else stays as it
 * is, faults included: what comes out is to be validated again. Returns how many strings were repaired, 0 when the
 * request would grow too far. */
uint64_t otlp_repair(enum signal signal, struct bytes request, struct buf *out);

#endif
