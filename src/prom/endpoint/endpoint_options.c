/* SPDX-License-Identifier: Apache-2.0 */
/* addresses_meet() compares what two listeners would bind, wildcards included; http_options_join() takes of each option
 * the larger, for whoever needs more must have it; http_options_keep() makes them the listener's own. */
#include "prom/endpoint/endpoint_options.h"

#include "config/server_rows.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

static uint16_t port_of(const struct endpoint *e)
{
    if (e->addr.ss_family == AF_INET6)
        return ((const struct sockaddr_in6 *)(const void *)&e->addr)->sin6_port;
    return ((const struct sockaddr_in *)(const void *)&e->addr)->sin_port;
}

bool address_is_wildcard(const struct endpoint *e)
{
    if (e->any)
        return true;
    if (e->addr.ss_family == AF_INET6)
        return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)(const void *)&e->addr)->sin6_addr);
    return e->addr.ss_family == AF_INET &&
           ((const struct sockaddr_in *)(const void *)&e->addr)->sin_addr.s_addr == htonl(INADDR_ANY);
}

static bool same_host(const struct endpoint *a, const struct endpoint *b)
{
    if (a->addr.ss_family != b->addr.ss_family)
        return false;
    if (a->addr.ss_family == AF_INET6)
        return IN6_ARE_ADDR_EQUAL(&((const struct sockaddr_in6 *)(const void *)&a->addr)->sin6_addr,
                                  &((const struct sockaddr_in6 *)(const void *)&b->addr)->sin6_addr);
    return ((const struct sockaddr_in *)(const void *)&a->addr)->sin_addr.s_addr ==
           ((const struct sockaddr_in *)(const void *)&b->addr)->sin_addr.s_addr;
}

/* A wildcard of IPv6 takes IPv4 too; one of IPv4 leaves IPv6 alone. */
static bool endpoint_covers(const struct endpoint *wide, const struct endpoint *e)
{
    return address_is_wildcard(wide) && (wide->addr.ss_family == AF_INET6 || e->addr.ss_family == AF_INET || e->any);
}

bool addresses_meet(const struct endpoint *a, const struct endpoint *b)
{
    bool a_unix = a->addr.ss_family == AF_UNIX, b_unix = b->addr.ss_family == AF_UNIX;

    if (a_unix || b_unix)
        return a_unix && b_unix && a->len == b->len && memcmp(&a->addr, &b->addr, a->len) == 0;
    if (port_of(a) == 0 || port_of(a) != port_of(b))
        return false;
    return same_host(a, b) || endpoint_covers(a, b) || endpoint_covers(b, a);
}

#define JOIN(name)                                                                                                     \
    do {                                                                                                               \
        if (other->name > into->name) {                                                                                \
            into->name = other->name;                                                                                  \
            changed = true;                                                                                            \
        }                                                                                                              \
    } while (0)

bool http_options_join(struct http_server_options *into, const struct http_server_options *other)
{
    bool changed = false;

    JOIN(max_concurrent_streams);
    JOIN(initial_window);
    JOIN(read_buffer_size);
    JOIN(max_header_bytes);
    JOIN(read_header_timeout);
    JOIN(read_timeout);
    JOIN(write_timeout);
    JOIN(idle_timeout);
    JOIN(no_keep_alive);
    JOIN(max_connection_idle);
    JOIN(max_connection_age);
    JOIN(max_connection_age_grace);
    JOIN(keepalive_time);
    JOIN(keepalive_timeout);
    JOIN(keepalive_min_time);
    JOIN(keepalive_permit_without_stream);
    JOIN(enforce_keepalive);
    if (into->tls == NULL && other->tls != NULL) {
        into->tls = other->tls;
        changed = true;
    }
    if ((into->response_headers == NULL || into->response_headers->n == 0) && other->response_headers != NULL &&
        other->response_headers->n > 0) {
        into->response_headers = other->response_headers;
        changed = true;
    }
    if (into->cors == NULL && other->cors != NULL) {
        into->cors = other->cors;
        changed = true;
    }
    return changed;
}

static struct strings copy_strings(struct arena *memory, struct strings from)
{
    struct strings copy = { arena_alloc(memory, from.n * sizeof(*copy.v)), from.n };

    for (size_t i = 0; i < from.n; i++)
        copy.v[i] = arena_strdup(memory, from.v[i]);
    return copy;
}

static const struct http_cors_config *copy_cors(struct arena *memory, const struct http_cors_config *from)
{
    struct http_cors_config *copy = arena_alloc(memory, sizeof(*copy));

    *copy = *from;
    copy->allowed_origins = copy_strings(memory, from->allowed_origins);
    copy->allowed_headers = copy_strings(memory, from->allowed_headers);
    copy->exposed_headers = copy_strings(memory, from->exposed_headers);
    return copy;
}

static const struct string_map *copy_map(struct arena *memory, const struct string_map *from)
{
    struct string_map *copy = arena_alloc(memory, sizeof(*copy));

    *copy = (struct string_map){ arena_alloc(memory, from->n * sizeof(*copy->v)), from->n };
    for (size_t i = 0; i < from->n; i++)
        copy->v[i] = (struct string_pair){ .key = arena_strdup(memory, from->v[i].key),
                                           .value = arena_strdup(memory, from->v[i].value) };
    return copy;
}

void http_options_keep(struct http_server_options *o, struct arena *memory)
{
    if (o->cors != NULL)
        o->cors = copy_cors(memory, o->cors);
    if (o->response_headers != NULL)
        o->response_headers = copy_map(memory, o->response_headers);
    if (o->gate_parameters != NULL) {
        struct strings *copy = arena_alloc(memory, sizeof(*copy));

        *copy = copy_strings(memory, *o->gate_parameters);
        o->gate_parameters = copy;
    }
}
