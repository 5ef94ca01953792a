/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli): of snappy's frames and of records on disk. By the processor's instruction where it has one. */
#ifndef CODEC_CRC32C_H
#define CODEC_CRC32C_H

#include "base/bytes.h"

/* Goes on from `crc`, which is 0 at the beginning: crc32c(crc32c(0, a), b) is that of a and b together. */
uint32_t crc32c(uint32_t crc, struct bytes data);

/* The same by table, on any processor. */
uint32_t crc32c_portable(uint32_t crc, struct bytes data);

#endif
