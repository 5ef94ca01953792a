/* SPDX-License-Identifier: Apache-2.0 */
/* A head is scanned for its end first, byte by byte as it comes, and parsed when it is whole: line after line, each
 * field checked against a table of the bytes that it may hold. Parsing writes into the head's own memory, to fold
 * names. */
#include "net/http1/http1.h"

#include <stdio.h>

/* Classes of bytes, RFC 9110 5.6.2 and RFC 3986. */
enum { TOKEN = 1, TARGET = 2, VALUE = 4, HOST = 8, DIGIT = 16, HEX = 32 };

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic" /* ranges in the table */
static const uint8_t classes[256] = {
    ['\t'] = VALUE,
    [' '] = VALUE,
    ['"'] = VALUE | TARGET,
    ['('] = VALUE | TARGET | HOST,
    [')'] = VALUE | TARGET | HOST,
    [','] = VALUE | TARGET | HOST,
    ['/'] = VALUE | TARGET,
    [':'] = VALUE | TARGET | HOST,
    [';'] = VALUE | TARGET | HOST,
    ['<'] = VALUE | TARGET,
    ['='] = VALUE | TARGET | HOST,
    ['>'] = VALUE | TARGET,
    ['?'] = VALUE | TARGET,
    ['@'] = VALUE | TARGET,
    ['['] = VALUE | TARGET | HOST,
    [']'] = VALUE | TARGET | HOST,
    ['\\'] = VALUE | TARGET,
    ['{'] = VALUE | TARGET,
    ['}'] = VALUE | TARGET,
    ['#'] = VALUE | TOKEN,
    ['`'] = VALUE | TARGET | TOKEN,
    ['^'] = VALUE | TARGET | TOKEN,
    ['|'] = VALUE | TARGET | TOKEN,
    ['!'] = VALUE | TARGET | TOKEN | HOST,
    ['$'] = VALUE | TARGET | TOKEN | HOST,
    ['%'] = VALUE | TARGET | TOKEN | HOST,
    ['&'] = VALUE | TARGET | TOKEN | HOST,
    ['\''] = VALUE | TARGET | TOKEN | HOST,
    ['*'] = VALUE | TARGET | TOKEN | HOST,
    ['+'] = VALUE | TARGET | TOKEN | HOST,
    ['-'] = VALUE | TARGET | TOKEN | HOST,
    ['.'] = VALUE | TARGET | TOKEN | HOST,
    ['_'] = VALUE | TARGET | TOKEN | HOST,
    ['~'] = VALUE | TARGET | TOKEN | HOST,
    ['0' ... '9'] = VALUE | TARGET | TOKEN | HOST | DIGIT | HEX,
    ['A' ... 'F'] = VALUE | TARGET | TOKEN | HOST | HEX,
    ['G' ... 'Z'] = VALUE | TARGET | TOKEN | HOST,
    ['a' ... 'f'] = VALUE | TARGET | TOKEN | HOST | HEX,
    ['g' ... 'z'] = VALUE | TARGET | TOKEN | HOST,
    [0x80 ... 0xff] = VALUE,
};
#pragma GCC diagnostic pop

static bool all_of_class(struct bytes s, int class)
{
    for (size_t i = 0; i < s.len; i++)
        if (!(classes[s.data[i]] & class))
            return false;
    return true;
}

static int refuse_head(struct http1_fault *fault, int status, const char *text)
{
    *fault = (struct http1_fault){ status, text, false };
    return -1;
}

ssize_t http1_scan(struct http1_scan *scan, struct bytes data)
{
    if (data.len > 0 && !(classes[data.data[0]] & TOKEN))
        return -1;
    while (scan->seen < data.len) {
        const uint8_t *lf = memchr(data.data + scan->seen, '\n', data.len - scan->seen);
        size_t at;

        if (lf == NULL) {
            scan->seen = data.len;
            break;
        }
        at = (size_t)(lf - data.data);
        if (at == scan->line || data.data[at - 1] != '\r')
            return -1;
        scan->lines++;
        scan->seen = at + 1;
        if (at == scan->line + 1)
            return (ssize_t)scan->seen;
        scan->line = scan->seen;
    }
    return 0;
}

