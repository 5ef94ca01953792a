/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary bytes as the answer of an OTLP peer. The first byte chooses protocol, signal and status; the rest is, up
 * to a NUL each, content type and coding, grpc-status, grpc-message and grpc-status-details-bin, then the body.
 * Whatever comes has one fate and one bounded text that a log can show, and never more rejected items than were sent.
 */
#include "exporter/otlp/otlp_answer.h"
#include "exporter/otlp/peer_status.h"
#include "exporter/otlp/request_limit.h"

#include <stdlib.h>
#include <string.h>

enum { BODY = 5, FIELDS };

static void require(bool x)
{
    if (!x)
        abort();
}

static void split(struct bytes in, struct bytes *out)
{
    for (size_t n = 0; n < FIELDS; n++) {
        const uint8_t *nul = n < BODY && in.len > 0 ? memchr(in.data, 0, in.len) : NULL;
        size_t len = nul != NULL ? (size_t)(nul - in.data) : in.len;

        out[n] = bytes_of(in.data, len);
        in = bytes_skip(in, nul != NULL ? len + 1 : len);
    }
}

static void check(const struct otlp_answer *a, const struct otlp_question *q)
{
    size_t len = strnlen(a->text, sizeof(a->text));

    require(len < sizeof(a->text));
    for (size_t i = 0; i < len; i++)
        require((unsigned char)a->text[i] >= ' ' && a->text[i] != 0x7f);
    require(a->rejected <= q->items);
    require(a->fate == OTLP_TAKEN || a->reason != NULL);
    require(a->fate == OTLP_RETRY || a->retry_after_ms == 0);
    require(a->fate == OTLP_TOO_LARGE || a->limit == 0);
    require(a->retry_after_ms <= 86400000 + 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const int statuses[] = { 200, 204, 302, 400, 401, 404, 413, 429, 500, 503 };
    const char *names[BODY] = { "content-type", "content-encoding", "grpc-status", "grpc-message",
                                "grpc-status-details-bin" };
    struct otlp_question q = { .peer = "peer", .items = 7, .size = 1000 };
    struct http_header headers[FIELDS];
    struct http_response a = { .why = "", .headers = headers };
    struct bytes fields[FIELDS];
    struct otlp_answer answer;
    struct peer_status status;
    struct partial_success partial;
    uint64_t named;

    if (len < 2)
        return 0;
    q.grpc = data[0] & 1;
    names[1] = q.grpc ? "grpc-encoding" : "content-encoding";
    q.signal = (enum signal)(data[0] >> 1 & 3);
    a.status = statuses[data[1] % 10];
    split(bytes_of(data + 2, len - 2), fields);
    for (size_t i = 0; i < BODY; i++)
        if (fields[i].len > 0)
            headers[a.n_headers++] = (struct http_header){ bytes_str(names[i]), fields[i] };
    a.body = fields[BODY];
    otlp_answer_read(&answer, &q, &a);
    check(&answer, &q);
    (void)peer_status_read(a.body, &status);
    (void)partial_success_read(a.body, &partial);
    (void)request_limit_named(fields[3], &named);
    return 0;
}
