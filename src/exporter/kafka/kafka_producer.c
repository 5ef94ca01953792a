/* SPDX-License-Identifier: Apache-2.0 */
/* Records in librdkafka's hands. A record's bytes stay where they are until its report: librdkafka copies small ones
 * and points to large ones. Reports come as events on the loop, many in one.
 *
 * What can go wrong: its queue is full (the piece waits for reports); a record fails (kafka_export.c decides by what
 * kind of failure it is); it has a fatal error, as idempotent producers may: then it is closed, its records are tried
 * again, and it is made anew. When it closes before all reports are there its records end with it. */
#include "exporter/kafka/kafka_exporter.h"

#include "base/unconst.h"
#include "otlp/metadata.h"

#include <assert.h>
#include <stdlib.h>

#define HEADER_OVERHEAD 16 /* of a header in a record, beside its name and value */
#define HEADERS_MOST 64u   /* that metadata become: a record of any more is somebody's mischief */

/* ---- a record ---- */

void kafka_record_free(struct kafka_record *r)
{
    list_remove(&r->link);
    list_remove(&r->sibling);
    r->producer->outstanding--;
    r->producer->node->copied -= r->copied;
    block_unref(r->payload);
    free(r);
}

static size_t add_header(const struct kafka_library *lib, rd_kafka_headers_t *to, struct bytes name, struct bytes value)
{
    lib->rd_kafka_header_add(to, (const char *)name.data, (ssize_t)name.len, value.data, (ssize_t)value.len);
    return name.len + value.len + HEADER_OVERHEAD;
}

/* NULL: there are none. Those of the configuration first, then the client's. */
static rd_kafka_headers_t *make_headers(const struct kafka_exporter *n, const struct kafka_library *lib,
                                        const struct metadata *metadata, size_t *bytes)
{
    const struct kafka_record_header *fixed = n->config->record_headers.v;
    const struct strings *keys = &n->config->include_metadata_keys;
    const struct metadata_entry *entry;
    rd_kafka_headers_t *h;
    unsigned made = 0;

    *bytes = 0;
    if (n->config->record_headers.n == 0 && (keys->n == 0 || metadata == NULL))
        return NULL;
    h = lib->rd_kafka_headers_new(n->config->record_headers.n + keys->n);
    for (size_t i = 0; i < n->config->record_headers.n; i++)
        *bytes += add_header(lib, h, bytes_str(fixed[i].name), bytes_str(fixed[i].value));
    for (size_t i = 0; i < keys->n; i++)
        for (uint32_t at = 0;
             made < HEADERS_MOST && (entry = metadata_find(metadata, bytes_str(keys->v[i]), &at)) != NULL; made++)
            *bytes += add_header(lib, h, bytes_str(keys->v[i]), entry->value);
    return h;
}

/* ---- what errors mean ---- */

static bool is_too_large(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || code == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE;
}

/* Without how long that took and how often, which would be news each time; and without the broker's name where its
 * address follows. That all are away says less than why one is. */
static void note_trouble(struct kafka_producer *p, rd_kafka_resp_err_t code, const char *why)
{
    const char *connect = strstr(why, ": Connect to ");
    const char *from = connect != NULL ? connect + 2 : why, *end = strstr(from, " (after ");

    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        return;
    snprintf(p->trouble, sizeof(p->trouble), "%.*s", end != NULL ? (int)(end - from) : (int)strlen(from), from);
}

/* The same record will never be taken. What a right or a topic is missing for may be given later: it is tried again. */
static bool is_refusal(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
        return true;
    default:
        return false;
    }
}

/* librdkafka waits for a topic that is not there as long as for one that is slow. */
static const char *timeout_cause(const char *trouble)
{
    return trouble[0] != '\0' ? trouble : "no connection is broken: is the topic there, and has it a leader?";
}

