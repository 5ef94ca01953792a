/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the sources of discovery that are servers of a kind (Docker, Consul, Kubernetes), and what they cannot
 * say. */
#include "base/buf.h"
#include "config/option.h"
#include "kube/kube_config.h"
#include "net/http/target.h"
#include "net/http/url.h"
#include "net/socket/tls.h"
#include "receiver/prometheus/kubernetes_targets.h"
#include "receiver/prometheus/scrape_config.h"

#include <stdio.h>
#include <string.h>

/* clang-format off */
#define T struct docker_filter
static const struct option docker_filter_options[] = {
    OPT_STRING(T, name, "", "What is looked at: label, name, network, status, ...", .required = true),
    OPT_STRINGS(T, values, NULL, "One of these values.", .scalar = true),
    OPT_END,
};
#undef T

#define T struct docker_sd_config
const struct option docker_sd_options[] = {
    OPT_STRING(T, host, "", "The daemon: unix:///var/run/docker.sock, tcp://host:2375, http:// or https://.",
               .required = true),
    OPT_UINT(T, port, "80", NULL, "65535", "The port of containers that publish or expose none over TCP."),
    OPT_LIST(T, filters, struct docker_filter, docker_filter_options, "Which containers, as `docker ps --filter`."),
    OPT_STRING(T, host_networking_host, "localhost", "The host of containers in the host's network."),
    OPT_STRING(T, refresh_interval, "1m", "It is asked this often.", .scalar = true),
    OPT_BOOL(T, match_first_network, "true", "Of a container in several networks only the one that is first by name."),
    SCRAPE_CLIENT_ROWS(T, client),
    OPT_END,
};
#undef T

#define T struct consul_sd_config
const struct option consul_sd_options[] = {
    OPT_STRING(T, server, "localhost:8500", "The agent or server: host:port.", .required = true),
    OPT_STRING(T, scheme, "http", "http or https."),
    OPT_STRING(T, path_prefix, "", "What stands before its paths, behind a gateway."),
    OPT_SECRET(T, token, "An ACL token."),
    OPT_STRING(T, datacenter, "", "The datacenter; empty is that of the agent."),
    OPT_STRING(T, namespace, "", "The namespace, of Consul Enterprise."),
    OPT_STRING(T, partition, "", "The admin partition, of Consul Enterprise."),
    OPT_STRING(T, tag_separator, ",", "What stands between the tags in __meta_consul_tags."),
    OPT_STRING(T, username, "", "The older way to write basic_auth::username."),
    OPT_SECRET(T, password, "The older way to write basic_auth::password."),
    OPT_BOOL(T, allow_stale, "true", "Any server may answer, not the leader alone."),
    OPT_STRING(T, refresh_interval, "30s", "The least time between two answers about the same.", .scalar = true),
    OPT_STRINGS(T, services, NULL, "Which services; none written: all."),
    OPT_STRINGS(T, tags, NULL, "Only what has all of these tags."),
    OPT_MAP(T, node_meta, "Only nodes with this metadata.", .scalar = true),
    OPT_STRING(T, filter, "", "Which services, as Consul's expression for its catalog."),
    OPT_STRING(T, health_filter, "", "Which instances, as Consul's expression for health."),
    SCRAPE_CLIENT_ROWS(T, client),
    OPT_END,
};
#undef T

static const char *const roles[] = {
    [0] = "",
    [1 + KUBERNETES_POD] = "pod",
    [1 + KUBERNETES_SERVICE] = "service",
    [1 + KUBERNETES_ENDPOINTS] = "endpoints",
    [1 + KUBERNETES_ENDPOINTSLICE] = "endpointslice",
    [1 + KUBERNETES_NODE] = "node",
    [1 + KUBERNETES_INGRESS] = "ingress",
    [1 + KUBERNETES_ROLES] = NULL,
};

#define T struct kubernetes_selector
static const struct option kubernetes_selector_options[] = {
    OPT_ENUM(T, role, roles, "", "Of which objects: the role's, or those that it needs."),
    OPT_STRING(T, label, "", "By labels: app=shop,tier!=test."),
    OPT_STRING(T, field, "", "By fields: spec.nodeName=node-1."),
    OPT_END,
};
#undef T

