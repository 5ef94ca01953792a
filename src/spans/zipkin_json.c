/* SPDX-License-Identifier: Apache-2.0 */
/* A list in JSON, object by object: each is a small tree, of which the struct is filled and which is gone with the next
 * one. A string that is not UTF-8 is mended. Tags whose values are numbers or bools are taken as they are written.
 *
 * What can go wrong: it is no JSON, no list of objects, an object has more values than a span has need of, an id or a
 * time is none. That fails the list. */
#include "codec/base64.h"
#include "codec/json_tree.h"
#include "codec/json_write.h"
#include "spans/zipkin.h"

#include <inttypes.h>
#include <stdlib.h>
#include <uv.h>

#define SPAN_DEPTH 8

static const char *const kinds[] = { "", "CLIENT", "SERVER", "PRODUCER", "CONSUMER" };

/* ---- reading ---- */

struct zipkin_json {
    struct json_scan in;
    struct zipkin_span span;
    struct arena arena; /* the tree */
    struct buf scratch;
    struct span_groups *groups;
    struct error *err;
};

/* Digits of the low end, as many as there are. */
static bool read_id(struct zipkin_json *r, const struct json_node *n, uint8_t *id, size_t size)
{
    size_t digits = n->text.len;

    if (n->kind != JSON_STRING || digits > 2 * size)
        return json_node_refuse(
            n, size == 8 ? "an id of up to 16 hexadecimal digits" : "an id of up to 32 hexadecimal digits", r->err);
    memset(id, 0, size); /* of two members of one name the last counts */
    for (size_t i = 0; i < digits; i++) {
        int digit = hex_digit(n->text.data[digits - 1 - i]);

        if (digit < 0)
            return json_node_refuse(n, "an id in hexadecimal digits", r->err);
        id[size - 1 - i / 2] |= (uint8_t)(digit << (i % 2 * 4));
    }
    return true;
}

static bool read_number(struct zipkin_json *r, const struct json_node *n, uint64_t *v)
{
    double x;

    if (n->kind == JSON_NULL || bytes_decimal(n->text, v))
        return true;
    x = n->kind == JSON_NUMBER ? strtod((const char *)n->text.data, NULL) : -1;
    if (!(x >= 0 && x < 1e18))
        return json_node_refuse(n, "a number that is not negative", r->err);
    *v = (uint64_t)x;
    return true;
}

static bool read_kind(struct zipkin_json *r, const struct json_node *n, enum zipkin_kind *kind)
{
    if (n->kind == JSON_NULL)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (bytes_is(n->text, kinds[i])) {
            *kind = (enum zipkin_kind)i;
            return true;
        }
    return json_node_refuse(n, "CLIENT, SERVER, PRODUCER or CONSUMER", r->err);
}

static bool read_endpoint(struct zipkin_json *r, const struct json_node *n, struct zipkin_endpoint *e)
{
    bool good = true;

    json_each (m, n) {
        char *address = bytes_is(m->key, "ipv4") ? e->ipv4 : bytes_is(m->key, "ipv6") ? e->ipv6 : NULL;

        if (address != NULL && m->text.len > 0)
            good = zipkin_address(m->text, address) || json_node_refuse(m, "an address", r->err);
        else if (bytes_is(m->key, "serviceName"))
            e->service = m->text;
        else if (bytes_is(m->key, "port"))
            good = read_number(r, m, &e->port);
        if (!good)
            return false;
    }
    return true;
}

static bool read_annotations(struct zipkin_json *r, const struct json_node *list)
{
    json_each (n, list) {
        struct zipkin_annotation a = { 0 };

        json_each (m, n) {
            if (bytes_is(m->key, "value"))
                a.value = m->text;
            else if (bytes_is(m->key, "timestamp") && !read_number(r, m, &a.time))
                return false;
        }
        *vec_push(&r->span.annotations) = a;
    }
    return true;
}

static bool read_tags(struct zipkin_json *r, const struct json_node *tags)
{
    json_each (n, tags) {
        if (n->kind == JSON_LIST || n->kind == JSON_OBJECT)
            return json_node_refuse(n, "a string, as the value of a tag is", r->err);
        if (n->kind != JSON_NULL)
            tags_put_text(&r->span.tags, n->key, n->text);
    }
    return true;
}

static bool read_member(struct zipkin_json *r, const struct json_node *n)
{
    struct zipkin_span *z = &r->span;

    if (bytes_is(n->key, "traceId"))
        return read_id(r, n, z->trace_id, sizeof(z->trace_id));
    if (bytes_is(n->key, "id"))
        return read_id(r, n, z->id, sizeof(z->id));
    if (bytes_is(n->key, "parentId")) {
        z->has_parent = n->kind != JSON_NULL;
        return !z->has_parent || read_id(r, n, z->parent_id, sizeof(z->parent_id));
    }
    if (bytes_is(n->key, "kind"))
        return read_kind(r, n, &z->kind);
    if (bytes_is(n->key, "name"))
        z->name = n->text;
    else if (bytes_is(n->key, "timestamp"))
        return read_number(r, n, &z->start);
    else if (bytes_is(n->key, "duration"))
        return read_number(r, n, &z->duration);
    else if (bytes_is(n->key, "localEndpoint"))
        return read_endpoint(r, n, &z->local);
    else if (bytes_is(n->key, "remoteEndpoint"))
        return read_endpoint(r, n, &z->remote);
    else if (bytes_is(n->key, "annotations"))
        return read_annotations(r, n);
    else if (bytes_is(n->key, "tags"))
        return read_tags(r, n);
    return true;
}