static void handle_failure(struct kafka_export *e, struct kafka_piece *p, uint64_t size, rd_kafka_resp_err_t code,
                           const char *text, const char *trouble)
{
    bool late = code == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT;
    char why[400];

    snprintf(why, sizeof(why), "error exporting to topic \"%.100s\": %s%s%s", p->name, text, late ? ": " : "",
             late ? timeout_cause(trouble) : "");
    if (is_too_large(code))
        kafka_export_too_large(e, p, size);
    else if (is_refusal(code))
        kafka_export_refused(e, p, "rejected_by_peer", why);
    else
        kafka_export_failed(e, p, "unavailable", why);
}

/* ---- handing on ---- */

static struct bytes key_of(const struct kafka_export *e, const struct kafka_piece *p)
{
    return p->n_key > 0 ? bytes_of(p->key, p->n_key) : e->key;
}

static rd_kafka_error_t *hand_over(struct kafka_record *r, struct bytes payload, struct bytes key,
                                   rd_kafka_headers_t *headers)
{
    rd_kafka_vu_t v[6];
    size_t n = 0;

    v[n].vtype = RD_KAFKA_VTYPE_TOPIC;
    v[n++].u.cstr = r->piece.name;
    v[n].vtype = RD_KAFKA_VTYPE_PARTITION;
    v[n++].u.i32 = RD_KAFKA_PARTITION_UA;
    v[n].vtype = RD_KAFKA_VTYPE_VALUE;
    v[n].u.mem.ptr = unconst(payload.data);
    v[n++].u.mem.size = payload.len;
    v[n].vtype = RD_KAFKA_VTYPE_OPAQUE;
    v[n++].u.ptr = r;
    if (key.len > 0) {
        v[n].vtype = RD_KAFKA_VTYPE_KEY;
        v[n].u.mem.ptr = unconst(key.data);
        v[n++].u.mem.size = key.len;
    }
    if (headers != NULL) {
        v[n].vtype = RD_KAFKA_VTYPE_HEADERS;
        v[n++].u.headers = headers;
    }
    return r->producer->client.lib->rd_kafka_produceva(r->producer->client.rk, v, n);
}

/* Not where the sender's batch has it. */
static bool is_copy(const struct kafka_exporter *n, const struct kafka_piece *p, const struct block *payload)
{
    return n->split.by == KAFKA_BY_TRACE || p->batch->n_segments != 1 || p->batch->segments[0].block != payload;
}

static struct kafka_record *record_new(struct kafka_producer *to, struct kafka_export *e, const struct kafka_piece *p,
                                       struct block *payload, size_t size)
{
    struct kafka_record *r = mem_zalloc(sizeof(*r));

    r->producer = to;
    r->export = e;
    r->piece = *p;
    r->payload = payload;
    r->size = size;
    r->copied = is_copy(to->node, p, payload) ? size : 0;
    to->node->copied += r->copied;
    r->begun = clock_mono(&to->node->node.host->loop->clock);
    list_push(&to->records, &r->link);
    list_push(&e->flying, &r->sibling);
    to->outstanding++;
    return r;
}

/* librdkafka has not taken it. */
static enum kafka_produced handle_refusal(struct kafka_record *r, struct kafka_piece *p, rd_kafka_error_t *error)
{
    const struct kafka_library *lib = r->producer->client.lib;
    rd_kafka_resp_err_t code = lib->rd_kafka_error_code(error);
    struct kafka_export *e = r->export;
    size_t size = r->size;

    kafka_record_free(r);
    if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
            kafka_export_too_long(e, p, size);
        else
            handle_failure(e, p, size, code, lib->rd_kafka_error_string(error), "");
    }
    lib->rd_kafka_error_destroy(error);
    return code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? KAFKA_FULL : KAFKA_ANSWERED;
}

/* The producer for pieces that go alone is made when there is one. */
static struct kafka_producer *producer_for(struct kafka_exporter *n, const struct kafka_piece *p)
{
    struct kafka_producer *to = p->alone ? &n->single : &n->main;
    struct error err = { 0 };

    if (p->alone && to->client.state == KAFKA_CLIENT_CLOSED && !to->broken && kafka_producer_open(to, &err) != 0)
        return &n->main;
    return to;
}

