/* SPDX-License-Identifier: Apache-2.0 */
/* Which stream of OTLP a set of attributes is, whatever its bytes: the data model's identity, and in what two differ.
 *
 * Other orders of attributes are the same stream; another resource, scope, metric, unit, kind, attribute or type of a
 * value is another one, even where Prometheus has one name and label set for both. */
#ifndef PROM_STREAM_IDENTITY_H
#define PROM_STREAM_IDENTITY_H

#include "prom/series/streams.h"

/* A set of attributes of a stream, as it came. */
struct stream_member {
    const struct stream *stream;
    struct bytes attributes; /* whole fields, as in struct point */
};

/* Equal for equal streams. */
uint64_t stream_member_identity(const struct stream_member *m);

enum stream_difference { DIFFERENT_RESOURCE, DIFFERENT_SCOPE, DIFFERENT_METRIC, DIFFERENT_ATTRIBUTES };

/* The outermost level in which they differ; what each has there that the other has not, appended to `of_a` and
 * `of_b` for people. */
enum stream_difference stream_members_differ(const struct stream_member *a, const struct stream_member *b,
                                             struct buf *of_a, struct buf *of_b);

#endif
