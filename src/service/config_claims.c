/* SPDX-License-Identifier: Apache-2.0 */
/* What only one component may have: an address to listen on, the directory of a queue. By the text alone, without
 * asking anybody for an address: what is found here would fail at the start. And what all of them write to, by which
 * confine.c confines the process. */
#include "service/config_inside.h"

#include "base/buf.h"
#include "base/vec.h"
#include "pipeline/component.h"
#include "config/server_rows.h"
#include "service/service_config.h"

#include <stdlib.h>
#include <string.h>

struct claim {
    const char *owner;                       /* "receivers::otlp" */
    const char *what;                        /* as written */
    const char *claimed;                     /* host, directory or socket; "*" = every host */
    const char *port;                        /* NULL: it is no address of a host */
    const char *auth;                        /* of who shares it: an authenticator, "" = none; NULL: it is not shared */
    uint64_t tls;                            /* 0: plain, or that of others */
    const struct http_server_config *server; /* where it is shared; NULL: nothing is said of it */
};

struct claims {
    struct loader *l;
    const struct config_component *cc; /* who is asked; NULL = own telemetry, of which nothing is told */
    const char *owner;
    VEC(struct claim) all;
    VEC(const char *) writes;
    VEC(struct config_claim) told; /* those of port 0 too */
};

static bool claims_meet(const struct claim *a, const struct claim *b)
{
    if ((a->port == NULL) != (b->port == NULL))
        return false;
    if (a->port == NULL)
        return strcmp(a->claimed, b->claimed) == 0;
    return strcmp(a->port, b->port) == 0 &&
           (a->claimed[0] == '*' || b->claimed[0] == '*' || strcmp(a->claimed, b->claimed) == 0);
}

/* What two that would share an address differ in; NULL: nothing. */
static const char *difference_of(const struct claim *a, const struct claim *b)
{
    if (strcmp(a->auth, b->auth) != 0)
        return "auth";
    if (a->tls != 0 && b->tls != 0 && a->tls != b->tls)
        return "tls";
    if (a->server == NULL || b->server == NULL)
        return NULL;
    if (!http_cors_agree(&a->server->cors, &b->server->cors))
        return "cors";
    return response_headers_agree(&a->server->response_headers, &b->server->response_headers) ? NULL
                                                                                              : "response_headers";
}

static void tell_clash(struct check *ck, const char *path, const struct claim *x, const struct claim *other)
{
    const char *what = x->auth != NULL && other->auth != NULL ? difference_of(x, other) : NULL;

    if (what != NULL)
        check_fail(ck, path,
                   "%s is served by %s (%s) too, and their %s differs: give both the same, or an address of its own",
                   x->what, other->owner, other->what, what);
    else
        check_fail(ck, path, "%s is taken by %s (%s); give one of them another %s", x->what, other->owner, other->what,
                   x->port != NULL ? "port" : "path");
}

static bool claims_clash(const struct claim *a, const struct claim *b)
{
    return claims_meet(a, b) && (a->auth == NULL || b->auth == NULL || difference_of(a, b) != NULL);
}

static void add_claim(struct claims *c, const char *path, struct claim x)
{
    x.owner = c->owner;
    for (size_t i = 0; i < c->all.n && c->cc != NULL; i++) {
        struct check ck;

        if (!claims_clash(&c->all.v[i], &x))
            continue;
        ck = config_check_of(c->l, c->cc);
        tell_clash(&ck, path, &x, &c->all.v[i]);
        return;
    }
    *vec_push(&c->all) = x;
}

/* The host of "host:port" in one spelling. */
static const char *host_of(struct arena *a, const char *endpoint, size_t n)
{
    char *host;

    if (n >= 2 && endpoint[0] == '[' && endpoint[n - 1] == ']')
        endpoint++, n -= 2;
    host = arena_strndup(a, endpoint, n);
    if (host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0)
        return "*";
    return strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
}

void claim_writes(struct claims *c, const char *file)
{
    if (strncmp(file, "file://", 7) == 0)
        file += 7;
    *vec_push(&c->writes) = arena_strdup(&c->l->config->arena, file);
}