enum kafka_produced kafka_produce(struct kafka_exporter *n, struct kafka_export *e, struct kafka_piece *p)
{
    struct kafka_producer *to = producer_for(n, p);
    const struct kafka_library *lib = to->client.lib;
    struct bytes key = key_of(e, p);
    struct kafka_payload payload;
    rd_kafka_headers_t *headers;
    struct kafka_record *r;
    rd_kafka_error_t *error;
    size_t more;

    if (to->client.state != KAFKA_CLIENT_OPEN)
        return KAFKA_FULL;
    switch (kafka_encode(n, p, &payload)) {
    case KAFKA_EMPTY:
        kafka_export_left_out(e, p, payload.reason);
        return KAFKA_ANSWERED;
    case KAFKA_LONG:
        kafka_export_too_long(e, p, payload.bytes.len);
        return KAFKA_ANSWERED;
    default:
        p->left_out = payload.left_out;
        p->reason = payload.reason;
    }
    headers = make_headers(n, lib, e->batch->metadata, &more);
    more += key.len;
    if (payload.bytes.len + more > n->limit.most) {
        block_unref(payload.block);
        if (headers != NULL)
            lib->rd_kafka_headers_destroy(headers);
        kafka_export_too_long(e, p, payload.bytes.len + more);
        return KAFKA_ANSWERED;
    }
    r = record_new(to, e, p, payload.block, payload.bytes.len + more);
    error = hand_over(r, payload.bytes, key, headers);
    if (error == NULL)
        return KAFKA_PRODUCED;
    if (headers != NULL)
        lib->rd_kafka_headers_destroy(headers);
    return handle_refusal(r, p, error);
}

/* ---- reports ---- */

static void take_report(struct kafka_exporter *n, struct kafka_record *r, const rd_kafka_message_t *m)
{
    uint64_t now = clock_mono(&n->node.host->loop->clock);
    struct kafka_export *e = r->export;
    struct kafka_piece p = r->piece;
    size_t size = r->size;
    struct kafka_producer *producer = r->producer;

    metric_add(n->m.messages[m->err == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : 1], 1);
    metric_observe(n->m.seconds, (double)(now - r->begun) / (double)NS_PER_S);
    kafka_record_free(r);
    if (e == NULL) {
        batch_unref(p.batch);
        return;
    }
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        metric_add(n->m.bytes, size);
        producer->trouble[0] = '\0';
        request_limit_taken(&n->limit, size, now);
        kafka_export_delivered(e, &p);
    } else {
        handle_failure(e, &p, size, m->err, n->main.client.lib->rd_kafka_err2str(m->err), producer->trouble);
    }
    kafka_export_maybe_done(e);
}

static bool on_event(struct kafka_client *c, rd_kafka_event_t *event)
{
    struct kafka_exporter *n = container_of(c, struct kafka_producer, client)->node;
    const rd_kafka_message_t *m;

    if (c->lib->rd_kafka_event_type(event) != RD_KAFKA_EVENT_DR)
        return false;
    while ((m = c->lib->rd_kafka_event_message_next(event)) != NULL)
        take_report(n, m->_private, m);
    c->lib->rd_kafka_event_destroy(event); /* until then its records count for what may wait */
    n->full = false;
    slicer_start(n->slicer);
    return true;
}

/* ---- life ---- */

static void end_records(struct kafka_producer *p)
{
    struct kafka_record *r;

    while ((r = list_pop(&p->records, struct kafka_record, link)) != NULL) {
        struct kafka_export *e = r->export;
        struct kafka_piece piece = r->piece;

        kafka_record_free(r);
        if (e == NULL) {
            batch_unref(piece.batch);
            continue;
        }
        kafka_export_failed(e, &piece, "unavailable", "the producer had to be made anew");
        kafka_export_maybe_done(e);
    }
}

static void on_broken_closed(struct kafka_client *c)
{
    struct kafka_producer *p = container_of(c, struct kafka_producer, client);
    struct error err = { 0 };

    end_records(p);
    p->broken = false;
    if (kafka_producer_open(p, &err) != 0)
        log_error(&p->node->node.log, "The producer cannot be made anew", F_STR("error", err.text));
    p->node->full = false;
    slicer_start(p->node->slicer);
}

