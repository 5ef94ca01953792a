/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP service that writes down what happens to it, and answers as it is told. */
#ifndef SUPPORT_HTTP_RECORDER_H
#define SUPPORT_HTTP_RECORDER_H

#include "base/mem.h"
#include "net/http/http_server.h"

struct recorder {
    struct http_service service;
    struct buf log; /* "POST /x;body 5;end;close;", "close aborted;" */
    bool at_once;   /* answer in on_request */
    bool by_hand;   /* do not answer; the test does, through `last` */
    bool quiet;     /* count, and write nothing down */
    size_t grant;   /* granted at on_request */
    int status;
    struct bytes body;         /* of the answer */
    struct http_request *last; /* the newest that is not closed */
    uint64_t requests, body_bytes, open, aborted;
};

static struct recorder *recorder_of(struct http_request *req)
{
    return container_of(req->service, struct recorder, service);
}

static void recorder_answer(struct http_request *req)
{
    static const struct http_header type = { BYTES_LIT("content-type"), BYTES_LIT("text/plain") };
    struct recorder *r = recorder_of(req);

    http_respond(req, r->status, &type, 1, r->body);
}

static void recorder_on_request(struct http_service *s, struct http_request *req)
{
    struct recorder *r = container_of(s, struct recorder, service);

    r->requests++;
    r->open++;
    r->last = req;
    if (!r->quiet)
        buf_printf(&r->log, "%.*s %.*s;", (int)req->method.len, (const char *)req->method.data, (int)req->path.len,
                   (const char *)req->path.data);
    http_request_grant(req, r->grant);
    if (r->at_once)
        recorder_answer(req);
}

static void recorder_on_body(struct http_request *req, struct bytes data)
{
    struct recorder *r = recorder_of(req);

    r->body_bytes += data.len;
    if (!r->quiet)
        buf_printf(&r->log, "body %zu;", data.len);
}

static void recorder_on_end(struct http_request *req)
{
    struct recorder *r = recorder_of(req);

    if (!r->quiet)
        buf_puts(&r->log, "end;");
    if (!r->by_hand && !req->responded)
        recorder_answer(req);
}

static void recorder_on_close(struct http_request *req, bool aborted)
{
    struct recorder *r = recorder_of(req);

    r->open--;
    r->aborted += aborted;
    if (r->last == req)
        r->last = NULL;
    if (!r->quiet)
        buf_puts(&r->log, aborted ? "close aborted;" : "close;");
}

static void recorder_on_writable(struct http_request *req)
{
    buf_puts(&recorder_of(req)->log, "writable;");
}

static void recorder_init(struct recorder *r)
{
    *r = (struct recorder){ .status = 200, .body = BYTES_LIT("hello") };
    r->service = (struct http_service){ .on_request = recorder_on_request,
                                        .on_body = recorder_on_body,
                                        .on_end = recorder_on_end,
                                        .on_close = recorder_on_close,
                                        .on_writable = recorder_on_writable };
}

#endif
