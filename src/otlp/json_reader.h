/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the JSON reader share: json.c walks messages, json_value.c reads what is in their fields. */
#ifndef OTLP_JSON_READER_H
#define OTLP_JSON_READER_H

#include "codec/json_scan.h"
#include "otlp/json.h"
#include "otlp/json_type.h"

/* A message being read. */
struct json_frame {
    struct json_frame *up;
    const struct json_type *type;
    const struct json_field *field; /* being read; NULL: none, or one that we do not know */
    bool in_array;
    size_t index;               /* of the element, in an array */
    size_t start;               /* where its bytes begin in the output */
    uint32_t seen;              /* bits of the singular fields that have been written ... */
    size_t at[JSON_FIELDS_MAX]; /* ... and where, from start */
};

struct json_reader {
    struct json_scan in;
    const uint8_t *text; /* the beginning, for line and column */
    struct buf *out;
    size_t limit; /* out->len may not pass it */
    unsigned depth;
    struct json_frame *frame;
    struct buf number; /* NUL-terminated, for strtod */
    int code;
    struct error *err;
    struct text_repairs *repairs; /* NULL: a string that is not UTF-8 is a fault */
};

/* Both set the code and the text, with line, column and path of `at`, and return false. The second takes the text
 * from the scanner. */
bool json_fail(struct json_reader *r, const uint8_t *at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
bool json_fail_scan(struct json_reader *r);

/* The value at r->in.p cannot be what the field wants: `"5b8" is not <what>`, with the value as it stands there. */
bool json_fail_value(struct json_reader *r, const uint8_t *at, const char *what);

/* A string at `at` has been repaired. */
void json_note_repair(struct json_reader *r, const uint8_t *at);

/* A number, bool or enum as the wire carries it: zigzag done, sign extended, a double's bits. */
bool json_read_scalar(struct json_reader *r, const struct json_field *f, uint64_t *bits);
void json_put_scalar(struct buf *out, ProtobufCType type, uint64_t bits);

/* A whole field, tag and all; an empty one outside of a oneof leaves nothing. `keep_empty`: it does. */
bool json_read_text(struct json_reader *r, const struct json_field *f, bool keep_empty);
bool json_read_bytes(struct json_reader *r, const struct json_field *f, bool keep_empty);

/* The content of a Duration, from "1.5s". */
bool json_read_duration(struct json_reader *r);

#endif
