/* SPDX-License-Identifier: Apache-2.0 */
/* otelcd's own telemetry, where several processes are one (service::workers, decision 50). The front sends it: metrics
 * are those that all of them come to; lines of the log and spans are made where they happen, and a worker gives them to
 * the front, each request with a resource of its own. So there is one sender, one queue and one ledger. */
#ifndef SERVICE_OWN_RELAY_H
#define SERVICE_OWN_RELAY_H

#include "service/config.h"
#include "service/workers/front.h"

/* In a worker: its pipelines of own telemetry end at the front, and there are none of metrics. */
void own_relay_use(struct config *config);

struct own_relay {
    struct list open; /* what pipelines have not answered for */
    size_t n;
};

void own_relay_init(struct own_relay *r);

/* Items that a worker had not given yet when it told its numbers, less those that have come since. */
struct own_waiting {
    uint64_t items[SIGNAL_COUNT];
};

/* In the front: a worker has said CHANNEL_OWN. The file is closed. What there is no room for is counted as dropped. */
void own_relay_take(struct own_relay *r, struct service *s, struct own_waiting *waiting,
                    const struct channel_message *m, int file);

void own_waiting_read(struct own_waiting *w, struct bytes told); /* it has told its numbers */
void own_waiting_lost(struct own_waiting *w, struct service *s); /* it has died: they are counted as dropped */

void own_relay_close(struct own_relay *r); /* the graph is gone */

#endif
