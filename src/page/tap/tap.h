/* SPDX-License-Identifier: Apache-2.0 */
/* Taps: live items at a point of a pipeline, for somebody who looks (docs/tap.md).
 *
 * A tap puts viewers on edges (pipeline/edge.h), and takes out the items that it was asked for as text: events of
 * server-sent events, which wait in it until they are taken:
 *
 *     item     a line that begins with what it is (seen, changed, unchanged, left out, kept), then its lines as YAML;
 *              as JSON: one request of OTLP
 *     count    each second, as JSON: passed, looked, matched, shown, missed, large, failed
 *     note     a sentence
 *     end      a sentence; nothing comes after it
 *
 * It is bounded: TAPS_MAX at a time; TAP_BYTES of each wait, charged to the budget of the signal; all together look for
 * at most 3 % of the time that the loop spends on the processor. What there is no room or time for is counted
 * and not shown, so that the pipeline never waits. */
#ifndef PAGE_TAP_H
#define PAGE_TAP_H

#include "page/tap/tap_request.h"

#define TAPS_MAX ((size_t)8)
#define TAP_BYTES ((size_t)262144)

struct tap;

/* All of a process. */
struct page;

struct tap_set {
    const struct host *host;
    struct list taps;
    size_t n;
    struct clock_timer tick; /* while there are any */
    uint64_t refilled;       /* mono ns */
    uint64_t cpu;            /* of the loop's thread then, ns */
    int64_t time_left;       /* CPU time to look, ns */
    /* Where items pass in other processes (service::workers): a sound request, and what it asks for; it answers. False,
     * or NULL: they pass here. */
    bool (*elsewhere)(void *arg, struct page *page, const struct tap_request *r);
    void *arg;
};

void tap_set_init(struct tap_set *s, const struct host *host);

/* Another graph is shown: each tap looks at the same point of it, or ends. */
void tap_set_renew(struct tap_set *s);

/* NULL: there are too many, or there is no such point (any more); *why says which. The request is the tap's. ready():
 * from the end of a turn, there are bytes to be taken; the tap may be closed in it. */
struct tap *tap_open(struct tap_set *s, struct tap_request *request, void (*ready)(void *arg), void *arg,
                     const char **why);
void tap_close(struct tap *t);

struct bytes tap_bytes(const struct tap *t); /* that wait to be taken */
void tap_taken(struct tap *t);               /* all of them */
bool tap_is_over(const struct tap *t);       /* `end` is among what waits, or was taken */

void tap_end(struct tap *t, const char *sentence);

#endif
