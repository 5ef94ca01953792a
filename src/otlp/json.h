/* SPDX-License-Identifier: Apache-2.0 */
/* OTLP JSON to wire bytes and back, driven by protobuf-c's descriptors (the OTLP specification); what
 * the Go collector's reader accepts, ours accepts too. */
#ifndef OTLP_JSON_H
#define OTLP_JSON_H

#include "base/buf.h"
#include "base/error.h"

#include <protobuf-c/protobuf-c.h>

/* Append to `out` the wire form of the JSON document `text` as a message of `type`.
 * UV_EINVAL: err says what is wrong and where (line, column, field path). UV_E2BIG: the wire form would pass
 * `max` bytes. What was appended before a failure is of no use. */
int json_to_wire(const ProtobufCMessageDescriptor *type, struct bytes text, size_t max, struct buf *out,
                 struct error *err);

/* Strings of a request that were not UTF-8 and have been repaired (codec/utf8.h). */
struct text_repairs {
    uint64_t strings;
    struct error first; /* where the first one was, by location and field path */
};

/* The same for an export request, from senders that are not ours. Several documents behind one another are one request,
 * where the type can be put end to end (all but profiles). A string that is not UTF-8 costs that string only. */
int json_request_to_wire(const ProtobufCMessageDescriptor *type, struct bytes text, size_t max, struct buf *out,
                         struct text_repairs *repairs, struct error *err);

/* Append the JSON form of `wire`, which is a valid message of `type`. Keys are lowerCamelCase, 64-bit integers
 * strings, ids hex, defaults left out. Unknown fields are left out. UV_EINVAL only when the bytes are not valid. */
int wire_to_json(const ProtobufCMessageDescriptor *type, struct bytes wire, struct buf *out, struct error *err);

#endif
