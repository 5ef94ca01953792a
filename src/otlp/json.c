/* SPDX-License-Identifier: Apache-2.0 */
/* JSON text to wire bytes in one pass, without a tree: each value is written where it belongs as soon as it is read.
 *
 * Keys may come in any order and more than once. The last of a key, or of a oneof's members, wins: when one comes
 * that has been written, what was written is taken out again, which costs a move of what came behind it. A field can
 * be moved behind each other field of its message only once, so that no order of keys makes this quadratic. A
 * repeated field that comes twice goes on. */
#include "otlp/json.h"

#include "base/mem.h"
#include "codec/pb.h"
#include "otlp/json_reader.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <uv.h>

/* "resourceSpans[0].scopeSpans[2].name", from the outermost on. */
static void put_path(struct buf *b, const struct json_frame *f)
{
    if (f->up != NULL)
        put_path(b, f->up); /* as deep as messages may nest */
    if (f->field == NULL)
        return;
    if (b->len > 0)
        buf_putc(b, '.');
    buf_put(b, f->field->name);
    if (f->in_array)
        buf_printf(b, "[%zu]", f->index);
}

/* "line 3 column 14: path: ". Columns are counted in bytes. A long path loses its middle. */
static void put_location(const struct json_reader *r, const uint8_t *at, struct buf *b)
{
    enum { HEAD = 90, TAIL = 110 };
    size_t line = 1;
    const uint8_t *start = r->text;
    struct buf path = { 0 };

    for (const uint8_t *p = r->text; p < at; p++)
        if (*p == '\n') {
            line++;
            start = p + 1;
        }
    buf_printf(b, "line %zu column %zu: ", line, (size_t)(at - start) + 1);
    if (r->frame != NULL)
        put_path(&path, r->frame);
    if (path.len > HEAD + TAIL)
        buf_printf(b, "%.*s...%.*s: ", HEAD, (char *)path.data, TAIL, (char *)path.data + path.len - TAIL);
    else if (path.len > 0)
        buf_printf(b, "%.*s: ", (int)path.len, (char *)path.data);
    buf_free(&path);
}

bool json_fail(struct json_reader *r, const uint8_t *at, const char *fmt, ...)
{
    struct buf text = { 0 };
    char what[200];
    va_list args;

    r->code = UV_EINVAL;
    if (r->err == NULL)
        return false;
    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    put_location(r, at, &text);
    buf_puts(&text, what);
    error_set(r->err, r->code, "%s", buf_cstr(&text));
    buf_free(&text);
    return false;
}

bool json_fail_scan(struct json_reader *r)
{
    return json_fail(r, r->in.p, "%s", r->in.fault);
}

void json_note_repair(struct json_reader *r, const uint8_t *at)
{
    struct buf text = { 0 };

    if (r->repairs->strings++ > 0)
        return;
    put_location(r, at, &text);
    error_set(&r->repairs->first, 0, "%.*s", (int)(text.len >= 2 ? text.len - 2 : 0), buf_cstr(&text)); /* no ": " */
    buf_free(&text);
}

/* How long the value at p is; of what is no value, up to what may follow one. */
static size_t value_length(const uint8_t *p, const uint8_t *end)
{
    struct json_scan skip = { .p = p, .end = end };
    bool whole = json_skip(&skip);

    buf_free(&skip.scratch);
    if (whole)
        return (size_t)(skip.p - p);
    skip.p = p;
    while (skip.p < end && (skip.p == p || strchr(" \t\r\n,]}", *skip.p) == NULL))
        skip.p++;
    return (size_t)(skip.p - p);
}

/* The value's beginning as it stands in the text, for a person to see; what is not printable becomes '?'. */
bool json_fail_value(struct json_reader *r, const uint8_t *at, const char *what)
{
    enum { MOST = 40 };
    char shown[MOST + 4];
    size_t len = 0, n = value_length(at, r->in.end);

    for (; len < n && len < MOST; len++)
        shown[len] = at[len] >= 0x20 && at[len] < 0x7f ? (char)at[len] : '?';
    snprintf(shown + len, 4, "%s", n > len ? "..." : "");
    return json_fail(r, at, "%s is not %s", n > 0 ? shown : "the end of the text", what);
}

