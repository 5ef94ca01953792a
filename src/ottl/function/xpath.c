/* SPDX-License-Identifier: Apache-2.0 */
/* GetXML() and the others that select in an XML text by XPath (codec/xpath/xpath.h) and give a text again. The text is
 * read into a tree, which is changed and written anew: what is not selected stays, but for how empty elements, quotes
 * and references are written. Text in front of the first element goes, and so does a DOCTYPE. */
#include "codec/xpath/xpath.h"
#include "ottl/function/make.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"

static bool prepare_path(struct ottl_prepare *p)
{
    struct xpath_fault fault;

    if (!ottl_known(p, 1))
        return true;
    p->state = xpath_new(p->args[1].bytes, &fault);
    return p->state != NULL || ottl_refuse(p, 1, "at byte %zu of the XPath: %s", fault.at, fault.text);
}

static void release_path(void *state)
{
    xpath_free(state);
}

static bool spend_steps(void *arg, uint64_t steps)
{
    return ottl_spend(arg, steps);
}

static struct xml_node *read_xml(struct ottl_call *c, struct bytes text)
{
    struct xml_fault fault = { 0, "" };
    struct xml_node *document;

    if (!ottl_spend(c, 1 + text.len / 8))
        return NULL;
    document = xml_read_all(c->arena, text, &fault);
    if (document == NULL) {
        ottl_fail(c, "at byte %zu of the XML: %s", fault.at, fault.what);
        return NULL;
    }
    if (document->first->kind == XML_TEXT)
        xml_remove(document->first);
    return document;
}

/* By the path, or where it was not given by `otherwise`. */
static bool select_nodes(struct ottl_call *c, struct xml_node *document, const char *otherwise,
                         struct xpath_nodes *found)
{
    const struct xpath_run run = { c->arena, spend_steps, c };
    struct xpath_fault fault;
    struct xpath *x = c->state != NULL ? c->state : xpath_new(bytes_str(otherwise), &fault);
    bool good = xpath_select(x, &run, document, found);

    if (x != c->state)
        xpath_free(x);
    return good;
}

static bool give_xml(struct ottl_call *c, const struct xml_node *document, struct ottl_value *result)
{
    struct buf out = { 0 };

    xml_put_node(&out, document);
    return ottl_give(c, &out, OTTL_STRING, result);
}

/* ---- GetXML ---- */

static bool call_get(struct ottl_call *c, struct ottl_value *result)
{
    struct xpath_nodes found = { 0 };
    struct xml_node *document;
    struct buf out = { 0 };

    *result = ottl_string(bytes_of("", 0));
    if (c->args[0].bytes.len == 0)
        return true;
    document = read_xml(c, c->args[0].bytes);
    if (document == NULL || !select_nodes(c, document, "", &found))
        return false;
    for (size_t i = 0; i < found.n; i++) {
        const struct xml_node *n = found.v[i].node;
        size_t before = out.len;

        if (found.v[i].attribute != NULL)
            xml_put_escaped(&out, found.v[i].attribute->value);
        else if (n->kind == XML_TEXT || n->kind == XML_CDATA)
            xml_put_escaped(&out, n->text);
        else if (n->kind == XML_ELEMENT)
            xml_put_node(&out, n);
        if (!ottl_spend(c, (out.len - before) / 16)) {
            buf_free(&out);
            return false;
        }
    }
    return ottl_give(c, &out, OTTL_STRING, result);
}

/* ---- RemoveXML ---- */

/* Attributes are removed in the order of the document: the next one of an element stands behind the last. */
struct removal {
    const struct xml_node *element;
    struct xml_attribute **at;
};

static void remove_attribute(struct removal *r, struct xml_node *element, const struct xml_attribute *gone)
{
    if (r->at == NULL || r->element != element)
        *r = (struct removal){ element, &element->attributes };
    while (*r->at != NULL && *r->at != gone)
        r->at = &(*r->at)->next;
    if (*r->at != NULL)
        *r->at = gone->next;
}

static bool call_remove(struct ottl_call *c, struct ottl_value *result)
{
    struct xpath_nodes found = { 0 };
    struct removal removal = { 0 };
    struct xml_node *document;
    bool backwards;

    *result = ottl_string(bytes_of("", 0));
    if (c->args[0].bytes.len == 0)
        return true;
    document = read_xml(c, c->args[0].bytes);
    if (document == NULL || !select_nodes(c, document, "", &found))
        return false;
    backwards = found.n > 1 && xpath_order(found.v[0]) > xpath_order(found.v[1]);
    for (size_t i = 0; i < found.n; i++) {
        struct xpath_node gone = found.v[backwards ? found.n - 1 - i : i];

        if (gone.attribute != NULL)
            remove_attribute(&removal, gone.node, gone.attribute);
        else
            xml_remove(gone.node);
    }
    return give_xml(c, document, result);
}

/* ---- InsertXML ---- */

/* What is in `from` into all that was selected. Copies of a long one into many are paid for before they are made. */
static bool insert_all(struct ottl_call *c, const struct xpath_nodes *to, const struct xml_node *from, size_t len)
{
    for (size_t i = 0; i < to->n; i++) {
        struct xml_node *n = to->v[i].node;

        if (to->v[i].attribute != NULL || (n->kind != XML_ELEMENT && n->kind != XML_DOCUMENT))
            return ottl_fail(c, "the path selects what is no element, and nothing can be put into that");
        if (!ottl_spend(c, 1 + len / 4))
            return false;
        for (const struct xml_node *child = from->first; child != NULL; child = child->next)
            xml_append(n, xml_copy(c->arena, child));
    }
    return true;
}

