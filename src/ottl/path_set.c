/* SPDX-License-Identifier: Apache-2.0 */
/* A path is set by making its message anew around the field, in scratch memory; messages that the field is nested in
 * follow from the inside out. The item then has the new message, which the next statement sees. A value of a type that
 * the path does not hold fails the statement and changes nothing. */
#include "otlp/fields.h"
#include "ottl/dictionary.h"

#include <ctype.h>

static const unsigned part_changes[PARTS] = { OTTL_CHANGED_RESOURCE, OTTL_CHANGED_SCOPE, OTTL_CHANGED_METRIC,
                                              OTTL_CHANGED_ITEM, OTTL_CHANGED_BELOW };

/* The part of the item is this from now on. */
static bool put_part(struct ottl_evaluation *e, enum path_part part, struct bytes message)
{

    *item_part(&e->item, part) = message;
    e->changed |= part_changes[part];
    return eval_spend(e, message.len / 64);
}

/* The same, from the message that the field is in. */
bool path_put_message(struct ottl_evaluation *e, const struct ottl_node *n, struct bytes message)
{
    struct bytes whole = *item_part(&e->item, n->part), data;

    if (n->row->in_data)
        message = message_replace_bytes(&e->arena, whole, metric_data(whole, &data), message);
    else if (n->row->outer != 0)
        message = message_replace_bytes(&e->arena, whole, n->row->outer, message);
    return put_part(e, n->part, message);
}

static struct bytes inner_message(struct ottl_evaluation *e, const struct ottl_node *n)
{
    struct bytes whole = *item_part(&e->item, n->part), data = { NULL, 0 };

    if (n->row->in_data)
        metric_data(whole, &data);
    else if (n->row->outer != 0)
        data = message_bytes(whole, n->row->outer);
    else
        data = whole;
    return data;
}

static bool complain_type(struct ottl_evaluation *e, const struct ottl_node *n, enum ottl_type wants,
                          const struct ottl_value *v)
{
    return eval_fail(e, "%s holds %s and cannot be set to %s", n->row->name, ottl_type_name(wants),
                     ottl_type_name(v->type));
}

/* ---- single fields ---- */

static enum ottl_type type_of_shape(enum path_shape shape)
{
    switch (shape) {
    case PATH_STRING:
    case PATH_TRACE_HEX:
    case PATH_SPAN_HEX:
    case PATH_ANY_TEXT:
    case PATH_TRACE_STATE:
    case PATH_KIND:
    case PATH_KIND_OLD:
        return OTTL_STRING;
    case PATH_BOOL:
        return OTTL_BOOL;
    case PATH_TIME:
        return OTTL_TIME;
    case PATH_DOUBLE:
        return OTTL_DOUBLE;
    case PATH_TRACE_ID:
    case PATH_SPAN_ID:
    case PATH_BYTES:
        return OTTL_BYTES;
    case PATH_COUNTS:
    case PATH_SMALL_COUNTS:
    case PATH_BOUNDS:
        return OTTL_LIST;
    default:
        return OTTL_INT;
    }
}

static bool put_id(struct ottl_evaluation *e, struct buf *out, uint32_t number, struct bytes id, size_t len)
{
    if (id.len != len)
        return eval_fail(e, "an id of %zu bytes where it has %zu", id.len, len);
    if (!bytes_is_zero(id))
        pb_put_bytes(out, number, id);
    return true;
}

static bool put_hex_id(struct ottl_evaluation *e, struct buf *out, uint32_t number, struct bytes hex, size_t len)
{
    uint8_t id[16] = { 0 };

    if (hex.len != len * 2)
        return eval_fail(e, "an id has %zu hexadecimal digits, not %zu", len * 2, hex.len);
    for (size_t i = 0; i < hex.len; i++) {
        uint8_t c = hex.data[i];

        if (!isxdigit(c))
            return eval_fail(e, "an id has hexadecimal digits only");
        id[i / 2] = (uint8_t)(id[i / 2] << 4 | (isdigit(c) ? c - '0' : (c | 0x20) - 'a' + 10));
    }
    return put_id(e, out, number, bytes_of(id, len), len);
}