static bool within_limit(struct json_reader *r)
{
    if (r->out->len <= r->limit)
        return true;
    r->code = error_set(r->err, UV_E2BIG, "as protobuf the document would be larger than the limit");
    return false;
}

/* Take what was written of these fields out again. */
static void take_out_fields(struct json_reader *r, struct json_frame *f, uint32_t bits)
{
    for (bits &= f->seen; bits != 0; bits &= bits - 1) {
        unsigned index = (unsigned)__builtin_ctz(bits);
        uint8_t *from = r->out->data + f->start + f->at[index];
        struct pb_reader pb = pb_reader(bytes_of(from, (size_t)(r->out->data + r->out->len - from)));
        struct pb_field field;
        bool whole = pb_next(&pb, &field);
        size_t n = (size_t)(pb.p - from);

        assert(whole && field.number == f->type->fields[index].pb->id);
        memmove(from, from + n, r->out->len - (size_t)(from - r->out->data) - n);
        r->out->len -= n;
        for (unsigned i = 0; i < f->type->pb->n_fields; i++)
            if ((f->seen & 1u << i) != 0 && f->at[i] > f->at[index])
                f->at[i] -= n;
        f->seen &= ~(1u << index);
    }
}

static bool read_members(struct json_reader *r, const struct json_type *t);

/* Where the values of "@type" and "value" stand in the object at r->in.p; leaves r->in.p behind the object. */
static bool find_any_members(struct json_reader *r, const uint8_t **type, const uint8_t **value)
{
    struct bytes key;
    uint8_t c;

    r->in.p++;
    if (json_peek(&r->in) == '}') {
        r->in.p++;
        return true;
    }
    do {
        if (json_peek(&r->in) != '"')
            return json_fail(r, r->in.p, "a key in quotes is wanted here");
        if (!json_string(&r->in, &key))
            return json_fail_scan(r);
        const uint8_t **at = bytes_is(key, "@type") ? type : bytes_is(key, "value") ? value : NULL;

        if (!json_expect(&r->in, ':', "a colon is wanted after the key"))
            return json_fail_scan(r);
        json_space(&r->in);
        if (at != NULL)
            *at = r->in.p;
        if (!json_skip(&r->in))
            return json_fail_scan(r);
        c = json_peek(&r->in);
        r->in.p += c != 0;
    } while (c == ',');
    return c == '}' || json_fail(r, r->in.p, "a comma or } is wanted here");
}

/* An Any: its URL, then as its value the other members read as a message of that type, or for a type that we do not
 * know the base64 in "value". */
static bool read_any(struct json_reader *r, const struct json_type *any)
{
    const uint8_t *start = r->in.p, *type_at = NULL, *value_at = NULL, *end;
    const struct json_type *t;
    struct bytes url = { 0 };
    size_t mark;

    if (!find_any_members(r, &type_at, &value_at))
        return false;
    end = r->in.p;
    if (type_at == NULL)
        return true;
    r->in.p = type_at;
    if (*type_at != '"')
        return json_fail_value(r, type_at, "a type's URL");
    if (!json_string(&r->in, &url))
        return json_fail_scan(r);
    pb_put_bytes(r->out, 1, url);
    t = json_type_by_url(url);
    if (t != NULL) {
        mark = pb_begin(r->out, 2);
        r->in.p = start;
        if (!read_members(r, t))
            return false;
        pb_end(r->out, mark);
    } else if (value_at != NULL) {
        r->in.p = value_at;
        if (!json_read_bytes(r, json_field_by_number(any, 2), false))
            return false;
        r->in.p = end;
    } else {
        r->in.p = end;
    }
    return true;
}

static bool read_content(struct json_reader *r, const struct json_type *t)
{
    uint8_t c = json_peek(&r->in);

    if (t->special == JSON_DURATION)
        return json_read_duration(r);
    if (c != '{')
        return json_fail_value(r, r->in.p, "an object");
    return t->special == JSON_ANY ? read_any(r, t) : read_members(r, t);
}

static bool read_child(struct json_reader *r, const struct json_field *f)
{
    size_t mark;

    if (r->depth == JSON_DEPTH_MAX)
        return json_fail(r, r->in.p, "nested deeper than %d messages", JSON_DEPTH_MAX);
    r->depth++;
    mark = pb_begin(r->out, f->pb->id);
    if (!read_content(r, f->type))
        return false;
    pb_end(r->out, mark);
    r->depth--;
    return true;
}

