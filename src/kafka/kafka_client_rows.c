/* SPDX-License-Identifier: Apache-2.0 */
/* Rows and checks, in the words of the Go collector where it has some. Its client is another one than librdkafka: what
 * only that one can do is refused here, so that no key is read and forgotten. */
#include "kafka/kafka_client_rows.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "kafka/kafka_library.h"
#include "net/socket/tls.h"

#include <stdio.h>
#include <string.h>

#define SCRAM_SINCE 0x02060100

static const struct option sasl_options[] = {
    OPT_STRING(struct kafka_sasl_config, mechanism, "",
               "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, or OAUTHBEARER with oauthbearer_token_source. SCRAM needs "
               "librdkafka 2.6.1 or newer for Kafka 3.8.0 and 4.x, which refuse a mistake of older ones (Debian 12 has "
               "2.0.2) as \"invalid credentials\": use PLAIN over tls there, or a client's certificate."),
    OPT_STRING(struct kafka_sasl_config, username, "", "Of PLAIN and SCRAM."),
    OPT_SECRET(struct kafka_sasl_config, password, "Of PLAIN and SCRAM."),
    OPT_EXTENSION(struct kafka_sasl_config, oauthbearer_token_source, CAPABILITY_AUTH_CLIENT,
                  "The id of an oauth2client or bearertokenauth extension, whose token it is."),
    OPT_IGNORED("version", "the handshake is the newest that the broker knows"),
    OPT_REFUSED("aws_msk", "tokens of AWS are not made here: use SCRAM-SHA-512, which MSK has too"),
    OPT_END,
};

static const struct option plain_options[] = {
    OPT_STRING(struct kafka_plain_config, username, "", "The user."),
    OPT_SECRET(struct kafka_plain_config, password, "The password."),
    OPT_END,
};

const struct option kafka_auth_options[] = {
    OPT_GROUP(struct kafka_auth_config, sasl, struct kafka_sasl_config, sasl_options, GROUP_NONE,
              "By SASL. Passwords go as they are with PLAIN: use tls."),
    OPT_GROUP(struct kafka_auth_config, plain_text, struct kafka_plain_config, plain_options, GROUP_NONE, "SASL PLAIN.",
              .deprecated = "write auth::sasl with mechanism: PLAIN"),
    OPT_GROUP(struct kafka_auth_config, tls, struct tls_config, tls_client_options, GROUP_NONE, "As `tls`.",
              .deprecated = "write tls beside auth"),
    OPT_REFUSED("kerberos",
                "Kerberos needs a program (kinit) to be run again and again, and otelcd runs none: use sasl "
                "with SCRAM-SHA-512, or client certificates under tls"),
    OPT_END,
};

const struct option kafka_metadata_options[] = {
    OPT_DURATION(struct kafka_metadata_config, refresh_interval, "10m", "1s", "1h",
                 "Ask the brokers about topics and leaders this often, beside when something goes wrong."),
    OPT_IGNORED("full", "only what is used is asked for"),
    OPT_IGNORED("retry", "librdkafka asks again by its own back-off"),
    OPT_END,
};

const struct tls_config *kafka_client_tls(const struct kafka_client_config *c)
{
    return c->tls.on ? &c->tls : &c->auth.tls;
}

bool kafka_client_is_secure(const struct kafka_client_config *c)
{
    const struct tls_config *tls = kafka_client_tls(c);

    return tls->on && !tls_config_is_plain(tls);
}

bool kafka_topic_is_valid(const char *topic)
{
    size_t n = strspn(topic, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_");

    return n > 0 && n <= 249 && topic[n] == '\0' && strcmp(topic, ".") != 0 && strcmp(topic, "..") != 0;
}

/* What librdkafka cannot be told. */
static void check_tls(const struct kafka_client_config *c, struct check *ck)
{
    static const struct {
        const char *key, *instead;
    } rows[] = {
        { "server_name_override", "certificates are checked for the name that the broker is reached by: put it into "
                                  "the brokers' advertised.listeners" },
        { "min_version", "OpenSSL's own configuration says which versions are spoken" },
        { "max_version", "OpenSSL's own configuration says which versions are spoken" },
        { "cipher_suites", "OpenSSL's own configuration says which suites are used" },
        { "curve_preferences", "OpenSSL's own configuration says which curves are used" },
        { "include_system_ca_certs_pool", "put all CAs into ca_file, or leave it out" },
        { "tpm", "put the key into key_file: librdkafka knows of no TPM" },
        { "reload_interval", "librdkafka reads the files once: restart otelcd after they change" },
    };
    const char *block = c->tls.on ? "tls" : "auth::tls";

    if (!kafka_client_tls(c)->on)
        return;
    tls_check(kafka_client_tls(c), TLS_CLIENT, block, ck);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char path[64];

        snprintf(path, sizeof(path), "%s::%s", block, rows[i].key);
        if (check_was_set(ck, path))
            check_fail(ck, path, "%s is not served for Kafka: %s; remove it", rows[i].key, rows[i].instead);
    }
}

