/* SPDX-License-Identifier: Apache-2.0 */
/* A line that is an XPath, and behind it XML: what is selected in it is taken out, and what is left is written and read
 * again. Steps are limited, as OTTL limits them. */
#include "codec/xpath/xpath.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define STEPS 100000u

static bool spend(void *arg, uint64_t steps)
{
    uint64_t *left = arg;

    if (steps > *left)
        return false;
    *left -= steps;
    return true;
}

static void take_out(const struct xpath *x, struct arena *arena, struct xml_node *document)
{
    uint64_t left = STEPS;
    const struct xpath_run run = { arena, spend, &left };
    struct xpath_nodes found = { 0 };

    if (!xpath_select(x, &run, document, &found))
        return;
    for (size_t i = 0; i < found.n; i++)
        if (found.v[i].attribute == NULL && found.v[i].node->parent != NULL)
            xml_remove(found.v[i].node);
}

/* Of a tree that has an element still. */
static bool has_element(const struct xml_node *document)
{
    for (const struct xml_node *n = document->first; n != NULL; n = n->next)
        if (n->kind == XML_ELEMENT)
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const uint8_t *line = len > 0 ? memchr(data, '\n', len) : NULL;
    size_t n = line != NULL ? (size_t)(line - data) : len;
    struct xml_fault fault = { 0, "" };
    struct arena arena = { 0 };
    struct xml_node *document;
    struct xpath_fault why;
    struct xpath *x;

    x = xpath_new(bytes_of(data, n), &why);
    document = line != NULL ? xml_read_all(&arena, bytes_of(line + 1, len - n - 1), &fault) : NULL;
    if (x != NULL && document != NULL) {
        struct buf out = { 0 };

        take_out(x, &arena, document);
        xml_put_node(&out, document);
        if (has_element(document) && xml_read_all(&arena, buf_bytes(&out), &fault) == NULL)
            abort();
        buf_free(&out);
    }
    xpath_free(x);
    arena_free(&arena);
    return 0;
}
