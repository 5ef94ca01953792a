/* SPDX-License-Identifier: Apache-2.0 */
/* Trees of XML that are changed and written. Elements are nested no deeper than what was read, and what was put into it
 * by one change, so writing may recurse. */
#include "codec/xml.h"

#include <stdlib.h>

/* ---- changes ---- */

void xml_append(struct xml_node *parent, struct xml_node *child)
{
    child->parent = parent;
    child->next = NULL;
    child->previous = parent->last;
    if (parent->last != NULL)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
}

void xml_remove(struct xml_node *child)
{
    struct xml_node *parent = child->parent;

    if (parent == NULL)
        return;
    if (child->previous != NULL)
        child->previous->next = child->next;
    else
        parent->first = child->next;
    if (child->next != NULL)
        child->next->previous = child->previous;
    else
        parent->last = child->previous;
    child->parent = child->next = child->previous = NULL;
}

struct xml_node *xml_copy(struct arena *a, const struct xml_node *n)
{
    struct xml_node *copy = arena_zalloc(a, sizeof(*copy));
    struct xml_attribute **last = &copy->attributes;

    *copy = (struct xml_node){ .kind = n->kind, .prefix = n->prefix, .name = n->name, .text = n->text };
    for (const struct xml_attribute *x = n->attributes; x != NULL; x = x->next) {
        *last = arena_zalloc(a, sizeof(**last));
        **last = *x;
        last = &(*last)->next;
    }
    *last = NULL;
    for (const struct xml_node *child = n->first; child != NULL; child = child->next)
        xml_append(copy, xml_copy(a, child));
    return copy;
}

struct xml_node *xml_next(const struct xml_node *n, const struct xml_node *top)
{
    if (n->first != NULL)
        return n->first;
    while (n != top && n->next == NULL)
        n = n->parent;
    return n != top ? n->next : NULL;
}

struct named {
    struct xml_node *node;
    size_t at;
};

static int compare_named(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int order = bytes_compare(x->node->name, y->node->name);

    return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

void xml_link_twins(struct arena *a, struct xml_node *parent)
{
    struct named *all;
    size_t n = 0;

    for (const struct xml_node *c = parent->first; c != NULL; c = c->next)
        n += c->name.len > 0;
    all = arena_alloc(a, (n + 1) * sizeof(*all));
    n = 0;
    for (struct xml_node *c = parent->first; c != NULL; c = c->next)
        if (c->name.len > 0) {
            all[n] = (struct named){ c, n };
            n++;
        }
    if (n > 1)
        qsort(all, n, sizeof(*all), compare_named);
    for (size_t i = 1; i < n; i++)
        if (bytes_equal(all[i - 1].node->name, all[i].node->name)) {
            all[i - 1].node->twin = all[i].node;
            all[i].node->is_twin = true;
        }
}

/* ---- writing ---- */

static const char *find_entity(uint8_t c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;"; /* the name is not of HTML 4 */
    default:
        return NULL;
    }
}

void xml_put_text(struct buf *out, struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        const char *entity = find_entity(c);

        if (entity != NULL)
            buf_puts(out, entity);
        else if (c >= ' ' || c == '\n' || c == '\t')
            buf_putc(out, (char)c);
    }
}

void xml_put_escaped(struct buf *out, struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        const char *entity = c == '"' ? "&#34;" : find_entity(c);

        if (entity != NULL)
            buf_puts(out, entity);
        else
            buf_putc(out, (char)c);
    }
}

static void put_name(struct buf *out, struct bytes prefix, struct bytes name)
{
    if (prefix.len > 0) {
        buf_put(out, prefix);
        buf_putc(out, ':');
    }
    buf_put(out, name);
}

static void put_between(struct buf *out, const char *before, struct bytes text, const char *behind)
{
    buf_puts(out, before);
    buf_put(out, text);
    buf_puts(out, behind);
}

static void put_children(struct buf *out, const struct xml_node *n)
{
    for (const struct xml_node *child = n->first; child != NULL; child = child->next)
        xml_put_node(out, child);
}

static void put_element(struct buf *out, const struct xml_node *n)
{
    buf_putc(out, '<');
    put_name(out, n->prefix, n->name);
    for (const struct xml_attribute *a = n->attributes; a != NULL; a = a->next) {
        buf_putc(out, ' ');
        put_name(out, a->prefix, a->name);
        buf_puts(out, "=\"");
        xml_put_escaped(out, a->value);
        buf_putc(out, '"');
    }
    buf_putc(out, '>');
    put_children(out, n);
    buf_puts(out, "</");
    put_name(out, n->prefix, n->name);
    buf_putc(out, '>');
}

void xml_put_node(struct buf *out, const struct xml_node *n)
{
    switch (n->kind) {
    case XML_ELEMENT:
        put_element(out, n);
        break;
    case XML_TEXT:
        xml_put_escaped(out, n->text);
        break;
    case XML_CDATA:
        put_between(out, "<![CDATA[", n->text, "]]>");
        break;
    case XML_COMMENT:
        put_between(out, "<!--", n->text, "-->");
        break;
    case XML_INSTRUCTION:
        put_between(out, "<?", n->text, "?>");
        break;
    default:
        put_children(out, n);
        break;
    }
}