/* The next line without its CR LF; the scan has seen that there is one. */
static struct bytes take_line(struct bytes *rest)
{
    const uint8_t *lf = memchr(rest->data, '\n', rest->len);
    struct bytes line = bytes_of(rest->data, (size_t)(lf - rest->data) - 1);

    *rest = bytes_of(lf + 1, rest->len - line.len - 2);
    return line;
}

/* What stands before `stop`; the rest begins after it. False when there is no `stop`. */
static bool take_until(struct bytes *rest, char stop, struct bytes *part)
{
    const uint8_t *at = rest->len ? memchr(rest->data, stop, rest->len) : NULL;

    if (at == NULL)
        return false;
    *part = bytes_of(rest->data, (size_t)(at - rest->data));
    *rest = bytes_of(at + 1, rest->len - part->len - 1);
    return true;
}

/* "HTTP/1.x". Later minor versions speak 1.1 to us (RFC 9110 2.5). */
static int parse_version(struct http1_head *h, struct bytes v, struct http1_fault *fault)
{
    if (v.len != 8 || memcmp(v.data, "HTTP/", 5) != 0 || !(classes[v.data[5]] & DIGIT) || v.data[6] != '.' ||
        !(classes[v.data[7]] & DIGIT))
        return refuse_head(fault, 400, "the line must hold one HTTP version, such as HTTP/1.1");
    if (v.data[5] != '1')
        return refuse_head(fault, 505, "only HTTP/1.0, HTTP/1.1 and HTTP/2 with prior knowledge are spoken here");
    h->minor = v.data[7] == '0' ? 0 : 1;
    return 0;
}

/* Origin form, absolute form, or the asterisk (RFC 9112 3.2). */
static int parse_target(struct http1_head *h, struct bytes target, struct http1_fault *fault)
{
    struct bytes rest = target, host = { 0 };

    if (target.len == 0 || !all_of_class(target, TARGET))
        return refuse_head(fault, 400, "the request target is empty or holds bytes that must be percent-encoded");
    if (target.data[0] != '/' && !bytes_is(target, "*")) {
        size_t skip = 7;

        if (target.len > 8 && bytes_equal_nocase(bytes_of(target.data, 8), bytes_str("https://")))
            skip = 8;
        else if (target.len <= 7 || !bytes_equal_nocase(bytes_of(target.data, 7), bytes_str("http://")))
            return refuse_head(fault, 400, "the request target must be a path beginning with / or an http:// address");
        rest = bytes_of(target.data + skip, target.len - skip);
        while (host.len < rest.len && rest.data[host.len] != '/' && rest.data[host.len] != '?')
            host.len++;
        host.data = rest.data;
        rest = bytes_of(rest.data + host.len, rest.len - host.len);
        if (host.len == 0 || !all_of_class(host, HOST))
            return refuse_head(fault, 400, "the request target names no valid host");
        h->authority = host;
    }
    if (!take_until(&rest, '?', &h->path)) {
        h->path = rest;
        rest = bytes_of(NULL, 0);
    }
    h->query = rest;
    if (h->path.len == 0)
        h->path = bytes_str("/");
    return 0;
}

static int parse_request_line(struct http1_head *h, struct bytes line, struct http1_fault *fault)
{
    struct bytes target;

    if (!take_until(&line, ' ', &h->method) || h->method.len == 0 || !all_of_class(h->method, TOKEN))
        return refuse_head(fault, 400, "the request line must begin with a method and one space");
    if (!take_until(&line, ' ', &target))
        return refuse_head(fault, 400, "the request line must be: method, one space, target, one space, version");
    if (parse_version(h, line, fault) != 0) {
        fault->foreign = line.len < 5 || memcmp(line.data, "HTTP/", 5) != 0;
        return -1;
    }
    if (bytes_is(h->method, "CONNECT"))
        return refuse_head(fault, 501, "CONNECT is not implemented");
    return parse_target(h, target, fault);
}

