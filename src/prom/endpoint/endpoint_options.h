/* SPDX-License-Identifier: Apache-2.0 */
/* May two sources that name the same address share one listener, and with which options? */
#ifndef PROM_ENDPOINT_OPTIONS_H
#define PROM_ENDPOINT_OPTIONS_H

#include "base/arena.h"
#include "net/socket/endpoint.h"
#include "net/http/http_server.h"

/* Would both listen on the same port of the same address, or one of them on every address? Never for port 0. */
bool addresses_meet(const struct endpoint *a, const struct endpoint *b);

/* Is it bound on every address of the host? */
bool address_is_wildcard(const struct endpoint *e);

/* Make *into serve for both: the more generous of each (0 counts as not set: the least), and TLS where either has it.
 * True when *into has become another. Endpoint and transport are left alone. */
bool http_options_join(struct http_server_options *into, const struct http_server_options *other);

/* What *o points to of a component's configuration is copied: the component may go, and the listener stay for others.
 */
void http_options_keep(struct http_server_options *o, struct arena *memory);

#endif
