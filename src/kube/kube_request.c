/* SPDX-License-Identifier: Apache-2.0 */
/* While it is under way it is counted where the api says, so that a server's client outlives its last request. */
#include "kube/kube_request.h"

#include "net/http/url.h"

void kube_request_begin(struct kube_request *r, const struct kube_api *api, const char *path, const char *query)
{
    r->target.len = 0;
    buf_printf(&r->target, "%s%s?%s", api->prefix, path, query);
}

void kube_request_parameter(struct kube_request *r, const char *name, struct bytes value)
{
    if (value.len == 0)
        return;
    buf_printf(&r->target, "&%s=", name);
    url_put_escaped(&r->target, value, "-._~");
}

static struct clock *clock_of(const struct kube_request *r)
{
    return &r->api->node->host->loop->clock;
}

static void send_request(struct kube_request *r)
{
    const struct kube_api *api = r->api;
    struct call_headers *h = &r->authorized.headers;

    api->put_headers(api->owner, h);
    r->call.path = buf_cstr(&r->target);
    r->began = clock_mono(clock_of(r));
    r->calls = api->calls;
    if (r->calls != NULL)
        ++*r->calls;
    authorized_call_start(&r->authorized, api->auth, NULL, api->node->host->loop, api->http, &r->call);
}

static void on_turn(struct clock_timer *turn)
{
    send_request(container_of(turn, struct kube_request, turn));
}

void kube_request_start(struct kube_request *r, const struct kube_api *api, const char *accept)
{
    uint64_t wait = 0;

    r->api = api;
    call_headers_reset(&r->authorized.headers);
    call_headers_add(&r->authorized.headers, bytes_str("accept"), bytes_str(accept));
    r->call.method = "GET";
    r->call.repeatable = true;
    if (api->pace != NULL)
        wait = kube_pace_take(api->pace, clock_mono(clock_of(r)));
    if (wait > 0)
        clock_start(clock_of(r), &r->turn, wait, on_turn);
    else
        send_request(r);
}

void kube_request_over(struct kube_request *r)
{
    if (r->calls != NULL)
        --*r->calls;
    r->calls = NULL;
}

void kube_request_cancel(struct kube_request *r)
{
    if (clock_armed(&r->turn))
        clock_stop(clock_of(r), &r->turn);
    else
        authorized_call_cancel(&r->authorized, &r->call);
    kube_request_over(r);
}

void kube_request_free(struct kube_request *r)
{
    buf_free(&r->target);
    authorized_call_free(&r->authorized);
}
