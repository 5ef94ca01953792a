/* SPDX-License-Identifier: Apache-2.0 */
/* The rows, by the Go collector's keys, and its checks in its words. Keys of its client (franz-go) that librdkafka has
 * no counterpart for are refused with what to write instead. */
#include "exporter/kafka/kafka_exporter.h"

#include "otlp/metadata.h"

#include <stdio.h>
#include <string.h>

#define S struct kafka_signal_config
#define SIGNAL_ROWS(topic_)                                                                                            \
    OPT_STRING(S, topic, topic_, "Where records go that nothing else names a topic for."),                             \
        OPT_STRING(S, encoding, "otlp_proto",                                                                          \
                   "What a record's value is: otlp_proto or otlp_json, an export request; of logs also raw, the body " \
                   "of one log record; of traces also jaeger_proto and jaeger_json, one span, with its trace id as "   \
                   "the key, and zipkin_proto and zipkin_json, a list of spans (version 2)."),                         \
        OPT_STRING(S, topic_from_metadata_key, "",                                                                     \
                   "The client's metadata of this name says the topic, where there is some."),                         \
        OPT_STRING(S, message_key_from_metadata_key, "", "The client's metadata of this name is the record's key."),   \
        OPT_END

static const struct option traces_options[] = { SIGNAL_ROWS("otlp_spans") };
static const struct option metrics_options[] = { SIGNAL_ROWS("otlp_metrics") };
static const struct option logs_options[] = { SIGNAL_ROWS("otlp_logs") };
static const struct option profiles_options[] = { SIGNAL_ROWS("otlp_profiles") };
#undef S

static const struct option header_options[] = {
    OPT_STRING(struct kafka_record_header, name, NULL, "The header's name.", .required = true),
    OPT_STRING(struct kafka_record_header, value, "", "Its value."),
    OPT_END,
};

enum { HASHER_SARAMA, HASHER_MURMUR2 };
static const char *const hashers[] = { "sarama_compat", "murmur2", NULL };

static const struct option sticky_options[] = {
    OPT_ENUM(struct kafka_sticky_config, hasher, hashers, "sarama_compat",
             "Which partition a key goes to: as Sarama has it (FNV-1a), or as Kafka's own clients (murmur2)."),
    OPT_END,
};

static const struct option partitioner_options[] = {
    OPT_GROUP(struct kafka_partitioner_config, sticky_key, struct kafka_sticky_config, sticky_options, GROUP_PLAIN,
              "By the hash of the key; records without one go where the last one went, for a while."),
    OPT_REFUSED("round_robin", "records without a key are spread already: leave record_partitioner out"),
    OPT_REFUSED("least_backup", "records without a key are spread already: leave record_partitioner out"),
    OPT_REFUSED("extension", "there are no extensions for this: write sticky_key"),
    OPT_END,
};

static const struct option compression_options[] = {
    OPT_INT(struct kafka_compression_config, level, "-1", "-1", "22",
            "gzip 0 to 9, lz4 0 to 12, zstd 1 to 22; -1 is librdkafka's own choice."),
    OPT_END,
};

#define P struct kafka_producer_config
static const struct option producer_options[] = {
    OPT_UINT(P, max_message_bytes, "1000000", "2000", "1000000000",
             "The largest record before compression; what is larger goes in several, cut between items. The broker's "
             "message.max.bytes and the topic's max.message.bytes should not be less."),
    OPT_STRING(P, required_acks, "1",
               "When the broker answers: 0 never, 1 when the leader has the record, all (-1) when all replicas in sync "
               "have it; with all a record that is sent again by librdkafka is there once.",
               .scalar = true),
    OPT_STRING(P, compression, "none", "none, gzip, snappy, lz4 or zstd: of requests, by librdkafka."),
    OPT_GROUP(P, compression_params, struct kafka_compression_config, compression_options, GROUP_PLAIN,
              "How much to compress."),
    OPT_UINT(P, flush_max_messages, "10000", "1", "10000000", "Records that may wait in librdkafka for the brokers."),
    OPT_BOOL(P, allow_auto_topic_creation, "true", "May the brokers make topics that are not there?"),
    OPT_DURATION(P, linger, "10ms", "0s", "15m", "The longest that a record waits for others, to be sent together."),
    OPT_IGNORED("max_broker_write_bytes", "requests are as large as max_message_bytes, and so below any such limit"),
    OPT_END,
};
#undef P

