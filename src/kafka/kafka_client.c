/* SPDX-License-Identifier: Apache-2.0 */
/* The bridge. librdkafka writes to an eventfd when its queue is not empty any more; the loop reads it and takes events
 * until there are none, or its share of the turn is over: then it writes to the eventfd itself and goes on in the next
 * turn.
 *
 * To close, the descriptor is given up first, and then a job waits for librdkafka's threads. What can go wrong besides:
 * a name takes long to resolve, and with it the end: the loop does not wait, the process does so for a while. */
#include "kafka/kafka_client.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TURN_NS (300 * NS_PER_US) /* events of one turn */
#define ALL_NS (50 * NS_PER_MS)   /* at the end: what has waited */
#define TOKEN_LIFE_MS 60000       /* librdkafka asks for the next token before; the extension renews it by itself */

/* ---- properties ---- */

int kafka_conf_set(const struct kafka_library *lib, rd_kafka_conf_t *conf, const char *name, const char *value,
                   struct error *err)
{
    char why[256] = "";

    if (lib->rd_kafka_conf_set(conf, name, value, why, sizeof(why)) == RD_KAFKA_CONF_OK)
        return 0;
    return error_set(err, UV_EINVAL, "librdkafka %s does not take %s: %s", lib->rd_kafka_version_str(), name, why);
}

int kafka_conf_set_int(const struct kafka_library *lib, rd_kafka_conf_t *conf, const char *name, int64_t value,
                       struct error *err)
{
    char text[24];

    snprintf(text, sizeof(text), "%lld", (long long)value);
    return kafka_conf_set(lib, conf, name, text, err);
}

struct property {
    const char *name, *value; /* no value, or none in it: not set */
};

static int set_properties(const struct kafka_library *lib, rd_kafka_conf_t *conf, const struct property *v, size_t n,
                          struct error *err)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].value != NULL && v[i].value[0] != '\0' && kafka_conf_set(lib, conf, v[i].name, v[i].value, err) != 0)
            return UV_EINVAL;
    return 0;
}

static int set_security(const struct kafka_library *lib, const struct kafka_client_config *c, rd_kafka_conf_t *conf,
                        struct error *err)
{
    const struct tls_config *tls = kafka_client_tls(c);
    const struct kafka_auth_config *auth = &c->auth;
    bool secure = kafka_client_is_secure(c), sasl = auth->sasl.on || auth->plain_text.on;
    const struct property tls_properties[] = {
        { "ssl.ca.location", tls->ca_file },
        { "ssl.ca.pem", tls->ca_pem.text },
        { "ssl.certificate.location", tls->cert_file },
        { "ssl.certificate.pem", tls->cert_pem.text },
        { "ssl.key.location", tls->key_file },
        { "ssl.key.pem", tls->key_pem.text },
        { "enable.ssl.certificate.verification", tls->insecure_skip_verify ? "false" : "true" },
        { "ssl.endpoint.identification.algorithm", tls->insecure_skip_verify ? "none" : "https" },
    };
    const struct property sasl_properties[] = {
        { "sasl.mechanism", auth->sasl.on ? auth->sasl.mechanism : "PLAIN" },
        { "sasl.username", auth->sasl.on ? auth->sasl.username : auth->plain_text.username },
        { "sasl.password", auth->sasl.on ? auth->sasl.password.text : auth->plain_text.password.text },
    };

    if (kafka_conf_set(lib, conf, "security.protocol",
                       secure ? (sasl ? "sasl_ssl" : "ssl") : (sasl ? "sasl_plaintext" : "plaintext"), err) != 0)
        return UV_EINVAL;
    if (secure && set_properties(lib, conf, tls_properties, ARRAY_LEN(tls_properties), err) != 0)
        return UV_EINVAL;
    return sasl ? set_properties(lib, conf, sasl_properties, ARRAY_LEN(sasl_properties), err) : 0;
}

static int set_brokers(const struct kafka_library *lib, const struct kafka_client_config *c, rd_kafka_conf_t *conf,
                       struct error *err)
{
    struct buf list = { 0 };
    int code;

    for (size_t i = 0; i < c->brokers.n; i++)
        buf_printf(&list, "%s%s", i > 0 ? "," : "", c->brokers.v[i]);
    code = kafka_conf_set(lib, conf, "bootstrap.servers", buf_cstr(&list), err);
    buf_free(&list);
    return code;
}

static int64_t at_most(int64_t v, int64_t most)
{
    return v < most ? v : most;
}

static int set_common(const struct kafka_library *lib, const struct kafka_client_config *c, rd_kafka_conf_t *conf,
                      struct error *err)
{
    int64_t refresh = c->metadata.refresh_interval.ns / (int64_t)NS_PER_MS;
    int64_t idle = at_most(c->conn_idle_timeout.ns / (int64_t)NS_PER_MS, INT32_MAX);
    const struct property properties[] = {
        { "client.id", c->client_id },
        { "client.rack", c->rack_id },
        { "broker.version.fallback", c->protocol_version },
        { "log.queue", "true" },
        { "log.connection.close", "false" },
    };

