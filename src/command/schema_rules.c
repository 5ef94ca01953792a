/* SPDX-License-Identifier: Apache-2.0 */
/* What components check themselves, where a schema can say it: one key of several that must be there, an address, a
 * word of a list, a number above zero. Each rule is a schema that the map of a component has to satisfy beside what its
 * rows say. It refuses only what is certain: a ${...} passes everywhere. "=name" refers to one that is shared.
 *
 * What no schema can say is left to `otelcd validate`: what names something else of the configuration, files and
 * variables of this machine, one value against another, and the languages (OTTL, RE2). test_schema.py holds both
 * against each other, and knows these kinds.
 *
 * What can go wrong: a mistake in the text is a defect, which the first `otelcd schema` ends at. */
#include "command/schema.h"

#include "base/mem.h"

#include <string.h>

struct schema_rule {
    const char *name; /* of a component or "service": a list of schemas */
    const char *text; /* YAML */
};

/* clang-format off */
static const struct schema_rule shared[] = {
    { "off", "{type: object, required: [enabled], properties: {enabled: {const: false}}}\n" },
    { "full", "{not: {enum: [null, '']}}\n" },
    { "some", "{not: {enum: [null, '']}, minItems: 1}\n" },
    { "above_zero",
      "{not: {anyOf: [{enum: [null, '', '0', 0s, 0ms, 0m, 0h]}, {type: number, maximum: 0}, {type: string, "
      "pattern: '^-'}]}}\n" },
    { "at_least_zero", "{not: {type: number, exclusiveMaximum: 0}}\n" },
    { "one_or_more", "{not: {anyOf: [{type: 'null'}, {type: number, exclusiveMaximum: 1}]}}\n" },
    { "no_text", "{anyOf: [{not: {type: string}}, {pattern: '\\$\\{'}]}\n" },
    { "address",
      "{not: {type: 'null'}, anyOf: [=no_text, {pattern: "
      "'^(\\[[^\\]\\s]*\\]|[^:\\[\\]\\s\"''/\\\\$]*):0*([0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$'}]}\n" },
    { "peer", "{anyOf: [=no_text, {pattern: '^unix|:0*[1-9][0-9]{0,4}$'}]}\n" },
    { "url", "{anyOf: [=no_text, {pattern: '^$|^[Hh][Tt][Tt][Pp][Ss]?://[^\\s/?#]\\S*$'}]}\n" },
    { "port", "{anyOf: [=no_text, {pattern: '^$|^0*[1-9][0-9]{0,4}$'}]}\n" },
    { "broker", "{anyOf: [=no_text, {pattern: '^(?!.*//)[^ ]+$'}], not: {type: 'null'}}\n" },
    { "scrape_duration",
      "{anyOf: [=no_text, {pattern: '^$|^0$|^([0-9]+(ms|[ywdhms]))+$'}], not: {type: [number, boolean]}}\n" },
    { "target_file",
      "{anyOf: [=no_text, {pattern: '^([^*]*/)?[^/*]*\\*?[^/*]*\\.(json|ya?ml|JSON|YA?ML)$'}], not: {type: "
      "'null'}}\n" },
    { "server_tls",
      "anyOf:\n"
      "  - {not: {type: object}}\n"
      "  - =off\n"
      "  - allOf:\n"
      "      - anyOf: [{required: [cert_file], properties: {cert_file: =full}}, {required: [cert_pem], "
      "properties: {cert_pem: =full}}]\n"
      "      - anyOf: [{required: [key_file], properties: {key_file: =full}}, {required: [key_pem], "
      "properties: {key_pem: =full}}]\n" },
    { "server",
      "anyOf:\n"
      "  - {not: {type: object}}\n"
      "  - =off\n"
      "  - properties: {tls: =server_tls}\n"
      "    anyOf: [{required: [transport], properties: {transport: {not: {const: tcp}}}}, {properties: "
      "{endpoint: =address}}]\n" },
    { "queue",
      "anyOf:\n"
      "  - {not: {type: object}}\n"
      "  - =off\n"
      "  - properties:\n"
      "      num_consumers: =above_zero\n"
      "      queue_size: =above_zero\n"
      "      batch: {anyOf: [{not: {type: object}}, =off, {properties: {flush_timeout: =above_zero, "
      "min_size: =at_least_zero, max_size: =at_least_zero}}]}\n" },
    { "relabel",
      "items:\n"
      "  anyOf:\n"
      "    - {type: string}\n"
      "    - {type: object, required: [target_label], properties: {target_label: =full}}\n"
      "    - {type: object, required: [action], properties: {action: {type: string, not: {pattern: "
      "'^$|^([Rr][Ee][Pp][Ll][Aa][Cc][Ee]|[Ll][Oo][Ww][Ee][Rr][Cc][Aa][Ss][Ee]|[Uu][Pp][Pp][Ee][Rr][Cc][Aa][Ss][Ee]|[Hh][Aa][Ss][Hh][Mm][Oo][Dd]|[Kk][Ee][Ee][Pp][Ee][Qq][Uu][Aa][Ll]|[Dd][Rr][Oo][Pp][Ee][Qq][Uu][Aa][Ll])$'}}}}\n" },
    { "attribute_actions",
      "allOf: [=some]\n"
      "items:\n"
      "  anyOf:\n"
      "    - {type: string}\n"
      "    - type: object\n"
      "      required: [action]\n"
      "      properties: {action: {anyOf: [{type: string, pattern: "
      "'\\$\\{|^([Ii][Nn][Ss][Ee][Rr][Tt]|[Uu][Pp]([Dd][Aa][Tt][Ee]|[Ss][Ee][Rr][Tt])|[Dd][Ee][Ll][Ee][Tt][Ee]|[Hh][Aa][Ss][Hh]|[Ee][Xx][Tt][Rr][Aa][Cc][Tt]|[Cc][Oo][Nn][Vv][Ee][Rr][Tt])$'}]}}\n"
      "      allOf:\n"
      "        - anyOf:\n"
      "            - {required: [key], properties: {key: =full}}\n"
      "            - {required: [pattern], properties: {pattern: =full, action: {pattern: "
      "'\\$\\{|^([Dd][Ee][Ll][Ee][Tt][Ee]|[Hh][Aa][Ss][Hh])$'}}}\n"
      "        - anyOf:\n"
      "            - {properties: {action: {not: {pattern: "
      "'^([Ii][Nn][Ss][Ee][Rr][Tt]|[Uu][Pp]([Dd][Aa][Tt][Ee]|[Ss][Ee][Rr][Tt]))$'}}}}\n"
      "            - {required: [value], properties: {value: {not: {type: 'null'}}}}\n"
      "            - {required: [from_attribute], properties: {from_attribute: =full}}\n"
      "            - {required: [from_context], properties: {from_context: =full}}\n"
      "            - {required: [default_value], properties: {default_value: {not: {type: 'null'}}}}\n" },
    { "texts",
      "{anyOf: [{type: array, items: {type: string}}, {type: 'null'}, {type: string, pattern: '\\$\\{'}]}\n" },
    { "statements",
      "anyOf:\n"
      "  - =texts\n"
      "  - type: array\n"
      "    items: {type: object, properties: {statements: =texts, conditions: =texts, context: {type: "
      "[string, 'null']}}}\n" },
    { "dimensions",
      "items:\n"
      "  properties: {default: {type: [string, 'null']}}\n"
      "  anyOf: [{type: string}, {type: object, required: [name], properties: {name: =full}}, {type: "
      "object, required: [glob], properties: {glob: =full}}]\n" },
};

