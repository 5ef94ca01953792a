/* SPDX-License-Identifier: Apache-2.0 */
/* Which proxy the environment names for a host, read anew for each client: HTTPS_PROXY or HTTP_PROXY, unless NO_PROXY
 * has the host. An entry of that is a block of addresses, an address, or a name with all below it, and may end with a
 * port. The machine itself is never behind a proxy. Then the URL of a proxy is read.
 *
 * What can go wrong: the URL has a scheme that no proxy has, or a login that SOCKS has no room for: it is refused with
 * what to write. An entry of NO_PROXY that is none of these matches nothing. In a CGI program HTTP_PROXY is a header of
 * the client's and is not believed. */
#include "net/http/proxy.h"

#include "base/mem.h"
#include "config/option.h"
#include "net/http/socks.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

struct address {
    int family; /* 0: a name */
    uint8_t bytes[16];
};

static struct address address_of(struct bytes text)
{
    struct address a = { 0 };
    char copy[64];

    if (text.len >= sizeof(copy))
        return a;
    snprintf(copy, sizeof(copy), "%.*s", (int)text.len, (const char *)text.data);
    if (inet_pton(AF_INET, copy, a.bytes) == 1)
        a.family = AF_INET;
    else if (inet_pton(AF_INET6, copy, a.bytes) == 1)
        a.family = AF_INET6;
    return a;
}

static bool is_loopback(struct bytes host)
{
    static const uint8_t six[16] = { [15] = 1 };
    struct address a = address_of(host);

    if (a.family == AF_INET)
        return a.bytes[0] == 127;
    if (a.family == AF_INET6)
        return memcmp(a.bytes, six, sizeof(six)) == 0;
    return bytes_equal_nocase(host, bytes_str("localhost"));
}

/* Of a block, behind the slash; more than any block has where it is no number. */
static unsigned bits_of(struct bytes text)
{
    uint64_t bits;

    return text.len <= 3 && bytes_decimal(text, &bits) ? (unsigned)bits : UINT_MAX;
}

static bool in_block(const struct address *a, struct bytes block)
{
    const uint8_t *slash = memchr(block.data, '/', block.len);
    struct address net;
    unsigned bits, whole;

    if (slash == NULL)
        return false;
    net = address_of(bytes_of(block.data, (size_t)(slash - block.data)));
    bits = bits_of(bytes_of(slash + 1, (size_t)(bytes_end(block) - slash - 1)));
    if (net.family == 0 || net.family != a->family || bits > (net.family == AF_INET ? 32 : 128))
        return false;
    whole = bits / 8;
    return memcmp(net.bytes, a->bytes, whole) == 0 &&
           (bits % 8 == 0 || ((net.bytes[whole] ^ a->bytes[whole]) >> (8 - bits % 8)) == 0);
}

/* Cut ":port" off; an IPv6 address without brackets has none. */
static struct bytes cut_port(struct bytes *entry)
{
    const uint8_t *colon = memchr(entry->data, ':', entry->len), *bracket = memchr(entry->data, ']', entry->len);
    struct bytes port = { 0 };

    if (entry->data[0] == '[' && bracket != NULL) {
        struct bytes after = bytes_skip(*entry, (size_t)(bracket - entry->data) + 1);

        port = after.len > 0 && after.data[0] == ':' ? bytes_skip(after, 1) : port;
        *entry = bytes_of(entry->data + 1, (size_t)(bracket - entry->data) - 1);
    } else if (colon != NULL && memchr(colon + 1, ':', (size_t)(bytes_end(*entry) - colon - 1)) == NULL) {
        port = bytes_of(colon + 1, (size_t)(bytes_end(*entry) - colon - 1));
        entry->len = (size_t)(colon - entry->data);
    }
    return port;
}

static bool ends_with(struct bytes host, struct bytes suffix)
{
    return host.len >= suffix.len && bytes_equal_nocase(bytes_skip(host, host.len - suffix.len), suffix);
}

/* "example.org" is that name and all below it, ".example.org" only those below. */
static bool name_matches(struct bytes entry, struct bytes host)
{
    if (entry.len > 1 && entry.data[0] == '*' && entry.data[1] == '.')
        entry = bytes_skip(entry, 1);
    if (entry.data[0] == '.')
        return host.len > entry.len && ends_with(host, entry);
    if (!ends_with(host, entry))
        return false;
    return host.len == entry.len || host.data[host.len - entry.len - 1] == '.';
}

