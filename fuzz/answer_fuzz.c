/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary bytes as the answer to a request: it reads the same wherever the stream of bytes is cut, and what is kept
 * of it is bounded. The first byte chooses how much of the body is kept, the second where to cut, and whether the peer
 * ends the connection. */
#include "base/mem.h"
#include "net/http1/response_reader.h"

#include <stdlib.h>
#include <string.h>

static enum response_progress take(struct response_reader *a, struct bytes data, bool ends)
{
    /* Exactly as many bytes as there are, so that a reader who goes on is seen. */
    uint8_t *copy = mem_alloc(data.len + 1);
    const char *why = NULL;
    enum response_progress p;

    if (data.len > 0)
        memcpy(copy + 1, data.data, data.len);
    p = data.len > 0 ? response_reader_take(a, bytes_of(copy + 1, data.len), &why) : RESPONSE_GOES_ON;
    if (p == RESPONSE_BROKEN && (why == NULL || why[0] == '\0'))
        abort();
    free(copy);
    return p == RESPONSE_GOES_ON && ends ? response_reader_end(a) : p;
}

static void check(const struct response_reader *a, size_t max_body)
{
    if (a->body.len > max_body || a->head_bytes.len > 200000)
        abort();
    for (size_t i = 0; a->has_head && i < a->head.n_headers; i++) {
        struct http_header h = a->head.headers[i];

        if (h.name.len == 0 || memchr(h.value.data, '\n', h.value.len) != NULL)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct response_reader whole, cut; /* used again and again, as a connection does */
    enum response_progress p, q;
    size_t at, max_body;
    bool ends;

    if (len < 3)
        return 0;
    max_body = data[0];
    ends = data[1] & 1;
    at = data[1] * 7u % (len - 2);
    response_reader_begin(&whole, max_body, NULL, NULL);
    response_reader_begin(&cut, max_body, NULL, NULL);
    p = take(&whole, bytes_of(data + 2, len - 2), ends);
    q = take(&cut, bytes_of(data + 2, at), false);
    if (q == RESPONSE_GOES_ON)
        q = take(&cut, bytes_of(data + 2 + at, len - 2 - at), ends);
    else
        whole.head.keep_alive = cut.head.keep_alive = false; /* that more came is not seen in the second one */
    check(&whole, max_body);
    check(&cut, max_body);
    if (p != q || whole.has_head != cut.has_head || !bytes_equal(buf_bytes(&whole.body), buf_bytes(&cut.body)))
        abort();
    if (p == RESPONSE_DONE && (whole.head.status != cut.head.status || whole.head.n_headers != cut.head.n_headers ||
                               response_reader_reusable(&whole) != response_reader_reusable(&cut)))
        abort();
    return 0;
}
