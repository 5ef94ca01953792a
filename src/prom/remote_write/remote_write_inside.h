/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the remote write encoder: what its files share. Nobody but src/prom/remote_write*.c includes this.
 *
 *     remote_write.c          batches walked, target_info, metadata
 *     remote_write_sorted.c   batches in which a series comes more than once: put in order, samples joined
 *     remote_write_series.c   what is known of series: labels, shard
 *     remote_write_order.c    their own labels and the common ones in one order
 *     remote_write_twins.c    which of them have the same labels
 *     remote_write_names.c    which names metrics of different shapes have in common
 *     remote_write_points.c   one point as a unit of the message of its shard
 *     remote_write_message.c  messages written (remote_write_labels.c: their labels and symbols)
 *     remote_write_request.c  finished messages: cut, named */
#ifndef PROM_REMOTE_WRITE_INSIDE_H
#define PROM_REMOTE_WRITE_INSIDE_H

#include "codec/pb.h"
#include "otlp/fields.h"
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
    uint32_t label_hash; /* spreads it over shards, and finds it by its labels */
    uint32_t seen;       /* tick */
    uint32_t batch;      /* which batch had it last */
    struct twin *twin;   /* others have the same labels; else NULL */
};

struct twin {
    struct twin *next, *prev; /* in a ring */
    struct remote_series *series;
    struct twin_set *set;
};

/* What twins have in common. */
struct twin_set {
    struct remote_series *indexed; /* the one that is in the index */
    uint32_t n;
    uint32_t batch; /* which batch had one of them last */
};

/* What a point becomes: series of different shapes may share name and labels. */
enum series_shape { SHAPE_PLAIN, SHAPE_HISTOGRAM, SHAPE_SUMMARY, SHAPE_TARGET, SERIES_SHAPES };

#define SERIES_NAMES 4 /* of the series of one stream, at most */

/* What hangs from a stream. */
struct stream_labels {
    struct buf fields;                  /* of __name__ and of what all series of the scope have in common */
    struct buf name;                    /* field of __name__ alone */
    label_field_list common, only_name; /* the same, taken apart */
    uint64_t metadata_sent;             /* mono ns, and in which batch */
    uint32_t metadata_batch;
    enum series_shape shape;
    struct series_name *names[SERIES_NAMES];
};

/* One of a known series' own labels. Values mostly are the bytes of the attributes as they came, so they are not kept
 * twice: a value is where it lies behind the beginning of the raw attributes, or behind these structs. */
struct own_label {
    uint16_t name; /* in remote_write.names */
    uint16_t at, len;
};

#define ORDERS 64u       /* that are remembered */
#define ORDER_LABELS 24u /* of each kind; series with more are sorted each time */

/* Where the labels of a series go among one another: the same for all series of a stream whose own labels have the same
 * names. */
struct label_order {
    const struct stream_labels *of; /* NULL: none */
    bool whole;
    uint8_t n_own, n_common;
    uint16_t names[ORDER_LABELS];
    uint8_t own_at[ORDER_LABELS], common_at[ORDER_LABELS];
};

/* A resource of the batch that has a target_info. */
struct info_target {
    struct resource_entry *resource; /* kept */
    uint64_t newest;                 /* ns; of its points */
};

/* A point that waits to be put in order. */
struct unsorted_point {
    struct stream *stream;
    struct bytes point;
    uint64_t labels; /* a hash of them */
    int64_t time;
    uint32_t position;
    uint32_t round; /* of requests: later samples that cannot join the first one's TimeSeries come in later ones */
    bool joins;     /* the TimeSeries of the point before it */
};

