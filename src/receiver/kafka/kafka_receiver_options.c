/* SPDX-License-Identifier: Apache-2.0 */
/* The rows, by the Go collector's keys. What it marks when is not asked here: an offset is committed when all up to it
 * is safe, whatever `autocommit` and `message_marking::after` say; only what may be skipped is the user's choice. */
#include "receiver/kafka/kafka_receiver.h"

#include <stdio.h>
#include <string.h>

#define S struct kafka_source_config
#define SOURCE_ROWS(topics_)                                                                                           \
    OPT_STRINGS(S, topics, topics_, "What is read. A name that begins with ^ is a pattern of names."),                 \
        OPT_STRINGS(S, exclude_topics, "[]", "Patterns of names, each beginning with ^, that are not read."),          \
        OPT_STRING(S, topic, "", "The topic.", .deprecated = "write topics: [...]"),                                   \
        OPT_STRING(                                                                                                    \
            S, encoding, "otlp_proto",                                                                                 \
            "What the value of a record is: otlp_proto or otlp_json, an export request; in logs also text, "           \
            "raw (bytes) and json (an object), the body of one log record; in traces also jaeger_proto and "           \
            "jaeger_json, a span, zipkin_proto and zipkin_json, a list of spans (version 2), and zipkin_thrift, a "    \
            "list of spans of version 1."),                                                                            \
        OPT_END

static const struct option traces_options[] = { SOURCE_ROWS("[otlp_spans]") };
static const struct option metrics_options[] = { SOURCE_ROWS("[otlp_metrics]") };
static const struct option logs_options[] = { SOURCE_ROWS("[otlp_logs]") };
static const struct option profiles_options[] = { SOURCE_ROWS("[otlp_profiles]") };
#undef S

static const char *const initial_offsets[] = { "latest", "earliest", NULL };

static const struct option autocommit_options[] = {
    OPT_BOOL(
        struct kafka_autocommit_config, enable, "true",
        "Only what is safe is ever committed. true: every interval; false: as soon as it is, every 100 ms at most."),
    OPT_DURATION(struct kafka_autocommit_config, interval, "1s", "10ms", "1h", "How often offsets are committed."),
    OPT_END,
};

static const struct option marking_options[] = {
    OPT_BOOL(struct kafka_marking_config, after, "true", "Offsets are always committed after: false is not served."),
    OPT_BOOL(struct kafka_marking_config, on_error, "false",
             "Skip a record that the pipeline refuses for now, when error_backoff has run out. Otherwise it is sent "
             "again until it is taken."),
    OPT_BOOL(struct kafka_marking_config, on_permanent_error, "true",
             "Skip a record that cannot be decoded, or that the pipeline refuses for good; it is counted and named. "
             "false: its partition stops there until otelcd is restarted or gets it anew."),
    OPT_END,
};

static const struct option extraction_options[] = {
    OPT_BOOL(struct kafka_extraction_config, extract_headers, "false",
             "Make headers of records attributes of resources, as kafka.header.NAME."),
    OPT_STRINGS(struct kafka_extraction_config, headers, "[]", "Which; of one that comes twice the first."),
    OPT_END,
};

#define B struct retry_config
static const struct option backoff_options[] = {
    OPT_BOOL(B, enabled, "false",
             "With message_marking::on_error: try again for a while before a record is skipped. Otherwise it is tried "
             "again in any case."),
    OPT_DURATION(B, initial_interval, "1s", "1ms", NULL, "Wait before the second try."),
    OPT_DURATION(B, max_interval, "30s", "1ms", NULL, "Waits grow no longer than this."),
    OPT_DOUBLE(B, multiplier, "1.5", "1", NULL, "How much longer each wait is than the last."),
    OPT_DOUBLE(B, randomization_factor, "0.5", "0", "1", "Each wait is longer or shorter by up to this share."),
    OPT_DURATION(B, max_elapsed_time, "5m", "0s", NULL,
                 "With on_error: skip the record after this time; 0s never does."),
    OPT_END,
};
#undef B

