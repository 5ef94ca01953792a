/* SPDX-License-Identifier: Apache-2.0 */
/* Targets that Consul knows. Without a datacenter the agent is asked for its own first. Then the catalog is watched for
 * the names of services, unless all that is wanted is named; and for each service its instances are, by blocking
 * queries: the server answers when something has changed since the index that it told, or after two minutes. No
 * question is asked again before refresh_interval.
 *
 * What is no answer is told in the log, what was known stays, and it is asked again after 15 s or refresh_interval,
 * whichever is shorter. An index that goes back begins anew. */
#include "base/table.h"
#include "net/http/url.h"
#include "receiver/prometheus/answer.h"
#include "receiver/prometheus/consul_targets.h"

#include <stdlib.h>

#define WAIT "120000ms"
#define LONGEST (135 * NS_PER_S)
#define AGAIN (15 * NS_PER_S)
#define MOST_SERVICES 2000u
#define SERVICE_COST 8192u /* bytes: a client with its connection */

struct consul_discovery;

/* What came, and the targets of it where it is about the instances of a service. */
struct consul_answer {
    struct answer base;
    enum json_kind kind;
    struct arena memory;
    const struct json_node *value;
    char *service, *datacenter, *separator; /* NULL: no targets are made of it */
    struct target_list found;
    const char *fault; /* why there are not all of them */
};

/* A question that is asked again and again. */
struct query {
    struct consul_discovery *of;
    struct fetch fetch;
    struct consul_answer *answer;
    char *path; /* and parameters, without index */
    char *url;
    uint64_t index;
    uint64_t began; /* mono ns */
    struct clock_timer timer;
};

struct service {
    struct list link;
    struct query query;
    char *name;
    bool seen;
};

struct consul_discovery {
    struct discovery base;
    const struct consul_sd_config *config;
    struct scrape_caller caller;
    char *origin; /* and the prefix of its paths */
    char *datacenter;
    struct query agent, catalog;
    struct list services;
    struct table known; /* the same by their names */
    size_t n_services;
};

static struct consul_discovery *discovery_of(struct discovery *d)
{
    return container_of(d, struct consul_discovery, base);
}

static struct clock *clock_of(const struct consul_discovery *d)
{
    return &d->base.node->host->loop->clock;
}

static struct budget *budget_of(const struct consul_discovery *d)
{
    return host_budget(d->base.node->host, SIGNAL_METRICS);
}

/* ---- questions ---- */

static void put_parameter(struct buf *out, const char *name, const char *value)
{
    if (value[0] == '\0')
        return;
    buf_printf(out, "%s%s=", memchr(out->data, '?', out->len) == NULL ? "?" : "&", name);
    url_put_escaped(out, bytes_str(value), "-._~");
}

static void put_common(struct buf *out, const struct consul_discovery *d, const char *filter)
{
    const struct consul_sd_config *c = d->config;

    put_parameter(out, "dc", d->datacenter);
    put_parameter(out, "ns", c->namespace);
    put_parameter(out, "partition", c->partition);
    put_parameter(out, "filter", filter);
    for (size_t i = 0; i < c->node_meta.n; i++) {
        char *pair = mem_printf("%s:%s", c->node_meta.v[i].key, c->node_meta.v[i].value);

        put_parameter(out, "node-meta", pair);
        free(pair);
    }
    if (c->allow_stale)
        put_parameter(out, "stale", "true");
}

static void ask_consul(struct clock_timer *timer)
{
    struct query *q = container_of(timer, struct query, timer);

    free(q->url);
    q->url = q->index > 0 ? mem_printf("%s%s%cindex=%llu&wait=" WAIT, q->of->origin, q->path,
                                       strchr(q->path, '?') != NULL ? '&' : '?', (unsigned long long)q->index)
                          : mem_printf("%s%s", q->of->origin, q->path);
    q->fetch.url = q->url;
    q->began = clock_mono(clock_of(q->of));
    fetch_start(&q->fetch);
}

static void ask_later(struct query *q, uint64_t delay)
{
    clock_start(clock_of(q->of), &q->timer, delay, ask_consul);
}

/* After a failure. */
static void ask_again(struct query *q)
{
    uint64_t refresh = q->of->config->refresh;

    ask_later(q, refresh > AGAIN ? AGAIN : refresh > NS_PER_S ? refresh : NS_PER_S);
}

static void on_answer(struct fetch *f);

static void open_query(struct query *q, struct consul_discovery *d, char *path, struct consul_answer *answer)
{
    const char *token = d->config->token.text;

    *q = (struct query){ .of = d, .path = path, .answer = answer };
    answer->base.owner = q;
    q->fetch = (struct fetch){
        .caller = &d->caller,
        .url_changes = true,
        .timeout = LONGEST,
        .limit = DISCOVERY_MAX_BYTES,
        .accept = "application/json",
        .gzip = true,
        .extra_name = token != NULL && token[0] != '\0' ? "x-consul-token" : NULL,
        .extra_value = token,
        .extra_is_secret = true,
        .kept_name = "x-consul-index",
        .on_done = on_answer,
    };
    ask_consul(&q->timer);
}

