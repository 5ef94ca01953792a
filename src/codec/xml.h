/* SPDX-License-Identifier: Apache-2.0 */
/* XML as a tree: elements, their attributes and their text. Of names the part behind the prefix is kept. Comments,
 * instructions and declarations are passed over, and none of these declares anything: beside the five entities of XML
 * itself and numbers of characters there are none, so that a short text never becomes a long one. Depth and number of
 * elements, attributes and texts are limited. */
#ifndef CODEC_XML_H
#define CODEC_XML_H

#include "base/arena.h"
#include "base/buf.h"

#define XML_MAX_DEPTH 100u
#define XML_MAX_NODES 100000u

struct xml_attribute {
    struct bytes name, value;
    struct xml_attribute *next;
};

struct xml_node {
    struct bytes name; /* of an element; none: it is text */
    struct bytes text; /* in UTF-8 where the source was */
    struct xml_attribute *attributes;
    struct xml_node *first, *last; /* children */
    struct xml_node *next, *parent;
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

/* Among the elements that are its children. */
void xml_link_twins(struct arena *a, struct xml_node *parent);

/* Text as it is written in elements and, with either kind of quotes, in attributes, of HTML as well: what would be
 * markup is escaped, and control characters, which XML cannot hold, are left out. */
void xml_put_text(struct buf *out, struct bytes text);

#endif
