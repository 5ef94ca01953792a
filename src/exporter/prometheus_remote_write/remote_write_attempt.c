/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP request of a shard: its headers, those that senders' metadata become among them, and its way out. */
#include "exporter/prometheus_remote_write/remote_write.h"

#include "otlp/metadata.h"

#include <stdio.h>

#define ANSWER_MAX 1024

static void add_header(struct shard_attempt *t, const char *name, struct bytes value)
{
    if (t->call.n_headers < ARRAY_LEN(t->headers))
        t->headers[t->call.n_headers++] = (struct http_header){ bytes_str(name), value };
}

/* What the client that sent the batch said, handed on. */
static void add_metadata(struct shard_attempt *t, const struct metadata *m)
{
    const struct strings *keys = &t->shard->node->config->include_metadata_keys;

    for (size_t i = 0; m != NULL && i < keys->n; i++) {
        uint32_t at = 0;

        for (const struct metadata_entry *e; (e = metadata_find(m, bytes_str(keys->v[i]), &at)) != NULL;)
            add_header(t, keys->v[i], e->value);
    }
}

static void set_headers(struct shard_attempt *t, const struct shard_request *r)
{
    bool second = r->message->version == REMOTE_WRITE_2;

    t->call.n_headers = 0;
    t->call.headers = t->headers;
    add_header(t, "content-encoding", bytes_str("snappy"));
    add_header(
        t, "content-type",
        bytes_str(second ? "application/x-protobuf;proto=io.prometheus.write.v2.Request" : "application/x-protobuf"));
    add_header(t, "x-prometheus-remote-write-version", bytes_str(second ? "2.0.0" : "0.1.0"));
    if (r->retry.tries > 0) {
        snprintf(t->number, sizeof(t->number), "%u", r->retry.tries);
        add_header(t, "retry-attempt", bytes_str(t->number));
    }
    add_metadata(t, r->delivery->batch->metadata);
}

void attempt_start(struct shard_attempt *t, struct shard_request *r,
                   void (*on_done)(struct http_call *call, const struct http_response *a))
{
    struct remote_write_node *n = t->shard->node;

    t->request = r;
    set_headers(t, r);
    t->call.method = "POST";
    t->body = buf_bytes(&r->body);
    t->call.parts = &t->body;
    t->call.n_parts = 1;
    t->call.timeout = (uint64_t)client_config(n->config)->timeout.ns;
    t->call.max_response = ANSWER_MAX;
    t->call.repeatable = true;
    t->call.on_done = on_done;
    t->begun = clock_mono(&n->node.host->loop->clock);
    remote_write_count_attempt(n, r);
    n->port->start(n, &t->call);
}

void attempt_cancel(struct shard_attempt *t)
{
    t->shard->node->port->cancel(t->shard->node, &t->call);
    t->request = NULL;
}

void attempt_free(struct shard_attempt *t)
{
    authorized_call_free(&t->authorized);
}

bool attempt_may_sign_again(const struct shard_attempt *t)
{
    struct client_authenticator *by = t->shard->node->authenticator;

    return by != NULL && authenticator_refused(by, &t->authorized.auth);
}
