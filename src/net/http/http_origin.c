/* SPDX-License-Identifier: Apache-2.0 */
/* From a client's options to where its calls go. set_way() reads the URL, finds the proxy (its own option, else the
 * environment's) and says who is dialled and who a TLS server has to be; through a proxy that only relays, set_tunnel()
 * says what is asked of it. set_fixed() then makes all that does not change from call to call: the lines of HTTP/1.1 as
 * bytes in a buffer, the fields of HTTP/2 as a list.
 *
 * What can go wrong: a URL or a proxy's URL that cannot be called, or TLS that is wanted and not set up: UV_EINVAL with
 * the reason, and http_origin_free() all the same. Bytes that no header may have become blanks. */
#include "net/http/http_origin.h"

#include "base/unconst.h"
#include "codec/base64.h"
#include "net/http/socks.h"
#include "net/http1/http1.h"

#include <stdlib.h>
#include <uv.h>

/* Whom a TLS server has to be. */
static char *server_name_of(const struct http_origin *to, const struct http_client_options *o)
{
    struct bytes name = to->url.host;
    const uint8_t *end;

    if (o->authority != NULL && *o->authority != '\0') {
        name = bytes_str(o->authority);
        end = name.data[0] == '[' ? memchr(name.data, ']', name.len) : memrchr(name.data, ':', name.len);
        if (name.data[0] == '[')
            name = bytes_skip(name, 1);
        if (end != NULL)
            name.len = (size_t)(end - name.data);
    }
    return bytes_dup(name);
}

static void put_basic(struct buf *value, struct bytes userinfo)
{
    struct buf plain = { 0 };

    url_put_unescaped(&plain, userinfo);
    if (memchr(userinfo.data, ':', userinfo.len) == NULL)
        buf_putc(&plain, ':');
    buf_puts(value, "Basic ");
    base64_encode(buf_bytes(&plain), true, value);
    buf_free(&plain);
}

static void set_socks_login(struct http_origin *to)
{
    struct bytes user = to->proxy.url.userinfo;
    const uint8_t *colon = user.len > 0 ? memchr(user.data, ':', user.len) : NULL;

    if (colon == NULL)
        return;
    url_put_unescaped(&to->tunnel_user, bytes_of(user.data, (size_t)(colon - user.data)));
    url_put_unescaped(&to->tunnel_password, bytes_of(colon + 1, (size_t)(bytes_end(user) - colon - 1)));
}

static void set_tunnel(struct http_origin *to, const struct http_client_options *o)
{
    bool v6 = memchr(to->url.host.data, ':', to->url.host.len) != NULL;
    struct bytes host = to->url.host, port = url_port(&to->url);
    struct buf value = { 0 };

    to->tunnel_to = mem_printf("%s%.*s%s:%.*s", v6 ? "[" : "", (int)host.len, (const char *)host.data, v6 ? "]" : "",
                               (int)port.len, (const char *)port.data);
    if (to->proxy.kind == PROXY_SOCKS5) {
        set_socks_login(to);
        return;
    }
    for (size_t i = 0; i < o->n_proxy_headers; i++)
        if (to->proxy.url.userinfo.len == 0 ||
            !bytes_equal_nocase(o->proxy_headers[i].name, bytes_str("proxy-authorization")))
            http1_put_header(&to->tunnel_lines, o->proxy_headers[i].name, o->proxy_headers[i].value);
    if (to->proxy.url.userinfo.len == 0)
        return;
    put_basic(&value, to->proxy.url.userinfo);
    to->tunnel_authorization = bytes_dup(buf_bytes(&value));
    buf_free(&value);
}

/* "": none. */
static const char *find_proxy(const struct url *url, const struct http_client_options *o)
{
    bool secure = url->secure || o->version == HTTP_VERSION_2;

    if (o->proxy_url != NULL && *o->proxy_url != '\0')
        return o->proxy_url;
    return o->direct ? "" : proxy_from_environment(url->host, url_port(url), secure);
}

