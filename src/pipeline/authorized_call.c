/* SPDX-License-Identifier: Apache-2.0 */
/* The authenticator is asked; when it has written, the call starts.
 *
 * What can go wrong: it needs time: then the call starts when it has answered. It fails: then the call fails at the end
 * of the turn, and never from inside of its start. It is cancelled meanwhile: whoever has it forgets it. */
#include "pipeline/authorized_call.h"

#include "base/loop/loop.h"

static void tell_failure(struct turn_task *task)
{
    struct authorized_call *a = container_of(task, struct authorized_call, failing);
    struct http_response response = { .failure = HTTP_NOT_CONNECTED,
                                      .why = a->auth.why,
                                      .retry_after_ms = a->auth.retry_after_ms };

    a->asking = false;
    a->call->on_done(a->call, &response);
}

static void take_verdict(struct authorized_call *a, enum auth_verdict v)
{
    if (v == AUTH_GRANTED) {
        a->asking = false;
        a->call->headers = a->headers.list.v;
        a->call->n_headers = a->headers.list.n;
        http_call_start(a->client, a->call);
    } else if (v == AUTH_FAILED) {
        a->failed = true;
        a->failing.run = tell_failure;
        turn_defer(&a->loop->turn, &a->failing);
    }
}

static void on_authorized(struct auth_request *r, enum auth_verdict v)
{
    take_verdict(container_of(r, struct authorized_call, auth), v);
}

void authorized_call_start(struct authorized_call *a, struct client_authenticator *by, const struct metadata *metadata,
                           struct loop *loop, struct http_client *client, struct http_call *call)
{
    a->call = call;
    a->client = client;
    a->loop = loop;
    a->asking = true;
    a->failed = false;
    a->auth = (struct auth_request){ .metadata = metadata, .headers = &a->headers, .done = on_authorized };
    take_verdict(a, by != NULL ? authenticator_ask(by, &a->auth) : AUTH_GRANTED);
}

void authorized_call_cancel(struct authorized_call *a, struct http_call *call)
{
    if (!a->asking) {
        http_call_cancel(call);
        return;
    }
    a->asking = false;
    authenticator_cancel(&a->auth);
    turn_cancel(&a->loop->turn, &a->failing);
}

void authorized_call_free(struct authorized_call *a)
{
    call_headers_free(&a->headers);
}
