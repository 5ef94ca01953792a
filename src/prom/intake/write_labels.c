/* SPDX-License-Identifier: Apache-2.0 */
/* The labels of a series or an exemplar, from either version: version 1 writes them out, version 2 has numbers of
 * symbols, in pairs.
 *
 * What can go wrong: a number that is no symbol's, one too few of them, no name, one name twice, bytes that are no
 * text, more of them than anybody has. Labels that are not in order are put in order. */
#include "codec/utf8.h"
#include "prom/intake/intake_inside.h"
#include "prom/intake/write_inside.h"
#include "prom/model/remote_write_fields.h"

#include <stdlib.h>

#define LABELS_MOST 512u
#define LABEL_BYTES_MOST ((size_t)128 * 1024)

static const char does_not_parse[] = "it does not parse";

static const char not_utf8[] = "a label is not UTF-8";

/* Both are text. */
static const char *add_label(struct write_pairs *to, struct bytes name, struct bytes value)
{
    if (name.len == 0)
        return "a label has no name";
    if (value.len == 0)
        return NULL; /* as if it was not there */
    if (to->all.n >= LABELS_MOST || name.len + value.len > LABEL_BYTES_MOST - to->bytes)
        return "it has more than 512 labels, or more than 128 KiB of them";
    to->bytes += name.len + value.len;
    *vec_push(&to->all) = (struct write_pair){ .name = name, .value = value };
    return NULL;
}

/* ---- version 1 ---- */

/* As it is nearly always: name and value, once, in that order, each shorter than 128 bytes. */
static bool read_usual(struct bytes label, struct bytes *name, struct bytes *value)
{
    const uint8_t *p = label.data;
    size_t n;

    if (label.len < 4 || p[0] != PB_TAG(LABEL_NAME, PB_LEN) || p[1] >= 0x80 || p[1] + 4u > label.len)
        return false;
    n = p[1] + 2u;
    if (p[n] != PB_TAG(LABEL_VALUE, PB_LEN) || p[n + 1] >= 0x80 || n + 2 + p[n + 1] != label.len)
        return false;
    *name = bytes_of(p + 2, p[1]);
    *value = bytes_of(p + n + 2, p[n + 1]);
    return true;
}

static bool is_text(const struct write_reading *r, struct bytes b)
{
    return b.len == 0 || utf8_valid_in(b.data, b.len, bytes_end(r->message));
}

static const char *add_written(const struct write_reading *r, struct write_pairs *to, struct bytes label)
{
    struct pb_reader fields = pb_reader(label);
    struct bytes name = { NULL, 0 }, value = { NULL, 0 };

    if (!read_usual(label, &name, &value))
        for (struct pb_field f; pb_next(&fields, &f);) {
            if (f.number == LABEL_NAME && f.wire == PB_LEN)
                name = f.bytes;
            if (f.number == LABEL_VALUE && f.wire == PB_LEN)
                value = f.bytes;
        }
    if (fields.bad)
        return does_not_parse;
    if (!is_text(r, name) || !is_text(r, value))
        return not_utf8;
    return add_label(to, name, value);
}

/* ---- version 2 ---- */

const struct write_symbol *symbol_find(const struct write_reading *r, uint64_t number)
{
    return number < r->symbols.n ? &r->symbols.v[number] : NULL;
}

/* One number more: of a name, or of the value that belongs to the one before. */
static const char *add_number(const struct write_reading *r, struct write_pairs *to, uint64_t number)
{
    const struct write_symbol *symbol = symbol_find(r, number);

    if (symbol == NULL)
        return "a label is the number of a symbol that is not there";
    if (!symbol->is_text)
        return not_utf8;
    to->has_name = !to->has_name;
    if (!to->has_name)
        return add_label(to, to->name, bytes_of(symbol->data, symbol->len));
    to->name = bytes_of(symbol->data, symbol->len);
    return NULL;
}

