/* SPDX-License-Identifier: Apache-2.0 */
/* A URL from left to right: scheme, authority, the rest. The authority is user and password up to the last @, a host
 * (in brackets an IPv6 address), and maybe a port. Nothing is copied and nothing unescaped: what is found points into
 * the text. Behind that the parts are written again, whole, or without what may be a secret.
 *
 * What can go wrong: blanks and control characters, another scheme, no host, or a port that is none: refused, each with
 * what is wrong. */
#include "net/http/url.h"

#include "base/buf.h"
#include "codec/base64.h"

#include <uv.h>

static bool take_scheme(struct bytes *rest, const char *scheme)
{
    size_t len = strlen(scheme);

    if (rest->len < len || !bytes_equal_nocase(bytes_of(rest->data, len), bytes_str(scheme)))
        return false;
    *rest = bytes_skip(*rest, len);
    return true;
}

static size_t find_any(struct bytes s, const char *any)
{
    size_t i = 0;

    while (i < s.len && (s.data[i] == '\0' || strchr(any, s.data[i]) == NULL))
        i++;
    return i;
}

static bool is_port(struct bytes s)
{
    uint64_t v;

    return s.len <= 5 && bytes_decimal(s, &v) && v > 0 && v < 65536;
}

static int split_authority(struct url *u, struct bytes authority, struct error *err)
{
    struct bytes rest;
    size_t at;

    for (size_t i = authority.len; i-- > 0;)
        if (authority.data[i] == '@') {
            u->userinfo = bytes_of(authority.data, i);
            authority = bytes_skip(authority, i + 1);
            break;
        }
    if (authority.len > 0 && authority.data[0] == '[') {
        at = find_any(authority, "]");
        if (at == authority.len)
            return error_set(err, UV_EINVAL, "an IPv6 address lacks its closing bracket");
        u->host = bytes_of(authority.data + 1, at - 1);
        rest = bytes_skip(authority, at + 1);
    } else {
        at = find_any(authority, ":");
        u->host = bytes_of(authority.data, at);
        rest = bytes_skip(authority, at);
    }
    if (u->host.len == 0)
        return error_set(err, UV_EINVAL, "no host in it; write http://host:port/path");
    if (rest.len == 0)
        return 0;
    u->port = bytes_skip(rest, 1);
    if (rest.data[0] != ':' || !is_port(u->port))
        return error_set(err, UV_EINVAL, "\"%.*s\" is not a port between 1 and 65535", (int)u->port.len,
                         (const char *)u->port.data);
    return 0;
}

static int check_clean(struct bytes text, struct error *err)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= ' ' || text.data[i] == 0x7f)
            return error_set(err, UV_EINVAL, "a URL has no blanks and no control characters");
    return 0;
}

/* What stands behind the scheme. */
static int split_rest(struct url *out, struct bytes rest, struct error *err)
{
    size_t end = find_any(rest, "/?#");

    if (split_authority(out, bytes_of(rest.data, end), err) != 0)
        return UV_EINVAL;
    rest = bytes_skip(rest, end);
    rest.len = find_any(rest, "#");
    out->target = rest.len > 0 ? rest : bytes_str("/");
    return 0;
}

int url_parse(struct url *out, struct bytes text, struct error *err)
{
    struct bytes rest = text;

    *out = (struct url){ 0 };
    if (check_clean(text, err) != 0)
        return UV_EINVAL;
    if (take_scheme(&rest, "https://"))
        out->secure = true;
    else if (!take_scheme(&rest, "http://"))
        return error_set(err, UV_EINVAL, "a URL begins with http:// or https://");
    return split_rest(out, rest, err);
}

int url_parse_behind(struct url *out, struct bytes text, const char *scheme, struct error *err)
{
    struct bytes rest = text;

    *out = (struct url){ 0 };
    if (check_clean(text, err) != 0)
        return UV_EINVAL;
    if (!take_scheme(&rest, scheme))
        return error_set(err, UV_EINVAL, "a URL begins with %s", scheme);
    return split_rest(out, rest, err);
}

struct bytes url_port(const struct url *u)
{
    if (u->port.len > 0)
        return u->port;
    return bytes_str(u->secure ? "443" : "80");
}

void url_put_authority(struct buf *out, const struct url *u)
{
    bool v6 = u->host.len > 0 && memchr(u->host.data, ':', u->host.len) != NULL;

    if (v6)
        buf_putc(out, '[');
    buf_put(out, u->host);
    if (v6)
        buf_putc(out, ']');
    if (u->port.len > 0) {
        buf_putc(out, ':');
        buf_put(out, u->port);
    }
}

void url_put_safe(struct buf *out, const struct url *u)
{
    buf_puts(out, u->secure ? "https://" : "http://");
    url_put_authority(out, u);
    if (u->target.data[0] == '/')
        buf_put(out, bytes_of(u->target.data, find_any(u->target, "?")));
}

static bool is_alphanumeric(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

void url_put_escaped(struct buf *out, struct bytes s, const char *plain)
{
    for (size_t i = 0; i < s.len; i++)
        if (is_alphanumeric(s.data[i]) || (s.data[i] != '\0' && strchr(plain, s.data[i]) != NULL))
            buf_putc(out, (char)s.data[i]);
        else
            buf_printf(out, "%%%02X", s.data[i]);
}

void url_put_unescaped(struct buf *out, struct bytes s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] == '%' && i + 2 < s.len && hex_digit(s.data[i + 1]) >= 0 && hex_digit(s.data[i + 2]) >= 0) {
            buf_putc(out, (char)(hex_digit(s.data[i + 1]) * 16 + hex_digit(s.data[i + 2])));
            i += 2;
        } else {
            buf_putc(out, (char)s.data[i]);
        }
    }
}
