/* SPDX-License-Identifier: Apache-2.0 */
/* Paths whose segments that are no words, numbers and ids above all, become `*`, so that there are few of them. */
#ifndef PROCESSOR_REDACTION_URL_SANITIZER_H
#define PROCESSOR_REDACTION_URL_SANITIZER_H

#include "base/buf.h"
#include "config/option.h"

struct url_sanitizer_config {
    bool enabled, sanitize_span_name;
    struct strings attributes;
};

extern const struct option url_sanitizer_rows[];

/* Append the path without what follows a `?`, `&` or `#`. Of each segment, but that in front of such a sign: other
 * characters than letters, `-`, `_`, `.` and blanks make it a `*`, save for one in the second place (v1), and so do
 * letters that follow each other as in no word. Behind the tenth `/` the path is cut off. */
void url_sanitize(struct bytes path, struct buf *out);

/* Do the letters of it follow each other as in words? */
bool url_is_word(struct bytes text);

bool url_sanitizes(const struct url_sanitizer_config *c, struct bytes key); /* an attribute of this key? */

/* A name of stars and slashes alone says nothing. */
bool url_says_nothing(struct bytes name);

#endif
