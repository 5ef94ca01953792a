/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be tapped, as the query of /api/v1/tap says it:
 *
 *     point      PIPELINE or PIPELINE/PROCESSOR: "traces", "traces/2/filter/errors"
 *     receiver   instead of a processor: what that one sends into the pipeline
 *     exporter   likewise: what that one is given of the pipeline's signal
 *     side       before, after, both; without one: both of a processor as text, before of a pipeline, else after
 *     condition  OTTL, about the resource, scope, metric or item
 *     count      the tap ends behind so many items; without one it does not
 *     rate       items a second at most, 10 without one; 0: as many as there is time and room for
 *     format     text (without one) or json */
#ifndef PAGE_TAP_REQUEST_H
#define PAGE_TAP_REQUEST_H

#include "ottl/ottl.h"
#include "pipeline/service_view.h"

enum tap_side { TAP_BEFORE, TAP_AFTER, TAP_BOTH };

struct tap_request {
    char *pipeline, *node; /* node: NULL is the pipeline itself */
    enum view_role role;
    enum tap_side side;
    enum signal signal;
    bool holds; /* what went in may come out later */
    bool json;
    struct ottl_program *condition; /* NULL: every item */
    uint64_t count;                 /* 0: no end */
    uint64_t rate;                  /* a second; 0: no limit */
};

/* Where something is wrong, and what. Within the condition: line and column, from 1; else they are 0. */
struct tap_fault {
    const char *parameter;
    size_t line, column;
    char text[600];
};

/* False: *fault. The request is the caller's to free in either case. */
bool tap_request_read(struct tap_request *r, struct bytes query, const struct service_view *view,
                      struct tap_fault *fault);
void tap_request_free(struct tap_request *r);

/* The points where it looks; both: before and behind. */
struct view_point tap_request_point(const struct tap_request *r, bool behind);

#endif