/* The environment's may lack the scheme. */
static char *proxy_text(const char *proxy)
{
    return mem_printf("%s%s", strstr(proxy, "://") == NULL ? "http://" : "", proxy);
}

static int set_proxy(struct http_origin *to, const char *proxy, const struct http_client_options *o, struct error *err)
{
    to->proxy_text = proxy_text(proxy);
    if (proxy_parse(&to->proxy, bytes_str(to->proxy_text), err) != 0)
        return error_wrap(err, "the proxy's URL");
    if (to->proxy.kind == PROXY_HTTPS && o->proxy_tls == NULL)
        return error_set(err, UV_EINVAL, "a proxy at https needs TLS, which is not set");
    if (to->proxy.kind == PROXY_SOCKS5 && to->url.host.len > SOCKS_TEXT_MAX)
        return error_set(err, UV_EINVAL, "SOCKS 5 knows no names longer than %d bytes", SOCKS_TEXT_MAX);
    to->proxy_name = bytes_dup(to->proxy.url.host);
    if (to->url.secure || o->version == HTTP_VERSION_2 || to->proxy.kind == PROXY_SOCKS5)
        set_tunnel(to, o);
    return 0;
}

bool http_client_needs_proxy_tls(const struct http_client_options *o)
{
    struct proxy proxy;
    struct url url;
    char *text;
    bool needs;

    if (url_parse(&url, bytes_str(o->url), NULL) != 0)
        return false;
    text = proxy_text(find_proxy(&url, o));
    needs = proxy_parse(&proxy, bytes_str(text), NULL) == 0 && proxy.kind == PROXY_HTTPS;
    free(text);
    return needs;
}

/* Who is dialled: the origin, or the proxy. */
static int set_way(struct http_origin *to, const struct http_client_options *o, struct error *err)
{
    const char *proxy;

    if (url_parse(&to->url, bytes_str(to->url_text), err) != 0)
        return UV_EINVAL;
    if (to->url.secure && o->tls == NULL)
        return error_set(err, UV_EINVAL, "https needs TLS, which is not set");
    if (o->version != HTTP_VERSION_2 && o->tls != NULL && !to->url.secure)
        return error_set(err, UV_EINVAL, "http is plain text: write https://");
    proxy = find_proxy(&to->url, o);
    if (*proxy != '\0' && set_proxy(to, proxy, o, err) != 0)
        return UV_EINVAL;
    to->dial_host = bytes_dup(*proxy != '\0' ? to->proxy.url.host : to->url.host);
    to->dial_port = bytes_dup(*proxy != '\0' ? to->proxy.port : url_port(&to->url));
    to->server_name = server_name_of(to, o);
    return 0;
}

struct tunnel_options http_origin_tunnel(const struct http_origin *to, struct tls *tls, uint64_t timeout)
{
    return (struct tunnel_options){
        .to = to->tunnel_to,
        .authorization = to->tunnel_authorization,
        .lines = buf_bytes(&to->tunnel_lines),
        .timeout = timeout,
        .tls = to->proxy.kind == PROXY_HTTPS ? tls : NULL,
        .proxy_name = to->proxy_name,
        .socks = to->proxy.kind == PROXY_SOCKS5,
        .host = to->url.host,
        .port = url_port(&to->url),
        .user = buf_bytes(&to->tunnel_user),
        .password = buf_bytes(&to->tunnel_password),
    };
}

