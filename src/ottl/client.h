/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of the client, as the item of the context otelcol: a message of our own, for OTLP has none. */
#ifndef OTTL_CLIENT_H
#define OTTL_CLIENT_H

#include "base/buf.h"

struct metadata; /* otlp/metadata.h */

/* Its fields: KeyValues from a name in lower case to the list of its values; a string. */
enum { OTTL_CLIENT_METADATA = 1, OTTL_CLIENT_ADDRESS = 2 };

/* Replaces what is in `out`. NULL: nothing is known. */
void ottl_client_write(struct buf *out, const struct metadata *m);

#endif
