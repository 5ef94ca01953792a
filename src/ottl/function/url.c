/* SPDX-License-Identifier: Apache-2.0 */
/* URL(): the parts of one (RFC 3986), under the names of OpenTelemetry's conventions, as Go's net/url tells them apart.
 */
#include "base/ascii.h"
#include "codec/base64.h"
#include "ottl/function/make.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"

struct url_parts {
    struct bytes scheme, user_info, host, port, path, query, fragment;
    bool has_user;
};

/* Cut at the first such byte; *behind is what follows it. */
static bool cut_at(struct bytes *s, char c, struct bytes *behind)
{
    const uint8_t *found = s->len > 0 ? memchr(s->data, c, s->len) : NULL;

    if (found == NULL)
        return false;
    *behind = bytes_of(found + 1, s->len - (size_t)(found - s->data) - 1);
    s->len = (size_t)(found - s->data);
    return true;
}

static const char *split_scheme(struct bytes *rest, struct url_parts *u)
{
    for (size_t i = 0; i < rest->len; i++) {
        uint8_t c = rest->data[i];

        if (c == ':' && i == 0)
            return "missing protocol scheme";
        if (c == ':') {
            u->scheme = bytes_of(rest->data, i);
            *rest = bytes_skip(*rest, i + 1);
            return NULL;
        }
        if (!ascii_is_letter(c) && (i == 0 || (!ascii_is_digit(c) && c != '+' && c != '-' && c != '.')))
            return NULL;
    }
    return NULL;
}

static const char *split_host(struct bytes authority, struct url_parts *u)
{
    struct bytes host = authority;

    for (size_t i = authority.len; i > 0; i--)
        if (authority.data[i - 1] == '@') {
            u->has_user = true;
            u->user_info = bytes_of(authority.data, i - 1);
            host = bytes_skip(authority, i);
            break;
        }
    u->host = host;
    if (host.len > 0 && host.data[0] == '[') {
        const uint8_t *end = memchr(host.data, ']', host.len);

        if (end == NULL)
            return "missing ']' in host";
        u->host = bytes_of(host.data + 1, (size_t)(end - host.data) - 1);
        host = bytes_skip(host, u->host.len + 2);
        if (host.len > 0 && host.data[0] != ':')
            return "invalid port after host";
        u->port = host.len > 0 ? bytes_skip(host, 1) : host;
    } else {
        cut_at(&u->host, ':', &u->port);
    }
    for (size_t i = 0; i < u->port.len; i++)
        if (!ascii_is_digit(u->port.data[i]))
            return "invalid port after host";
    for (size_t i = 0; i < u->host.len; i++)
        if (u->host.data[i] <= ' ' || strchr("\"<>\\^`{|}", u->host.data[i]) != NULL)
            return "invalid character in host name";
    return NULL;
}

static const char *split_url(struct bytes text, struct url_parts *u)
{
    struct bytes rest = text, authority;
    const char *wrong;

    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 0x20 || text.data[i] == 0x7f)
            return "invalid control character in URL";
    cut_at(&rest, '#', &u->fragment);
    wrong = split_scheme(&rest, u);
    if (wrong != NULL)
        return wrong;
    cut_at(&rest, '?', &u->query);
    if (u->scheme.len > 0 && (rest.len == 0 || rest.data[0] != '/'))
        return NULL; /* mailto:someone */
    u->path = rest;
    if (rest.len < 2 || rest.data[0] != '/' || rest.data[1] != '/')
        return NULL;
    authority = bytes_skip(rest, 2);
    u->path = bytes_of("", 0);
    if (cut_at(&authority, '/', &u->path)) {
        u->path.data--;
        u->path.len++;
    }
    return split_host(authority, u);
}

/* Append it with each %41 as the byte that it is. */
static bool unescape_url(struct bytes s, struct buf *out)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t byte;

        if (s.data[i] != '%') {
            buf_putc(out, (char)s.data[i]);
            continue;
        }
        if (s.len - i < 3 || !hex_decode(bytes_of(s.data + i + 1, 2), &byte))
            return false;
        buf_putc(out, (char)byte);
        i += 2;
    }
    return true;
}

static bool put_part(struct ottl_call *c, const char *name, struct bytes text, bool escaped, struct buf *map)
{
    struct buf plain = { 0 };
    struct ottl_value v;
    bool good = !escaped || unescape_url(text, &plain);

    if (good && escaped)
        ottl_give_text(c, &plain, &v);
    if (good)
        ottl_put_text_pair(map, bytes_str(name), escaped ? v.bytes : text);
    buf_free(&plain);
    return good || ottl_fail(c, "invalid URL escape in \"%.*s\"", (int)(text.len < 80 ? text.len : 80),
                             (const char *)text.data);
}

static bool put_user(struct ottl_call *c, const struct url_parts *u, struct buf *map)
{
    struct bytes name = u->user_info, password;
    bool has_password = cut_at(&name, ':', &password);

    return put_part(c, "url.user_info", u->user_info, false, map) && put_part(c, "url.username", name, true, map) &&
           (!has_password || put_part(c, "url.password", password, true, map));
}

static void put_extension(struct bytes path, struct buf *map)
{
    for (size_t i = path.len; i > 0 && path.data[i - 1] != '/'; i--)
        if (path.data[i - 1] == '.') {
            if (i < path.len)
                ottl_put_text_pair(map, bytes_str("url.extension"), bytes_skip(path, i));
            return;
        }
}

static bool put_parts(struct ottl_call *c, const struct url_parts *u, struct buf *map)
{
    struct ottl_value port = ottl_int(0);

    if (!put_part(c, "url.original", c->args[0].bytes, false, map) || !put_part(c, "url.domain", u->host, true, map) ||
        !put_part(c, "url.scheme", u->scheme, false, map) || !put_part(c, "url.path", u->path, true, map))
        return false;
    put_extension(u->path, map);
    for (size_t i = 0; i < u->port.len && port.integer < 100000; i++)
        port.integer = port.integer * 10 + (u->port.data[i] - '0');
    if (u->port.len > 0)
        ottl_put_pair(map, bytes_str("url.port"), &port);
    if (u->query.len > 0)
        put_part(c, "url.query", u->query, false, map);
    if (u->fragment.len > 0 && !put_part(c, "url.fragment", u->fragment, true, map))
        return false;
    return !u->has_user || put_user(c, u, map);
}

static bool call_url(struct ottl_call *c, struct ottl_value *result)
{
    struct url_parts u = { 0 };
    struct bytes text = c->args[0].bytes;
    struct buf map = { 0 };
    const char *wrong;

    if (text.len == 0)
        return ottl_fail(c, "url cannot be empty");
    if (!ottl_spend(c, text.len / 8))
        return false;
    wrong = split_url(text, &u);
    if (wrong != NULL)
        return ottl_fail(c, "\"%.*s\": %s", (int)(text.len < 80 ? text.len : 80), (const char *)text.data, wrong);
    if (!put_parts(c, &u, &map)) {
        buf_free(&map);
        return false;
    }
    return ottl_give(c, &map, OTTL_MAP, result);
}

const struct ottl_function ottl_functions_url[] = {
    CONVERTER("URL", call_url, "a map", TAKES(ARGUMENT("uri", STRING)),
              "The parts of the URL: url.original, url.scheme, url.domain, url.port, url.path, url.extension, "
              "url.query, url.fragment, url.user_info, url.username, url.password, each where it has it."),
    { 0 },
};