static bool read_value(struct json_reader *r, const struct json_field *f, bool keep_empty)
{
    uint64_t bits;

    switch (f->pb->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        return read_child(r, f);
    case PROTOBUF_C_TYPE_STRING:
        return json_read_text(r, f, keep_empty);
    case PROTOBUF_C_TYPE_BYTES:
        return json_read_bytes(r, f, keep_empty);
    default:
        break;
    }
    if (!json_read_scalar(r, f, &bits))
        return false;
    if (bits != 0 || keep_empty) {
        switch (f->pb->type) {
        case PROTOBUF_C_TYPE_FIXED64:
        case PROTOBUF_C_TYPE_SFIXED64:
        case PROTOBUF_C_TYPE_DOUBLE:
            pb_put_tag(r->out, f->pb->id, PB_FIXED64);
            break;
        case PROTOBUF_C_TYPE_FIXED32:
        case PROTOBUF_C_TYPE_SFIXED32:
        case PROTOBUF_C_TYPE_FLOAT:
            pb_put_tag(r->out, f->pb->id, PB_FIXED32);
            break;
        default:
            pb_put_tag(r->out, f->pb->id, PB_VARINT);
        }
        json_put_scalar(r->out, f->pb->type, bits);
    }
    return true;
}

/* As the Go collector has it, null among strings is an empty one, and among messages too. */
static bool read_element(struct json_reader *r, const struct json_field *f)
{
    uint64_t bits;

    if (f->packable) {
        if (!json_read_scalar(r, f, &bits))
            return false;
        json_put_scalar(r->out, f->pb->type, bits);
        return true;
    }
    if (json_peek(&r->in) != 'n')
        return read_value(r, f, true);
    if (!json_literal(&r->in, "null"))
        return json_fail_scan(r);
    pb_put_bytes(r->out, f->pb->id, bytes_of(NULL, 0));
    return true;
}

static bool read_elements(struct json_reader *r, const struct json_field *f, struct json_frame *frame)
{
    uint8_t c;

    frame->in_array = true;
    frame->index = 0;
    do {
        json_space(&r->in);
        if (!read_element(r, f) || !within_limit(r))
            return false;
        frame->index++;
        c = json_peek(&r->in);
        r->in.p += c == ',' || c == ']';
    } while (c == ',');
    frame->in_array = false;
    return c == ']' || json_fail(r, r->in.p, "a comma or ] is wanted here");
}

static bool read_array(struct json_reader *r, const struct json_field *f, struct json_frame *frame)
{
    size_t mark;

    if (json_peek(&r->in) != '[')
        return json_fail_value(r, r->in.p, "an array");
    r->in.p++;
    if (json_peek(&r->in) == ']') {
        r->in.p++;
        return true;
    }
    if (!f->packable)
        return read_elements(r, f, frame);
    mark = pb_begin(r->out, f->pb->id);
    if (!read_elements(r, f, frame))
        return false;
    pb_end(r->out, mark);
    return true;
}

static bool read_field(struct json_reader *r, const struct json_field *f, struct json_frame *frame)
{
    size_t at;

    if (json_peek(&r->in) == 'n') {
        if (!json_literal(&r->in, "null"))
            return json_fail_scan(r);
        take_out_fields(r, frame, f->bit); /* as if absent */
        return true;
    }
    if (f->repeated)
        return read_array(r, f, frame);
    if ((frame->seen & f->rivals) != 0)
        take_out_fields(r, frame, f->rivals);
    at = r->out->len;
    if (!read_value(r, f, f->oneof))
        return false;
    if (r->out->len > at) {
        frame->seen |= f->bit;
        frame->at[__builtin_ctz(f->bit)] = at - frame->start;
    }
    return true;
}

static bool read_member(struct json_reader *r, struct json_frame *frame)
{
    struct bytes key;

    frame->field = NULL;
    if (json_peek(&r->in) != '"')
        return json_fail(r, r->in.p, "a key in quotes is wanted here");
    if (!json_string(&r->in, &key))
        return json_fail_scan(r);
    frame->field = json_field_by_name(frame->type, key);
    if (!json_expect(&r->in, ':', "a colon is wanted after the key"))
        return json_fail_scan(r);
    if (frame->field != NULL)
        return read_field(r, frame->field, frame) && within_limit(r);
    return json_skip(&r->in) || json_fail_scan(r);
}

