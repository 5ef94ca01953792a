/* SPDX-License-Identifier: Apache-2.0 */
/* Three protocols are told apart by how they begin: "HTTP/", the type and version of a TLS record, and the header of
 * HTTP/2's SETTINGS, which a server of it sends before anything else. */
#include "net/message/call.h"

const struct bytes *http_response_header(const struct http_response *a, const char *name)
{
    struct bytes wanted = bytes_str(name);

    for (size_t i = 0; i < a->n_headers; i++)
        if (bytes_equal(a->headers[i].name, wanted))
            return &a->headers[i].value;
    return NULL;
}

/* One that is no longer than a few settings. */
static bool is_settings(const uint8_t *p)
{
    static const uint8_t rest[] = { 4, 0, 0, 0, 0, 0 };

    return p[0] == 0 && (p[1] << 8 | p[2]) % 6 == 0 && memcmp(p + 3, rest, sizeof(rest)) == 0;
}

enum http_spoken http_spoken_by(struct bytes first)
{
    static const struct bytes http = BYTES_LIT("HTTP/");
    size_t n = first.len < http.len ? first.len : http.len;

    if (first.len == 0)
        return HTTP_SPOKEN_NOTHING;
    if (memcmp(first.data, http.data, n) == 0)
        return n == http.len ? HTTP_SPOKEN_HTTP1 : HTTP_SPOKEN_NOTHING;
    if (first.data[0] == 0x15 || first.data[0] == 0x16) /* alert, handshake */
        return first.len < 2 ? HTTP_SPOKEN_NOTHING : first.data[1] == 3 ? HTTP_SPOKEN_TLS : HTTP_SPOKEN_OTHER;
    if (first.data[0] != 0)
        return HTTP_SPOKEN_OTHER;
    if (first.len < 9)
        return HTTP_SPOKEN_NOTHING;
    return is_settings(first.data) ? HTTP_SPOKEN_HTTP2 : HTTP_SPOKEN_OTHER;
}

bool call_charge_answer(struct budget *budget, uint64_t *charged, uint64_t n)
{
    if (budget == NULL || n == 0)
        return true;
    if (*charged + n <= CALL_ANSWER_SURE)
        budget_charge(budget, n);
    else if (!budget_take(budget, n))
        return false;
    *charged += n;
    return true;
}