static int parse_status_line(struct http1_head *h, struct bytes line, struct http1_fault *fault)
{
    struct bytes version;

    if (!take_until(&line, ' ', &version) || parse_version(h, version, fault) != 0)
        return refuse_head(fault, 400, "the status line must begin with HTTP/1.1 and one space");
    if (line.len < 3 || !all_of_class(bytes_of(line.data, 3), DIGIT) || line.data[0] == '0' ||
        (line.len > 3 && line.data[3] != ' ') || !all_of_class(line, VALUE))
        return refuse_head(fault, 400, "the status must be three digits");
    h->status = (line.data[0] - '0') * 100 + (line.data[1] - '0') * 10 + (line.data[2] - '0');
    return 0;
}

/* `head`: what the line is of. The name is folded to lower case in it. */
static int parse_header(struct http_header *h, uint8_t *head, struct bytes line, struct http1_fault *fault)
{
    uint8_t *name;

    if (line.data[0] == ' ' || line.data[0] == '\t')
        return refuse_head(fault, 400, "a header line begins with a space (folded lines are obsolete)");
    if (!take_until(&line, ':', &h->name) || h->name.len == 0 || !all_of_class(h->name, TOKEN))
        return refuse_head(fault, 400, "a header line must be a name, a colon at once, and a value");
    h->value = bytes_trim(line);
    if (!all_of_class(h->value, VALUE))
        return refuse_head(fault, 400, "a header value holds a control character");
    name = head + (h->name.data - head);
    for (size_t i = 0; i < h->name.len; i++)
        if (name[i] >= 'A' && name[i] <= 'Z')
            name[i] |= 0x20;
    return 0;
}

static int parse_length(struct http1_head *h, struct bytes v, struct http1_fault *fault)
{
    uint64_t n;

    if (!bytes_decimal(v, &n))
        return refuse_head(fault, 400, "Content-Length must be one plain number");
    if (h->content_length >= 0 && h->content_length != (int64_t)n)
        return refuse_head(fault, 400, "two Content-Length headers differ");
    h->content_length = (int64_t)n;
    return 0;
}

struct seen {
    unsigned hosts, encodings;
    bool close, keep_alive; /* tokens of Connection */
};

static void parse_connection(struct seen *seen, struct bytes v)
{
    struct bytes token;

    for (bool more = true; more;) {
        more = take_until(&v, ',', &token);
        token = bytes_trim(more ? token : v);
        seen->close |= bytes_equal_nocase(token, bytes_str("close"));
        seen->keep_alive |= bytes_equal_nocase(token, bytes_str("keep-alive"));
    }
}

/* What a header means for framing and the connection; the others are the service's. */
static int note_header(struct http1_head *h, const struct http_header *f, struct seen *seen, struct http1_fault *fault)
{
    if (bytes_is(f->name, "content-length"))
        return parse_length(h, f->value, fault);
    if (bytes_is(f->name, "transfer-encoding")) {
        if (seen->encodings++ > 0 || !bytes_equal_nocase(f->value, bytes_str("chunked")))
            return refuse_head(fault, 501, "the only Transfer-Encoding understood is chunked, once");
        h->chunked = true;
    } else if (bytes_is(f->name, "connection")) {
        parse_connection(seen, f->value);
    } else if (bytes_is(f->name, "host")) {
        if (seen->hosts++ > 0 || !all_of_class(f->value, HOST))
            return refuse_head(fault, 400, "there must be one Host header with a host and maybe a port");
        if (h->authority.len == 0)
            h->authority = f->value;
    } else if (bytes_is(f->name, "expect")) {
        if (!bytes_equal_nocase(f->value, bytes_str("100-continue")))
            return refuse_head(fault, 417, "the only Expect understood is 100-continue");
        h->expect_continue = h->minor > 0;
    }
    return 0;
}

