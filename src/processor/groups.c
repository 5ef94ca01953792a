/* SPDX-License-Identifier: Apache-2.0 */
/* A group's own fields are put into it when it is made, before any item. */
#include "processor/groups.h"

#include "otlp/fields.h"
#include "otlp/view.h"
#include "processor/stream/metric_edit.h"

struct message *groups_resource(struct assembly *a, const struct digest *key, struct bytes resource,
                                struct bytes schema_url)
{
    bool made;
    struct message *m = assembly_find(a, a->root, OTLP_REQUEST_RESOURCES, key, &made);

    if (!made)
        return m;
    assembly_put_field(a, m, OTLP_RESOURCE_GROUP_RESOURCE, assembly_keep(a, resource));
    if (schema_url.len > 0)
        assembly_put_field(a, m, OTLP_RESOURCE_GROUP_SCHEMA_URL, assembly_keep(a, schema_url));
    return m;
}

struct message *groups_scope(struct assembly *a, struct message *resource, const struct digest *key, struct bytes scope,
                             struct bytes schema_url)
{
    bool made;
    struct message *m = assembly_find(a, resource, OTLP_RESOURCE_GROUP_SCOPES, key, &made);

    if (!made)
        return m;
    if (scope.len > 0)
        assembly_put_field(a, m, OTLP_SCOPE_GROUP_SCOPE, assembly_keep(a, scope));
    if (schema_url.len > 0)
        assembly_put_field(a, m, OTLP_SCOPE_GROUP_SCHEMA_URL, assembly_keep(a, schema_url));
    return m;
}

static void make_head(struct assembly *a, struct bytes metric, uint32_t without, struct groups_head *head)
{
    struct buf copy = { 0 };

    metric_edit_copy(&copy, metric, METRIC_DATA_FIELDS | without);
    head->own = assembly_keep(a, buf_bytes(&copy));
    copy.len = 0;
    metric_edit_copy(&copy, metric_view(metric).data, FIELD_BIT(OTLP_DATA_POINTS));
    head->data = assembly_keep(a, buf_bytes(&copy));
    buf_free(&copy);
    head->made = true;
}

struct message *groups_metric(struct assembly *a, struct message *scope, const struct digest *key, struct bytes metric,
                              uint32_t number, uint32_t without, struct groups_head *head)
{
    bool made;
    struct message *m = assembly_find(a, scope, OTLP_SCOPE_GROUP_ITEMS, key, &made), *data;

    if (!made)
        return m->user;
    if (!head->made)
        make_head(a, metric, without, head);
    assembly_put(a, m, head->own);
    data = assembly_add(a, m, number);
    assembly_put(a, data, head->data);
    m->user = data;
    return data;
}
