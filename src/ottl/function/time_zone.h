/* SPDX-License-Identifier: Apache-2.0 */
/* Zones of the system's tz database, read from their TZif files (RFC 8536). */
#ifndef OTTL_FUNCTION_TIME_ZONE_H
#define OTTL_FUNCTION_TIME_ZONE_H

#include "base/bytes.h"
#include "base/error.h"

struct time_zone;

/* "Europe/Berlin", or "UTC"; NULL: err says why. */
struct time_zone *time_zone_new(struct bytes name, struct error *err);
void time_zone_free(struct time_zone *z); /* NULL is fine */

/* Seconds east of UTC at a time in seconds since 1970, or of a clock that shows such a time. */
int32_t time_zone_offset(const struct time_zone *z, int64_t at);
int32_t time_zone_offset_local(const struct time_zone *z, int64_t local);

/* The offset that this zone has called so: "EDT". */
bool time_zone_abbreviation(const struct time_zone *z, struct bytes name, int32_t *offset);

#endif
