/* SPDX-License-Identifier: Apache-2.0 */
/* Valid requests of strangers, edited at random: the first eight bytes decide, the rest is the request. What comes out
 * is valid and has the items that were not dropped. */
#include "base/loop/turn.h"
#include "otlp/attribute_list.h"
#include "otlp/rewrite.h"
#include "otlp/validate.h"

#include <stdlib.h>

struct edits {
    uint64_t salt;
    struct attribute_list list;
};

static enum rewrite_verdict decide(const struct edits *e, struct bytes m, unsigned sort)
{
    uint64_t h = (bytes_hash(m) ^ e->salt) * (2 * sort + 1) * 0x9e3779b97f4a7c15;

    return (enum rewrite_verdict)(h >> 40 & 3);
}

static size_t some_attribute(const struct edits *e, uint64_t choice)
{
    size_t n = e->list.slots.n;

    for (size_t i = 0; i < n; i++)
        if (slot_is_attribute(&e->list.slots.v[(choice + i) % n]))
            return (choice + i) % n;
    return ATTRIBUTE_NONE;
}

static void edit_attributes(struct edits *e, struct bytes m, unsigned number, struct pieces *edit)
{
    static const uint8_t value[] = { 0x0a, 1, 'v' };
    size_t at;

    attribute_list_read(&e->list, m, number);
    if ((e->salt & 1) != 0 && (at = some_attribute(e, e->salt)) != ATTRIBUTE_NONE)
        attribute_list_remove(&e->list, e->list.slots.v[at].key);
    if ((e->salt & 2) != 0 && (at = some_attribute(e, e->salt >> 8)) != ATTRIBUTE_NONE)
        attribute_list_change(&e->list, at, bytes_of(value, sizeof(value)));
    attribute_list_set(&e->list, bytes_str("new"), bytes_of(value, sizeof(value)));
    attribute_list_write(&e->list, edit);
}

/* What it is in is looked at in passing. */
static enum rewrite_verdict visit(struct edits *e, const struct visit *at, unsigned sort, struct pieces *edit)
{
    if ((e->salt & 4) != 0 && visit_resource(at).len + visit_scope(at).len > 1u << 30)
        abort();
    edit_attributes(e, at->message, at->attributes, edit);
    return decide(e, at->message, sort);
}

static enum rewrite_verdict on_resource(void *arg, const struct visit *at, struct pieces *edit)
{
    edit_attributes(arg, at->message, at->attributes, edit);
    return decide(arg, at->message, 1);
}

static enum rewrite_verdict on_scope(void *arg, const struct visit *at, struct pieces *edit)
{
    return visit(arg, at, 2, edit);
}

static enum rewrite_verdict on_metric(void *arg, const struct visit *at, struct pieces *edit)
{
    return visit(arg, at, 3, edit);
}

static enum rewrite_verdict on_item(void *arg, const struct visit *at, struct pieces *edit)
{
    return visit(arg, at, 4, edit);
}

static enum rewrite_verdict on_below(void *arg, const struct visit *at, struct pieces *edit)
{
    return visit(arg, at, 5, edit);
}

static void check(const struct batch *made, const struct batch *b, uint64_t dropped)
{
    uint64_t items = 0;

    for (uint32_t i = 0; i < made->n_segments; i++) {
        struct validation v;

        if (!otlp_validate(made->signal, bytes_of(made->segments[i].data, made->segments[i].len), &v) ||
            (made->ordered && !v.ordered))
            abort();
        items += v.items;
    }
    if (items != b->items - dropped || made->items != items)
        abort();
}

static void rewrite(enum signal signal, struct bytes request, const struct validation *v, uint64_t salt)
{
    struct edits e = { .salt = salt };
    struct rewrite_visitor all = {
        .resource = on_resource, .scope = on_scope, .metric = on_metric, .item = on_item, .below = on_below, .arg = &e
    };
    struct rewriter w = { .edit = { .n = 0 } };
    struct block *block;
    struct budget budget;
    struct turn turn;
    struct batch *b, *made;
    uint64_t dropped;

    turn_init(&turn);
    budget_init(&budget, UINT64_MAX, &turn);
    block = block_force(&budget, request.len);
    if (request.len > 0)
        memcpy(block->data, request.data, request.len);
    b = batch_new(signal, block, bytes_of(block->data, request.len), v->items, 1);
    b->ordered = v->ordered;
    made = rewrite_batch(&w, b, &all, &budget, &dropped);
    if (made != NULL) {
        check(made, b, dropped);
        batch_unref(made);
    } else if (dropped != v->items) {
        abort();
    }
    batch_unref(b);
    attribute_list_free(&e.list);
    rewriter_free(&w);
    if (budget.used != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t salt;

    if (size < 8)
        return 0;
    memcpy(&salt, data, 8);
    for (enum signal s = SIGNAL_TRACES; s <= SIGNAL_LOGS; s++) {
        struct bytes request = bytes_of(data + 8, size - 8);
        struct validation v;

        if (otlp_validate(s, request, &v))
            rewrite(s, request, &v, salt);
    }
    return 0;
}
