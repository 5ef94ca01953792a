/* SPDX-License-Identifier: Apache-2.0 */
/* Targets that have DNS records. Names are asked for one after another in libuv's pool of threads, where names are
 * looked up, at the start and refresh_interval after the last answer. A name that nobody can say anything of keeps the
 * targets that it had; one that has no records has none.
 *
 * A discovery that ends while it asks cannot call the thread back: it is forgotten, and the memory goes with the
 * answer.
 */
#include "receiver/prometheus/discovery.h"
#include "receiver/prometheus/dns_query.h"

#include <stdio.h>
#include <stdlib.h>

struct dns_discovery;

struct answer {
    char *name;
    struct dns_records records;
    struct error err;
};

/* What one round asks: the thread's while it works. */
struct asking {
    uv_work_t work;
    struct dns_discovery *of; /* NULL: nobody waits any more */
    enum dns_type type;
    VEC(struct answer) answers;
};

struct dns_discovery {
    struct discovery base;
    const struct dns_sd_config *config;
    struct clock_timer timer;
    struct asking *asking; /* NULL: none is under way */
};

static void ask_names(uv_work_t *work)
{
    struct asking *a = container_of(work, struct asking, work);

    for (size_t i = 0; i < a->answers.n; i++) {
        struct answer *one = &a->answers.v[i];

        (void)dns_query(one->name, a->type, NULL, &one->records, &one->err);
    }
}

static void free_asking(struct asking *a)
{
    for (size_t i = 0; i < a->answers.n; i++) {
        free(a->answers.v[i].name);
        vec_free(&a->answers.v[i].records.list);
    }
    vec_free(&a->answers);
    free(a);
}

/* ---- what was found ---- */

static struct bytes keep_text(struct target_list *l, const char *text)
{
    return bytes_str(arena_strdup(&l->memory, text));
}

static void add_record(const struct dns_discovery *d, const char *name, const struct dns_record *r,
                       struct target_list *found)
{
    static const char *const labels[DNS_TYPES] = { [DNS_SRV] = "__meta_dns_srv_record_target",
                                                   [DNS_MX] = "__meta_dns_mx_record_target",
                                                   [DNS_NS] = "__meta_dns_ns_record_target" };
    const char *label = labels[d->config->type];
    bool srv = d->config->type == DNS_SRV, v6 = strchr(r->host, ':') != NULL;
    unsigned port = srv ? r->port : (unsigned)d->config->port;
    size_t len = strlen(r->host);
    struct label_set s = { 0 };
    char text[DNS_NAME + 16];

    label_set_put(&s, bytes_str("__meta_dns_name"), keep_text(found, name));
    if (label != NULL)
        label_set_put(&s, bytes_str(label), keep_text(found, r->host));
    if (srv) {
        snprintf(text, sizeof(text), "%u", port);
        label_set_put(&s, bytes_str("__meta_dns_srv_record_port"), keep_text(found, text));
    }
    len -= label != NULL && len > 0 && r->host[len - 1] == '.';
    snprintf(text, sizeof(text), "%s%.*s%s:%u", v6 ? "[" : "", (int)len, r->host, v6 ? "]" : "", port);
    label_set_put(&s, bytes_str("__address__"), keep_text(found, text));
    target_list_add(found, &s);
    label_set_free(&s);
}

static void take_answer(struct dns_discovery *d, const struct answer *a)
{
    struct target_list found = { 0 };

    if (a->err.code != 0) {
        discovery_fail(&d->base, "dns", a->name, a->err.text);
        return;
    }
    for (size_t i = 0; i < a->records.list.n; i++)
        add_record(d, a->name, &a->records.list.v[i], &found);
    discovery_set(&d->base, a->name, &found);
}

static void ask_resolver(struct clock_timer *timer);

static void on_answered(uv_work_t *work, int status)
{
    struct asking *a = container_of(work, struct asking, work);
    struct dns_discovery *d = a->of;

    if (d != NULL) {
        d->asking = NULL;
        for (size_t i = 0; status == 0 && i < a->answers.n; i++)
            take_answer(d, &a->answers.v[i]);
        clock_start(&d->base.node->host->loop->clock, &d->timer, d->config->refresh, ask_resolver);
    }
    free_asking(a);
}

static void ask_resolver(struct clock_timer *timer)
{
    struct dns_discovery *d = container_of(timer, struct dns_discovery, timer);
    struct asking *a = d->asking = mem_zalloc(sizeof(*a));

    a->of = d;
    a->type = (enum dns_type)d->config->type;
    for (size_t i = 0; i < d->config->names.n; i++)
        *vec_push(&a->answers) = (struct answer){ .name = mem_strdup(d->config->names.v[i]) };
    uv_queue_work(&d->base.node->host->loop->uv, &a->work, ask_names, on_answered);
}

static void start(struct discovery *d)
{
    ask_resolver(&container_of(d, struct dns_discovery, base)->timer);
}

static void free_discovery(struct discovery *base)
{
    struct dns_discovery *d = container_of(base, struct dns_discovery, base);

    clock_stop(&base->node->host->loop->clock, &d->timer);
    if (d->asking != NULL) {
        d->asking->of = NULL;
        uv_cancel((uv_req_t *)&d->asking->work);
    }
    discovery_close(base);
    free(d);
}

static const struct discovery_ops dns_ops = { .start = start, .free = free_discovery };

struct discovery *dns_discovery_new(const struct node *node, const struct dns_sd_config *c)
{
    struct dns_discovery *d = mem_zalloc(sizeof(*d));

    d->base.ops = &dns_ops;
    d->base.node = node;
    d->config = c;
    return &d->base;
}
