/* SPDX-License-Identifier: Apache-2.0 */
/* Each asks for at least one byte, so that NULL always means that there is no memory, and then the process ends. */
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *check_memory(void *p, size_t size)
{
    if (p == NULL) {
        fprintf(stderr, "otelcd: out of memory asking for %zu bytes\n", size);
        abort();
    }
    return p;
}

void *mem_alloc(size_t size)
{
    return check_memory(malloc(size ? size : 1), size);
}

void *mem_zalloc(size_t size)
{
    return check_memory(calloc(1, size ? size : 1), size);
}

void *mem_realloc(void *p, size_t size)
{
    return check_memory(realloc(p, size ? size : 1), size);
}

char *mem_strdup(const char *s)
{
    size_t n = strlen(s) + 1;

    return memcpy(mem_alloc(n), s, n);
}

char *mem_printf(const char *fmt, ...)
{
    char *s = NULL;
    va_list args;
    int n;

    va_start(args, fmt);
    n = vasprintf(&s, fmt, args);
    va_end(args);
    return check_memory(n < 0 ? NULL : s, 0);
}
