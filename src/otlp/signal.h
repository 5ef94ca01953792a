/* SPDX-License-Identifier: Apache-2.0 */
/* The four OTLP signals as rows of one table. A component that does not care which signal it carries
 * reads what it needs from here and handles all. */
#ifndef OTLP_SIGNAL_H
#define OTLP_SIGNAL_H

#include "base/bytes.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

enum signal { SIGNAL_TRACES, SIGNAL_METRICS, SIGNAL_LOGS, SIGNAL_PROFILES, SIGNAL_COUNT };

#define SIGNAL_BIT(s) (1u << (s))
#define SIGNAL_ALL (SIGNAL_BIT(SIGNAL_COUNT) - 1)
#define SIGNAL_STABLE (SIGNAL_ALL & ~SIGNAL_BIT(SIGNAL_PROFILES)) /* those that OTLP calls stable */

struct signal_info {
    const char *name;      /* "traces": the word in pipeline ids and in data_type labels */
    const char *items;     /* "spans", "metric_points", "log_records", "profile_samples": metric name endings */
    const char *resources; /* "resource spans": for people */
    const ProtobufCMessageDescriptor *request;  /* Export*ServiceRequest */
    const ProtobufCMessageDescriptor *response; /* Export*ServiceResponse */
    const char *grpc_path;                      /* "/opentelemetry.proto.collector.trace.v1.TraceService/Export" */
    const char *http_path;                      /* "/v1/traces": the default */
    bool mergeable; /* requests put end to end are one request; not so for profiles (one dictionary each) */
};

extern const struct signal_info signal_table[SIGNAL_COUNT];

/* For rows that there are of each signal's items: ROW(items, words, unit) makes those of one, from what its items are
 * called at the end of a metric's name, in a sentence, and as a unit. */
#define SIGNAL_ITEM_ROWS(ROW)                                                                                          \
    {                                                                                                                  \
        [SIGNAL_TRACES] = ROW("spans", "spans", "spans"),                                                              \
        [SIGNAL_METRICS] = ROW("metric_points", "metric points", "datapoints"),                                        \
        [SIGNAL_LOGS] = ROW("log_records", "log records", "records"),                                                  \
        [SIGNAL_PROFILES] = ROW("profile_samples", "profile samples", "samples"),                                      \
    }

/* SIGNAL_COUNT when there is no signal of that name. */
enum signal signal_by_name(struct bytes name);

#endif
