/* SPDX-License-Identifier: Apache-2.0 */
/* A path's value is read where it lies: the part of the item, the message in it, the one field that the row names. What
 * is missing is what proto3 says that it is, and so are fields that this kind of metric has not; keys that a map has
 * not are nil. */
#include "otlp/fields.h"
#include "ottl/dictionary.h"

struct bytes *item_part(struct ottl_item *item, enum path_part part)
{
    switch (part) {
    case PART_RESOURCE:
        return &item->resource;
    case PART_SCOPE:
        return &item->scope;
    case PART_METRIC:
        return &item->metric;
    case PART_ITEM:
        return &item->item;
    default:
        return &item->below;
    }
}

uint32_t metric_data(struct bytes metric, struct bytes *data)
{
    struct pb_reader r = pb_reader(metric);
    uint32_t number = 0;

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.wire == PB_LEN && (f.number == OTLP_METRIC_GAUGE || f.number == OTLP_METRIC_SUM ||
                                 (f.number >= OTLP_METRIC_HISTOGRAM && f.number <= OTLP_METRIC_SUMMARY))) {
            number = f.number;
            *data = f.bytes;
        }
    return number;
}

uint32_t path_number(const struct ottl_evaluation *e, const struct ottl_node *n)
{
    if (!n->in_points)
        return n->row->number[0];
    switch (e->item.data) {
    case OTLP_METRIC_HISTOGRAM:
        return n->row->number[1];
    case OTLP_METRIC_EXPONENTIAL:
        return n->row->number[2];
    case OTLP_METRIC_SUMMARY:
        return n->row->number[3];
    default:
        return n->row->number[0];
    }
}

static const char *const kinds[] = { "Unspecified", "Internal", "Server", "Client", "Producer", "Consumer" };
static const char *const old_kinds[] = { "SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER",
                                         "SPAN_KIND_CLIENT",      "SPAN_KIND_PRODUCER", "SPAN_KIND_CONSUMER" };

static struct ottl_value kind_value(uint64_t kind, bool old)
{
    return ottl_string(bytes_str(kind > 5 ? "" : (old ? old_kinds : kinds)[kind]));
}

static struct ottl_value type_value(struct bytes metric)
{
    struct bytes data;

    switch (metric_data(metric, &data)) {
    case OTLP_METRIC_GAUGE:
        return ottl_int(1);
    case OTLP_METRIC_SUM:
        return ottl_int(2);
    case OTLP_METRIC_HISTOGRAM:
        return ottl_int(3);
    case OTLP_METRIC_EXPONENTIAL:
        return ottl_int(4);
    case OTLP_METRIC_SUMMARY:
        return ottl_int(5);
    default:
        return ottl_int(0);
    }
}

/* Of ids that are missing the zeros. */
static struct ottl_value id_value(struct bytes id, size_t len)
{
    static const uint8_t zeros[16];

    return ottl_bytes(OTTL_BYTES, id.len == len ? id : bytes_of(zeros, len));
}

static struct ottl_value hex_value(struct ottl_evaluation *e, struct bytes id, size_t len)
{
    struct ottl_value v = id_value(id, len);
    struct bytes text = { NULL, 0 };

    ottl_value_text(&e->arena, &v, &text);
    return ottl_string(text);
}

/* As Go's AsString(). */
static bool get_any_text(struct ottl_evaluation *e, struct bytes any, struct ottl_value *v)
{
    struct buf out = { 0 };

    *v = ottl_value_read(any);
    if (v->type == OTTL_STRING)
        return true;
    if (!eval_spend(e, any.len / 16))
        return false;
    any_value_put(&out, any);
    *v = ottl_string(ottl_keep(&e->arena, buf_bytes(&out)));
    buf_free(&out);
    return true;
}

/* ---- packed numbers as lists ---- */

static struct ottl_value number_value(enum path_shape shape, uint64_t bits)
{
    return shape == PATH_BOUNDS ? ottl_double(pb_double(bits)) : ottl_int((int64_t)bits);
}

static void put_number(struct buf *out, enum path_shape shape, uint64_t bits)
{
    struct ottl_value v = number_value(shape, bits);
    size_t mark = pb_begin(out, OTLP_LIST_VALUES);

    ottl_value_put(out, &v);
    pb_end(out, mark);
}

static void put_packed(struct buf *out, enum path_shape shape, struct bytes packed)
{
    const uint8_t *p = packed.data, *end = bytes_end(packed);
    uint64_t bits;

    while (p != end) {
        if (shape == PATH_SMALL_COUNTS) {
            if (!pb_varint(&p, end, &bits))
                return;
        } else {
            if (end - p < 8)
                return;
            bits = pb_load64(p);
            p += 8;
        }
        put_number(out, shape, bits);
    }
}

