/* SPDX-License-Identifier: Apache-2.0 */
/* What a receiver counts of requests that became no batch, and of connections: one table of rows for all receivers, for
 * there is one row of a name. A rejection is counted, remembered of its sender (pipeline/clients.h), and logged as far
 * as it is not one of many. What the server counts itself is taken over when somebody looks. Metadata is made of a
 * request's headers, address and identity, as far as somebody in the graph reads them.
 *
 * What can go wrong: the request is gone when its rejection is told; then nobody is named. */
#include "pipeline/receiver_requests.h"

#include "base/mem.h"
#include "pipeline/clients.h"

#include <stdlib.h>

const struct metric_row receiver_rejected_row =
    METRIC_ROW("otelcd_receiver_rejected_requests", METRIC_COUNTER, "{requests}",
               "Requests that never became a batch, by reason. Reason nothing_in_it: the body has fields, but none of "
               "OTLP's; it was answered with a success, as OTLP demands.");

const struct metric_row receiver_waits_row =
    METRIC_ROW_AT(LEVEL_NORMAL, "otelcd_receiver_budget_waits", METRIC_COUNTER, "{requests}",
                  "Requests whose body had to wait for room in the memory budget.");

const struct metric_row receiver_connections_row =
    METRIC_ROW_AT(LEVEL_NORMAL, "otelcd_receiver_connections", METRIC_GAUGE, "{connections}",
                  "Open connections on the port of that transport.");

const struct metric_row receiver_broken_row = METRIC_ROW(
    "otelcd_receiver_broken_connections", METRIC_COUNTER, "{connections}",
    "Connections, or requests of them, that were ended or not taken. Reason tls: the client speaks TLS to this "
    "plain-text port; protocol: what it sent is not HTTP as it should be; timeout: it did not send or take in "
    "time; pings: too many of them; accept: no file descriptor was left; crowded: it was idle and gave way to a "
    "new one where descriptors are scarce.");

const struct metric_row receiver_odd_times_row = METRIC_ROW_AT(
    LEVEL_NORMAL, "otelcd_receiver_odd_times", METRIC_COUNTER, "{requests}",
    "Requests whose first item is dated oddly, of one that is looked at each second of each sender. Clock ahead: "
    "more than 10 seconds later than ours; behind: more than an hour earlier.");

static const char *const rejection_names[REJECTED_COUNT] = {
    [REJECTED_MESSAGE] = "malformed_message",
    [REJECTED_ENCODING] = "bad_encoding",
    [REJECTED_TOO_LARGE] = "too_large",
    [REJECTED_PROTOCOL] = "bad_protocol",
    [REJECTED_UNKNOWN] = "unknown_path",
    [REJECTED_BUDGET] = "memory_budget",
    [REJECTED_ABORTED] = "aborted",
    [REJECTED_NOTHING] = "nothing_in_it",
    [REJECTED_SLOW] = "too_slow",
    [REJECTED_STRANGER] = "unauthenticated",
    [REJECTED_BUSY] = "authentication_busy",
};

static const char *const broken_names[BROKEN_COUNT] = { "tls", "protocol", "timeout", "pings", "accept", "crowded" };

void receiver_requests_init(struct receiver_requests *r, const struct node *node, const char *transport)
{
    struct metric_label labels[] = { { "receiver", node->id }, { "transport", transport }, { 0 } };
    struct metrics *m = node->host->metrics;

    r->node = node;
    r->transport = transport;
    r->connections = metrics_get(m, &receiver_connections_row, labels, 2);
    labels[2] = (struct metric_label){ "clock", "ahead" };
    r->ahead = metrics_get(m, &receiver_odd_times_row, labels, 3);
    labels[2] = (struct metric_label){ "clock", "behind" };
    r->behind = metrics_get(m, &receiver_odd_times_row, labels, 3);
    for (int i = 0; i < REJECTED_COUNT; i++) {
        labels[2] = (struct metric_label){ "reason", rejection_names[i] };
        r->rejected[i] = metrics_get(m, &receiver_rejected_row, labels, 3);
    }
    for (int i = 0; i < BROKEN_COUNT; i++) {
        labels[2] = (struct metric_label){ "reason", broken_names[i] };
        r->broken[i] = metrics_get(m, &receiver_broken_row, labels, 3);
    }
}

void receiver_requests_collect(struct receiver_requests *r, struct http_server *server)
{
    const struct http_server_stats *s = server != NULL ? http_server_stats(server) : NULL;

    if (s == NULL)
        return;
    const uint64_t now[BROKEN_COUNT] = { s->tls_on_plain, s->protocol_errors, s->timeouts,
                                         s->ping_strikes, s->accept_failures, s->gave_way };

    metric_set(r->connections, (double)s->connections);
    for (int i = 0; i < BROKEN_COUNT; i++) {
        metric_add(r->broken[i], now[i] - r->broken_seen[i]);
        r->broken_seen[i] = now[i];
    }
}

