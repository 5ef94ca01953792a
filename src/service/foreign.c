/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever moves from the Go collector brings a configuration that was right there. The table is searched from the top,
 * once for each component that otelcd does not have. */
#include "service/foreign.h"

#include "base/mem.h"

#include <string.h>

#define SCRAPE "write a prometheus receiver, with these targets under scrape_configs"
/* What stands between ` is a configuration that works: test_config.py tries each. */
#define SDKS                                                                                                           \
    "let the services send OTLP, as the SDKs of all languages do, and write "                                          \
    "`otlp: {protocols: {grpc: {endpoint: \"0.0.0.0:4317\"}, http: {endpoint: \"0.0.0.0:4318\"}}}`"
#define LOGS                                                                                                           \
    "let the services send their logs as OTLP, or let an agent that reads them send OTLP to otelcd: Fluent Bit, by "   \
    "its output opentelemetry"
#define METRICS "let Prometheus compute it: recording rules, relabelling"
#define DELIVERS                                                                                                       \
    ("take the backend's own OTLP endpoint, or send to a Go collector that has this exporter; otelcd delivers to "     \
     "otlp_grpc, otlp_http, kafka, prometheus, prometheus_remote_write, file and debug")
#define NO_NEED "remove it; the metrics of otelcd itself say what it does"

/* Set by hand. */
/* clang-format off */
static const struct foreign table[] = {
    { COMPONENT_RECEIVER, false, "prometheusexec purefa purefb simpleprometheus prometheussimple", SCRAPE },
    { COMPONENT_RECEIVER, false, "awsxray datadog jaeger sapm skywalking zipkin", SDKS },
    { COMPONENT_RECEIVER, true, "opencensus", SDKS },
    { COMPONENT_RECEIVER, false, "fluentforward loki splunkhec syslog tcplog udplog webhookevent", LOGS },
    { COMPONENT_RECEIVER, false, "filelog filestats journald namedpipe otlpjsonfile windowseventlog", LOGS },
    { COMPONENT_RECEIVER, false, "hostmetrics", "run node_exporter and scrape it with a prometheus receiver" },
    { COMPONENT_RECEIVER, false, "dockerstats podmanstats", "run cAdvisor and scrape it with a prometheus receiver" },
    { COMPONENT_RECEIVER, false,
      "k8scluster k8sevents k8slog k8sobjects kubeletstats receivercreator",
      "scrape the kubelet and kube-state-metrics with a prometheus receiver" },
    { COMPONENT_RECEIVER, false,
      "awscloudwatch awsfirehose awss3 azureeventhub cloudflare googlecloudpubsub"
      " kafkametrics pulsar rabbitmq solace",
      NULL },
    { COMPONENT_RECEIVER, false,
      "httpcheck icmpcheck sshcheck tcpcheck tlscheck",
      "run blackbox_exporter and scrape it with a prometheus receiver" },
    { COMPONENT_RECEIVER, false, "snmp", "run snmp_exporter and scrape it with a prometheus receiver" },
    { COMPONENT_RECEIVER, false, "statsd", "run statsd_exporter and scrape it with a prometheus receiver" },
    { COMPONENT_RECEIVER, false,
      "carbon collectd faro influxdb libhoney netflow otelarrow signalfx stef wavefront",
      NULL },
    { COMPONENT_RECEIVER, false,
      "activedirectoryds aerospike apache awscontainerinsight awsecscontainermetrics"
      " awscontainerinsightreceiver azureblob"
      " azuremonitor bigip chrony ciscoos cloudfoundry couchdb elasticsearch envoyals expvar"
      " flinkmetrics github gitlab gitproviderreceiver googlecloudmonitoring googlecloudspanner"
      " haproxy iis jmx memcached mongodb mongodbatlas mysql netscaler nginx"
      " nsxt ntp oracledb osquery postgresql redfish redis riak saphana snowflake sqlquery"
      " sqlserver systemd vcenter windowsperfcounters windowsservice"
      " yanggrpc zookeeper",
      "run the Prometheus exporter of that system and scrape it with a prometheus receiver" },
    { COMPONENT_PROCESSOR, false,
      "resourcedetection",
      "put the attributes into OTEL_RESOURCE_ATTRIBUTES of the services, or write them into a processor resource" },
    { COMPONENT_PROCESSOR, false, "deltatorate", "remove it: Prometheus has rate()" },
    { COMPONENT_PROCESSOR, false,
      "experimentalmetricsgeneration metricsgeneration metricstarttime",
      METRICS },
    { COMPONENT_PROCESSOR, false,
      "awsecsattributes coralogix datadog datadogsemantics dnslookup geoip isolationforest"
      " logstransform lookup remotetap schema sumologic unroll",
      NULL },
    { COMPONENT_PROCESSOR, true,
      "queuedretry",
      "remove it: every exporter that sends has a queue (sending_queue) and tries again (retry_on_failure)" },
    { COMPONENT_PROCESSOR, true, "spanmetrics", "write the connector span_metrics" },
    { COMPONENT_PROCESSOR, true, "servicegraph", "write the connector service_graph" },
    { COMPONENT_PROCESSOR, true, "routing", "write the connector routing" },
    { COMPONENT_PROCESSOR, true,
      "k8stagger",
      "put the pod's fields into OTEL_RESOURCE_ATTRIBUTES of the services (downward API)" },
    { COMPONENT_EXPORTER, false,
      "otelarrow",
      "otlp_grpc balances over all addresses that the endpoint's name has: write "
      "`otlp_grpc: {endpoint: \"dns:///backends:4317\", tls: {insecure: true}}`" },
    { COMPONENT_EXPORTER, true, "loki", "Loki takes OTLP: write `otlp_http: {endpoint: \"http://loki:3100/otlp\"}`" },
    { COMPONENT_EXPORTER, true,
      "jaeger jaegerthrifthttp jaegerthrift",
      "Jaeger takes OTLP: write `otlp_grpc: {endpoint: \"jaeger:4317\", tls: {insecure: true}}`" },
    { COMPONENT_EXPORTER, true,
      "opencensus",
      "OTLP has taken its place: write `otlp_grpc: {endpoint: \"host:4317\", tls: {insecure: true}}`" },
    { COMPONENT_EXPORTER, true,
      "elastic",
      "Elastic's APM Server takes OTLP: write `otlp_http: {endpoint: \"http://apm-server:8200\"}`" },
    { COMPONENT_EXPORTER, false,
      "elasticsearch",
      "Elastic's APM Server takes OTLP and writes Elasticsearch: write `otlp_http: {endpoint: \"http://apm-server:8200\"}`" },
    { COMPONENT_EXPORTER, false,
      "datadog",
      "Datadog's agent takes OTLP (otlp_config): write `otlp_grpc: {endpoint: \"datadog-agent:4317\", tls: {insecure: true}}`" },
    { COMPONENT_EXPORTER, false,
      "influxdb",
      "Telegraf takes OTLP (inputs.opentelemetry) and writes InfluxDB: write "
      "`otlp_grpc: {endpoint: \"telegraf:4317\", tls: {insecure: true}}`" },
    { COMPONENT_EXPORTER, true,
      "skywalking",
      "SkyWalking takes OTLP: write `otlp_grpc: {endpoint: \"oap:11800\", tls: {insecure: true}}`" },
    { COMPONENT_EXPORTER, true,
      "dynatrace f5cloud humio instana parquet sapm stackdriver",
      DELIVERS },
    { COMPONENT_EXPORTER, false,
      "googlemanagedprometheus",
      "prometheus_remote_write sends to an agent that takes it" },
    { COMPONENT_EXPORTER, false,
      "alertmanager alibabacloudlogservice awscloudwatchlogs awsemf awskinesis awss3 awsxray"
      " azureblob azuredataexplorer azuremonitor bmchelix carbon cassandra clickhouse coralogix"
      " dataset doris faro googlecloud googlecloudpubsub"
      " googlecloudstorage honeycombmarker logicmonitor logzio mezmo opensearch"
      " pulsar rabbitmq sematext sentry signalfx splunkhec stef sumologic syslog"
      " tencentcloudlogservice tinybird zipkin",
      DELIVERS },
    { COMPONENT_CONNECTOR, false,
      "roundrobin failover",
      "write a pipeline for each destination, and list an exporter in several of them" },
    { COMPONENT_CONNECTOR, false,
      "signaltometrics",
      METRICS },
    { COMPONENT_CONNECTOR, false, "datadog grafanacloud metricsaslogs otlpjson slowsql", NULL },
    { COMPONENT_EXTENSION, false, "remotetap", NO_NEED },
    { COMPONENT_EXTENSION, false, "cgroupruntime", "remove it; the memory budget follows the memory there is" },
    { COMPONENT_EXTENSION, false,
      "apikeyauth asapauth oidc",
      "let an authenticating proxy stand in front, and listen on localhost" },
    { COMPONENT_EXTENSION, false,
      "azureauth googleclientauth",
      "oauth2client gets tokens from the same servers: token_url, client_id, client_secret, scopes" },
    { COMPONENT_EXTENSION, false,
      "sigv4auth",
      "each request is signed, which otelcd cannot do: let a proxy that signs (aws-sigv4-proxy) stand in between" },
    { COMPONENT_EXTENSION, false, "dbstorage redisstorage", "queues are kept by file_storage" },
    { COMPONENT_EXTENSION, false,
      "ack avrologencoding awslogsencoding awsproxy azureencoding cfgardenobserver datadog"
      " dockerobserver ecsobserver ecstaskobserver googlecloudlogentryencoding hostobserver"
      " httpforwarder jaegerencoding jaegerquery jaegerremotesampling jaegerstorage"
      " jsonlogencoding k8sleaderelector k8sobserver kafkatopicsobserver opamp opampcustom"
      " otlpencoding ratelimiter skywalkingencoding solarwindsapmsettings sumologic textencoding"
      " zipkinencoding",
      NULL },
};
/* clang-format on */

