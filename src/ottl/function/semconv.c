/* SPDX-License-Identifier: Apache-2.0 */
/* set_semconv_span_name(): the name that the semantic conventions give a span of its kind, by its attributes: of HTTP,
 * RPC, databases and messaging. Old names of attributes count where the new one is not there. A span that they say
 * nothing of keeps its name. */
#include "ottl/function/make.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"
#include "ottl/message.h"
#include "otlp/view.h"

/* The name as it is put together; empty: there is none yet. */
struct naming {
    struct bytes span;
    struct buf name;
};

static bool find_attribute(const struct naming *n, const char *key, struct bytes *any)
{
    return message_attribute(n->span, OTLP_SPAN_ATTRIBUTES, bytes_str(key), any);
}

static bool find_either(const struct naming *n, const char *key, const char *old, struct bytes *any)
{
    return find_attribute(n, key, any) || (old != NULL && find_attribute(n, old, any));
}

static bool put_attribute(struct naming *n, const char *key, const char *old)
{
    struct bytes any;
    bool found = find_either(n, key, old, &any);

    if (found)
        any_value_put(&n->name, any);
    return found;
}

static bool is_true(const struct naming *n, const char *key)
{
    struct bytes any;
    struct ottl_value v;

    if (!find_attribute(n, key, &any))
        return false;
    v = ottl_value_read(any);
    return v.type == OTTL_BOOL && v.boolean;
}

static void put_server(struct naming *n)
{
    size_t len;

    if (!put_attribute(n, "server.address", NULL))
        return;
    len = n->name.len;
    buf_putc(&n->name, ':');
    if (!put_attribute(n, "server.port", NULL))
        n->name.len = len;
}

/* True: the conventions name it, if by nothing. */
static void name_http(struct naming *n, const char *subject)
{
    size_t len;

    if (!put_attribute(n, "http.request.method", "http.method"))
        return;
    len = n->name.len;
    buf_putc(&n->name, ' ');
    if (!put_attribute(n, subject, NULL))
        n->name.len = len;
}

static void name_rpc(struct naming *n)
{
    struct bytes any;
    bool service, method;

    if (!find_either(n, "rpc.system.name", "rpc.system", &any))
        return;
    method = find_either(n, "rpc.method", "rpc.grpc.method", &any);
    service = put_attribute(n, "rpc.service", "rpc.grpc.service");
    if (service)
        buf_putc(&n->name, '/');
    if (method)
        put_attribute(n, "rpc.method", "rpc.grpc.method");
    else if (service)
        buf_putc(&n->name, '*');
    else
        put_attribute(n, "rpc.system.name", "rpc.system");
}

static void put_database(struct naming *n)
{
    size_t begin = n->name.len;
    struct bytes any;

    put_attribute(n, "db.namespace", "db.name");
    if (find_attribute(n, "db.collection.name", &any) || find_attribute(n, "db.stored_procedure.name", &any)) {
        if (n->name.len > begin)
            buf_putc(&n->name, '.');
        any_value_put(&n->name, any);
    } else if (n->name.len == begin) {
        put_server(n);
    }
}

static void name_database(struct naming *n)
{
    size_t operation, begin;
    struct bytes any;

    if (!find_either(n, "db.system.name", "db.system", &any) || put_attribute(n, "db.query.summary", NULL))
        return;
    put_attribute(n, "db.operation.name", "db.operation");
    operation = n->name.len;
    if (operation > 0)
        buf_putc(&n->name, ' ');
    begin = n->name.len;
    put_database(n);
    if (n->name.len == begin)
        n->name.len = operation;
    if (n->name.len == 0)
        put_attribute(n, "db.system.name", "db.system");
}

static void put_destination(struct naming *n)
{
    if (is_true(n, "messaging.destination.temporary"))
        buf_puts(&n->name, "(temporary)");
    else if (is_true(n, "messaging.destination.anonymous"))
        buf_puts(&n->name, "(anonymous)");
    else if (!put_attribute(n, "messaging.destination.template", NULL) &&
             !put_attribute(n, "messaging.destination.name", "messaging.destination"))
        put_server(n);
}