#define T struct kubernetes_namespaces
static const struct option kubernetes_namespaces_options[] = {
    OPT_BOOL(T, own_namespace, "false", "The one that otelcd runs in."),
    OPT_STRINGS(T, names, NULL, "These."),
    OPT_END,
};
#undef T

#define T struct kubernetes_attach
static const struct option kubernetes_attach_options[] = {
    OPT_BOOL(T, node, "false", "Labels and annotations of the node, to pods and endpoints."),
    OPT_BOOL(T, namespace, "false", "Labels and annotations of the namespace."),
    OPT_BOOL(T, deployment, "false", "The deployment that a pod is of."),
    OPT_BOOL(T, job, "false", "The job that a pod is of."),
    OPT_BOOL(T, cronjob, "false", "The cron job that a pod's job is of."),
    OPT_END,
};
#undef T

#define T struct kubernetes_sd_config
const struct option kubernetes_sd_options[] = {
    OPT_ENUM(T, role, roles, "", "What becomes a target: pod, service, endpoints, endpointslice, node or ingress."),
    OPT_STRING(T, api_server, "", "URL of the API server; empty: that of the cluster in which otelcd runs, with the "
               "pod's service account."),
    OPT_STRING(T, kubeconfig_file, "", "A file of kubectl: its current context says which API server, and who we are; what "
               "changes in it counts from the next request on. Programs that give credentials are not run."),
    OPT_GROUP(T, namespaces, struct kubernetes_namespaces, kubernetes_namespaces_options, GROUP_PLAIN,
              "Which namespaces; empty is all."),
    OPT_LIST(T, selectors, struct kubernetes_selector, kubernetes_selector_options, "Which objects."),
    { .key = "attach_metadata", .kind = OPTION_GROUP, .offset = OPT_FIELD(T, attach, struct kubernetes_attach),
      .options = kubernetes_attach_options, .size = sizeof(struct kubernetes_attach), .mode = GROUP_PLAIN,
      .help = "Labels of what a target belongs to." },
    SCRAPE_CLIENT_ROWS(T, client),
    OPT_END,
};
#undef T
/* clang-format on */

void server_discovery_finish(struct scrape_job_config *c)
{
    struct docker_sd_config *docker = c->docker_sd_configs.v;
    struct consul_sd_config *consul = c->consul_sd_configs.v;
    struct kubernetes_sd_config *kubernetes = c->kubernetes_sd_configs.v;

    for (size_t i = 0; i < c->docker_sd_configs.n; i++) {
        docker[i].refresh = scrape_duration(docker[i].refresh_interval);
        scrape_client_finish(&docker[i].client);
    }
    for (size_t i = 0; i < c->consul_sd_configs.n; i++) {
        consul[i].refresh = scrape_duration(consul[i].refresh_interval);
        scrape_client_finish(&consul[i].client);
        if (consul[i].username[0] != '\0' && !consul[i].client.basic_auth.on) {
            consul[i].client.basic_auth.on = true;
            consul[i].client.basic_auth.username = consul[i].username;
            consul[i].client.basic_auth.password = consul[i].password;
        }
    }
    for (size_t i = 0; i < c->kubernetes_sd_configs.n; i++)
        scrape_client_finish(&kubernetes[i].client);
}

/* ---- check ---- */

#define PATH 256

struct source_path {
    char path[PATH]; /* of the source's block */
    struct check *ck;
};

static const char *at_key(const struct source_path *p, const char *key, char out[PATH])
{
    snprintf(out, PATH, "%.180s%s%s", p->path, key[0] != '\0' ? "::" : "", key);
    return out;
}

