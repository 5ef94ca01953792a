/* SPDX-License-Identifier: Apache-2.0 */
/* Policies at work: what is said of a trace by what is known of it.
 *
 * The decisions are the Go collector's, but for what depends there on the order in which spans came. A policy is asked
 * once for each trace, drop policies first, in the order in which they are written. */
#ifndef PROCESSOR_TAIL_SAMPLING_POLICY_H
#define PROCESSOR_TAIL_SAMPLING_POLICY_H

#include "base/log.h"
#include "base/loop/clock.h"
#include "base/metrics.h"
#include "processor/tail_sampling/id_table.h"
#include "processor/tail_sampling/policy_config.h"
#include "processor/tail_sampling/span_store.h"

enum decision {
    DECISION_NOT_SAMPLED,
    DECISION_SAMPLED,
    DECISION_DROPPED, /* whatever other policies say */
    DECISION_ERROR,   /* it could not be evaluated */
    DECISIONS = DECISION_ERROR,
};

/* What policies ask of all spans: gathered while these come in, when their bytes are at hand. */
struct span_facts {
    uint64_t start, end;  /* the first of those that are not 0, and the last */
    uint8_t status_codes; /* a bit for each; UNSET is 0 */
    bool sampled_flag;    /* one has it */
};

/* What is decided on. `first` and `facts` are of all that was held, or when spans are decided as they come in, of what
 * came now. */
struct decision_trace {
    const uint8_t *id; /* TRACE_ID_SIZE bytes */
    const struct fragment *first;
    const struct span_facts *facts; /* only where policies->want_facts */
    uint64_t spans, bytes;          /* of the whole trace so far */
};

struct policy;

struct policies {
    struct policy **v; /* drop policies first */
    size_t n;
    size_t n_drop;
    bool first_match; /* the first that samples decides */
    bool want_facts;  /* one of them asks for struct span_facts */
    struct clock *clock;
    struct metric *errors;
    const struct logger *log; /* of conditions that cannot be evaluated */
    struct complaint complaint;
};

/* `label`: of the metric `policy`, in front of a policy's name; "" is none. The configuration stays; it has been
 * checked. */
void policies_init(struct policies *p, const struct option_list *configs, const char *label, struct metrics *metrics,
                   struct clock *clock);
void policies_free(struct policies *p);

/* Of all that a trace will have: never DECISION_ERROR. */
enum decision policies_decide(struct policies *p, const struct decision_trace *t);

/* Of what came now: NOT_SAMPLED means that nothing is decided yet. */
enum decision policies_decide_early(struct policies *p, const struct decision_trace *t);

/* For the processor's own list of rows. */
extern const struct metric_row policy_decided_row, policy_executions_row, policy_time_row;

#endif
