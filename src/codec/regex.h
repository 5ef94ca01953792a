/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions in Go's syntax (RE2), searched by PCRE2.
 *
 * What RE2 does not have (backreferences, lookaround, possessive and conditional forms, recursion, verbs) is refused,
 * and what the two read differently ($ before a last newline, \s and \v, repetitions beyond 1000) is translated or
 * refused, so that a pattern means here what it means in the Go collector. Searching is bounded; a search that reaches
 * its bound finds nothing and is counted. Subjects are valid UTF-8. */
#ifndef CODEC_REGEX_H
#define CODEC_REGEX_H

#include "base/buf.h"
#include "base/error.h"

#define REGEX_MAX_PATTERN 65536u
#define REGEX_MAX_GROUPS 64u

struct regex;

/* NULL with `err`: what is wrong, and at which character. */
struct regex *regex_new(const char *pattern, struct error *err);
void regex_free(struct regex *r); /* NULL is fine */

/* Is there a match anywhere in the subject? */
bool regex_search(struct regex *r, struct bytes subject);

unsigned regex_groups(const struct regex *r);                    /* without the whole */
const char *regex_group_name(const struct regex *r, unsigned i); /* of group i, from 1 on; NULL: it has none */

/* The same, with what the groups have taken: found[0] is the whole match, found[i] group i, without data where it took
 * no part. `found` has room for regex_groups() + 1. */
bool regex_find(struct regex *r, struct bytes subject, struct bytes *found);

/* Searches given up because they took too long, all patterns together. */
uint64_t regex_given_up(void);

#endif
