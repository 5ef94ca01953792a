/* SPDX-License-Identifier: Apache-2.0 */
/* The Go collector's hash of a map of attributes (its pdatautil.MapHash), for who must come to the same as it does.
 * Pure logic. */
#ifndef EXPORTER_MAP_HASH_H
#define EXPORTER_MAP_HASH_H

#include "base/bytes.h"

#define MAP_HASH_SIZE 16

/* Of the KeyValues in field `number` of `message`; zeroes where there are none. */
void map_hash(struct bytes message, uint32_t number, uint8_t hash[MAP_HASH_SIZE]);

#endif
