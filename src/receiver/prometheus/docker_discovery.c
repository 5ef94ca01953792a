/* SPDX-License-Identifier: Apache-2.0 */
/* Targets that run in containers of Docker. At the start and at each refresh_interval the daemon is asked for its
 * containers, then for its networks; only when both have answered the targets are made. Else what was known stays. */
#include "config/yaml.h"
#include "net/http/url.h"
#include "receiver/prometheus/docker_targets.h"
#include "receiver/prometheus/fetch.h"

#include <stdlib.h>

struct docker_discovery {
    struct discovery base;
    const struct docker_sd_config *config;
    struct scrape_caller caller;
    struct fetch fetch;
    struct clock_timer timer;
    char *containers_url, *networks_url;
    struct arena memory; /* of the first answer, while the second is waited for */
    uint64_t charged;    /* for it */
    const struct json_node *containers;
};

static struct docker_discovery *discovery_of(struct discovery *d)
{
    return container_of(d, struct docker_discovery, base);
}

static void ask(struct clock_timer *timer)
{
    struct docker_discovery *d = container_of(timer, struct docker_discovery, timer);

    d->containers = NULL;
    d->fetch.url = d->containers_url;
    fetch_start(&d->fetch);
}

static struct budget *budget_of(const struct docker_discovery *d)
{
    return host_budget(d->base.node->host, SIGNAL_METRICS);
}

/* With targets, or by err's text without. */
static void end_round(struct docker_discovery *d, const struct error *err)
{
    arena_free(&d->memory);
    budget_give(budget_of(d), d->charged);
    d->charged = 0;
    if (err->code != 0)
        discovery_fail(&d->base, "docker",
                       d->fetch.way.target != NULL ? d->config->host
                       : d->fetch.client != NULL   ? http_client_name(d->fetch.client)
                                                   : "its daemon",
                       err->text);
    clock_start(&d->base.node->host->loop->clock, &d->timer, d->config->refresh, ask);
}

static void make_targets(struct docker_discovery *d, const struct json_node *networks, struct error *err)
{
    struct target_list found = { 0 };
    struct target_group g = { .out = &found };

    docker_targets_make(d->containers, networks, d->config, &g);
    if (g.fault != NULL) {
        error_set(err, UV_E2BIG, "%s", g.fault);
        target_list_free(&found);
    } else {
        discovery_set(&d->base, "docker", &found);
    }
    target_group_free(&g);
}

static void on_answer(struct fetch *f)
{
    struct docker_discovery *d = container_of(f, struct docker_discovery, fetch);
    const struct json_node *list = NULL;
    struct error err = { 0 };

    if (f->fault != FETCH_DONE)
        error_set(&err, UV_EIO, "%s", f->why);
    else
        list = docker_answer_read(f->body, &d->memory, &err);
    fetch_release(f);
    if (list != NULL && d->containers == NULL) {
        d->containers = list;
        d->charged = d->memory.total;
        budget_charge(budget_of(d), d->charged);
        f->url = d->networks_url;
        fetch_start(f);
        return;
    }
    if (list != NULL)
        make_targets(d, list, &err);
    end_round(d, &err);
}

static void start(struct discovery *d)
{
    ask(&discovery_of(d)->timer);
}

static void free_discovery(struct discovery *base)
{
    struct docker_discovery *d = discovery_of(base);

    clock_stop(&base->node->host->loop->clock, &d->timer);
    fetch_cancel(&d->fetch);
    fetch_free(&d->fetch);
    scrape_caller_close(&d->caller);
    free(d->containers_url);
    free(d->networks_url);
    arena_free(&d->memory);
    budget_give(budget_of(d), d->charged);
    discovery_close(base);
    free(d);
}

static const struct discovery_ops docker_ops = { .start = start, .free = free_discovery };

/* {"name":{"value":true}}, for a query. */
static void put_filters(struct buf *out, const struct docker_sd_config *c)
{
    const struct docker_filter *f = c->filters.v;
    struct buf text = { 0 };

    if (c->filters.n == 0)
        return;
    for (size_t i = 0; i < c->filters.n; i++) {
        buf_putc(&text, i > 0 ? ',' : '{');
        yaml_put_quoted(&text, f[i].name);
        buf_puts(&text, ":{");
        for (size_t k = 0; k < f[i].values.n; k++) {
            buf_puts(&text, k > 0 ? "," : "");
            yaml_put_quoted(&text, f[i].values.v[k]);
            buf_puts(&text, ":true");
        }
        buf_putc(&text, '}');
    }
    buf_putc(&text, '}');
    buf_puts(out, "?filters=");
    url_put_escaped(out, buf_bytes(&text), "-._~");
    buf_free(&text);
}

static void make_urls(struct docker_discovery *d)
{
    const char *host = d->config->host;
    bool on_socket = strncmp(host, "unix://", 7) == 0, tcp = strncmp(host, "tcp://", 6) == 0;
    struct buf base = { 0 };
    size_t n;

    buf_puts(&base, on_socket ? "http://docker" : tcp ? "http:" : "");
    if (!on_socket)
        buf_puts(&base, host + (tcp ? 4 : 0));
    while (base.len > 0 && base.data[base.len - 1] == '/')
        base.len--;
    n = base.len;
    buf_puts(&base, "/networks");
    d->networks_url = bytes_dup(buf_bytes(&base));
    base.len = n;
    buf_puts(&base, "/containers/json");
    put_filters(&base, d->config);
    d->containers_url = bytes_dup(buf_bytes(&base));
    d->fetch.way.target = on_socket ? host : NULL;
    buf_free(&base);
}

struct discovery *docker_discovery_new(const struct node *node, const struct docker_sd_config *c, struct error *err)
{
    struct docker_discovery *d = mem_zalloc(sizeof(*d));

    d->base.ops = &docker_ops;
    d->base.node = node;
    d->config = c;
    d->fetch = (struct fetch){
        .caller = &d->caller,
        .url_changes = true,
        .timeout = c->refresh,
        .limit = DISCOVERY_MAX_BYTES,
        .accept = "application/json",
        .gzip = true,
        .on_done = on_answer,
    };
    make_urls(d);
    if (scrape_caller_open(&d->caller, node, &c->client, strncmp(c->host, "https", 5) == 0, err) == 0)
        return &d->base;
    free_discovery(&d->base);
    return NULL;
}
