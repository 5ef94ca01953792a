/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the totals. Nobody but totals*.c includes this. */
#ifndef SERVICE_TOTALS_INSIDE_H
#define SERVICE_TOTALS_INSIDE_H

#include "service/workers/totals.h"

extern const char totals_lost[]; /* the reason for what a worker held when it died */

/* The same text, or a row of that name, which stay. */
const char *totals_word(struct totals *t, const char *word);
const struct metric_row *totals_row(struct totals *t, const struct metric_row *row);

/* totals_retired.c: of a ledger that is told for the last time, whose metrics are among those that are gone already */
void totals_withdraw(const struct totals *t, const struct told_ledger *l);
void totals_withdraw_reason(const struct totals *t, const struct told_ledger *l, const struct told_reason *r);
void totals_count_lost(struct totals *t, const struct told_ledger *l);

void totals_add_fill(struct sender_fill *sum, const struct sender_fill *fill); /* not unit and on_disk */

/* totals_members.c */
void totals_clear_members(struct totals *t);
void totals_add_member(struct totals *t, struct node *node, const struct told_member *told);

#endif
