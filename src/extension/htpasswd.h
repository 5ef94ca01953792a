/* SPDX-License-Identifier: Apache-2.0 */
/* Files of users and passwords as Apache's htpasswd writes them: `user:hash` in each line.
 *
 * Hashes: bcrypt ($2a$, $2b$, $2y$), MD5-crypt ($apr1$, $1$), SHA-crypt ($5$, $6$), yescrypt ($y$) and what else
 * libcrypt knows with a $ in front, {SHA} and {SSHA}. Everything else is the password itself, so that one that begins
 * with $ or {X} has to be hashed. */
#ifndef EXTENSION_HTPASSWD_H
#define EXTENSION_HTPASSWD_H

#include "base/arena.h"
#include "base/error.h"
#include "base/vec.h"

#define HTPASSWD_NAME 255u     /* bytes that a user's name may have */
#define HTPASSWD_PASSWORD 511u /* and a password that is asked about; libcrypt takes no more */

enum htpasswd_kind {
    HTPASSWD_PLAIN,
    HTPASSWD_SHA,   /* {SHA} and base64 */
    HTPASSWD_SSHA,  /* {SSHA} and base64 of digest and salt */
    HTPASSWD_APR1,  /* from here on it takes time on purpose */
    HTPASSWD_CRYPT, /* libcrypt's */
};

struct htpasswd_user {
    struct bytes name;
    const char *hash;
    enum htpasswd_kind kind;
};

/* Zeroed is empty. */
struct htpasswd {
    VEC(struct htpasswd_user) users;
    uint32_t *slots; /* 1 + index in users; open addressing, a power of two, never more than half full; 0 = free */
    size_t n_slots;
    struct arena memory;
};

void htpasswd_free(struct htpasswd *h);

/* Adds what the text says; who is in it twice, or was there before, has the later password. Empty lines and those that
 * begin with # are no users. UV_EINVAL, and the line's number but nothing of what is in it. */
int htpasswd_add(struct htpasswd *h, struct bytes text, struct error *err);

/* NULL: not there. */
const struct htpasswd_user *htpasswd_find(const struct htpasswd *h, struct bytes name);

static inline bool htpasswd_takes_time(enum htpasswd_kind kind)
{
    return kind >= HTPASSWD_APR1;
}

/* What to compare with for somebody who is not there, so that it takes as long; NULL: nobody is there. */
const struct htpasswd_user *htpasswd_decoy(const struct htpasswd *h);

/* Is that the password? Compared to the end. Any thread. */
bool htpasswd_matches(enum htpasswd_kind kind, const char *hash, struct bytes password);

#endif
