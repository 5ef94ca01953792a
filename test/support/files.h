/* SPDX-License-Identifier: Apache-2.0 */
/* Files that tests write. */
#ifndef SUPPORT_FILES_H
#define SUPPORT_FILES_H

#include "base/bytes.h"

#include <check.h>
#include <stdio.h>

static inline void file_put_bytes(const char *path, struct bytes content)
{
    FILE *f = fopen(path, "wb");

    ck_assert_msg(f != NULL, "cannot write %s", path);
    ck_assert_uint_eq(fwrite(content.data, 1, content.len, f), content.len);
    ck_assert_int_eq(fclose(f), 0);
}

static inline void file_put(const char *path, const char *text)
{
    file_put_bytes(path, bytes_str(text));
}

#endif
