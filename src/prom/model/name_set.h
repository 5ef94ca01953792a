/* SPDX-License-Identifier: Apache-2.0 */
/* A growing set of byte strings, which it copies. A zeroed struct is an empty set. */
#ifndef PROM_NAME_SET_H
#define PROM_NAME_SET_H

#include "base/buf.h"
#include "base/bytes.h"

struct name_slot;

struct name_set {
    struct name_slot *slots;
    size_t n, cap; /* cap is 0 or a power of two */
    struct buf text;
};

bool name_set_has(const struct name_set *s, struct bytes name);
bool name_set_add(struct name_set *s, struct bytes name); /* false: it was there */
size_t name_set_size(const struct name_set *s);           /* bytes of memory */
void name_set_free(struct name_set *s);

#endif
