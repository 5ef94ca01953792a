/* SPDX-License-Identifier: Apache-2.0 */
/* What the file says is a way: a server, who we are there, and a client of its own. A file that has changed makes
 * another way, which the api has from then on; the old one goes when no call is under way on it any more.
 *
 * What can go wrong: the new content cannot be used, or the file cannot be read any more. That is told, and the way
 * stays as it was. */
#include "kube/kube_file.h"

#include "base/loop/watched_file.h"
#include "codec/base64.h"
#include "kube/kube_config.h"
#include "net/http/url.h"
#include "pipeline/node_tls.h"

#include <stdio.h>
#include <stdlib.h>

#define IDLE_MOST 4             /* connections without HTTP/2 */
#define LEAVING (60 * NS_PER_S) /* old ways are looked at this often */

struct kube_way {
    struct list link; /* among the old ones */
    struct kube_config config;
    struct file_value token;
    struct http_client *http;
    char *prefix;
    unsigned calls;
};

static void put_who(void *owner, struct call_headers *h)
{
    const struct kube_file *f = owner;
    const struct kube_way *way = f->way;
    struct buf value = { 0 }, pair = { 0 };

    if (way->token.text[0] != '\0') {
        buf_printf(&value, "Bearer %s", way->token.text);
    } else if (way->config.username[0] != '\0') {
        buf_printf(&pair, "%s:%s", way->config.username, way->config.password.text);
        buf_puts(&value, "Basic ");
        base64_encode(buf_bytes(&pair), true, &value);
    }
    if (value.len > 0)
        call_headers_set(h, bytes_str("authorization"), buf_bytes(&value));
    buf_wipe(&pair);
    buf_wipe(&value);
}

/* ---- ways ---- */

static int open_client(struct kube_way *way, const struct node *node, struct error *err)
{
    const struct kube_config *c = &way->config;
    char agent[80];
    struct http_client_options o = {
        .url = c->server,
        .user_agent = agent,
        .idle_timeout = 300 * NS_PER_S,
        .max_idle = IDLE_MOST,
        .budget = node->host->budget,
        .version = HTTP_VERSION_ALPN,
        .keepalive_time = 30 * NS_PER_S,
        .proxy_url = c->proxy_url[0] != '\0' ? c->proxy_url : NULL,
    };
    struct url u;

    if (url_parse(&u, bytes_str(c->server), err) != 0)
        return err->code;
    while (u.target.len > 0 && u.target.data[u.target.len - 1] == '/')
        u.target.len--;
    way->prefix = bytes_dup(u.target);
    snprintf(agent, sizeof(agent), "otelcd/%s", node->host->version);
    way->http = node_http_client(node, &o, &c->tls, u.secure, err);
    return way->http != NULL ? 0 : err->code;
}

static void free_way(struct kube_way *way)
{
    if (way == NULL)
        return;
    if (way->http != NULL)
        http_client_close(way->http);
    file_value_close(&way->token);
    kube_config_free(&way->config);
    free(way->prefix);
    free(way);
}

/* NULL and `err`. */
static struct kube_way *make_way(const struct kube_file *f, struct bytes text, struct error *err)
{
    struct kube_way *way = mem_zalloc(sizeof(*way));
    const struct node *node = f->api.node;
    int rc = kube_config_parse(&way->config, text, f->path, f->context, err);

    if (rc == 0)
        rc = file_value_open(&way->token, node->host->loop, &node->log, way->config.token.text, way->config.token_file,
                             err);
    if (rc == 0)
        rc = open_client(way, node, err);
    if (rc == 0)
        return way;
    free_way(way);
    return NULL;
}

static void look_at_old(struct clock_timer *timer)
{
    struct kube_file *f = container_of(timer, struct kube_file, timer);

    list_each (struct kube_way, way, &f->old, link)
        if (way->calls == 0) {
            list_remove(&way->link);
            free_way(way);
        }
    if (!list_empty(&f->old))
        clock_start(&f->api.node->host->loop->clock, timer, LEAVING, look_at_old);
}

static void go_by(struct kube_file *f, struct kube_way *way)
{
    if (f->way != NULL) {
        list_push(&f->old, &f->way->link);
        if (!clock_armed(&f->timer)) /* a file may change all the time */
            clock_start(&f->api.node->host->loop->clock, &f->timer, LEAVING, look_at_old);
    }
    f->way = way;
    f->api.http = way->http;
    f->api.prefix = way->prefix;
    f->api.calls = &way->calls;
    f->api.generation++;
}

/* ---- the file ---- */

static void on_change(void *owner, struct bytes content)
{
    struct kube_file *f = owner;
    const struct logger *log = &f->api.node->log;
    struct error err = { 0 };
    struct kube_way *way = make_way(f, content, &err);

    if (way == NULL) {
        log_error(log, "A file's new content cannot be used: the old one stays in use", F_STR("file", f->path),
                  F_STR("error", err.text));
        return;
    }
    go_by(f, way);
    log_info(log, "A file has changed and was read anew", F_STR("file", f->path));
}

static void on_fault(void *owner, const char *why)
{
    const struct kube_file *f = owner;

    log_error(&f->api.node->log, "A file cannot be read any more: what was in it stays in use", F_STR("file", f->path),
              F_STR("error", why));
}

int kube_file_open(struct kube_file *f, const struct node *node, const char *path, const char *context,
                   struct error *err)
{
    const struct watched_file_options o = {
        .path = path, .limit = KUBE_CONFIG_MOST, .on_change = on_change, .on_fault = on_fault, .owner = f
    };
    struct buf text = { 0 };
    struct kube_way *way = NULL;

    *f = (struct kube_file){
        .api = { .node = node, .prefix = "", .put_headers = put_who, .owner = f },
        .path = mem_strdup(path),
        .context = mem_strdup(context),
    };
    list_init(&f->old);
    f->watched = watched_file_open(node->host->loop, &o, &text, err);
    if (f->watched != NULL)
        way = make_way(f, buf_bytes(&text), err);
    if (way != NULL)
        go_by(f, way);
    buf_wipe(&text);
    return way != NULL ? 0 : err->code;
}

void kube_file_close(struct kube_file *f)
{
    if (f->api.node == NULL)
        return;
    clock_stop(&f->api.node->host->loop->clock, &f->timer);
    watched_file_close(f->watched);
    list_each (struct kube_way, way, &f->old, link) {
        list_remove(&way->link);
        free_way(way);
    }
    free_way(f->way);
    free(f->path);
    free(f->context);
    *f = (struct kube_file){ 0 };
}
