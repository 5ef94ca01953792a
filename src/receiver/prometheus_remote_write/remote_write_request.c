/* SPDX-License-Identifier: Apache-2.0 */
/* What a request's headers say: the media type, whose parameter `proto` names the version (1.0 without it), and the
 * coding, which is snappy's block format where nothing is said, as Prometheus has it. Answers are plain text. */
#include "receiver/prometheus_remote_write/remote_write_receiver.h"

#include <stdio.h>

#define PATH "/api/v1/write"

static void put_header(struct http_header *h, const char *name, const char *value)
{
    *h = (struct http_header){ bytes_str(name), bytes_str(value) };
}

void write_request_answer(struct http_request *req, int status, const struct write_result *written,
                          unsigned retry_after, const char *text)
{
    static const char *const counts[] = { "x-prometheus-remote-write-samples-written",
                                          "x-prometheus-remote-write-histograms-written",
                                          "x-prometheus-remote-write-exemplars-written" };
    struct http_header headers[7];
    char numbers[4][24];
    size_t n = 0;

    if (text[0] != '\0') {
        put_header(&headers[n++], "content-type", "text/plain; charset=utf-8");
        put_header(&headers[n++], "x-content-type-options", "nosniff");
    }
    if (status == 405)
        put_header(&headers[n++], "allow", "POST");
    if (written != NULL) {
        const uint64_t values[] = { written->samples, written->histograms, written->exemplars };

        for (size_t i = 0; i < 3; i++) {
            snprintf(numbers[i], sizeof(numbers[i]), "%llu", (unsigned long long)values[i]);
            put_header(&headers[n++], counts[i], numbers[i]);
        }
    }
    if (retry_after > 0) {
        snprintf(numbers[3], sizeof(numbers[3]), "%u", retry_after);
        put_header(&headers[n++], "retry-after", numbers[3]);
    }
    http_respond(req, status, headers, n, bytes_str(text));
}

void write_request_refuse(struct write_receiver *r, struct http_request *req, const struct gate_refusal *refusal)
{
    struct http_header header = gate_refusal_header(refusal);

    receiver_requests_saw(&r->requests, req);
    receiver_requests_reject(&r->requests, refusal->busy ? REJECTED_BUSY : REJECTED_STRANGER, req, refusal->why);
    http_respond(req, refusal->busy ? 503 : 401, &header, 1, bytes_str(refusal->why));
}

static bool refuse_request(struct write_receiver *r, struct http_request *req, enum rejection why, int status,
                           const char *text)
{
    receiver_requests_reject(&r->requests, why, req, text);
    write_request_answer(req, status, NULL, 0, text);
    return false;
}

/* ---- the media type ---- */

/* The next piece up to a semicolon, without blanks around it. */
static bool next_piece(struct bytes *rest, struct bytes *piece)
{
    const uint8_t *end = rest->len > 0 ? memchr(rest->data, ';', rest->len) : NULL;

    if (rest->len == 0)
        return false;
    *piece = bytes_trim(bytes_of(rest->data, end != NULL ? (size_t)(end - rest->data) : rest->len));
    *rest = end != NULL ? bytes_skip(*rest, (size_t)(end - rest->data) + 1) : bytes_of(NULL, 0);
    return true;
}

/* The value of the parameter of that name; quotes around it do not count. */
static bool read_parameter(struct bytes piece, const char *name, struct bytes *value)
{
    size_t n = strlen(name);

    if (piece.len <= n || piece.data[n] != '=' || !bytes_equal_nocase(bytes_of(piece.data, n), bytes_str(name)))
        return false;
    *value = bytes_skip(piece, n + 1);
    if (value->len >= 2 && value->data[0] == '"' && value->data[value->len - 1] == '"')
        *value = bytes_of(value->data + 1, value->len - 2);
    return true;
}

static bool read_version(const struct http_request *req, enum write_version *version)
{
    const struct bytes *header = http_request_header(req, "content-type");
    struct bytes rest = header != NULL ? bytes_trim(*header) : bytes_of(NULL, 0), piece, proto;

    *version = WRITE_1;
    if (!next_piece(&rest, &piece))
        return true; /* old senders */
    if (!bytes_equal_nocase(piece, bytes_str("application/x-protobuf")))
        return false;
    while (next_piece(&rest, &piece)) {
        if (!read_parameter(piece, "proto", &proto))
            continue;
        *version = bytes_is(proto, "io.prometheus.write.v2.Request") ? WRITE_2 : WRITE_1;
        if (*version == WRITE_1 && !bytes_is(proto, "prometheus.WriteRequest"))
            return false;
    }
    return true;
}

static bool read_coding(const struct write_receiver *r, const struct http_request *req, enum coding *coding)
{
    const struct bytes *header = http_request_header(req, "content-encoding");

    *coding = CODING_SNAPPY;
    if (header == NULL || header->len == 0)
        return true;
    *coding = coding_by_name(*header);
    return *coding != CODING_UNKNOWN && *coding != CODING_IDENTITY && r->coding_allowed[*coding];
}

bool write_request_check(struct write_receiver *r, struct http_request *req, enum write_version *version,
                         enum coding *coding)
{
    char text[200];

    if (!bytes_is(req->path, PATH)) {
        snprintf(text, sizeof(text), "404 page not found: %.*s; remote write is taken at POST " PATH,
                 (int)(req->path.len < 100 ? req->path.len : 100), (const char *)req->path.data);
        return refuse_request(r, req, REJECTED_UNKNOWN, 404, text);
    }
    if (!bytes_is(req->method, "POST"))
        return refuse_request(r, req, REJECTED_PROTOCOL, 405, "405 method not allowed, supported: [POST]");
    if (!read_version(req, version))
        return refuse_request(r, req, REJECTED_PROTOCOL, 415,
                              "415 unsupported media type, supported: application/x-protobuf with "
                              "proto=prometheus.WriteRequest or proto=io.prometheus.write.v2.Request");
    if (!read_coding(r, req, coding))
        return refuse_request(r, req, REJECTED_ENCODING, 415,
                              "415 unsupported Content-Encoding, remote write has snappy (the block format)");
    if (req->content_length > 0 && (uint64_t)req->content_length > r->max_body) {
        snprintf(text, sizeof(text),
                 "the body of %lld bytes is larger than %zu; send smaller requests or raise max_request_body_size",
                 (long long)req->content_length, r->max_body);
        return refuse_request(r, req, REJECTED_TOO_LARGE, 413, text);
    }
    return true;
}