static const char *add_numbers(const struct write_reading *r, struct write_pairs *to, struct bytes packed)
{
    const uint8_t *p = packed.data, *end = bytes_end(packed);
    const char *fault = NULL;
    uint64_t number;

    while (fault == NULL && p < end)
        fault = pb_varint(&p, end, &number) ? add_number(r, to, number) : does_not_parse;
    return fault;
}

/* ---- either ---- */

/* Labels stand in front of all else, but need not. */
const char *pairs_read(struct write_reading *r, struct bytes message, struct write_pairs *to, struct bytes *rest)
{
    struct pb_reader fields = pb_reader(message);
    const uint8_t *other = NULL;
    const char *fault = NULL;

    to->all.n = to->bytes = 0;
    to->has_name = false;
    for (struct pb_field f; fault == NULL && pb_next(&fields, &f);) {
        if (f.number != V1_LABELS)
            other = other != NULL ? other : f.start;
        else if (r->version == WRITE_1 && f.wire == PB_LEN)
            fault = add_written(r, to, f.bytes);
        else if (r->version == WRITE_2 && f.wire == PB_LEN)
            fault = add_numbers(r, to, f.bytes);
        else if (r->version == WRITE_2 && f.wire == PB_VARINT)
            fault = add_number(r, to, f.u64);
    }
    *rest = other != NULL ? bytes_of(other, (size_t)(bytes_end(message) - other)) : bytes_of(NULL, 0);
    (void)texts_take(r, to->bytes);
    if (fault != NULL)
        return fault;
    if (fields.bad)
        return does_not_parse;
    return to->has_name ? "a label has no value" : NULL;
}

/* ---- of a series ---- */

static inline int compare_names(struct bytes a, struct bytes b)
{
    return a.data[0] != b.data[0] ? a.data[0] - b.data[0] : bytes_compare(a, b);
}

static int by_name(const void *a, const void *b)
{
    return compare_names(((const struct write_pair *)a)->name, ((const struct write_pair *)b)->name);
}

/* Sorted, each name once; false: one is there twice. */
static bool sort_pairs(struct write_pairs *p)
{
    bool sorted = true;

    for (size_t i = 1; i < p->all.n && sorted; i++)
        sorted = compare_names(p->all.v[i - 1].name, p->all.v[i].name) < 0;
    if (sorted)
        return true;
    qsort(p->all.v, p->all.n, sizeof(*p->all.v), by_name);
    for (size_t i = 1; i < p->all.n; i++)
        if (bytes_equal(p->all.v[i - 1].name, p->all.v[i].name))
            return false;
    return true;
}

/* Where its value belongs, if that is to the parents of the series and not to its points. */
static struct bytes *parent_field(struct write_labels *l, struct bytes name)
{
    if (name.len == 8 && memcmp(name.data, "__name__", 8) == 0)
        return &l->name;
    if (name.len == 8 && memcmp(name.data, "instance", 8) == 0)
        return &l->instance;
    return name.len == 3 && memcmp(name.data, "job", 3) == 0 ? &l->job : NULL;
}

const char *labels_read(struct write_reading *r, struct bytes series, struct bytes *rest)
{
    struct write_labels *l = &r->labels;
    const char *fault = pairs_read(r, series, &l->pairs, rest);
    struct bytes ignored;

    l->name = l->job = l->instance = bytes_of(NULL, 0);
    l->of_scope = false;
    if (fault != NULL)
        return fault;
    if (!sort_pairs(&l->pairs))
        return "a label is there twice";
    for (size_t i = 0; i < l->pairs.all.n; i++) {
        struct write_pair *p = &l->pairs.all.v[i];
        struct bytes *field = parent_field(l, p->name);

        p->kind = LABEL_PLAIN;
        if (field != NULL) {
            *field = p->value;
            p->kind = LABEL_PARENT;
        } else if (p->name.data[0] == 'o' && label_is_of_scope(p->name, &ignored)) {
            l->of_scope = true;
            p->kind = LABEL_SCOPE;
        }
    }
    return l->name.len == 0 ? "it has no name (the label __name__)" : NULL;
}
