/* SPDX-License-Identifier: Apache-2.0 */
/* A preflight may ask for a method that simple requests have anyway, and for names of headers; when all of that is
 * allowed to its origin, the answer says so, and else it says nothing, and the browser does not go on.
 *
 * The origin itself is named also where `*` allows all, and credentials are always allowed: browsers do not take "*"
 * together with these (Fetch 3.2.4). */
#include "net/message/cors.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* One `*` in an allowed origin stands for any run of characters. */
static bool origin_matches(const char *pattern, struct bytes origin)
{
    const char *star = strchr(pattern, '*');
    size_t head, tail;

    if (star == NULL)
        return bytes_equal_nocase(bytes_str(pattern), origin);
    head = (size_t)(star - pattern);
    tail = strlen(star + 1);
    return origin.len >= head + tail && strncasecmp(pattern, (const char *)origin.data, head) == 0 &&
           strncasecmp(star + 1, (const char *)origin.data + origin.len - tail, tail) == 0;
}

static bool origin_allowed(const struct http_cors_config *cors, struct bytes origin)
{
    for (size_t i = 0; i < cors->allowed_origins.n; i++)
        if (origin_matches(cors->allowed_origins.v[i], origin))
            return true;
    return false;
}

static bool name_allowed(const struct http_cors_config *cors, struct bytes name)
{
    static const char *const always[] = { "accept", "content-type", "x-requested-with" };

    for (size_t i = 0; i < cors->allowed_headers.n; i++)
        if (strcmp(cors->allowed_headers.v[i], "*") == 0 ||
            bytes_equal_nocase(bytes_str(cors->allowed_headers.v[i]), name))
            return true;
    for (size_t i = 0; cors->allowed_headers.n == 0 && i < ARRAY_LEN(always); i++)
        if (bytes_equal_nocase(bytes_str(always[i]), name))
            return true;
    return false;
}

/* Is every name of this comma-separated list allowed? */
static bool headers_allowed(const struct http_cors_config *cors, struct bytes list)
{
    while (list.len > 0) {
        const uint8_t *comma = memchr(list.data, ',', list.len);
        size_t len = comma != NULL ? (size_t)(comma - list.data) : list.len;
        struct bytes name = bytes_trim(bytes_of(list.data, len));

        if (name.len > 0 && !name_allowed(cors, name))
            return false;
        list = bytes_skip(list, len + (comma != NULL));
    }
    return true;
}

bool cors_is_preflight(const struct http_request *req)
{
    return bytes_is(req->method, "OPTIONS") && http_request_header(req, "access-control-request-method") != NULL;
}

static void add_header(http_headers *out, const char *name, struct bytes value)
{
    *vec_push(out) = (struct http_header){ bytes_str(name), value };
}

static void add_origin(http_headers *out, struct bytes origin)
{
    add_header(out, "access-control-allow-origin", origin);
    add_header(out, "access-control-allow-credentials", bytes_str("true"));
}

static void add_permission(const struct http_cors_config *cors, const struct http_request *req, struct bytes origin,
                           http_headers *out, char age[CORS_AGE])
{
    const struct bytes *method = http_request_header(req, "access-control-request-method");
    const struct bytes *names = http_request_header(req, "access-control-request-headers");

    if (!bytes_is(*method, "POST") && !bytes_is(*method, "GET") && !bytes_is(*method, "HEAD"))
        return;
    if (names != NULL && !headers_allowed(cors, *names))
        return;
    add_origin(out, origin);
    add_header(out, "access-control-allow-methods", *method);
    if (names != NULL && names->len > 0)
        add_header(out, "access-control-allow-headers", *names);
    if (cors->max_age <= 0)
        return;
    snprintf(age, CORS_AGE, "%lld", (long long)cors->max_age);
    add_header(out, "access-control-max-age", bytes_str(age));
}

void cors_add_headers(const struct http_cors_config *cors, const struct http_request *req, http_headers *out,
                      char age[CORS_AGE])
{
    const struct bytes *origin = http_request_header(req, "origin");
    bool preflight = cors_is_preflight(req), allowed = origin != NULL && origin_allowed(cors, *origin);

    add_header(
        out, "vary",
        bytes_str(preflight ? "Origin, Access-Control-Request-Method, Access-Control-Request-Headers" : "Origin"));
    if (allowed && preflight) {
        add_permission(cors, req, *origin, out, age);
    } else if (allowed) {
        add_origin(out, *origin);
        for (size_t i = 0; i < cors->exposed_headers.n; i++)
            add_header(out, "access-control-expose-headers", bytes_str(cors->exposed_headers.v[i]));
    }
}
