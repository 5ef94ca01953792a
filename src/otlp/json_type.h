/* SPDX-License-Identifier: Apache-2.0 */
/* What JSON needs to know of a message type beyond protobuf-c's descriptor: fields by their names in JSON, tags ready
 * to be written, which fields are ids in hex, which shut each other out. Made when first asked for, kept for good. */
#ifndef OTLP_JSON_TYPE_H
#define OTLP_JSON_TYPE_H

#include "base/bytes.h"
#include "otlp/validate.h"

#include <protobuf-c/protobuf-c.h>

#define JSON_DEPTH_MAX VALIDATE_MAX_DEPTH /* messages within messages */

enum {
    JSON_FIELDS_MAX = 32,  /* of one message; more than any of ours has */
    JSON_NAMES_MAX = 128,  /* slots: four times the fields, a power of two */
    JSON_NUMBERS_MAX = 64, /* field numbers are below this */
};

enum json_special {
    JSON_PLAIN,
    JSON_ANY,      /* google.protobuf.Any: {"@type": ..., fields of that type} */
    JSON_DURATION, /* google.protobuf.Duration: "1.5s" */
};

struct json_type;

struct json_field {
    const ProtobufCFieldDescriptor *pb;
    const struct json_type *type; /* of a message field */
    uint32_t bit;                 /* 1 << its index */
    uint32_t rivals;              /* bits of the oneof it is in, its own included; without a oneof its own alone */
    uint8_t id_len;               /* bytes of an id that is hex in JSON; 0: not an id */
    bool repeated;
    bool packable;     /* repeated numbers: one run of bytes on the wire */
    bool oneof;        /* has presence even when zero */
    struct bytes name; /* lowerCamelCase; a quote stands before it, a quote and a colon behind */
};

struct json_type {
    const ProtobufCMessageDescriptor *pb;
    enum json_special special;
    const struct json_type *next; /* all types that were asked for */
    const struct json_field *by_number[JSON_NUMBERS_MAX];
    struct {
        struct bytes name; /* lowerCamelCase or as in the .proto file */
        const struct json_field *field;
    } names[JSON_NAMES_MAX];
    struct json_field fields[JSON_FIELDS_MAX]; /* in the order of their numbers */
};

/* From any thread. */
const struct json_type *json_type_of(const ProtobufCMessageDescriptor *pb);

/* NULL: no such field. */
const struct json_field *json_field_by_name(const struct json_type *t, struct bytes name);

static inline const struct json_field *json_field_by_number(const struct json_type *t, uint32_t number)
{
    return number < JSON_NUMBERS_MAX ? t->by_number[number] : NULL;
}

/* The type that an Any's URL names, among those that we send and understand; NULL: none. */
const struct json_type *json_type_by_url(struct bytes url);

#endif
