/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of a profile, and what its samples are of, stand in tables of the request's dictionary, which profiles
 * name by number. Where the strings and attributes lie is looked for once for each request, when the first path asks.
 * What is set is found in the tables, or added at their end: whoever walks over the batch takes what was added and
 * writes it behind the dictionary (batch_extend_dictionary()). Numbers that no table has fail the statement. */
#include "ottl/dictionary.h"

#include "otlp/fields.h"
#include "ottl/function/make.h"

#define MAX_ADDED (16u << 20) /* bytes, for one request */
#define KEPT_ENTRIES (64u << 10)
#define COMPARED 16u /* entries that are compared for one step */

void ottl_dictionary_forget(struct ottl_evaluation *e)
{
    struct eval_dictionary *d = &e->dictionary;

    d->serial = 0;
    d->strings.n = d->attributes.n = 0;
    if (d->strings.cap > KEPT_ENTRIES)
        vec_free(&d->strings);
    if (d->attributes.cap > KEPT_ENTRIES)
        vec_free(&d->attributes);
    buf_free(&d->added);
    arena_free(&d->memory);
}

void eval_dictionary_free(struct ottl_evaluation *e)
{
    ottl_dictionary_forget(e);
    vec_free(&e->dictionary.strings);
    vec_free(&e->dictionary.attributes);
}

struct bytes ottl_dictionary_added(const struct ottl_evaluation *e)
{
    return buf_bytes(&e->dictionary.added);
}

/* As many entries as there are, before there is memory for them. */
static bool spend_entries(struct ottl_evaluation *e, struct bytes whole)
{
    struct pb_reader r = pb_reader(whole);
    uint64_t n = 0;

    for (struct pb_field f; pb_next(&r, &f);)
        n += f.number == OTLP_DICTIONARY_STRINGS || f.number == OTLP_DICTIONARY_ATTRIBUTES;
    return eval_spend(e, n / 2 + whole.len / WALKED_BYTES);
}

/* The tables of the request that the item is in. */
static bool take_tables(struct ottl_evaluation *e)
{
    struct eval_dictionary *d = &e->dictionary;
    struct pb_reader r;
    struct bytes whole;

    if (e->item.at == NULL || e->item.in.request == 0)
        return eval_fail(e, "there is no dictionary here");
    if (d->serial == e->item.in.request)
        return true;
    ottl_dictionary_forget(e);
    whole = visit_dictionary(e->item.at);
    if (!spend_entries(e, whole))
        return false;
    r = pb_reader(whole);
    for (struct pb_field f; pb_next(&r, &f);)
        if (f.wire == PB_LEN && f.number == OTLP_DICTIONARY_STRINGS)
            *vec_push(&d->strings) = f.bytes;
        else if (f.wire == PB_LEN && f.number == OTLP_DICTIONARY_ATTRIBUTES)
            *vec_push(&d->attributes) = f.bytes;
    d->serial = e->item.in.request;
    return true;
}

static bool string_at(struct ottl_evaluation *e, uint64_t i, struct bytes *text)
{
    if (i >= e->dictionary.strings.n)
        return eval_fail(e, "the dictionary has no string of the number %lld", (long long)(int32_t)i);
    *text = e->dictionary.strings.v[i];
    return true;
}

/* An entry of the table of attributes. */
static bool attribute_at(struct ottl_evaluation *e, uint64_t i, struct attribute *a)
{
    struct pb_field key;
    struct bytes entry;

    if (i >= e->dictionary.attributes.n)
        return eval_fail(e, "the dictionary has no attribute of the number %lld", (long long)(int32_t)i);
    entry = e->dictionary.attributes.v[i];
    a->value = message_bytes(entry, OTLP_DICTIONARY_VALUE);
    return string_at(e, message_find(entry, OTLP_DICTIONARY_KEY, &key) && key.wire == PB_VARINT ? key.u64 : 0, &a->key);
}

/* ---- adding ---- */

static bool add_entry(struct ottl_evaluation *e, uint32_t number, struct bytes content, struct bytes *kept)
{
    struct eval_dictionary *d = &e->dictionary;

    if (d->added.len + content.len > MAX_ADDED)
        return eval_fail(e, "statements add more than %u MiB to the dictionary of one request", MAX_ADDED >> 20);
    *kept = ottl_keep(&d->memory, content);
    pb_put_bytes(&d->added, number, content);
    return eval_spend(e, 1 + content.len / 64);
}

