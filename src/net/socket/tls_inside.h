/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the TLS of a server or client: what its connections use of it. */
#ifndef NET_TLS_INSIDE_H
#define NET_TLS_INSIDE_H

#include "base/arena.h"
#include "net/socket/tls.h"
#include "net/socket/tls_lines.h"
#include "net/socket/tls_load.h"

#define TLS_SESSIONS 8

struct watched_file;

struct tls_file {
    struct tls *tls;
    enum tls_part part;
    struct watched_file *watched; /* NULL: it is no file */
};

struct tls {
    size_t refs;
    struct loop *loop;
    enum tls_side side;
    struct arena arena; /* copies of what the configuration says */
    struct tls_config config;
    struct logger log;
    const char *component;
    struct metrics *metrics;
    uint8_t alpn[32]; /* as on the wire */
    unsigned alpn_len;

    SSL_CTX *ctx; /* for the connections that come */
    struct tls_sources sources;
    struct tls_validity validity[TLS_PARTS]; /* of what is in use */
    struct tls_file files[TLS_PARTS];
    struct clock_timer settle;   /* a file has changed: when the others have had the time to, too */
    struct clock_timer interval; /* reload_interval */
    struct clock_timer upkeep;   /* new keys for tickets; a look at the dates */
    struct complaint bad_files;

    /* Clients: the server whose certificate expires first. */
    struct {
        uint64_t seen; /* mono ns; 0: none yet */
        int64_t until; /* Unix seconds */
        char server[256];
        struct complaint expiring;
    } peer;

    /* Clients: of the last connections, to be resumed each by one. */
    SSL_SESSION *sessions[TLS_SESSIONS];
    size_t n_sessions;

    /* Servers: handshakes are computed for a few milliseconds a turn; those beyond wait here. */
    struct tls_lines waiting;
    uint64_t turn;  /* mono ns of the turn that `spent` is about */
    uint64_t spent; /* ns */
    struct clock_timer pace;
};

SSL_SESSION *tls_take_session(struct tls *t); /* the caller's; NULL: there is none */

#endif
