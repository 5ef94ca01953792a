/* SPDX-License-Identifier: Apache-2.0 */
/* Writing one remote write message, either version, series by series. */
#ifndef PROM_REMOTE_WRITE_MESSAGE_H
#define PROM_REMOTE_WRITE_MESSAGE_H

#include "prom/series/exemplar_store.h"
#include "prom/model/distribution_value.h"
#include "prom/remote_write/remote_write.h"
#include "prom/remote_write/remote_write_labels.h"

/* The kinds of metadata, as both versions number them. */
enum remote_write_type {
    REMOTE_UNKNOWN,
    REMOTE_COUNTER,
    REMOTE_GAUGE,
    REMOTE_HISTOGRAM,
    REMOTE_GAUGE_HISTOGRAM,
    REMOTE_SUMMARY,
    REMOTE_INFO,
    REMOTE_STATESET,
};

struct remote_metadata {
    enum remote_write_type type;
    struct bytes family, help, unit;
};

/* A message that grows. Zeroed at first. */
struct write_message {
    enum remote_write_version version;
    struct remote_write_request *request; /* its .message holds what follows the symbols; NULL: none is open */
    struct symbols symbols;
    struct buf scratch;
    size_t usual; /* how long the last one became: the next begins with that much room */
};

void message_free(struct write_message *m);
void message_begin(struct write_message *m, uint32_t shard);
size_t message_size(const struct write_message *m);
void message_unit(struct write_message *m, uint32_t items, uint32_t series);
bool message_drop_empty(struct write_message *m); /* the last unit, when nothing was put into it */
/* The request, whole. None is open then. */
struct remote_write_request *message_end(struct write_message *m);

/* One sample of one series. */
struct message_sample {
    const label_field_list *labels;
    const struct remote_metadata *metadata; /* version 2 */
    int64_t time, start;                    /* ms; start 0 = unknown */
    uint64_t bits;                          /* of the double */
    struct bytes earlier;                   /* samples before this one, by message_value */
    size_t n_earlier;
    const struct native_histogram *native;   /* instead of `bits` */
    bool stale;                              /* native: a stale marker */
    const struct exemplar *const *exemplars; /* with n_exemplars; those that do not fit are left out */
    size_t n_exemplars;
};

/* A sample of a number as it stands in a series, appended to `out`: for message_sample.earlier. */
void message_value(struct buf *out, enum remote_write_version version, int64_t time, int64_t start, uint64_t bits);

void message_put(struct write_message *m, const struct message_sample *s);

/* Version 1: metadata is a unit of its own. */
void message_put_metadata(struct write_message *m, const struct remote_metadata *x);

#endif
