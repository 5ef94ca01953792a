/* SPDX-License-Identifier: Apache-2.0 */
/* What a subject must have in it for a pattern to match at all: one of some texts. Who has hundreds of patterns looks
 * for those first, and compiles and runs few of them. */
#ifndef CODEC_REGEX_NEEDS_H
#define CODEC_REGEX_NEEDS_H

#include "base/buf.h"

#define REGEX_MAX_NEEDS 48u
#define REGEX_LEAST_NEED 3u /* bytes */

struct regex_needs {
    struct buf text; /* one behind the other, ASCII letters lower */
    uint32_t ends[REGEX_MAX_NEEDS];
    uint32_t n; /* 0: nothing is known, it may match anything */
};

/* Of a pattern that compiles; `fold`: it is matched without case. */
void regex_needs_read(struct regex_needs *needs, struct bytes pattern, bool fold);
void regex_needs_free(struct regex_needs *needs);

static inline struct bytes regex_need(const struct regex_needs *needs, uint32_t i)
{
    uint32_t from = i > 0 ? needs->ends[i - 1] : 0;

    return bytes_of(needs->text.data + from, needs->ends[i] - from);
}

/* Has the subject, whose ASCII letters are lower, what is needed? */
bool regex_needs_met(const struct regex_needs *needs, struct bytes lower);

#endif