static bool read_member_list(struct json_reader *r, struct json_frame *frame)
{
    uint8_t c;

    r->in.p++;
    c = json_peek(&r->in);
    if (c == '}') {
        r->in.p++;
        return true;
    }
    do {
        if (!read_member(r, frame))
            return false;
        c = json_peek(&r->in);
        r->in.p += c == ',' || c == '}';
    } while (c == ',');
    frame->field = NULL;
    return c == '}' || json_fail(r, r->in.p, "a comma or } is wanted here");
}

/* At a brace: the members of a message, written without a tag or length. */
static bool read_members(struct json_reader *r, const struct json_type *t)
{
    struct json_frame frame; /* not zeroed: `at` is large, and says nothing of what is not in `seen` */
    bool ok;

    frame.up = r->frame;
    frame.type = t;
    frame.field = NULL;
    frame.in_array = false;
    frame.start = r->out->len;
    frame.seen = 0;
    r->frame = &frame; /* cppcheck-suppress autoVariables ; until we return */
    ok = read_member_list(r, &frame);
    r->frame = frame.up;
    return ok;
}

static bool read_document(struct json_reader *r, const struct json_type *t)
{
    static const uint8_t bom[] = { 0xef, 0xbb, 0xbf };
    uint8_t c = json_peek(&r->in);

    if (r->in.end - r->in.p >= 3 && memcmp(r->in.p, bom, 3) == 0)
        return json_fail(r, r->in.p, "a byte order mark does not belong into JSON (RFC 8259, 8.1)");
    if (c == 'n')
        return json_literal(&r->in, "null") || json_fail_scan(r);
    if (c == 0)
        return json_fail(r, r->in.p, "there is no JSON document");
    if (c != '{')
        return json_fail_value(r, r->in.p, "an object");
    r->depth = 1;
    return read_members(r, t) && within_limit(r);
}

/* Is a message of this type, put behind another one, both of them in one? */
static bool is_joinable(const struct json_type *t)
{
    bool joinable = true;

    for (unsigned i = 0; i < t->pb->n_fields; i++)
        joinable = joinable && t->fields[i].repeated;
    return joinable;
}

static void read_documents(struct json_reader *r, const struct json_type *t)
{
    while (read_document(r, t)) {
        uint8_t c = json_peek(&r->in);

        if (r->in.p == r->in.end)
            return;
        if (c == '{' && r->repairs != NULL && is_joinable(t))
            continue;
        if (c == '{')
            json_fail(r, r->in.p, "a second document begins here; send one in a request");
        else
            json_fail(r, r->in.p, "the document has ended, but something stands behind it");
        return;
    }
}

static int convert_text(const ProtobufCMessageDescriptor *type, struct bytes text, size_t max, struct buf *out,
                        struct text_repairs *repairs, struct error *err)
{
    struct json_reader r = { .in = { .p = text.data, .end = bytes_end(text), .repairs = repairs != NULL },
                             .text = text.data,
                             .out = out,
                             .limit = max > SIZE_MAX - out->len ? SIZE_MAX : out->len + max,
                             .repairs = repairs,
                             .err = err };

    read_documents(&r, json_type_of(type));
    buf_free(&r.in.scratch);
    buf_free(&r.in.mended);
    buf_free(&r.number);
    return r.code;
}

int json_to_wire(const ProtobufCMessageDescriptor *type, struct bytes text, size_t max, struct buf *out,
                 struct error *err)
{
    return convert_text(type, text, max, out, NULL, err);
}

int json_request_to_wire(const ProtobufCMessageDescriptor *type, struct bytes text, size_t max, struct buf *out,
                         struct text_repairs *repairs, struct error *err)
{
    /* Whoever counts on that the wire form is shorter than the text (it is: keys, quotes, hex) may go on doing so. */
    *repairs = (struct text_repairs){ 0 };
    return convert_text(type, text, max < text.len ? max : text.len, out, repairs, err);
}