static void check_docker(const struct docker_sd_config *c, const struct source_path *p)
{
    bool on_socket = strncmp(c->host, "unix://", 7) == 0;
    const char *tcp = strncmp(c->host, "tcp://", 6) == 0 ? c->host + 4 : c->host;
    struct target target = { 0 };
    struct buf text = { 0 };
    struct error err = { 0 };
    char path[PATH];
    struct url url;

    buf_printf(&text, "%s%s", tcp != c->host ? "http:" : "", tcp);
    if (c->host[0] != '\0' && on_socket)
        (void)target_parse(&target, c->host, &err);
    else if (c->host[0] != '\0')
        (void)url_parse(&url, buf_bytes(&text), &err);
    if (err.code != 0)
        check_fail(p->ck, at_key(p, "host", path),
                   "%s: write unix:///var/run/docker.sock, tcp://host:2375, or a URL of http or https", err.text);
    target_free(&target);
    buf_free(&text);
    scrape_duration_check(c->refresh_interval, at_key(p, "refresh_interval", path), false, p->ck);
    scrape_client_check(&c->client, at_key(p, "", path), p->ck);
}

static bool is_set(struct secret s)
{
    return s.text != NULL && s.text[0] != '\0';
}

static void check_consul(const struct consul_sd_config *c, const struct source_path *p)
{
    bool written_twice = c->username[0] != '\0' && c->client.basic_auth.username != c->username;
    struct buf text = { 0 };
    struct error err = { 0 };
    char path[PATH];
    struct url url;

    buf_printf(&text, "%s://%s%s", c->scheme, c->server, c->path_prefix);
    if (strcmp(c->scheme, "http") != 0 && strcmp(c->scheme, "https") != 0)
        check_fail(p->ck, at_key(p, "scheme", path), "unsupported scheme \"%.60s\": write http or https", c->scheme);
    else if (c->server[0] != '\0' && url_parse(&url, buf_bytes(&text), &err) != 0)
        check_fail(p->ck, at_key(p, "server", path), "%s: write host:port", err.text);
    if (written_twice || (is_set(c->password) && c->username[0] == '\0'))
        check_fail(p->ck, at_key(p, "username", path),
                   "at most one of consul SD configuration username and password and basic auth can be configured: "
                   "write basic_auth alone");
    if (is_set(c->token) && (c->client.authorization.on || c->client.oauth2.on))
        check_fail(p->ck, at_key(p, "token", path),
                   "at most one of consul SD token, authorization, or oauth2 can be configured: remove the others");
    scrape_duration_check(c->refresh_interval, at_key(p, "refresh_interval", path), false, p->ck);
    scrape_client_check(&c->client, at_key(p, "", path), p->ck);
    buf_free(&text);
}

/* ---- Kubernetes ---- */

static const char *const allowed_selectors[] = {
    [KUBERNETES_POD] = "pod, node",
    [KUBERNETES_SERVICE] = "service",
    [KUBERNETES_ENDPOINTS] = "pod, service, endpoints",
    [KUBERNETES_ENDPOINTSLICE] = "pod, service, endpointslice",
    [KUBERNETES_NODE] = "node",
    [KUBERNETES_INGRESS] = "ingress",
};

static bool is_listed(const char *list, const char *name)
{
    size_t n = strlen(name);

    while (strncmp(list, name, n) != 0 || (list[n] != ',' && list[n] != '\0')) {
        list = strchr(list, ' ');
        if (list == NULL)
            return false;
        list++;
    }
    return n > 0;
}

static void check_selectors(const struct kubernetes_sd_config *c, const struct source_path *p)
{
    const struct kubernetes_selector *s = c->selectors.v;
    char key[40], path[PATH];

    for (size_t i = 0; i < c->selectors.n && c->role > 0; i++) {
        const char *allowed = allowed_selectors[c->role - 1];

        snprintf(key, sizeof(key), "selectors::%zu::role", i);
        if (!is_listed(allowed, roles[s[i].role]))
            check_fail(p->ck, at_key(p, key, path), "%s role supports only %s selectors", roles[c->role], allowed);
        for (size_t k = 0; k < i; k++)
            if (s[k].role == s[i].role)
                check_fail(p->ck, at_key(p, key, path), "duplicated selector role: %s: write one, with commas",
                           roles[s[i].role]);
    }
}

/* Without an api_server who we are is said elsewhere: by the pod, or by a file of kubectl. */
static void check_no_client(const struct source_path *p, const char *why)
{
    static const char *const keys[] = {
        "basic_auth", "authorization", "bearer_token", "bearer_token_file", "oauth2",
        "tls_config", "proxy_url",     "no_proxy",     "http_headers",      "proxy_from_environment"
    };
    char path[PATH];

    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        if (check_was_set(p->ck, at_key(p, keys[i], path)))
            check_fail(p->ck, path, "%s", why);
}

