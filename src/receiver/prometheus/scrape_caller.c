/* SPDX-License-Identifier: Apache-2.0 */
/* Values that stand in files are watched and read as they are when a request is made. Files that cannot be read at the
 * start are all that can go wrong. */
#include "receiver/prometheus/scrape_caller.h"

#include "codec/base64.h"
#include "net/http/proxy.h"
#include "net/socket/tls.h"
#include "pipeline/node_tls.h"

#include <stdio.h>
#include <stdlib.h>

static const char *text_of(struct secret s)
{
    return s.text != NULL ? s.text : "";
}

static int open_value(struct scrape_caller *c, struct file_value *v, const char *written, const char *path,
                      struct error *err)
{
    return file_value_open(v, c->node->host->loop, &c->node->log, written, path, err);
}

static int open_header_files(struct scrape_caller *c, struct error *err)
{
    const struct scrape_header_config *h = c->config->http_headers.v;
    size_t n = 0;

    for (size_t i = 0; i < c->config->http_headers.n; i++)
        n += h[i].files.n;
    c->files = mem_zalloc((n + 1) * sizeof(*c->files));
    for (size_t i = 0; i < c->config->http_headers.n; i++)
        for (size_t f = 0; f < h[i].files.n; f++)
            if (open_value(c, &c->files[c->n_files++], "", h[i].files.v[f], err) != 0)
                return err->code;
    return 0;
}

static int open_tls(struct scrape_caller *c, struct error *err)
{
    const char *alpn = c->config->enable_http2 ? "h2,http/1.1" : "http/1.1";

    if (c->tls == NULL)
        c->tls = node_tls(c->node, &c->config->tls, TLS_CLIENT, alpn, err);
    return c->tls == NULL ? err->code : 0;
}

/* With what o says of proxies. */
static int open_proxy_tls(struct scrape_caller *c, struct http_client_options *o, struct error *err)
{
    if (!http_client_needs_proxy_tls(o))
        return 0;
    if (c->proxy_tls == NULL)
        c->proxy_tls = node_tls(c->node, &c->config->tls, TLS_CLIENT, "http/1.1", err);
    o->proxy_tls = c->proxy_tls;
    return c->proxy_tls == NULL ? err->code : 0;
}

static int open_oauth2(struct scrape_caller *c, struct error *err);

int scrape_caller_open(struct scrape_caller *c, const struct node *node, const struct scrape_client_config *config,
                       bool secure, struct error *err)
{
    const struct scrape_basic_config *b = &config->basic_auth;
    const struct scrape_authorization_config *a = &config->authorization;

    *c = (struct scrape_caller){ .node = node, .config = config };
    snprintf(c->user_agent, sizeof(c->user_agent), "otelcd/%s", node->host->version);
    if ((secure && open_tls(c, err) != 0) || open_header_files(c, err) != 0 || open_oauth2(c, err) != 0)
        return err->code;
    if (b->on && (open_value(c, &c->username, b->username, b->username_file, err) != 0 ||
                  open_value(c, &c->password, text_of(b->password), b->password_file, err) != 0))
        return err->code;
    return a->on ? open_value(c, &c->token, text_of(a->credentials), a->credentials_file, err)
                 : open_value(c, &c->token, text_of(config->bearer_token), config->bearer_token_file, err);
}

void scrape_caller_close(struct scrape_caller *c)
{
    for (size_t i = 0; i < c->n_files; i++)
        file_value_close(&c->files[i]);
    free(c->files);
    file_value_close(&c->username);
    file_value_close(&c->password);
    file_value_close(&c->token);
    oauth2_close(&c->oauth2);
    tls_unref(c->tls);
    tls_unref(c->proxy_tls);
    *c = (struct scrape_caller){ 0 };
}

/* What o says of proxies. The result is what it points to, for the caller to free. */
static struct http_header *set_proxy(const struct scrape_proxy_config *p, const struct url *u,
                                     struct http_client_options *o)
{
    const struct string_map *connect = &p->proxy_connect_header;
    struct http_header *headers = mem_zalloc((connect->n + 1) * sizeof(*headers));