/* clang-format off */
#define T struct kafka_exporter_config
const struct option kafka_exporter_options[] = {
    KAFKA_CLIENT_ROWS(T, client),
    OPT_DURATION(T, timeout, "5s", "0s", NULL,
                 "How long librdkafka tries to deliver a record; then the batch is tried again by retry_on_failure. 0s: "
                 "for ever."),
    KAFKA_SIGNAL_ROWS(T, signals, struct kafka_signal_config, "Topic and form of its records.", "topic: ..."),
    OPT_STRING(T, topic_from_attribute, "",
               "The resource attribute of this name says the topic, where there is one: each resource is a record of "
               "its own then."),
    OPT_STRINGS(T, include_metadata_keys, "[]", "The clients' metadata of these names become headers of records."),
    OPT_LIST(T, record_headers, struct kafka_record_header, header_options, "Headers of every record, in this order."),
    OPT_BOOL(T, partition_traces_by_id, "false", "A record is of one trace, and its key the trace id."),
    OPT_BOOL(T, partition_metrics_by_resource_attributes, "false",
             "A record is of one resource, and its key a hash of the attributes, the same as the Go collector's."),
    OPT_BOOL(T, partition_logs_by_resource_attributes, "false", "The same for logs."),
    OPT_BOOL(T, partition_logs_by_trace_id, "false",
             "A record of logs is of one trace, and its key the trace id; log records without one have no key."),
    OPT_GROUP(T, record_partitioner, struct kafka_partitioner_config, partitioner_options, GROUP_PLAIN,
              "Which partition of its topic a record goes to."),
    OPT_GROUP(T, producer, struct kafka_producer_config, producer_options, GROUP_PLAIN, "How records are sent."),
    DELIVERY_ROWS(T, "The queue in front of the brokers. Without it (enabled: false) senders wait for the brokers' answer."),
    OPT_END,
};
#undef T
/* clang-format on */

const char *kafka_acks(const char *required_acks)
{
    static const char *const known[][2] = { { "0", "0" }, { "1", "1" }, { "-1", "all" }, { "all", "all" } };

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strcmp(known[i][0], required_acks) == 0)
            return known[i][1];
    return NULL;
}

const char *kafka_exporter_topic(const struct kafka_exporter_config *c, enum signal signal)
{
    static const char *const usual[SIGNAL_COUNT] = { "otlp_spans", "otlp_metrics", "otlp_logs", "otlp_profiles" };
    const char *own = c->signals[signal].topic;

    return c->topic[0] != '\0' && strcmp(own, usual[signal]) == 0 ? c->topic : own;
}

static const char *encoding_name(const struct kafka_exporter_config *c, enum signal signal)
{
    const char *own = c->signals[signal].encoding;

    return c->encoding[0] != '\0' && strcmp(own, "otlp_proto") == 0 ? c->encoding : own;
}

enum kafka_encoding kafka_exporter_encoding(const struct kafka_exporter_config *c, enum signal signal)
{
    static const struct {
        const char *name;
        unsigned signals;
    } rows[] = {
        [KAFKA_OTLP_PROTO] = { "otlp_proto", SIGNAL_ALL },
        [KAFKA_OTLP_JSON] = { "otlp_json", SIGNAL_ALL },
        [KAFKA_RAW] = { "raw", SIGNAL_BIT(SIGNAL_LOGS) },
        [KAFKA_JAEGER_PROTO] = { "jaeger_proto", SIGNAL_BIT(SIGNAL_TRACES) },
        [KAFKA_JAEGER_JSON] = { "jaeger_json", SIGNAL_BIT(SIGNAL_TRACES) },
        [KAFKA_ZIPKIN_PROTO] = { "zipkin_proto", SIGNAL_BIT(SIGNAL_TRACES) },
        [KAFKA_ZIPKIN_JSON] = { "zipkin_json", SIGNAL_BIT(SIGNAL_TRACES) },
    };
    const char *name = encoding_name(c, signal);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcmp(name, rows[i].name) == 0 && (rows[i].signals & SIGNAL_BIT(signal)))
            return (enum kafka_encoding)i;
    return KAFKA_NO_ENCODING;
}

static void fail_encoding(const struct kafka_exporter_config *c, enum signal signal, const char *path, struct check *ck)
{
    static const char *const more[SIGNAL_COUNT] = {
        [SIGNAL_TRACES] = ", jaeger_proto, jaeger_json, zipkin_proto or zipkin_json",
        [SIGNAL_LOGS] = " or raw",
    };

    check_fail(ck, path, "unrecognized %s encoding \"%s\": write otlp_proto%s otlp_json%s", signal_table[signal].name,
               encoding_name(c, signal), more[signal] != NULL ? "," : " or", more[signal] != NULL ? more[signal] : "");
}

static void check_level(const struct kafka_producer_config *p, struct check *ck)
{
    static const struct {
        const char *name;
        int64_t least, most;
    } codings[] = { { "gzip", 0, 9 }, { "lz4", 0, 12 }, { "zstd", 1, 22 }, { "snappy", 0, 0 }, { "none", 0, 0 } };
    int64_t level = p->compression_params.level;

    for (size_t i = 0; i < ARRAY_LEN(codings); i++) {
        if (strcmp(codings[i].name, p->compression) != 0)
            continue;
        if (level != -1 && (level < codings[i].least || level > codings[i].most))
            check_fail(ck, "producer::compression_params::level",
                       "unsupported parameters {Level:%lld} for compression type \"%s\": write %lld to %lld, or leave "
                       "it out",
                       (long long)level, p->compression, (long long)codings[i].least, (long long)codings[i].most);
        return;
    }
    check_fail(ck, "producer::compression",
               "compression should be one of 'none', 'gzip', 'snappy', 'lz4', or 'zstd'. configured value is \"%s\"",
               p->compression);
}

