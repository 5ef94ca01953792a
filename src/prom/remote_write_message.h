/* SPDX-License-Identifier: Apache-2.0 */
/* Writing one remote write message, either version, series by series.
 *
 * Labels are merged as fields of a TimeSeries of version 1 (`0a len 0a name 12 value`), sorted by name;
 * version 1 copies them, version 2 looks their two strings up in the message's table of symbols. */
#ifndef PROM_REMOTE_WRITE_MESSAGE_H
#define PROM_REMOTE_WRITE_MESSAGE_H

#include "prom/exemplar_store.h"
#include "prom/reading.h"
#include "prom/remote_write.h"

#define STALE_NAN 0x7ff0000000000002ull

/* Append the fields of rendered labels (prom/labels.h) to `out`; those without a value are left out. */
void label_fields_put(struct buf *out, struct bytes rendered);
void label_field_put(struct buf *out, struct bytes name, struct bytes value);

/* One field of such a list. Without .field.data it is put together from the two strings; .field.len is right anyway. */
struct label_field {
    struct bytes field, name, value;
};

size_t label_field_size(size_t name_len, size_t value_len);

typedef VEC(struct label_field) label_field_list;

/* The first of *rest, which label_field_put wrote and nobody else. False at the end. */
bool label_field_next(struct bytes *rest, struct label_field *f);

/* All of them, behind what is in `out`. */
void label_fields_list(label_field_list *out, struct bytes fields);

/* `a` and `b` in one sorted list, which becomes *out; where a name is in both, b's stays. */
void label_fields_merge(label_field_list *out, const label_field_list *a, const label_field_list *b);

/* Strings by number. Zeroed at first. */
struct symbols {
    VEC(uint64_t) slots; /* hash's upper half << 32 | 1 + number; 0 = free; a power of two of them */
    VEC(uint32_t) ends;  /* of each string's field in `fields` */
    VEC(uint32_t) starts;
    struct buf fields; /* `22 len string`, as in the message */
};

void symbols_clear(struct symbols *s); /* only number 0, the empty string, is left */
void symbols_free(struct symbols *s);
uint32_t symbols_number(struct symbols *s, struct bytes string);
struct bytes symbols_text(const struct symbols *s, uint32_t number); /* valid until the next symbols_number */

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
struct message {
    enum remote_write_version version;
    struct remote_write_request *request; /* its .message holds what follows the symbols; NULL: none is open */
    struct symbols symbols;
    struct buf scratch;
};

void message_free(struct message *m);
void message_begin(struct message *m, uint32_t shard);
size_t message_size(const struct message *m);
void message_unit(struct message *m, bool is_item);
/* The request, whole. None is open then. */
struct remote_write_request *message_end(struct message *m);

/* One sample of one series. */
struct message_sample {
    const label_field_list *labels;
    const struct remote_metadata *metadata;       /* version 2 */
    int64_t time, start;                          /* ms; start 0 = unknown */
    uint64_t bits;                                /* of the double */
    const struct expo_native *native;             /* instead of `bits` */
    bool stale;                                   /* native: a stale marker */
    const struct expo_exemplar *const *exemplars; /* with n_exemplars; those that do not fit are left out */
    size_t n_exemplars;
};

void message_put(struct message *m, const struct message_sample *s);

/* Version 1: metadata is a unit of its own. */
void message_put_metadata(struct message *m, const struct remote_metadata *x);

#endif