    o->direct = !p->proxy_from_environment;
    if (p->proxy_url[0] != '\0' && !proxy_is_bypassed(p->no_proxy, u->host, url_port(u)))
        o->proxy_url = p->proxy_url;
    for (size_t i = 0; i < connect->n; i++)
        headers[i] = (struct http_header){ bytes_str(connect->v[i].key), bytes_str(connect->v[i].value) };
    o->proxy_headers = headers;
    o->n_proxy_headers = connect->n;
    return headers;
}

struct http_client *scrape_caller_client(struct scrape_caller *c, const char *url, const struct scrape_way *way,
                                         struct error *err)
{
    const struct scrape_client_config *k = c->config;
    struct http_client_options o = {
        .url = url,
        .user_agent = c->user_agent,
        .idle_timeout = 300 * NS_PER_S,
        .max_idle = way->lasting ? 4 : 1,
        .max_connections = way->lasting ? 0 : 1,
        .keepalive_time = way->lasting ? 30 * NS_PER_S : 0,
        .target = way->target,
        .budget = c->node->host->budget,
    };
    struct http_header *headers = NULL;
    struct http_client *client;
    struct url u;

    if (url_parse(&u, bytes_str(url), err) != 0 || (u.secure && open_tls(c, err) != 0))
        return NULL;
    if (way->target != NULL)
        o.direct = true;
    else
        headers = set_proxy(&k->proxy, &u, &o);
    if (u.secure) {
        o.tls = c->tls;
        o.version = k->enable_http2 ? HTTP_VERSION_ALPN : HTTP_VERSION_1;
    }
    client = open_proxy_tls(c, &o, err) == 0 ? http_client_new(c->node->host->loop, &o, err) : NULL;
    free(headers);
    return client;
}

static int open_oauth2(struct scrape_caller *c, struct error *err)
{
    const struct scrape_oauth2_config *o = &c->config->oauth2;
    struct http_client_options way = { 0 };
    struct http_header *headers;
    struct url u;
    int rc;

    if (!o->on || url_parse(&u, bytes_str(o->token_url), err) != 0)
        return o->on ? err->code : 0;
    headers = set_proxy(&o->proxy, &u, &way);
    oauth2_init(&c->oauth2, c->node, &o->own);
    rc = oauth2_open(&c->oauth2, &way, err);
    free(headers);
    c->auth = &c->oauth2.client;
    return rc;
}

/* ---- headers ---- */

static void put_authorization(struct call_headers *h, struct buf *value)
{
    call_headers_set(h, bytes_str("authorization"), buf_bytes(value));
    explicit_bzero(value->data, value->cap);
    buf_free(value);
}

static void put_basic(const struct scrape_caller *c, struct call_headers *h)
{
    struct buf pair = { 0 }, value = { 0 };

    buf_printf(&pair, "%s:%s", c->username.text, c->password.text);
    buf_puts(&value, "Basic ");
    base64_encode(buf_bytes(&pair), true, &value);
    explicit_bzero(pair.data, pair.cap);
    buf_free(&pair);
    put_authorization(h, &value);
}

static void put_token(const struct scrape_caller *c, struct call_headers *h)
{
    const struct scrape_authorization_config *a = &c->config->authorization;
    struct buf value = { 0 };

    buf_printf(&value, "%s %s", a->on ? a->type : "Bearer", c->token.text);
    put_authorization(h, &value);
}

void scrape_caller_headers(const struct scrape_caller *c, bool trusted, struct call_headers *h)
{
    const struct scrape_header_config *further = c->config->http_headers.v;
    size_t file = 0;

    if (trusted && c->config->basic_auth.on)
        put_basic(c, h);
    else if (trusted && c->token.text[0] != '\0')
        put_token(c, h);
    for (size_t i = 0; i < c->config->http_headers.n; i++) {
        struct bytes name = bytes_str(further[i].name);

        for (size_t v = 0; v < further[i].values.n; v++)
            call_headers_add(h, name, bytes_str(further[i].values.v[v]));
        for (size_t v = 0; trusted && v < further[i].secrets.n; v++)
            call_headers_add(h, name, bytes_str(further[i].secrets.v[v]));
        for (size_t v = 0; v < further[i].files.n; v++, file++)
            if (trusted)
                call_headers_add(h, name, bytes_str(c->files[file].text));
    }
}
