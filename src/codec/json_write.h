/* SPDX-License-Identifier: Apache-2.0 */
/* JSON written member by member, commas included. Strings of any bytes: what is no UTF-8 becomes U+FFFD, what a
 * terminal or a reader would not see is escaped. */
#ifndef CODEC_JSON_WRITE_H
#define CODEC_JSON_WRITE_H

#include "base/buf.h"
#include "base/bytes.h"

struct json_writer {
    struct buf *out;
    bool more; /* something stands in front, on this level */
};

/* `key`: a constant that needs no escape; NULL in a list, and for the whole. */
void json_begin(struct json_writer *w, const char *key, char bracket); /* '{' or '[' */
void json_end(struct json_writer *w, char bracket);                    /* '}' or ']' */
void json_write_uint(struct json_writer *w, const char *key, uint64_t n);
void json_write_double(struct json_writer *w, const char *key, double x); /* finite */
void json_write_bool(struct json_writer *w, const char *key, bool b);
void json_write_null(struct json_writer *w, const char *key);
void json_write_text(struct json_writer *w, const char *key, struct bytes text);
void json_write_member(struct json_writer *w, struct bytes key, uint64_t n); /* a key of anybody's */

#endif
