/* SPDX-License-Identifier: Apache-2.0 */
/* A batch in pieces: records that go to a partition by a key, or to a topic that the data names. */
#ifndef EXPORTER_KAFKA_SPLIT_H
#define EXPORTER_KAFKA_SPLIT_H

#include "codec/pb.h"
#include "otlp/batch.h"

/* What a piece has of one thing alone. */
enum kafka_split { KAFKA_WHOLE, KAFKA_BY_RESOURCE, KAFKA_BY_TRACE, KAFKA_BY_ITEM };

struct kafka_split_rules {
    enum kafka_split by;
    bool resource_key;            /* the key is the hash of the resource's attributes (exporter/map_hash.h) */
    bool trace_key;               /* it is the trace id in hex; none where there is no id */
    bool short_key;               /* of a trace id whose upper half is zero, the lower one */
    struct bytes topic_attribute; /* of resources; empty: none names topics */
};

#define KAFKA_KEY_MOST 32

struct kafka_piece {
    struct batch *batch;         /* one reference; BY_ITEM: of the whole that was split */
    uint64_t at;                 /* BY_ITEM: which item of it */
    struct batch_cutter *cutter; /* NULL, or it is cut in pieces like it as their turn comes; has items left */
    uint64_t most;               /* bytes of these */
    bool ready;                  /* it is split */
    bool alone;                  /* to be sent as a request of its own */
    bool lost;                   /* several items, each of which alone is larger than any record may be */
    uint8_t n_key;
    uint8_t key[KAFKA_KEY_MOST];
    struct bytes topic; /* that the data names, in the batch; empty: none */
    const char *name;   /* of the topic: who sends it says so */
    struct bytes item;  /* BY_ITEM: a Span or LogRecord, in the batch, with what it is in */
    struct bytes resource, scope;
    uint64_t left_out; /* of its items, when it was encoded: what its encoding has no place for */
    const char *reason;
};

typedef VEC(struct kafka_piece) kafka_pieces;

/* How far a batch is split by items. Zeroed: it begins. */
struct kafka_walk {
    uint32_t segment; /* the next one */
    struct pb_reader groups, scopes, items;
    struct bytes group, scope;
    uint64_t at;                        /* the next item's number */
    const uint8_t *in_group, *in_scope; /* of ... */
    struct kafka_piece common;          /* what pieces there have in common */
};

/* BY_ITEM: appends the next pieces, at most so many, for each is larger than a small item. False: those were the last.
 */
bool kafka_split_items(const struct kafka_split_rules *rules, struct batch *b, struct kafka_walk *w, size_t most,
                       kafka_pieces *out);

/* Appends the pieces of `b` (WHOLE alone takes profiles), which have all of its items; the caller keeps its reference.
 * BY_TRACE copies, the others point into the batch. Copies are charged to `budget` whatever its limit, and have a few
 * times the bytes of `b` at most: where each trace repeats a large resource there are two pieces that are not ready,
 * with half of the traces each, to be split when their turn comes. */
void kafka_split(const struct kafka_split_rules *rules, struct batch *b, struct budget *budget, kafka_pieces *out);

/* The batch's first resource; empty: there is none. */
struct bytes kafka_split_first(const struct batch *b);
/* The items that the batch begins with and that are of that very resource, and what comes behind them: slices, one
 * reference each, NULL for nothing. */
void kafka_split_leading(const struct batch *b, struct bytes resource, struct batch **same, struct batch **rest);

#endif
