/* SPDX-License-Identifier: Apache-2.0 */
/* JSON values of fields that are no messages. What is accepted is what the Go collector accepts, save where it is
 * stricter than proto3 JSON by accident: null is "absent" for every field, -0 is a zero, escapes may stand in base64
 * and hex, a whole number may have a point and an exponent, base64 may come without padding or in the alphabet of URLs.
 */
#include "otlp/json_reader.h"

#include "codec/base64.h"
#include "codec/pb.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

/* The text of a number, in quotes or not. False: it is neither (or bad JSON); then nothing has been said yet. */
static bool number_text(struct json_reader *r, struct bytes *text)
{
    uint8_t c = json_peek(&r->in);

    if (c == '"')
        return json_string(&r->in, text);
    return (c == '-' || (c >= '0' && c <= '9')) && json_number(&r->in, text);
}

static bool fail_number(struct json_reader *r, const uint8_t *at, const char *what)
{
    return r->in.fault != NULL ? json_fail_scan(r) : json_fail_value(r, at, what);
}

/* Digits of a number, one after another; zeros are held back until another digit comes. */
struct digits {
    uint64_t v;
    int64_t power; /* of ten, that v is to be multiplied by */
    size_t n;
    bool overflow;
};

static bool multiply_by_tens(uint64_t *v, int64_t powers)
{
    bool overflow = false;

    for (; powers > 0 && *v > 0 && !overflow; powers--)
        overflow = __builtin_mul_overflow(*v, (uint64_t)10, v);
    return !overflow;
}

static const uint8_t *add_digits(struct digits *d, const uint8_t *p, const uint8_t *end)
{
    for (; p < end && *p >= '0' && *p <= '9'; p++, d->n++) {
        uint64_t digit = (uint64_t)(*p - '0');

        d->power += d->v > 0 || digit > 0;
        if (digit == 0)
            continue;
        d->overflow |= !multiply_by_tens(&d->v, d->power) || __builtin_add_overflow(d->v, digit, &d->v);
        d->power = 0;
    }
    return p;
}

/* E or e, a sign, digits; one far beyond what counts is as good as another. */
static const uint8_t *read_exponent(const uint8_t *p, const uint8_t *end, int64_t *exponent)
{
    const int64_t most = 1 << 20;
    const uint8_t *digits;
    bool negative;

    p++;
    negative = p < end && *p == '-';
    p += p < end && (*p == '-' || *p == '+');
    for (digits = p; p < end && *p >= '0' && *p <= '9'; p++)
        *exponent = *exponent < most ? *exponent * 10 + (*p - '0') : most;
    *exponent = negative ? -*exponent : *exponent;
    return p > digits ? p : NULL;
}

/* digits[.digits][e[sign]digits] that are a whole number, as proto3 JSON has it: 5.0, 1.7e18. */
static bool parse_whole(const uint8_t *p, const uint8_t *end, uint64_t *magnitude, bool *overflow)
{
    struct digits d = { 0 };
    int64_t exponent = 0;
    size_t whole;

    p = add_digits(&d, p, end);
    whole = d.n;
    if (whole > 0 && p < end && *p == '.')
        p = add_digits(&d, p + 1, end);
    if (whole == 0 || p[-1] == '.')
        return false;
    if (p < end && (*p | 0x20) == 'e')
        p = read_exponent(p, end, &exponent);
    if (p != end)
        return false;
    d.power += exponent - (int64_t)(d.n - whole);
    if (d.v > 0 && d.power < 0)
        return false;
    *overflow = d.overflow || !multiply_by_tens(&d.v, d.power);
    *magnitude = d.v;
    return true;
}

/* [sign] digits, and nothing else but what parse_whole() takes; the sign may be a plus only where a minus may be. */
static bool parse_integer(struct bytes text, bool is_signed, bool *negative, uint64_t *magnitude, bool *overflow)
{
    const uint8_t *p = text.data, *end = p + text.len, *first;
    uint64_t v = 0;

    *overflow = false;
    *negative = p < end && *p == '-';
    if (p < end && (*p == '-' || (*p == '+' && is_signed)))
        p++;
    if (p == end)
        return false;
    for (first = p; p < end; p++) {
        uint8_t digit = (uint8_t)(*p - '0');

        if (digit > 9)
            return parse_whole(first, end, magnitude, overflow);
        *overflow |= __builtin_mul_overflow(v, (uint64_t)10, &v) || __builtin_add_overflow(v, (uint64_t)digit, &v);
    }
    *magnitude = v;
    return true;
}

static bool read_unsigned(struct json_reader *r, uint64_t most, const char *what, uint64_t *v)
{
    const uint8_t *at = r->in.p;
    struct bytes text;
    bool negative, overflow;

    if (!number_text(r, &text) || !parse_integer(text, false, &negative, v, &overflow))
        return fail_number(r, at, what);
    if (overflow || *v > most || (negative && *v > 0))
        return json_fail_value(r, at, what);
    return true;
}

