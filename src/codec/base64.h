/* SPDX-License-Identifier: Apache-2.0 */
/* base64 (RFC 4648) and hex, as JSON and gRPC's binary metadata carry bytes. */
#ifndef CODEC_BASE64_H
#define CODEC_BASE64_H

#include "base/buf.h"

/* Append the bytes that `text` stands for, in either alphabet, padded or not, as proto3 JSON has it. False: it is not
 * base64, and nothing is appended. Bits that no byte uses are not looked at. */
bool base64_decode(struct bytes text, struct buf *out);

void base64_encode(struct bytes data, bool padded, struct buf *out);

/* The value of a hex digit of either case; -1: it is none. */
static inline int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Two digits of either case for each of the text.len / 2 bytes at `to`. False: not hex, or an odd number of digits. */
bool hex_decode(struct bytes text, uint8_t *to);

/* Lower case. */
void hex_encode(struct bytes data, struct buf *out);

#endif
