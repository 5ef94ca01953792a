/* SPDX-License-Identifier: Apache-2.0 */
/* A growing array of one type: struct { T *v; size_t n, cap; }, zeroed when empty. */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include "base/mem.h"

#include <stdlib.h>

#define VEC(T)                                                                                                         \
    struct {                                                                                                           \
        T *v;                                                                                                          \
        size_t n, cap;                                                                                                 \
    }

/* A pointer to one more element at the end, uninitialised. */
#define vec_push(vec)                                                                                                  \
    ((vec)->n == (vec)->cap                                                                                            \
         ? ((vec)->v = mem_realloc((vec)->v, ((vec)->cap = (vec)->cap ? (vec)->cap * 2 : 8) * sizeof(*(vec)->v)),      \
            &(vec)->v[(vec)->n++])                                                                                     \
         : &(vec)->v[(vec)->n++])

#define vec_free(vec) (free((vec)->v), (vec)->v = NULL, (vec)->n = (vec)->cap = 0)

#endif
