/* SPDX-License-Identifier: Apache-2.0 */
/* What may be written of the load_balancing exporter, in the words of the Go collector. The block protocol::otlp is
 * that of the otlp_grpc exporter, whose endpoint is the resolver's to say. The queue and the trying again are the
 * members' own: what Go has around all of them is refused. */
#include "exporter/load_balancing/load_balancing.h"

#include <stdlib.h>
#include <string.h>

#define INSIDE "write it below protocol::otlp: the members' own queues are routed anew when members change"

static const struct option static_options[] = {
    OPT_STRINGS(struct static_resolver_config, hostnames, "[]",
                "The members, as host:port; 4317 where no port is written. They change by a reload alone."),
    OPT_END,
};

static const struct option dns_options[] = {
    OPT_STRING(struct dns_resolver_config, hostname, "", "The name whose addresses, A and AAAA, are the members."),
    OPT_STRING(struct dns_resolver_config, port, "",
               "The members' port; empty: 4317, and the ring knows addresses alone.", .scalar = true),
    OPT_DURATION(struct dns_resolver_config, interval, "5s", "100ms", NULL, "How often the name is looked up."),
    OPT_DURATION(struct dns_resolver_config, timeout, "1s", "1ms", NULL, "The longest that a look-up may take."),
    OPT_END,
};

static const struct option k8s_options[] = {
    OPT_STRING(struct k8s_resolver_config, service, "",
               "The service whose ready endpoints are the members, as name or name.namespace; without a namespace that "
               "of the pod in which otelcd runs."),
    OPT_STRINGS(struct k8s_resolver_config, ports, "[4317]", "The ports of each endpoint that members are on.",
                .scalar = true),
    OPT_DURATION(struct k8s_resolver_config, timeout, "1m", "1ms", NULL,
                 "How long the first list may take before that is told as a failure. It is tried again in any case."),
    OPT_BOOL(struct k8s_resolver_config, return_hostnames, "false",
             "Members are known by the host names of their pods, hostname.service.namespace: for stateful sets, whose "
             "pods keep them."),
    OPT_STRING(struct k8s_resolver_config, api_server, "",
               "URL of an API server that is called without credentials, such as kubectl proxy; only otelcd has this. "
               "Empty: that of the cluster, as the pod's service account."),
    OPT_END,
};

static const struct option file_options[] = {
    OPT_STRING(struct file_resolver_config, path, "",
               "The file: a member in each line, as host:port, 4317 where no port is written; what follows a # is "
               "nothing."),
    OPT_END,
};

/* clang-format off */
static const struct option resolver_options[] = {
    { .key = "static", .kind = OPTION_GROUP,
      .offset = OPT_FIELD(struct resolver_config, of_static, struct static_resolver_config), .options = static_options,
      .size = sizeof(struct static_resolver_config), .mode = GROUP_DEFAULT, .help = "A list that is written here." },
    OPT_GROUP(struct resolver_config, dns, struct dns_resolver_config, dns_options, GROUP_DEFAULT,
              "The addresses of a name, looked up again and again. When it cannot be looked up the last ones stay."),
    OPT_GROUP(struct resolver_config, k8s, struct k8s_resolver_config, k8s_options, GROUP_DEFAULT,
              "The ready endpoints of a service of Kubernetes, by its endpoint slices, which are watched."),
    OPT_GROUP(struct resolver_config, file, struct file_resolver_config, file_options, GROUP_DEFAULT,
              "The lines of a file, which is watched; only otelcd has this. When it cannot be read the last ones stay."),
    OPT_REFUSED("aws_cloud_map",
                "AWS Cloud Map is not asked: write dns with the name that Cloud Map keeps in Route 53"),
    OPT_END,
};

static const struct option protocol_options[] = {
    OPT_GROUP(struct protocol_config, otlp, struct otlp_grpc_exporter_config, otlp_grpc_options, GROUP_PLAIN,
              "How members are spoken to, as for the otlp_grpc exporter; each has a queue of its own by this block. "
              "The endpoint is the resolver's to say."),
    OPT_END,
};

const struct option load_balancing_options[] = {
    OPT_STRING(struct load_balancing_config, routing_key, "",
               "What keeps items together. Traces: traceID (the default), service, attributes. Logs: service (the "
               "default), traceID, resource, attributes. Metrics: service (the default), resource, metric, streamID, "
               "attributes."),
    OPT_STRINGS(struct load_balancing_config, routing_attributes, "[]",
                "With routing_key attributes: their names, looked for in the resource, the scope, the item; also "
                "span.kind and span.name of spans, log.severity and log.body of log records. The spans that a trace has in one "
                "scope go together, where the first of them goes."),
    OPT_GROUP(struct load_balancing_config, protocol, struct protocol_config, protocol_options, GROUP_PLAIN,
              "How members are spoken to."),
    OPT_GROUP(struct load_balancing_config, resolver, struct resolver_config, resolver_options, GROUP_PLAIN,
              "Who the members are: one of static, dns, k8s and file."),
    OPT_REFUSED("sending_queue", INSIDE),
    OPT_REFUSED("retry_on_failure", INSIDE),
    OPT_REFUSED("timeout", "write it below protocol::otlp"),
    OPT_END,
};
/* clang-format on */

void load_balancing_finish(void *config, struct check *ck)
{
    struct load_balancing_config *c = config;

    finish_below(ck, "protocol::otlp", otlp_grpc_options, sizeof(c->protocol.otlp), &c->protocol.otlp, delivery_finish);
}

static void check_members(const void *config, struct check *ck)
{
    otlp_grpc_member_check(config, ck);
}