/* clang-format off */
#define T struct kafka_receiver_config
const struct option kafka_receiver_options[] = {
    KAFKA_CLIENT_ROWS(T, client),
    KAFKA_SIGNAL_ROWS(T, signals, struct kafka_source_config, "What is read for it, and in which form.",
                      "topics: [...]"),
    OPT_STRING(T, group_id, "otel-collector",
               "The consumer group. Those of one group share the partitions, and each record goes to one of them."),
    OPT_STRING(T, group_instance_id, "",
               "A name of this member that stays over restarts, so that a short one moves no partitions. With "
               "service::workers that of the first; the second has -2 behind it, and so on."),
    OPT_ENUM(T, initial_offset, initial_offsets, "latest",
             "Where a group begins that has committed nothing yet: latest or earliest."),
    OPT_DURATION(T, session_timeout, "10s", "1s", "1h", "A member that is not heard of for so long is out of the group."),
    OPT_DURATION(T, heartbeat_interval, "3s", "100ms", "1h", "How often a member says that it is there."),
    OPT_STRINGS(T, group_rebalance_strategies, "[]",
                "How partitions are shared out: cooperative-sticky (by itself; the default, with librdkafka 2.3.0 and newer), or "
                "range and roundrobin (the default with older ones)."),
    OPT_STRING(T, group_rebalance_strategy, "", "One of them.", .deprecated = "write group_rebalance_strategies: [...]"),
    OPT_UINT(T, min_fetch_size, "1", "1", "100000000", "Bytes that a broker waits for before it answers."),
    OPT_UINT(T, max_fetch_size, "1048576", "1024", "2147483135",
             "The most bytes of one answer, compressed; a larger record comes all the same."),
    OPT_UINT(T, max_partition_fetch_size, "1048576", "1024", "1000000000", "The same of one partition."),
    OPT_DURATION(T, max_fetch_wait, "250ms", "1ms", "5m", "How long a broker waits for min_fetch_size."),
    OPT_GROUP(T, autocommit, struct kafka_autocommit_config, autocommit_options, GROUP_PLAIN,
              "When offsets of what is safe are committed."),
    OPT_GROUP(T, message_marking, struct kafka_marking_config, marking_options, GROUP_PLAIN, "What may be skipped."),
    OPT_GROUP(T, header_extraction, struct kafka_extraction_config, extraction_options, GROUP_PLAIN,
              "Headers of records as attributes."),
    OPT_GROUP(T, error_backoff, struct retry_config, backoff_options, GROUP_PLAIN,
              "When a record goes again that the pipeline refused for now."),
    OPT_REFUSED("default_fetch_size", "it is called max_partition_fetch_size now"),
    OPT_IGNORED("telemetry", "the lag of each partition is in otelcd_receiver_kafka_lag_messages"),
    OPT_END,
};
#undef T
/* clang-format on */

/* ---- the old keys ---- */

static const char *one_topic(const struct kafka_receiver_config *c, enum signal signal)
{
    static const char *const usual[SIGNAL_COUNT] = { "otlp_spans", "otlp_metrics", "otlp_logs", "otlp_profiles" };
    const struct kafka_source_config *s = &c->signals[signal];

    if (s->topic[0] != '\0')
        return s->topic;
    return c->topic[0] != '\0' && s->topics.n == 1 && strcmp(s->topics.v[0], usual[signal]) == 0 ? c->topic : NULL;
}

size_t kafka_receiver_topics(const struct kafka_receiver_config *c, enum signal signal)
{
    return one_topic(c, signal) != NULL ? 1 : c->signals[signal].topics.n;
}

const char *kafka_receiver_topic(const struct kafka_receiver_config *c, enum signal signal, size_t i)
{
    const char *one = one_topic(c, signal);

    return one != NULL ? one : c->signals[signal].topics.v[i];
}

static const char *encoding_name(const struct kafka_receiver_config *c, enum signal signal)
{
    const char *own = c->signals[signal].encoding;

    return c->encoding[0] != '\0' && strcmp(own, "otlp_proto") == 0 ? c->encoding : own;
}

static void fail_encoding(const struct kafka_receiver_config *c, enum signal signal, const char *path, struct check *ck)
{
    static const char *const more[SIGNAL_COUNT] = {
        [SIGNAL_TRACES] = ", jaeger_proto, jaeger_json, zipkin_proto, zipkin_json or zipkin_thrift",
        [SIGNAL_LOGS] = ", text, raw or json",
    };
    const char *name = encoding_name(c, signal);

    check_fail(ck, path, "unrecognized %s encoding \"%s\": write otlp_proto%s otlp_json%s", signal_table[signal].name,
               name, more[signal] != NULL ? "," : " or", more[signal] != NULL ? more[signal] : "");
}

enum kafka_reading kafka_receiver_reading(const struct kafka_receiver_config *c, enum signal signal)
{
    return kafka_reading_of(encoding_name(c, signal), signal);
}

/* Before, a consumer that is closed before its first assignment ends the process (an assertion of its assignor). */
#define STICKY_SINCE 0x02030000

static bool has_sticky(void)
{
    const struct kafka_library *lib = kafka_library(NULL);

    return lib == NULL || lib->rd_kafka_version() >= STICKY_SINCE;
}