/* As many numbers as the fields may have, before there is memory for them. */
static bool spend_numbers(struct ottl_evaluation *e, enum path_shape shape, struct bytes message, uint32_t number)
{
    struct pb_reader r = pb_reader(message);
    uint64_t n = 0;

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number == number)
            n += f.wire != PB_LEN ? 1 : shape == PATH_SMALL_COUNTS ? f.bytes.len : f.bytes.len / 8;
    return eval_spend(e, message.len / 256 + n);
}

static bool get_list(struct ottl_evaluation *e, enum path_shape shape, struct bytes message, uint32_t number,
                     struct ottl_value *v)
{
    struct pb_reader r = pb_reader(message);
    struct buf out = { 0 };

    if (!spend_numbers(e, shape, message, number))
        return false;
    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number != number)
            continue;
        if (f.wire == PB_LEN)
            put_packed(&out, shape, f.bytes);
        else
            put_number(&out, shape, f.u64);
    }
    *v = ottl_bytes(OTTL_LIST, ottl_keep(&e->arena, buf_bytes(&out)));
    buf_free(&out);
    return true;
}

/* ---- shapes with keys ---- */

static struct bytes lower_name(struct ottl_evaluation *e, struct bytes name)
{
    char *lower = arena_strndup(&e->arena, name.data, name.len);

    for (size_t i = 0; i < name.len; i++)
        if (lower[i] >= 'A' && lower[i] <= 'Z')
            lower[i] = (char)(lower[i] + ('a' - 'A'));
    return bytes_of(lower, name.len);
}

static bool get_map(struct ottl_evaluation *e, const struct ottl_node *n, struct bytes message, uint32_t number,
                    struct ottl_value *v)
{
    struct ottl_value key = ottl_nil();
    struct bytes any;

    if (n->n == 0) {
        if (!eval_spend(e, message.len / 64))
            return false;
        *v = ottl_bytes(OTTL_MAP, message_map(&e->arena, message, number));
        return true;
    }
    if (!eval_value(e, n->kids[0], &key))
        return false;
    if (key.type != OTTL_STRING)
        return eval_fail(e, "the key of %s is a string, not %s", n->row->name, ottl_type_name(key.type));
    if (n->row->shape == PATH_METADATA)
        key.bytes = lower_name(e, key.bytes);
    if (!(message.len >= EVAL_LONG && n->kids[0]->kind == NODE_LITERAL && n->row->shape == PATH_MAP
              ? eval_attribute(e, n, message, &any)
              : message_attribute(message, number, key.bytes, &any))) {
        *v = ottl_nil();
        return true;
    }
    *v = ottl_value_read(any);
    return n->n == 1 || eval_index(e, n->kids + 1, n->n - 1, v);
}

/* The member `key` of a trace state; false: there is none. */
static bool find_member(struct bytes text, struct bytes key, struct bytes *value)
{
    while (text.len > 0) {
        const uint8_t *comma = memchr(text.data, ',', text.len);
        size_t n = comma != NULL ? (size_t)(comma - text.data) : text.len;
        struct bytes member = bytes_trim(bytes_of(text.data, n));

        if (member.len > key.len && member.data[key.len] == '=' &&
            (key.len == 0 || memcmp(member.data, key.data, key.len) == 0)) {
            *value = bytes_skip(member, key.len + 1);
            return true;
        }
        text = bytes_skip(text, comma != NULL ? n + 1 : n);
    }
    return false;
}

static bool get_trace_state(struct ottl_evaluation *e, const struct ottl_node *n, struct bytes text,
                            struct ottl_value *v)
{
    struct bytes member = bytes_of("", 0);
    struct ottl_value key = ottl_nil();

    *v = ottl_string(text);
    if (n->n == 0)
        return true;
    if (!eval_value(e, n->kids[0], &key))
        return false;
    if (key.type != OTTL_STRING)
        return eval_fail(e, "the key of %s is a string", n->row->name);
    find_member(text, key.bytes, &member);
    *v = ottl_string(member);
    return true;
}

static bool get_cache(struct ottl_evaluation *e, const struct ottl_node *n, struct ottl_value *v)
{
    *v = ottl_bytes(OTTL_MAP, e->cache);
    return eval_index(e, n->kids, n->n, v);
}

/* ---- all ---- */

/* Fields of the item itself, and of long messages that it is in, are found by an index: they are asked for again. */
static struct message_index *index_of(struct ottl_evaluation *e, struct bytes message)
{
    struct message_index *above = NULL;

    if (message.len < EVAL_LONG)
        return message.data == e->item.item.data ? &e->index : NULL;
    for (enum path_part part = PART_RESOURCE; part <= PART_ITEM && above == NULL; part++)
        if (message.data == item_part(&e->item, part)->data)
            above = eval_index_above(e, part, message);
    return above != NULL || message.data != e->item.item.data ? above : &e->index;
}

static bool find_field(struct ottl_evaluation *e, struct bytes message, uint32_t number, struct pb_field *f)
{
    struct message_index *index = index_of(e, message);

    return index != NULL ? message_find_indexed(index, message, number, f) : message_find(message, number, f);
}

