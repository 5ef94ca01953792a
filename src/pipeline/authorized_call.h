/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP call of an exporter that has an authenticator: it writes into the headers, in its own time, before the call
 * is started. */
#ifndef PIPELINE_AUTHORIZED_CALL_H
#define PIPELINE_AUTHORIZED_CALL_H

#include "net/http/http_client.h"
#include "pipeline/authenticator.h"

struct loop;

/* What belongs to one call, beside it. Zeroed at first, and used again for the next one. */
struct authorized_call {
    struct call_headers headers; /* all that the call says: set before it is started */
    struct auth_request auth;
    bool failed; /* the authenticator has: auth.why, and auth.permanent */

    struct http_call *call;
    struct http_client *client;
    struct loop *loop;
    struct turn_task failing;
    bool asking; /* the call has not been started */
};

/* As http_call_start, with call->headers from a->headers. `by` NULL: nobody is asked. `metadata` is the batch's; NULL:
 * none. A failure of the
 * authenticator is told by call->on_done() as if nobody had been reached. */
void authorized_call_start(struct authorized_call *a, struct client_authenticator *by, const struct metadata *metadata,
                           struct loop *loop, struct http_client *client, struct http_call *call);
void authorized_call_cancel(struct authorized_call *a, struct http_call *call); /* as http_call_cancel */
void authorized_call_free(struct authorized_call *a);                           /* no call is under way */

#endif
