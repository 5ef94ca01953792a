/* SPDX-License-Identifier: Apache-2.0 */
/* Before a call is started, the authenticator writes into its headers, those of the configuration among them.
 *
 * What can go wrong: it needs time: then the call starts when it has answered. It fails: then the call fails at the end
 * of the turn as if nobody had been reached, and is tried again like that, unless the failure is for good. */
#include "exporter/prometheus_remote_write/remote_write.h"

static struct shard_attempt *attempt_of(struct http_call *call)
{
    return container_of(call, struct shard_attempt, call);
}

static void tell_failure(struct turn_task *task)
{
    struct shard_attempt *t = container_of(task, struct shard_attempt, failing);
    struct http_response a = { .failure = HTTP_NOT_CONNECTED,
                               .why = t->auth.why,
                               .retry_after_ms = t->auth.retry_after_ms };

    t->asking = false;
    t->call.on_done(&t->call, &a);
}

static void start_signed(struct shard_attempt *t)
{
    t->asking = false;
    t->call.headers = t->signed_headers.list.v;
    t->call.n_headers = t->signed_headers.list.n;
    http_call_start(t->shard->node->client, &t->call);
}

static void take_verdict(struct shard_attempt *t, enum auth_verdict v)
{
    if (v == AUTH_GRANTED) {
        start_signed(t);
    } else if (v == AUTH_FAILED) {
        t->failing.run = tell_failure;
        turn_defer(&t->shard->node->node.host->loop->turn, &t->failing);
    }
}

static void on_authorized(struct auth_request *r, enum auth_verdict v)
{
    take_verdict(container_of(r, struct shard_attempt, auth), v);
}

/* The configuration's, and then the request's own. */
static void gather_headers(struct shard_attempt *t)
{
    const struct string_map *configured = &client_config(t->shard->node->config)->headers;
    struct call_headers *h = &t->signed_headers;

    call_headers_reset(h);
    for (size_t i = 0; i < configured->n; i++)
        if (!is_clients_header(configured->v[i].key))
            call_headers_add(h, bytes_str(configured->v[i].key), bytes_str(configured->v[i].value));
    for (size_t i = 0; i < t->call.n_headers; i++)
        call_headers_add(h, t->call.headers[i].name, t->call.headers[i].value);
}

void authorized_call_start(struct remote_write_node *n, struct http_call *call)
{
    struct shard_attempt *t = attempt_of(call);

    if (n->authenticator == NULL) {
        http_call_start(n->client, call);
        return;
    }
    gather_headers(t);
    t->asking = true;
    t->auth = (struct auth_request){ .metadata = t->request->delivery->batch->metadata,
                                     .headers = &t->signed_headers,
                                     .done = on_authorized };
    take_verdict(t, authenticator_ask(n->authenticator, &t->auth));
}

void authorized_call_cancel(struct remote_write_node *n, struct http_call *call)
{
    struct shard_attempt *t = attempt_of(call);

    if (!t->asking) {
        http_call_cancel(call);
        return;
    }
    t->asking = false;
    authenticator_cancel(&t->auth);
    turn_cancel(&n->node.host->loop->turn, &t->failing);
}

bool attempt_may_sign_again(struct shard_attempt *t)
{
    struct client_authenticator *by = t->shard->node->authenticator;

    return by != NULL && authenticator_refused(by, &t->auth);
}
