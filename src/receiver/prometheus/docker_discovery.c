/* SPDX-License-Identifier: Apache-2.0 */
/* Targets that run in containers of Docker. At the start and at each refresh_interval the daemon is asked for its
 * containers, then for its networks; only when both have answered the targets are made. Else what was known stays. */
#include "config/yaml.h"
#include "net/http/url.h"
#include "receiver/prometheus/answer.h"
#include "receiver/prometheus/docker_targets.h"

#include <stdlib.h>

/* Both answers of a round, and what is made of them. */
struct docker_answer {
    struct answer base;
    struct docker_sd_config config; /* so much of it as targets need; its text is copied */
    char *host_networking_host;
    struct arena memory;
    const struct json_node *containers; /* NULL: their answer has not come */
    bool whole;                         /* the networks' has, too */
    struct target_list found;
};

struct docker_discovery {
    struct discovery base;
    const struct docker_sd_config *config;
    struct scrape_caller caller;
    struct fetch fetch;
    struct clock_timer timer;
    char *containers_url, *networks_url;
    struct docker_answer *answer;
    uint64_t charged; /* for the first answer, while the second is waited for */
};

static struct docker_discovery *discovery_of(struct discovery *d)
{
    return container_of(d, struct docker_discovery, base);
}

static void ask_docker(struct clock_timer *timer)
{
    struct docker_discovery *d = container_of(timer, struct docker_discovery, timer);

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
    struct docker_answer *a = d->answer;

    if (err->code == 0)
        discovery_set(&d->base, "docker", &a->found);
    else
        discovery_fail(&d->base, "docker",
                       d->fetch.way.target != NULL ? d->config->host
                       : d->fetch.client != NULL   ? http_client_name(d->fetch.client)
                                                   : "its daemon",
                       err->text);
    arena_free(&a->memory);
    a->containers = NULL;
    a->whole = false;
    budget_give(budget_of(d), d->charged);
    d->charged = 0;
    clock_start(&d->base.node->host->loop->clock, &d->timer, d->config->refresh, ask_docker);
}

static void read_answer(struct answer *base)
{
    struct docker_answer *a = container_of(base, struct docker_answer, base);
    const struct json_node *list = docker_answer_read(base->text, &a->memory, &base->err);
    struct target_group g = { .out = &a->found };

    if (list == NULL)
        return;
    a->whole = a->containers != NULL;
    if (!a->whole) {
        a->containers = list;
        return;
    }
    docker_targets_make(a->containers, list, &a->config, &g);
    if (g.fault != NULL) {
        error_set(&base->err, UV_E2BIG, "%s", g.fault);
        target_list_free(&a->found);
    }
    target_group_free(&g);
}

static void on_read(struct answer *base)
{
    struct docker_answer *a = container_of(base, struct docker_answer, base);
    struct docker_discovery *d = base->owner;

    if (base->err.code != 0 || a->whole) {
        end_round(d, &base->err);
        return;
    }
    d->charged = a->memory.total;
    budget_charge(budget_of(d), d->charged);
    d->fetch.url = d->networks_url;
    fetch_start(&d->fetch);
}

static void free_answer(struct answer *base)
{
    struct docker_answer *a = container_of(base, struct docker_answer, base);

    target_list_free(&a->found);
    arena_free(&a->memory);
    free(a->host_networking_host);
    free(a);
}

static struct docker_answer *new_answer(struct docker_discovery *d, const struct docker_sd_config *c)
{
    struct docker_answer *a = mem_zalloc(sizeof(*a));

    a->base = (struct answer){ .read = read_answer, .done = on_read, .free = free_answer, .owner = d };
    a->host_networking_host = mem_strdup(c->host_networking_host);
    a->config.port = c->port;
    a->config.match_first_network = c->match_first_network;
    a->config.host_networking_host = a->host_networking_host;
    return a;
}

static void on_answer(struct fetch *f)
{
    struct docker_discovery *d = container_of(f, struct docker_discovery, fetch);
    struct error err = { 0 };

    if (f->fault == FETCH_DONE) {
        answer_take(&d->answer->base, f, d->base.node->host->loop);
        return;
    }
    error_set(&err, UV_EIO, "%s", f->why);
    fetch_release(f);
    end_round(d, &err);
}

static void start(struct discovery *d)
{
    ask_docker(&discovery_of(d)->timer);
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
    answer_drop(&d->answer->base);
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
    d->answer = new_answer(d, c);
    make_urls(d);
    if (scrape_caller_open(&d->caller, node, &c->client, strncmp(c->host, "https", 5) == 0, err) == 0)
        return &d->base;
    free_discovery(&d->base);
    return NULL;
}