static bool read_span(struct zipkin_json *r)
{
    static const struct json_tree_rules rules = { .max_nodes = ZIPKIN_VALUES, .max_depth = SPAN_DEPTH };
    static const uint8_t none[8];
    const struct json_node *n;

    arena_reset(&r->arena);
    zipkin_span_clear(&r->span);
    if (json_peek(&r->in) == '{')
        n = json_tree_read(&r->in, &r->arena, &rules);
    else
        n = NULL, r->in.fault = "an object, as each span is";
    if (n == NULL)
        return false;
    json_each (m, n)
        if (!read_member(r, m))
            return false;
    if (memcmp(r->span.id, none, sizeof(none)) == 0) {
        error_set(r->err, UV_EINVAL, "valid span id required");
        return false;
    }
    zipkin_to_otlp(&r->span, r->groups, &r->scratch);
    return true;
}

static int read_list(struct zipkin_json *r, size_t most)
{
    bool more;

    if (!json_expect(&r->in, '[', "a list of spans"))
        return UV_EINVAL;
    more = json_peek(&r->in) != ']';
    while (more) {
        if (!read_span(r))
            return UV_EINVAL;
        if (r->groups->out->len > most)
            return UV_E2BIG;
        more = json_peek(&r->in) == ',';
        r->in.p += more;
    }
    if (!json_expect(&r->in, ']', "a comma or the end of the list"))
        return UV_EINVAL;
    if (!json_is_over(&r->in)) {
        r->in.fault = "nothing more";
        return UV_EINVAL;
    }
    return 0;
}

int zipkin_json_read(struct bytes text, size_t most, struct span_groups *groups, struct error *err)
{
    struct error told = { 0 };
    struct zipkin_json r = { .in = { .p = text.data, .end = bytes_end(text), .repairs = true },
                             .groups = groups,
                             .err = &told };
    int rc = read_list(&r, most);

    if (rc == UV_EINVAL && told.code != 0)
        error_set(err, rc, "%s, in the span that ends at byte %zu", told.text, (size_t)(r.in.p - text.data));
    else if (rc == UV_EINVAL)
        error_set(err, rc, "at byte %zu: expected %s", (size_t)(r.in.p - text.data),
                  r.in.fault != NULL ? r.in.fault : "a list of spans");
    zipkin_span_free(&r.span);
    arena_free(&r.arena);
    buf_free(&r.scratch);
    buf_free(&r.in.scratch);
    buf_free(&r.in.mended);
    return rc;
}

/* ---- writing ---- */

static void write_id(struct json_writer *w, const char *key, const uint8_t *id, size_t size)
{
    static const uint8_t none[8];
    bool short_one = size == 16 && memcmp(id, none, 8) == 0;
    struct buf text = { 0 };

    hex_encode(bytes_of(short_one ? id + 8 : id, short_one ? 8 : size), &text);
    json_write_text(w, key, buf_bytes(&text));
    buf_free(&text);
}

/* Zipkin's names are lower case: its own server makes them so. */
static void write_name(struct json_writer *w, const char *key, struct bytes name)
{
    struct buf text = { 0 };

    for (size_t i = 0; i < name.len; i++)
        buf_putc(&text, (char)(name.data[i] >= 'A' && name.data[i] <= 'Z' ? name.data[i] | 0x20 : name.data[i]));
    json_write_text(w, key, buf_bytes(&text));
    buf_free(&text);
}

static void write_endpoint(struct json_writer *w, const char *key, const struct zipkin_endpoint *e)
{
    if (e->service.len == 0 && e->ipv4[0] == '\0' && e->ipv6[0] == '\0' && e->port == 0)
        return;
    json_begin(w, key, '{');
    if (e->service.len > 0)
        write_name(w, "serviceName", e->service);
    if (e->ipv4[0] != '\0')
        json_write_text(w, "ipv4", bytes_str(e->ipv4));
    if (e->ipv6[0] != '\0')
        json_write_text(w, "ipv6", bytes_str(e->ipv6));
    if (e->port != 0)
        json_write_uint(w, "port", e->port);
    json_end(w, '}');
}

static void write_tags(struct json_writer *w, const struct tags *tags)
{
    json_begin(w, "tags", '{');
    tags_each (tag, tags) {
        json_write_text(w, NULL, tag->key);
        buf_putc(w->out, ':');
        w->more = false;
        json_write_text(w, NULL, tag->value.bytes);
    }
    json_end(w, '}');
}

void zipkin_json_write(const struct zipkin_span *z, struct buf *out)
{
    struct json_writer w = { .out = out };

    json_begin(&w, NULL, '{');
    if (z->start != 0)
        json_write_uint(&w, "timestamp", z->start);
    if (z->duration != 0)
        json_write_uint(&w, "duration", z->duration);
    write_id(&w, "traceId", z->trace_id, sizeof(z->trace_id));
    write_id(&w, "id", z->id, sizeof(z->id));
    if (z->has_parent)
        write_id(&w, "parentId", z->parent_id, sizeof(z->parent_id));
    if (z->name.len > 0)
        write_name(&w, "name", z->name);
    if (z->kind != ZIPKIN_NO_KIND)
        json_write_text(&w, "kind", bytes_str(kinds[z->kind]));
    write_endpoint(&w, "localEndpoint", &z->local);
    write_endpoint(&w, "remoteEndpoint", &z->remote);
    if (z->annotations.n > 0)
        json_begin(&w, "annotations", '[');
    for (size_t i = 0; i < z->annotations.n; i++) {
        json_begin(&w, NULL, '{');
        json_write_uint(&w, "timestamp", z->annotations.v[i].time);
        json_write_text(&w, "value", z->annotations.v[i].value);
        json_end(&w, '}');
    }
    if (z->annotations.n > 0)
        json_end(&w, ']');
    if (z->tags.list.n > 0)
        write_tags(&w, &z->tags);
    json_end(&w, '}');
}
