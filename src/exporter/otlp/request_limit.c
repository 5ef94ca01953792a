/* SPDX-License-Identifier: Apache-2.0 */
/* A refusal lowers the limit to what the peer named, or to half of what it refused, and from the second one on doubles
 * the wait before the next step up. Requests near the limit that are taken raise it by an eighth, one step a wait. */
#include "exporter/otlp/request_limit.h"

#include "base/loop/clock.h"
#include "base/mem.h"

#define LEAST_NAMED 1024 /* a smaller number in a text is no limit of anybody's */
#define WAIT_FIRST (60 * NS_PER_S)
#define WAIT_MOST (3600 * NS_PER_S)

void request_limit_init(struct request_limit *l, uint64_t most)
{
    *l = (struct request_limit){ .most = most, .now = most, .wait = WAIT_FIRST };
}

bool request_limit_refused(struct request_limit *l, uint64_t size, uint64_t named, uint64_t mono)
{
    uint64_t limit = named > 0 && named < size ? named : size / 2;

    if (l->next != 0 && l->wait < WAIT_MOST)
        l->wait *= 2;
    l->next = mono + l->wait;
    if (limit >= l->now || limit == 0)
        return false;
    l->now = limit;
    return true;
}

void request_limit_taken(struct request_limit *l, uint64_t size, uint64_t mono)
{
    if (l->now >= l->most || mono < l->next || size < l->now - l->now / 4)
        return;
    l->now += l->now / 8 + 1;
    if (l->now > l->most)
        l->now = l->most;
    l->next = mono + l->wait;
}

/* The least number in the text: what was sent is named beside it, and is larger. */
static uint64_t least_number(struct bytes text)
{
    uint64_t least = 0;

    for (size_t i = 0; i < text.len;) {
        uint64_t n = 0;
        size_t from = i;

        for (; i < text.len && i - from < 18 && text.data[i] >= '0' && text.data[i] <= '9'; i++)
            n = n * 10 + (uint64_t)(text.data[i] - '0');
        if (n >= LEAST_NAMED && (least == 0 || n < least))
            least = n;
        i += i == from;
    }
    return least;
}

bool request_limit_named(struct bytes text, uint64_t *named)
{
    static const char *const words[] = {
        "larger than max",                             /* grpc-go, C core, grpc-js */
        "exceeds maximum size",                        /* grpc-java */
        "exceeds the maximum configured message size", /* grpc-dotnet */
        "message length too large",                    /* tonic */
        "after decompression",                         /* otelcd, and grpc-go of what inflates too far */
        "larger than the limit",                       /* otelcd */
        "message too large",
        "request too large",
    };
    bool found = false;

    for (size_t i = 0; i < ARRAY_LEN(words) && !found; i++)
        found = bytes_contain_nocase(text, bytes_str(words[i]));
    *named = found ? least_number(text) : 0;
    return found;
}
