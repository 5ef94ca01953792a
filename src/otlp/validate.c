/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over the bytes, driven by dense tables.
 *
 * The tables are compiled from protobuf-c's descriptors on first use: for each message, what to do at each one-byte
 * tag (fields 1 to 15, all wire types). Larger field numbers take a slow path. The most common messages by far, a
 * KeyValue with a short key and a short plain value, and a plain AnyValue, are recognised by their shape and checked in
 * place. A fault costs a second walk, which finds the path of field names to the offending byte. */
#include "otlp/validate.h"

#include "codec/pb.h"
#include "codec/utf8.h"
#include "otlp/fields.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>

#define MAX_MESSAGES 64u

enum op {
    OP_SKIP, /* unknown field: skip by wire type */
    OP_WRONG_WIRE,
    OP_VARINT,
    OP_FIXED64,
    OP_FIXED32,
    OP_STRING,
    OP_BYTES,
    OP_ID16, /* 0 or 16 bytes */
    OP_ID8,  /* 0 or 8 bytes */
    OP_PACKED_VARINT,
    OP_PACKED64,
    OP_PACKED32,
    OP_MESSAGE,
    OP_ITEM,      /* a message that counts */
    OP_KEY_VALUE, /* a message of type KeyValue */
    OP_ANY_VALUE, /* the same of AnyValue */
};

struct action {
    uint8_t op;
    uint8_t child; /* index of the nested message's table */
};

struct table {
    const ProtobufCMessageDescriptor *type;
    uint16_t members; /* fields of which a message has one at most: what a Metric holds, what an AnyValue is */
    const char *why;  /* another one is wrong */
    struct action by_tag[128];
};

static struct table tables[MAX_MESSAGES];
static unsigned n_tables;
static uint8_t root_tables[SIGNAL_COUNT];
static pthread_once_t compiled = PTHREAD_ONCE_INIT; /* large requests are validated beside the loop */

struct scan {
    const uint8_t *end; /* of the request */
    uint64_t items;
    bool disordered;      /* in a message a field stands behind one of a larger number */
    const uint8_t *fault; /* where it went wrong ... */
    const char *why;      /* ... and how */
};

/* --- compiling --- */

static enum op op_of(const ProtobufCFieldDescriptor *f)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return OP_FIXED64;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return OP_FIXED32;
    case PROTOBUF_C_TYPE_STRING:
        return OP_STRING;
    case PROTOBUF_C_TYPE_BYTES:
        if (strcmp(f->name, "trace_id") == 0 || strcmp(f->name, "profile_id") == 0)
            return OP_ID16;
        return strcmp(f->name, "span_id") == 0 || strcmp(f->name, "parent_span_id") == 0 ? OP_ID8 : OP_BYTES;
    case PROTOBUF_C_TYPE_MESSAGE:
        return OP_MESSAGE;
    default:
        return OP_VARINT;
    }
}

static enum pb_wire wire_of(enum op op)
{
    return op == OP_VARINT ? PB_VARINT : op == OP_FIXED64 ? PB_FIXED64 : op == OP_FIXED32 ? PB_FIXED32 : PB_LEN;
}

static enum op packed_of(enum op op)
{
    return op == OP_VARINT ? OP_PACKED_VARINT : op == OP_FIXED64 ? OP_PACKED64 : OP_PACKED32;
}

static bool is_item(const ProtobufCFieldDescriptor *f)
{
    static const char *const item_fields[] = { "spans", "data_points", "log_records", "samples" };

    for (size_t i = 0; i < sizeof(item_fields) / sizeof(*item_fields); i++)
        if (strcmp(f->name, item_fields[i]) == 0)
            return true;
    return false;
}

static uint8_t compile_table(const ProtobufCMessageDescriptor *type);

static struct action action_of(const ProtobufCFieldDescriptor *f, enum pb_wire wire)
{
    enum op op = op_of(f);
    struct action a = { .op = (uint8_t)op };

    if (wire != wire_of(op)) {
        bool packed = f->label == PROTOBUF_C_LABEL_REPEATED && wire == PB_LEN;

        a.op = (uint8_t)(packed ? packed_of(op) : OP_WRONG_WIRE);
    } else if (op == OP_MESSAGE) {
        const ProtobufCMessageDescriptor *child = f->descriptor;

        a.child = compile_table(child);
        if (strcmp(child->short_name, "KeyValue") == 0)
            a.op = OP_KEY_VALUE;
        else if (strcmp(child->short_name, "AnyValue") == 0)
            a.op = OP_ANY_VALUE;
        else if (is_item(f))
            a.op = OP_ITEM;
    }
    return a;
}