static bool is_among(const struct strings *list, const char *s)
{
    for (size_t i = 0; i < list->n; i++)
        if (bytes_equal_nocase(bytes_str(list->v[i]), bytes_str(s)))
            return true;
    return false;
}

/* Batches that are merged have one client's metadata only where that is a key of the partition. */
static void check_batch_keys(const struct kafka_exporter_config *c, struct check *ck)
{
    const struct strings *keys = &c->delivery.sending_queue.batch.partition.metadata_keys;

    if (!c->delivery.sending_queue.on || !c->delivery.sending_queue.batch.on)
        return;
    for (size_t i = 0; i < c->include_metadata_keys.n; i++)
        if (!is_among(keys, c->include_metadata_keys.v[i]))
            check_fail(ck, "sending_queue::batch::partition::metadata_keys",
                       "sending_queue::batch::partition::metadata_keys must include all include_metadata_keys values: "
                       "missing \"%s\"",
                       c->include_metadata_keys.v[i]);
    for (int s = 0; s < SIGNAL_COUNT; s++) {
        const char *from[] = { c->signals[s].topic_from_metadata_key, c->signals[s].message_key_from_metadata_key };
        const char *names[] = { "topic_from_metadata_key", "message_key_from_metadata_key" };

        for (size_t i = 0; i < ARRAY_LEN(from); i++)
            if (from[i][0] != '\0' && !is_among(keys, from[i]))
                check_fail(
                    ck, "sending_queue::batch::partition::metadata_keys",
                    "%s::%s: %s must be present in sending_queue::batch::partition::metadata_keys if batching is "
                    "enabled: add \"%s\"",
                    signal_table[s].name, names[i], names[i], from[i]);
    }
}

static void check_signal(const struct kafka_exporter_config *c, enum signal signal, struct check *ck)
{
    static const char *const partitions[SIGNAL_COUNT][2] = {
        { "partition_traces_by_id", NULL },
        { "partition_metrics_by_resource_attributes", NULL },
        { "partition_logs_by_resource_attributes", "partition_logs_by_trace_id" },
    };
    const bool on[SIGNAL_COUNT][2] = {
        { c->partition_traces_by_id },
        { c->partition_metrics_by_resource_attributes },
        { c->partition_logs_by_resource_attributes, c->partition_logs_by_trace_id },
    };
    const char *name = signal_table[signal].name;
    char path[64];

    snprintf(path, sizeof(path), "%s::topic", name);
    if (!kafka_topic_is_valid(kafka_exporter_topic(c, signal)))
        check_fail(ck, path, "\"%s\" is no topic: letters, digits, dots, dashes and underscores, 249 at most",
                   kafka_exporter_topic(c, signal));
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s::message_key_from_metadata_key", name);
        if (on[signal][i] && c->signals[signal].message_key_from_metadata_key[0] != '\0')
            check_fail(ck, path, "%s cannot be combined with %s", path, partitions[signal][i]);
    }
    snprintf(path, sizeof(path), "%s::encoding", name);
    if (c->signals[signal].encoding[0] != '\0' && check_was_set(ck, path) &&
        kafka_exporter_encoding(c, signal) == KAFKA_NO_ENCODING)
        fail_encoding(c, signal, path, ck);
}

void kafka_exporter_check(const void *config, struct check *ck)
{
    const struct kafka_exporter_config *c = config;

    kafka_client_check(&c->client, ck);
    for (int s = 0; s < SIGNAL_COUNT; s++)
        check_signal(c, (enum signal)s, ck);
    if (c->partition_logs_by_resource_attributes && c->partition_logs_by_trace_id)
        check_fail(ck, "partition_logs_by_trace_id",
                   "partition_logs_by_resource_attributes and partition_logs_by_trace_id cannot both be enabled");
    if (kafka_acks(c->producer.required_acks) == NULL)
        check_fail(ck, "producer::required_acks", "takes all (-1), 0 or 1; it is %s", c->producer.required_acks);
    if (c->timeout.ns > 0 && c->timeout.ns <= c->producer.linger.ns)
        check_fail(ck, "producer::linger", "linger must be less than timeout");
    check_level(&c->producer, ck);
    metadata_check(&c->include_metadata_keys, "include_metadata_keys", ck);
    sending_queue_check(&c->delivery.sending_queue, ck);
    check_batch_keys(c, ck);
    retry_check(&c->delivery.retry_on_failure, "retry_on_failure", ck);
}

void kafka_exporter_check_use(const void *config, enum signal signal, struct check *ck)
{
    const struct kafka_exporter_config *c = config;
    struct error err = { 0 };

    if (kafka_library(&err) == NULL)
        check_fail(ck, "", "%s", err.text);
    if (kafka_exporter_encoding(c, signal) == KAFKA_NO_ENCODING)
        fail_encoding(c, signal, c->encoding[0] != '\0' ? "encoding" : "", ck);
    if (signal == SIGNAL_PROFILES && c->topic_from_attribute[0] != '\0')
        check_fail(ck, "topic_from_attribute",
                   "profiles are not cut by resource, so their topic cannot be one's: use an exporter of their own");
}