static bool call_insert(struct ottl_call *c, struct ottl_value *result)
{
    struct xml_node *document = read_xml(c, c->args[0].bytes), *more;
    struct xpath_nodes found = { 0 };

    if (document == NULL)
        return false;
    more = read_xml(c, c->args[2].bytes);
    if (more == NULL || !select_nodes(c, document, "", &found) || !insert_all(c, &found, more, c->args[2].bytes.len))
        return false;
    return give_xml(c, document, result);
}

/* ---- ConvertAttributesToElementsXML, ConvertTextToElementsXML ---- */

static struct xml_node *make_element(struct ottl_call *c, struct bytes prefix, struct bytes name, struct bytes text)
{
    struct xml_node *element = arena_zalloc(c->arena, sizeof(*element));
    struct xml_node *inner = arena_zalloc(c->arena, sizeof(*inner));

    *element = (struct xml_node){ .kind = XML_ELEMENT, .prefix = prefix, .name = name };
    *inner = (struct xml_node){ .kind = XML_TEXT, .text = text };
    xml_append(element, inner);
    return element;
}

static bool call_convert_attributes(struct ottl_call *c, struct ottl_value *result)
{
    struct xml_node *document = read_xml(c, c->args[0].bytes);
    struct xpath_nodes found = { 0 };
    struct removal removal = { 0 };

    if (document == NULL || !select_nodes(c, document, "//@*", &found))
        return false;
    for (size_t i = 0; i < found.n; i++) {
        const struct xml_attribute *a = found.v[i].attribute;
        struct xml_node *element = found.v[i].node;

        if (a == NULL || bytes_is(a->prefix, "xmlns") || (a->prefix.len == 0 && bytes_is(a->name, "xmlns")))
            continue;
        xml_append(element, make_element(c, a->prefix, a->name, a->value));
        remove_attribute(&removal, element, a);
        if (!ottl_spend(c, 1))
            return false;
    }
    return give_xml(c, document, result);
}

static bool has_elements(const struct xml_node *n)
{
    for (n = n->first; n != NULL; n = n->next)
        if (n->kind != XML_TEXT)
            return true;
    return false;
}

/* Texts that have other nodes beside them become elements of that name. */
static bool convert_texts(struct ottl_call *c, struct xml_node *parent, struct bytes name)
{
    bool mixed = parent->kind == XML_ELEMENT && has_elements(parent);

    for (struct xml_node *n = parent->first; n != NULL; n = n->next) {
        if (!ottl_spend(c, 1))
            return false;
        if (n->kind == XML_ELEMENT && !convert_texts(c, n, name))
            return false;
        if (n->kind == XML_TEXT && mixed) {
            struct xml_node *inner = arena_zalloc(c->arena, sizeof(*inner));

            *inner = (struct xml_node){ .kind = XML_TEXT, .text = n->text };
            n->kind = XML_ELEMENT;
            n->name = name;
            xml_append(n, inner);
        }
    }
    return true;
}

static bool is_xml_name(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t ch = name.data[i];
        bool first = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_' || ch >= 0x80;

        if (!first && (i == 0 || !((ch >= '0' && ch <= '9') || ch == '-' || ch == '.')))
            return false;
    }
    return true;
}

static bool prepare_convert(struct ottl_prepare *p)
{
    if (ottl_known(p, 2) && !is_xml_name(p->args[2].bytes))
        return ottl_refuse(p, 2, "this is no name of an element: write letters, digits, - . and _, such as \"value\"");
    return prepare_path(p);
}

static bool call_convert_text(struct ottl_call *c, struct ottl_value *result)
{
    struct xml_node *document = read_xml(c, c->args[0].bytes);
    struct bytes name = ottl_given(c, 2) ? c->args[2].bytes : bytes_of(NULL, 0);
    struct xpath_nodes found = { 0 };

    if (document == NULL || !select_nodes(c, document, "/", &found))
        return false;
    if (name.len == 0)
        name = bytes_str("value");
    for (size_t i = 0; i < found.n; i++)
        if (found.v[i].attribute == NULL && !convert_texts(c, found.v[i].node, name))
            return false;
    return give_xml(c, document, result);
}

const struct ottl_function ottl_functions_xpath[] = {
    CONVERTER("GetXML", call_get, "a string", TAKES(ARGUMENT("target", STRING), LITERAL("x_path", STRING)),
              "What the XPath selects in an XML text, as XML: elements, and the text of texts and attributes.",
              .prepare = prepare_path, .release = release_path),
    CONVERTER("RemoveXML", call_remove, "a string", TAKES(ARGUMENT("target", STRING), LITERAL("x_path", STRING)),
              "An XML text without what the XPath selects.", .prepare = prepare_path, .release = release_path),
    CONVERTER("InsertXML", call_insert, "a string",
              TAKES(ARGUMENT("target", STRING), LITERAL("x_path", STRING), ARGUMENT("sub_document", STRING)),
              "An XML text with another put into each of the elements that the XPath selects, behind what is there.",
              .prepare = prepare_path, .release = release_path),
    CONVERTER("ConvertAttributesToElementsXML", call_convert_attributes, "a string",
              TAKES(ARGUMENT("target", STRING), OPTION("x_path", STRING)),
              "An XML text in which the attributes that the XPath selects, or all, have become elements behind the "
              "others of their element.",
              .prepare = prepare_path, .release = release_path),
    CONVERTER("ConvertTextToElementsXML", call_convert_text, "a string",
              TAKES(ARGUMENT("target", STRING), OPTION("x_path", STRING), OPTION("element_name", STRING)),
              "An XML text in which text that stands beside elements has become elements, called value or as is said, "
              "in what the XPath selects, or everywhere.",
              .prepare = prepare_convert, .release = release_path),
    { 0 },
};
