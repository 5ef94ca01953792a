/* SPDX-License-Identifier: Apache-2.0 */
/* A field is a way down through maps. To take it out, the message that it is in is copied without it, and those around
 * it with their new content; to read it, each map on the way is searched. */
#include "processor/log_dedup/dedup_fields.h"

#include "otlp/any_value.h"
#include "otlp/view.h"

#include <stdio.h>
#include <string.h>

/* ---- names ---- */

static bool report_fault(struct check *ck, const char *path, const char *text)
{
    if (ck != NULL)
        check_fail(ck, path, "%s", text);
    return false;
}

/* The part from `name` on, its `\.` made a dot; *name moves behind the dot that ends it. */
static struct bytes take_part(struct arena *a, const char **name)
{
    char *part = arena_strdup(a, *name);
    size_t n = 0;
    const char *p = *name;

    for (; *p != '\0' && *p != '.'; p++) {
        if (p[0] == '\\' && p[1] == '.')
            p++;
        part[n++] = *p;
    }
    *name = *p == '.' ? p + 1 : NULL;
    return bytes_of(part, n);
}

static bool read_field(struct dedup_field *f, struct arena *a, const char *name, const char *path, struct check *ck)
{
    struct bytes *keys = arena_zalloc(a, DEDUP_FIELD_DEPTH * sizeof(*keys));
    struct bytes first = take_part(a, &name);

    f->in_body = bytes_is(first, "body");
    f->keys = keys;
    if (!f->in_body && !bytes_is(first, "attributes"))
        return report_fault(ck, path, "a field begins with body or attributes: write body.key or attributes.key");
    while (name != NULL) {
        if (f->n == DEDUP_FIELD_DEPTH)
            return report_fault(ck, path, "a field has at most 32 keys");
        keys[f->n++] = take_part(a, &name);
    }
    return true;
}

bool dedup_fields_read(struct dedup_fields *f, struct arena *a, const struct strings *names, bool taken_out,
                       struct check *ck)
{
    const char *key = taken_out ? "exclude_fields" : "include_fields";
    bool good = true;
    char path[48];

    *f = (struct dedup_fields){ .v = arena_zalloc(a, (names->n + 1) * sizeof(*f->v)), .n = names->n };
    for (size_t i = 0; i < names->n; i++) {
        snprintf(path, sizeof(path), "%s::%zu", key, i);
        good &= read_field(&f->v[i], a, names->v[i], path, ck);
        if (taken_out && f->v[i].in_body && f->v[i].n == 0)
            good = report_fault(ck, path, "cannot exclude the entire body");
        if (!taken_out && !f->v[i].in_body && f->v[i].n == 0)
            good = report_fault(ck, path, "name the attributes one by one: attributes.key");
        for (size_t k = 0; k < i; k++)
            if (strcmp(names->v[i], names->v[k]) == 0)
                good = report_fault(ck, path, taken_out ? "duplicate exclude_field" : "duplicate include_field");
    }
    return good;
}

/* ---- taking out ---- */

static void put_map_without(struct buf *out, struct bytes message, unsigned number, const struct bytes *keys, size_t n);

/* An AnyValue, without that key where it is a map. */
static void put_value_without(struct buf *out, uint32_t number, struct bytes any, const struct bytes *keys, size_t n)
{
    struct value v = value_read(any);
    size_t value, map;

    if (v.type != VALUE_MAP) {
        pb_put_bytes(out, number, any);
        return;
    }
    value = pb_begin(out, number);
    map = pb_begin(out, OTLP_ANY_MAP);
    put_map_without(out, v.bytes, OTLP_LIST_VALUES, keys, n);
    pb_end(out, map);
    pb_end(out, value);
}

/* The message; of its KeyValues in that field the one with that key goes, or what is below it. No keys: all go. As deep
 * as there are keys. */
static void put_map_without(struct buf *out, struct bytes message, unsigned number, const struct bytes *keys, size_t n)
{
    struct pb_reader r = pb_reader(message);
    struct attribute a;
    size_t entry;

    for (struct pb_field f; pb_next(&r, &f);) {
        bool is_entry = f.number == number && f.wire == PB_LEN;

        if (is_entry && n > 0)
            a = attribute_of(f.bytes);
        if (!is_entry || (n > 0 && !bytes_equal(a.key, keys[0]))) {
            buf_append(out, f.start, (size_t)(r.p - f.start));
            continue;
        }
        if (n < 2)
            continue;
        entry = pb_begin(out, number);
        pb_put_bytes(out, OTLP_KEY_VALUE_KEY, a.key);
        put_value_without(out, OTLP_KEY_VALUE_VALUE, a.value, keys + 1, n - 1);
        pb_end(out, entry);
    }
}

static void put_record_without(struct buf *out, struct bytes record, const struct dedup_field *field)
{
    struct pb_reader r = pb_reader(record);

    if (!field->in_body) {
        put_map_without(out, record, OTLP_LOG_ATTRIBUTES, field->keys, field->n);
        return;
    }
    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number == OTLP_LOG_BODY && f.wire == PB_LEN)
            put_value_without(out, OTLP_LOG_BODY, f.bytes, field->keys, field->n);
        else
            buf_append(out, f.start, (size_t)(r.p - f.start));
}

struct bytes dedup_fields_remove(const struct dedup_fields *f, struct bytes record, struct buf scratch[2])
{
    for (size_t i = 0; i < f->n; i++) {
        struct buf *out = &scratch[i % 2];

        out->len = 0;
        put_record_without(out, record, &f->v[i]);
        record = buf_bytes(out);
    }
    return record;
}

/* ---- reading ---- */

static bool find_field(struct bytes record, const struct dedup_field *f, struct bytes *any)
{
    struct value v;
    size_t i = 0;

    if (f->in_body)
        *any = log_view(record).body;
    else if (!attribute_find(record, OTLP_LOG_ATTRIBUTES, f->keys[i++], any))
        return false;
    for (; i < f->n; i++) {
        v = value_read(*any);
        if (v.type != VALUE_MAP || !attribute_find(v.bytes, OTLP_LIST_VALUES, f->keys[i], any))
            return false;
    }
    return any->len > 0;
}

bool dedup_fields_digest(const struct dedup_fields *f, struct bytes record, struct buf *scratch, struct digest *d)
{
    bool found = false;
    struct bytes any;

    for (size_t i = 0; i < f->n; i++) {
        if (!find_field(record, &f->v[i], &any))
            continue;
        scratch->len = 0;
        any_value_put(scratch, any);
        *d = digest_bytes(digest_number(*d, i), buf_bytes(scratch));
        found = true;
    }
    return found;
}
