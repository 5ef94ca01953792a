/* SPDX-License-Identifier: Apache-2.0 */
/* Random messages of any protobuf type, and what protobuf-c makes of bytes: the slow way that fast ones are held
 * against. */
#ifndef TEST_SUPPORT_RANDOM_MESSAGE_H
#define TEST_SUPPORT_RANDOM_MESSAGE_H

#include "base/buf.h"

#include <protobuf-c/protobuf-c.h>

/* A small generator of its own: the same numbers on every machine. */
uint64_t random_message_next(uint64_t *state);
static inline uint64_t random_below(uint64_t *state, uint64_t n)
{
    return random_message_next(state) % n;
}

/* Append a message: every field may be there, repeated ones up to `most` times, here and there one that nobody knows.
 * Strings are few and short, so that they meet. Nested to `depth` at most. */
void random_message_put(struct buf *out, const ProtobufCMessageDescriptor *type, uint64_t *state, unsigned most,
                        unsigned depth);

/* The same message, written as encoders seldom do: a field that there is one of comes twice, and the last one counts; a
 * message comes in two pieces. What was in order stays so. Appends to `out`. */
void doubled_put(struct buf *out, const ProtobufCMessageDescriptor *type, struct bytes message, uint64_t *state);

/* Read and written again by protobuf-c: fields in the order of their numbers. Appends to `out`. */
void canonical_put(struct buf *out, const ProtobufCMessageDescriptor *type, struct bytes message);
void packed_put(struct buf *out, const ProtobufCMessage *message);

#endif