static const char *const by_kind[COMPONENT_KINDS] = {
    [COMPONENT_RECEIVER] = "let the services, or a Go collector that has it, send OTLP to otelcd",
    [COMPONENT_PROCESSOR] = "remove it, or let a Go collector in front of otelcd do it",
    [COMPONENT_EXPORTER] = DELIVERS,
    [COMPONENT_CONNECTOR] = "remove it, or let a Go collector in front of otelcd do it",
    [COMPONENT_EXTENSION] = "remove it",
};

bool foreign_is_spelling(const char *written, const char *type, size_t n)
{
    for (; *written != '\0'; written++) {
        if (*written == '_')
            continue;
        if (n == 0 || *written != *type)
            return false;
        type++;
        n--;
    }
    return n == 0;
}

static bool is_among(const char *written, const char *types)
{
    while (*types != '\0') {
        size_t n = strcspn(types, " ");

        if (foreign_is_spelling(written, types, n))
            return true;
        types += n + strspn(types + n, " ");
    }
    return false;
}

const struct foreign *foreign_find(enum component_kind kind, const char *type)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (table[i].kind == kind && is_among(type, table[i].types))
            return &table[i];
    return NULL;
}

const char *foreign_advice(const struct foreign *f)
{
    return f->advice != NULL ? f->advice : by_kind[f->kind];
}

const char *foreign_common_advice(enum component_kind kind)
{
    return by_kind[kind];
}
