/* SPDX-License-Identifier: Apache-2.0 */
/* Thrift's binary protocol, read in place: fields of structs, one after the other. A reader that has met what cannot be
 * stays `bad` and gives nothing more. */
#ifndef CODEC_THRIFT_H
#define CODEC_THRIFT_H

#include "base/bytes.h"

enum thrift_type {
    THRIFT_STOP = 0,
    THRIFT_BOOL = 2,
    THRIFT_BYTE = 3,
    THRIFT_DOUBLE = 4,
    THRIFT_I16 = 6,
    THRIFT_I32 = 8,
    THRIFT_I64 = 10,
    THRIFT_STRING = 11,
    THRIFT_STRUCT = 12,
    THRIFT_MAP = 13,
    THRIFT_SET = 14,
    THRIFT_LIST = 15,
};

struct thrift_reader {
    const uint8_t *p, *end;
    bool bad;
};

struct thrift_field {
    uint8_t type;
    int16_t id;
};

struct thrift_reader thrift_reader(struct bytes text);

/* The head of the next field of the struct in which the reader is; its value has to be read, or passed over, next.
 * False: the struct has ended, or it is bad. */
bool thrift_next(struct thrift_reader *r, struct thrift_field *f);

/* The value of a field; 0, or nothing, where it is bad. */
int64_t thrift_int(struct thrift_reader *r, uint8_t type); /* BOOL, BYTE, I16, I32, I64 */
struct bytes thrift_string(struct thrift_reader *r);
/* How many elements of `*type` follow. */
uint32_t thrift_list(struct thrift_reader *r, uint8_t *type);
void thrift_skip(struct thrift_reader *r, uint8_t type);

#endif