/* The oneofs whose second member would make items or values go that were counted. */
static uint16_t members_of(const ProtobufCMessageDescriptor *type)
{
    const char *name = type->short_name;
    uint16_t members = 0;

    if (strcmp(name, "Metric") != 0 && strcmp(name, "AnyValue") != 0)
        return 0;
    for (unsigned i = 0; i < type->n_fields; i++)
        if ((type->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 && type->fields[i].id < 16)
            members |= (uint16_t)(1u << type->fields[i].id);
    return members;
}

static uint8_t compile_table(const ProtobufCMessageDescriptor *type)
{
    static const enum pb_wire wires[] = { PB_VARINT, PB_FIXED64, PB_LEN, PB_FIXED32 };
    unsigned at;

    for (unsigned i = 0; i < n_tables; i++)
        if (tables[i].type == type)
            return (uint8_t)i;
    assert(n_tables < MAX_MESSAGES);
    at = n_tables++;
    tables[at].type = type; /* before the fields: messages may contain themselves */
    tables[at].members = members_of(type);
    tables[at].why = strcmp(type->short_name, "Metric") == 0 ? "a second kind of data, where a metric has one"
                                                             : "a second value, where an AnyValue is one";
    for (unsigned tag = 0; tag < 128; tag++)
        if ((tag & 7) == 3 || (tag & 7) == 4 || (tag & 7) > 5 || tag < 8)
            tables[at].by_tag[tag].op = OP_WRONG_WIRE;
    for (unsigned i = 0; i < type->n_fields; i++)
        for (unsigned w = 0; w < 4 && type->fields[i].id < 16; w++)
            tables[at].by_tag[PB_TAG(type->fields[i].id, wires[w])] = action_of(&type->fields[i], wires[w]);
    return (uint8_t)at;
}

static void compile_all(void)
{
    for (int s = 0; s < SIGNAL_COUNT; s++)
        root_tables[s] = compile_table(signal_table[s].request);
}

/* --- scanning --- */

static const char not_utf8[] = "not valid UTF-8";

static const uint8_t *set_fault(struct scan *s, const uint8_t *at, const char *why)
{
    s->fault = at;
    s->why = why;
    return NULL;
}

static bool varints_fill(const uint8_t *p, const uint8_t *end)
{
    uint64_t v;

    while (p < end)
        if (!pb_varint(&p, end, &v))
            return false;
    return true;
}

/* Behind a varint of at most 10 bytes, of which the last has a bit of its own; NULL: it is none. */
static inline const uint8_t *skip_varint(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *tenth = end - p > 9 ? p + 9 : end;

    while (p < tenth && *p >= 0x80)
        p++;
    return p == end || (p == tenth && *p > 1) ? NULL : p + 1;
}

/* A text that fills it, or a number alone: nearly every AnyValue. */
static inline bool is_plain_value(const uint8_t *p, const uint8_t *end, const uint8_t *limit)
{
    const uint8_t *text = p + 1;
    uint64_t len;

    if (end - p < 2)
        return false;
    switch (p[0]) {
    case PB_TAG(OTLP_ANY_STRING, PB_LEN):
        return pb_varint(&text, end, &len) && len == (uint64_t)(end - text) && utf8_valid_in(text, (size_t)len, limit);
    case PB_TAG(OTLP_ANY_INT, PB_VARINT):
    case PB_TAG(OTLP_ANY_BOOL, PB_VARINT):
        return skip_varint(p + 1, end) == end;
    case PB_TAG(OTLP_ANY_DOUBLE, PB_FIXED64):
        return end - p == 1 + 8;
    default:
        return false;
    }
}

/* `0a k <key> 12 n <value>` with one-byte lengths that fit each other: nearly every attribute. */
static inline bool is_plain_key_value(const uint8_t *p, const uint8_t *end, const uint8_t *limit)
{
    size_t len = (size_t)(end - p);
    size_t key, value;

    if (len < 6 || len >= 128 || p[0] != 0x0a)
        return false;
    key = p[1];
    if (key + 6 > len || p[2 + key] != 0x12)
        return false;
    value = len - 4 - key;
    if (p[3 + key] != value || !utf8_valid_in(p + 2, key, limit))
        return false;
    p += 4 + key;
    return p[0] == 0x0a ? p[1] == value - 2 && utf8_valid_in(p + 2, value - 2, limit) : is_plain_value(p, end, limit);
}

/* The length-delimited payload at p; its length goes to *len. NULL when it is cut short. */
static inline const uint8_t *read_payload(struct scan *s, const uint8_t *p, const uint8_t *end, size_t *len)
{
    uint64_t n;

    if (!pb_varint(&p, end, &n))
        return set_fault(s, p, "the length is malformed");
    if (n > (uint64_t)(end - p))
        return set_fault(s, p, "the field is longer than what contains it");
    *len = (size_t)n;
    return p;
}

static bool check_payload(struct scan *s, enum op op, const uint8_t *p, size_t len)
{
    switch (op) {
    case OP_STRING:
        return utf8_valid_in(p, len, s->end) || set_fault(s, p, not_utf8);
    case OP_ID16:
        return len == 16 || len == 0 || set_fault(s, p, "an id of this kind has 16 bytes");
    case OP_ID8:
        return len == 8 || len == 0 || set_fault(s, p, "an id of this kind has 8 bytes");
    case OP_PACKED_VARINT:
        return varints_fill(p, p + len) || set_fault(s, p, "a packed integer is malformed");
    case OP_PACKED64:
        return len % 8 == 0 || set_fault(s, p, "packed numbers must fill 8 bytes each");
    case OP_PACKED32:
        return len % 4 == 0 || set_fault(s, p, "packed numbers must fill 4 bytes each");
    default:
        return true;
    }
}

/* What to do at a tag of more than one byte. */
static struct action action_at(const struct table *t, uint64_t tag)
{
    const ProtobufCFieldDescriptor *f;
    struct action skip = { .op = OP_SKIP }, wrong = { .op = OP_WRONG_WIRE };
    unsigned wire = tag & 7;

    if (tag >> 32 != 0 || tag >> 3 == 0 || wire == 3 || wire == 4 || wire > 5)
        return wrong;
    if (tag < 128)
        return t->by_tag[tag];
    f = protobuf_c_message_descriptor_get_field(t->type, (unsigned)(tag >> 3));
    return f != NULL ? action_of(f, (enum pb_wire)wire) : skip;
}

static const uint8_t *skip_scalar(struct scan *s, unsigned wire, const uint8_t *p, const uint8_t *end)
{
    const uint8_t *next;

    switch (wire) {
    case PB_VARINT:
        next = skip_varint(p, end);
        return next != NULL ? next : set_fault(s, p, "the integer is malformed");
    case PB_FIXED64:
        return end - p >= 8 ? p + 8 : set_fault(s, p, "cut short");
    default:
        return end - p >= 4 ? p + 4 : set_fault(s, p, "cut short");
    }
}

/* The second member of the message's oneof, or NULL. The fields have been scanned. */
static const uint8_t *second_member(const struct table *t, struct bytes message)
{
    struct pb_reader r = pb_reader(message);
    bool has = false;

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number < 16 && (t->members >> f.number & 1) != 0) {
            if (has)
                return f.start;
            has = true;
        }
    return NULL;
}

