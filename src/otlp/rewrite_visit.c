/* SPDX-License-Identifier: Apache-2.0 */
/* What a message that is visited is in: looked for when it is asked for, once for each resource and scope. */
#include "otlp/rewrite_inside.h"

/* Field 1 of a resource's or scope's container. Where fields are in order there is none behind another. */
static struct bytes read_head(struct buf *merged, struct bytes container, bool ordered)
{
    struct pb_reader r = pb_reader(container);
    struct bytes head = { NULL, 0 };
    unsigned parts = 0;

    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number != OTLP_RESOURCE_GROUP_RESOURCE && ordered)
            break;
        if (f.number != OTLP_RESOURCE_GROUP_RESOURCE || f.wire != PB_LEN)
            continue;
        pb_merge(&head, &parts, f.bytes, merged);
    }
    return head;
}

struct bytes walk_head(struct walk *k, unsigned level)
{
    unsigned i = level - LEVEL_RESOURCE;

    if (!k->found[i])
        k->heads[i] = read_head(&k->w->merged[i], k->containers[i], k->batch->ordered);
    k->found[i] = true;
    return k->heads[i];
}

struct bytes visit_resource(const struct visit *at)
{
    return walk_head(at->walk, LEVEL_RESOURCE);
}

struct bytes visit_scope(const struct visit *at)
{
    return walk_head(at->walk, LEVEL_SCOPE);
}

struct bytes visit_schema_url(const struct visit *at, unsigned level)
{
    struct walk *k = at->walk;
    unsigned i = level - LEVEL_RESOURCE;
    struct pb_reader r = pb_reader(k->containers[i]);

    if (k->schema_found[i])
        return k->schemas[i];
    k->schemas[i] = bytes_of(NULL, 0);
    k->schema_found[i] = true;
    for (struct bytes last; message_next(&r, OTLP_SCOPE_GROUP_SCHEMA_URL, &last);)
        k->schemas[i] = last;
    return k->schemas[i];
}

struct bytes visit_dictionary(const struct visit *at)
{
    return batch_dictionary(at->walk->batch, &at->walk->w->dictionary);
}

uint64_t visit_count(const struct visit *at, unsigned level)
{
    const struct walk *k = at->walk;

    return path_count(level == LEVEL_METRIC ? at->metric : k->containers[level - LEVEL_RESOURCE], level,
                      k->batch->signal);
}
