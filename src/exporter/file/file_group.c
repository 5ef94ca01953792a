/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/file/file_group.h"

#include "codec/pb.h"

#include <stdlib.h>

/* The same numbers in every signal (the OTLP specification). */
enum {
    REQUEST_RESOURCE = 1,
    RESOURCE_ENTRY_RESOURCE = 1,
    RESOURCE_ATTRIBUTES = 1,
    KEY_VALUE_KEY = 1,
    KEY_VALUE_VALUE = 2,
    ANY_VALUE_STRING = 1,
};

/* False: the attribute has another key. `value` is the text of a string, data NULL for any other type. */
static bool read_attribute(struct bytes wire, struct bytes key, struct bytes *value)
{
    struct pb_reader r = pb_reader(wire);
    struct bytes any = { 0 };
    struct pb_field f;
    bool found = key.len == 0;

    while (pb_next(&r, &f)) {
        if (f.number == KEY_VALUE_KEY && f.wire == PB_LEN)
            found = bytes_equal(f.bytes, key);
        else if (f.number == KEY_VALUE_VALUE && f.wire == PB_LEN)
            any = f.bytes;
    }
    *value = (struct bytes){ 0 };
    for (r = pb_reader(any); pb_next(&r, &f);) {
        *value = (struct bytes){ 0 };
        if (f.number == ANY_VALUE_STRING && f.wire == PB_LEN)
            *value = f.bytes.data != NULL ? f.bytes : bytes_of("", 0);
    }
    return found;
}

/* The first attribute of that key counts. */
static struct bytes segment_of(struct bytes entry, struct bytes key)
{
    struct pb_reader outer = pb_reader(entry), inner;
    struct bytes value = { 0 };
    struct pb_field f;

    while (pb_next(&outer, &f)) {
        if (f.number != RESOURCE_ENTRY_RESOURCE || f.wire != PB_LEN)
            continue;
        for (inner = pb_reader(f.bytes); pb_next(&inner, &f);)
            if (f.number == RESOURCE_ATTRIBUTES && f.wire == PB_LEN && read_attribute(f.bytes, key, &value))
                return value;
    }
    return (struct bytes){ 0 };
}

static int by_segment(const void *pa, const void *pb)
{
    const struct file_group_part *a = pa, *b = pb;
    int order = (a->segment.data != NULL) - (b->segment.data != NULL);

    if (order == 0)
        order = bytes_compare(a->segment, b->segment);
    if (order == 0)
        order = a->field.data < b->field.data ? -1 : 1;
    return order;
}

void file_groups_init(struct file_groups *g, struct bytes wire, struct bytes attribute)
{
    struct pb_reader r = pb_reader(wire);
    struct pb_field f;

    *g = (struct file_groups){ 0 };
    while (pb_next(&r, &f)) {
        struct bytes whole = bytes_of(f.start, (size_t)(r.p - f.start));

        if (f.number == REQUEST_RESOURCE && f.wire == PB_LEN)
            *vec_push(&g->parts) = (struct file_group_part){ segment_of(f.bytes, attribute), whole };
        else
            buf_put(&g->rest, whole);
    }
    if (g->parts.n > 1)
        qsort(g->parts.v, g->parts.n, sizeof(*g->parts.v), by_segment);
}

static bool same_segment(struct bytes a, struct bytes b)
{
    return a.data == NULL || b.data == NULL ? a.data == b.data : bytes_equal(a, b);
}

bool file_groups_next(struct file_groups *g, struct bytes *segment, struct bytes *request)
{
    if (g->at == g->parts.n)
        return false;
    *segment = g->parts.v[g->at].segment;
    g->request.len = 0;
    do {
        buf_put(&g->request, g->parts.v[g->at].field);
        g->at++;
    } while (g->at < g->parts.n && same_segment(g->parts.v[g->at].segment, *segment));
    buf_put(&g->request, buf_bytes(&g->rest));
    *request = buf_bytes(&g->request);
    return true;
}

void file_groups_free(struct file_groups *g)
{
    vec_free(&g->parts);
    buf_free(&g->rest);
    buf_free(&g->request);
}
