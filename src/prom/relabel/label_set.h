/* SPDX-License-Identifier: Apache-2.0 */
/* Labels while they are worked on: names and values as they are, without escapes, sorted by name. A label without a
 * value is one that is not there. A zeroed set is empty. */
#ifndef PROM_LABEL_SET_H
#define PROM_LABEL_SET_H

#include "base/arena.h"
#include "base/vec.h"

struct label_pair {
    struct bytes name, value;
};

struct label_set {
    VEC(struct label_pair) list;
    struct arena memory; /* of what was copied */
};

void label_set_free(struct label_set *s);
void label_set_reset(struct label_set *s); /* empty; what was copied is gone */

/* The value; of length 0: there is none. Valid for as long as what was put. */
struct bytes label_set_get(const struct label_set *s, struct bytes name);

/* In place of what was there; an empty value removes. put keeps the pointers, copy keeps a copy of both texts. */
void label_set_put(struct label_set *s, struct bytes name, struct bytes value);
void label_set_copy(struct label_set *s, struct bytes name, struct bytes value);
void label_set_remove(struct label_set *s, struct bytes name);

/* Without those that `drop` says yes to. */
void label_set_filter(struct label_set *s, bool (*drop)(void *arg, const struct label_pair *l), void *arg);

#endif
