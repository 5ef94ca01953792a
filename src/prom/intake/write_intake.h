/* SPDX-License-Identifier: Apache-2.0 */
/* A remote write taken in: from the message of a request, version 1.0 or 2.0, to a request of OTLP. The other way round
 * is prom/remote_write.
 *
 * What is in one request is all that its points are made of, but for three things that come apart from the samples and
 * are remembered in the *write intake*: what 1.0 says of metric families, what target_info says of a resource, and
 * which series there are, for the limit. A request that is read is a *reading*: in slices, so that a large one does
 * not hold up the loop. A message that does not parse is left out whole; of one that does, series that may not be are
 * left out alone, and the result says why. */
#ifndef PROM_WRITE_INTAKE_H
#define PROM_WRITE_INTAKE_H

#include "base/error.h"
#include "base/log.h"
#include "base/metrics.h"
#include "otlp/batch.h"

enum write_version { WRITE_1, WRITE_2 };

struct write_intake_options {
    struct budget *budget;
    uint64_t max_series; /* as in prom/series/series_limit.h */
    struct clock *clock;
    /* Who tells of the limit; all outlive the intake. metrics NULL: nobody is told. */
    struct metrics *metrics;
    const char *receiver; /* its id */
    const struct logger *log;
    struct series_limit_watch *watch; /* may be NULL */
};

struct write_intake;
struct write_reading;

struct write_intake *write_intake_new(const struct write_intake_options *o);
void write_intake_free(struct write_intake *w);    /* when all readings have gone */
void write_intake_collect(struct write_intake *w); /* for the receiver's metric hook */

struct write_result {
    struct batch *batch; /* one reference; NULL: no point is in it */
    /* In the batch, as remote write counts: samples are floats, histograms native ones. */
    uint64_t samples, histograms, exemplars;
    /* Left out, in the same units. */
    uint64_t invalid;           /* their series or themselves are not as they should be */
    uint64_t refused;           /* there are as many series as there may be */
    uint64_t lost;              /* exemplars of a series that has no point in this request */
    uint64_t metadata, targets; /* taken, and no points: what was said of families and of resources */
    char why[320];              /* of the first that was left out; "": none was */
};

/* `message` is in memory that stays until the reading is freed. The points that come of it may take `most` bytes. */
struct write_reading *write_reading_new(struct write_intake *w, enum write_version version, struct bytes message,
                                        size_t most);
void write_reading_free(struct write_reading *r);

enum write_step {
    WRITE_MORE,      /* once more, in another turn of the loop */
    WRITE_WHOLE,     /* write_reading_end() follows */
    WRITE_MALFORMED, /* write_reading_fault() says why; likewise with those that follow */
    WRITE_TOO_LARGE,
    WRITE_NO_ROOM, /* in the budget */
};

/* About a tenth of a millisecond of work. */
enum write_step write_reading_step(struct write_reading *r);
const char *write_reading_fault(const struct write_reading *r);

/* Once, after WRITE_WHOLE. */
void write_reading_end(struct write_reading *r, struct write_result *result);

#endif
