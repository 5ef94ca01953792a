/* SPDX-License-Identifier: Apache-2.0 */
/* Text of an API server that is gathered until all of it is there: a line of a watch, or a whole answer. It is charged
 * to the budget as it grows. */
#ifndef KUBE_LINE_H
#define KUBE_LINE_H

#include "base/buf.h"
#include "base/budget.h"

struct kube_line {
    struct buf text; /* so far */
    struct budget *budget;
    uint64_t charged;
};

/* False: it would be larger than `most`, or there is no room for it; then it is as it was. */
bool kube_line_add(struct kube_line *l, struct bytes data, size_t most);
void kube_line_release(struct kube_line *l);
/* What was charged, for whoever takes the text. */
uint64_t kube_line_take_charge(struct kube_line *l);

enum kube_line_found {
    KUBE_LINE_WHOLE,
    KUBE_LINE_PART,  /* the data is used up */
    KUBE_LINE_LARGE, /* as when kube_line_add() is false */
};

/* The next line of `data`, which is what stands behind it then. A line of more than `lasting` bytes is gathered, so
 * that its text may be taken, and one that began in other data is; others lie in `data`. */
enum kube_line_found kube_line_next(struct kube_line *l, struct bytes *data, size_t lasting, size_t most,
                                    struct bytes *line);
/* After each that was whole, but one whose text was taken. */
void kube_line_over(struct kube_line *l);

#endif
