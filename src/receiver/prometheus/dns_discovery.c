/* SPDX-License-Identifier: Apache-2.0 */
/* Targets that have DNS records. Names are asked for one after another, each on a thread, at the start and
 * refresh_interval after the last answer; what one has is known as soon as it has answered.
 *
 * What can go wrong: a name that nobody can say anything of keeps the targets that it had; one that has no records has
 * none. A thread cannot be called back: a discovery that ends while it asks abandons its question, which goes with the
 * answer. */
#include "receiver/prometheus/discovery.h"
#include "receiver/prometheus/dns_query.h"

#include <stdio.h>
#include <stdlib.h>

/* One name: the thread's while it works. */
struct question {
    struct job job;
    struct dns_discovery *of; /* not the thread's */
    enum dns_type type;
    char *name;
    struct dns_records records;
    struct error err;
};

struct dns_discovery {
    struct discovery base;
    const struct dns_sd_config *config;
    struct clock_timer timer;
    struct question *question; /* NULL: none is under way */
    size_t next;               /* of the names */
};

static void ask_name(struct job *job)
{
    struct question *q = container_of(job, struct question, job);

    (void)dns_query(q->name, q->type, NULL, &q->records, &q->err);
}

static void free_question(struct question *q)
{
    free(q->name);
    vec_free(&q->records.list);
    free(q);
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

static void take_answer(struct dns_discovery *d, const struct question *q)
{
    struct target_list found = { 0 };

    if (q->err.code != 0) {
        discovery_fail(&d->base, "dns", q->name, q->err.text);
        return;
    }
    for (size_t i = 0; i < q->records.list.n; i++)
        add_record(d, q->name, &q->records.list.v[i], &found);
    discovery_set(&d->base, q->name, &found);
}

/* ---- asking ---- */

static void ask_next(struct dns_discovery *d);

static void on_asked(struct job *job)
{
    struct question *q = container_of(job, struct question, job);
    struct dns_discovery *d = q->of;

    d->question = NULL;
    take_answer(d, q);
    free_question(q);
    ask_next(d);
}

static void on_abandoned(struct job *job)
{
    free_question(container_of(job, struct question, job));
}

static void begin_round(struct clock_timer *timer)
{
    struct dns_discovery *d = container_of(timer, struct dns_discovery, timer);

    d->next = 0;
    ask_next(d);
}

/* The next name, or the round is over. */
static void ask_next(struct dns_discovery *d)
{
    struct loop *loop = d->base.node->host->loop;
    struct question *q;

    if (d->next == d->config->names.n) {
        clock_start(&loop->clock, &d->timer, d->config->refresh, begin_round);
        return;
    }
    q = d->question = mem_zalloc(sizeof(*q));
    q->job = (struct job){ .work = ask_name, .done = on_asked, .drop = on_abandoned };
    q->of = d;
    q->type = (enum dns_type)d->config->type;
    q->name = mem_strdup(d->config->names.v[d->next++]);
    job_start(loop, JOB_DNS, &q->job);
}

static void start(struct discovery *d)
{
    begin_round(&container_of(d, struct dns_discovery, base)->timer);
}

static void free_discovery(struct discovery *base)
{
    struct dns_discovery *d = container_of(base, struct dns_discovery, base);

    clock_stop(&base->node->host->loop->clock, &d->timer);
    if (d->question != NULL)
        job_abandon(&d->question->job);
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
