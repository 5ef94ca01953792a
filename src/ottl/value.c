/* SPDX-License-Identifier: Apache-2.0 */
/* Values are read off the wire by otlp/any_value.h and written back in the same form. Maps and lists stay bytes: a key
 * is looked for by walking, and a change is a copy with one field exchanged, so that what holds the old bytes keeps
 * them. Nothing here fails but for what OTLP has no form for. */
#include "ottl/value.h"

#include "base/decimal.h"
#include "config/decode.h"
#include "otlp/fields.h"
#include "ottl/message.h"

#include <stdlib.h>
#include <time.h>

const char *ottl_type_name(enum ottl_type type)
{
    static const char *const names[] = {
        [OTTL_NIL] = "nil",         [OTTL_BOOL] = "a boolean",
        [OTTL_INT] = "an integer",  [OTTL_DOUBLE] = "a float",
        [OTTL_STRING] = "a string", [OTTL_BYTES] = "bytes",
        [OTTL_LIST] = "a list",     [OTTL_MAP] = "a map",
        [OTTL_TIME] = "a time",     [OTTL_DURATION] = "a duration",
        [OTTL_VALUES] = "a list",   [OTTL_FUNCTION] = "a function",
        [OTTL_OBJECTS] = "objects",
    };

    return names[type];
}

struct ottl_value ottl_value_read(struct bytes any_value)
{
    struct value v;

    /* a short string, which most are, by its shape */
    if (any_value.len >= 2 && any_value.data[0] == PB_TAG(OTLP_ANY_STRING, PB_LEN) && any_value.data[1] < 0x80 &&
        any_value.data[1] == any_value.len - 2)
        return ottl_string(bytes_of(any_value.data + 2, any_value.len - 2));
    v = value_read(any_value);
    switch (v.type) {
    case VALUE_STRING:
        return ottl_string(v.bytes);
    case VALUE_BOOL:
        return ottl_bool(v.boolean);
    case VALUE_INT:
        return ottl_int(v.integer);
    case VALUE_DOUBLE:
        return ottl_double(v.number);
    case VALUE_ARRAY:
        return ottl_bytes(OTTL_LIST, v.bytes);
    case VALUE_MAP:
        return ottl_bytes(OTTL_MAP, v.bytes);
    case VALUE_BYTES:
        return ottl_bytes(OTTL_BYTES, v.bytes);
    default:
        return ottl_nil();
    }
}

bool ottl_value_put(struct buf *out, const struct ottl_value *v)
{
    static const uint8_t numbers[] = { [OTTL_STRING] = OTLP_ANY_STRING,
                                       [OTTL_BYTES] = OTLP_ANY_BYTES,
                                       [OTTL_LIST] = OTLP_ANY_ARRAY,
                                       [OTTL_MAP] = OTLP_ANY_MAP };

    switch (v->type) {
    case OTTL_NIL:
        return true;
    case OTTL_BOOL:
        pb_put_uint(out, OTLP_ANY_BOOL, v->boolean);
        return true;
    case OTTL_INT:
        pb_put_uint(out, OTLP_ANY_INT, (uint64_t)v->integer);
        return true;
    case OTTL_DOUBLE:
        pb_put_double(out, OTLP_ANY_DOUBLE, v->number);
        return true;
    case OTTL_STRING:
    case OTTL_BYTES:
    case OTTL_LIST:
    case OTTL_MAP:
        pb_put_bytes(out, numbers[v->type], v->bytes);
        return true;
    default:
        return false;
    }
}

struct bytes ottl_keep(struct arena *a, struct bytes b)
{
    uint8_t *copy;

    if (b.len == 0)
        return bytes_of("", 0);
    copy = arena_alloc_bytes(a, b.len);
    memcpy(copy, b.data, b.len);
    return bytes_of(copy, b.len);
}

/* Of strings, which are the most, without a detour. */
bool ottl_value_keep(struct arena *a, const struct ottl_value *v, struct bytes *any_value)
{
    struct buf out = { 0 };
    bool fits;

    if (v->type == OTTL_STRING) {
        size_t n = field_len(OTLP_ANY_STRING, v->bytes.len);
        uint8_t *at = arena_alloc_bytes(a, n);

        field_put(at, OTLP_ANY_STRING, v->bytes);
        *any_value = bytes_of(at, n);
        return true;
    }
    fits = ottl_value_put(&out, v);
    *any_value = ottl_keep(a, buf_bytes(&out));
    buf_free(&out);
    return fits;
}