static void check_kubeconfig(const struct kubernetes_sd_config *c, const struct source_path *p)
{
    struct kube_config file;
    struct error err;
    char path[PATH];

    check_no_client(p, "cannot use a custom HTTP client configuration together with 'kubeconfig_file': say it there");
    if (c->api_server[0] != '\0')
        check_fail(p->ck, at_key(p, "kubeconfig_file", path),
                   "cannot use 'kubeconfig_file' and 'api_server' simultaneously: remove one of them");
    if (c->namespaces.own_namespace)
        check_fail(p->ck, at_key(p, "namespaces::own_namespace", path),
                   "cannot use 'kubeconfig_file' and 'namespaces.own_namespace' simultaneously: write "
                   "namespaces::names");
    if (kube_config_read(&file, c->kubeconfig_file, "", &err) != 0)
        check_fail(p->ck, at_key(p, "kubeconfig_file", path), "%s", err.text);
    else
        tls_check(&file.tls, TLS_CLIENT, at_key(p, "kubeconfig_file", path), p->ck);
    kube_config_free(&file);
}

static void check_server(const struct kubernetes_sd_config *c, const struct source_path *p)
{
    struct error err;
    char path[PATH];
    struct url url;

    if (c->kubeconfig_file[0] != '\0')
        check_kubeconfig(c, p);
    else if (c->api_server[0] == '\0')
        check_no_client(p, "to use custom HTTP client configuration please provide the 'api_server' URL explicitly");
    else if (url_parse(&url, bytes_str(c->api_server), &err) != 0)
        check_fail(p->ck, at_key(p, "api_server", path), "%s", err.text);
    else if (c->namespaces.own_namespace)
        check_fail(p->ck, at_key(p, "namespaces::own_namespace", path),
                   "cannot use 'api_server' and 'namespaces.own_namespace' simultaneously: write namespaces::names");
}

/* It stands in a path. */
static bool is_namespace(const char *name)
{
    return name[0] != '\0' && strlen(name) <= 63 && name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static void check_kubernetes(const struct kubernetes_sd_config *c, const struct source_path *p)
{
    char path[PATH];

    if (c->role == 0)
        check_fail(p->ck, at_key(p, "role", path),
                   "role missing (one of: pod, service, endpoints, endpointslice, node, ingress)");
    check_server(c, p);
    for (size_t i = 0; i < c->namespaces.names.n; i++)
        if (!is_namespace(c->namespaces.names.v[i]))
            check_fail(p->ck, at_key(p, "namespaces::names", path),
                       "\"%.60s\" is no namespace: it has at most 63 small letters, digits and hyphens",
                       c->namespaces.names.v[i]);
    check_selectors(c, p);
    scrape_client_check(&c->client, at_key(p, "", path), p->ck);
}

void server_discovery_check(const struct scrape_job_config *c, const char *path, struct check *ck)
{
    const struct docker_sd_config *docker = c->docker_sd_configs.v;
    const struct consul_sd_config *consul = c->consul_sd_configs.v;
    const struct kubernetes_sd_config *kubernetes = c->kubernetes_sd_configs.v;
    struct source_path p = { .ck = ck };

    for (size_t i = 0; i < c->docker_sd_configs.n; i++) {
        snprintf(p.path, sizeof(p.path), "%s::docker_sd_configs::%zu", path, i);
        check_docker(&docker[i], &p);
    }
    for (size_t i = 0; i < c->consul_sd_configs.n; i++) {
        snprintf(p.path, sizeof(p.path), "%s::consul_sd_configs::%zu", path, i);
        check_consul(&consul[i], &p);
    }
    for (size_t i = 0; i < c->kubernetes_sd_configs.n; i++) {
        snprintf(p.path, sizeof(p.path), "%s::kubernetes_sd_configs::%zu", path, i);
        check_kubernetes(&kubernetes[i], &p);
    }
}
