/* SPDX-License-Identifier: Apache-2.0 */
/* The gRPC health service: "" is the whole collector, a pipeline's id that pipeline.
 *
 * A call's message is gathered, at most GRPC_HEALTH_LIMIT bytes of it, and answered when it is whole. A Watch stays
 * open; once a second all of them are told what has changed. What can go wrong: a call that is no gRPC, or of another
 * service; a message that is too long or malformed; more watchers than there are places. Each gets a status that says
 * so. */
#include "extension/health_check/health_check.h"

#include "base/block.h"
#include "base/mem.h"
#include "codec/compress.h"
#include "pipeline/node_server.h"

#include <stdlib.h>

#define WATCHERS_MAX 32u

struct rpc {
    enum grpc_health_method method;
    enum coding coding;
    struct buf body; /* with its prefix; of a Watch that is open: the service's name */
    bool watching;
    enum grpc_serving told;
};

static struct health_check *health_of(const struct page *page)
{
    return container_of(page->set, struct health_check, grpc.pages);
}

static enum grpc_serving serving_of(const struct health_check *h, struct bytes service)
{
    struct status_event e;

    if (!status_of(h, service.len > 0 ? service : bytes_of(NULL, 0), &e))
        return GRPC_SERVICE_UNKNOWN;
    return e.healthy ? GRPC_SERVING : GRPC_NOT_SERVING;
}

/* ---- the request ---- */

static void on_page(struct page_set *s, struct page *page)
{
    struct http_request *req = page->req;
    const struct bytes *type = http_request_header(req, "content-type");
    const struct bytes *encoding = http_request_header(req, "grpc-encoding");
    struct rpc *rpc;

    (void)s;
    if (!req->http2 || type == NULL || !grpc_content_type(*type)) {
        page_answer_text(page, 415, "415 this port speaks gRPC: the pages are at the endpoint of http:\n");
    } else if (grpc_health_method(req->path) == GRPC_HEALTH_NONE) {
        grpc_answer_fault(req, 200, GRPC_UNIMPLEMENTED, "unknown service or method: grpc.health.v1.Health is served",
                          0);
    } else {
        rpc = page->context = mem_zalloc(sizeof(*rpc));
        rpc->method = grpc_health_method(req->path);
        rpc->coding = encoding != NULL ? coding_by_name(*encoding) : CODING_IDENTITY;
    }
}

static void on_body(struct page *page, struct bytes data)
{
    struct rpc *rpc = page->context;

    http_request_grant(page->req, data.len);
    if (rpc == NULL || page->req->responded)
        return;
    if (rpc->body.len + data.len > GRPC_PREFIX_LEN + GRPC_HEALTH_LIMIT)
        grpc_answer_fault(page->req, 200, GRPC_RESOURCE_EXHAUSTED, "the message is longer than 4096 bytes", 0);
    else
        buf_put(&rpc->body, data);
}

/* ---- the answer ---- */

static void add_entry(const struct view_pipeline *p, void *arg)
{
    void **context = arg;

    grpc_health_put_entry(context[1], bytes_str(p->id), serving_of(context[0], bytes_str(p->id)));
}

static void answer_list(struct health_check *h, struct http_request *req)
{
    const struct service_view *v = h->node.host->view;
    struct buf list = { 0 };
    void *context[] = { h, &list };

    grpc_health_put_entry(&list, bytes_of(NULL, 0), serving_of(h, bytes_of(NULL, 0)));
    v->each_pipeline(v, add_entry, context);
    grpc_answer_unary(req, buf_bytes(&list));
    buf_free(&list);
}

static void begin_watch(struct health_check *h, struct page *page, struct bytes service)
{
    struct rpc *rpc = page->context;
    struct buf name = { 0 };

    if (h->n_watchers >= WATCHERS_MAX) {
        grpc_answer_fault(page->req, 200, GRPC_RESOURCE_EXHAUSTED, "too many watch already: use Check", 0);
        return;
    }
    buf_put(&name, service);
    buf_free(&rpc->body);
    rpc->body = name;
    rpc->watching = true;
    page_last(page);
    h->n_watchers++;
    rpc->told = serving_of(h, buf_bytes(&rpc->body));
    grpc_health_answer_watch(page->req, rpc->told);
}