static void on_failed(struct kafka_client *c, rd_kafka_resp_err_t code, const char *why, bool fatal)
{
    struct kafka_producer *p = container_of(c, struct kafka_producer, client);
    struct kafka_exporter *n = p->node;

    note_trouble(p, code, why);
    if (complaint_due_to(&n->failing, &n->node.host->loop->clock, c->lib->rd_kafka_err2str(code)))
        log_warn(&n->node.log, fatal ? "The producer has failed, and is made anew" : "The brokers cannot be used",
                 F_STR("error", c->lib->rd_kafka_err2str(code)), F_STR("text", why),
                 F_UINT("repeated", complaint_taken(&n->failing)));
    if (!fatal || p->broken || c->state != KAFKA_CLIENT_OPEN)
        return;
    p->broken = true;
    kafka_client_close(c, on_broken_closed);
}

static const struct kafka_client_owner owner = { on_event, on_failed };

static int64_t duration_ms(duration d)
{
    int64_t ms = d.ns / (int64_t)NS_PER_MS;

    return ms > INT32_MAX ? INT32_MAX : ms;
}

static int set_delivery(const struct kafka_exporter *n, rd_kafka_conf_t *conf, bool alone, struct error *err)
{
    const struct kafka_library *lib = n->main.client.lib;
    const struct kafka_exporter_config *c = n->config;
    const struct kafka_producer_config *p = &c->producer;
    const char *acks = kafka_acks(p->required_acks);
    int64_t timeout = duration_ms(c->timeout), request = timeout > 0 && timeout < 30000 ? timeout : 30000;

    if (kafka_conf_set(lib, conf, "acks", acks, err) != 0 ||
        kafka_conf_set(lib, conf, "enable.idempotence", strcmp(acks, "all") == 0 ? "true" : "false", err) != 0 ||
        kafka_conf_set(lib, conf, "compression.type", p->compression, err) != 0 ||
        kafka_conf_set_int(lib, conf, "compression.level", p->compression_params.level, err) != 0 ||
        kafka_conf_set_int(lib, conf, "message.timeout.ms", timeout, err) != 0 ||
        kafka_conf_set_int(lib, conf, "request.timeout.ms", request, err) != 0 ||
        kafka_conf_set_int(lib, conf, "message.max.bytes", (int64_t)p->max_message_bytes, err) != 0 ||
        kafka_conf_set_int(lib, conf, "queue.buffering.max.messages", (int64_t)p->flush_max_messages, err) != 0 ||
        kafka_conf_set_int(lib, conf, "queue.buffering.max.kbytes", INT32_MAX, err) != 0 ||
        kafka_conf_set_int(lib, conf, "linger.ms", duration_ms(p->linger), err) != 0 ||
        kafka_conf_set(lib, conf, "partitioner",
                       c->record_partitioner.sticky_key.hasher == 0 ? "fnv1a_random" : "murmur2_random", err) != 0 ||
        kafka_conf_set(lib, conf, "allow.auto.create.topics", p->allow_auto_topic_creation ? "true" : "false", err) !=
            0 ||
        (alone && kafka_conf_set_int(lib, conf, "batch.num.messages", 1, err) != 0))
        return UV_EINVAL;
    return 0;
}

int kafka_producer_open(struct kafka_producer *p, struct error *err)
{
    struct kafka_exporter *n = p->node;
    rd_kafka_conf_t *conf;

    p->client.lib = kafka_library(err);
    conf = p->client.lib != NULL ? kafka_client_conf(p->client.lib, &n->config->client, err) : NULL;
    if (conf == NULL)
        return UV_EINVAL;
    if (set_delivery(n, conf, p->alone, err) != 0) {
        p->client.lib->rd_kafka_conf_destroy(conf);
        return UV_EINVAL;
    }
    return kafka_client_open(&p->client, &n->node, &owner, RD_KAFKA_PRODUCER, conf, err);
}
