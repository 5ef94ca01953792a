/* SPDX-License-Identifier: Apache-2.0 */
/* Heads are gathered until one is no 1xx, then the body's framing is known and its bytes are kept up to the bound. What
 * is behind the end means that the peer does not count as we do: the connection is not used again. */
#include "net/http1/response_reader.h"

#include "base/loop/clock.h"
#include "net/message/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define HEAD_MAX (64 * 1024ul)
#define INTERIM_MAX 16             /* answers of 1xx before the one that counts */
#define THROWN_MAX (1024 * 1024ul) /* of a body that is longer than what is kept */

void response_reader_free(struct response_reader *a)
{
    buf_free(&a->head_bytes);
    buf_free(&a->body);
    buf_free(&a->trailer_bytes);
}

void response_reader_begin(struct response_reader *a, size_t max_body, void (*on_body)(void *arg, struct bytes data),
                           void *arg)
{
    a->head_bytes.len = a->body.len = a->trailer_bytes.len = 0;
    a->n_trailers = 0;
    a->on_body = on_body;
    a->arg = arg;
    a->left = false;
    a->passed = 0;
    a->scan = (struct http1_scan){ 0 };
    a->has_head = a->heard = false;
    a->max_body = max_body;
    a->interim = 0;
    a->thrown = 0;
}

static enum http1_framing framing_of(const struct http1_head *h)
{
    if (h->status == 204 || h->status == 304 || h->content_length == 0)
        return HTTP1_EMPTY;
    if (h->chunked)
        return HTTP1_CHUNKED;
    return h->content_length > 0 ? HTTP1_LENGTH : HTTP1_UNTIL_CLOSE;
}

/* Can what has come go on as a status line? Who speaks another protocol may never come to the end of a head. */
static bool may_be_answer(struct bytes head)
{
    static const struct bytes begin = BYTES_LIT("HTTP/1.");

    return memcmp(head.data, begin.data, head.len < begin.len ? head.len : begin.len) == 0;
}

/* -1: broken. 0: the head goes on. Else its length. */
static ssize_t read_head(struct response_reader *a)
{
    struct bytes head = buf_bytes(&a->head_bytes);
    struct http1_fault fault;
    ssize_t len;

    if (http_spoken_by(head) == HTTP_SPOKEN_NOTHING) /* whose first bytes these are is told when there are more */
        return 0;
    len = may_be_answer(head) ? http1_scan(&a->scan, head) : -1;
    if (len <= 0)
        return len < 0 || a->head_bytes.len > HEAD_MAX ? -1 : 0;
    if (http1_parse_response(&a->head, a->head_bytes.data, (size_t)len, a->headers, HTTP1_MAX_HEADERS, &fault) != 0)
        return -1;
    return len;
}

/* Heads, the last of which counts. *data is what follows it. */
static enum response_progress take_heads(struct response_reader *a, struct bytes *data, const char **why)
{
    while (!a->has_head) {
        size_t before = a->head_bytes.len;
        ssize_t len;

        buf_put(&a->head_bytes, *data);
        len = read_head(a);
        if (len < 0) {
            *why = "the answer is not HTTP/1.1";
            return RESPONSE_BROKEN;
        }
        if (len == 0)
            break;
        *data = bytes_skip(*data, (size_t)len - before);
        if (a->head.status >= 200) {
            a->has_head = true;
            a->head_bytes.len = (size_t)len;
            http1_body_init(&a->reader, framing_of(&a->head),
                            a->head.content_length > 0 ? (uint64_t)a->head.content_length : 0);
            a->reader.trailers = &a->trailer_bytes;
            break;
        }
        if (++a->interim > INTERIM_MAX) {
            *why = "the answer is one 1xx after another";
            return RESPONSE_BROKEN;
        }
        a->head_bytes.len = 0;
        a->scan = (struct http1_scan){ 0 };
        if (data->len == 0)
            break;
    }
    return RESPONSE_GOES_ON;
}

static void keep_run(struct response_reader *a, struct bytes run)
{
    size_t room = a->max_body > a->body.len ? a->max_body - a->body.len : 0;

    if (run.len > room) {
        a->thrown += run.len - room;
        run.len = room;
    }
    buf_put(&a->body, run);
}

