/* SPDX-License-Identifier: Apache-2.0 */
/* 128 bits in place of the bytes that something is known by: a resource, a metric's head, a set of attributes.
 *
 * Each process draws a secret, so that no stranger can make up bytes that come to the same; two things with one digest
 * are taken for one. Digests of things in things are made from the outside in: the digest of the outer is the parent of
 * the inner. */
#ifndef OTLP_DIGEST_H
#define OTLP_DIGEST_H

#include "base/bytes.h"

struct digest {
    uint64_t lo, hi;
};

static inline bool digest_equal(const struct digest *a, const struct digest *b)
{
    return a->lo == b->lo && a->hi == b->hi;
}

/* Of these bytes, in that. Parts of different meaning are put in one after the other: lengths count. */
struct digest digest_bytes(struct digest parent, struct bytes b);
/* Of what stands in nothing: half the work. */
struct digest digest_plain(struct bytes b);
struct digest digest_number(struct digest parent, uint64_t n);

/* Of the fields of that number: a set, whose order means nothing. Values are known by their bytes: int 1 is not "1".
 * Other fields are passed over. */
struct digest digest_attributes(struct digest parent, struct bytes message, unsigned number);

/* A set of attributes, one by one. */
struct digest_set {
    struct digest sum;
    uint64_t n;
};

void digest_set_add(struct digest_set *s, struct bytes key_value);
struct digest digest_set_of(struct digest parent, const struct digest_set *s);

#endif
