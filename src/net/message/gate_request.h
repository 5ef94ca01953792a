/* SPDX-License-Identifier: Apache-2.0 */
/* A request before its gatekeeper. Nothing outside net/message/ includes this. */
#ifndef NET_GATE_REQUEST_H
#define NET_GATE_REQUEST_H

#include "net/message/gate.h"
#include "net/message/request.h"

struct gate {
    struct request *request;
    struct gate_question question;
    bool waits;
    bool ended;      /* the body is whole */
    struct buf held; /* what has come of it */
};

/* The head is whole, and the service has not heard of it. */
void gate_ask(struct request *r);
bool gate_holds(const struct request *r);             /* the answer has not come */
void gate_hold(struct request *r, struct bytes data); /* of its body, meanwhile */
void gate_end(struct request *r);                     /* its body is whole, meanwhile */
void gate_close(struct request *r);                   /* the request is over, or its gate is */

#endif
