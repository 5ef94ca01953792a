/* SPDX-License-Identifier: Apache-2.0 */
/* The object at the top is walked here, so that each item of a list becomes a tree in memory of its own. A line of a
 * watch is looked through first, for its type may stand behind its object.
 *
 * Half an answer has what is in front of the cut; the listing is not over then, and nothing is missed yet. Small texts
 * may ask for much memory (each number of a list is a node), so what a page keeps is bounded. */
#include "kube/kube_answer.h"

#include <stdlib.h>
#include <uv.h>

static const struct json_tree_rules small = { .max_nodes = 1000, .max_depth = 8 };

static bool copy_text(struct bytes text, char out[KUBE_MAX_TEXT])
{
    if (text.len >= KUBE_MAX_TEXT || (text.len > 0 && memchr(text.data, '\0', text.len) != NULL))
        return false;
    if (text.len > 0)
        memcpy(out, text.data, text.len);
    out[text.len] = '\0';
    return true;
}

/* ---- the object at the top ---- */

/* At its first member, or the next one: `key` is its name. False: there is none, or a fault (s->fault). */
static bool next_member(struct json_scan *s, bool first, struct bytes *key)
{
    if (first && !json_expect(s, '{', "an object"))
        return false;
    if (json_peek(s) == '}') {
        s->p++;
        if (!json_is_over(s))
            s->fault = "nothing behind the object";
        return false;
    }
    if (!first && !json_expect(s, ',', "a comma"))
        return false;
    if (json_peek(s) != '"') {
        s->fault = "a member's name";
        return false;
    }
    return json_string(s, key) && json_expect(s, ':', "a colon");
}

static void tell_fault(const struct json_scan *s, struct bytes text, struct error *err)
{
    error_set(err, UV_EINVAL, "the answer is no JSON at byte %zu: expected %s", (size_t)(s->p - text.data), s->fault);
}

/* ---- a page ---- */

static bool read_item(struct json_scan *s, const struct json_tree_rules *rules, struct kube_page *page,
                      struct error *err)
{
    uint64_t most = page->most > 0 ? page->most : KUBE_PAGE_MOST;
    struct kube_item item = { 0 };

    item.root = json_tree_read(s, &item.memory, rules);
    page->size += item.memory.total + sizeof(item);
    if (item.root != NULL && page->size <= most) {
        *vec_push(&page->items) = item;
        return true;
    }
    if (item.root != NULL)
        error_set(err, UV_EMSGSIZE,
                  most < KUBE_PAGE_MOST
                      ? "no room in the memory budget: the objects of a page take more than the %u KiB "
                        "that they may"
                      : "the objects of a page take more than %u KiB",
                  (unsigned)(most >> 10));
    page->size -= item.memory.total + sizeof(item);
    arena_free(&item.memory);
    return false;
}

static bool read_items(struct json_scan *s, const struct json_tree_rules *rules, struct kube_page *page,
                       struct error *err)
{
    bool first = true;

    if (json_peek(s) == 'n')
        return json_literal(s, "null");
    if (!json_expect(s, '[', "a list of objects"))
        return false;
    while (json_peek(s) != ']') {
        if ((!first && !json_expect(s, ',', "a comma")) || !read_item(s, rules, page, err))
            return false;
        first = false;
    }
    s->p++;
    return true;
}

static bool read_metadata(struct json_scan *s, struct kube_page *page)
{
    struct arena a = { 0 };
    const struct json_node *n = json_tree_read(s, &a, &small);

    if (n != NULL) {
        struct bytes next = json_text_at(n, "continue");

        if (!copy_text(json_text_at(n, "resourceVersion"), page->version))
            page->version[0] = '\0';
        page->next.len = 0;
        buf_put(&page->next, next);
    }
    arena_free(&a);
    return n != NULL;
}

bool kube_page_read(struct bytes text, const struct json_tree_rules *rules, struct kube_page *page, struct error *err)
{
    struct json_scan s = { .p = text.data, .end = bytes_end(text) };
    bool good = true, first = true, listed = false;
    struct bytes key;

    error_clear(err);
    while (good && next_member(&s, first, &key)) {
        first = false;
        if (bytes_is(key, "items")) {
            listed = true;
            good = read_items(&s, rules, page, err);
        } else {
            good = bytes_is(key, "metadata") ? read_metadata(&s, page) : json_skip(&s);
        }
    }
    good = good && s.fault == NULL;
    if (!good && err->code == 0)
        tell_fault(&s, text, err);
    if (good && !listed)
        error_set(err, UV_EINVAL, "the answer is no list: it has no items");
    buf_free(&s.scratch);
    return err->code == 0;
}

