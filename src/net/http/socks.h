/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of SOCKS 5 (RFC 1928, and names and passwords of RFC 1929), without I/O: what is to be said, and
 * what the answers mean. The proxy looks names up. */
#ifndef NET_SOCKS_H
#define NET_SOCKS_H

#include "base/buf.h"

#define SOCKS_TEXT_MAX 255 /* bytes of a name, a user or a password */

enum socks_answer { SOCKS_GREETING, SOCKS_LOGIN, SOCKS_CONNECTING };

struct socks {
    enum socks_answer waits_for; /* changed by expect_answer() alone */
    struct bytes host, port;     /* host: a name, or an address without brackets */
    struct bytes user, password; /* user empty: none */
};

enum socks_step { SOCKS_MORE, SOCKS_OPEN, SOCKS_FAILED };

/* *s is filled in but for `waits_for`; its texts stay. Appends what is said first. */
void socks_begin(struct socks *s, struct buf *out);

/* `in`: what has come and was not used yet. Appends to `out` what is to be said now, and says how many bytes are used.
 * SOCKS_OPEN: what follows them is the origin's. SOCKS_FAILED: *why is a sentence. */
enum socks_step socks_take(struct socks *s, struct bytes in, size_t *used, struct buf *out, const char **why);

#endif
