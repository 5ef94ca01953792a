/* SPDX-License-Identifier: Apache-2.0 */
/* Members that are the addresses of a name, looked up by the system's resolver in libuv's pool of threads, at the start
 * and then interval after interval. A look-up that takes too long is a failure; it cannot be called back, and until it
 * has ended no other begins. What it finds then is still the newest that is known, and counts.
 *
 * A source that goes while it asks leaves its question behind, whose memory goes with the answer. */
#include "exporter/load_balancing/load_balancing.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct dns_source;

struct question {
    uv_getaddrinfo_t request;
    struct dns_source *of; /* NULL: nobody waits any more */
};

struct dns_source {
    struct member_source base;
    const struct dns_resolver_config *config;
    struct question *question; /* NULL: none is under way */
    struct clock_timer again, late;
};

static struct clock *clock_of(const struct dns_source *s)
{
    return &s->base.node->host->loop->clock;
}

static void report_failure(struct dns_source *s, const char *why)
{
    char text[400];

    snprintf(text, sizeof(text), "look up %s: %s", s->config->hostname, why);
    s->base.failed(s->base.node, text);
}

/* ---- answers ---- */

static void add_address(const struct dns_source *s, const struct addrinfo *a, endpoint_list *found)
{
    bool v6 = a->ai_family == AF_INET6;
    const char *port = s->config->port;
    char text[NI_MAXHOST];

    if ((a->ai_family != AF_INET && !v6) ||
        getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST) != 0)
        return;
    *vec_push(found) = mem_printf("%s%s%s%s%s", v6 ? "[" : "", text, v6 ? "]" : "", port[0] != '\0' ? ":" : "", port);
}

static void take_answer(struct dns_source *s, int status, const struct addrinfo *all)
{
    endpoint_list found = { 0 };

    clock_stop(clock_of(s), &s->late);
    if (status != 0) {
        report_failure(s, status == UV_EAI_NONAME || status == UV_EAI_NODATA ? "no such host" : uv_strerror(status));
        return;
    }
    for (const struct addrinfo *a = all; a != NULL; a = a->ai_next)
        add_address(s, a, &found);
    if (found.n > 0)
        s->base.found(s->base.node, &found);
    else
        report_failure(s, "it has no addresses");
}

static void ask_resolver(struct clock_timer *timer);

static void on_answer(uv_getaddrinfo_t *request, int status, struct addrinfo *all)
{
    struct question *q = container_of(request, struct question, request);
    struct dns_source *s = q->of;

    if (s != NULL) {
        s->question = NULL;
        clock_start(clock_of(s), &s->again, (uint64_t)s->config->interval.ns, ask_resolver);
        take_answer(s, status, all);
    }
    uv_freeaddrinfo(all);
    free(q);
}

/* ---- questions ---- */

static void on_late(struct clock_timer *timer)
{
    report_failure(container_of(timer, struct dns_source, late), "no answer in time");
}

static void ask_resolver(struct clock_timer *timer)
{
    struct dns_source *s = container_of(timer, struct dns_source, again);
    const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    struct question *q = mem_zalloc(sizeof(*q));
    int rc;

    q->of = s;
    rc = uv_getaddrinfo(&s->base.node->host->loop->uv, &q->request, on_answer, s->config->hostname, NULL, &hints);
    if (rc != 0) {
        free(q);
        report_failure(s, uv_strerror(rc));
        clock_start(clock_of(s), &s->again, (uint64_t)s->config->interval.ns, ask_resolver);
        return;
    }
    s->question = q;
    clock_start(clock_of(s), &s->late, (uint64_t)s->config->timeout.ns, on_late);
}

static void start(struct member_source *base)
{
    ask_resolver(&container_of(base, struct dns_source, base)->again);
}

static void free_source(struct member_source *base)
{
    struct dns_source *s = container_of(base, struct dns_source, base);

    if (base->node != NULL) {
        clock_stop(clock_of(s), &s->again);
        clock_stop(clock_of(s), &s->late);
    }
    if (s->question != NULL) {
        s->question->of = NULL;
        uv_cancel((uv_req_t *)&s->question->request);
    }
    free(s);
}

struct member_source *dns_source_new(const struct dns_resolver_config *c)
{
    static const struct member_source_ops ops = { "dns", start, free_source };
    struct dns_source *s = mem_zalloc(sizeof(*s));

    s->base.ops = &ops;
    s->config = c;
    return &s->base;
}
