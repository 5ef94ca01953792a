/* SPDX-License-Identifier: Apache-2.0 */
/* Who writes the same data to the same place twice: two exporters of one pipeline with one peer, two pipelines with the
 * same receiver and exporter and nothing between that tells their items apart, or a Prometheus that scrapes what it is
 * sent by remote write besides. Exporters that say who they are (headers, auth) may be two tenants of one peer, and are
 * left alone. */
#include "command/doctor/rule.h"

#include <string.h>

static bool is_role(const struct json_node *n, const char *role)
{
    return bytes_is(json_text_at(n, "role"), role);
}

static bool is_type(const struct json_node *n, const char *type)
{
    struct bytes id = json_text_at(n, "id");
    size_t len = strlen(type);

    return id.len >= len && memcmp(id.data, type, len) == 0 && (id.len == len || id.data[len] == '/');
}

static bool has_identity(const struct evidence *e, const char *id)
{
    static const char *const options[] = { "headers", "auth", "tls::cert_file", "tls::cert_pem" };
    char path[512];

    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        const struct yaml_node *n;

        snprintf(path, sizeof(path), "exporters::%s::%s", id, options[i]);
        n = option_at(e, path);
        if (n != NULL && (n->kind == YAML_SCALAR ? n->text[0] != '\0' : n->n > 0))
            return true;
    }
    return false;
}

static struct finding *add_twice(struct evidence *e, const char *about, const char *seen, const char *means)
{
    struct finding *f = finding_add(e, "written_twice", WEIGHT_ODD + 30, about);

    f->seen = seen;
    f->means = means;
    return f;
}

/* ---- one pipeline, one peer ---- */

static void compare_exporters(struct evidence *e, const struct json_node *p, const struct json_node *a,
                              const struct json_node *b)
{
    struct bytes peer = json_text_at(a, "peer");
    const char *first = evidence_text(e, json_text_at(a, "id")), *second = evidence_text(e, json_text_at(b, "id"));
    struct finding *f;

    if (peer.len == 0 || !bytes_equal(peer, json_text_at(b, "peer")) || has_identity(e, first) ||
        has_identity(e, second))
        return;
    f = add_twice(e, arena_printf(&e->arena, "pipeline %s", evidence_text(e, json_text_at(p, "id"))),
                  arena_printf(&e->arena, "%s and %s both send to %s", first, second, evidence_text(e, peer)),
                  "each item gets there twice: it is counted twice, or refused as a duplicate");
    f->todo = "take one of them out of the pipeline, or mend its endpoint";
    finding_locate(e, f, arena_printf(&e->arena, "exporters::%s::endpoint", second), "");
}

static void look_at_pipeline(struct evidence *e, const struct json_node *p)
{
    json_each (a, json_at(p, "nodes")) {
        bool behind = false;

        json_each (b, json_at(p, "nodes")) {
            if (behind && is_role(a, "exporter") && is_role(b, "exporter"))
                compare_exporters(e, p, a, b);
            behind = behind || a == b;
        }
    }
}

/* ---- two pipelines, one receiver and one exporter ---- */

static bool may_tell_apart(const struct json_node *p)
{
    static const char *const types[] = { "filter", "probabilistic_sampler", "tail_sampling", "transform" };

    json_each (n, json_at(p, "nodes")) {
        for (size_t i = 0; i < ARRAY_LEN(types); i++)
            if (is_role(n, "processor") && is_type(n, types[i]))
                return true;
    }
    return false;
}

/* The first node of that role that both have; connectors are left out, for what comes of them may be told apart, and so
 * is what only prints. */
static const struct json_node *find_common(const struct json_node *p, const struct json_node *q, const char *role)
{
    json_each (a, json_at(p, "nodes")) {
        json_each (b, json_at(q, "nodes")) {
            if (is_role(a, role) && is_role(b, role) && !bytes_is(json_text_at(a, "kind"), "connector") &&
                !is_type(a, "debug") && bytes_equal(json_text_at(a, "id"), json_text_at(b, "id")))
                return a;
        }
    }
    return NULL;
}