    if (set_properties(lib, conf, properties, ARRAY_LEN(properties), err) != 0 ||
        kafka_conf_set_int(lib, conf, "connections.max.idle.ms", idle > 0 ? idle : 1, err) != 0 ||
        kafka_conf_set_int(lib, conf, "topic.metadata.refresh.interval.ms", refresh, err) != 0 ||
        kafka_conf_set_int(lib, conf, "metadata.max.age.ms", 3 * refresh, err) != 0 ||
        set_brokers(lib, c, conf, err) != 0 || set_security(lib, c, conf, err) != 0)
        return UV_EINVAL;
    return 0;
}

rd_kafka_conf_t *kafka_client_conf(const struct kafka_library *lib, const struct kafka_client_config *c,
                                   struct error *err)
{
    rd_kafka_conf_t *conf = lib->rd_kafka_conf_new();

    lib->rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_LOG |
                                            RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_REBALANCE |
                                            RD_KAFKA_EVENT_OFFSET_COMMIT | RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH);
    if (set_common(lib, c, conf, err) == 0)
        return conf;
    lib->rd_kafka_conf_destroy(conf);
    return NULL;
}

/* ---- tokens ---- */

static void take_token(struct kafka_client *c)
{
    char why[256] = "";
    struct timespec now;
    const char *text = NULL;
    char *token;

    for (size_t i = 0; i < c->headers.list.n; i++) {
        struct bytes v = c->headers.list.v[i].value;

        if (bytes_is(c->headers.list.v[i].name, "authorization") && v.len > 7 &&
            bytes_equal_nocase(bytes_of(v.data, 7), bytes_str("bearer ")))
            text = (const char *)v.data + 7, token = bytes_dup(bytes_skip(v, 7));
    }
    if (text == NULL) {
        c->lib->rd_kafka_oauthbearer_set_token_failure(c->rk, "oauthbearer_token_source has no bearer token");
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    if (c->lib->rd_kafka_oauthbearer_set_token(c->rk, token, (int64_t)now.tv_sec * 1000 + TOKEN_LIFE_MS, "otelcd", NULL,
                                               0, why, sizeof(why)) != RD_KAFKA_RESP_ERR_NO_ERROR)
        c->lib->rd_kafka_oauthbearer_set_token_failure(c->rk, why);
    explicit_bzero(token, strlen(token));
    free(token);
}

static void end_asking(struct kafka_client *c, enum auth_verdict v)
{
    if (v == AUTH_GRANTED) {
        take_token(c);
    } else {
        if (complaint_due_to(&c->refusing, &c->node->host->loop->clock, c->auth.why))
            log_warn(&c->node->log, "There is no token for the brokers", F_STR("error", c->auth.why),
                     F_UINT("repeated", complaint_taken(&c->refusing)));
        c->lib->rd_kafka_oauthbearer_set_token_failure(c->rk, c->auth.why);
    }
    call_headers_reset(&c->headers);
}

static void on_token(struct auth_request *r, enum auth_verdict v)
{
    end_asking(container_of(r, struct kafka_client, auth), v);
}

static void ask_for_token(struct kafka_client *c)
{
    enum auth_verdict v;

    if (c->authenticator == NULL || c->auth.by != NULL)
        return;
    call_headers_reset(&c->headers);
    c->auth = (struct auth_request){ .headers = &c->headers, .done = on_token };
    v = authenticator_ask(c->authenticator, &c->auth);
    if (v != AUTH_LATER)
        end_asking(c, v);
}

void kafka_client_set_authenticator(struct kafka_client *c, struct client_authenticator *authenticator)
{
    c->authenticator = authenticator;
}

/* ---- events ---- */

static void log_line(struct kafka_client *c, rd_kafka_event_t *event)
{
    const char *facility = "", *text = "";
    int level = 7;

    if (c->lib->rd_kafka_event_log(event, &facility, &text, &level) != 0)
        return;
    if (level > 4 || strcmp(facility, "FAIL") == 0 || strcmp(facility, "ERROR") == 0) { /* these are events, too */
        log_at(&c->node->log, LOG_DEBUG, "librdkafka says", F_STR("about", facility), F_STR("text", text));
    } else if (complaint_due_to(&c->saying, &c->node->host->loop->clock, facility)) {
        log_warn(&c->node->log, "librdkafka warns", F_STR("about", facility), F_STR("text", text),
                 F_UINT("repeated", complaint_taken(&c->saying)));
    }
}

static void tell_failure(struct kafka_client *c, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t code = c->lib->rd_kafka_event_error(event);
    bool fatal = c->lib->rd_kafka_event_error_is_fatal(event) != 0;
    char first[256] = "";

    if (fatal)
        code = c->lib->rd_kafka_fatal_error(c->rk, first, sizeof(first));
    c->owner->failed(c, code, fatal ? first : c->lib->rd_kafka_event_error_string(event), fatal);
}

static void handle_event(struct kafka_client *c, rd_kafka_event_t *event)
{
    switch (c->lib->rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_LOG:
        log_line(c, event);
        break;
    case RD_KAFKA_EVENT_ERROR:
        tell_failure(c, event);
        break;
    case RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH:
        ask_for_token(c);
        break;
    default:
        if (c->owner->event(c, event))
            return;
    }
    c->lib->rd_kafka_event_destroy(event);
}

void kafka_client_wake(struct kafka_client *c)
{
    uint64_t one = 1;

    if (c->state == KAFKA_CLIENT_OPEN && write(c->fd, &one, sizeof(one)) < 0)
        assert(errno == EAGAIN); /* it is awake */
}

void kafka_client_hold(struct kafka_client *c, bool on)
{
    c->held = on;
    if (!on)
        kafka_client_wake(c);
}

/* For so many ns; false: there is more. */
static bool take_events(struct kafka_client *c, uint64_t most)
{
    uint64_t begun = uv_hrtime();
    rd_kafka_event_t *event;

    while (c->state == KAFKA_CLIENT_OPEN && !c->held && (event = c->lib->rd_kafka_queue_poll(c->queue, 0)) != NULL) {
        handle_event(c, event);
        if (uv_hrtime() - begun > most)
            return false;
    }
    return true;
}

void kafka_client_take_all(struct kafka_client *c)
{
    (void)take_events(c, ALL_NS);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct kafka_client *c = container_of(poll, struct kafka_client, poll);
    uint64_t count;

    (void)status, (void)events;
    if (read(c->fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
        return;
    if (!take_events(c, TURN_NS))
        kafka_client_wake(c);
}

/* ---- life ---- */

static void move_client(struct kafka_client *c, enum kafka_client_state to)
{
    static const uint8_t allowed[] = {
        [KAFKA_CLIENT_CLOSED] = 1 << KAFKA_CLIENT_OPEN,
        [KAFKA_CLIENT_OPEN] = 1 << KAFKA_CLIENT_CLOSING,
        [KAFKA_CLIENT_CLOSING] = 1 << KAFKA_CLIENT_CLOSED,
    };

    assert(allowed[c->state] & 1 << to);
    c->state = to;
}

/* The queue that all that librdkafka has to say comes by. */
static void open_queue(struct kafka_client *c, rd_kafka_type_t type)
{
    static const uint64_t one = 1;

    if (type == RD_KAFKA_CONSUMER)
        c->lib->rd_kafka_poll_set_consumer(c->rk);
    c->lib->rd_kafka_set_log_queue(c->rk, NULL);
    c->queue =
        type == RD_KAFKA_CONSUMER ? c->lib->rd_kafka_queue_get_consumer(c->rk) : c->lib->rd_kafka_queue_get_main(c->rk);
    c->lib->rd_kafka_queue_io_event_enable(c->queue, c->fd, &one, sizeof(one));
}

int kafka_client_open(struct kafka_client *c, struct node *node, const struct kafka_client_owner *owner,
                      rd_kafka_type_t type, rd_kafka_conf_t *conf, struct error *err)
{
    char why[512] = "";

    c->node = node;
    c->owner = owner;
    c->held = false;
    c->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->fd < 0) {
        c->lib->rd_kafka_conf_destroy(conf);
        return error_set(err, -errno, "cannot make an eventfd: %s", strerror(errno));
    }
    c->rk = c->lib->rd_kafka_new(type, conf, why, sizeof(why));
    if (c->rk == NULL) {
        c->lib->rd_kafka_conf_destroy(conf);
        close(c->fd);
        return error_set(err, UV_EINVAL, "librdkafka: %s", why);
    }
    open_queue(c, type);
    uv_poll_init(&node->host->loop->uv, &c->poll, c->fd);
    uv_poll_start(&c->poll, UV_READABLE, on_readable);
    move_client(c, KAFKA_CLIENT_OPEN);
    kafka_client_wake(c); /* what came before the queue was watched */
    return 0;
}

static void destroy_handle(struct job *job)
{
    struct kafka_client *c = container_of(job, struct kafka_client, destroying);

    c->lib->rd_kafka_destroy_flags(c->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

static void on_destroyed(struct job *job)
{
    struct kafka_client *c = container_of(job, struct kafka_client, destroying);

    c->rk = NULL;
    close(c->fd);
    move_client(c, KAFKA_CLIENT_CLOSED);
    c->closed(c);
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct kafka_client *c = container_of((uv_poll_t *)handle, struct kafka_client, poll);

    c->destroying = (struct job){ .work = destroy_handle, .done = on_destroyed };
    job_start(c->node->host->loop, JOB_DISK, &c->destroying);
}

void kafka_client_close(struct kafka_client *c, void (*closed)(struct kafka_client *c))
{
    if (c->state == KAFKA_CLIENT_CLOSED) {
        closed(c);
        return;
    }
    move_client(c, KAFKA_CLIENT_CLOSING);
    c->closed = closed;
    authenticator_cancel(&c->auth);
    call_headers_free(&c->headers);
    c->lib->rd_kafka_queue_io_event_enable(c->queue, -1, NULL, 0);
    c->lib->rd_kafka_queue_destroy(c->queue);
    c->queue = NULL;
    uv_poll_stop(&c->poll);
    uv_close((uv_handle_t *)&c->poll, on_poll_closed);
}
