/* SPDX-License-Identifier: Apache-2.0 */
/* The options that the Kafka exporter and receiver share, under the Go collector's keys: which brokers, and how they
 * are spoken to. Keys without a meaning for librdkafka are refused by name. */
#ifndef KAFKA_CLIENT_ROWS_H
#define KAFKA_CLIENT_ROWS_H

#include "config/tls_rows.h"

struct kafka_sasl_config {
    bool on;
    const char *mechanism; /* as written */
    const char *username;
    struct secret password;
    const char *oauthbearer_token_source; /* an extension's id */
};

struct kafka_plain_config {
    bool on;
    const char *username;
    struct secret password;
};

struct kafka_auth_config {
    struct kafka_sasl_config sasl;
    struct kafka_plain_config plain_text;
    struct tls_config tls;
};

struct kafka_metadata_config {
    duration refresh_interval;
};

struct kafka_client_config {
    struct strings brokers;
    const char *protocol_version, *client_id, *rack_id;
    duration conn_idle_timeout;
    struct kafka_metadata_config metadata;
    struct tls_config tls;
    struct kafka_auth_config auth;
};

extern const struct option kafka_auth_options[], kafka_metadata_options[];

/* Set by hand: clang-format takes the braces of an initialiser for those of a block. */
/* clang-format off */
#define KAFKA_CLIENT_ROWS(T, m)                                                                                       \
    { .key = "brokers", .kind = OPTION_STRINGS, .offset = OPT_FIELD(T, m.brokers, struct strings),                    \
      .def = "[localhost:9092]", .help = "Where to begin: host:port of some brokers. The others are learnt of them." },  \
    { .key = "protocol_version", .kind = OPTION_STRING, .offset = OPT_FIELD(T, m.protocol_version, const char *),     \
      .def = "", .scalar = true,                                                                                      \
      .help = "What to take a broker for that does not say its version (older than 0.10). Newer ones are asked." },   \
    { .key = "client_id", .kind = OPTION_STRING, .offset = OPT_FIELD(T, m.client_id, const char *),                   \
      .def = "otel-collector", .help = "What the brokers' logs, quotas and metrics know us by." },                    \
    { .key = "rack_id", .kind = OPTION_STRING, .offset = OPT_FIELD(T, m.rack_id, const char *), .def = "",            \
      .help = "Our rack or zone: a receiver reads from a replica there where the brokers allow it." },                \
    { .key = "conn_idle_timeout", .kind = OPTION_DURATION, .offset = OPT_FIELD(T, m.conn_idle_timeout, duration),     \
      .def = "9m", .help = "Connections that are not used for so long are closed." },                                 \
    { .key = "metadata", .kind = OPTION_GROUP, .offset = OPT_FIELD(T, m.metadata, struct kafka_metadata_config),      \
      .options = kafka_metadata_options, .size = sizeof(struct kafka_metadata_config), .mode = GROUP_PLAIN,           \
      .help = "What is asked of the brokers about topics and their leaders." },                                       \
    { .key = "tls", .kind = OPTION_GROUP, .offset = OPT_FIELD(T, m.tls, struct tls_config),                           \
      .options = tls_client_options, .size = sizeof(struct tls_config), .mode = GROUP_NONE,                           \
      .help = "TLS to the brokers; `tls: {}` trusts the CAs of this machine. Without the block: plain text." },       \
    { .key = "auth", .kind = OPTION_GROUP, .offset = OPT_FIELD(T, m.auth, struct kafka_auth_config),                  \
      .options = kafka_auth_options, .size = sizeof(struct kafka_auth_config), .mode = GROUP_PLAIN,                   \
      .help = "Who we are for the brokers." },                                                                        \
    OPT_IGNORED("resolve_canonical_bootstrap_servers_only", "names are looked up as they are written"),                 \
    OPT_IGNORED("use_leader_epoch", "leader epochs are used where the brokers have them")

/* `config_ m[SIGNAL_COUNT]` inside struct T, each with rows of its own; and the old keys of all signals, which are
 * `topic` and `encoding` of struct T. `topic_` is how a topic is written below a signal. */
#define KAFKA_SIGNAL_GROUP(T, m, config_, name_, signal_, help_)                                                      \
    { .key = #name_, .kind = OPTION_GROUP, .offset = OPT_FIELD(T, m[signal_], config_), .options = name_##_options,   \
      .size = sizeof(config_), .mode = GROUP_PLAIN, .help = (help_) }
#define KAFKA_OLD_ROW(T, f, written_)                                                                                 \
    OPT_STRING(T, f, "", "The " #f " of all signals.",                                                                \
               .deprecated = "the Go collector has no " #f " here any more: write it for each signal, as traces: {"   \
                             written_ "}")
#define KAFKA_SIGNAL_ROWS(T, m, config_, help_, topic_)                                                               \
    KAFKA_SIGNAL_GROUP(T, m, config_, traces, SIGNAL_TRACES, help_),                                                  \
    KAFKA_SIGNAL_GROUP(T, m, config_, metrics, SIGNAL_METRICS, help_),                                                \
    KAFKA_SIGNAL_GROUP(T, m, config_, logs, SIGNAL_LOGS, help_),                                                      \
    KAFKA_SIGNAL_GROUP(T, m, config_, profiles, SIGNAL_PROFILES, help_),                                              \
    KAFKA_OLD_ROW(T, topic, topic_), KAFKA_OLD_ROW(T, encoding, "encoding: ...")
/* clang-format on */

/* What the rows cannot say, beside that librdkafka is there. */
void kafka_client_check(const struct kafka_client_config *c, struct check *ck);

/* Which block counts, and whether there is one. */
const struct tls_config *kafka_client_tls(const struct kafka_client_config *c);
bool kafka_client_is_secure(const struct kafka_client_config *c);

/* No wildcards and no strangers' letters; what Kafka allows in a topic's name. */
bool kafka_topic_is_valid(const char *topic);

#endif