static const struct schema_rule rules[] = {
    { "receivers.otlp",
      "- type: object\n"
      "  required: [protocols]\n"
      "  properties:\n"
      "    protocols:\n"
      "      not: {type: 'null'}\n"
      "      anyOf: [{not: {type: object}}, {required: [grpc], properties: {grpc: {not: =off}}}, "
      "{required: [http], properties: {http: {not: =off}}}]\n"
      "      properties:\n"
      "        grpc: =server\n"
      "        http: =server\n"
      "- {properties: {protocols: {properties: {http: {properties: {compression_algorithms: {items: "
      "{anyOf: [=no_text, {enum: ['', gzip, zlib, deflate, zstd, snappy, x-snappy-framed, lz4]}]}}}}}}}}\n" },
    { "receivers.prometheus",
      "- type: object\n"
      "  required: [config]\n"
      "  properties:\n"
      "    config:\n"
      "      not: {type: 'null'}\n"
      "      anyOf: [{not: {type: object}}, {required: [scrape_configs], properties: {scrape_configs: "
      "=some}}, {required: [scrape_config_files]}]\n"
      "      properties:\n"
      "        global: {properties: {scrape_interval: =scrape_duration, scrape_timeout: =scrape_duration}}\n"
      "        scrape_configs:\n"
      "          items:\n"
      "            anyOf: [{type: string}, {type: object, required: [job_name], properties: {job_name: "
      "=full}}]\n"
      "            properties: {scrape_interval: =scrape_duration, scrape_timeout: =scrape_duration, "
      "relabel_configs: =relabel, metric_relabel_configs: =relabel, file_sd_configs: {items: {properties: "
      "{files: {items: =target_file}}}}}\n" },
    { "receivers.prometheusremotewrite", "[=server]\n" },
    { "receivers.kafka",
      "- properties: {group_id: =full, brokers: {not: {const: ''}, minItems: 1, items: =broker}, "
      "conn_idle_timeout: =above_zero}\n" },
    { "exporters.kafka",
      "- properties:\n"
      "    brokers: {not: {const: ''}, minItems: 1, items: =broker}\n"
      "    conn_idle_timeout: =above_zero\n"
      "    producer: {properties: {required_acks: {anyOf: [{type: string, pattern: '\\$\\{'}, {enum: [all, "
      "'-1', '0', '1', -1, 0, 1]}]}}}\n" },
    { "exporters.otlp_grpc",
      "- type: object\n"
      "  required: [endpoint]\n"
      "  properties: {endpoint: =full}\n"
      "- properties:\n"
      "    endpoint: =peer\n"
      "    compression: {anyOf: [=no_text, {enum: ['', none, gzip, zstd, snappy]}]}\n"
      "    balancer_name: {anyOf: [=no_text, {enum: [round_robin, pick_first]}]}\n" },
    { "exporters.otlp_http",
      "- properties:\n"
      "    endpoint: =url\n"
      "    traces_endpoint: =url\n"
      "    metrics_endpoint: =url\n"
      "    logs_endpoint: =url\n"
      "    profiles_endpoint: =url\n"
      "    compression: {anyOf: [=no_text, {enum: ['', none, gzip, zstd, snappy, x-snappy-framed, deflate, "
      "zlib, lz4]}]}\n"
      "- type: object\n"
      "  anyOf:\n"
      "    - {required: [endpoint], properties: {endpoint: =full}}\n"
      "    - {required: [traces_endpoint], properties: {traces_endpoint: =full}}\n"
      "    - {required: [metrics_endpoint], properties: {metrics_endpoint: =full}}\n"
      "    - {required: [logs_endpoint], properties: {logs_endpoint: =full}}\n"
      "    - {required: [profiles_endpoint], properties: {profiles_endpoint: =full}}\n" },
    { "exporters.prometheus",
      "- {type: object, required: [endpoint], properties: {endpoint: =full}}\n"
      "- =server\n" },
    { "exporters.prometheus_remote_write",
      "- type: object\n"
      "  anyOf:\n"
      "    - {required: [http], properties: {http: {type: object}}}\n"
      "    - {required: [endpoint], properties: {endpoint: =full}}\n"
      "- properties:\n"
      "    endpoint: =url\n"
      "    compression: {anyOf: [=no_text, {enum: ['', snappy]}]}\n"
      "    http: {anyOf: [{not: {type: object}}, =off, {required: [endpoint], properties: {endpoint: "
      "{allOf: [=full, =url]}}}]}\n"
      "    wal: {anyOf: [{not: {type: object}}, =off, {required: [directory], properties: {directory: "
      "=full}}]}\n"
      "    remote_write_queue:\n"
      "      anyOf: [{not: {type: object}}, =off, {properties: {queue_size: =above_zero}}]\n"
      "      properties: {queue_size: =at_least_zero, num_consumers: {not: {anyOf: [{type: number, "
      "exclusiveMaximum: 0}, {type: number, minimum: 1001}]}}}\n"
      "    max_batch_request_parallelism: =above_zero\n" },
    { "exporters.load_balancing",
      "- type: object\n"
      "  required: [resolver]\n"
      "  properties:\n"
      "    resolver:\n"
      "      not: {type: 'null'}\n"
      "      anyOf:\n"
      "        - {not: {type: object}}\n"
      "        - oneOf:\n"
      "            - {required: [static], properties: {static: {not: {anyOf: [{type: 'null'}, =off]}}}}\n"
      "            - {required: [dns], properties: {dns: {not: {anyOf: [{type: 'null'}, =off]}}}}\n"
      "            - {required: [k8s], properties: {k8s: {not: {anyOf: [{type: 'null'}, =off]}}}}\n"
      "      properties:\n"
      "        static: {anyOf: [{not: {type: object}}, =off, {required: [hostnames], properties: "
      "{hostnames: {allOf: [=some], items: =full}}}]}\n"
      "        dns: {anyOf: [{not: {type: object}}, =off, {required: [hostname], properties: {hostname: "
      "=full, port: =port}}]}\n"
      "        k8s: {anyOf: [{not: {type: object}}, =off, {required: [service], properties: {service: "
      "=full, ports: {allOf: [=some], items: =port}}}]}\n"
      "    routing_key: {anyOf: [=no_text, {enum: ['', traceID, service, resource, metric, streamID, "
      "attributes]}]}\n" },
    { "exporters.file", "[{type: object, required: [path], properties: {path: =full, flush_interval: =above_zero}}]\n" },
    { "extensions.health_check", "- anyOf: [{required: [use_v2]}, {required: [http]}, {required: [grpc]}, =server]\n" },
    { "extensions.zpages", "[=server]\n" },
    { "extensions.pprof", "[=server]\n" },
    { "extensions.bearertokenauth",
      "- type: object\n"
      "  anyOf: [{required: [token], properties: {token: =full}}, {required: [tokens], properties: "
      "{tokens: =some}}, {required: [filename], properties: {filename: =full}}]\n" },
    { "extensions.basicauth",
      "- type: object\n"
      "  oneOf:\n"
      "    - {required: [htpasswd], properties: {htpasswd: {not: {anyOf: [{type: 'null'}, =off]}}}}\n"
      "    - {required: [client_auth], properties: {client_auth: {not: {anyOf: [{type: 'null'}, =off]}}}}\n" },
    { "extensions.headers_setter", "- {type: object, required: [headers], properties: {headers: =some}}\n" },
    { "processors.memory_limiter",
      "- type: object\n"
      "  required: [check_interval]\n"
      "  properties: {check_interval: =above_zero}\n"
      "  anyOf: [{required: [limit_mib], properties: {limit_mib: =one_or_more}}, {required: "
      "[limit_percentage], properties: {limit_percentage: =one_or_more}}]\n" },
    { "processors.interval", "[{properties: {interval: =above_zero}}]\n" },
    { "processors.log_dedup", "[{properties: {interval: =above_zero, log_count_attribute: =full}}]\n" },
    { "processors.delta_to_cumulative", "[{properties: {max_stale: =above_zero, max_streams: =at_least_zero}}]\n" },
    { "processors.attributes", "[{type: object, required: [actions], properties: {actions: =attribute_actions}}]\n" },
    { "processors.resource", "[{type: object, required: [attributes], properties: {attributes: =attribute_actions}}]\n" },
    { "processors.probabilistic_sampler",
      "- properties:\n"
      "    sampling_percentage: {not: {anyOf: [{type: number, exclusiveMaximum: 0}, {type: number, "
      "exclusiveMinimum: 0, exclusiveMaximum: 1.4e-15}]}}\n"
      "    sampling_precision: {not: {anyOf: [{type: 'null'}, {type: number, exclusiveMaximum: 1}, {type: "
      "number, minimum: 15}]}}\n" },
    { "processors.transform",
      "[{properties: {trace_statements: =statements, metric_statements: =statements, log_statements: "
      "=statements, profile_statements: =statements}}]\n" },
    { "processors.filter",
      "[{properties: {trace_conditions: =statements, metric_conditions: =statements, log_conditions: "
      "=statements, profile_conditions: =statements}}]\n" },
    { "processors.tail_sampling",
      "- properties:\n"
      "    policies:\n"
      "      items: {anyOf: [{type: string}, {type: object, required: [name, type], properties: {name: "
      "=full, type: =full}}]}\n" },
    { "connectors.span_metrics",
      "- properties:\n"
      "    dimensions: =dimensions\n"
      "    calls_dimensions: =dimensions\n"
      "    histogram: {properties: {dimensions: =dimensions, explicit: {properties: {buckets: {items: "
      "{type: [string, number], pattern: "
      "'\\$\\{|^[0-9.]+(ns|us|µs|ms|s|m|h)([0-9.]+(ns|us|µs|ms|s|m|h))*$|^0$'}}}}}}\n"
      "    metrics_flush_interval: =above_zero\n" },
    { "processors.k8s_attributes",
      "- properties:\n"
      "    auth_type: {not: {const: tls}}\n"
      "    pod_association: {items: {properties: {sources: {items: {anyOf: [{not: {type: object}}, {not: "
      "{required: [from], properties: {from: {const: resource_attribute}}}}, {required: [name], "
      "properties: {name: =full}}]}}}}}\n" },
    { "service",
      "- properties:\n"
      "    telemetry:\n"
      "      properties:\n"
      "        metrics:\n"
      "          anyOf:\n"
      "            - {required: [level], properties: {level: {type: string, pattern: "
      "'^[Nn][Oo][Nn][Ee]$'}}}\n"
      "            - properties:\n"
      "                readers:\n"
      "                  minItems: 1\n"
      "                  items:\n"
      "                    anyOf:\n"
      "                      - {type: string}\n"
      "                      - type: object\n"
      "                        oneOf:\n"
      "                          - {required: [periodic], properties: {periodic: {not: {type: 'null'}}}}\n"
      "                          - {required: [pull], properties: {pull: {anyOf: [{type: string}, {type: "
      "object, required: [exporter], properties: {exporter: {anyOf: [{type: string}, {type: object, "
      "required: [prometheus], properties: {prometheus: {not: {type: 'null'}}}}]}}}]}}}\n" },
};
/* clang-format on */