static bool put_kind(struct ottl_evaluation *e, struct buf *out, uint32_t number, struct bytes name, bool old)
{
    static const char *const kinds[] = { "Unspecified", "Internal", "Server", "Client", "Producer", "Consumer" };
    static const char *const olds[] = { "SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER",
                                        "SPAN_KIND_CLIENT",      "SPAN_KIND_PRODUCER", "SPAN_KIND_CONSUMER" };

    for (uint64_t i = 0; i < 6; i++)
        if (bytes_is(name, (old ? olds : kinds)[i])) {
            if (i > 0)
                pb_put_uint(out, number, i);
            return true;
        }
    return eval_fail(e, "\"%.*s\" is no kind of a span", (int)(name.len < 60 ? name.len : 60), (const char *)name.data);
}

/* A varint that is 0 is not written. */
static void put_varint(struct buf *out, uint32_t number, uint64_t v)
{
    if (v != 0)
        pb_put_uint(out, number, v);
}

static bool put_any_text(struct buf *out, uint32_t number, const struct ottl_value *v)
{
    size_t mark = pb_begin(out, number);

    ottl_value_put(out, v);
    pb_end(out, mark);
    return true;
}

/* Enums and flags have 32 bits on the wire, of which Go keeps the lower ones. */
static bool put_field(struct ottl_evaluation *e, struct buf *out, enum path_shape shape, uint32_t number,
                      const struct ottl_value *v)
{
    switch (shape) {
    case PATH_STRING:
    case PATH_TRACE_STATE:
        if (v->bytes.len > 0)
            pb_put_bytes(out, number, v->bytes);
        return true;
    case PATH_INT:
        put_varint(out, number, (uint32_t)v->integer);
        return true;
    case PATH_AMOUNT:
        if (v->integer < 0)
            return eval_fail(e, "a duration is not below 0");
        put_varint(out, number, (uint64_t)v->integer);
        return true;
    case PATH_LONG:
        put_varint(out, number, (uint64_t)v->integer);
        return true;
    case PATH_SINT:
        put_varint(out, number, pb_zigzag((int32_t)v->integer));
        return true;
    case PATH_BOOL:
        put_varint(out, number, v->boolean);
        return true;
    case PATH_FIXED32:
        if ((uint32_t)v->integer != 0)
            pb_put_fixed32(out, number, (uint32_t)v->integer);
        return true;
    case PATH_FIXED64:
    case PATH_TIME:
        if (v->integer != 0)
            pb_put_fixed64(out, number, (uint64_t)v->integer);
        return true;
    case PATH_SFIXED64:
        pb_put_fixed64(out, number, (uint64_t)v->integer);
        return true;
    case PATH_DOUBLE:
        pb_put_double(out, number, v->number);
        return true;
    case PATH_BYTES:
        pb_put_bytes(out, number, v->bytes);
        return true;
    case PATH_TRACE_ID:
    case PATH_SPAN_ID:
        return put_id(e, out, number, v->bytes, shape == PATH_TRACE_ID ? 16 : 8);
    case PATH_TRACE_HEX:
    case PATH_SPAN_HEX:
        return put_hex_id(e, out, number, v->bytes, shape == PATH_TRACE_HEX ? 16 : 8);
    case PATH_KIND:
    case PATH_KIND_OLD:
        return put_kind(e, out, number, v->bytes, shape == PATH_KIND_OLD);
    case PATH_ANY_TEXT:
        return put_any_text(out, number, v);
    default:
        return eval_fail(e, "this cannot be set");
    }
}

/* ---- packed numbers ---- */

static bool put_numbers(struct ottl_evaluation *e, struct buf *out, const struct ottl_node *n, uint32_t number,
                        struct bytes list)
{
    struct pb_reader r = pb_reader(list);
    enum path_shape shape = n->row->shape;
    size_t mark = pb_begin(out, number);

    for (struct pb_field f; pb_next(&r, &f);) {
        struct ottl_value v;
        uint64_t bits;

        if (f.number != OTLP_LIST_VALUES || f.wire != PB_LEN)
            continue;
        v = ottl_value_read(f.bytes);
        if (v.type != (shape == PATH_BOUNDS ? OTTL_DOUBLE : OTTL_INT))
            return complain_type(e, n, OTTL_LIST, &v);
        bits = shape == PATH_BOUNDS ? pb_bits(v.number) : (uint64_t)v.integer;
        if (shape == PATH_SMALL_COUNTS)
            pb_put_varint(out, bits);
        else
            buf_append(out, &bits, 8); /* little-endian, as pb.c has checked */
    }
    pb_end(out, mark);
    return true;
}

/* ---- maps and values with keys ---- */

