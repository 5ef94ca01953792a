/* SPDX-License-Identifier: Apache-2.0 */
/* Is a body without a single item meant for somebody else?
 *
 * Fields that are not known are skipped (OTLP demands it), so {"log":"hello"} is an export request without anything in
 * it, and is answered with a success. An empty request is one too, and so is {"resourceLogs":[]}; but a body that has
 * fields, and at the top not one that we know, was never meant to say nothing. That is seen here, after a body has
 * turned out to hold no item, so that all others pay nothing for it. */
#include "receiver/otlp/otlp.h"

#include "codec/json_scan.h"
#include "codec/pb.h"
#include "otlp/json_type.h"

static const struct json_type *type_of(enum signal s)
{
    return json_type_of(signal_table[s].request);
}

/* The signal whose requests have that key; SIGNAL_COUNT: none. */
static enum signal signal_of_key(struct bytes key)
{
    int s = 0;

    while (s < SIGNAL_COUNT && json_field_by_name(type_of((enum signal)s), key) == NULL)
        s++;
    return (enum signal)s;
}

static void describe_key(enum signal s, struct bytes key, struct error *hint)
{
    struct bytes first = type_of(s)->fields[0].name;
    enum signal of = signal_of_key(key);

    if (of != SIGNAL_COUNT)
        error_set(hint, 0, "this is a request for %s, sent to where %s are taken", signal_table[of].name,
                  signal_table[s].name);
    else
        error_set(hint, 0, "\"%.*s\" is no field of a request for %s, which begins with {\"%.*s\": ...",
                  (int)(key.len < 64 ? key.len : 64), (const char *)key.data, signal_table[s].name, (int)first.len,
                  (const char *)first.data);
}

static bool has_only_foreign_keys(struct json_scan *in, enum signal s, struct error *hint)
{
    bool foreign = false;
    struct bytes key;

    if (!json_expect(in, '{', ""))
        return false;
    while (json_peek(in) == '"' && json_string(in, &key)) {
        if (json_field_by_name(type_of(s), key) != NULL)
            return false;
        if (!foreign)
            describe_key(s, key, hint);
        foreign = true;
        if (!json_expect(in, ':', "") || !json_skip(in) || json_peek(in) != ',')
            break;
        in->p++;
    }
    return foreign;
}

bool otlp_foreign_json(enum signal s, struct bytes text, struct error *hint)
{
    struct json_scan in = { .p = text.data, .end = bytes_end(text) };
    bool foreign = has_only_foreign_keys(&in, s, hint);

    buf_free(&in.scratch);
    return foreign;
}

bool otlp_foreign_wire(enum signal s, struct bytes request, struct error *hint)
{
    struct pb_reader reader = pb_reader(request);
    uint32_t first = 0;
    struct pb_field f;

    while (pb_next(&reader, &f)) {
        if (json_field_by_number(type_of(s), f.number) != NULL)
            return false;
        if (first == 0)
            first = f.number;
    }
    if (first == 0)
        return false;
    error_set(hint, 0, "field %u is no field of a request for %s", first, signal_table[s].name);
    return true;
}
