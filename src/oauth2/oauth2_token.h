/* SPDX-License-Identifier: Apache-2.0 */
/* What a token endpoint answers: a token (RFC 6749 5.1), or why there is none (5.2). */
#ifndef OAUTH2_TOKEN_H
#define OAUTH2_TOKEN_H

#include "base/buf.h"

#include <stdbool.h>

/* A zeroed one is empty. */
struct oauth2_token {
    struct buf access_token, token_type, error, description;
    double expires_in; /* seconds; 0: not said */
};

/* The fields of an answer. False: it is no JSON object; what was read before is there. */
bool oauth2_token_read(struct bytes answer, struct oauth2_token *t);

/* Why it is no token that a header can carry; NULL: it is one. */
const char *oauth2_token_fault(const struct oauth2_token *t);

void oauth2_token_free(struct oauth2_token *t); /* its memory, in which nothing is left to read */

#endif
