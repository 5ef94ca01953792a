/* SPDX-License-Identifier: Apache-2.0 */
/* Which spans, log records and metrics a block of properties means: the Collector's include and exclude.
 *
 * All properties that are given must match; of one list any element may, of attributes, resources
 * and libraries all must. What is
 * known of a resource or a scope is asked first, so that whole resources can be passed over. */
#ifndef OTLP_MATCH_H
#define OTLP_MATCH_H

#include "config/option.h"
#include "otlp/rewrite.h"

struct match_attribute {
    const char *key;
    const struct yaml_node *value; /* NULL: any */
};

struct match_library {
    const char *name;
    const struct yaml_node *version; /* NULL: any */
};

struct match_severity {
    bool on;
    int64_t min;
    bool match_undefined;
};

struct match_regexp {
    bool on;
    bool cacheenabled;
    uint64_t cachemaxnumentries;
};

struct match_config {
    bool on;
    const char *match_type;
    struct match_regexp regexp;
    struct strings services, span_names, span_kinds, log_bodies, log_severity_texts, metric_names;
    struct match_severity log_severity_number;
    struct option_list attributes, resources; /* of struct match_attribute */
    struct option_list libraries;             /* of struct match_library */
};

/* The rows of such a block. */
extern const struct option match_rows[];

/* What is wrong with the block at `path` for this signal. */
void match_check(const struct match_config *c, enum signal signal, const char *path, struct check *ck);

/* What is selected by an include and an exclude, either of which may be off; both have passed match_check(). */
struct regex_meter;
struct selection;

struct selection *selection_new(const struct match_config *include, const struct match_config *exclude,
                                enum signal signal);
void selection_free(struct selection *s);

enum selected {
    SELECTED_NONE, /* nothing below is */
    SELECTED_ALL,
    SELECTED_SOME, /* ask below */
};

/* Asked from the top down: the answers below hang on those above. The bytes are those of a Resource, an
 * InstrumentationScope, a Metric, a Span or a LogRecord. */
enum selected selection_resource(struct selection *s, struct bytes resource);
enum selected selection_scope(struct selection *s, struct bytes scope);
bool selection_item(struct selection *s, struct bytes item); /* a span, log record or metric */

/* Of what was asked about last. When it is over, that was taken as selected. */
const struct regex_meter *selection_meter(const struct selection *s);

#endif
