/* SPDX-License-Identifier: Apache-2.0 */
/* What all connections of a server share: its options, its figures, memory for the next request. Apart from options and
 * stats nothing outside net/ and its tests looks in here. */
#ifndef NET_SERVER_SHARED_H
#define NET_SERVER_SHARED_H

#include "base/list.h"
#include "base/budget.h"
#include "base/log.h"
#include "base/loop/loop.h"
#include "net/message/message.h"

#include <nghttp2/nghttp2.h>

struct crowd;
struct gatekeeper;
struct http_cors_config;
struct string_map;
struct strings;
struct listener_shared;
struct request;
struct tls;

struct http_server_options {
    const char *endpoint;  /* "host:port" ("0.0.0.0:4317", "[::1]:0", "localhost:4317", ":4317"), or a path */
    const char *transport; /* "tcp", "tcp4", "tcp6", "unix" (endpoint is a path; "@name" abstract) */
    struct listener_shared *listeners; /* net/socket/listener.h: of all servers of the process; may be NULL */
    struct tls *tls;                   /* net/socket/tls.h: speak it; a reference is taken. NULL: plain text */
    bool expect_http2; /* what clients are supposed to speak here; the other is served too, see on_mismatch */
    bool own_user;     /* of a unix socket: whoever is neither our own user nor root is turned away */
    uint32_t max_concurrent_streams; /* per HTTP/2 connection; 0 = 1000 */
    size_t initial_window;           /* bytes a new request may send before a grant; 0 = 65535 */
    size_t read_buffer_size;         /* most bytes read from a socket at once; 0 = 512 KiB */
    size_t write_buffer_size;        /* bytes of an answer that may wait for the peer; 0 = 256 KiB */
    size_t max_header_bytes;         /* of one request; 0 = 64 KiB. 431 beyond */
    /* All in ns, 0 = never where nothing else is said. */
    uint64_t read_header_timeout; /* from the first byte of a request to the end of its headers; 0 = read_timeout, or
                                   * a minute. Before the first request of a connection the server waits at most a
                                   * minute all the same */
    uint64_t read_timeout;        /* to the end of its body */
    uint64_t write_timeout;       /* for the answer to be taken by the peer; 0 = a minute */
    uint64_t idle_timeout;        /* between requests; 0 = a quarter of an hour */
    bool no_keep_alive;           /* HTTP/1: close after each answer */
    /* HTTP/2 connections. */
    uint64_t max_connection_idle, max_connection_age, max_connection_age_grace;
    uint64_t keepalive_time, keepalive_timeout; /* server pings */
    uint64_t keepalive_min_time;                /* of client pings; 0 = 5 min */
    bool keepalive_permit_without_stream;
    bool enforce_keepalive;
    const struct http_cors_config *cors; /* net/message/cors.h: which pages of other origins may use it. NULL: none */
    const struct string_map *response_headers; /* of every answer; may be NULL */
    struct gatekeeper *gatekeeper;             /* net/message/gate.h: who may come in; NULL: everybody */
    const struct strings *gate_parameters;     /* of a URL's query, which count as headers there; NULL: none do */
};

struct http_server_stats {
    uint64_t connections;         /* open */
    uint64_t accepted;            /* in all */
    uint64_t protocol_errors;     /* connections or requests ended for what the peer sent */
    uint64_t tls_on_plain;        /* connections whose first bytes were a TLS ClientHello */
    uint64_t gave_way;            /* connections that gave way to others where descriptors are scarce */
    uint64_t accept_failures;     /* EMFILE and the like; accepting pauses and comes again */
    uint64_t ping_strikes;        /* connections closed with too_many_pings */
    uint64_t timeouts;            /* connections or requests ended by one of the timeouts */
    uint64_t bytes_in, bytes_out; /* on the socket */
};

/* What all connections of a server share. */
struct server_shared {
    struct http_server_options options; /* defaults filled in */
    struct http_service *service;
    struct loop *loop;
    struct budget *budget;
    struct crowd *crowd; /* NULL on memory, and where the server has no others beside it */
    const struct logger *log;
    void (*on_mismatch)(struct http_service *, struct http_request *);
    struct http_server_stats stats;
    struct complaint bad_peers;
    struct list spare; /* requests for the next who needs one */
    size_t n_spare;
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    uint64_t date_second; /* which second `date` spells */
    char date[32];
    struct buf spare_out; /* HTTP/1: an answer's buffer, for the next who answers */
    bool stopping;
    bool hands_over; /* while it stops: connections at rest go to the next server */
};

void server_shared_init(struct server_shared *shared); /* the fields up to on_mismatch are set */
void server_shared_close(struct server_shared *shared);
struct bytes server_shared_date(struct server_shared *shared); /* for the Date header, IMF-fixdate */

#endif
