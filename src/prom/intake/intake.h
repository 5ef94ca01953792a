/* SPDX-License-Identifier: Apache-2.0 */
/* An exposition taken in: from the body of a scrape to a request of OTLP, as Prometheus reads it and as the Go
 * collector's receiver translates it. The other way round are prom/exposition and prom/series.
 *
 * An *intake* is a target's memory of its series. It finds a series again by the text of its line, so that labels are
 * read, relabelled and encoded once in its life, and it knows which series have ended. What all targets of a receiver
 * share, tables and limits, is the *intake store*.
 *
 * A page is taken whole or not at all: one bad line and all its samples are left out, `up` is 0 and all series have
 * ended (points with NoRecordedValue), as when the target cannot be reached. All of this on the loop's thread, in 100
 * to 300 ns a sample, or 2 µs where it is new; so that a large page stalls nobody, it is done in small steps
 * (intake_work), and what came of it leaves in batches of some thousand points. */
#ifndef PROM_INTAKE_H
#define PROM_INTAKE_H

#include "base/error.h"
#include "base/log.h"
#include "base/metrics.h"
#include "otlp/batch.h"
#include "prom/relabel/label_set.h"

struct relabel;

enum intake_format { INTAKE_TEXT, INTAKE_OPENMETRICS, INTAKE_PROTOBUF };

/* By the media type alone, as Prometheus does. False: it is missing or unknown, and *format is `fallback`. */
bool intake_format_of(struct bytes content_type, enum intake_format fallback, enum intake_format *format);

/* What the configuration says of a target's samples. Outlives its intakes. 0 is no limit. */
struct intake_rules {
    bool honor_labels, honor_timestamps, track_timestamps_staleness;
    bool native_histograms; /* scrape_native_histograms; else the native part of a histogram is not looked at */
    bool classic_too;       /* always_scrape_classic_histograms */
    bool classic_to_custom; /* convert_classic_histograms_to_nhcb */
    bool legacy_names;      /* metric_name_validation_scheme: legacy */
    bool trim_suffixes;     /* trim_metric_suffixes */
    bool report_more;       /* extra_scrape_metrics */
    uint64_t sample_limit, label_limit, label_name_length_limit, label_value_length_limit;
    uint64_t bucket_limit;                   /* of a native histogram: its resolution is halved until it fits */
    int32_t max_schema;                      /* of a native histogram: it is brought down to it. 8: any */
    uint64_t timeout_ns;                     /* for scrape_timeout_seconds */
    struct relabel *relabel;                 /* metric_relabel_configs, or NULL */
    const struct label_set *external_labels; /* or NULL */
};

/* Copied. */
struct intake_target {
    const struct label_set *labels; /* as relabelled: those that begin with `__` are not looked at */
    const struct label_set
        *discovered; /* before relabelling: `__scheme__` and those that name a resource; may be NULL */
};

struct intake_store_options {
    struct budget *budget;
    uint64_t max_series; /* as in prom/series/series_limit.h */
    const char *version; /* of otelcd, for the scope of what names none */
    struct clock *clock; /* when batches arrive; may be NULL without metrics */
    /* Who tells of the limit; all outlive the store. metrics NULL: nobody is told. */
    struct metrics *metrics;
    const char *receiver; /* its id */
    const struct logger *log;
    struct series_limit_watch *watch; /* may be NULL */
};

struct intake_store;
struct intake;

struct intake_store *intake_store_new(const struct intake_store_options *o);
void intake_store_free(struct intake_store *s);    /* when all intakes have gone */
void intake_store_collect(struct intake_store *s); /* for the receiver's metric hook */

struct intake *intake_new(struct intake_store *s, const struct intake_rules *rules, const struct intake_target *target);
void intake_free(struct intake *in); /* nobody is told that its series end */

struct intake_scrape {
    uint64_t time_ms;     /* wall: the time of its samples */
    uint64_t duration_ns; /* for scrape_duration_seconds */
    int64_t body_size;    /* for scrape_body_size_bytes; -1: it was too large */
};

struct intake_points;

struct intake_result {
    struct intake_points *points; /* the caller's; NULL: no point is left */
    uint64_t scraped;             /* samples that were read */
    uint64_t kept;                /* and not dropped in relabelling */
    uint64_t added;               /* of new series */
    uint64_t duplicates;          /* left out: their series was there already */
    uint64_t too_far;             /* left out: more than 10 minutes in the future, or before 1970 */
    uint64_t refused;             /* left out: there are as many series as there may be */
    uint64_t unfit;               /* left out: parts of a histogram or summary that do not fit it */
    struct error error; /* code 0: all is well. Else nothing of the page was taken, and this says why and where */
};

/* A take begins; the store has one at a time. `body` and `result` stay where they are until it is done.
 *
 * Of a page: the result has the points that report on the scrape (`up` and others) in any case. */
void intake_begin_page(struct intake *in, enum intake_format format, struct bytes body,
                       const struct intake_scrape *scrape, struct intake_result *result);
/* There was no page: `up` is 0. */
void intake_begin_failure(struct intake *in, const struct intake_scrape *scrape, struct intake_result *result);
/* The target is gone: its series and those that report on it end at that time, and are forgotten. */
void intake_begin_end(struct intake *in, uint64_t time_ms, struct intake_result *result);

/* A step of the take that is under way, of some 50 µs; true: it is done. */
bool intake_work(struct intake_store *s);
void intake_cancel(struct intake *in); /* the take that is under way, if it is of this intake: nothing comes of it */

/* The next batch of the points, of one reference. When it is the last, *points is NULL. */
struct batch *intake_points_next(struct intake_points **points);
void intake_points_free(struct intake_points *points);            /* the rest of them; NULL: none */
uint64_t intake_points_count(const struct intake_points *points); /* of points; NULL: 0 */

/* The same in one go. */
void intake_take(struct intake *in, enum intake_format format, struct bytes body, const struct intake_scrape *scrape,
                 struct intake_result *result);
void intake_fail(struct intake *in, const struct intake_scrape *scrape, struct intake_result *result);
void intake_end(struct intake *in, uint64_t time_ms, struct intake_result *result);

#endif
