/* SPDX-License-Identifier: Apache-2.0 */
/* How large a request may be. What the user allows is the most; below that it is learnt from the peer, who refuses what
 * is too large for it and often says how much would not be. So that a peer whose limit was raised is not sent small
 * requests for ever, the limit creeps up again while requests near it are taken. Pure logic. */
#ifndef EXPORTER_REQUEST_LIMIT_H
#define EXPORTER_REQUEST_LIMIT_H

#include "base/bytes.h"

struct request_limit {
    uint64_t most; /* as configured */
    uint64_t now;  /* bytes before compression; never above `most` */
    uint64_t wait; /* ns from one step up to the next */
    uint64_t next; /* mono ns; not before it */
};

void request_limit_init(struct request_limit *l, uint64_t most);

/* The peer refused a request of `size` bytes as too large; `named` is the limit that it named, 0 = none. True when the
 * limit is lower than before. */
bool request_limit_refused(struct request_limit *l, uint64_t size, uint64_t named, uint64_t mono);

/* The peer took one of `size` bytes. */
void request_limit_taken(struct request_limit *l, uint64_t size, uint64_t mono);

/* Is this the text of who finds a message too large? The texts of grpc-go, grpc-java, gRPC's C core, grpc-js,
 * grpc-dotnet, tonic and otelcd. *named: the limit in it, 0 = none. */
bool request_limit_named(struct bytes text, uint64_t *named);

#endif
