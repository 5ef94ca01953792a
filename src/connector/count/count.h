/* SPDX-License-Identifier: Apache-2.0 */
/* What the connectors count and sum count and sum: metrics by section, each with conditions and attributes, read from
 * the configuration's trees. */
#ifndef CONNECTOR_COUNT_COUNT_H
#define CONNECTOR_COUNT_COUNT_H

#include "base/arena.h"
#include "config/option.h"
#include "otlp/digest.h"
#include "ottl/ottl.h"

enum count_section { COUNT_SPANS, COUNT_EVENTS, COUNT_METRICS, COUNT_POINTS, COUNT_LOGS, COUNT_SECTIONS };

struct count_config {
    const struct yaml_node *spans, *spanevents, *metrics, *datapoints, *logs;
};

struct counted_attribute {
    const char *key;
    struct bytes fallback; /* the content of an AnyValue; no data: an item without it is not counted */
    /* While a batch is walked: what the resource has of it, or else the default, looked for once for each resource; and
     * what the scope has, or else that, once for each scope. */
    struct above {
        bool looked;
        struct bytes value; /* no data: nothing */
        struct digest digest;
    } resource, scope;
};

struct counted_metric {
    const char *name, *description;
    const char *source;               /* sum: the attribute that is summed up */
    struct ottl_program **conditions; /* one must be true; none: all are counted */
    size_t n_conditions;
    struct counted_attribute *attributes;
    size_t n_attributes;
};

struct count_list {
    struct counted_metric *v;
    size_t n;
};

/* What is read. */
struct count_reading {
    enum count_section section;
    bool sums; /* metrics have a source, and there is no default one */
};

/* The metrics of a section; of what is counted the default one where nothing is written. What is wrong goes to `ck`,
 * unless it is NULL: then the tree is known to be right. In the arena; the programs are the caller's to free. */
struct count_list count_list_read(struct arena *a, const struct count_config *c, struct count_reading how,
                                  struct check *ck);
void count_list_free(struct count_list *l);

#endif
