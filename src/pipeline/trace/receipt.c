/* SPDX-License-Identifier: Apache-2.0 */
/* Name and keys are put together when the span ends, so that one that is not recorded costs nothing. */
#include "pipeline/trace/receipt.h"

#include "pipeline/component.h"

#include <stdio.h>

void receipt_end(const struct node *node, struct traced *t, enum signal signal, const struct receipt *r)
{
    static const char *const words[SIGNAL_COUNT] = { "TraceDataReceived", "MetricsReceived", "LogsReceived",
                                                     "ProfilesReceived" };
    const char *items = signal_table[signal].items;
    char name[160], keys[3][48];
    const struct log_field attributes[] = {
        F_STR("transport", r->transport), F_STR("format", r->format), F_UINT(keys[0], r->accepted),
        F_UINT(keys[1], r->refused),      F_UINT(keys[2], 0),         F_STR(r->from_key, r->from),
    };

    if (t->start == 0)
        return;
    snprintf(name, sizeof(name), "receiver/%s/%s", node->id, words[signal]);
    snprintf(keys[0], sizeof(keys[0]), "accepted_%s", items);
    snprintf(keys[1], sizeof(keys[1]), "refused_%s", items);
    snprintf(keys[2], sizeof(keys[2]), "failed_%s", items);
    traced_end(
        node, t,
        &(struct traced_end){ name, r->kind, attributes, ARRAY_LEN(attributes) - (r->from == NULL ? 1 : 0), r->error });
}
