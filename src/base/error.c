/* SPDX-License-Identifier: Apache-2.0 */
/* A text that is too long is cut, never lost: error_wrap() puts its words in front of as much of the old text as has
 * room. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *err, int code, const char *fmt, ...)
{
    va_list args;

    if (err == NULL)
        return code;
    err->code = code;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    return code;
}

int error_wrap(struct error *err, const char *fmt, ...)
{
    char old[sizeof(err->text)];
    va_list args;
    int n;

    if (err == NULL)
        return 0;
    memcpy(old, err->text, sizeof(old));
    va_start(args, fmt);
    n = vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    if (n >= 0 && (size_t)n + 3 < sizeof(err->text))
        snprintf(err->text + n, sizeof(err->text) - (size_t)n, ": %.*s", (int)sizeof(err->text) - n - 3, old);
    return err->code;
}