static bool has_one_member(struct scan *s, const struct table *t, struct bytes message)
{
    const uint8_t *second = second_member(t, message);

    return second == NULL || set_fault(s, second, t->why);
}

static bool scan_message(struct scan *s, const struct table *t, const uint8_t *p, const uint8_t *end, unsigned depth);

static inline bool scan_key_value(struct scan *s, const struct table *t, const uint8_t *p, const uint8_t *end,
                                  unsigned depth)
{
    return (depth < VALIDATE_MAX_DEPTH && is_plain_key_value(p, end, s->end)) || scan_message(s, t, p, end, depth);
}

/* Behind the short attributes with this tag that follow one another from p on; NULL: s says why. */
static inline const uint8_t *scan_run(struct scan *s, const struct table *t, uint64_t tag, const uint8_t *p,
                                      const uint8_t *end, unsigned depth)
{
    while (end - p >= 2 && p[0] == tag && p[1] < 0x80 && end - p - 2 >= p[1]) {
        const uint8_t *next = p + 2 + p[1];

        if (!scan_key_value(s, t, p + 2, next, depth))
            return NULL;
        p = next;
    }
    return p;
}

/* What is in a field that is a message. */
static inline bool scan_child(struct scan *s, struct action a, const uint8_t *p, const uint8_t *end, unsigned depth)
{
    if (a.op == OP_KEY_VALUE)
        return scan_key_value(s, &tables[a.child], p, end, depth);
    if (a.op == OP_ANY_VALUE && depth <= VALIDATE_MAX_DEPTH && is_plain_value(p, end, s->end))
        return true;
    s->items += a.op == OP_ITEM;
    return scan_message(s, &tables[a.child], p, end, depth);
}