static void check_user(const char *username, const struct secret *password, const char *block, struct check *ck)
{
    char path[64];

    snprintf(path, sizeof(path), "auth::%s::username", block);
    if (username[0] == '\0')
        check_fail(ck, path, "username is required");
    snprintf(path, sizeof(path), "auth::%s::password", block);
    if (password->text == NULL || password->text[0] == '\0')
        check_fail(ck, path, "password is required");
}

/* Older ones put the client's nonce into their last message twice; brokers of some versions forgive that. */
static void warn_of_scram(struct check *ck)
{
    const struct kafka_library *lib = kafka_library(NULL);

    if (lib != NULL && lib->rd_kafka_version() < SCRAM_SINCE)
        check_warn(
            ck, "auth::sasl::mechanism",
            "librdkafka %s makes a mistake in SCRAM for which Kafka 3.8.0 and 4.x say \"invalid credentials\": use "
            "2.6.1 or newer there, or PLAIN over tls",
            lib->rd_kafka_version_str());
}

static void check_sasl(const struct kafka_sasl_config *s, struct check *ck)
{
    static const char *const with_password[] = { "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512" };

    for (size_t i = 0; i < ARRAY_LEN(with_password); i++)
        if (strcmp(s->mechanism, with_password[i]) == 0) {
            check_user(s->username, &s->password, "sasl", ck);
            if (i > 0)
                warn_of_scram(ck);
            return;
        }
    if (strcmp(s->mechanism, "OAUTHBEARER") == 0) {
        if (s->oauthbearer_token_source[0] == '\0')
            check_fail(ck, "auth::sasl::oauthbearer_token_source",
                       "oauth2authclient extension is required: name an oauth2client or bearertokenauth extension");
        return;
    }
    if (strcmp(s->mechanism, "AWS_MSK_IAM_OAUTHBEARER") == 0)
        check_fail(ck, "auth::sasl::mechanism", "tokens of AWS are not made here: write SCRAM-SHA-512, which MSK has");
    else
        check_fail(ck, "auth::sasl::mechanism",
                   "mechanism should be one of 'PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512' or 'OAUTHBEARER'. configured "
                   "value %s",
                   s->mechanism);
}

static bool is_version(const char *s)
{
    unsigned dots = 0;

    for (const char *p = s; *p != '\0'; p++)
        if (*p == '.' && p > s && p[-1] != '.' && p[1] != '\0')
            dots++;
        else if (*p < '0' || *p > '9')
            return false;
    return dots >= 1 && dots <= 3;
}

void kafka_client_check(const struct kafka_client_config *c, struct check *ck)
{
    if (c->brokers.n == 0)
        check_fail(ck, "brokers", "brokers must be specified");
    for (size_t i = 0; i < c->brokers.n; i++)
        if (c->brokers.v[i][0] == '\0' || strchr(c->brokers.v[i], ' ') != NULL || strstr(c->brokers.v[i], "//") != NULL)
            check_fail(ck, "brokers", "\"%s\" is no broker: write host:port", c->brokers.v[i]);
    if (c->protocol_version[0] != '\0' && !is_version(c->protocol_version))
        check_fail(ck, "protocol_version",
                   "invalid protocol version: \"%s\": write a release such as 2.0.0, or nothing", c->protocol_version);
    if (c->conn_idle_timeout.ns <= 0)
        check_fail(ck, "conn_idle_timeout", "conn_idle_timeout must be positive");
    check_tls(c, ck);
    if (c->auth.sasl.on && c->auth.plain_text.on)
        check_fail(ck, "auth::plain_text", "one of sasl and plain_text is served: remove plain_text");
    if (c->auth.sasl.on)
        check_sasl(&c->auth.sasl, ck);
    else if (c->auth.plain_text.on)
        check_user(c->auth.plain_text.username, &c->auth.plain_text.password, "plain_text", ck);
}