/* `limit`: of the negative side; the positive ends one below it. */
static bool read_signed(struct json_reader *r, uint64_t limit, const char *what, int64_t *v)
{
    const uint8_t *at = r->in.p;
    struct bytes text;
    bool negative, overflow;
    uint64_t magnitude;

    if (!number_text(r, &text) || !parse_integer(text, true, &negative, &magnitude, &overflow))
        return fail_number(r, at, what);
    if (overflow || magnitude > limit - !negative)
        return json_fail_value(r, at, what);
    *v = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}

static bool read_bool(struct json_reader *r, uint64_t *v)
{
    uint8_t c = json_peek(&r->in);

    if (c != 't' && c != 'f')
        return json_fail_value(r, r->in.p, "true or false");
    *v = c == 't';
    return json_literal(&r->in, c == 't' ? "true" : "false") || json_fail_scan(r);
}

/* The number, or the name as in the .proto file. Numbers that have no name are kept. */
static bool read_enum(struct json_reader *r, const ProtobufCEnumDescriptor *type, int64_t *v)
{
    const uint8_t *at = r->in.p;
    struct bytes name;

    if (json_peek(&r->in) != '"')
        return read_signed(r, 1ull << 31, "a number or name of this enum", v);
    if (!json_string(&r->in, &name))
        return json_fail_scan(r);
    for (unsigned i = 0; i < type->n_value_names; i++)
        if (bytes_is(name, type->values_by_name[i].name)) {
            *v = type->values[type->values_by_name[i].index].value;
            return true;
        }
    return json_fail_value(r, at, "a number or name of this enum");
}

/* [-]digits[.digits] of which no digit is lost: then one multiplication or division gives the nearest double. */
static bool parse_short_double(struct bytes text, double *v)
{
    static const double powers[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                     1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    size_t i = 0, point = 0;
    uint64_t digits = 0;
    bool negative = text.len > 0 && text.data[0] == '-';

    if (text.len > 19)
        return false;
    for (i = negative; i < text.len; i++) {
        if (text.data[i] == '.' && point == 0 && i > negative)
            point = i + 1;
        else if (text.data[i] >= '0' && text.data[i] <= '9')
            digits = digits * 10 + (text.data[i] - '0');
        else
            return false;
    }
    if (digits > 1ull << 53 || i == negative || point == text.len)
        return false;
    *v = (double)digits / (point > 0 ? powers[text.len - point] : 1);
    *v = negative ? -*v : *v;
    return true;
}

/* What Go's ParseFloat takes for these, without regard to case. */
static bool parse_double_name(struct bytes text, double *v)
{
    bool negative = text.len > 0 && text.data[0] == '-';

    if (bytes_equal_nocase(text, bytes_str("nan"))) {
        *v = NAN;
        return true;
    }
    if (text.len > 0 && (text.data[0] == '-' || text.data[0] == '+'))
        text = bytes_of(text.data + 1, text.len - 1);
    *v = negative ? -INFINITY : INFINITY;
    return bytes_equal_nocase(text, bytes_str("infinity")) || bytes_equal_nocase(text, bytes_str("inf"));
}

static bool parse_long_double(struct json_reader *r, struct bytes text, double *v)
{
    const char *s;
    char *end;

    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == 0 || strchr("0123456789+-.eE", text.data[i]) == NULL)
            return false;
    r->number.len = 0;
    buf_put(&r->number, text);
    s = buf_cstr(&r->number);
    *v = strtod(s, &end);
    return end > s && *end == '\0' && isfinite(*v);
}

static bool read_double(struct json_reader *r, double *v)
{
    const uint8_t *at = r->in.p;
    bool quoted = json_peek(&r->in) == '"';
    struct bytes text;

    if (number_text(r, &text)) {
        if (parse_short_double(text, v) || (quoted && parse_double_name(text, v)) || parse_long_double(r, text, v))
            return true;
    }
    return fail_number(r, at, "a number that fits into a double");
}

static bool read_float(struct json_reader *r, uint64_t *bits)
{
    const uint8_t *at = r->in.p;
    double d = 0;
    float f;
    uint32_t word;

    if (!read_double(r, &d))
        return false;
    if (isfinite(d) && fabs(d) > FLT_MAX)
        return json_fail_value(r, at, "a number that fits into a float");
    f = (float)d;
    memcpy(&word, &f, 4);
    *bits = word;
    return true;
}

static bool read_floating(struct json_reader *r, ProtobufCType type, uint64_t *bits)
{
    double d = 0;

    if (type == PROTOBUF_C_TYPE_FLOAT)
        return read_float(r, bits);
    if (!read_double(r, &d))
        return false;
    *bits = pb_bits(d);
    return true;
}

