/* SPDX-License-Identifier: Apache-2.0 */
/* The request's resources are sorted by the text of their attribute, and each run of one text is a request of its
 * own, with what else stood in the request. A resource without that attribute, or with one that has no text, comes
 * first and without a segment. */
#include "exporter/file/file_group.h"

#include "otlp/any_value.h"
#include "otlp/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Its text; no data where it has none that names a file. */
static struct bytes text_of(struct file_groups *g, struct bytes any_value)
{
    struct value v = value_read(any_value);
    char digits[32];
    int n;

    switch (v.type) {
    case VALUE_STRING:
        return v.bytes.data != NULL ? v.bytes : bytes_of("", 0);
    case VALUE_BOOL:
        return bytes_str(v.boolean ? "true" : "false");
    case VALUE_INT:
        n = snprintf(digits, sizeof(digits), "%" PRId64, v.integer);
        return bytes_str(memcpy(arena_alloc_bytes(&g->texts, (size_t)n + 1), digits, (size_t)n + 1));
    default:
        return (struct bytes){ 0 };
    }
}

/* The first attribute of that key counts; no data where there is none. */
static struct bytes segment_of(struct file_groups *g, struct bytes group, struct bytes key)
{
    struct pb_reader parts = pb_reader(group), r;
    struct bytes resource;

    while (message_next(&parts, OTLP_RESOURCE_GROUP_RESOURCE, &resource)) {
        r = pb_reader(resource);
        for (struct attribute a; attribute_next(&r, OTLP_RESOURCE_ATTRIBUTES, &a);)
            if (bytes_equal(a.key, key))
                return text_of(g, a.value);
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

        if (f.number == OTLP_REQUEST_RESOURCES && f.wire == PB_LEN)
            *vec_push(&g->parts) = (struct file_group_part){ segment_of(g, f.bytes, attribute), whole };
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
    arena_free(&g->texts);
}
