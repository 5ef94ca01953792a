/* SPDX-License-Identifier: Apache-2.0 */
/* A target whose pages a test gives: what comes of them is validated and shown as text, a line for each point. */
#ifndef SUPPORT_INTAKE_RIG_H
#define SUPPORT_INTAKE_RIG_H

#include "prom/intake/intake.h"
#include "support/rig/rig.h"

#define INTAKE_RIG_TIME 1700000000000u /* ms, of the first page; each later one is 15 s younger */

struct intake_rig {
    struct rig rig;
    struct intake_rules rules; /* may be set before the first page */
    uint64_t max_series;
    struct label_set target, discovered;
    struct intake_store *store; /* made with the first page */
    struct intake *intake;
    struct intake_result result; /* of the last page; its points are gone */
    size_t n_batches;            /* that they were */
    uint64_t time_ms;
    struct buf text;
    bool with_reports, with_resources; /* else they are not shown */
};

void intake_rig_init(struct intake_rig *r);
void intake_rig_close(struct intake_rig *r);

/* Each shows what came of it:
 *
 *     [service.name=j,...]                       a resource, where with_resources
 *     <name version key=value>                   a scope that is not the receiver's
 *     # name unit type: help                     a metric with one of them
 *     name{a=b} 1                                and @ms if not the page's time, from=ns, {exemplars}, ended
 *     name{} count=3 sum=2.5 0.5:1 1:1 +Inf:1    a histogram
 *     name{} count=3 sum=2.5 scale=0 zero=1(1e-128) +3:2,0,1 -2:1   an exponential one: index of the first bucket
 */
const char *intake_rig_take(struct intake_rig *r, enum intake_format format, struct bytes page);
const char *intake_rig_text(struct intake_rig *r, const char *page);
const char *intake_rig_openmetrics(struct intake_rig *r, const char *page);
const char *intake_rig_fail(struct intake_rig *r);
const char *intake_rig_end(struct intake_rig *r);

/* Why the last page was left out; "" if it was not. */
static inline const char *intake_rig_error(const struct intake_rig *r)
{
    return r->result.error.text;
}

#endif
