/* SPDX-License-Identifier: Apache-2.0 */
/* Of the servers that one client meets, the one is kept whose chain ends first: until that server shows another, or
 * nobody has shown that one for half a day. A resumed connection shows none. */
#include "net/socket/tls_peer.h"

#include <stdio.h>
#include <string.h>

#define FORGOTTEN (12 * 3600ull * NS_PER_S)
#define SOON (14 * 86400l)

const struct metric_row tls_peer_expiry_row =
    METRIC_ROW("otelcd_tls_peer_certificate_expiry", METRIC_GAUGE, "s",
               "When the certificate that a server has shown expires, or one that it is signed by, in Unix seconds; of "
               "several servers the first.",
               .sum = SHOW_LEAST);

static int64_t earliest_end(STACK_OF(X509) * chain)
{
    int64_t until = INT64_MAX;

    for (int i = 0; i < sk_X509_num(chain); i++) {
        int64_t end = tls_time(X509_get0_notAfter(sk_X509_value(chain, i)));

        until = end < until ? end : until;
    }
    return until;
}

static void tell_expiry(struct tls *t)
{
    struct metric_label labels[] = { { "component", t->component } };
    int64_t now = (int64_t)(clock_wall(&t->loop->clock) / NS_PER_S);
    char date[TLS_TIME_TEXT];

    if (t->metrics != NULL)
        metric_set(metrics_get(t->metrics, &tls_peer_expiry_row, labels, ARRAY_LEN(labels)), (double)t->peer.until);
    if (t->peer.until >= now + SOON || !complaint_due(&t->peer.expiring, &t->loop->clock))
        return;
    tls_time_text(t->peer.until, date);
    log_warn(&t->log, "The TLS certificate of a peer expires soon", F_STR("server", t->peer.server),
             F_STR("expires", date), F_UINT("occurrences", complaint_taken(&t->peer.expiring)));
}

void tls_peer_note(struct tls *t, const SSL *ssl, const char *server)
{
    STACK_OF(X509) *verified = SSL_get0_verified_chain(ssl);
    int64_t until = earliest_end(verified != NULL ? verified : SSL_get_peer_cert_chain(ssl));
    uint64_t now = clock_mono(&t->loop->clock);
    bool same = strcmp(server, t->peer.server) == 0;

    if (SSL_session_reused(ssl) || until == INT64_MAX)
        return;
    if (t->peer.seen > 0 && !same && until > t->peer.until && now - t->peer.seen < FORGOTTEN)
        return;
    t->peer.until = until;
    t->peer.seen = now;
    snprintf(t->peer.server, sizeof(t->peer.server), "%s", server);
    tell_expiry(t);
}