void ottl_map_put(struct buf *map, struct bytes key, struct bytes any_value)
{
    size_t pair = field_len(OTLP_KEY_VALUE_KEY, key.len) + field_len(OTLP_KEY_VALUE_VALUE, any_value.len);
    uint8_t *at = buf_reserve(map, field_len(OTLP_LIST_VALUES, pair)), *end;

    end = at + pb_put_varint_at(at, PB_TAG(OTLP_LIST_VALUES, PB_LEN));
    end += pb_put_varint_at(end, pair);
    end = field_put(end, OTLP_KEY_VALUE_KEY, key);
    end = field_put(end, OTLP_KEY_VALUE_VALUE, any_value);
    map->len += (size_t)(end - at);
}

void ottl_list_put(struct buf *list, struct bytes any_value)
{
    pb_put_bytes(list, OTLP_LIST_VALUES, any_value);
}

struct ottl_value ottl_map_get(struct bytes map, struct bytes key)
{
    struct pb_reader r = pb_reader(map);

    for (struct attribute a; attribute_next(&r, OTLP_LIST_VALUES, &a);)
        if (bytes_equal(a.key, key))
            return ottl_value_read(a.value);
    return ottl_nil();
}

/* `whole` with the bytes from `from` to `to` exchanged. */
static struct bytes exchange_bytes(struct arena *a, struct bytes whole, const uint8_t *from, const uint8_t *to,
                                   struct bytes by)
{
    size_t before = (size_t)(from - whole.data), behind = (size_t)(bytes_end(whole) - to);
    uint8_t *made = arena_alloc_bytes(a, before + by.len + behind + 1);

    if (before > 0)
        memcpy(made, whole.data, before);
    if (by.len > 0)
        memcpy(made + before, by.data, by.len);
    if (behind > 0)
        memcpy(made + before + by.len, to, behind);
    return bytes_of(made, before + by.len + behind);
}

struct bytes ottl_map_set(struct arena *a, struct bytes map, struct bytes key, struct bytes any_value)
{
    struct pb_reader r = pb_reader(map);
    const uint8_t *from = bytes_end(map), *to = from;
    struct buf pair = { 0 };
    struct bytes made;

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number == OTLP_LIST_VALUES && f.wire == PB_LEN && bytes_equal(attribute_of(f.bytes).key, key)) {
            from = f.start;
            to = r.p;
            break;
        }
    ottl_map_put(&pair, key, any_value);
    made = exchange_bytes(a, map, from, to, buf_bytes(&pair));
    buf_free(&pair);
    return made;
}

size_t ottl_list_len(struct bytes list)
{
    struct pb_reader r = pb_reader(list);
    size_t n = 0;

    for (struct pb_field f; pb_next(&r, &f);)
        n += f.number == OTLP_LIST_VALUES && f.wire == PB_LEN;
    return n;
}

/* The field at an index; r->p is behind it. */
static bool find_element(struct pb_reader *r, int64_t at, struct pb_field *f)
{
    while (at >= 0 && pb_next(r, f))
        if (f->number == OTLP_LIST_VALUES && f->wire == PB_LEN && at-- == 0)
            return true;
    return false;
}

bool ottl_list_get(struct bytes list, int64_t at, struct ottl_value *v)
{
    struct pb_reader r = pb_reader(list);
    struct pb_field f;

    if (!find_element(&r, at, &f))
        return false;
    *v = ottl_value_read(f.bytes);
    return true;
}

struct bytes ottl_list_set(struct arena *a, struct bytes list, int64_t at, struct bytes any_value)
{
    struct pb_reader r = pb_reader(list);
    struct buf element = { 0 };
    struct bytes made = list;
    struct pb_field f;

    ottl_list_put(&element, any_value);
    if (find_element(&r, at, &f))
        made = exchange_bytes(a, list, f.start, r.p, buf_bytes(&element));
    buf_free(&element);
    return made;
}

/* ---- text ---- */

