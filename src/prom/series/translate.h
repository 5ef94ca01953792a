/* SPDX-License-Identifier: Apache-2.0 */
/* From the attributes of OTLP to labels: one translation for the scrape endpoint and for remote write
 * (OpenTelemetry's Prometheus compatibility specification).
 *
 * The labels of a series are in two parts, each rendered and sorted (prom/model/labels.h): what all series of one
 * resource and scope have in common (job, instance, otel_scope_*, promoted resource attributes, constant labels) and
 * the series' own, from the point's attributes. Where a name is in both, the own part is the whole set. */
#ifndef PROM_TRANSLATE_H
#define PROM_TRANSLATE_H

#include "base/vec.h"
#include "prom/model/labels.h"
#include "prom/model/metric.h"

struct constant_label {
    struct bytes name, value; /* the name is a label name already */
};

/* How; owned by whoever configures it. */
struct translation {
    enum name_strategy strategy;
    struct bytes ns; /* `namespace` */
    bool scope_labels;
    const struct constant_label *constants;
    size_t n_constants;
    /* Which resource attributes become labels: patterns with `*` and `?`. `excluded` wins; without `included`, all that
     * are not excluded. */
    bool promote;
    bool target_by_either;    /* target_info needs a job or an instance and something to say, instead of both of them */
    bool constants_on_target; /* target_info has the constants too */
    bool collapse_labels;     /* names of labels by name_label_collapsed */
    bool leave_service_out;   /* service.name, service.namespace, service.instance.id are not promoted */
    const char *const *included, *const *excluded;
    size_t n_included, n_excluded;
};

/* Scratch, zeroed at first. */
struct translator {
    VEC(struct translated) all;
    struct buf text; /* names and values */
    bool too_many;
    uint64_t displaced; /* ever: labels of points that made way for a promoted attribute */
};

void translator_free(struct translator *s);

/* Why a point's attributes make no labels; static, for counters. */
#define TRANSLATE_BAD_LABEL "bad_label"
#define TRANSLATE_TOO_LONG "label_limit"
#define TRANSLATE_TOO_LONG_ADVICE "more than 256 attributes, or more than 16 KiB of them: take some away"

struct job_instance {
    struct buf job, instance;
};

/* Empty where the resource does not say. */
void translate_job(struct job_instance *out, struct bytes resource);
void job_instance_free(struct job_instance *j);

/* The labels of target_info, appended to `out`; false when there is none: see target_by_either. */
bool translate_target(struct translator *s, const struct translation *t, struct bytes resource, struct buf *out);

/* Where a metric comes from: bytes of Resource and InstrumentationScope. */
struct metric_scope {
    struct bytes resource, scope, schema_url;
};

/* What all series from there have in common, appended to `out`. */
void translate_common(struct translator *s, const struct translation *t, const struct metric_scope *o, struct buf *out);

/* The own labels of a point, appended to `out`, which is empty; *whole when they are the whole set. NULL, or the reason
 * why there are none. `common` is translate_common's. */
const char *translate_point(struct translator *s, const struct translation *t, const struct metric_scope *o,
                            struct bytes common, enum metric_kind kind, struct bytes attributes, struct buf *out,
                            bool *whole);

#endif