static void compare_pipelines(struct evidence *e, const struct json_node *p, const struct json_node *q)
{
    const struct json_node *receiver, *exporter;
    const char *first = evidence_text(e, json_text_at(p, "id")), *second = evidence_text(e, json_text_at(q, "id"));
    struct finding *f;

    if (!bytes_equal(json_text_at(p, "signal"), json_text_at(q, "signal")) || may_tell_apart(p) || may_tell_apart(q))
        return;
    receiver = find_common(p, q, "receiver");
    exporter = find_common(p, q, "exporter");
    if (receiver == NULL || exporter == NULL)
        return;
    f = add_twice(
        e, arena_printf(&e->arena, "pipelines %s and %s", first, second),
        arena_printf(&e->arena, "both have the receiver %s and the exporter %s, and neither leaves anything out",
                     evidence_text(e, json_text_at(receiver, "id")), evidence_text(e, json_text_at(exporter, "id"))),
        "each item gets there twice: it is counted twice, or refused as a duplicate");
    f->todo = "take the exporter, or the receiver, out of one of them; or have a filter tell their items apart";
    finding_locate(e, f, arena_printf(&e->arena, "service::pipelines::%s::exporters", second), "");
}

static void look_at_pairs(struct evidence *e)
{
    json_each (p, json_at(e->now.status, "pipelines")) {
        bool behind = false;

        json_each (q, json_at(e->now.status, "pipelines")) {
            if (behind)
                compare_pipelines(e, p, q);
            behind = behind || p == q;
        }
    }
}

/* ---- scraped and sent ---- */

/* "http://10.1.2.3:9090/api/v1/write" and "10.1.2.3:41234" are of one host. */
static bool is_of_host(const char *url, const char *peer)
{
    const char *host = strstr(url, "://"), *colon = strrchr(peer, ':');
    size_t len = colon != NULL ? (size_t)(colon - peer) : strlen(peer);
    bool local = strncmp(peer, "127.", 4) == 0 || strncmp(peer, "[::1]", 5) == 0;

    host = host != NULL ? host + 3 : url;
    if (local && (strncmp(host, "localhost", 9) == 0 || strncmp(host, "127.", 4) == 0))
        return true;
    return len > 0 && strncmp(host, peer, len) == 0 && strchr(":/", host[len]) != NULL;
}

static const struct json_node *find_scrape(const struct evidence *e, const struct json_node *exporter)
{
    json_each (s, json_at(e->now.status, "scrapes")) {
        json_each (source, json_at(s, "sources")) {
            if (bytes_equal(source->text, json_text_at(exporter, "id")))
                return s;
        }
    }
    return NULL;
}

static void compare_ways(struct evidence *e, const struct json_node *p, const struct json_node *shown,
                         const struct json_node *sent)
{
    const struct json_node *s = find_scrape(e, shown);
    const char *peer = evidence_text(e, json_text_at(s, "peer")), *url = evidence_text(e, json_text_at(sent, "peer"));
    struct finding *f;

    if (!bytes_match(json_text_at(s, "user_agent"), "Prometheus/*") || !is_of_host(url, peer))
        return;
    f = add_twice(
        e, arena_printf(&e->arena, "pipeline %s", evidence_text(e, json_text_at(p, "id"))),
        arena_printf(&e->arena, "a Prometheus at %s scrapes %s, and %s sends the same to %s", peer,
                     evidence_text(e, json_text_at(shown, "id")), evidence_text(e, json_text_at(sent, "id")), url),
        "each series comes by two ways, and Prometheus refuses what is not newer as out of order or a duplicate");
    f->todo = "one way only for each series: take one of the two out of the pipeline";
    finding_locate(
        e, f, arena_printf(&e->arena, "service::pipelines::%s::exporters", evidence_text(e, json_text_at(p, "id"))),
        "");
}

static void look_at_ways(struct evidence *e, const struct json_node *p)
{
    json_each (a, json_at(p, "nodes")) {
        json_each (b, json_at(p, "nodes")) {
            if (is_role(a, "exporter") && is_type(a, "prometheus") && is_role(b, "exporter") &&
                (is_type(b, "prometheus_remote_write") || is_type(b, "prometheusremotewrite")))
                compare_ways(e, p, a, b);
        }
    }
}

void rule_twice(struct evidence *e)
{
    json_each (p, json_at(e->now.status, "pipelines")) {
        look_at_pipeline(e, p);
        look_at_ways(e, p);
    }
    look_at_pairs(e);
}
