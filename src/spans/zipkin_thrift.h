/* SPDX-License-Identifier: Apache-2.0 */
/* Spans of Zipkin's first version, a list of them in Thrift's binary protocol, to an export request of traces. Strings
 * of a list are not looked at: the request has to be validated, and its texts repaired, as any stranger's. */
#ifndef SPANS_ZIPKIN_THRIFT_H
#define SPANS_ZIPKIN_THRIFT_H

#include "base/buf.h"
#include "base/error.h"

/* Appends the request that a list is. UV_EINVAL: err says what is wrong with it; UV_E2BIG: it would have more than
 * `most` bytes. What was appended before a failure is of no use. */
int zipkin_thrift_read(struct bytes list, size_t most, struct buf *request, struct error *err);

#endif
