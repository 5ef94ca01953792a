/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger of one pipeline, or of one exporter: where every item is.
 *
 *     received = delivered + held + refused{reason} + dropped{reason}
 *
 * at every moment, exactly; ledger_sums() says so, /metrics shows it, the shutdown log prints it.
 * received: came in. delivered: the exporters have it SAFE. held: inside, not settled. refused: not taken, and the
 * sender was told. dropped: taken, then lost or left out on purpose; the reason says which. */
#ifndef PIPELINE_LEDGER_H
#define PIPELINE_LEDGER_H

#include "base/log.h"
#include "base/metrics.h"
#include "otlp/signal.h"

struct ledger_reason {
    const char *reason; /* static */
    uint64_t items;
};

struct ledger_reasons {
    struct ledger_reason *v;
    size_t n, cap;
};

#define LEDGER_LABELS 3

struct ledger {
    const char *kind; /* "pipeline" or "exporter" */
    char *id;         /* "metrics/2", "prometheus" */
    enum signal signal;
    uint64_t received;
    uint64_t delivered;
    uint64_t held;
    uint64_t disk; /* an exporter's with a queue on disk: which one, not 0. What is held stays so after the end, and the
                    * next one there begins with what this one ends with, but for what was refused */
    struct ledger_reasons refused;
    struct ledger_reasons dropped;
    struct metric_label labels[LEDGER_LABELS]; /* an exporter's: where to it sends; of the Go collector's metrics */
    size_t n_labels;
};

void ledger_init(struct ledger *l, const char *kind, const char *id, enum signal signal);
void ledger_free(struct ledger *l);
/* `name` is static, `value` is copied. At most LEDGER_LABELS, before anything is received. */
void ledger_set_label(struct ledger *l, const char *name, const char *value);

void ledger_receive(struct ledger *l, uint64_t n); /* received and held */
void ledger_deliver(struct ledger *l, uint64_t n); /* held -> delivered */
void ledger_refuse(struct ledger *l, uint64_t n, const char *reason);
void ledger_drop(struct ledger *l, uint64_t n, const char *reason);

void ledger_withdraw(struct ledger *l, uint64_t n); /* held, and from now on counted by another ledger: it never came */

uint64_t ledger_reasons_total(const struct ledger_reasons *reasons);

bool ledger_sums(const struct ledger *l);

#endif
