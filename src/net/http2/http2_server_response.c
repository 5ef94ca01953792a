/* SPDX-License-Identifier: Apache-2.0 */
/* What a service may do with a request of HTTP/2: grant, answer, reset. An answer's bytes wait in its request until
 * nghttp2 asks for them, as the peer's windows allow. */
#include "net/http2/http2_server_inside.h"

#include "base/decimal.h"
#include "base/mem.h"
#include "base/unconst.h"

#include <stdlib.h>

#define FIRST_WINDOW 65535 /* a stream's, until the peer has seen our SETTINGS */

void http2_sync_window(struct http2 *h, struct request *r)
{
    int32_t window = nghttp2_session_get_stream_effective_local_window_size(h->session.ng, r->stream_id);
    int32_t used = nghttp2_session_get_stream_effective_recv_data_length(h->session.ng, r->stream_id);
    int64_t open = (int64_t)window - used;
    int64_t wanted = r->allowed > INT32_MAX ? INT32_MAX : (int64_t)r->allowed;

    if (window < 0 || used < 0) /* the stream is closed */
        return;
    if (!h->session.settings_agreed)
        open += (int64_t)h->io->shared->options.initial_window - FIRST_WINDOW;
    if (wanted > open)
        nghttp2_submit_window_update(h->session.ng, NGHTTP2_FLAG_NONE, r->stream_id, (int32_t)(wanted - open));
}

static void grant(struct request *r, size_t n)
{
    struct http2 *h = r->conn;

    (void)n;
    http2_sync_window(h, r);
    h->io->kick(h->io);
}

static void submit_trailers(struct http2 *h, struct request *r)
{
    nghttp2_nv nv[64];
    size_t n = 0;

    for (const uint8_t *p = r->trailers.data, *end = p + r->trailers.len; p < end && n < ARRAY_LEN(nv); n++) {
        size_t len[2];

        memcpy(len, p, sizeof(len));
        p += sizeof(len);
        nv[n] = (nghttp2_nv){ unconst(p), unconst(p + len[0]), len[0], len[1], 0 };
        p += len[0] + len[1];
    }
    nghttp2_submit_trailer(h->session.ng, r->stream_id, nv, n);
}

static ssize_t read_answer(nghttp2_session *session, int32_t stream_id, uint8_t *to, size_t most, uint32_t *flags,
                           nghttp2_data_source *source, void *user)
{
    struct http2 *h = user;
    struct request *r = source->ptr;
    size_t n = r->body.len - r->body_sent;

    (void)session;
    (void)stream_id;
    if (n > most)
        n = most;
    if (n > 0)
        memcpy(to, r->body.data + r->body_sent, n);
    r->body_sent += n;
    h->writable_due |= r->want_writable;
    if (r->body_sent < r->body.len)
        return (ssize_t)n;
    r->body.len = r->body_sent = 0;
    if (!r->answer_ended)
        return n > 0 ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (r->trailers.len > 0) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        submit_trailers(h, r);
    }
    return (ssize_t)n;
}

/* text: DECIMAL_UINT_MAX bytes, which stay until it is submitted. */
static nghttp2_nv number_nv(const char *name, char *text, uint64_t n)
{
    return (nghttp2_nv){ unconst(name), (uint8_t *)text, strlen(name), decimal_put_uint(text, n), 0 };
}

static void begin(struct request *r, int status, const struct http_header *headers, size_t n, bool whole)
{
    struct http2 *h = r->conn;
    nghttp2_data_provider answer = { { .ptr = r }, read_answer };
    bool no_data = r->head_only || (whole && r->body.len == 0);
    nghttp2_nv few[32], *nv = n + 2 <= ARRAY_LEN(few) ? few : mem_alloc((n + 2) * sizeof(*nv));
    char code[DECIMAL_UINT_MAX], length[DECIMAL_UINT_MAX];
    size_t k = 0;

    nv[k++] = number_nv(":status", code, (uint64_t)status);
    for (size_t i = 0; i < n; i++)
        if (!request_is_framing(headers[i].name))
            nv[k++] = (nghttp2_nv){ unconst(headers[i].name.data), unconst(headers[i].value.data), headers[i].name.len,
                                    headers[i].value.len, 0 };
    if (whole && r->body.len > 0 && status != 204 && status != 304) {
        nv[k++] = number_nv("content-length", length, r->body.len);
    }
    nghttp2_submit_response(h->session.ng, r->stream_id, nv, k, no_data ? NULL : &answer);
    if (nv != few)
        free(nv);
}

static void more(struct request *r, struct bytes data)
{
    struct http2 *h = r->conn;

    if (r->body_sent > r->body.len / 2) {
        r->body.len -= r->body_sent;
        memmove(r->body.data, r->body.data + r->body_sent, r->body.len);
        r->body_sent = 0;
    }
    buf_put(&r->body, data);
    nghttp2_session_resume_data(h->session.ng, r->stream_id);
}

static void end(struct request *r)
{
    struct http2 *h = r->conn;

    nghttp2_session_resume_data(h->session.ng, r->stream_id); /* no harm when it is not waiting */
}

static size_t waiting(struct request *r)
{
    return r->body.len - r->body_sent;
}

static void reset(struct request *r, uint32_t error_code)
{
    struct http2 *h = r->conn;

    nghttp2_submit_rst_stream(h->session.ng, NGHTTP2_FLAG_NONE, r->stream_id, error_code);
}

const struct stream_ops http2_stream_ops = { grant, begin, more, end, waiting, reset };
