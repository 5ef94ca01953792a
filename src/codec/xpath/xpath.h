/* SPDX-License-Identifier: Apache-2.0 */
/* XPath 1.0 over trees of XML (codec/xml.h), with lower-case(), ends-with(), matches(), replace(), string-join() and
 * reverse() of later ones; patterns are those of codec/regex.h. Names are compared as they are written, prefix and all:
 * //n:b selects what is written <n:b>. There are no variables, and neither the namespace axis nor id() and lang().
 * Whatever an expression does costs steps, which the caller counts. */
#ifndef CODEC_XPATH_XPATH_H
#define CODEC_XPATH_XPATH_H

#include "codec/xml.h"

struct xpath;

struct xpath_fault {
    size_t at; /* offset in the expression */
    char text[508];
};

/* NULL with *fault. */
struct xpath *xpath_new(struct bytes text, struct xpath_fault *fault);
void xpath_free(struct xpath *x);

/* An attribute of the node, or with NULL that itself. */
struct xpath_node {
    struct xml_node *node;
    struct xml_attribute *attribute;
};

/* Its position in document order. */
static inline uint32_t xpath_order(struct xpath_node n)
{
    return n.attribute != NULL ? n.attribute->order : n.node->order;
}

struct xpath_nodes {
    struct xpath_node *v; /* in the arena */
    size_t n, cap;
};

struct xpath_run {
    struct arena *arena;
    bool (*spend)(void *arg, uint64_t steps); /* a node, or some bytes of text, are a step; false: no more */
    void *arg;
};

/* What is selected, in the order of the document, or with reverse() in the opposite one; nothing of an expression that
 * is a number, a text or a boolean. False: spend() was. */
bool xpath_select(const struct xpath *x, const struct xpath_run *run, struct xml_node *document,
                  struct xpath_nodes *found);

#endif
