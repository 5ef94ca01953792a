/* SPDX-License-Identifier: Apache-2.0 */
/* Who sends to a receiver, for who shows it: by address, user agent and transport, what came and what was wrong with
 * it. Of a fixed number of bytes each, and no more than CLIENTS_MOST: who has been quiet longest makes room. */
#ifndef PIPELINE_CLIENTS_H
#define PIPELINE_CLIENTS_H

#include "net/message/message.h"

#define CLIENTS_MOST ((size_t)64)

struct client {
    uint64_t hash;
    char address[64];      /* "10.1.2.3", "[::1]", "unix"; no port: that is another one with each connection */
    char agent[120];       /* any bytes but NUL, cut to what fits; "": it says nothing, or never got so far */
    const char *transport; /* "grpc", "http" */
    const char *protocol;  /* of its first request: "grpc", "http/protobuf", "http/json", ...; "" : none came */
    uint64_t requests;
    uint64_t refused; /* of those, and connections that never became a request */
    uint64_t last;    /* mono ns */
    uint64_t erred;   /* mono ns: of the last refusal; 0: there was none */
    uint64_t dated;   /* mono ns: when it was asked last what time its data is of; 0: never */
    bool has_time;    /* it said so: */
    int64_t
        ahead; /* seconds that it was ahead of our clock; < 0: behind, or its data has been on its way for so long */
    const char *reason;
    char error[200]; /* why: any bytes but NUL, cut to what fits */
};

struct clients {
    struct client *v; /* in no order */
    size_t n, latest; /* `latest`: where the last one was found */
    uint64_t forgotten;
};

void clients_free(struct clients *c);

/* A request has come: once for each, when its headers are there. `transport` is static. */
void clients_saw(struct clients *c, const struct http_request *req, const char *transport, uint64_t now);

/* Whether the one that was seen last is to be asked what time its data is of, once a second; then what it said: by how
 * many seconds that was ahead of ours. */
bool clients_dating(struct clients *c, uint64_t now);
void clients_dated(struct clients *c, const struct http_request *req, const char *transport, uint64_t now,
                   int64_t ahead);

/* What it wanted was refused. `reason` is static or "". */
void clients_refused(struct clients *c, const struct http_request *req, const char *transport, uint64_t now,
                     const char *reason, const char *why);

/* A connection ended before there was a request. */
void clients_broke(struct clients *c, const char *peer, const char *transport, uint64_t now, const char *reason,
                   const char *why);

#endif
