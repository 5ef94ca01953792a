/* SPDX-License-Identifier: Apache-2.0 */
/* Members that are the addresses of a name, looked up by the system's resolver on a thread, at the start and then
 * interval after interval.
 *
 * What can go wrong: there is no such name, or it has no addresses: the members stay those that were known. A look-up
 * that takes too long is a failure, too; it cannot be called back, and until it has ended no other begins. What it
 * finds then is still the newest that is known, and counts. */
#include "exporter/load_balancing/load_balancing.h"

#include "base/loop/name_lookup.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct dns_source {
    struct member_source base;
    const struct dns_resolver_config *config;
    struct name_lookup lookup;
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

static void on_answer(struct name_lookup *lookup, int status, const struct addrinfo *all)
{
    struct dns_source *s = container_of(lookup, struct dns_source, lookup);

    clock_start(clock_of(s), &s->again, (uint64_t)s->config->interval.ns, ask_resolver);
    take_answer(s, status, all);
}

/* ---- questions ---- */

static void on_late(struct clock_timer *timer)
{
    report_failure(container_of(timer, struct dns_source, late), "no answer in time");
}

static void ask_resolver(struct clock_timer *timer)
{
    struct dns_source *s = container_of(timer, struct dns_source, again);

    name_lookup_start(s->base.node->host->loop, &s->lookup, s->config->hostname, NULL);
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
    name_lookup_cancel(&s->lookup);
    free(s);
}

struct member_source *dns_source_new(const struct dns_resolver_config *c)
{
    static const struct member_source_ops ops = { "dns", start, free_source };
    struct dns_source *s = mem_zalloc(sizeof(*s));

    s->base.ops = &ops;
    s->config = c;
    s->lookup.done = on_answer;
    return &s->base;
}
