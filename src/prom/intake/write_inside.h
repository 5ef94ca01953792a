/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the write intake share. Nobody but src/prom/intake/write_*.c includes this.
 *
 *     write_intake.c    what is remembered: families, targets, series
 *     write_reading.c   a request from its first byte to its batch
 *     write_labels.c    the labels of one series
 *     write_parents.c   resource, scope and metric
 *     write_points.c    its samples and histograms, as points of OTLP
 *     write_exemplars.c its exemplars, for a point that was made or will be
 *
 * A series goes when nobody has asked for it for a while; of families and targets the oldest go where others need their
 * room. */
#ifndef PROM_WRITE_INSIDE_H
#define PROM_WRITE_INSIDE_H

#include "base/list.h"
#include "base/vec.h"
#include "codec/pb.h"
#include "otlp/assembly.h"
#include "otlp/fields.h"
#include "prom/intake/page.h"
#include "prom/intake/write_intake.h"
#include "prom/series/series_limit.h"

#define POINT_COST 160u               /* bytes that a point takes beside its own, until the batch is made */
#define TEXT_MOST ((size_t)64 * 1024) /* what is said of a family or a target; more is as if nothing was */

/* What the message says of a metric. */
struct write_family {
    enum page_type type;
    struct bytes help, unit;
};

enum write_label { LABEL_PLAIN, LABEL_PARENT, LABEL_SCOPE }; /* PARENT: the name, job and instance */

struct write_pair {
    struct bytes name, value;
    enum write_label kind;
};

struct write_pairs {
    VEC(struct write_pair) all;
    size_t bytes;
    struct bytes name; /* while its value has not come */
    bool has_name;
};

/* The labels of one series: sorted, each once, without those that have no value. */
struct write_labels {
    struct write_pairs pairs;
    struct bytes name, job, instance;
    bool of_scope; /* some of them are */
};

struct write_intake {
    struct budget *budget;
    struct clock *clock;
    struct series_limit limit;
    struct table known;                    /* families and targets */
    struct table seen;                     /* series */
    struct list families, targets, series; /* the one that was asked for last is the last */
    uint64_t n_families, n_targets;
    uint64_t family_bytes, target_bytes;
    uint64_t made;   /* series, ever */
    uint32_t taught; /* times that something was said of families */
    struct buf key;  /* scratch */
};

struct write_symbol {
    const uint8_t *data;
    size_t len : 63;
    size_t is_text : 1; /* UTF-8 */
};

enum write_kind { WRITE_GAUGE, WRITE_COUNTER, WRITE_EXPONENTIAL, WRITE_EXPLICIT, WRITE_KINDS };

/* A point that was made: exemplars may be for it. */
struct write_point {
    struct digest series;
    struct message_part *part;
    enum write_kind kind;
};

/* An exemplar whose series has no point yet. */
struct pending_exemplar {
    struct digest series;
    struct bytes content;
};

/* Those of the series before this one: most have the same resource, scope and metric. */
struct last_parents {
    struct bytes job, instance, url, name;
    struct digest resource_key, scope_key, name_key;
    bool has_resource, has_scope, has_name;
    struct message *data; /* of that name, NULL: none */
    enum write_kind kind;
    enum page_type type;
};

/* Version 1 has no symbols. */
enum write_phase { READ_SYMBOLS, READ_SERIES, READ_PENDING, READ_MAKE };

struct write_reading {
    struct write_intake *w;
    enum write_version version;
    enum write_phase phase; /* changed by enter_phase() alone */
    struct bytes message;
    struct pb_reader reader;
    VEC(struct write_symbol) symbols;
    uint64_t charged; /* to the budget */
    size_t most;      /* bytes that points may still take */
    size_t texts;     /* bytes of text that may still be looked at: a number of a symbol stands for many */
    bool over;        /* it would be more */
    struct assembly assembly;
    struct assembly_making making;
    struct write_result result;
    VEC(struct write_point) points;
    uint32_t *index;           /* 1 + a point's position, by its series: open addressing; NULL: nobody asked yet */
    size_t n_slots, n_indexed; /* of it; points that are in it */
    const char *fault;
    struct last_parents last;
    struct buf last_scope;
    /* The series that is read. */
    struct write_labels labels;
    struct write_family family;
    struct bytes family_of; /* 1.0: the name that `family` is about */
    uint32_t taught;        /* and what was said until then */
    struct write_pairs exemplar_labels;
    struct buf attributes, scope, point, scratch;
    VEC(struct pending_exemplar) pending;
    size_t settled; /* of them */
};

/* A series that is read: the resource, scope and metric that its points go to. */
struct series_parents {
    struct digest key; /* of the series */
    struct digest resource_key, scope_key;
    struct bytes schema_url;
    struct message *data[WRITE_KINDS]; /* NULL: not made yet */
    enum write_kind encoded;           /* whose field the reading's attributes are of */
    struct message_part *point;        /* its last one; NULL: none yet */
    enum write_kind point_kind;
    enum write_kind number_kind;
    enum page_type type;
    uint64_t created_ms; /* of all of the series, as older senders of version 2 have it */
    bool admitted, refused;
};

/* write_intake.c */
void families_remember(struct write_intake *w, struct bytes name, const struct write_family *f);
void families_find(struct write_intake *w, struct bytes name, struct write_family *f);
/* Attributes of a resource, whole fields; empty: nothing is known. Valid until the next is remembered. */
void targets_remember(struct write_intake *w, const struct write_labels *l, struct bytes attributes);
struct bytes targets_find(struct write_intake *w, const struct write_labels *l);
/* May that series be? It is counted as one from now on. */
bool series_admit(struct write_intake *w, const struct digest *series, const struct write_labels *l);
/* Some of those for which nothing has come for long go; with each request. */
void series_expire(struct write_intake *w);

/* write_reading.c: so much of what may be is used. False: it is too much, and the request is refused soon. */
bool room_take(struct write_reading *r, size_t n);
bool texts_take(struct write_reading *r, size_t n);
struct bytes bytes_keep(struct write_reading *r, struct bytes b); /* a copy that takes room */

/* write_labels.c: NULL, or what is wrong with them (static). `rest`: what stands from the first field on that is no
 * label. */
const char *labels_read(struct write_reading *r, struct bytes series, struct bytes *rest);
const char *pairs_read(struct write_reading *r, struct bytes message, struct write_pairs *to, struct bytes *rest);
const struct write_symbol *symbol_find(const struct write_reading *r, uint64_t number); /* NULL: there is none */

/* write_parents.c: of the labels that were read */
void parents_open(struct write_reading *r, struct series_parents *p);
struct message *parents_data(struct write_reading *r, struct series_parents *p, enum write_kind kind);
void attributes_encode(struct write_reading *r, unsigned field);
void target_take(struct write_reading *r, bool ended); /* they are those of target_info */

/* write_points.c */
void points_take(struct write_reading *r, struct bytes series);                   /* or it is left out */
void series_leave_out(struct write_reading *r, uint64_t *count, const char *why); /* or something of it */

/* write_exemplars.c */
void exemplar_take(struct write_reading *r, const struct series_parents *p, struct bytes exemplar);
/* Those that came before the points of their series, so many of them; true: there are more. */
bool exemplars_settle(struct write_reading *r, unsigned most);

#endif