/* False: it is more than was asked for. */
static bool pass_run(struct response_reader *a, struct bytes run)
{
    a->passed += run.len;
    if (a->passed > a->max_body)
        return false;
    if (run.len > 0)
        a->on_body(a->arg, run);
    return true;
}

static bool take_trailers(struct response_reader *a)
{
    int n = http1_parse_trailers(a->trailer_bytes.data, a->trailer_bytes.len, a->trailers, RESPONSE_TRAILERS);

    a->n_trailers = n > 0 ? (size_t)n : 0;
    return n >= 0;
}

static enum response_progress take_body(struct response_reader *a, struct bytes data, const char **why)
{
    while (!a->reader.done && !a->left) {
        struct http1_fault fault = { 0 };
        struct bytes run = { 0 };
        ssize_t used = http1_body_read(&a->reader, data, &run, &fault);

        *why = used < 0 ? fault.text : "the answer is larger than was asked for";
        if (used < 0 || (a->on_body != NULL && !pass_run(a, run)))
            return RESPONSE_BROKEN;
        if (a->on_body == NULL)
            keep_run(a, run);
        data = bytes_skip(data, (size_t)used);
        if (used == 0)
            break;
    }
    if (a->left)
        return RESPONSE_GOES_ON;
    *why = "a trailer of the answer is malformed, or there are too many";
    if (a->reader.done && !take_trailers(a))
        return RESPONSE_BROKEN;
    if (a->reader.done && data.len > 0)
        a->head.keep_alive = false; /* more than an answer: whatever it is, nobody asked for it */
    return a->reader.done || a->thrown > THROWN_MAX ? RESPONSE_DONE : RESPONSE_GOES_ON;
}

enum response_progress response_reader_take(struct response_reader *a, struct bytes data, const char **why)
{
    enum response_progress progress;

    a->heard = true;
    progress = take_heads(a, &data, why);
    return progress == RESPONSE_GOES_ON && a->has_head ? take_body(a, data, why) : progress;
}

enum response_progress response_reader_end(struct response_reader *a)
{
    if (!a->has_head || a->reader.framing != HTTP1_UNTIL_CLOSE)
        return RESPONSE_BROKEN;
    a->reader.done = true;
    return RESPONSE_DONE;
}

bool response_reader_reusable(const struct response_reader *a)
{
    return a->head.keep_alive && a->reader.done && a->reader.framing != HTTP1_UNTIL_CLOSE;
}

/* ---- dates ---- */

static const char *const months[] = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
};

/* IMF-fixdate: "Sun, 06 Nov 1994 08:49:37 GMT". */
static bool read_date(const char *text, time_t *t)
{
    struct tm tm = { 0 };
    char month[4];

    if (sscanf(text, "%*3s, %2d %3s %4d %2d:%2d:%2d GMT", &tm.tm_mday, month, &tm.tm_year, &tm.tm_hour, &tm.tm_min,
               &tm.tm_sec) != 6)
        return false;
    for (tm.tm_mon = 0; tm.tm_mon < 12 && strcmp(months[tm.tm_mon], month) != 0; tm.tm_mon++)
        ;
    if (tm.tm_mon == 12)
        return false;
    tm.tm_year -= 1900;
    *t = timegm(&tm);
    return true;
}

bool http_date(struct bytes value, int64_t *seconds)
{
    char text[40];
    time_t date;

    if (value.len == 0 || value.len >= sizeof(text))
        return false;
    snprintf(text, sizeof(text), "%.*s", (int)value.len, (const char *)value.data);
    if (!read_date(text, &date))
        return false;
    *seconds = (int64_t)date;
    return true;
}

uint64_t http_retry_after(struct bytes value, uint64_t now)
{
    char text[40];
    uint64_t seconds = 0;
    time_t date;

    if (value.len == 0 || value.len >= sizeof(text))
        return 0;
    snprintf(text, sizeof(text), "%.*s", (int)value.len, (const char *)value.data);
    if (text[strspn(text, "0123456789")] == '\0') {
        seconds = strtoull(text, NULL, 10);
        return (seconds < 86400 ? seconds : 86400) * 1000;
    }
    if (!read_date(text, &date) || date < 0 || (uint64_t)date * NS_PER_S <= now)
        return 0;
    seconds = (uint64_t)date - now / NS_PER_S;
    return (seconds < 86400 ? seconds : 86400) * 1000;
}
