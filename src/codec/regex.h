/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions in Go's syntax and meaning, searched by RE2, which Go's own package descends from: in time that
 * grows with the text alone, whatever the pattern (decision 11). Subjects are valid UTF-8. */
#ifndef CODEC_REGEX_H
#define CODEC_REGEX_H

#include "base/buf.h"
#include "base/error.h"

#define REGEX_MAX_PATTERN 65536u
#define REGEX_MAX_GROUPS 64u

struct regex;

/* NULL with `err`: what is wrong, and with which part of it. */
struct regex *regex_new(const char *pattern, struct error *err);
/* The same of bytes, in which there may be a NUL: then it is none. */
struct regex *regex_new_bytes(struct bytes pattern, struct error *err);
/* The same, in about so much memory, what it keeps of searches included; for who has many of them. */
struct regex *regex_new_within(const char *pattern, size_t memory, struct error *err);
void regex_free(struct regex *r); /* NULL is fine */

/* Of its program. A search takes at most the time of so many instructions for each byte that it reads, and for most
 * patterns and subjects far less. */
unsigned regex_size(const struct regex *r);

/* Is there a match anywhere in the subject? */
bool regex_search(struct regex *r, struct bytes subject);

unsigned regex_groups(const struct regex *r);                    /* without the whole */
const char *regex_group_name(const struct regex *r, unsigned i); /* of group i, from 1 on; NULL: it has none */

/* The same, with what the groups have taken: found[0] is the whole match, found[i] group i, without data where it took
 * no part. `found` has room for regex_groups() + 1. */
bool regex_find(struct regex *r, struct bytes subject, struct bytes *found);

/* The first that begins at `from`, at most subject.len, or behind; what stands before is there for ^ and \b. */
bool regex_find_from(struct regex *r, struct bytes subject, size_t from, struct bytes *found);

/* Matches one behind the other, as Go goes through all of them. Zeroed it begins. */
struct regex_walk {
    size_t from;       /* where the next is looked for, by regex_find_from(); past the subject's end there is none */
    size_t begin, end; /* of the match at hand */
    size_t done;       /* the end of the one before that counted */
    bool any;          /* one has counted */
};

/* The whole of a match that was found: does it count? One that is empty, right behind another, does not. What stands
 * between done and begin is between two that count. */
bool regex_walk_take(struct regex_walk *w, struct bytes subject, struct bytes whole);
void regex_walk_done(struct regex_walk *w); /* the match at hand, which counts, is dealt with */

/* Append the text with what was found put in for $1, ${1}, $name and ${name}, as Go's Expand does: a name goes on for
 * as long as it can ($1x is the group "1x"), a group that is not there or took no part is nothing, $$ is a dollar, and
 * a dollar that begins none of these is one. */
void regex_expand(const struct regex *r, struct bytes text, const struct bytes *found, struct buf *out);

#endif
