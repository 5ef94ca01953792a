/* SPDX-License-Identifier: Apache-2.0 */
/* `otelcd healthcheck` over TLS: one request on a connected socket, blocking, with the socket's own timeouts. */
#ifndef COMMAND_HEALTHCHECK_TLS_H
#define COMMAND_HEALTHCHECK_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct tls_question {
    int fd;
    const char *host; /* that the certificate must be valid for */
    const char *ca;   /* a PEM file of CAs; NULL: those of this machine */
    bool verify;
    const char *request;
};

/* The first bytes of the answer, at most `cap`; or -1 and what went wrong, at most `why_cap` bytes of it. */
ssize_t healthcheck_ask_tls(const struct tls_question *q, char *answer, size_t cap, char *why, size_t why_cap);

#endif