/* "=full" is {"$ref": "#/$defs/full"}. */
static void refer_shared(struct arena *a, struct yaml_node **at)
{
    struct yaml_node *n = *at;

    for (size_t i = 0; n->kind == YAML_LIST && i < n->n; i++)
        refer_shared(a, &n->items[i]);
    for (size_t i = 0; n->kind == YAML_MAP && i < n->n; i++)
        refer_shared(a, &n->pairs[i].value);
    if (n->kind == YAML_SCALAR && n->text[0] == '=')
        *at = schema_read(a, arena_printf(a, "{\"$ref\": \"#/$defs/%s\"}", n->text + 1));
}

static struct yaml_node *read_rule(struct arena *a, const struct schema_rule *r)
{
    struct yaml_node *n = schema_read(a, r->text);

    refer_shared(a, &n);
    return n;
}

void schema_put_shared(struct arena *a, struct yaml_node *defs)
{
    for (size_t i = 0; i < ARRAY_LEN(shared); i++)
        yaml_put(a, defs, shared[i].name, 0, 0, read_rule(a, &shared[i]));
}

static struct yaml_node *find_rules(struct arena *a, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (strcmp(rules[i].name, name) == 0)
            return read_rule(a, &rules[i]);
    return yaml_new(a, YAML_LIST, NULL);
}

static bool has_queue(const struct option *rows)
{
    for (const struct option *o = rows; o->kind != OPTION_END; o++)
        if (strcmp(o->key, "sending_queue") == 0 && o->kind == OPTION_GROUP)
            return true;
    return false;
}

bool schema_put_rules(struct arena *a, const char *name, const struct option *rows, struct yaml_node *map)
{
    struct yaml_node *all = find_rules(a, name);
    bool needed = false;

    for (size_t i = 0; i < all->n; i++)
        needed = needed || yaml_get(all->items[i], "type") != NULL;
    if (has_queue(rows))
        yaml_push(a, all, schema_read(a, "{\"properties\": {\"sending_queue\": {\"$ref\": \"#/$defs/queue\"}}}"));
    if (all->n > 0)
        yaml_put(a, map, "allOf", 0, 0, all);
    return needed;
}