static void close_query(struct query *q)
{
    if (q->of == NULL)
        return;
    clock_stop(clock_of(q->of), &q->timer);
    fetch_cancel(&q->fetch);
    fetch_free(&q->fetch);
    answer_drop(&q->answer->base);
    free(q->path);
    free(q->url);
    q->of = NULL;
}

static void tell_fault(struct consul_discovery *d, const struct fetch *f, const char *why)
{
    discovery_fail(&d->base, "consul", f != NULL && f->client != NULL ? http_client_name(f->client) : "its server",
                   why);
}

/* It is none: it is told, and asked again. */
static void fail_query(struct query *q, const char *why)
{
    tell_fault(q->of, &q->fetch, why);
    q->index = 0;
    ask_again(q);
}

static void on_answer(struct fetch *f)
{
    struct query *q = container_of(f, struct query, fetch);

    if (f->fault == FETCH_DONE) {
        answer_take(&q->answer->base, f, q->of->base.node->host->loop);
        return;
    }
    fetch_release(f);
    fail_query(q, f->why);
}

static void read_answer(struct answer *base)
{
    struct consul_answer *a = container_of(base, struct consul_answer, base);
    struct target_group g = { .out = &a->found };

    a->fault = NULL;
    a->value = consul_answer_read(base->text, a->kind, &a->memory, &base->err);
    if (a->value == NULL || a->service == NULL)
        return;
    consul_targets_make(a->value, a->service, a->datacenter, a->separator, &g);
    a->fault = g.fault;
    target_group_free(&g);
}

static void forget_answer(struct consul_answer *a)
{
    target_list_free(&a->found);
    arena_free(&a->memory);
    a->value = NULL;
}

static void free_answer(struct answer *base)
{
    struct consul_answer *a = container_of(base, struct consul_answer, base);

    forget_answer(a);
    free(a->service);
    free(a->datacenter);
    free(a->separator);
    free(a);
}

static struct consul_answer *new_answer(enum json_kind kind, void (*done)(struct answer *a))
{
    struct consul_answer *a = mem_zalloc(sizeof(*a));

    a->base = (struct answer){ .read = read_answer, .done = done, .free = free_answer };
    a->kind = kind;
    return a;
}

/* Was it read? Else it is told. The query may go on then; in the end the answer is forgotten. */
static bool was_read(struct query *q)
{
    if (q->answer->base.err.code != 0)
        fail_query(q, q->answer->base.err.text);
    return q->answer->base.err.code == 0;
}

/* The next one, from the index that was told. False: nothing has changed since the last answer. */
static bool go_on(struct query *q)
{
    uint64_t refresh = q->of->config->refresh, took = clock_mono(clock_of(q->of)) - q->began, index;
    bool told = bytes_decimal(bytes_str(q->fetch.kept), &index) && index > 0;
    bool same = told && index == q->index;

    q->index = !told || index < q->index ? 0 : index;
    ask_later(q, took < refresh ? refresh - took : 0);
    return !same;
}

/* ---- a service ---- */

static void on_instances(struct answer *base)
{
    struct query *q = base->owner;
    struct service *s = container_of(q, struct service, query);
    struct consul_answer *a = q->answer;

    if (was_read(q) && go_on(q)) {
        if (a->fault == NULL)
            discovery_set(&q->of->base, s->name, &a->found);
        else
            tell_fault(q->of, &q->fetch, a->fault);
    }
    forget_answer(a);
}

static struct consul_answer *new_instances(const struct consul_discovery *d, const char *service)
{
    struct consul_answer *a = new_answer(JSON_LIST, on_instances);

    a->service = mem_strdup(service);
    a->datacenter = mem_strdup(d->datacenter);
    a->separator = mem_strdup(d->config->tag_separator);
    return a;
}

static uint64_t hash_of_service(const void *entry)
{
    return bytes_hash(bytes_str(((const struct service *)entry)->name));
}

static bool has_name(const void *entry, const void *name)
{
    return bytes_is(*(const struct bytes *)name, ((const struct service *)entry)->name);
}

static struct service *find_service(struct consul_discovery *d, struct bytes name)
{
    return table_find(&d->known, bytes_hash(name), has_name, &name);
}

/* NULL: there are too many. */
static struct service *add_service(struct consul_discovery *d, struct bytes name)
{
    struct service *s;
    struct buf path = { 0 };

    if (d->n_services == MOST_SERVICES || memchr(name.data, '\0', name.len) != NULL ||
        !budget_take(budget_of(d), SERVICE_COST))
        return NULL;
    s = mem_zalloc(sizeof(*s));
    s->name = bytes_dup(name);
    if (!table_insert(&d->known, s, hash_of_service(s))) {
        budget_give(budget_of(d), SERVICE_COST);
        free(s->name);
        free(s);
        return NULL;
    }
    list_push(&d->services, &s->link);
    d->n_services++;
    buf_puts(&path, "/v1/health/service/");
    url_put_escaped(&path, name, "-._~");
    for (size_t i = 0; i < d->config->tags.n; i++)
        put_parameter(&path, "tag", d->config->tags.v[i]);
    put_common(&path, d, d->config->health_filter);
    open_query(&s->query, d, bytes_dup(buf_bytes(&path)), new_instances(d, s->name));
    buf_free(&path);
    return s;
}