static bool is_control(uint8_t c)
{
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

/* A line of HTTP/1.1 and a field of HTTP/2. */
static void put_header(struct http_origin *to, struct bytes name, struct bytes value)
{
    char *own_name = bytes_dup(name), *own_value = bytes_dup(value);
    struct http_header *f = vec_push(&to->headers);

    http1_put_header(&to->fixed, name, value);
    for (size_t i = 0; i < name.len; i++)
        if (own_name[i] >= 'A' && own_name[i] <= 'Z')
            own_name[i] = (char)(own_name[i] + 'a' - 'A');
    for (size_t i = 0; i < value.len; i++)
        if (is_control((uint8_t)own_value[i]))
            own_value[i] = ' ';
    *f = (struct http_header){ bytes_of(own_name, name.len), bytes_of(own_value, value.len) };
}

static void put_authorization(struct http_origin *to, const char *header, struct bytes userinfo)
{
    struct buf value = { 0 };

    put_basic(&value, userinfo);
    put_header(to, bytes_str(header), buf_bytes(&value));
    buf_free(&value);
}

static const struct bytes *find_header(const struct http_client_options *o, const char *name)
{
    for (size_t i = 0; i < o->n_headers; i++)
        if (bytes_equal_nocase(o->headers[i].name, bytes_str(name)))
            return &o->headers[i].value;
    return NULL;
}

static void set_authority(struct http_origin *to, const struct http_client_options *o)
{
    const struct bytes *host = find_header(o, "host");

    if (o->authority != NULL && *o->authority != '\0')
        buf_puts(&to->authority, o->authority);
    else if (host != NULL)
        buf_put(&to->authority, *host);
    else
        url_put_authority(&to->authority, &to->url);
}

static void set_fixed(struct http_origin *to, const struct http_client_options *o)
{
    struct buf safe = { 0 };

    set_authority(to, o);
    if (find_header(o, "host") == NULL)
        http1_put_header(&to->fixed, bytes_str("host"), buf_bytes(&to->authority));
    if (o->user_agent != NULL && find_header(o, "user-agent") == NULL)
        put_header(to, bytes_str("user-agent"), bytes_str(o->user_agent));
    for (size_t i = 0; i < o->n_headers; i++)
        put_header(to, o->headers[i].name, o->headers[i].value);
    if (to->url.userinfo.len > 0 && find_header(o, "authorization") == NULL)
        put_authorization(to, "authorization", to->url.userinfo);
    if (to->proxy_text != NULL && to->tunnel_to == NULL) {
        if (to->proxy.url.userinfo.len > 0)
            put_authorization(to, "proxy-authorization", to->proxy.url.userinfo);
        buf_puts(&to->prefix, "http://");
        url_put_authority(&to->prefix, &to->url);
    }
    if (o->max_idle == 0)
        http1_put_header(&to->fixed, bytes_str("connection"), bytes_str("close"));
    if (to->url.target.data[0] == '?')
        buf_putc(&to->path, '/');
    buf_put(&to->path, to->url.target);
    url_put_safe(&safe, &to->url);
    to->name = bytes_dup(buf_bytes(&safe));
    buf_free(&safe);
}

int http_origin_init(struct http_origin *to, const struct http_client_options *o, struct error *err)
{
    *to = (struct http_origin){ .url_text = bytes_dup(bytes_str(o->url)) };
    if (set_way(to, o, err) != 0)
        return UV_EINVAL;
    set_fixed(to, o);
    return 0;
}

void http_origin_free(struct http_origin *to)
{
    free(to->url_text);
    free(to->name);
    free(to->proxy_text);
    free(to->proxy_name);
    buf_wipe(&to->tunnel_user);
    buf_wipe(&to->tunnel_password);
    free(to->tunnel_to);
    free(to->tunnel_authorization);
    buf_wipe(&to->tunnel_lines);
    free(to->dial_host);
    free(to->dial_port);
    free(to->server_name);
    buf_free(&to->fixed);
    buf_free(&to->prefix);
    buf_free(&to->path);
    buf_free(&to->authority);
    for (size_t i = 0; i < to->headers.n; i++) {
        free_const(to->headers.v[i].name.data);
        free_const(to->headers.v[i].value.data);
    }
    vec_free(&to->headers);
}
