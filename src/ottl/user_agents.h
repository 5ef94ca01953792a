/* SPDX-License-Identifier: Apache-2.0 */
/* What programs call themselves in HTTP, told apart by the patterns of the ua-parser project, which distributions
 * package as a file. It is read when a statement needs it, and kept for all statements while one does. Its patterns are
 * compiled when a text first may match them; what was made of the last texts is remembered. */
#ifndef OTTL_USER_AGENTS_H
#define OTTL_USER_AGENTS_H

#include "base/bytes.h"
#include "base/error.h"

#define USER_AGENTS_PACKAGE "uap-core"

struct user_agents;

struct user_agent {
    struct bytes name, version, os_name, os_version; /* valid until the next look */
};

/* Who pays for the work: a step for 64 bytes or so; false: no more. */
struct user_agents_payer {
    bool (*spend)(void *arg, uint64_t steps);
    void *arg;
};

/* The file of the system, once for all who take it; NULL with `err`: it is not there, or not what it should be, and
 * what to do. To be dropped as often. */
struct user_agents *user_agents_take(struct error *err);
void user_agents_drop(struct user_agents *u); /* NULL is fine */

/* The same of a file of one's own, for one user. */
struct user_agents *user_agents_open(const char *path, struct error *err);

/* False: the payer has no more. A text that nobody knows is "Other" without a version. */
bool user_agents_find(struct user_agents *u, struct bytes text, struct user_agents_payer payer,
                      struct user_agent *found);

/* Bytes of the buffers that looks write into: of a long text no longer than until the next look. */
uint64_t user_agents_scratch(const struct user_agents *u);

#endif
