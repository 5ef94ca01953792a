/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the remote write encoder: what its files share. Nobody but src/prom/remote_write*.c includes this.
 *
 *     remote_write.c          batches walked, put in order where they are not, target_info, metadata
 *     remote_write_series.c   what is known of series: labels, shard
 *     remote_write_points.c   one point as a unit of the message of its shard
 *     remote_write_message.c  messages written (remote_write_labels.c: their labels and symbols)
 *     remote_write_request.c  finished messages: cut, named */
#ifndef PROM_REMOTE_WRITE_INSIDE_H
#define PROM_REMOTE_WRITE_INSIDE_H

#include "prom/remote_write/remote_write.h"
#include "prom/remote_write/remote_write_message.h"
#include "prom/series/streams.h"

#define REMOTE_WRITE_SERIES 0 /* the only kind of cached series */
#define REMOTE_WRITE_TICK (10 * NS_PER_S)
#define REMOTE_WRITE_EXEMPLARS 16 /* of one series in one message */

/* The head of a known series; its labels are own_labels, and the text of values that the attributes do not have. */
struct remote_series {
    struct cached_series cached;
    uint16_t n_labels;
    uint32_t shard_hash;
    uint32_t seen;  /* tick */
    uint32_t batch; /* which batch brought its newest sample, and when that was */
    int64_t time;   /* ms */
};

/* What hangs from a stream. */
struct stream_labels {
    struct buf fields;                  /* of __name__ and of what all series of the scope have in common */
    struct buf name;                    /* field of __name__ alone */
    label_field_list common, only_name; /* the same, taken apart */
    uint64_t metadata_sent;             /* mono ns */
};

/* A resource of the batch that has a target_info. */
struct target {
    struct resource_entry *resource; /* kept */
    uint64_t newest;                 /* ns; of its points */
};

/* A point that waits to be put in order. */
struct unsorted_point {
    struct stream *stream;
    struct bytes point;
    uint64_t identity;
    int64_t time;
    uint32_t position;
};

struct remote_write {
    struct remote_write_options options;
    struct streams streams;
    struct message *messages; /* one for each shard */
    struct remote_write_result *result;
    uint32_t tick, batch;
    size_t swept;  /* slots of the table, in this round */
    bool disorder; /* the batch has to be put in order first */
    VEC(struct unsorted_point) unsorted;
    VEC(struct target) targets;
    uint64_t newest; /* ns; of the metric's points */
    size_t slack;
    struct symbols names; /* of own labels, as long as we live: NAMES_MAX at most */
    /* Scratch. */
    label_field_list labels, base, own;
    struct buf fields, own_fields, suffixed, gathered, packed;
    struct distribution_value value;
    struct exemplar_reader exemplar_reader;
    struct exemplar_store *exemplars;
    size_t exemplars_cap;
    const struct exemplar *exemplar_list[REMOTE_WRITE_EXEMPLARS];
    struct span_sides sides;
    VEC(uint64_t) counts; /* of an explicit histogram, each bucket by itself */
    struct message_sample sample;
    struct remote_metadata metadata;
};

struct series_ref {
    struct remote_series *series; /* NULL: not kept */
    uint32_t shard;
};

/* What all series of a stream have in common; made when it is first asked for. */
struct stream_labels *remote_write_stream_labels(struct remote_write *rw, struct stream *stream);
void remote_write_stream_gone(struct streams *s, struct stream *stream); /* streams.on_stream_gone */

/* The series of a point, its labels in rw->labels. NULL, or why it has none. */
const char *remote_write_find(struct remote_write *rw, struct stream *stream, const struct identity_key *key,
                              struct series_ref *out);

/* The series' labels (rw->labels) with another end of the name and, where `label` is not NULL, one more label: in
 * rw->base. */
const label_field_list *remote_write_part_labels(struct remote_write *rw, struct stream *stream, const char *suffix,
                                                 const char *label, double value);

/* What spreads series over shards. */
uint32_t remote_write_hash(const label_field_list *labels);

void remote_write_forget_all(struct remote_write *rw);

/* The shard's open message, with a new unit begun in it. */
struct message *remote_write_message(struct remote_write *rw, uint32_t shard, bool is_item);
void remote_write_finish(struct remote_write *rw, struct message *m); /* it is whole: into the result */

/* Items of the batch that are not sent; `stream` may be NULL. */
void remote_write_drop(struct remote_write *rw, const char *reason, const struct stream *stream, uint64_t items);

/* Into the message of its series' shard; or dropped; or rw->disorder is set, and it is not taken. */
void remote_write_take_point(struct remote_write *rw, struct stream *stream, const struct point *p,
                             const struct identity_key *key);

#endif