static uint64_t now_of(const struct receiver_requests *r)
{
    return clock_mono(&r->node->host->loop->clock);
}

void receiver_requests_saw(struct receiver_requests *r, const struct http_request *req)
{
    if (r->node->clients != NULL)
        clients_saw(r->node->clients, req, r->transport, now_of(r));
}

bool receiver_requests_dating(struct receiver_requests *r)
{
    return r->node->clients != NULL && clients_dating(r->node->clients, now_of(r));
}

void receiver_requests_dated(struct receiver_requests *r, const struct http_request *req, uint64_t time)
{
    uint64_t wall = clock_wall(&r->node->host->loop->clock);
    int64_t ahead = time > wall ? (int64_t)((time - wall) / NS_PER_S) : -(int64_t)((wall - time) / NS_PER_S);

    if (time == 0 || req == NULL || r->node->clients == NULL)
        return;
    clients_dated(r->node->clients, req, r->transport, now_of(r), ahead);
    if (ahead > TIME_AHEAD_MOST)
        metric_add(r->ahead, 1);
    else if (ahead < -TIME_BEHIND_MOST)
        metric_add(r->behind, 1);
}

void receiver_requests_refused(struct receiver_requests *r, const struct http_request *req, const struct outcome *o)
{
    if (r->node->clients != NULL && req != NULL)
        clients_refused(r->node->clients, req, r->transport, now_of(r), o->reason != NULL ? o->reason : "", o->why);
}

void receiver_requests_broke(struct receiver_requests *r, const char *peer, const char *reason, const char *why)
{
    if (r->node->clients != NULL)
        clients_broke(r->node->clients, peer, r->transport, now_of(r), reason, why);
}

void receiver_requests_reject(struct receiver_requests *r, enum rejection why, const struct http_request *req,
                              const char *text)
{
    metric_add(r->rejected[why], 1);
    if (r->node->clients != NULL && req != NULL)
        clients_refused(r->node->clients, req, r->transport, now_of(r), rejection_names[why], text);
    if (complaint_due(&r->log[why], &r->node->host->loop->clock))
        log_warn(&r->node->log,
                 why == REJECTED_NOTHING ? "Request with nothing in it that OTLP knows" : "Request rejected",
                 F_STR("reason", rejection_names[why]), F_STR("transport", r->transport), F_STR("error", text),
                 F_STR("peer", req != NULL ? http_request_peer(req) : "gone"),
                 F_UINT("requests", complaint_taken(&r->log[why])));
}

/* The IP address of "10.1.2.3:5678" or "[::1]:5678"; of a unix socket none. */
static struct bytes address_of(const char *peer)
{
    const char *colon = strrchr(peer, ':');

    if (colon == NULL)
        return bytes_of(NULL, 0);
    if (peer[0] == '[')
        return bytes_of(peer + 1, (size_t)(colon - peer) - 2);
    return bytes_of(peer, (size_t)(colon - peer));
}

/* Of who sent it, what somebody in the graph reads. */
static uint32_t put_attributes(const struct host *host, const struct http_request *req, struct metadata_entry *out)
{
    const struct strings *wanted = &host->auth_attributes;
    uint32_t n = 0;

    for (size_t i = 0; i < wanted->n; i++) {
        struct bytes name = bytes_str(wanted->v[i]);

        for (size_t k = 0; k < req->n_attributes; k++)
            if (bytes_equal(req->attributes[k].name, bytes_skip(name, strlen(METADATA_AUTH))))
                out[n++] = (struct metadata_entry){ name, req->attributes[k].value };
    }
    return n;
}

struct metadata *receiver_request_metadata(const struct host *host, const struct http_request *req, bool keep_headers)
{
    struct metadata_entry *entries;
    struct metadata *m;
    uint32_t n = 0;

    if (!keep_headers && !host->client_address && req->n_attributes == 0)
        return NULL;
    entries = mem_alloc((req->n_headers + 2 + req->n_attributes) * sizeof(*entries));
    for (size_t i = 0; keep_headers && i < req->n_headers; i++)
        entries[n++] = (struct metadata_entry){ req->headers[i].name, req->headers[i].value };
    if (host->client_address)
        entries[n++] = (struct metadata_entry){ bytes_str(METADATA_ADDRESS), address_of(http_request_peer(req)) };
    if (keep_headers && req->authority.len > 0 && http_request_header(req, "host") == NULL)
        entries[n++] = (struct metadata_entry){ bytes_str("host"), req->authority };
    n += put_attributes(host, req, entries + n);
    m = metadata_new(entries, n);
    free(entries);
    return m;
}