static uint64_t read_number(struct ottl_evaluation *e, struct bytes message, uint32_t number)
{
    struct pb_field f;

    return find_field(e, message, number, &f) && f.wire != PB_LEN ? f.u64 : 0;
}

static struct bytes read_bytes(struct ottl_evaluation *e, struct bytes message, uint32_t number)
{
    struct pb_field f;

    return find_field(e, message, number, &f) && f.wire == PB_LEN ? f.bytes : bytes_of("", 0);
}

/* What is one field, of the message that it is in. */
static struct ottl_value get_field(struct ottl_evaluation *e, enum path_shape shape, struct bytes message,
                                   uint32_t number)
{
    struct ottl_value v;

    switch (shape) {
    case PATH_STRING:
        return ottl_string(read_bytes(e, message, number));
    case PATH_SINT:
        return ottl_int(pb_unzigzag(read_number(e, message, number)));
    case PATH_BOOL:
        return ottl_bool(read_number(e, message, number) != 0);
    case PATH_TIME:
        v = ottl_int((int64_t)read_number(e, message, number));
        v.type = OTTL_TIME;
        return v;
    case PATH_DOUBLE:
        return ottl_double(pb_double(read_number(e, message, number)));
    case PATH_BYTES:
        return ottl_bytes(OTTL_BYTES, read_bytes(e, message, number));
    case PATH_TRACE_ID:
        return id_value(read_bytes(e, message, number), 16);
    case PATH_SPAN_ID:
        return id_value(read_bytes(e, message, number), 8);
    case PATH_TRACE_HEX:
        return hex_value(e, read_bytes(e, message, number), 16);
    case PATH_SPAN_HEX:
        return hex_value(e, read_bytes(e, message, number), 8);
    case PATH_KIND:
    case PATH_KIND_OLD:
        return kind_value(read_number(e, message, number), shape == PATH_KIND_OLD);
    default:
        return ottl_int((int64_t)read_number(e, message, number));
    }
}

bool path_find(struct ottl_evaluation *e, const struct ottl_node *n, struct bytes *message, uint32_t *number)
{
    *message = *item_part(&e->item, n->part);
    *number = path_number(e, n);
    if (n->row->in_data) {
        uint32_t kind = metric_data(*message, message);

        return kind == OTLP_METRIC_SUM || (n->row->shape == PATH_OBJECTS && kind != 0) ||
               (n->row->shape == PATH_INT && (kind == OTLP_METRIC_HISTOGRAM || kind == OTLP_METRIC_EXPONENTIAL));
    }
    if (n->row->outer != 0)
        *message = message_bytes(*message, n->row->outer);
    return *number != 0;
}

static struct ottl_value get_schema_url(const struct ottl_item *item, enum path_part part)
{
    const struct ottl_schema *s = &item->schema[part - PART_RESOURCE];
    struct bytes url = s->url;

    if (!s->given)
        url = item->at == NULL        ? bytes_of("", 0)
              : part == PART_RESOURCE ? visit_schema_url(item->at, LEVEL_RESOURCE)
                                      : visit_schema_url(item->at, LEVEL_SCOPE);
    return ottl_string(url);
}

bool path_get(struct ottl_evaluation *e, const struct ottl_node *n, struct ottl_value *v)
{
    enum path_shape shape = n->row->shape;
    struct bytes message;
    uint32_t number;

    if (n->part == PART_METRIC && !eval_spend(e, e->item.metric.len / WALKED_BYTES))
        return false;
    if (shape == PATH_CACHE)
        return get_cache(e, n, v);
    if (shape == PATH_OBJECT || shape == PATH_OBJECTS)
        return objects_get(e, n, v);
    if (shape == PATH_TYPE || shape == PATH_INDEX) {
        *v = shape == PATH_TYPE ? type_value(e->item.metric) : ottl_int((int64_t)e->item.index);
        return true;
    }
    if (shape == PATH_SCHEMA_URL) {
        *v = get_schema_url(&e->item, n->part);
        return true;
    }
    if (!path_find(e, n, &message, &number)) {
        *v = ottl_nil();
        return true;
    }
    if (!eval_spend(e, message.len / WALKED_BYTES))
        return false;
    switch (shape) {
    case PATH_MAP:
    case PATH_METADATA:
        return get_map(e, n, message, number, v);
    case PATH_PROFILE_MAP:
        return dictionary_get_map(e, n, message, v);
    case PATH_NAMED:
        return dictionary_get_string(e, read_number(e, message, number), v);
    case PATH_ANY:
        *v = ottl_value_read(read_bytes(e, message, number));
        return n->n == 0 || eval_index(e, n->kids, n->n, v);
    case PATH_ANY_TEXT:
        return get_any_text(e, read_bytes(e, message, number), v);
    case PATH_TRACE_STATE:
        return get_trace_state(e, n, read_bytes(e, message, number), v);
    case PATH_COUNTS:
    case PATH_SMALL_COUNTS:
    case PATH_BOUNDS:
        return get_list(e, shape, message, number, v);
    default:
        *v = get_field(e, shape, message, number);
        return true;
    }
}