/* The number of an entry with that content; what is new comes to the end. The first of a table is the empty one. */
static bool number_of(struct ottl_evaluation *e, bool attribute, struct bytes content, uint64_t *number)
{
    struct eval_dictionary *d = &e->dictionary;
    size_t n = attribute ? d->attributes.n : d->strings.n;
    struct bytes **entries = attribute ? &d->attributes.v : &d->strings.v, kept;
    uint32_t field = attribute ? OTLP_DICTIONARY_ATTRIBUTES : OTLP_DICTIONARY_STRINGS;

    if (!eval_spend(e, n / COMPARED))
        return false;
    for (*number = 0; *number < n; ++*number)
        if (bytes_equal((*entries)[*number], content))
            return true;
    for (unsigned more = n == 0 && content.len > 0 ? 2 : 1; more > 0; more--) {
        if (!add_entry(e, field, more == 2 ? bytes_of(NULL, 0) : content, &kept))
            return false;
        if (attribute)
            *vec_push(&d->attributes) = kept;
        else
            *vec_push(&d->strings) = kept;
    }
    *number = (attribute ? d->attributes.n : d->strings.n) - 1;
    return true;
}

static bool number_of_attribute(struct ottl_evaluation *e, struct bytes key, struct bytes any, uint64_t *number)
{
    struct buf entry = { 0 };
    uint64_t name;
    bool good = number_of(e, false, key, &name);

    if (good) {
        if (name != 0)
            pb_put_uint(&entry, OTLP_DICTIONARY_KEY, name);
        pb_put_bytes(&entry, OTLP_DICTIONARY_VALUE, any);
        good = number_of(e, true, buf_bytes(&entry), number);
    }
    buf_free(&entry);
    return good;
}

/* ---- what the item names ---- */

/* The numbers of a field that is a list of them, packed or not. */
static bool read_numbers(struct ottl_evaluation *e, struct bytes message, uint32_t number, eval_numbers *numbers)
{
    struct pb_reader r = pb_reader(message);
    uint64_t v;

    for (struct pb_field f; pb_next(&r, &f);) {
        const uint8_t *p = f.bytes.data, *end;

        if (f.number != number)
            continue;
        if (f.wire == PB_VARINT)
            *vec_push(numbers) = f.u64;
        if (f.wire != PB_LEN)
            continue;
        end = bytes_end(f.bytes);
        if (!eval_spend(e, f.bytes.len))
            return false;
        while (p != end && pb_varint(&p, end, &v))
            *vec_push(numbers) = v;
    }
    return true;
}

static bool put_numbers(struct ottl_evaluation *e, const struct ottl_node *n, struct bytes message,
                        const eval_numbers *numbers)
{
    uint32_t number = n->row->number[0];
    struct buf out = { 0 };
    size_t mark;

    if (numbers->n > 0) {
        mark = pb_begin(&out, number);
        for (size_t i = 0; i < numbers->n; i++)
            pb_put_varint(&out, numbers->v[i]);
        pb_end(&out, mark);
    }
    message = message_replace(&e->arena, message, number, ottl_keep(&e->arena, buf_bytes(&out)));
    buf_free(&out);
    return path_put_message(e, n, message);
}

static bool get_all(struct ottl_evaluation *e, const eval_numbers *numbers, struct ottl_value *v)
{
    struct attribute a = { 0 };
    struct buf map = { 0 };
    bool good = true;

    for (size_t i = 0; good && i < numbers->n; i++) {
        good = attribute_at(e, numbers->v[i], &a) && eval_spend(e, 1 + (a.key.len + a.value.len) / 64);
        if (good)
            ottl_map_put(&map, a.key, a.value);
    }
    if (good)
        attributes_keep_last(&map);
    *v = ottl_bytes(OTTL_MAP, ottl_keep(&e->arena, buf_bytes(&map)));
    buf_free(&map);
    return good;
}

/* The last of that key; *at is its place among the numbers, or behind them. */
static bool find_key(struct ottl_evaluation *e, const eval_numbers *numbers, struct bytes key, size_t *at,
                     struct bytes *any)
{
    struct attribute a = { 0 };

