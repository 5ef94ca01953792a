/* SPDX-License-Identifier: Apache-2.0 */
/* Who may come in: a gatekeeper is asked about each request of a server when its headers are complete, before the
 * service hears of it and before a byte of its body is looked at.
 *
 * It says at once, or later when it has to work for it; meanwhile what comes of the body is held, as far as the
 * request's first window goes, and charged. A request that is not let in is answered by the service's on_refused(), or
 * with a line of text, and the service never hears of it. */
#ifndef NET_GATE_H
#define NET_GATE_H

#include "base/list.h"
#include "config/option.h"
#include "net/message/message.h"

enum gate_verdict {
    GATE_OPEN,
    GATE_DENIED, /* without credentials, or with wrong ones: 401 */
    GATE_BUSY,   /* too many want to know: 503, it may come again */
    GATE_LATER,  /* the answer comes by q->answered() */
};

#define GATE_NAME 256      /* bytes that a user's name may have, its NUL included */
#define GATE_ATTRIBUTES 2u /* that a gatekeeper may know of who comes in */

struct gatekeeper;

/* About one request, which outlives it. */
struct gate_question {
    struct http_request *req;
    const struct strings *parameters; /* of the URL's query, which count as headers; NULL: none do */
    struct gatekeeper *gatekeeper;
    void (*answered)(struct gate_question *q, enum gate_verdict v);

    /* The answer. */
    const char *why;                                /* a constant text, in which nothing is secret */
    const char *challenge;                          /* WWW-Authenticate's value; the gatekeeper's */
    struct http_header attributes[GATE_ATTRIBUTES]; /* GATE_OPEN: who it is. Names are constant; values as req's, or */
    size_t n_attributes;
    char name[GATE_NAME]; /* in here */

    struct buf decoded; /* a parameter */
    struct list link;   /* the gatekeeper's, while it has not answered */
};

struct gatekeeper {
    /* What it says now. After GATE_LATER it calls q->answered() from the loop, once, unless the question is forgotten
     * before. */
    enum gate_verdict (*ask)(struct gatekeeper *g, struct gate_question *q);
    void (*forget)(struct gatekeeper *g, struct gate_question *q);
};

/* What the request says under that name (in lower case): as a parameter where that counts, else in its first header.
 * NULL data: nothing. Valid until the next call, or as long as the request. */
struct bytes gate_credential(struct gate_question *q, const char *name);

#endif