bool json_read_scalar(struct json_reader *r, const struct json_field *f, uint64_t *bits)
{
    bool ok;

    json_space(&r->in);
    switch (f->pb->type) {
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return read_unsigned(r, UINT64_MAX, "an integer of 0 to 18446744073709551615", bits);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return read_unsigned(r, UINT32_MAX, "an integer of 0 to 4294967295", bits);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return read_signed(r, 1ull << 63, "an integer of 64 bits", (int64_t *)bits);
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return read_signed(r, 1ull << 31, "an integer of -2147483648 to 2147483647", (int64_t *)bits);
    case PROTOBUF_C_TYPE_SINT64:
        ok = read_signed(r, 1ull << 63, "an integer of 64 bits", (int64_t *)bits);
        break;
    case PROTOBUF_C_TYPE_SINT32:
        ok = read_signed(r, 1ull << 31, "an integer of -2147483648 to 2147483647", (int64_t *)bits);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        return read_bool(r, bits);
    case PROTOBUF_C_TYPE_ENUM:
        return read_enum(r, f->pb->descriptor, (int64_t *)bits);
    default:
        return read_floating(r, f->pb->type, bits);
    }
    if (ok)
        *bits = pb_zigzag((int64_t)*bits);
    return ok;
}

void json_put_scalar(struct buf *out, ProtobufCType type, uint64_t bits)
{
    switch (type) {
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        buf_append(out, &bits, 8);
        break;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        buf_append(out, &bits, 4);
        break;
    default:
        pb_put_varint(out, bits);
    }
}

bool json_read_text(struct json_reader *r, const struct json_field *f, bool keep_empty)
{
    uint64_t repaired = r->in.repaired;
    const uint8_t *at;
    struct bytes s;

    if (json_peek(&r->in) != '"')
        return json_fail_value(r, r->in.p, "a string");
    at = r->in.p;
    if (!json_string(&r->in, &s))
        return json_fail_scan(r);
    if (r->in.repaired > repaired)
        json_note_repair(r, at);
    if (s.len > 0 || keep_empty)
        pb_put_bytes(r->out, f->pb->id, s);
    return true;
}

/* Hex of the right length, or nothing. Profile ids come as base64 too: 24 characters, or 22, so they can be told apart.
 */
static bool read_id(struct json_reader *r, const struct json_field *f, struct bytes s, const uint8_t *at)
{
    uint8_t id[16];
    const char *what = f->id_len == 8 ? "8 bytes of hex" : "16 bytes of hex";

    if ((s.len == 24 || s.len == 22) && strcmp(f->pb->name, "profile_id") == 0) {
        size_t mark = pb_begin(r->out, f->pb->id);

        if (!base64_decode(s, r->out) || r->out->len - mark != 16)
            return json_fail_value(r, at, "16 bytes of hex or base64");
        pb_end(r->out, mark);
        return true;
    }
    if (s.len != (size_t)f->id_len * 2 || !hex_decode(s, id))
        return json_fail_value(r, at, what);
    pb_put_bytes(r->out, f->pb->id, bytes_of(id, f->id_len));
    return true;
}

bool json_read_bytes(struct json_reader *r, const struct json_field *f, bool keep_empty)
{
    const uint8_t *at;
    struct bytes s;
    size_t mark;

    if (json_peek(&r->in) != '"')
        return json_fail_value(r, r->in.p, f->id_len > 0 ? "a string of hex" : "a string of base64");
    at = r->in.p;
    if (!json_string(&r->in, &s))
        return json_fail_scan(r);
    if (s.len == 0 && !keep_empty)
        return true;
    if (f->id_len > 0)
        return read_id(r, f, s, at);
    mark = pb_begin(r->out, f->pb->id);
    if (!base64_decode(s, r->out))
        return json_fail_value(r, at, "base64");
    pb_end(r->out, mark);
    return true;
}

/* Digits at *p, at most `most` of them; how many there were. */
static size_t take_digits(const uint8_t **p, const uint8_t *end, size_t most, uint64_t *v)
{
    const uint8_t *start = *p;

    for (*v = 0; *p < end && **p >= '0' && **p <= '9' && (size_t)(*p - start) < most; (*p)++)
        *v = *v * 10 + (**p - '0');
    return (size_t)(*p - start);
}

/* [-]seconds[.fraction]s, up to 10000 years as duration.proto has it. */
static bool parse_duration(struct bytes s, int64_t *seconds, int64_t *nanos)
{
    const uint8_t *p = s.data, *end = p + s.len;
    uint64_t whole, part = 0;
    size_t n = 0;
    bool negative = s.len > 0 && *p == '-';

    p += negative;
    if (take_digits(&p, end, 12, &whole) == 0 || whole > 315576000000)
        return false;
    if (p < end && *p == '.') {
        p++;
        n = take_digits(&p, end, 9, &part);
        if (n == 0)
            return false;
        for (; n < 9; n++)
            part *= 10;
    }
    *seconds = negative ? -(int64_t)whole : (int64_t)whole;
    *nanos = negative ? -(int64_t)part : (int64_t)part;
    return end - p == 1 && *p == 's';
}

bool json_read_duration(struct json_reader *r)
{
    const uint8_t *at;
    int64_t seconds, nanos;
    struct bytes s;

    json_space(&r->in);
    at = r->in.p;
    if (json_peek(&r->in) != '"' || !json_string(&r->in, &s) || !parse_duration(s, &seconds, &nanos))
        return fail_number(r, at, "a duration like \"1.5s\"");
    if (seconds != 0)
        pb_put_uint(r->out, 1, (uint64_t)seconds);
    if (nanos != 0)
        pb_put_uint(r->out, 2, (uint64_t)nanos);
    return true;
}