struct remote_write {
    struct remote_write_options options;
    struct streams streams;
    struct write_message *messages; /* one for each shard */
    uint32_t shards;                /* in use */
    struct remote_write_result *result;
    uint32_t tick, batch;
    size_t swept;  /* slots of the table, in this round */
    bool disorder; /* a series comes more than once: the batch has to be put in order first */
    bool sorting;  /* it is done */
    bool mixed;    /* it has metrics of different shapes whose series have a name in common */
    uint32_t round;
    struct table by_labels; /* of cached series */
    struct table by_name;   /* of the names of series */
    struct series_name *target_name;
    VEC(uint64_t) claims; /* a table of hashes; 0 = free */
    size_t n_claims;
    VEC(struct unsorted_point) unsorted;
    VEC(struct info_target) targets;
    VEC(uint64_t) target_hashes; /* of the labels of those that were sent and may have others like them */
    uint64_t newest;             /* ns; of the metric's points */
    size_t slack;
    struct symbols names; /* of own labels, as long as we live: NAMES_MAX at most */
    struct label_order orders[ORDERS];
    /* Scratch. */
    label_field_list labels, base, own, twin_labels, twin_own;
    struct buf fields, own_fields, suffixed, gathered, packed, earlier;
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
    uint32_t shard, label_hash;
    uint64_t hash; /* of its labels; only while rw->sorting */
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

/* Seeded. The upper half spreads series over shards. */
uint64_t remote_write_hash(const struct remote_write *rw, const label_field_list *labels);

/* order: all labels of a known series, into `out`; and of a new one, whose own labels are in a list. */
void labels_join_known(struct remote_write *rw, const struct remote_series *x, const struct stream_labels *l,
                       label_field_list *out);
void labels_join(label_field_list *out, const struct stream_labels *l, bool whole, const label_field_list *own);
void labels_forget_order(struct remote_write *rw, const struct stream_labels *l); /* they go */

/* All labels of a series, into `out`. */
void remote_write_cached_labels(struct remote_write *rw, const struct remote_series *x, label_field_list *out);

enum series_shape stream_shape(const struct stream *stream);

/* twins */
void remote_write_index_init(struct remote_write *rw);
bool remote_write_index(struct remote_write *rw, struct remote_series *x); /* a new one; its labels are rw->labels */
void remote_write_unindex(struct remote_write *rw, struct remote_series *x);

/* It or a twin. */
static inline bool remote_write_seen_in_batch(const struct remote_write *rw, const struct remote_series *x)
{
    return (x->twin != NULL ? x->twin->set->batch : x->batch) == rw->batch;
}

static inline void remote_write_see_in_batch(const struct remote_write *rw, struct remote_series *x)
{
    x->batch = rw->batch;
    if (x->twin != NULL)
        x->twin->set->batch = rw->batch;
}

/* names */
void remote_write_names_init(struct remote_write *rw);
void remote_write_names_free(struct remote_write *rw);
void remote_write_names_add(struct remote_write *rw, const struct stream *stream, struct stream_labels *l);
void remote_write_names_remove(struct remote_write *rw, struct stream_labels *l);
bool remote_write_names_mixed(const struct stream_labels *l);
bool remote_write_claim(struct remote_write *rw, const label_field_list *labels, int64_t time); /* false: it is taken */
void remote_write_forget_claims(struct remote_write *rw);

static inline bool remote_write_next_point(struct pb_reader *points, struct bytes *point)
{
    for (struct pb_field f; pb_next(points, &f);)
        if (f.number == OTLP_DATA_POINTS && f.wire == PB_LEN) {
            *point = f.bytes;
            return true;
        }
    return false;
}

/* Walk the batch; `take` gets the points of each metric. */
typedef void remote_write_take(struct remote_write *rw, struct stream *stream, struct bytes points);
void remote_write_walk(struct remote_write *rw, const struct batch *b, remote_write_take *take);
struct identity_key remote_write_key(struct remote_write *rw, struct stream *stream, struct point *p);
void remote_write_set_metadata(struct remote_write *rw, const struct stream *stream);

/* The batch, with its points in order and those of one series together. */
void remote_write_encode_sorted(struct remote_write *rw, const struct batch *b);

void remote_write_forget_all(struct remote_write *rw);

/* The shard's open message, with a new unit of so many items begun in it. `series`: the hash of its labels, or 0. */
struct write_message *remote_write_message(struct remote_write *rw, uint32_t shard, uint32_t items, uint32_t series);
void remote_write_finish(struct remote_write *rw, struct write_message *m); /* it is whole: into the result */

/* Items of the batch that are not sent; `stream` may be NULL. */
void remote_write_drop(struct remote_write *rw, const char *reason, const struct stream *stream, uint64_t items);

/* Into the message of its series' shard; or dropped; or rw->disorder is set, and it is not taken. */
void remote_write_take_point(struct remote_write *rw, struct stream *stream, const struct point *p,
                             const struct identity_key *key);

/* The points of one series, which are in order, as one unit; more than one only of numbers without exemplars. */
void remote_write_put_points(struct remote_write *rw, const struct unsorted_point *points, size_t n);

#endif
