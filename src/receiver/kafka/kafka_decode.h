/* SPDX-License-Identifier: Apache-2.0 */
/* The value of a record, as an export request. Pure functions over strangers' bytes. */
#ifndef RECEIVER_KAFKA_DECODE_H
#define RECEIVER_KAFKA_DECODE_H

#include "base/budget.h"
#include "base/error.h"
#include "config/option.h"
#include "otlp/batch.h"

enum kafka_reading {
    KAFKA_READ_PROTO,
    KAFKA_READ_JSON,
    KAFKA_READ_TEXT,
    KAFKA_READ_RAW,
    KAFKA_READ_JSON_BODY,
    KAFKA_READ_JAEGER_PROTO, /* one span */
    KAFKA_READ_JAEGER_JSON,
    KAFKA_READ_ZIPKIN_PROTO, /* a list of them */
    KAFKA_READ_ZIPKIN_JSON,
    KAFKA_READ_ZIPKIN_THRIFT, /* a list of the first version */
    KAFKA_READINGS
};

/* KAFKA_READINGS for a name that is none of this signal's. */
enum kafka_reading kafka_reading_of(const char *encoding, enum signal signal);

struct kafka_header {
    struct bytes name, value;
};

/* What is to be read, and how. */
struct kafka_value {
    enum signal signal;
    enum kafka_reading reading;
    struct bytes bytes;
    const struct kafka_header *headers; /* they become attributes of every resource: kafka.header.NAME */
    size_t n_headers;
    size_t most;  /* bytes that the request may have */
    uint64_t now; /* wall ns: when it was observed, for what has no time */
};

/* Too large to be decoded in a turn of the loop. */
bool kafka_value_is_large(const struct kafka_value *v);

enum kafka_decoded { KAFKA_DECODED, KAFKA_NO_ROOM, KAFKA_BAD };

struct kafka_request {
    struct block *block; /* one reference */
    struct bytes bytes;
    uint64_t items; /* may be 0 */
};

/* The request, in a block of `budget`; NULL: in one that is not charged, for then it is on another thread. BAD: `err`
 * says what is wrong with it. NO_ROOM: `need` bytes are wanted. */
enum kafka_decoded kafka_decode(const struct kafka_value *v, struct budget *budget, struct kafka_request *out,
                                uint64_t *need, struct error *err);

#endif
