/* SPDX-License-Identifier: Apache-2.0 */
/* A growing run of bytes that its holder owns: what encoders write into. Growth doubles and never fails;
 * whoever writes bytes of a size that a peer chose checks that size first. A zeroed struct is an empty buf. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/bytes.h"

struct buf {
    uint8_t *data;
    size_t len;
    size_t cap;
};

void buf_free(struct buf *b); /* back to empty, memory given back */
void buf_wipe(struct buf *b); /* the same for what is secret: nothing of it is left in that memory */

/* Room for `n` more bytes; returns where they go. The caller then adds to b->len what it wrote. */
uint8_t *buf_reserve(struct buf *b, size_t n);

void buf_append(struct buf *b, const void *data, size_t len);
void buf_puts(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline void buf_putc(struct buf *b, char c)
{
    *buf_reserve(b, 1) = (uint8_t)c;
    b->len++;
}

static inline void buf_put(struct buf *b, struct bytes s)
{
    buf_append(b, s.data, s.len);
}

static inline struct bytes buf_bytes(const struct buf *b)
{
    return (struct bytes){ b->data, b->len };
}

/* NUL-terminated view of the content (the NUL is not counted); valid until the next write. */
const char *buf_cstr(struct buf *b);

#endif
