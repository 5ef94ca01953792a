/* SPDX-License-Identifier: Apache-2.0 */
/* What OpenTelemetry writes into a trace state about consistent probability sampling: "ot=rv:...;th:...".
 *
 * W3C Trace Context 3.3 says what a trace state looks like, OpenTelemetry's "TraceState: Probability Sampling" what the
 * member "ot" says: rv is randomness, 14 hexadecimal digits; th the threshold that randomness must reach for the span
 * to be kept, with zeros at its end left away. Both are numbers of 56 bits. */
#ifndef OTLP_TRACE_STATE_H
#define OTLP_TRACE_STATE_H

#include "base/buf.h"

#define SAMPLING_ALWAYS 0ull
#define SAMPLING_NEVER (1ull << 56) /* as a threshold: no randomness reaches it */
#define SAMPLING_DIGITS 14u

/* The threshold that keeps items with this probability, rounded to `precision` digits and as many more as it has
 * leading zeros or fs. False: no threshold can say it (below 2^-56, above 1). */
bool threshold_of_probability(double probability, unsigned precision, uint64_t *threshold);
double threshold_probability(uint64_t threshold);

/* Its text; returns the length. "0" for ALWAYS, nothing for NEVER. */
size_t threshold_text(uint64_t threshold, char out[SAMPLING_DIGITS + 1]);
bool threshold_read(struct bytes text, uint64_t *threshold);
size_t randomness_text(uint64_t randomness, char out[SAMPLING_DIGITS + 1]);
bool randomness_read(struct bytes text, uint64_t *randomness);

#define TRACE_STATE_MEMBERS 32u  /* as W3C allows; ot among them */
#define TRACE_STATE_OT_PARTS 64u /* of the member ot */

struct trace_state {
    bool has_randomness, has_threshold;
    uint64_t randomness, threshold;
    unsigned n_ot, n_others;
    struct bytes ot[TRACE_STATE_OT_PARTS];    /* other parts of the member ot: "key:value" */
    struct bytes others[TRACE_STATE_MEMBERS]; /* other members: "key=value" */
};

/* Points into the text. False: it is malformed, or larger than allowed. */
bool trace_state_read(struct trace_state *s, struct bytes text);

/* Append it: ot first, in it rv, th and the rest. */
void trace_state_put(struct buf *out, const struct trace_state *s);

#endif