static void remove_service(struct service *s)
{
    struct consul_discovery *d = s->query.of;

    close_query(&s->query);
    budget_give(budget_of(d), SERVICE_COST);
    d->n_services--;
    table_remove(&d->known, s, hash_of_service(s));
    list_remove(&s->link);
    free(s->name);
    free(s);
}

static void forget_service(struct consul_discovery *d, struct service *s)
{
    for (size_t i = 0; i < d->base.lists.n; i++)
        if (strcmp(d->base.lists.v[i].name, s->name) == 0) {
            discovery_remove(&d->base, i);
            break;
        }
    remove_service(s);
}

/* ---- the catalog ---- */

static void take_services(struct consul_discovery *d, const struct json_node *names)
{
    bool too_many = false;

    list_each (struct service, s, &d->services, link)
        s->seen = false;
    json_each (n, names) {
        struct service *s = n->key.len > 0 ? find_service(d, n->key) : NULL;

        if (s == NULL && n->key.len > 0 && consul_service_is_wanted(d->config, n)) {
            s = add_service(d, n->key);
            too_many |= s == NULL;
        }
        if (s != NULL)
            s->seen = true;
    }
    list_each (struct service, s, &d->services, link)
        if (!s->seen)
            forget_service(d, s);
    if (too_many)
        tell_fault(d, &d->catalog.fetch,
                   "there are more than 2000 services, or there is no room for them in the memory budget: choose "
                   "some by services, tags or filter");
}

static void on_services(struct answer *base)
{
    struct query *q = base->owner;

    if (was_read(q) && go_on(q))
        take_services(q->of, q->answer->value);
    forget_answer(q->answer);
}

static void watch_index(struct consul_discovery *d)
{
    const struct consul_sd_config *c = d->config;
    struct buf path = { 0 };

    if (c->services.n > 0 && c->tags.n == 0 && c->filter[0] == '\0') {
        for (size_t i = 0; i < c->services.n; i++)
            if (c->services.v[i][0] != '\0' && find_service(d, bytes_str(c->services.v[i])) == NULL &&
                add_service(d, bytes_str(c->services.v[i])) == NULL)
                tell_fault(d, NULL, "there is no room in the memory budget for all services");
        return;
    }
    buf_puts(&path, "/v1/catalog/services");
    put_common(&path, d, c->filter);
    open_query(&d->catalog, d, bytes_dup(buf_bytes(&path)), new_answer(JSON_OBJECT, on_services));
    buf_free(&path);
}

/* ---- its life ---- */

static void on_agent(struct answer *base)
{
    struct query *q = base->owner;
    struct consul_discovery *d = q->of;
    struct bytes name = json_text_at(q->answer->value, "Config.Datacenter");

    if (was_read(q) && name.len > 0 && memchr(name.data, '\0', name.len) == NULL) {
        free(d->datacenter);
        d->datacenter = bytes_dup(name);
        watch_index(d);
    } else if (base->err.code == 0) {
        tell_fault(d, &q->fetch, "the agent does not say what its datacenter is: write datacenter");
        ask_again(q);
    }
    forget_answer(q->answer);
}

static void start(struct discovery *base)
{
    struct consul_discovery *d = discovery_of(base);

    if (d->datacenter[0] != '\0')
        watch_index(d);
    else
        open_query(&d->agent, d, mem_strdup("/v1/agent/self"), new_answer(JSON_OBJECT, on_agent));
}

static void free_discovery(struct discovery *base)
{
    struct consul_discovery *d = discovery_of(base);

    close_query(&d->agent);
    close_query(&d->catalog);
    list_each (struct service, s, &d->services, link)
        remove_service(s);
    table_free(&d->known);
    scrape_caller_close(&d->caller);
    free(d->origin);
    free(d->datacenter);
    discovery_close(base);
    free(d);
}

static const struct discovery_ops consul_ops = { .start = start, .free = free_discovery };

struct discovery *consul_discovery_new(const struct node *node, const struct consul_sd_config *c, struct error *err)
{
    struct consul_discovery *d = mem_zalloc(sizeof(*d));
    size_t n;

    d->base.ops = &consul_ops;
    d->base.node = node;
    d->config = c;
    list_init(&d->services);
    table_init(&d->known, hash_of_service, budget_of(d));
    d->datacenter = mem_strdup(c->datacenter);
    d->origin = mem_printf("%s://%s%s%s", c->scheme, c->server,
                           c->path_prefix[0] == '\0' || c->path_prefix[0] == '/' ? "" : "/", c->path_prefix);
    for (n = strlen(d->origin); n > 0 && d->origin[n - 1] == '/'; n--)
        d->origin[n - 1] = '\0';
    if (scrape_caller_open(&d->caller, node, &c->client, strcmp(c->scheme, "https") == 0, err) == 0)
        return &d->base;
    free_discovery(&d->base);
    return NULL;
}