bool kube_page_take(struct kube_page *page, struct kube_store *store, struct error *err)
{
    struct kube_item *item;
    enum kube_put put;

    error_clear(err);
    if (page->taken == page->items.n)
        return false;
    item = &page->items.v[page->taken++];
    page->size -= item->memory.total + sizeof(*item);
    put = kube_store_put(store, item->root, &item->memory, err);
    page->changed |= put == KUBE_CHANGED;
    return put != KUBE_REFUSED;
}

void kube_page_free(struct kube_page *page)
{
    for (size_t i = page->taken; i < page->items.n; i++)
        arena_free(&page->items.v[i].memory);
    vec_free(&page->items);
    buf_free(&page->next);
    *page = (struct kube_page){ 0 };
}

/* ---- an event ---- */

static bool read_type(struct json_scan *s, enum kube_event_type *out)
{
    struct bytes type;

    if (json_peek(s) != '"') {
        s->fault = "the event's type";
        return false;
    }
    if (!json_string(s, &type))
        return false;
    *out = bytes_is(type, "ADDED") || bytes_is(type, "MODIFIED") ? EVENT_PUT
           : bytes_is(type, "DELETED")                           ? EVENT_DELETED
           : bytes_is(type, "BOOKMARK")                          ? EVENT_BOOKMARK
           : bytes_is(type, "ERROR")                             ? EVENT_ERROR
                                                                 : EVENT_OTHER;
    return true;
}

static bool split_event(struct bytes line, enum kube_event_type *type, struct bytes *object, struct error *err)
{
    struct json_scan s = { .p = line.data, .end = bytes_end(line) };
    bool good = true, first = true;
    struct bytes key;

    while (good && next_member(&s, first, &key)) {
        first = false;
        if (bytes_is(key, "type")) {
            good = read_type(&s, type);
        } else if (bytes_is(key, "object")) {
            const uint8_t *start = (json_space(&s), s.p);

            good = json_skip(&s);
            *object = bytes_of(start, (size_t)(s.p - start));
        } else {
            good = json_skip(&s);
        }
    }
    good = good && s.fault == NULL;
    if (!good)
        tell_fault(&s, line, err);
    else if (object->len == 0)
        error_set(err, UV_EINVAL, "an event has no object");
    buf_free(&s.scratch);
    return err->code == 0;
}

static void read_error(struct bytes object, struct kube_event *e, struct error *err)
{
    struct arena a = { 0 };
    struct error ignored;
    struct bytes code = json_text_at(json_tree_parse(object, &a, &small, &ignored), "code");
    char why[200];

    kube_status_read(object, why, sizeof(why));
    e->code = code.len > 0 && code.len < 6 ? atoi((const char *)code.data) : 0;
    if (e->code <= 0)
        e->code = 500;
    error_set(err, 0, "the watch ended with status %d: %s", e->code, why);
    arena_free(&a);
}

bool kube_event_read(struct bytes line, const struct json_tree_rules *rules, struct kube_event *e, struct error *err)
{
    struct bytes object = { 0 };

    *e = (struct kube_event){ 0 };
    error_clear(err);
    if (!split_event(line, &e->type, &object, err))
        return false;
    if (e->type == EVENT_ERROR) {
        read_error(object, e, err);
        return true;
    }
    e->item.root = json_tree_parse(object, &e->item.memory, rules, err);
    if (rules->max_memory > 0 && e->item.memory.total > rules->max_memory)
        error_set(err, UV_EMSGSIZE,
                  "no room in the memory budget: the object of an event takes more than the %u KiB that it may",
                  (unsigned)(rules->max_memory >> 10));
    if (e->item.root != NULL && !copy_text(json_text_at(e->item.root, "metadata.resourceVersion"), e->version))
        error_set(err, UV_EINVAL, "an object's resourceVersion is too long");
    if (err->code != 0)
        kube_event_free(e);
    return err->code == 0;
}

bool kube_event_take(struct kube_event *e, struct kube_store *store, struct error *err)
{
    error_clear(err);
    if (e->type == EVENT_PUT) {
        enum kube_put put = kube_store_put(store, e->item.root, &e->item.memory, err);

        e->changed = put == KUBE_CHANGED;
        return put != KUBE_REFUSED;
    }
    e->changed = e->type == EVENT_DELETED && kube_store_remove(store, e->item.root);
    kube_event_free(e);
    return true;
}

void kube_event_free(struct kube_event *e)
{
    arena_free(&e->item.memory);
}

void kube_status_read(struct bytes text, char *out, size_t cap)
{
    struct arena a = { 0 };
    struct error ignored;
    struct bytes message = json_text_at(json_tree_parse(text, &a, &small, &ignored), "message");
    size_t n = message.len < cap ? message.len : cap - 1;

    for (size_t i = 0; i < n; i++)
        out[i] = (char)(message.data[i] < ' ' || message.data[i] == 0x7f ? ' ' : message.data[i]);
    out[n] = '\0';
    arena_free(&a);
}
