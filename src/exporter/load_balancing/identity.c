/* SPDX-License-Identifier: Apache-2.0 */
/* The hashes of sets of attributes (exporter/map_hash.h) go into the FNV-1a of what has them, beside names, units and
 * kinds. */
#include "exporter/load_balancing/identity.h"

#include "exporter/map_hash.h"
#include "otlp/view.h"

#include <inttypes.h>

/* Without attributes 16 zero bytes. */
static uint64_t add_attributes(uint64_t hash, struct bytes message, uint32_t number)
{
    uint8_t sum[MAP_HASH_SIZE];

    map_hash(message, number, sum);
    return bytes_fnv1a(hash, bytes_of(sum, sizeof(sum)));
}

uint64_t identity_resource(struct bytes resource)
{
    return add_attributes(BYTES_FNV1A, resource, OTLP_RESOURCE_ATTRIBUTES);
}

uint64_t identity_scope(uint64_t resource, struct bytes scope)
{
    struct scope_view v = scope_view(scope);

    return add_attributes(bytes_fnv1a(bytes_fnv1a(resource, v.name), v.version), scope, OTLP_SCOPE_ATTRIBUTES);
}

uint64_t identity_metric(uint64_t scope, struct bytes metric, uint32_t data)
{
    struct metric_view m = metric_view(metric);
    struct data_view d = data_view(m.data);
    bool summed = data == OTLP_METRIC_SUM;
    bool histogram = data == OTLP_METRIC_HISTOGRAM || data == OTLP_METRIC_EXPONENTIAL;
    uint8_t kind[3] = { 0 };

    kind[0] = data == OTLP_METRIC_GAUGE         ? 1
              : data == OTLP_METRIC_SUM         ? 2
              : data == OTLP_METRIC_HISTOGRAM   ? 3
              : data == OTLP_METRIC_EXPONENTIAL ? 4
                                                : 5;
    kind[1] = histogram || (summed && d.monotonic != 0);
    kind[2] = summed || histogram ? (uint8_t)d.temporality : 0;
    return bytes_fnv1a(bytes_fnv1a(bytes_fnv1a(scope, m.name), m.unit), bytes_of(kind, sizeof(kind)));
}

uint64_t identity_stream(uint64_t metric, struct bytes point, uint32_t data)
{
    return add_attributes(metric, point, identity_point_attributes(data));
}

void identity_put(struct buf *out, const char *kind, uint64_t identity)
{
    buf_printf(out, "%s/%" PRIx64, kind, identity);
}

uint32_t identity_point_attributes(uint32_t data)
{
    return data == OTLP_METRIC_HISTOGRAM     ? OTLP_HISTOGRAM_ATTRIBUTES
           : data == OTLP_METRIC_EXPONENTIAL ? OTLP_EXPONENTIAL_ATTRIBUTES
           : data == OTLP_METRIC_SUMMARY     ? OTLP_SUMMARY_ATTRIBUTES
                                             : OTLP_NUMBER_ATTRIBUTES;
}
