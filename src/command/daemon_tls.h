/* SPDX-License-Identifier: Apache-2.0 */
/* A running daemon asked over TLS: one request on a connected socket. */
#ifndef COMMAND_DAEMON_TLS_H
#define COMMAND_DAEMON_TLS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct tls_question {
    int fd;
    const char *host; /* that the certificate must be valid for */
    const char *ca;   /* a PEM file of CAs; NULL: those of this machine */
    bool verify;
    const char *request;
    int64_t until; /* CLOCK_MONOTONIC, ms: then what has come of the answer is all */
};

/* poll() for `events` on fd. False: it fails, or `until` has passed. */
bool daemon_wait(int fd, short events, int64_t until);

/* Append the answer, at most `most` bytes of it. False: there is none, and `why` says what went wrong. */
bool daemon_ask_tls(const struct tls_question *q, size_t most, struct buf *answer, char *why, size_t why_cap);

#endif