static bool entry_matches(struct bytes entry, struct bytes host, const struct address *a, struct bytes port)
{
    struct address own;
    struct bytes only;

    if (in_block(a, entry))
        return true;
    only = cut_port(&entry);
    if (entry.len == 0 || (only.len > 0 && !bytes_equal(only, port)))
        return false;
    own = address_of(entry);
    if (own.family != 0)
        return own.family == a->family && memcmp(own.bytes, a->bytes, sizeof(own.bytes)) == 0;
    return a->family == 0 && name_matches(entry, host);
}

bool proxy_is_bypassed(const char *list, struct bytes host, struct bytes port)
{
    struct address a = address_of(host);

    if (is_loopback(host))
        return true;
    for (const char *p = list; p != NULL && *p != '\0';) {
        size_t len = strcspn(p, ",");
        struct bytes entry = bytes_of(p, len);

        while (entry.len > 0 && entry.data[0] == ' ')
            entry = bytes_skip(entry, 1);
        while (entry.len > 0 && entry.data[entry.len - 1] == ' ')
            entry.len--;
        if (entry.len > 0 && (bytes_is(entry, "*") || entry_matches(entry, host, &a, port)))
            return true;
        p += len + (p[len] == ',');
    }
    return false;
}

static const char *either_variable(const char *large, const char *small)
{
    const char *v = getenv(large);

    if (v == NULL || *v == '\0')
        v = getenv(small);
    return v != NULL ? v : "";
}

const char *proxy_from_environment(struct bytes host, struct bytes port, bool secure)
{
    const char *proxy = secure                             ? either_variable("HTTPS_PROXY", "https_proxy")
                        : getenv("REQUEST_METHOD") != NULL ? getenv("http_proxy")
                                                           : either_variable("HTTP_PROXY", "http_proxy");

    if (proxy == NULL || *proxy == '\0' || proxy_is_bypassed(either_variable("NO_PROXY", "no_proxy"), host, port))
        return "";
    return proxy;
}

/* ---- its URL ---- */

static bool has_scheme(struct bytes text, const char *scheme)
{
    size_t n = strlen(scheme);

    return text.len >= n && bytes_equal_nocase(bytes_of(text.data, n), bytes_str(scheme));
}

/* Each has a byte for its length. */
static int check_login(struct bytes userinfo, struct error *err)
{
    const uint8_t *colon = userinfo.len > 0 ? memchr(userinfo.data, ':', userinfo.len) : NULL;
    size_t user = colon != NULL ? (size_t)(colon - userinfo.data) : userinfo.len;

    if (user > SOCKS_TEXT_MAX || userinfo.len - user > SOCKS_TEXT_MAX)
        return error_set(err, UV_EINVAL, "SOCKS 5 knows no names and passwords longer than %d bytes", SOCKS_TEXT_MAX);
    if (userinfo.len > 0 && (user == 0 || userinfo.len - user < 2))
        return error_set(err, UV_EINVAL, "SOCKS 5 wants a name and a password: write socks5://name:password@host:1080");
    return 0;
}

int proxy_parse(struct proxy *out, struct bytes text, struct error *err)
{
    static const char *const socks[] = { "socks5://", "socks5h://" };
    int rc;

    *out = (struct proxy){ 0 };
    for (size_t i = 0; i < ARRAY_LEN(socks); i++)
        if (has_scheme(text, socks[i])) {
            out->kind = PROXY_SOCKS5;
            rc = url_parse_behind(&out->url, text, socks[i], err);
            out->port = out->url.port.len > 0 ? out->url.port : bytes_str("1080");
            return rc == 0 ? check_login(out->url.userinfo, err) : rc;
        }
    if (!has_scheme(text, "http://") && !has_scheme(text, "https://"))
        return error_set(err, UV_EINVAL, "a proxy's URL begins with http://, https:// or socks5://");
    rc = url_parse(&out->url, text, err);
    out->kind = out->url.secure ? PROXY_HTTPS : PROXY_HTTP;
    out->port = url_port(&out->url);
    return rc;
}

bool proxy_check(const char *url, const char *key, struct check *ck)
{
    struct proxy proxy;
    struct error err;

    if (url[0] == '\0')
        return false;
    if (proxy_parse(&proxy, bytes_str(url), &err) != 0)
        check_fail(ck, key, "%s", err.text);
    return proxy.kind == PROXY_HTTPS;
}
