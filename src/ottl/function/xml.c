/* SPDX-License-Identifier: Apache-2.0 */
/* ParseXML() and ParseSimplifiedXML(): XML as maps (codec/xml.h). The one keeps all that an element has, under names of
 * its own; the other makes keys of the elements' names and leaves attributes and stray text away. Elements are nested
 * no deeper than OTLP can hold the maps that they become. */
#include "codec/xml.h"
#include "otlp/fields.h"
#include "ottl/function/make.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"

#define MAX_LEVELS 28u /* a message of OTLP may be nested 100 levels; a map takes three */

static struct xml_node *read_document(struct ottl_call *c, size_t *end)
{
    struct bytes text = c->args[0].bytes;
    struct xml_fault fault = { 0, "" };
    struct xml_node *document;

    if (!ottl_spend(c, 1 + text.len / 8))
        return NULL;
    document = xml_read(c->arena, text, end, &fault);
    if (document == NULL)
        ottl_fail(c, "at byte %zu of the XML: %s", fault.at, fault.what);
    return document;
}

static const struct xml_node *next_element(const struct xml_node *n)
{
    while (n != NULL && n->name.len == 0)
        n = n->next;
    return n;
}

/* ---- ParseXML ---- */

/* A pair whose value is a map or list that is being made: two marks, to be ended in turn. */
struct opened {
    size_t pair, value, inner;
};

static struct opened open_pair(struct buf *out, const char *key, unsigned type)
{
    struct opened o = { .pair = pb_begin(out, OTLP_LIST_VALUES) };

    pb_put_bytes(out, OTLP_KEY_VALUE_KEY, bytes_str(key));
    o.value = pb_begin(out, OTLP_KEY_VALUE_VALUE);
    o.inner = pb_begin(out, type);
    return o;
}

static void close_pair(struct buf *out, const struct opened *o)
{
    pb_end(out, o->inner);
    pb_end(out, o->value);
    pb_end(out, o->pair);
}

static void put_content(struct buf *out, const struct xml_node *element)
{
    struct buf text = { 0 };

    for (const struct xml_node *n = element->first; n != NULL; n = n->next)
        if (n->name.len == 0)
            buf_put(&text, bytes_trim(n->text));
    if (text.len > 0)
        ottl_put_text_pair(out, bytes_str("content"), buf_bytes(&text));
    buf_free(&text);
}

static void put_attributes(struct buf *out, const struct xml_node *element)
{
    struct buf map = { 0 };
    struct ottl_value v;

    for (const struct xml_attribute *a = element->attributes; a != NULL; a = a->next)
        ottl_put_text_pair(&map, a->name, a->value);
    if (map.len > 0) {
        attributes_keep_last(&map);
        v = ottl_bytes(OTTL_MAP, buf_bytes(&map));
        ottl_put_pair(out, bytes_str("attributes"), &v);
    }
    buf_free(&map);
}

static bool put_element(struct ottl_call *c, struct buf *out, const struct xml_node *element, unsigned level)
{
    const struct xml_node *child = next_element(element->first);
    struct opened children;

    if (level > MAX_LEVELS / 2)
        return ottl_fail(c, "elements are nested more than %u levels deep", MAX_LEVELS / 2);
    ottl_put_text_pair(out, bytes_str("tag"), element->name);
    put_content(out, element);
    put_attributes(out, element);
    if (child == NULL)
        return true;
    children = open_pair(out, "children", OTLP_ANY_ARRAY);
    for (; child != NULL; child = next_element(child->next)) {
        size_t value = pb_begin(out, OTLP_LIST_VALUES), map = pb_begin(out, OTLP_ANY_MAP);

        if (!put_element(c, out, child, level + 1))
            return false;
        pb_end(out, map);
        pb_end(out, value);
    }
    close_pair(out, &children);
    return true;
}

static bool call_parse(struct ottl_call *c, struct ottl_value *result)
{
    struct xml_node *document;
    struct buf out = { 0 };
    size_t end;

    document = read_document(c, &end);
    if (document == NULL)
        return false;
    if (end != c->args[0].bytes.len)
        return ottl_fail(c, "something stands behind the first element");
    if (put_element(c, &out, next_element(document->first), 1))
        return ottl_give(c, &out, OTTL_MAP, result);
    buf_free(&out);
    return false;
}

/* ---- ParseSimplifiedXML ---- */

/* Of an element without elements in it the first text. */
static struct bytes leaf_of(const struct xml_node *element)
{
    if (next_element(element->first) != NULL || element->first == NULL)
        return bytes_of("", 0);
    return element->first->text;
}

static bool simplify_element(struct ottl_call *c, struct buf *out, struct xml_node *parent, unsigned level);

/* The value of an element; NIL: it has none. */
static bool simplify_one(struct ottl_call *c, struct xml_node *element, unsigned level, struct ottl_value *v)
{
    struct bytes leaf = leaf_of(element);
    struct buf map = { 0 };
    bool good;

    *v = leaf.len > 0 ? ottl_string(leaf) : ottl_nil();
    if (leaf.len > 0)
        return true;
    good = simplify_element(c, &map, element, level + 1);
    if (good && map.len > 0)
        *v = ottl_bytes(OTTL_MAP, ottl_take(c, &map));
    buf_free(&map);
    return good;
}

/* All children of the name of one that is there more than once, as a list. */
static bool simplify_list(struct ottl_call *c, struct buf *out, struct xml_node *first, unsigned level)
{
    struct buf list = { 0 };
    bool good = true, any = false;
    struct ottl_value v;

    for (struct xml_node *n = first; good && n != NULL; n = n->twin) {
        any |= n->first != NULL;
        good = ottl_spend(c, 1) && simplify_one(c, n, level, &v);
        if (good && v.type != OTTL_NIL)
            ottl_put_element(&list, &v);
    }
    if (good && any) {
        v = ottl_bytes(OTTL_LIST, ottl_take(c, &list));
        ottl_put_pair(out, first->name, &v);
    }
    buf_free(&list);
    return good;
}

static bool simplify_element(struct ottl_call *c, struct buf *out, struct xml_node *parent, unsigned level)
{
    struct ottl_value v;
    bool good = true;

    if (level > MAX_LEVELS)
        return ottl_fail(c, "elements are nested more than %u levels deep", MAX_LEVELS);
    xml_link_twins(c->arena, parent);
    for (struct xml_node *n = parent->first; good && n != NULL; n = n->next) {
        if (n->name.len == 0 || n->is_twin)
            continue;
        if (n->twin != NULL) {
            good = simplify_list(c, out, n, level);
            continue;
        }
        good = ottl_spend(c, 1) && simplify_one(c, n, level, &v);
        if (good && v.type != OTTL_NIL)
            ottl_put_pair(out, n->name, &v);
    }
    return good;
}

static bool call_simplified(struct ottl_call *c, struct ottl_value *result)
{
    struct xml_node *document = read_document(c, NULL);
    struct buf out = { 0 };

    if (document != NULL && simplify_element(c, &out, document, 1))
        return ottl_give(c, &out, OTTL_MAP, result);
    buf_free(&out);
    return false;
}

const struct ottl_function ottl_functions_xml[] = {
    CONVERTER(
        "ParseXML", call_parse, "a map", TAKES(ARGUMENT("target", STRING)),
        "The element of an XML text as a map of tag, content, attributes and children, in which text is trimmed."),
    CONVERTER("ParseSimplifiedXML", call_simplified, "a map", TAKES(ARGUMENT("target", STRING)),
              "The elements of an XML text as keys of maps, those of one name as a list; attributes, and text beside "
              "elements, are left away."),
    { 0 },
};