/* The message behind the prefix; inflated it is in *block. NULL, or what is wrong. */
static const char *open_message(const struct rpc *rpc, struct bytes *message, struct block **block)
{
    const uint8_t *prefix = rpc->body.data;
    size_t len;

    if (rpc->body.len < GRPC_PREFIX_LEN || grpc_prefix_len(prefix) != rpc->body.len - GRPC_PREFIX_LEN)
        return "one whole message is expected";
    *message = bytes_skip(buf_bytes(&rpc->body), GRPC_PREFIX_LEN);
    if (prefix[0] == 0)
        return NULL;
    if (prefix[0] != 1 || rpc->coding == CODING_IDENTITY)
        return "the message's flag says that it is compressed, and grpc-encoding does not say how";
    if (inflate_block(rpc->coding, *message, GRPC_HEALTH_LIMIT, NULL, block, &len, NULL) != 0)
        return "the message cannot be inflated";
    *message = bytes_of((*block)->data, len);
    return NULL;
}

static void answer_call(struct health_check *h, struct page *page, struct bytes message)
{
    const struct rpc *rpc = page->context;
    struct bytes service;

    if (!grpc_health_parse(message, &service))
        grpc_answer_fault(page->req, 200, GRPC_INVALID_ARGUMENT, "malformed HealthCheckRequest", 0);
    else if (rpc->method == GRPC_HEALTH_LIST)
        answer_list(h, page->req);
    else if (rpc->method == GRPC_HEALTH_CHECK)
        grpc_health_answer_check(page->req, serving_of(h, service));
    else
        begin_watch(h, page, service);
}

static void on_end(struct page *page)
{
    const struct rpc *rpc = page->context;
    struct block *block = NULL;
    struct bytes message;
    const char *fault;

    if (rpc == NULL || page->req->responded)
        return;
    fault = open_message(rpc, &message, &block);
    if (fault != NULL)
        grpc_answer_fault(page->req, 200, GRPC_INTERNAL, fault, 0);
    else
        answer_call(health_of(page), page, message);
    if (block != NULL)
        block_unref(block);
}

static void on_gone(struct page *page)
{
    struct rpc *rpc = page->context;

    if (rpc == NULL)
        return;
    health_of(page)->n_watchers -= rpc->watching;
    buf_free(&rpc->body);
    free(rpc);
}

/* ---- those who watch ---- */

void health_rpc_tell(struct health_check *h)
{
    if (h->n_watchers == 0)
        return;
    list_each (struct page, page, &h->grpc.pages.open, link) {
        struct rpc *rpc = page->context;
        enum grpc_serving now;

        if (rpc == NULL || !rpc->watching)
            continue;
        now = serving_of(h, buf_bytes(&rpc->body));
        if (now == rpc->told)
            continue;
        rpc->told = now;
        grpc_health_tell(page->req, now);
    }
}

void health_rpc_stopping(struct health_check *h)
{
    list_each (struct page, page, &h->grpc.pages.open, link) {
        struct rpc *rpc = page->context;

        if (rpc == NULL || !rpc->watching)
            continue;
        rpc->watching = false; /* its answer has ended, though the peer may not have read it */
        h->n_watchers--;
        grpc_health_tell_stopping(page->req);
    }
}

/* ---- listening ---- */

int health_rpc_listen(struct health_check *h, struct error *err)
{
    struct http_server_options o = node_grpc_server_options(&h->node, &h->config->grpc.server);

    h->grpc.pages.on_page = on_page;
    h->grpc.pages.on_body = on_body;
    h->grpc.pages.on_end = on_end;
    h->grpc.pages.on_gone = on_gone;
    return page_server_listen(&h->grpc, &h->node, &o, &h->config->grpc.server.tls, err);
}