/* For who wants to know. */
static void tell_claim(struct claims *c, const char *path, const char *what, bool address)
{
    struct arena *a = &c->l->config->arena;

    *vec_push(&c->told) = (struct config_claim){ c->owner, arena_strdup(a, path), arena_strdup(a, what), address };
}

static void claim_endpoint(struct claims *c, const char *path, const char *endpoint, const char *transport,
                           struct claim x)
{
    struct arena *a = &c->l->config->arena;
    const char *colon = strrchr(endpoint, ':');

    x.what = endpoint;
    tell_claim(c, path, endpoint, true);
    if (transport != NULL && strcmp(transport, "unix") == 0) {
        x.claimed = endpoint;
        if (endpoint[0] != '@')
            claim_writes(c, endpoint);
    } else {
        if (colon == NULL || strtoul(colon + 1, NULL, 10) == 0)
            return; /* a fault of its own, or any port that is free */
        x.claimed = host_of(a, endpoint, (size_t)(colon - endpoint));
        x.port = colon + 1;
    }
    add_claim(c, path, x);
}

void claim_address(struct claims *c, const char *path, const char *endpoint, const char *transport)
{
    claim_endpoint(c, path, endpoint, transport, (struct claim){ 0 });
}

void claim_shared_address(struct claims *c, const char *path, const struct http_server_config *server)
{
    struct claim x = { .auth = server->auth.on ? server->auth.authenticator : "",
                       .tls = tls_config_hash(&server->tls),
                       .server = server };

    claim_endpoint(c, path, server->endpoint, server->transport, x);
}

void claim_directory(struct claims *c, const char *path, const char *directory)
{
    size_t n = strlen(directory);

    while (n > 1 && directory[n - 1] == '/')
        n--;
    claim_writes(c, directory);
    tell_claim(c, path, directory, false);
    add_claim(c, path,
              (struct claim){ .what = directory, .claimed = arena_strndup(&c->l->config->arena, directory, n) });
}

void claim_output(struct claims *c, const char *output)
{
    if (strcmp(output, "stdout") != 0 && strcmp(output, "stderr") != 0)
        claim_writes(c, output);
}

static void claim_own(struct claims *c)
{
    const struct service_config *s = c->l->config->service;

    c->owner = "service::telemetry::metrics";
    for (size_t i = 0; s != NULL && i < s->telemetry.logs.output_paths.n; i++)
        claim_output(c, s->telemetry.logs.output_paths.v[i]);
    for (size_t i = 0; s != NULL && i < s->n_scrapes; i++) {
        char *endpoint = prometheus_reader_endpoint(&s->scrapes[i]);

        claim_endpoint(c, "", arena_strdup(&c->l->config->arena, endpoint), "tcp", (struct claim){ .auth = "" });
        free(endpoint);
    }
    if (s != NULL && s->telemetry.control.enabled && s->telemetry.control.socket[0] != '\0') {
        c->owner = "service::telemetry::control";
        claim_endpoint(c, "socket", s->telemetry.control.socket, "unix", (struct claim){ 0 });
    }
}

void config_check_claims(struct loader *l)
{
    struct claims c = { .l = l };

    claim_own(&c);
    for (int kind = 0; kind < COMPONENT_KINDS; kind++)
        for (size_t i = 0; i < l->config->components[kind].n; i++) {
            const struct config_component *cc = &l->config->components[kind].v[i];

            if (!cc->used || !cc->sound || cc->component == NULL || cc->component->claim == NULL)
                continue;
            c.cc = cc;
            c.owner = config_path(l, config_sections[kind], cc->id);
            cc->component->claim(cc->config, &c);
        }
    l->config->n_writes = c.writes.n;
    l->config->writes = arena_alloc(&l->config->arena, (c.writes.n + 1) * sizeof(*c.writes.v));
    for (size_t i = 0; i < c.writes.n; i++)
        l->config->writes[i] = c.writes.v[i];
    l->config->n_claims = c.told.n;
    l->config->claims = arena_zalloc(&l->config->arena, (c.told.n + 1) * sizeof(*c.told.v));
    if (c.told.n > 0)
        memcpy(l->config->claims, c.told.v, c.told.n * sizeof(*c.told.v));
    vec_free(&c.told);
    vec_free(&c.writes);
    vec_free(&c.all);
}
