/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever moves from the Go collector brings a configuration that was right there. The table is searched from the top,
 * once for each component that otelcd does not have. */
#include "service/foreign.h"

#include "base/mem.h"

#include <string.h>

#define SCRAPE "otelcd does not scrape yet: let Prometheus scrape the targets, or let the services send OTLP"
#define LOGS "let the services send their logs as OTLP, or let an agent that reads them send OTLP to otelcd"
#define OTTL "the processors attributes, resource and span rename, set, extract and delete"
#define FILTER "leave it out at the source (views and samplers of the SDKs), or with relabelling in Prometheus"
#define SAMPLE "probabilistic_sampler decides by the trace id"
#define METRICS "let Prometheus compute it: recording rules, relabelling"
#define SPANMETRICS "the SDKs measure requests themselves, for instance http.server.request.duration"
#define OTLP "otelcd does not send OTLP yet: it delivers to prometheus, prometheus_remote_write, file and debug"
#define DELIVERS "otelcd delivers to prometheus, prometheus_remote_write, file and debug"
#define NO_NEED "remove it; the metrics of otelcd itself say what it does"

/* Set by hand. */
/* clang-format off */
static const struct foreign table[] = {
    { COMPONENT_RECEIVER,
      "prometheus prometheusexec prometheusremotewrite purefa purefb simpleprometheus"
      " prometheussimple",
      false, SCRAPE },
    { COMPONENT_RECEIVER,
      "awsxray datadog jaeger sapm skywalking zipkin",
      false, "let the services send OTLP: the SDKs of all languages do" },
    { COMPONENT_RECEIVER, "opencensus", true, "let the services send OTLP" },
    { COMPONENT_RECEIVER, "fluentforward loki splunkhec syslog tcplog udplog webhookevent", false, LOGS },
    { COMPONENT_RECEIVER, "filelog filestats journald namedpipe otlpjsonfile windowseventlog", false, LOGS },
    { COMPONENT_RECEIVER, "hostmetrics", false, "run node_exporter and let Prometheus scrape it" },
    { COMPONENT_RECEIVER, "dockerstats podmanstats", false, "run cAdvisor and let Prometheus scrape it" },
    { COMPONENT_RECEIVER,
      "k8scluster k8sevents k8slog k8sobjects kubeletstats receivercreator",
      false, "let Prometheus scrape the kubelet and kube-state-metrics" },
    { COMPONENT_RECEIVER,
      "awscloudwatch awsfirehose awss3 azureeventhub cloudflare googlecloudpubsub kafka"
      " kafkametrics pulsar rabbitmq solace",
      false, NULL },
    { COMPONENT_RECEIVER, "statsd", false, "run statsd_exporter and let Prometheus scrape it" },
    { COMPONENT_RECEIVER,
      "carbon collectd faro influxdb libhoney netflow otelarrow signalfx snmp stef wavefront",
      false, NULL },
    { COMPONENT_RECEIVER,
      "activedirectoryds aerospike apache awscontainerinsight awsecscontainermetrics"
      " awscontainerinsightreceiver azureblob"
      " azuremonitor bigip chrony ciscoos cloudfoundry couchdb elasticsearch envoyals expvar"
      " flinkmetrics github gitlab gitproviderreceiver googlecloudmonitoring googlecloudspanner"
      " haproxy httpcheck icmpcheck iis jmx memcached mongodb mongodbatlas mysql netscaler nginx"
      " nsxt ntp oracledb osquery postgresql redfish redis riak saphana snowflake sqlquery"
      " sqlserver sshcheck systemd tcpcheck tlscheck vcenter windowsperfcounters windowsservice"
      " yanggrpc zookeeper",
      false, "run the Prometheus exporter of that system and let Prometheus scrape it" },
    { COMPONENT_PROCESSOR, "transform", false, OTTL },
    { COMPONENT_PROCESSOR, "filter", false, FILTER },
    { COMPONENT_PROCESSOR, "tailsampling", false, SAMPLE },
    { COMPONENT_PROCESSOR, "groupbytrace groupbyattrs", false, NULL },
    { COMPONENT_PROCESSOR,
      "resourcedetection",
      false, "put the attributes into OTEL_RESOURCE_ATTRIBUTES of the services, or write them into a processor resource" },
    { COMPONENT_PROCESSOR,
      "k8sattributes",
      false, "put the pod's fields into OTEL_RESOURCE_ATTRIBUTES of the services (downward API)" },
    { COMPONENT_PROCESSOR, "cumulativetodelta deltatorate", false, "remove it: Prometheus has rate()" },
    { COMPONENT_PROCESSOR,
      "deltatocumulative",
      false, "remove it: the exporters prometheus and prometheus_remote_write add up deltas themselves" },
    { COMPONENT_PROCESSOR,
      "experimentalmetricsgeneration interval metricsgeneration metricstarttime metricstransform",
      false, METRICS },
    { COMPONENT_PROCESSOR,
      "redaction",
      false, "delete or hash the attributes by their names with a processor attributes" },
    { COMPONENT_PROCESSOR,
      "awsecsattributes coralogix datadog datadogsemantics dnslookup geoip isolationforest"
      " logdedup logstransform lookup remotetap schema sumologic unroll",
      false, NULL },
    { COMPONENT_PROCESSOR,
      "queuedretry",
      true, "every exporter that sends has a queue: sending_queue and retry_on_failure" },
    { COMPONENT_PROCESSOR, "spanmetrics servicegraph", true, SPANMETRICS },
    { COMPONENT_PROCESSOR, "routing", true, "write a pipeline for each destination" },
    { COMPONENT_PROCESSOR,
      "k8stagger",
      true, "put the pod's fields into OTEL_RESOURCE_ATTRIBUTES of the services (downward API)" },
    { COMPONENT_EXPORTER, "loadbalancing otelarrow otlp otlpgrpc otlphttp", false, OTLP },
    { COMPONENT_EXPORTER, "loki", true, OTLP },
    { COMPONENT_EXPORTER, "jaeger jaegerthrifthttp jaegerthrift", true, OTLP },
    { COMPONENT_EXPORTER,
      "dynatrace elastic f5cloud humio instana opencensus parquet sapm skywalking stackdriver",
      true, DELIVERS },
    { COMPONENT_EXPORTER,
      "googlemanagedprometheus",
      false, "prometheus_remote_write sends to an agent that takes it" },
    { COMPONENT_EXPORTER,
      "alertmanager alibabacloudlogservice awscloudwatchlogs awsemf awskinesis awss3 awsxray"
      " azureblob azuredataexplorer azuremonitor bmchelix carbon cassandra clickhouse coralogix"
      " datadog dataset doris elasticsearch faro googlecloud googlecloudpubsub"
      " googlecloudstorage honeycombmarker influxdb kafka logicmonitor logzio mezmo opensearch"
      " pulsar rabbitmq sematext sentry signalfx splunkhec stef sumologic syslog"
      " tencentcloudlogservice tinybird zipkin",
      false, DELIVERS },
    { COMPONENT_CONNECTOR, "spanmetrics servicegraph", false, SPANMETRICS },
    { COMPONENT_CONNECTOR,
      "routing roundrobin failover",
      false, "write a pipeline for each destination, and list an exporter in several of them" },
    { COMPONENT_CONNECTOR,
      "count datadog exceptions grafanacloud metricsaslogs otlpjson signaltometrics slowsql sum",
      false, METRICS },
    { COMPONENT_EXTENSION,
      "healthcheck healthcheckv2",
      false, "remove it; `otelcd healthcheck` asks a running otelcd" },
    { COMPONENT_EXTENSION, "zpages pprof remotetap", false, NO_NEED },
    { COMPONENT_EXTENSION, "memoryballast", true, "remove it; there is no garbage collector" },
    { COMPONENT_EXTENSION, "cgroupruntime", false, "remove it; the memory budget follows the memory there is" },
    { COMPONENT_EXTENSION,
      "apikeyauth asapauth basicauth bearertokenauth oidc",
      false, "let an authenticating proxy stand in front, and listen on localhost" },
    { COMPONENT_EXTENSION,
      "azureauth googleclientauth headerssetter oauth2client sigv4auth",
      false, "write the header into headers: of the exporter" },
    { COMPONENT_EXTENSION, "dbstorage redisstorage", false, "queues are kept by file_storage" },
    { COMPONENT_EXTENSION,
      "ack avrologencoding awslogsencoding awsproxy azureencoding cfgardenobserver datadog"
      " dockerobserver ecsobserver ecstaskobserver googlecloudlogentryencoding hostobserver"
      " httpforwarder jaegerencoding jaegerquery jaegerremotesampling jaegerstorage"
      " jsonlogencoding k8sleaderelector k8sobserver kafkatopicsobserver opamp opampcustom"
      " otlpencoding ratelimiter skywalkingencoding solarwindsapmsettings sumologic textencoding"
      " zipkinencoding",
      false, NULL },
};
/* clang-format on */

static const char *const by_kind[COMPONENT_KINDS] = {
    [COMPONENT_RECEIVER] = "let the services, or a Go collector that has it, send OTLP to otelcd",
    [COMPONENT_PROCESSOR] = "remove it, or let a Go collector in front of otelcd do it",
    [COMPONENT_EXPORTER] = DELIVERS,
    [COMPONENT_CONNECTOR] = "remove it, or let a Go collector in front of otelcd do it",
    [COMPONENT_EXTENSION] = "remove it",
};

/* "k8sattributes" and "k8s_attributes" are the same; `n` bytes of `type` count. */
static bool is_spelling_of(const char *written, const char *type, size_t n)
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

        if (is_spelling_of(written, types, n))
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