static void name_messaging(struct naming *n)
{
    bool operation;
    struct bytes any;
    size_t len;

    if (!find_attribute(n, "messaging.system", &any))
        return;
    operation = put_attribute(n, "messaging.operation.name", "messaging.operation");
    len = n->name.len;
    if (operation)
        buf_putc(&n->name, ' ');
    put_destination(n);
    if (operation && n->name.len == len + 1)
        n->name.len = len;
    if (!operation && n->name.len == 0)
        put_attribute(n, "messaging.system", NULL);
}

enum { KIND_SERVER = 2, KIND_CLIENT, KIND_PRODUCER, KIND_CONSUMER };

static void name_span(struct naming *n, uint64_t kind)
{
    bool server = kind == KIND_SERVER, client = kind == KIND_CLIENT;

    if (server || client)
        name_http(n, server ? "http.route" : "url.template");
    if (n->name.len == 0 && (server || client))
        name_rpc(n);
    if (n->name.len == 0 && client)
        name_database(n);
    if (n->name.len == 0 && kind >= KIND_SERVER && kind <= KIND_CONSUMER)
        name_messaging(n);
}

static bool call_span_name(struct ottl_call *c, struct ottl_value *result)
{
    struct naming n = { .span = ottl_message(c) };
    struct span_view span = span_view(n.span);
    struct ottl_value old = ottl_string(span.name);
    struct bytes name, any;

    (void)result;
    if (!ottl_spend(c, 30 * (1 + n.span.len / 256)))
        return false;
    name_span(&n, span.kind);
    name = ottl_take(c, &n.name);
    if (name.len == 0 || bytes_equal(name, span.name))
        return true;
    n.span = message_replace_bytes(c->arena, n.span, OTLP_SPAN_NAME, name);
    if (ottl_given(c, 1)) {
        ottl_value_keep(c->arena, &old, &any);
        n.span = message_attribute_set(c->arena, n.span, OTLP_SPAN_ATTRIBUTES, c->args[1].bytes, any);
    }
    return ottl_message_set(c, n.span);
}

/* "1.37.0", "v1.38", "1"; false: it is none. */
static bool read_version(struct bytes text, uint64_t version[3])
{
    size_t i = text.len > 0 && text.data[0] == 'v', part = 0, digits = 0;

    version[0] = version[1] = version[2] = 0;
    for (; i < text.len; i++) {
        uint8_t d = text.data[i];

        if (d == '.' && digits > 0 && part < 2) {
            part++;
            digits = 0;
        } else if (d >= '0' && d <= '9' && digits++ < 9) {
            version[part] = version[part] * 10 + (uint64_t)(d - '0');
        } else {
            return false;
        }
    }
    return digits > 0;
}

static bool prepare_span_name(struct ottl_prepare *p)
{
    uint64_t v[3];

    if (ottl_known(p, 0) && !read_version(p->args[0].bytes, v))
        return ottl_refuse(p, 0, "the version is written as in \"1.37.0\"");
    if (ottl_known(p, 0) && (v[0] != 1 || v[1] < 37 || v[1] > 40 || (v[1] == 40 && v[2] > 0)))
        return ottl_refuse(p, 0, "that version is not served here: write one from 1.37.0 to 1.40.0");
    if (ottl_known(p, 1) && p->args[1].bytes.len == 0)
        return ottl_refuse(p, 1, "the attribute needs a name");
    return true;
}

const struct ottl_function ottl_functions_semconv[] = {
    EDITOR_IN(
        SPAN, "set_semconv_span_name", call_span_name,
        TAKES(LITERAL("semconv_version", STRING), OPTION("original_span_name_attribute", STRING)),
        "Names the span as the semantic conventions do, by its kind and its attributes of HTTP, RPC, databases and "
        "messaging; the attribute gets the name that it had.",
        .prepare = prepare_span_name),
    { 0 },
};
