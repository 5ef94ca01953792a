/* SPDX-License-Identifier: Apache-2.0 */
/* A type is looked for among those made before, and made from protobuf-c's descriptor when it is not there; it is
 * linked before its fields are looked at, for messages contain themselves. Names are found in an open table that is
 * four times as large as it needs to be. All of it is under one lock, is never freed, and is not written to once it
 * is handed out. */
#include "otlp/json_type.h"

#include "base/mem.h"
#include "google/protobuf/any.pb-c.h"
#include "google/protobuf/duration.pb-c.h"
#include "rpc/rpc_status.pb-c.h"

#include <assert.h>
#include <ctype.h>
#include <pthread.h>

static const struct json_type *types; /* built so far */

/* OTLP's ids are hex where proto3 JSON would have base64. */
static const struct {
    const char *name;
    uint8_t len;
} ids[] = { { "trace_id", 16 }, { "span_id", 8 }, { "parent_span_id", 8 }, { "profile_id", 16 } };

static uint8_t id_len(const ProtobufCFieldDescriptor *pb)
{
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        if (pb->type == PROTOBUF_C_TYPE_BYTES && strcmp(pb->name, ids[i].name) == 0)
            return ids[i].len;
    return 0;
}

/* `"lowerCamelCase":`, of which the name is in the middle. */
static struct bytes camel_case(const char *name)
{
    char *quoted = mem_alloc(strlen(name) + 4), *to = quoted;

    *to++ = '"';
    for (; *name != '\0'; name++) {
        if (*name == '_' && name[1] != '\0') /* protoc's rule: the letter after an underscore is a capital */
            *to++ = (char)toupper((unsigned char)*++name);
        else
            *to++ = *name;
    }
    *to++ = '"';
    *to++ = ':';
    return bytes_of(quoted + 1, (size_t)(to - quoted) - 3);
}

static unsigned slot_of(struct bytes name)
{
    unsigned h = (unsigned)name.len * 17;

    if (name.len > 0)
        h += name.data[0] * 5u + name.data[name.len - 1] * 31u + name.data[name.len / 2] * 3u;
    return h % JSON_NAMES_MAX;
}

static void add_name(struct json_type *t, struct bytes name, const struct json_field *field)
{
    unsigned slot = slot_of(name);

    while (t->names[slot].field != NULL)
        slot = (slot + 1) % JSON_NAMES_MAX;
    t->names[slot].name = name;
    t->names[slot].field = field;
}

const struct json_field *json_field_by_name(const struct json_type *t, struct bytes name)
{
    for (unsigned slot = slot_of(name); t->names[slot].field != NULL; slot = (slot + 1) % JSON_NAMES_MAX)
        if (bytes_equal(t->names[slot].name, name))
            return t->names[slot].field;
    return NULL;
}

static bool is_number(ProtobufCType type)
{
    return type != PROTOBUF_C_TYPE_STRING && type != PROTOBUF_C_TYPE_BYTES && type != PROTOBUF_C_TYPE_MESSAGE;
}

static void add_field(struct json_type *t, unsigned index)
{
    const ProtobufCFieldDescriptor *pb = &t->pb->fields[index];
    struct json_field *f = &t->fields[index];

    *f = (struct json_field){ .pb = pb, .bit = 1u << index, .rivals = 1u << index, .id_len = id_len(pb) };
    f->repeated = pb->label == PROTOBUF_C_LABEL_REPEATED;
    f->packable = f->repeated && is_number(pb->type);
    f->oneof = (pb->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
    for (unsigned i = 0; i < t->pb->n_fields && f->oneof; i++) {
        const ProtobufCFieldDescriptor *other = &t->pb->fields[i];

        if ((other->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 && other->quantifier_offset == pb->quantifier_offset)
            f->rivals |= 1u << i;
    }
    assert(pb->id < JSON_NUMBERS_MAX);
    t->by_number[pb->id] = f;
    f->name = camel_case(pb->name);
    add_name(t, f->name, f);
    if (!bytes_is(f->name, pb->name))
        add_name(t, bytes_str(pb->name), f);
}

static enum json_special special_of(const ProtobufCMessageDescriptor *pb)
{
    if (pb == &google__protobuf__any__descriptor)
        return JSON_ANY;
    return pb == &google__protobuf__duration__descriptor ? JSON_DURATION : JSON_PLAIN;
}

static const struct json_type *find_or_make(const ProtobufCMessageDescriptor *pb)
{
    struct json_type *t;

    for (const struct json_type *known = types; known != NULL; known = known->next)
        if (known->pb == pb)
            return known;
    assert(pb->n_fields <= JSON_FIELDS_MAX);
    t = mem_zalloc(sizeof(*t));
    t->pb = pb;
    t->special = special_of(pb);
    t->next = types;
    types = t; /* before its fields: a type may contain itself */
    for (unsigned i = 0; i < pb->n_fields; i++)
        add_field(t, i);
    for (unsigned i = 0; i < pb->n_fields; i++)
        if (pb->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
            t->fields[i].type = find_or_make(pb->fields[i].descriptor);
    return t;
}

/* Documents are read on the loop's thread and written on those of the pool. */
const struct json_type *json_type_of(const ProtobufCMessageDescriptor *pb)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    const struct json_type *t;

    pthread_mutex_lock(&lock);
    t = find_or_make(pb);
    pthread_mutex_unlock(&lock);
    return t;
}

const struct json_type *json_type_by_url(struct bytes url)
{
    static const ProtobufCMessageDescriptor *const known[] = { &rpc__retry_info__descriptor };
    const uint8_t *slash = url.len > 0 ? memrchr(url.data, '/', url.len) : NULL;
    struct bytes name = url;

    if (slash != NULL)
        name = bytes_of(slash + 1, (size_t)(url.data + url.len - slash - 1));
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (bytes_is(name, known[i]->name))
            return json_type_of(known[i]);
    return NULL;
}
