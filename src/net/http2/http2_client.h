/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of HTTP/2 on a connection (net/http2/http2_session.h is what both sides do against strangers): many
 * calls at a time, each a stream.
 *
 * No call begins before the peer's SETTINGS have come, nor more at a time than they allow. A call that the peer says it
 * has not looked at (REFUSED_STREAM, or above the last stream of its GOAWAY) fails as CALL_UNSEEN; after a GOAWAY the
 * others go on, and no new ones begin. A peer that is quiet is pinged, as gRPC's clients do it: while calls are
 * under way, or always.
 *
 * Of an answer's fields 64 KiB and 256 are kept, and the rest left out (`cut`); sixteen interim answers are read; of
 * its body max_response bytes are kept, and a megabyte more is read before the stream is reset. */
#ifndef NET_HTTP2_CLIENT_H
#define NET_HTTP2_CLIENT_H

#include "net/message/client_io.h"

void http2_client_open(struct client_io *io); /* sets io->ops and io->state */

/* What was made for the first connection of a client. */
void http2_client_close_shared(struct client_shared *shared);

#endif
