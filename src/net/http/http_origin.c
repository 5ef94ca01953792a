/* SPDX-License-Identifier: Apache-2.0 */
/* All that does not change from call to call is made once: the lines of the head are bytes in a buffer. */
#include "net/http/http_origin.h"

#include "codec/base64.h"
#include "net/http1/http1.h"
#include "net/http/proxy.h"

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

static void set_tunnel(struct http_origin *to, const struct http_client_options *o)
{
    bool v6 = memchr(to->url.host.data, ':', to->url.host.len) != NULL;
    struct bytes host = to->url.host, port = url_port(&to->url);
    struct buf value = { 0 };

    to->tunnel_to = mem_printf("%s%.*s%s:%.*s", v6 ? "[" : "", (int)host.len, (const char *)host.data, v6 ? "]" : "",
                               (int)port.len, (const char *)port.data);
    for (size_t i = 0; i < o->n_proxy_headers; i++)
        if (to->proxy.userinfo.len == 0 ||
            !bytes_equal_nocase(o->proxy_headers[i].name, bytes_str("proxy-authorization")))
            http1_put_header(&to->tunnel_lines, o->proxy_headers[i].name, o->proxy_headers[i].value);
    if (to->proxy.userinfo.len == 0)
        return;
    put_basic(&value, to->proxy.userinfo);
    to->tunnel_authorization = bytes_dup(buf_bytes(&value));
    buf_free(&value);
}

/* Who is dialled: the origin, or the proxy. */
static int set_way(struct http_origin *to, const struct http_client_options *o, struct error *err)
{
    const char *proxy = o->proxy_url;
    const struct url *next = &to->url;
    bool tunnels;

    if (url_parse(&to->url, bytes_str(to->url_text), err) != 0)
        return UV_EINVAL;
    if (to->url.secure && o->tls == NULL)
        return error_set(err, UV_EINVAL, "https needs TLS, which is not set");
    if (o->version != HTTP_VERSION_2 && o->tls != NULL && !to->url.secure)
        return error_set(err, UV_EINVAL, "http is plain text: write https://");
    tunnels = to->url.secure || o->version == HTTP_VERSION_2;
    if (proxy == NULL || *proxy == '\0')
        proxy = o->direct ? "" : proxy_from_environment(to->url.host, url_port(&to->url), tunnels);
    if (*proxy != '\0') {
        struct buf text = { 0 };

        if (strstr(proxy, "://") == NULL)
            buf_puts(&text, "http://");
        buf_puts(&text, proxy);
        to->proxy_text = bytes_dup(buf_bytes(&text));
        buf_free(&text);
        if (url_parse(&to->proxy, bytes_str(to->proxy_text), err) != 0)
            return error_wrap(err, "the proxy's URL");
        if (to->proxy.secure)
            return error_set(err, UV_EINVAL, "a proxy is reached over http, not https");
        next = &to->proxy;
        if (tunnels)
            set_tunnel(to, o);
    }
    to->dial_host = bytes_dup(next->host);
    to->dial_port = bytes_dup(url_port(next));
    to->server_name = server_name_of(to, o);
    return 0;
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
        if (to->proxy.userinfo.len > 0)
            put_authorization(to, "proxy-authorization", to->proxy.userinfo);
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
        free((void *)(uintptr_t)to->headers.v[i].name.data);
        free((void *)(uintptr_t)to->headers.v[i].value.data);
    }
    vec_free(&to->headers);
}