const char *kafka_receiver_strategies(const struct kafka_receiver_config *c, char *text, size_t size)
{
    static const char *const known[] = { "range", "roundrobin", "cooperative-sticky" };
    struct strings list = c->group_rebalance_strategies;
    const char *one[] = { c->group_rebalance_strategy };
    size_t len = 0;

    if (list.n == 0 && one[0][0] != '\0')
        list = (struct strings){ one, 1 };
    snprintf(text, size, "%s", has_sticky() ? "cooperative-sticky" : "range,roundrobin");
    for (size_t i = 0; i < list.n; i++) {
        bool good = false;

        for (size_t k = 0; k < ARRAY_LEN(known); k++)
            good = good || strcmp(known[k], list.v[i]) == 0;
        if (!good || len + strlen(list.v[i]) + 2 > size || (list.n > 1 && strcmp(list.v[i], known[2]) == 0))
            return NULL;
        len += (size_t)snprintf(text + len, size - len, "%s%s", i > 0 ? "," : "", list.v[i]);
    }
    return text;
}

/* ---- checks ---- */

static void check_source(const struct kafka_receiver_config *c, enum signal signal, struct check *ck)
{
    const struct kafka_source_config *s = &c->signals[signal];
    const char *name = signal_table[signal].name;
    bool pattern = false;
    char path[64];

    snprintf(path, sizeof(path), "%s::topics", name);
    if (kafka_receiver_topics(c, signal) == 0)
        check_fail(ck, path, "topics must be specified");
    for (size_t i = 0; i < kafka_receiver_topics(c, signal); i++) {
        const char *topic = kafka_receiver_topic(c, signal, i);

        pattern = pattern || topic[0] == '^';
        if (topic[0] != '^' && !kafka_topic_is_valid(topic))
            check_fail(ck, path, "\"%s\" is no topic: letters, digits, dots, dashes and underscores, 249 at most",
                       topic);
    }
    snprintf(path, sizeof(path), "%s::exclude_topics", name);
    if (s->exclude_topics.n > 0 && !pattern)
        check_fail(ck, path,
                   "%s.exclude_topics is configured but none of the configured %s.topics use regex pattern (must start "
                   "with '^')",
                   name, name);
    for (size_t i = 0; i < s->exclude_topics.n; i++)
        if (s->exclude_topics.v[i][0] != '^' || strchr(s->exclude_topics.v[i], ',') != NULL)
            check_fail(ck, path, "\"%s\" has to begin with ^ and to be without a comma", s->exclude_topics.v[i]);
    snprintf(path, sizeof(path), "%s::encoding", name);
    if (check_was_set(ck, path) && kafka_receiver_reading(c, signal) == KAFKA_READINGS)
        fail_encoding(c, signal, path, ck);
}

void kafka_receiver_check(const void *config, struct check *ck)
{
    const struct kafka_receiver_config *c = config;
    char text[128];

    kafka_client_check(&c->client, ck);
    for (int s = 0; s < SIGNAL_COUNT; s++)
        check_source(c, (enum signal)s, ck);
    if (c->group_id[0] == '\0')
        check_fail(ck, "group_id", "a group is needed: its offsets say what is safe");
    if (c->session_timeout.ns <= c->heartbeat_interval.ns)
        check_fail(ck, "heartbeat_interval", "heartbeat_interval must be less than session_timeout");
    if (kafka_receiver_strategies(c, text, sizeof(text)) == NULL)
        check_fail(ck, c->group_rebalance_strategies.n > 0 ? "group_rebalance_strategies" : "group_rebalance_strategy",
                   "librdkafka has cooperative-sticky, which stands alone, and range and roundrobin: write these");
    if (!c->message_marking.after)
        check_fail(ck, "message_marking::after",
                   "an offset is committed only when its record is safe: remove this, or write true");
    if (c->header_extraction.extract_headers && c->header_extraction.headers.n == 0)
        check_fail(ck, "header_extraction::headers", "name the headers that become attributes");
}

void kafka_receiver_check_use(const void *config, enum signal signal, struct check *ck)
{
    const struct kafka_receiver_config *c = config;
    char text[128];
    const char *strategies = kafka_receiver_strategies(c, text, sizeof(text));
    struct error err = { 0 };

    if (kafka_library(&err) == NULL)
        check_fail(ck, "", "%s", err.text);
    if (strategies != NULL && strcmp(strategies, "cooperative-sticky") == 0 && !has_sticky())
        check_fail(ck, c->group_rebalance_strategies.n > 0 ? "group_rebalance_strategies" : "group_rebalance_strategy",
                   "with cooperative-sticky librdkafka %s can end otelcd when it stops while a group forms: write "
                   "[range, roundrobin], or install librdkafka 2.3.0",
                   kafka_library(NULL)->rd_kafka_version_str());
    if (kafka_receiver_reading(c, signal) == KAFKA_READINGS && c->encoding[0] != '\0')
        fail_encoding(c, signal, "encoding", ck);
}
