/* SPDX-License-Identifier: Apache-2.0 */
/* Batches as text for people: what the debug exporter prints, in the Go collector's two forms.
 *
 * All functions append to `out`, touch nothing else, and may run on a thread of the pool: a batch's bytes do not
 * change. `out` is the buf of a struct debug_text, for debug_put() to know who reads it. */
#ifndef EXPORTER_DEBUG_TEXT_H
#define EXPORTER_DEBUG_TEXT_H

#include "base/buf.h"
#include "codec/pb.h"
#include "otlp/any_value.h"
#include "otlp/batch.h"
#include "otlp/view.h"

/* A message of the profiles' dictionary or a profile: fields below DEBUG_FIELDS, the last of each number. */
#define DEBUG_FIELDS 12
struct debug_message {
    struct bytes raw;
    uint64_t num[DEBUG_FIELDS];
    struct bytes str[DEBUG_FIELDS];
};

void debug_message_read(struct debug_message *m, struct bytes raw);

/* Repeated varints (or, the second, fixed64 and doubles), packed or not: calls for each in order. */
void debug_numbers(struct bytes message, uint32_t number, void (*each)(void *arg, size_t i, uint64_t v), void *arg);
void debug_fixed64s(struct bytes message, uint32_t number, void (*each)(void *arg, size_t i, uint64_t v), void *arg);
size_t debug_count(struct bytes message, uint32_t number); /* fields of that number */

/* The messages in a repeated field, with their numbers from 0. */
void debug_each(struct buf *out, struct bytes message, uint32_t number,
                void (*put)(struct buf *out, size_t i, struct bytes part));

struct debug_counts {
    uint64_t resources, metrics, items;
};

struct debug_counts debug_count_batch(const struct batch *b);

struct debug_text {
    struct buf buf;
    bool exact; /* it will be quoted as JSON, which shows every byte; else what senders wrote is made visible */
};

/* Text that a sender wrote: its controls must not forge lines. */
void debug_put(struct buf *out, struct bytes text);

/* An AnyValue as one string ("" for none; maps and lists as JSON), and with its type: `Str(x)`. */
void debug_value(struct buf *out, struct bytes any);
void debug_typed_value(struct buf *out, struct bytes any);

void debug_time(struct buf *out, uint64_t unix_ns); /* "2020-02-11 20:26:12.000000321 +0000 UTC" */
void debug_hex(struct buf *out, struct bytes id);
void debug_fixed(struct buf *out, double v);    /* six decimals */
void debug_shortest(struct buf *out, double v); /* as Go's %v */

/* Upper bound of bucket `index` of an exponential histogram. */
double debug_exponential_bound(int64_t index, int64_t scale);

/* A text that has grown so long is cut after the item. */
#define DEBUG_TEXT_MAX (16u << 20)
#define DEBUG_TEXT_CUT "... cut here: this batch's text is too long\n"

/* What a form writes of the parts of a batch; for the last two with their numbers in what is around them. */
struct debug_form {
    void (*put_dictionary)(struct buf *out, struct bytes dictionary); /* of a request; may be NULL */
    void (*put_resource)(struct buf *out, enum signal signal, size_t n, const struct resource_group_view *group);
    void (*put_scope)(struct buf *out, enum signal signal, size_t n, const struct scope_group_view *group);
    void (*put_item)(struct buf *out, enum signal signal, size_t n, struct bytes item, struct bytes dictionary);
};

/* The batch's requests; their resources are numbered through. */
void debug_batch(struct buf *out, const struct batch *b, const struct debug_form *form);

void debug_normal(struct debug_text *text, const struct batch *b);
void debug_detailed(struct debug_text *text, const struct batch *b);
void debug_profiles_dictionary(struct buf *out, struct bytes dictionary);
void debug_profile(struct buf *out, size_t n, struct bytes profile, struct bytes dictionary);
/* The attributes that a repeated field of indices points to: calls with key and value. */
void debug_profile_attributes(struct bytes message, uint32_t number, struct bytes dictionary,
                              void (*each)(void *arg, struct bytes key, struct bytes any), void *arg);

#endif