static bool set_map(struct ottl_evaluation *e, const struct ottl_node *n, struct bytes message, uint32_t number,
                    const struct ottl_value *v)
{
    struct bytes any = { NULL, 0 };
    struct ottl_value key = ottl_nil();

    if (n->n == 0) {
        if (v->type != OTTL_MAP)
            return complain_type(e, n, OTTL_MAP, v);
        if (!ottl_value_keep(&e->arena, v, &any) || !keyed_is_shallow(e, any))
            return false;
        return path_put_message(e, n, message_map_set(&e->arena, message, number, v->bytes));
    }
    if (!eval_value(e, n->kids[0], &key))
        return false;
    if (key.type != OTTL_STRING)
        return eval_fail(e, "the key of %s is a string, not %s", n->row->name, ottl_type_name(key.type));
    if (n->n > 1)
        message_attribute(message, number, key.bytes, &any);
    if (!keyed_set(e, n->kids + 1, n->n - 1, &any, v) || !keyed_is_shallow(e, any))
        return false;
    return path_put_message(e, n, message_attribute_set(&e->arena, message, number, key.bytes, any));
}

static bool set_any(struct ottl_evaluation *e, const struct ottl_node *n, struct bytes message, uint32_t number,
                    const struct ottl_value *v)
{
    struct bytes any = message_bytes(message, number);
    struct ottl_value old = ottl_value_read(any);

    if (n->n > 0 && old.type != OTTL_MAP && old.type != OTTL_LIST)
        return eval_fail(e, "%s is %s and cannot be indexed", n->row->name, ottl_type_name(old.type));
    if (!keyed_set(e, n->kids, n->n, &any, v) || !keyed_is_shallow(e, any))
        return false;
    return path_put_message(e, n, message_replace_bytes(&e->arena, message, number, any));
}

static bool set_cache(struct ottl_evaluation *e, const struct ottl_node *n, const struct ottl_value *v)
{
    struct ottl_value whole = ottl_bytes(OTTL_MAP, e->cache);
    struct bytes any;

    if (n->n == 0 && v->type != OTTL_MAP)
        return complain_type(e, n, OTTL_MAP, v);
    if (!ottl_value_keep(&e->arena, &whole, &any) || !keyed_set(e, n->kids, n->n, &any, v) || !keyed_is_shallow(e, any))
        return false;
    e->cache = ottl_value_read(any).bytes;
    return true;
}

/* The member is the first from now on, as W3C wants of one that was changed. */
static bool set_member(struct ottl_evaluation *e, const struct ottl_node *n, struct bytes message, uint32_t number,
                       const struct ottl_value *v)
{
    struct bytes text = message_bytes(message, number);
    struct ottl_value key = ottl_nil(), made;
    struct buf out = { 0 };

    if (!eval_value(e, n->kids[0], &key))
        return false;
    if (key.type != OTTL_STRING)
        return eval_fail(e, "the key of %s is a string", n->row->name);
    buf_put(&out, key.bytes);
    buf_putc(&out, '=');
    buf_put(&out, v->bytes);
    while (text.len > 0) {
        const uint8_t *comma = memchr(text.data, ',', text.len);
        size_t len = comma != NULL ? (size_t)(comma - text.data) : text.len;
        struct bytes member = bytes_trim(bytes_of(text.data, len));

        if (!(member.len > key.bytes.len && member.data[key.bytes.len] == '=' &&
              memcmp(member.data, key.bytes.data, key.bytes.len) == 0)) {
            buf_putc(&out, ',');
            buf_put(&out, member);
        }
        text = bytes_skip(text, comma != NULL ? len + 1 : len);
    }
    made = ottl_string(ottl_keep(&e->arena, buf_bytes(&out)));
    buf_free(&out);
    return path_put_message(e, n, message_replace_bytes(&e->arena, message, number, made.bytes));
}

/* ---- all ---- */

static bool set_list(struct ottl_evaluation *e, const struct ottl_node *n, struct bytes message, uint32_t number,
                     const struct ottl_value *v)
{
    struct buf out = { 0 };
    bool good;

    if (v->type != OTTL_LIST)
        return complain_type(e, n, OTTL_LIST, v);
    good = put_numbers(e, &out, n, number, v->bytes);
    if (good)
        good =
            path_put_message(e, n, message_replace(&e->arena, message, number, ottl_keep(&e->arena, buf_bytes(&out))));
    buf_free(&out);
    return good;
}

