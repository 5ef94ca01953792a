/* SPDX-License-Identifier: Apache-2.0 */
/* A question is put to the messages as the routes before have left them: where a statement has changed one, a copy of
 * it is kept until the walk comes to the next, and stands for what is visited. A statement that fails has changed
 * nothing, and its route is not true, or the batch has failed. */
#include "connector/routing/route_asker.h"

#include "otlp/metadata.h"
#include "ottl/client.h"
#include "ottl/visited.h"

#include <string.h>

void route_asker_init(struct route_asker *a, struct node *node)
{
    a->node = node;
    a->evaluation = ottl_evaluation_new();
}

void route_asker_free(struct route_asker *a)
{
    ottl_evaluation_free(a->evaluation);
    buf_free(&a->client);
    buf_free(&a->resource.content);
    buf_free(&a->metric.content);
    buf_free(&a->item.content);
}

void route_asker_begin(struct route_asker *a, const struct batch *batch)
{
    a->batches++;
    a->metadata = batch->metadata;
    a->failed = false;
    error_clear(&a->err);
    ottl_begin_batch(a->evaluation, batch->items);
    ottl_client_write(&a->client, batch->metadata);
}

#define KEPT_MEMORY (256u << 10) /* what one large message took is given back */

void route_asker_end(struct route_asker *a)
{
    struct route_edit *const edits[] = { &a->resource, &a->metric, &a->item };

    a->metadata = NULL;
    for (unsigned i = 0; i < sizeof(edits) / sizeof(*edits); i++) {
        edits[i]->changed = false;
        if (edits[i]->content.cap > KEPT_MEMORY)
            buf_free(&edits[i]->content);
    }
}

void route_asker_enter(struct route_asker *a, unsigned level)
{
    a->item.changed = false;
    if (level == LEVEL_ITEM)
        return;
    a->metric.changed = false;
    if (level == LEVEL_METRIC) {
        a->metrics++;
        return;
    }
    a->resource.changed = false;
    a->resources++;
}

/* ---- questions ---- */

static bool header_matches(const struct route_asker *a, const struct route_question *q)
{
    uint32_t at = 0;
    const struct metadata_entry *e = metadata_find(a->metadata, bytes_str(q->key), &at);

    return e != NULL && bytes_is(e->value, q->value) != q->unequal;
}

static void keep_edit(struct route_edit *edit, struct bytes now)
{
    edit->changed = true;
    edit->content.len = 0;
    buf_put(&edit->content, now);
}

static void keep_edits(struct route_asker *a)
{
    const struct ottl_item *now = ottl_item_now(a->evaluation);
    unsigned changed = ottl_changed(a->evaluation);

    if (changed & OTTL_CHANGED_RESOURCE)
        keep_edit(&a->resource, now->resource);
    if (changed & OTTL_CHANGED_METRIC)
        keep_edit(&a->metric, now->metric);
    if (changed & OTTL_CHANGED_ITEM)
        keep_edit(&a->item, now->item);
}

static bool run_route(struct route_asker *a, struct route *r, const struct ottl_item *item)
{
    bool failed = false, holds;

    ottl_begin(a->evaluation, item, statement_now(a->node));
    if (!r->question.edits) {
        holds = statement_list_test(&r->condition, a->evaluation, &failed, &a->err) != NULL;
    } else {
        failed = !statement_list_run_one(&r->condition, a->evaluation, &holds, &a->err);
        keep_edits(a);
    }
    a->failed |= failed;
    return holds && !failed;
}

/* The number of the message that the route asks about; 0: an item. */
static uint64_t number_of(const struct route_asker *a, const struct route *r)
{
    switch (r->question.context) {
    case OTTL_OTELCOL:
        return a->batches;
    case OTTL_RESOURCE:
        return a->resources;
    case OTTL_METRIC:
        return a->metrics;
    default:
        return 0;
    }
}

static void take_edit(const struct route_edit *edit, struct bytes *message, uint64_t *serial)
{
    if (!edit->changed)
        return;
    *message = buf_bytes(&edit->content);
    *serial = 0;
}

static struct ottl_item item_of(const struct route_asker *a, const struct route *r, const struct visit *at)
{
    enum ottl_context context = r->question.context;
    uint64_t none = 0;
    struct ottl_item item;

    if (context == OTTL_OTELCOL)
        return (struct ottl_item){ .item = buf_bytes(&a->client) };
    if (context == OTTL_RESOURCE)
        item = (struct ottl_item){ .resource = visit_resource(at), .at = at };
    else
        item = context == OTTL_METRIC ? visited_metric(at) : visited_item(at);
    take_edit(&a->resource, &item.resource, &item.in.resource);
    if (context == OTTL_METRIC)
        take_edit(&a->metric, &item.metric, &item.in.metric);
    else if (context != OTTL_RESOURCE)
        take_edit(&a->item, &item.item, &none);
    return item;
}

bool route_asker_ask(struct route_asker *a, struct route *r, const struct visit *at)
{
    uint64_t number = number_of(a, r);
    struct ottl_item item;

    if (number != 0 && r->asked == number)
        return r->holds;
    r->asked = number;
    if (r->question.text == NULL) {
        r->holds = header_matches(a, &r->question);
    } else {
        item = item_of(a, r, at);
        r->holds = run_route(a, r, &item);
    }
    return r->holds;
}

bool route_asker_put(const struct route_asker *a, unsigned level, struct pieces *edit)
{
    const struct route_edit *of = level == LEVEL_RESOURCE ? &a->resource
                                  : level == LEVEL_METRIC ? &a->metric
                                                          : &a->item;

    if (of->changed)
        pieces_add(edit, buf_bytes(&of->content));
    return of->changed;
}
