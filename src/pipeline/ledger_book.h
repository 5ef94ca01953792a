/* SPDX-License-Identifier: Apache-2.0 */
/* The ledgers of a process by whose they are: of a pipeline's or exporter's id and signal. A reload may put another
 * ledger in the place of one that leaves, or take one away and bring it back later; what is shown is the sum of all
 * that one id has had, so that counts go on as those of /metrics do:
 *
 *   those at work     of the running graph, and of graphs that leave
 *   those that ended  each added to the account's `past`
 *   queues on disk    as they were left. The next one on the same disk begins with these counts, and has them then
 *
 * Each of the three sums, and so does their sum. A book that is all zero is empty. */
#ifndef PIPELINE_LEDGER_BOOK_H
#define PIPELINE_LEDGER_BOOK_H

#include "pipeline/ledger.h"

struct ledger_account;

struct ledger_book {
    VEC(struct ledger_account *) accounts;
};

void ledger_book_free(struct ledger_book *b);

/* It is at work from now on, until ledger_book_end(); it stays where it is. */
void ledger_book_add(struct ledger_book *b, const struct ledger *l);

/* It counts no more. What it holds on a disk is nobody's until another one begins with it. */
void ledger_book_end(struct ledger_book *b, const struct ledger *l);

/* As the last one on that disk left it, held left out; NULL: there was none. Valid until the book changes. */
const struct ledger *ledger_book_left(const struct ledger_book *b, const struct ledger *l);

/* All that ledgers of the same id and signal have: `sum` is made, for ledger_free(). Of one that the book does not
 * know, what it has itself. */
void ledger_book_sum(const struct ledger_book *b, const struct ledger *l, struct ledger *sum);

/* One after the other, none of them twice: those at work, and what others have left. */
void ledger_book_each(const struct ledger_book *b, void (*visit)(const struct ledger *l, void *arg), void *arg);

#endif
