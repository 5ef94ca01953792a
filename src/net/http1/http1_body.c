/* SPDX-License-Identifier: Apache-2.0 */
/* The bodies of HTTP/1.1 messages: by length, in chunks, or until the connection ends. http1_body_read() is given what
 * has arrived and says how much of it was used, and which run of it is content; so a body passes in as many steps as it
 * comes in, without a copy. In chunks the framing is read byte by byte, by the states below, and the data between in
 * runs.
 *
 * What can go wrong: framing that is not as RFC 9112 has it, a size that is too long, or extensions and trailers
 * without end: the body is malformed, and the connection with it, for nobody knows where it ends. */
#include "net/http1/http1.h"

#include "codec/base64.h"

#define MAX_SIZE_DIGITS 15         /* of a chunk size, leading zeros included: below 2^60 */
#define MAX_OVERHEAD (16 * 1024ul) /* bytes of chunk extensions and trailers of one body */

enum {
    SIZE,      /* hexadecimal digits */
    EXTENSION, /* ";..." to the end of the line; discarded */
    SIZE_LF,   /* LF of the size line */
    DATA,      /* `left` bytes */
    DATA_CR,   /* CR LF behind them */
    DATA_LF,
    TRAILER,    /* first byte of a trailer line, or of the blank one */
    TRAILER_IN, /* inside a trailer line */
    TRAILER_LF, /* its LF */
    LAST_LF,    /* LF of the blank line: the end */
};

void http1_body_init(struct http1_body *b, enum http1_framing framing, uint64_t length)
{
    *b = (struct http1_body){ .framing = framing, .state = SIZE, .left = length };
    b->done = framing == HTTP1_EMPTY || (framing == HTTP1_LENGTH && length == 0);
}

static bool is_text(uint8_t c)
{
    return c == '\t' || (c >= 0x20 && c != 0x7f);
}

/* A byte of the size, or what follows it. */
static bool read_size(struct http1_body *b, uint8_t c)
{
    if (hex_digit(c) >= 0) {
        b->left = b->left * 16 + (uint64_t)hex_digit(c);
        return ++b->digits <= MAX_SIZE_DIGITS;
    }
    if (b->digits == 0)
        return false;
    b->digits = 0;
    b->state = c == '\r' ? SIZE_LF : EXTENSION;
    return c == '\r' || c == ';';
}

/* A byte of text that is thrown away, up to its CR. */
static bool skip_text(struct http1_body *b, uint8_t c, int after)
{
    if (c == '\r') {
        b->state = after;
        return true;
    }
    return is_text(c) && ++b->overhead <= MAX_OVERHEAD;
}

static bool expect_byte(struct http1_body *b, uint8_t c, uint8_t wanted, int after)
{
    b->state = after;
    return c == wanted;
}

/* A byte of a trailer's line, not of the blank one that ends them. */
static void keep_trailer(struct http1_body *b, uint8_t c)
{
    if (b->trailers != NULL && ((b->state == TRAILER && c != '\r') || b->state == TRAILER_IN || b->state == TRAILER_LF))
        buf_putc(b->trailers, (char)c);
}

/* One byte of the framing around the data. */
static bool step_framing(struct http1_body *b, uint8_t c)
{
    switch (b->state) {
    case SIZE:
        return read_size(b, c);
    case EXTENSION:
        return skip_text(b, c, SIZE_LF);
    case SIZE_LF:
        return expect_byte(b, c, '\n', b->left > 0 ? DATA : TRAILER);
    case DATA_CR:
        return expect_byte(b, c, '\r', DATA_LF);
    case DATA_LF:
        return expect_byte(b, c, '\n', SIZE);
    case TRAILER:
        if (c == ' ' || c == '\t' || c == ':')
            return false;
        b->state = TRAILER_IN;
        return skip_text(b, c, LAST_LF);
    case TRAILER_IN:
        return skip_text(b, c, TRAILER_LF);
    case TRAILER_LF:
        return expect_byte(b, c, '\n', TRAILER);
    default: /* LAST_LF */
        b->done = true;
        return c == '\n';
    }
}

static struct bytes take_data(struct http1_body *b, struct bytes in)
{
    if (in.len > b->left)
        in.len = (size_t)b->left;
    b->left -= in.len;
    return in;
}

static ssize_t read_chunked(struct http1_body *b, struct bytes in, struct bytes *run, struct http1_fault *fault)
{
    size_t i = 0;

    while (i < in.len && !b->done) {
        if (b->state == DATA) {
            *run = take_data(b, bytes_of(in.data + i, in.len - i));
            if (b->left == 0)
                b->state = DATA_CR;
            return (ssize_t)(i + run->len);
        }
        keep_trailer(b, in.data[i]);
        if (!step_framing(b, in.data[i++])) {
            *fault = (struct http1_fault){ 400, "the chunked body is malformed", false };
            return -1;
        }
    }
    return (ssize_t)i;
}

ssize_t http1_body_read(struct http1_body *b, struct bytes in, struct bytes *run, struct http1_fault *fault)
{
    *run = bytes_of(in.data, 0);
    if (b->done)
        return 0;
    switch (b->framing) {
    case HTTP1_CHUNKED:
        return read_chunked(b, in, run, fault);
    case HTTP1_LENGTH:
        *run = take_data(b, in);
        b->done = b->left == 0;
        return (ssize_t)run->len;
    default:
        *run = in;
        return (ssize_t)in.len;
    }
}
