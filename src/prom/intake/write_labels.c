/* SPDX-License-Identifier: Apache-2.0 */
/* The labels of a series or an exemplar, from either version: version 1 writes them out, version 2 has numbers of
 * symbols, in pairs.
 *
 * What can go wrong: a number that is no symbol's, one too few of them, no name, one name twice, bytes that are no
 * text, more of them than anybody has. Labels that are not in order are put in order. */
#include "codec/utf8.h"
#include "prom/intake/write_inside.h"
#include "prom/model/remote_write_fields.h"

#include <stdlib.h>

#define LABELS_MOST 512u
#define LABEL_BYTES_MOST ((size_t)128 * 1024)

static const char does_not_parse[] = "it does not parse";

static const char *add_label(struct write_pairs *to, struct bytes name, struct bytes value)
{
    if (name.len == 0)
        return "a label has no name";
    if (value.len == 0)
        return NULL; /* as if it was not there */
    if (to->all.n >= LABELS_MOST || name.len + value.len > LABEL_BYTES_MOST - to->bytes)
        return "it has more than 512 labels, or more than 128 KiB of them";
    to->bytes += name.len + value.len;
    if (!utf8_valid(name) || !utf8_valid(value))
        return "a label is not UTF-8";
    *vec_push(&to->all) = (struct write_pair){ name, value };
    return NULL;
}

static const char *add_written(struct write_pairs *to, struct bytes label)
{
    struct pb_reader r = pb_reader(label);
    struct bytes name = { NULL, 0 }, value = { NULL, 0 };

    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number == LABEL_NAME && f.wire == PB_LEN)
            name = f.bytes;
        if (f.number == LABEL_VALUE && f.wire == PB_LEN)
            value = f.bytes;
    }
    return r.bad ? does_not_parse : add_label(to, name, value);
}

bool symbol_find(const struct write_reading *r, uint64_t number, struct bytes *symbol)
{
    if (number >= r->symbols.n)
        return false;
    *symbol = r->symbols.v[number];
    return true;
}

/* One number more: of a name, or of the value that belongs to the one before. */
static const char *add_number(const struct write_reading *r, struct write_pairs *to, uint64_t number)
{
    struct bytes symbol;

    if (!symbol_find(r, number, &symbol))
        return "a label is the number of a symbol that is not there";
    if (!to->has_name) {
        to->has_name = true;
        to->name = symbol;
        return NULL;
    }
    to->has_name = false;
    return add_label(to, to->name, symbol);
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

const char *pairs_read(struct write_reading *r, struct bytes message, struct write_pairs *to)
{
    struct pb_reader fields = pb_reader(message);
    const char *fault = NULL;

    to->all.n = to->bytes = 0;
    to->has_name = false;
    for (struct pb_field f; fault == NULL && pb_next(&fields, &f);) {
        if (f.number != V1_LABELS)
            continue;
        if (r->version == WRITE_1 && f.wire == PB_LEN)
            fault = add_written(to, f.bytes);
        else if (r->version == WRITE_2 && f.wire == PB_LEN)
            fault = add_numbers(r, to, f.bytes);
        else if (r->version == WRITE_2 && f.wire == PB_VARINT)
            fault = add_number(r, to, f.u64);
    }
    (void)texts_take(r, to->bytes);
    if (fault != NULL)
        return fault;
    if (fields.bad)
        return does_not_parse;
    return to->has_name ? "a label has no value" : NULL;
}

/* ---- of a series ---- */

static int compare_names(struct bytes a, struct bytes b)
{
    int c = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);

    return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
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

const char *labels_read(struct write_reading *r, struct bytes series)
{
    struct write_labels *l = &r->labels;
    const char *fault = pairs_read(r, series, &l->pairs);

    l->name = l->job = l->instance = bytes_of(NULL, 0);
    if (fault != NULL)
        return fault;
    if (!sort_pairs(&l->pairs))
        return "a label is there twice";
    for (size_t i = 0; i < l->pairs.all.n; i++) {
        const struct write_pair *p = &l->pairs.all.v[i];

        if (bytes_is(p->name, "__name__"))
            l->name = p->value;
        else if (bytes_is(p->name, "job"))
            l->job = p->value;
        else if (bytes_is(p->name, "instance"))
            l->instance = p->value;
    }
    return l->name.len == 0 ? "it has no name (the label __name__)" : NULL;
}
