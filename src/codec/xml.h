/* SPDX-License-Identifier: Apache-2.0 */
/* XML as a tree: elements, their attributes and their text. Of names the part behind the prefix is kept. Comments,
 * instructions and declarations are passed over, but by xml_read_all(), and none of these declares anything: beside the
 * five entities of XML itself and numbers of characters there are none, so that a short text never becomes a long one.
 * Depth and number of elements, attributes and texts are limited. */
#ifndef CODEC_XML_H
#define CODEC_XML_H

#include "base/arena.h"
#include "base/buf.h"

#define XML_MAX_DEPTH 100u
#define XML_MAX_NODES 100000u

struct xml_attribute {
    struct bytes prefix, name, value;
    struct xml_attribute *next;
    uint32_t order;
};

enum xml_kind { XML_DOCUMENT, XML_ELEMENT, XML_TEXT, XML_CDATA, XML_COMMENT, XML_INSTRUCTION };

struct xml_node {
    enum xml_kind kind;
    struct bytes prefix, name; /* of an element; no name: it is none */
    struct bytes text;         /* in UTF-8 where the source was */
    struct xml_attribute *attributes;
    struct xml_node *first, *last; /* children */
    struct xml_node *next, *previous, *parent;
    uint32_t order;        /* in the text, attributes behind their element */
    struct xml_node *twin; /* after xml_link_twins(): the next child of its parent that has its name */
    bool is_twin;          /* ... and there is one before it, too */
};

struct xml_fault {
    size_t at;        /* offset */
    const char *what; /* static */
};

/* The document, whose children are elements and texts; NULL with *fault. All of it lies in the arena or points into
 * `text`. With `end` it is read up to the end of its first element, which it then has, and *end is where that is. */
struct xml_node *xml_read(struct arena *a, struct bytes text, size_t *end, struct xml_fault *fault);

/* The same of the whole text, with comments and instructions, as nodes that have text. */
struct xml_node *xml_read_all(struct arena *a, struct bytes text, struct xml_fault *fault);

/* A node as it is written, with all that is in it; of a document what is in it. */
void xml_put_node(struct buf *out, const struct xml_node *n);
/* Text as that writes it. */
void xml_put_escaped(struct buf *out, struct bytes text);

/* Changes of the tree. `child` has no parent before xml_append(), and none after xml_remove(). */
void xml_append(struct xml_node *parent, struct xml_node *child);
void xml_remove(struct xml_node *child);
struct xml_node *xml_copy(struct arena *a, const struct xml_node *n);

/* The next node in the order of the text below `top`; NULL: it was the last. */
struct xml_node *xml_next(const struct xml_node *n, const struct xml_node *top);

/* Among the elements that are its children. */
void xml_link_twins(struct arena *a, struct xml_node *parent);

/* Text as it is written in elements and, with either kind of quotes, in attributes, of HTML as well: what would be
 * markup is escaped, and control characters, which XML cannot hold, are left out. */
void xml_put_text(struct buf *out, struct bytes text);

#endif
