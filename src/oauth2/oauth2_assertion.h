/* SPDX-License-Identifier: Apache-2.0 */
/* A signed statement of who we are, which a token endpoint takes in place of a secret (RFC 7523 2.1): a JSON web token,
 * signed with an RSA key (RFC 7515, RS256 and the like). */
#ifndef OAUTH2_ASSERTION_H
#define OAUTH2_ASSERTION_H

#include "base/buf.h"
#include "base/error.h"
#include "config/yaml.h"

/* In the order of their names below. */
enum assertion_algorithm { ASSERTION_RS256, ASSERTION_RS384, ASSERTION_RS512 };

extern const char *const assertion_algorithms[];

struct oauth2_assertion {
    enum assertion_algorithm algorithm;
    const char *key_id;             /* for its head; "": none */
    const char *iss, *sub, *aud;    /* who says it, of whom, to whom */
    const char *scope;              /* "": none */
    const struct yaml_node *claims; /* further ones, which go before ours; a map, or NULL */
    uint64_t now;                   /* wall, seconds; it holds for ten minutes */
};

/* Appended. `key`: PEM, PKCS#1 or PKCS#8. A negative errno and `err` when it is none to sign with; about a millisecond
 * for one of 2048 bits. */
int oauth2_assertion_put(struct buf *out, const struct oauth2_assertion *a, const char *key, struct error *err);

/* Is it a key to sign with? */
int oauth2_assertion_check_key(const char *key, struct error *err);

#endif