    *at = numbers->n;
    *any = bytes_of(NULL, 0);
    for (size_t i = 0; i < numbers->n; i++) {
        if (!attribute_at(e, numbers->v[i], &a))
            return false;
        if (bytes_equal(a.key, key)) {
            *at = i;
            *any = a.value;
        }
    }
    return true;
}

static bool key_of(struct ottl_evaluation *e, const struct ottl_node *n, struct bytes *key)
{
    struct ottl_value v = ottl_nil();

    if (!eval_value(e, n->kids[0], &v))
        return false;
    if (v.type != OTTL_STRING)
        return eval_fail(e, "the key of %s is a string, not %s", n->row->name, ottl_type_name(v.type));
    *key = v.bytes;
    return true;
}

static bool get_one(struct ottl_evaluation *e, const struct ottl_node *n, const eval_numbers *numbers,
                    struct ottl_value *v)
{
    struct bytes key = { NULL, 0 }, any = { NULL, 0 };
    size_t at;

    if (!key_of(e, n, &key) || !find_key(e, numbers, key, &at, &any))
        return false;
    *v = ottl_value_read(any);
    return at == numbers->n || eval_index(e, n->kids + 1, n->n - 1, v);
}

bool dictionary_get_map(struct ottl_evaluation *e, const struct ottl_node *n, struct bytes message,
                        struct ottl_value *v)
{
    eval_numbers numbers = { 0 };
    bool good = take_tables(e) && read_numbers(e, message, n->row->number[0], &numbers);

    if (good)
        good = n->n == 0 ? get_all(e, &numbers, v) : get_one(e, n, &numbers, v);
    vec_free(&numbers);
    return good;
}

static bool set_all(struct ottl_evaluation *e, const struct ottl_node *n, const struct ottl_value *v,
                    eval_numbers *numbers)
{
    struct pb_reader r = pb_reader(v->bytes);
    struct bytes any;

    if (v->type != OTTL_MAP)
        return eval_fail(e, "%s holds a map and cannot be set to %s", n->row->name, ottl_type_name(v->type));
    if (!ottl_value_keep(&e->arena, v, &any) || !keyed_is_shallow(e, any))
        return false;
    numbers->n = 0;
    for (struct attribute a; attribute_next(&r, OTLP_LIST_VALUES, &a);) {
        uint64_t number;

        if (!number_of_attribute(e, a.key, a.value, &number))
            return false;
        *vec_push(numbers) = number;
    }
    return true;
}

static bool set_one(struct ottl_evaluation *e, const struct ottl_node *n, const struct ottl_value *v,
                    eval_numbers *numbers)
{
    struct bytes key = { NULL, 0 }, any = { NULL, 0 };
    uint64_t number;
    size_t at;

    if (!key_of(e, n, &key) || !find_key(e, numbers, key, &at, &any))
        return false;
    if (!keyed_set(e, n->kids + 1, n->n - 1, &any, v) || !keyed_is_shallow(e, any) ||
        !number_of_attribute(e, key, any, &number))
        return false;
    if (at == numbers->n)
        *vec_push(numbers) = number;
    else
        numbers->v[at] = number;
    return true;
}

bool dictionary_set_map(struct ottl_evaluation *e, const struct ottl_node *n, struct bytes message,
                        const struct ottl_value *v)
{
    eval_numbers numbers = { 0 };
    bool good = take_tables(e) && read_numbers(e, message, n->row->number[0], &numbers);

    if (good)
        good = n->n == 0 ? set_all(e, n, v, &numbers) : set_one(e, n, v, &numbers);
    if (good)
        good = put_numbers(e, n, message, &numbers);
    vec_free(&numbers);
    return good;
}

/* ---- strings ---- */

bool dictionary_get_string(struct ottl_evaluation *e, uint64_t number, struct ottl_value *v)
{
    struct bytes text = { NULL, 0 };

    if (!take_tables(e) || !string_at(e, number, &text))
        return false;
    *v = ottl_string(text);
    return true;
}

bool dictionary_number_of(struct ottl_evaluation *e, struct bytes text, uint64_t *number)
{
    return take_tables(e) && number_of(e, false, text, number);
}
