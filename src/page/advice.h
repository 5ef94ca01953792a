/* SPDX-License-Identifier: Apache-2.0 */
/* What a failure means and what to do: one table for who shows it, the page and `otelcd doctor`. */
#ifndef PAGE_ADVICE_H
#define PAGE_ADVICE_H

#include "base/bytes.h"

struct advice {
    const char *key;    /* the reason; or what the text of a failure has in it */
    const char *means;  /* a sentence without its full stop */
    const char *todo;   /* likewise, an order; "" = nothing is to be done */
    const char *option; /* of the component's: the key to change, "a::b"; NULL: none, or none here */
    bool meant;         /* it is what the configuration asks for: no fault */
};

enum advice_about {
    ADVICE_REFUSED,  /* a ledger's refused_by */
    ADVICE_DROPPED,  /* a ledger's dropped_by */
    ADVICE_REJECTED, /* otelcd_receiver_rejected_requests */
    ADVICE_BROKEN,   /* otelcd_receiver_broken_connections */
};

/* For the text of a failure (a node's health, the error of a log line). NULL: nothing is known of it. */
const struct advice *advice_for(struct bytes text);

/* For a reason by its name. NULL likewise. */
const struct advice *advice_of(enum advice_about about, struct bytes reason);

#endif
