/* SPDX-License-Identifier: Apache-2.0 */
/* The basicauth extension's inside: what its files share. Nobody but they include this.
 *
 *     basicauth.c        the component, and what we say of ourselves
 *     password_check.c   who may come in: passwords, compared beside the loop
 *     htpasswd.c         who there is */
#ifndef EXTENSION_BASICAUTH_H
#define EXTENSION_BASICAUTH_H

#include "extension/htpasswd.h"
#include "pipeline/authenticator.h"
#include "pipeline/component.h"

#define REMEMBERED_SETS 256u
#define REMEMBERED_WAYS 4u

/* What became of questions: the label `result` of otelcd_basicauth_questions. */
enum password_result { PASSWORD_MATCHED, PASSWORD_REMEMBERED, PASSWORD_WRONG, PASSWORD_BUSY, PASSWORD_RESULTS };

extern const struct metric_row *const password_metric_rows[]; /* NULL-terminated */

/* A gatekeeper over the users of an htpasswd. */
struct password_checker {
    struct gatekeeper gatekeeper;
    struct loop *loop;
    struct htpasswd users;
    uint8_t key[32]; /* of the digests that are remembered */
    struct remembered {
        uint8_t digest[32];
        uint64_t used; /* 0: free. Else the higher, the later */
    } remembered[REMEMBERED_SETS][REMEMBERED_WAYS];
    uint64_t uses;
    bool compared;                /* what is asked now was compared just before */
    struct list running, waiting; /* of struct password_check */
    size_t n_running, n_waiting, n_questions;
    struct metric *results[PASSWORD_RESULTS];
};

void password_checker_init(struct password_checker *c, struct loop *loop, struct metrics *metrics, const char *id);
void password_checker_close(struct password_checker *c); /* nobody waits for an answer any more */

/* These are the users from now on. Takes what is in `users`. */
void password_checker_use(struct password_checker *c, struct htpasswd *users);

#endif
