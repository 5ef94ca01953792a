/* SPDX-License-Identifier: Apache-2.0 */
/* What the TLS connections of one server, or to one peer, share: certificate and key, whom to trust, the sessions that
 * can be resumed.
 *
 * The files are watched (base/loop/watched_file.h). What has changed is loaded and used for the connections that come;
 * those that are open stay. What cannot be used (half written, a key of another certificate) is told in the log and
 * counted, and what there was before stays. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/error.h"
#include "base/log.h"
#include "base/loop/loop.h"
#include "base/metrics.h"
#include "config/tls_rows.h"

enum tls_side { TLS_SERVER, TLS_CLIENT };

/* Why there is no connection. */
enum tls_failure {
    TLS_FINE,
    TLS_PLAIN,           /* the peer does not speak TLS */
    TLS_VERSION,         /* no version in common */
    TLS_CIPHER,          /* no cipher suite, curve or kind of signature in common */
    TLS_NO_CERTIFICATE,  /* a client without one, where one is asked for */
    TLS_BAD_CERTIFICATE, /* the peer's is not good for us */
    TLS_REFUSED,         /* ours is not good for the peer */
    TLS_ALPN,            /* no protocol in common */
    TLS_TIMEOUT,         /* the handshake took too long */
    TLS_CLOSED,          /* the peer closed during the handshake, or without saying that it does */
    TLS_BROKEN,          /* what came is broken */
    TLS_FAILURES
};

extern const char *const tls_failure_names[TLS_FAILURES]; /* "plain", ... */
extern const struct metric_row *const tls_metric_rows[];

struct tls;

struct tls_setup {
    struct loop *loop;
    enum tls_side side;
    const char *alpn;         /* what is offered, the best first: "h2,http/1.1"; NULL: nothing */
    struct metrics *metrics;  /* NULL: nothing is counted */
    const struct logger *log; /* copied, with its fields */
    const char *component;    /* a label of the metrics, "otlp/2"; copied */
};

/* Reads the files. NULL and `err` when they cannot be used. The configuration is copied; one reference is the
 * caller's. */
struct tls *tls_new(const struct tls_setup *setup, const struct tls_config *config, struct error *err);
struct tls *tls_ref(struct tls *t);
void tls_unref(struct tls *t);                           /* NULL is none */
bool tls_same(const struct tls *a, const struct tls *b); /* their configurations say the same */

/* Count a handshake that failed. */
void tls_count_failure(struct tls *t, enum tls_failure why);

/* For a component's check(): what is wrong with the block at `path` ("protocols::grpc::tls"), and with the files that
 * it names, is reported there; also when they expire soon. */
void tls_check(const struct tls_config *config, enum tls_side side, const char *path, struct check *ck);
/* The same for a client whose endpoint is http://: what is written for TLS is in vain. */
void tls_check_plain(const struct tls_config *config, const char *path, struct check *ck);

#endif