static int parse_headers(struct http1_head *h, uint8_t *head, struct bytes rest, size_t max, struct seen *seen,
                         struct http1_fault *fault)
{
    for (;;) {
        struct bytes line = take_line(&rest);
        struct http_header *f = &h->headers[h->n_headers];

        if (line.len == 0)
            break;
        if (h->n_headers == max)
            return refuse_head(fault, 431, "too many header lines");
        if (parse_header(f, head, line, fault) != 0 || note_header(h, f, seen, fault) != 0)
            return -1;
        h->n_headers++;
    }
    h->keep_alive = !seen->close && (h->minor > 0 || seen->keep_alive);
    if (h->chunked && h->content_length >= 0)
        return refuse_head(fault, 400, "a message cannot have both Content-Length and Transfer-Encoding");
    if (h->chunked && h->minor == 0)
        return refuse_head(fault, 400, "HTTP/1.0 has no Transfer-Encoding");
    return 0;
}

/* Nothing is known of it yet. */
static void begin_head(struct http1_head *h, struct http_header *headers)
{
    *h = (struct http1_head){ .headers = headers, .content_length = -1 };
}

int http1_parse_request(struct http1_head *out, uint8_t *data, size_t len, struct http_header *headers, size_t max,
                        struct http1_fault *fault)
{
    struct bytes rest = bytes_of(data, len);
    struct seen seen = { 0 };

    begin_head(out, headers);
    if (parse_request_line(out, take_line(&rest), fault) != 0)
        return -1;
    if (parse_headers(out, data, rest, max, &seen, fault) != 0)
        return -1;
    if (out->minor > 0 && seen.hosts == 0)
        return refuse_head(fault, 400, "HTTP/1.1 requires a Host header");
    return 0;
}

int http1_parse_response(struct http1_head *out, uint8_t *data, size_t len, struct http_header *headers, size_t max,
                         struct http1_fault *fault)
{
    struct bytes rest = bytes_of(data, len);
    struct seen seen = { 0 };

    begin_head(out, headers);
    if (parse_status_line(out, take_line(&rest), fault) != 0)
        return -1;
    return parse_headers(out, data, rest, max, &seen, fault);
}

int http1_parse_trailers(uint8_t *data, size_t len, struct http_header *headers, size_t max)
{
    struct bytes rest = bytes_of(data, len);
    struct http1_fault fault;
    size_t n = 0;

    for (; rest.len > 0; n++)
        if (n == max || parse_header(&headers[n], data, take_line(&rest), &fault) != 0)
            return -1;
    return (int)n;
}

const char *http1_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        { 100, "Continue" },
        { 200, "OK" },
        { 202, "Accepted" },
        { 204, "No Content" },
        { 301, "Moved Permanently" },
        { 302, "Found" },
        { 304, "Not Modified" },
        { 307, "Temporary Redirect" },
        { 308, "Permanent Redirect" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 406, "Not Acceptable" },
        { 407, "Proxy Authentication Required" },
        { 408, "Request Timeout" },
        { 413, "Content Too Large" },
        { 415, "Unsupported Media Type" },
        { 417, "Expectation Failed" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
        { 505, "HTTP Version Not Supported" },
    };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "";
}

void http1_put_status(struct buf *to, int minor, int status)
{
    buf_printf(to, "HTTP/1.%d %03d %s\r\n", minor, status, http1_reason(status));
}

void http1_put_header(struct buf *to, struct bytes name, struct bytes value)
{
    uint8_t *p = buf_reserve(to, name.len + value.len + 4);

    memcpy(p, name.data, name.len);
    p += name.len;
    *p++ = ':';
    *p++ = ' ';
    for (size_t i = 0; i < value.len; i++)
        *p++ = value.data[i] == '\r' || value.data[i] == '\n' || value.data[i] == 0 ? ' ' : value.data[i];
    *p++ = '\r';
    *p++ = '\n';
    to->len += name.len + value.len + 4;
}

void http1_put_end(struct buf *to)
{
    buf_append(to, "\r\n", 2);
}

void http1_put_chunk(struct buf *to, struct bytes data)
{
    char size[20];

    if (data.len == 0)
        return; /* a chunk of size 0 would end the body */
    buf_append(to, size, (size_t)snprintf(size, sizeof(size), "%zx\r\n", data.len));
    buf_put(to, data);
    buf_append(to, "\r\n", 2);
}

void http1_put_last_chunk(struct buf *to)
{
    buf_append(to, "0\r\n\r\n", 5);
}
