/* SPDX-License-Identifier: Apache-2.0 */
/* Can the peer of an exporter be reached? A connection as the exporter makes it, with its TLS, that is closed without a
 * word of its protocol. */
#ifndef COMMAND_PEER_PROBE_H
#define COMMAND_PEER_PROBE_H

#include "service/config.h"

#define PROBE_TIMEOUT (3 * NS_PER_S)

struct probe_result {
    bool tried; /* it has a peer that is connected to without a proxy */
    bool reached;
    char why[508]; /* why not */
};

/* Takes at most `timeout` ns. `cc` is of a configuration without faults. */
void peer_probe(const struct config_component *cc, uint64_t timeout, struct probe_result *result);

#endif