static void put_time(struct buf *out, int64_t ns, int32_t offset)
{
    int64_t rest = ns % 1000000000, seconds = ns / 1000000000 + offset;
    time_t t = (time_t)(rest < 0 ? seconds - 1 : seconds);
    int n = (int)(rest < 0 ? rest + 1000000000 : rest), digits = 9, minutes = abs(offset) / 60;
    struct tm tm;

    gmtime_r(&t, &tm);
    buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
               tm.tm_min, tm.tm_sec);
    while (n > 0 && n % 10 == 0) {
        n /= 10;
        digits--;
    }
    if (n > 0)
        buf_printf(out, ".%0*d", digits, n);
    if (offset == 0)
        buf_putc(out, 'Z');
    else
        buf_printf(out, "%c%02d:%02d", offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

static void put_hex(struct buf *out, struct bytes b)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t *at = buf_reserve(out, b.len * 2 + 1);

    for (size_t i = 0; i < b.len; i++) {
        *at++ = (uint8_t)digits[b.data[i] >> 4];
        *at++ = (uint8_t)digits[b.data[i] & 15];
    }
    out->len += b.len * 2;
}

bool ottl_value_text(struct arena *a, const struct ottl_value *v, struct bytes *text)
{
    struct buf out = { 0 }, any = { 0 };

    if (v->type == OTTL_STRING) {
        *text = v->bytes;
        return true;
    }
    if (v->type == OTTL_NIL)
        return false;
    if (v->type == OTTL_BYTES)
        put_hex(&out, v->bytes);
    else if (v->type == OTTL_TIME)
        put_time(&out, v->integer, v->offset);
    else if (v->type == OTTL_DURATION)
        duration_print(v->integer, &out);
    else if (ottl_value_put(&any, v))
        any_value_put(&out, buf_bytes(&any));
    *text = ottl_keep(a, buf_bytes(&out));
    buf_free(&any);
    buf_free(&out);
    return true;
}

/* ---- comparing ---- */

static bool order_holds(enum ottl_operator op, bool less, bool equal, bool greater)
{
    switch (op) {
    case OTTL_EQ:
        return equal;
    case OTTL_NE:
        return !equal;
    case OTTL_LT:
        return less;
    case OTTL_LE:
        return less || equal;
    case OTTL_GT:
        return greater;
    default:
        return greater || equal;
    }
}

static bool is_number(const struct ottl_value *v)
{
    return v->type == OTTL_INT || v->type == OTTL_DOUBLE;
}

static bool wire_equal(const struct ottl_value *a, const struct ottl_value *b)
{
    struct value x = { .type = a->type == OTTL_MAP ? VALUE_MAP : VALUE_ARRAY, .bytes = a->bytes };
    struct value y = { .type = x.type, .bytes = b->bytes };

    return value_equal(&x, &y);
}

static bool compare_numbers(const struct ottl_value *a, enum ottl_operator op, const struct ottl_value *b)
{
    double x = a->type == OTTL_INT ? (double)a->integer : a->number;
    double y = b->type == OTTL_INT ? (double)b->integer : b->number;

    return order_holds(op, x<y, x == y, x> y);
}

bool ottl_compare(const struct ottl_value *a, enum ottl_operator op, const struct ottl_value *b)
{
    int order;

    if (a->type != b->type)
        return is_number(a) && is_number(b) ? compare_numbers(a, op, b) : op == OTTL_NE;
    switch (a->type) {
    case OTTL_NIL:
        return op == OTTL_EQ || op == OTTL_LE || op == OTTL_GE;
    case OTTL_BOOL:
        return order_holds(op, a->boolean<b->boolean, a->boolean == b->boolean, a->boolean> b->boolean);
    case OTTL_INT:
    case OTTL_TIME:
    case OTTL_DURATION:
        return order_holds(op, a->integer<b->integer, a->integer == b->integer, a->integer> b->integer);
    case OTTL_DOUBLE:
        return compare_numbers(a, op, b);
    case OTTL_STRING:
    case OTTL_BYTES:
        if (op <= OTTL_NE)
            return bytes_equal(a->bytes, b->bytes) == (op == OTTL_EQ);
        order = bytes_compare(a->bytes, b->bytes);
        return order_holds(op, order<0, order == 0, order> 0);
    case OTTL_LIST:
    case OTTL_MAP:
        return op <= OTTL_NE && wire_equal(a, b) == (op == OTTL_EQ);
    default:
        return op == OTTL_NE;
    }
}