/* One message from p to end. False: s says why. */
static bool scan_message(struct scan *s, const struct table *t, const uint8_t *p, const uint8_t *end, unsigned depth)
{
    const uint8_t *begin = p, *start = p;
    bool descends = false;
    uint64_t before = 0;

    if (depth > VALIDATE_MAX_DEPTH)
        return set_fault(s, p, "nested too deep");
    while (p < end) {
        struct action a;
        uint64_t tag;
        size_t len;

        start = p;
        if (__builtin_expect(*p < 0x80, 1)) {
            tag = *p++;
            a = t->by_tag[tag];
        } else {
            if (!pb_varint_slow(&p, end, &tag))
                return set_fault(s, start, "the field number is malformed");
            a = action_at(t, tag);
        }
        descends |= tag < before;
        before = tag;
        switch (a.op) {
        case OP_FIXED64:
            if (end - p < 8)
                return set_fault(s, start, "cut short");
            p += 8;
            continue;
        case OP_WRONG_WIRE:
            return set_fault(s, start, "wrong wire type or field number");
        case OP_SKIP:
            if ((tag & 7) == PB_LEN)
                break;
            /* fall through */
        case OP_VARINT:
        case OP_FIXED32:
            p = skip_scalar(s, tag & 7, p, end);
            if (p == NULL)
                return false;
            continue;
        default:
            break;
        }
        p = read_payload(s, p, end, &len);
        if (p == NULL)
            return false;
        if (a.op >= OP_MESSAGE ? !scan_child(s, a, p, p + len, depth + 1)
                               : a.op >= OP_STRING && !check_payload(s, (enum op)a.op, p, len))
            return false;
        p += len;
        if (a.op == OP_KEY_VALUE && (p = scan_run(s, &tables[a.child], tag, p, end, depth + 1)) == NULL)
            return false;
    }
    s->disordered |= descends && depth > 1; /* requests are put end to end */
    return t->members == 0 || start == begin || has_one_member(s, t, bytes_of(begin, (size_t)(end - begin)));
}

/* --- naming a fault --- */

static size_t put_step(char *out, size_t size, size_t at, const ProtobufCFieldDescriptor *f, unsigned index)
{
    int n;

    if (f->label == PROTOBUF_C_LABEL_REPEATED)
        n = snprintf(out + at, size - at, "%s%s[%u]", at > 0 ? "." : "", f->name, index);
    else
        n = snprintf(out + at, size - at, "%s%s", at > 0 ? "." : "", f->name);
    return n < 0 || (size_t)n >= size - at ? size - 1 : at + (size_t)n;
}

/* How many fields of number `id` come before the one at `until`. */
static unsigned index_of(struct bytes message, uint32_t id, const uint8_t *until)
{
    struct pb_reader r = pb_reader(message);
    struct pb_field f;
    unsigned n = 0;

    while (pb_next(&r, &f) && f.start < until)
        n += f.number == id;
    return n;
}

/* "resource_spans[0].scope_spans[2].spans[7].name": the fields that lead to the byte at `fault`. Deep paths are cut. */
static void name_path(const ProtobufCMessageDescriptor *type, struct bytes message, const uint8_t *fault, char *out,
                      size_t size)
{
    size_t at = 0;

    for (unsigned depth = 0; depth < 16; depth++) {
        const ProtobufCFieldDescriptor *d;
        struct pb_reader r = pb_reader(message);
        struct pb_field f = { 0 };

        while (pb_next(&r, &f) && r.p <= fault)
            if (f.wire == PB_LEN && f.bytes.len == 0 && fault == r.p)
                break;
        if (r.bad) { /* this field itself is broken: its number may still be read */
            uint64_t tag;
            const uint8_t *p = r.p;

            if (!pb_varint(&p, r.end, &tag) || tag >> 32 != 0)
                return;
            f = (struct pb_field){ .number = (uint32_t)(tag >> 3), .wire = PB_VARINT, .start = r.p };
        } else if (f.start == NULL || r.p == message.data) {
            return;
        }
        d = protobuf_c_message_descriptor_get_field(type, f.number);
        if (d == NULL)
            return;
        at = put_step(out, size, at, d, index_of(message, f.number, f.start));
        if (d->type != PROTOBUF_C_TYPE_MESSAGE || f.wire != PB_LEN || f.start == fault)
            return;
        type = d->descriptor;
        message = f.bytes;
    }
}

static void describe_fault(enum signal signal, struct bytes request, const struct scan *s, struct validation *out)
{
    char path[160] = "";

    out->items = 0;
    out->is_text = s->why == not_utf8;
    out->fault_offset = (size_t)(s->fault - request.data);
    name_path(signal_table[signal].request, request, s->fault, path, sizeof(path));
    snprintf(out->fault, sizeof(out->fault), "%s%s%s", path, path[0] != '\0' ? ": " : "", s->why);
}

bool otlp_validate(enum signal signal, struct bytes request, struct validation *out)
{
    struct scan s = { .end = bytes_end(request) };

    pthread_once(&compiled, compile_all);
    if (!scan_message(&s, &tables[root_tables[signal]], request.data, s.end, 1)) {
        describe_fault(signal, request, &s, out);
        return false;
    }
    out->items = s.items;
    out->ordered = !s.disordered;
    return true;
}
