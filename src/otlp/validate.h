/* SPDX-License-Identifier: Apache-2.0 */
/* The check at the door: one pass over a request's wire bytes, no allocation.
 *
 * Checks, by table, what protobuf-c's descriptors say (wire types, lengths, UTF-8 of string fields, packed and
 * unpacked repeated scalars), nesting depth (at most VALIDATE_MAX_DEPTH messages), the lengths of ids (trace and
 * profile 0 or 16, span 0 or 8 bytes), and counts the items. Unknown fields are skipped, groups refused
 * (the OTLP specification). */
#ifndef OTLP_VALIDATE_H
#define OTLP_VALIDATE_H

#include "base/bytes.h"
#include "otlp/signal.h"

#define VALIDATE_MAX_DEPTH 100

struct validation {
    uint64_t items;      /* when valid */
    bool ordered;        /* when valid: in each message in it the fields come in the order of their numbers */
    size_t fault_offset; /* else: byte offset in the request ... */
    bool is_text;        /* a string that is not UTF-8: otlp/repair.h can mend it */
    char fault[256];     /* ... and e.g. "resource_spans[0].scope_spans[2].spans[7].name: not UTF-8" */
};

/* True when the bytes are one valid request of that signal. The fault's text is made only on failure. */
bool otlp_validate(enum signal signal, struct bytes request, struct validation *out);

#endif