static bool set_field(struct ottl_evaluation *e, const struct ottl_node *n, struct bytes message, uint32_t number,
                      const struct ottl_value *v)
{
    enum ottl_type wants = type_of_shape(n->row->shape);
    struct buf out = { 0 };
    bool good;

    if (v->type != wants)
        return complain_type(e, n, wants, v);
    if (n->row->shape == PATH_TRACE_STATE && n->n > 0)
        return set_member(e, n, message, number, v);
    good = put_field(e, &out, n->row->shape, number, v);
    if (good) {
        message = message_replace(&e->arena, message, number, ottl_keep(&e->arena, buf_bytes(&out)));
        if (n->row->rival != 0)
            message = message_replace(&e->arena, message, n->row->rival, bytes_of(NULL, 0));
        good = path_put_message(e, n, message);
    }
    buf_free(&out);
    return good;
}

static bool set_schema_url(struct ottl_evaluation *e, const struct ottl_node *n, const struct ottl_value *v)
{
    if (v->type != OTTL_STRING)
        return complain_type(e, n, OTTL_STRING, v);
    e->item.schema[n->part - PART_RESOURCE] = (struct ottl_schema){ true, v->bytes };
    e->changed |= part_changes[n->part];
    return true;
}

static bool set_named(struct ottl_evaluation *e, const struct ottl_node *n, struct bytes message, uint32_t number,
                      const struct ottl_value *v)
{
    struct buf out = { 0 };
    uint64_t named;
    bool good;

    if (v->type != OTTL_STRING)
        return complain_type(e, n, OTTL_STRING, v);
    if (!dictionary_number_of(e, v->bytes, &named))
        return false;
    put_varint(&out, number, named);
    good = path_put_message(e, n, message_replace(&e->arena, message, number, ottl_keep(&e->arena, buf_bytes(&out))));
    buf_free(&out);
    return good;
}

/* Of metrics whose data has no such field nothing is set, and that is no fault. */
static bool is_without(struct ottl_evaluation *e, const struct ottl_node *n)
{
    struct bytes data;
    uint32_t kind;

    if (!n->row->in_data)
        return false;
    kind = metric_data(e->item.metric, &data);
    if (n->row->shape == PATH_BOOL)
        return kind != OTLP_METRIC_SUM;
    return kind != OTLP_METRIC_SUM && kind != OTLP_METRIC_HISTOGRAM && kind != OTLP_METRIC_EXPONENTIAL;
}

bool path_set(struct ottl_evaluation *e, const struct ottl_node *n, const struct ottl_value *v)
{
    uint32_t number = path_number(e, n);
    struct bytes message;

    if (n->row->shape == PATH_CACHE)
        return set_cache(e, n, v);
    if (n->row->shape == PATH_SCHEMA_URL)
        return set_schema_url(e, n, v);
    if (n->row->shape == PATH_OBJECT || n->row->shape == PATH_OBJECTS)
        return objects_set(e, n, v);
    if (n->row->shape == PATH_TYPE || is_without(e, n))
        return true;
    if (n->row->shape == PATH_INDEX)
        return eval_fail(e, "%s cannot be set", n->row->name);
    if (number == 0)
        return eval_fail(e, "data points of this kind have no %s", n->row->name);
    message = inner_message(e, n);
    switch (n->row->shape) {
    case PATH_METADATA:
        return eval_fail(e, "%s cannot be set", n->row->name);
    case PATH_MAP:
        return set_map(e, n, message, number, v);
    case PATH_PROFILE_MAP:
        return dictionary_set_map(e, n, message, v);
    case PATH_NAMED:
        return set_named(e, n, message, number, v);
    case PATH_ANY:
        return set_any(e, n, message, number, v);
    case PATH_COUNTS:
    case PATH_SMALL_COUNTS:
    case PATH_BOUNDS:
        return set_list(e, n, message, number, v);
    default:
        return set_field(e, n, message, number, v);
    }
}

/* A key of the attributes themselves goes by one copy; of a map below, the map is made anew. */
bool path_delete(struct ottl_evaluation *e, const struct ottl_node *n, struct bytes key)
{
    struct ottl_value map = ottl_nil();
    struct bytes any;

    if (n->row->shape == PATH_MAP && n->n == 0) {
        struct bytes message = inner_message(e, n);
        uint32_t number = path_number(e, n);

        if (!message_attribute(message, number, key, &any))
            return true;
        return path_put_message(e, n, message_attribute_delete(&e->arena, message, number, key));
    }
    if (!path_get(e, n, &map))
        return false;
    if (map.type != OTTL_MAP)
        return complain_type(e, n, OTTL_MAP, &map);
    map.bytes = message_attribute_delete(&e->arena, map.bytes, OTLP_LIST_VALUES, key);
    return path_set(e, n, &map);
}
