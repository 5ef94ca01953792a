/* SPDX-License-Identifier: Apache-2.0 */
/* Each endpoint has 200 points: the CRC-32 of its text and a number of four bytes, modulo the positions. The points are
 * placed in order; where one stands already, the next of ten positions is tried. A key belongs to the first point at
 * its own position or behind it. All positions are written down with their owners, so that looking up is one step. */
#include "exporter/load_balancing/ring.h"

#include "base/buf.h"
#include "base/mem.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#define PROBES 10u

struct point {
    uint32_t position, crc;
    const char *endpoint;
    uint16_t owner;
};

static uint32_t crc_of(struct bytes b)
{
    return libdeflate_crc32(0, b.data, b.len);
}

static int compare_points(const void *a, const void *b)
{
    const struct point *p = a, *q = b;

    if (p->position != q->position)
        return p->position < q->position ? -1 : 1;
    if (p->crc != q->crc)
        return p->crc < q->crc ? -1 : 1;
    return strcmp(p->endpoint, q->endpoint);
}

static void make_points(struct point *points, const char *endpoint, uint16_t owner)
{
    struct buf text = { 0 };

    for (uint32_t i = 0; i < RING_POINTS; i++) {
        const uint8_t number[] = { (uint8_t)i, (uint8_t)(i >> 8), (uint8_t)(i >> 16), (uint8_t)(i >> 24) };
        uint32_t crc;

        text.len = 0;
        buf_puts(&text, endpoint);
        buf_append(&text, number, sizeof(number));
        crc = crc_of(buf_bytes(&text));
        points[i] = (struct point){ crc % RING_POSITIONS, crc, endpoint, owner };
    }
    buf_free(&text);
}

static void place_point(uint16_t *owners, const struct point *p)
{
    for (uint32_t i = 0; i < PROBES; i++) {
        uint16_t *owner = &owners[(p->position + i) % RING_POSITIONS];

        if (*owner == RING_NONE) {
            *owner = p->owner;
            return;
        }
    }
}

/* What has no point belongs to the next one. */
static void fill_positions(uint16_t *owners)
{
    uint16_t next = RING_NONE;

    for (size_t i = 0; i < RING_POSITIONS && next == RING_NONE; i++)
        next = owners[i];
    for (size_t i = RING_POSITIONS; i-- > 0;) {
        if (owners[i] == RING_NONE)
            owners[i] = next;
        next = owners[i];
    }
}

void ring_make(struct ring *r, const char *const *endpoints, size_t n)
{
    struct point *points;

    ring_free(r);
    if (n == 0)
        return;
    points = mem_alloc(n * RING_POINTS * sizeof(*points));
    for (size_t i = 0; i < n; i++)
        make_points(points + i * RING_POINTS, endpoints[i], (uint16_t)i);
    qsort(points, n * RING_POINTS, sizeof(*points), compare_points);
    r->owners = mem_alloc(RING_POSITIONS * sizeof(*r->owners));
    memset(r->owners, 0xff, RING_POSITIONS * sizeof(*r->owners));
    for (size_t i = 0; i < n * RING_POINTS; i++)
        place_point(r->owners, &points[i]);
    free(points);
    fill_positions(r->owners);
}

void ring_free(struct ring *r)
{
    free(r->owners);
    r->owners = NULL;
}

uint16_t ring_find(const struct ring *r, struct bytes key)
{
    return r->owners != NULL ? r->owners[crc_of(key) % RING_POSITIONS] : RING_NONE;
}
