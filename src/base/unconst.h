/* SPDX-License-Identifier: Apache-2.0 */
/* The two reasons to take const away, so that each use says which it is. */
#ifndef BASE_UNCONST_H
#define BASE_UNCONST_H

#include <stdint.h>
#include <stdlib.h>

/* For an interface of somebody else's that has no const and only reads there: iovec, uv_buf_t, nghttp2, zlib, OpenSSL,
 * execv. What a library may write to goes nowhere near it. */
static inline void *unconst(const void *p)
{
    return (void *)(uintptr_t)p;
}

/* Frees what its owner made, and shows to others as const: their pointers end with it. */
static inline void free_const(const void *p)
{
    free(unconst(p));
}

#endif
