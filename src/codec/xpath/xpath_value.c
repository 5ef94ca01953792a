/* SPDX-License-Identifier: Apache-2.0 */
/* Values of XPath as text, number and boolean, and how two of them are compared. The text of an element is that of all
 * texts below it, which are joined only when there are several. A set of nodes compares as true when there is a node in
 * it for which it is; with a boolean it counts as whether it is empty.
 *
 * What can go wrong: documents are strangers' and may be large, so each node and each text costs steps. When they are
 * used up the function says false, and the expression has failed. */
#include "codec/xpath/xpath_inside.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_STEP 16u /* bytes of text for a step */

/* ---- as text, number, boolean ---- */

static struct bytes keep_text(const struct xpath_context *c, struct buf *out)
{
    struct bytes b = buf_bytes(out), kept = bytes_of(arena_strndup(c->run->arena, b.data, b.len), b.len);

    buf_free(out);
    return kept;
}

static struct bytes instruction_data(struct bytes text)
{
    size_t i = 0;

    while (i < text.len && text.data[i] > ' ')
        i++;
    return bytes_trim(bytes_skip(text, i));
}

bool xpath_text_of_node(const struct xpath_context *c, struct xpath_node node, struct bytes *text)
{
    struct xml_node *top = node.node;
    struct buf out = { 0 };
    size_t parts = 0;

    *text = node.attribute != NULL ? node.attribute->value : top->text;
    if (node.attribute == NULL && top->kind == XML_INSTRUCTION)
        *text = instruction_data(top->text);
    if (node.attribute != NULL || (top->kind != XML_ELEMENT && top->kind != XML_DOCUMENT))
        return xpath_spend(c, text->len / TEXT_STEP);
    *text = bytes_of("", 0);
    for (const struct xml_node *n = xml_next(top, top); n != NULL; n = xml_next(n, top)) {
        if (!xpath_spend(c, 1 + n->text.len / TEXT_STEP)) {
            buf_free(&out);
            return false;
        }
        if (n->kind != XML_TEXT && n->kind != XML_CDATA)
            continue;
        if (parts++ == 0) {
            *text = n->text;
            continue;
        }
        if (parts == 2)
            buf_put(&out, *text);
        buf_put(&out, n->text);
    }
    if (parts > 1)
        *text = keep_text(c, &out);
    return true;
}

static struct bytes number_text(const struct xpath_context *c, double v)
{
    char text[400];

    if (isnan(v))
        return bytes_str("NaN");
    if (isinf(v))
        return bytes_str(v > 0 ? "Infinity" : "-Infinity");
    snprintf(text, sizeof(text),
             fabs(v - trunc(v)) > 0 && fabs(v) > 1e-5 ? "%.15g"
             : fabs(v - trunc(v)) > 0                 ? "%.20f"
                                                      : "%.0f",
             v);
    return bytes_str(arena_strdup(c->run->arena, strcmp(text, "-0") == 0 ? "0" : text));
}

bool xpath_text(const struct xpath_context *c, const struct xpath_value *v, struct bytes *text)
{
    switch (v->type) {
    case XPATH_NODES:
        *text = bytes_of("", 0);
        return v->nodes.n == 0 || xpath_text_of_node(c, v->nodes.v[0], text);
    case XPATH_NUMBER:
        *text = number_text(c, v->number);
        return true;
    case XPATH_BOOLEAN:
        *text = bytes_str(v->boolean ? "true" : "false");
        return true;
    default:
        *text = v->text;
        return true;
    }
}

/* Digits with a point among them, and a minus before; else NaN. */
double xpath_read_number(struct bytes text)
{
    char copy[64];
    bool digits = false, point = false;

    text = bytes_trim(text);
    if (text.len == 0 || text.len >= sizeof(copy))
        return (double)NAN;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];

        if (c >= '0' && c <= '9')
            digits = true;
        else if (c == '.' && !point)
            point = true;
        else if (c != '-' || i > 0)
            return (double)NAN;
    }
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return digits ? strtod(copy, NULL) : (double)NAN;
}

bool xpath_number(const struct xpath_context *c, const struct xpath_value *v, double *number)
{
    struct bytes text;

    *number = v->type == XPATH_NUMBER ? v->number : v->boolean ? 1 : 0;
    if (v->type == XPATH_NUMBER || v->type == XPATH_BOOLEAN)
        return true;
    if (!xpath_text(c, v, &text))
        return false;
    *number = xpath_read_number(text);
    return true;
}

bool xpath_boolean(const struct xpath_value *v)
{
    switch (v->type) {
    case XPATH_NODES:
        return v->nodes.n > 0;
    case XPATH_NUMBER:
        return v->number < 0 || v->number > 0;
    case XPATH_BOOLEAN:
        return v->boolean;
    default:
        return v->text.len > 0;
    }
}

/* ---- comparisons ---- */

static bool compare_numbers(enum xpath_operator op, double x, double y)
{
    switch (op) {
    case OP_EQ:
        return x >= y && x <= y;
    case OP_NE:
        return !(x >= y && x <= y);
    case OP_LT:
        return x < y;
    case OP_LE:
        return x <= y;
    case OP_GT:
        return x > y;
    default:
        return x >= y;
    }
}

/* Neither is nodes. */
static bool compare_plain(const struct xpath_context *c, enum xpath_operator op, const struct xpath_value *x,
                          const struct xpath_value *y, bool *result)
{
    double a, b;
    struct bytes s, t;

    if (op == OP_EQ || op == OP_NE) {
        if (x->type == XPATH_BOOLEAN || y->type == XPATH_BOOLEAN) {
            *result = (xpath_boolean(x) == xpath_boolean(y)) == (op == OP_EQ);
            return true;
        }
        if (x->type == XPATH_TEXT && y->type == XPATH_TEXT) {
            if (!xpath_text(c, x, &s) || !xpath_text(c, y, &t))
                return false;
            *result = bytes_equal(s, t) == (op == OP_EQ);
            return true;
        }
    }
    if (!xpath_number(c, x, &a) || !xpath_number(c, y, &b))
        return false;
    *result = compare_numbers(op, a, b);
    return true;
}

/* Is there a node of which it is true? */
static bool compare_any(const struct xpath_context *c, enum xpath_operator op, const struct xpath_value *nodes,
                        const struct xpath_value *y, bool swapped, bool *result)
{
    *result = false;
    for (size_t i = 0; i < nodes->nodes.n && !*result; i++) {
        struct xpath_value x = { .type = XPATH_TEXT };

        if (!xpath_text_of_node(c, nodes->nodes.v[i], &x.text))
            return false;
        if (!(swapped ? xpath_compare(c, op, y, &x, result) : xpath_compare(c, op, &x, y, result)))
            return false;
    }
    return true;
}

bool xpath_compare(const struct xpath_context *c, enum xpath_operator op, const struct xpath_value *x,
                   const struct xpath_value *y, bool *result)
{
    struct xpath_value truth = { .type = XPATH_BOOLEAN };

    if (!xpath_spend(c, 1))
        return false;
    if (x->type == XPATH_NODES && y->type == XPATH_BOOLEAN) {
        truth.boolean = xpath_boolean(x);
        return compare_plain(c, op, &truth, y, result);
    }
    if (y->type == XPATH_NODES && x->type == XPATH_BOOLEAN) {
        truth.boolean = xpath_boolean(y);
        return compare_plain(c, op, x, &truth, result);
    }
    if (x->type == XPATH_NODES)
        return compare_any(c, op, x, y, false, result);
    if (y->type == XPATH_NODES)
        return compare_any(c, op, y, x, true, result);
    return compare_plain(c, op, x, y, result);
}
