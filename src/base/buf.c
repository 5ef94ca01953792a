/* SPDX-License-Identifier: Apache-2.0 */
/* buf_reserve() is where memory grows, by doubling; all others write behind `len` once it has made room. */
#include "base/buf.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_wipe(struct buf *b)
{
    if (b->data != NULL)
        explicit_bzero(b->data, b->cap);
    buf_free(b);
}

void buf_free(struct buf *b)
{
    free(b->data);
    *b = (struct buf){ 0 };
}

uint8_t *buf_reserve(struct buf *b, size_t n)
{
    if (b->cap - b->len < n || b->data == NULL) {
        size_t cap = b->cap ? b->cap * 2 : 256;

        while (cap - b->len < n)
            cap *= 2;
        b->data = mem_realloc(b->data, cap);
        b->cap = cap;
    }
    return b->data + b->len;
}

void buf_append(struct buf *b, const void *data, size_t len)
{
    if (len == 0)
        return;
    memcpy(buf_reserve(b, len), data, len);
    b->len += len;
}

void buf_puts(struct buf *b, const char *s)
{
    buf_append(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf((char *)buf_reserve(b, 128), 128, fmt, args);
    va_end(args);
    if (n >= 128) {
        va_start(args, fmt);
        vsnprintf((char *)buf_reserve(b, (size_t)n + 1), (size_t)n + 1, fmt, args);
        va_end(args);
    }
    if (n > 0)
        b->len += (size_t)n;
}

const char *buf_cstr(struct buf *b)
{
    *buf_reserve(b, 1) = 0;
    return (const char *)b->data;
}