#define HOST_PORT_MOST 300u /* bytes: a name has 253 */

int member_endpoint_check(const char *endpoint, struct error *err)
{
    struct otlp_target target = { 0 };
    char *dialled;
    int rc;

    error_clear(err);
    if (strlen(endpoint) > HOST_PORT_MOST)
        return error_set(err, UV_EINVAL, "%.40s... has %zu bytes, and a host with its port has %u at most", endpoint,
                         strlen(endpoint), HOST_PORT_MOST);
    dialled = member_target(endpoint);
    rc = endpoint[0] != '\0'
             ? otlp_target_grpc(&target, dialled, false, err)
             : error_set(err, UV_EINVAL,
                         "nothing is no member: write host:port, for instance sampler-1:4317, or remove it");
    otlp_target_free(&target);
    free(dialled);
    return rc;
}

static void check_static(const struct static_resolver_config *c, struct check *ck)
{
    if (c->hostnames.n == 0)
        check_fail(ck, "resolver::static::hostnames", "no endpoints specified for the static resolver");
    if (c->hostnames.n > MEMBERS_MOST)
        check_fail(ck, "resolver::static::hostnames", "there are %zu members: at most %u are served", c->hostnames.n,
                   MEMBERS_MOST);
    for (size_t i = 0; i < c->hostnames.n; i++) {
        struct error err;
        char path[64];

        snprintf(path, sizeof(path), "resolver::static::hostnames::%zu", i);
        if (member_endpoint_check(c->hostnames.v[i], &err) != 0)
            check_fail(ck, path, "%s", err.text);
    }
}

static bool is_port(const char *text)
{
    char *end;
    unsigned long port = strtoul(text, &end, 10);

    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && port > 0 && port < 65536;
}

static void check_dns(const struct dns_resolver_config *c, struct check *ck)
{
    if (c->hostname[0] == '\0')
        check_fail(ck, "resolver::dns::hostname", "no hostname specified to resolve the backends");
    if (c->port[0] != '\0' && !is_port(c->port))
        check_fail(ck, "resolver::dns::port", "\"%s\" is no port: write a number from 1 to 65535", c->port);
}

static void check_k8s(const struct k8s_resolver_config *c, struct check *ck)
{
    if (c->service[0] == '\0')
        check_fail(ck, "resolver::k8s::service", "no service specified to resolve the backends: write name.namespace");
    if (strspn(c->service, "abcdefghijklmnopqrstuvwxyz0123456789-.") != strlen(c->service))
        check_fail(ck, "resolver::k8s::service", "\"%s\" is no name of a service: write name or name.namespace",
                   c->service);
    if (c->ports.n == 0)
        check_fail(ck, "resolver::k8s::ports", "there is no port: write [4317], or remove this key");
    for (size_t i = 0; i < c->ports.n; i++)
        if (!is_port(c->ports.v[i]))
            check_fail(ck, "resolver::k8s::ports", "\"%s\" is no port: write a number from 1 to 65535", c->ports.v[i]);
}

static void check_resolver(const struct resolver_config *c, struct check *ck)
{
    unsigned n = (unsigned)c->of_static.on + (unsigned)c->dns.on + (unsigned)c->k8s.on + (unsigned)c->file.on;

    if (n == 0)
        check_fail(ck, "resolver", "no resolvers specified for the exporter: write static, dns, k8s or file");
    if (n > 1)
        check_fail(ck, "resolver", "only one resolver should be specified");
    if (c->of_static.on)
        check_static(&c->of_static, ck);
    if (c->dns.on)
        check_dns(&c->dns, ck);
    if (c->file.on && c->file.path[0] == '\0')
        check_fail(ck, "resolver::file::path", "no file specified: write path: /etc/otelcd/members, for instance");
    if (c->k8s.on)
        check_k8s(&c->k8s, ck);
}

static void check_routing(const struct load_balancing_config *c, struct check *ck)
{
    bool by_attributes = strcmp(c->routing_key, "attributes") == 0, known = false;

    for (int signal = 0; signal < SIGNAL_COUNT; signal++)
        known |= routing_kind_of(c->routing_key, (enum signal)signal) != ROUTING_KINDS;
    if (!known)
        check_fail(ck, "routing_key",
                   "unsupported routing_key: %s: write traceID, service, resource, metric, streamID or attributes",
                   c->routing_key);
    if (by_attributes && c->routing_attributes.n == 0)
        check_fail(ck, "routing_attributes", "routing_attributes must be specified when routing_key is \"attributes\"");
    if (!by_attributes && c->routing_attributes.n > 0)
        check_fail(ck, "routing_attributes",
                   "routing_attributes can only be used when routing_key is \"attributes\"; got \"%s\"",
                   c->routing_key);
}

void load_balancing_check(const void *config, struct check *ck)
{
    const struct load_balancing_config *c = config;

    check_routing(c, ck);
    check_resolver(&c->resolver, ck);
    check_below(ck, "protocol::otlp", otlp_grpc_options, sizeof(c->protocol.otlp), &c->protocol.otlp, check_members);
    if (check_was_set(ck, "protocol::otlp::endpoint"))
        check_warn(ck, "protocol::otlp::endpoint", "has no effect: the members are those that the resolver names");
}

void load_balancing_check_use(const void *config, enum signal signal, struct check *ck)
{
    const struct load_balancing_config *c = config;

    if (routing_kind_of(c->routing_key, signal) == ROUTING_KINDS)
        check_fail(ck, "routing_key", "unsupported routing_key: %s: %s can be routed by %s", c->routing_key,
                   signal_table[signal].name, routing_kinds_text(signal));
}
