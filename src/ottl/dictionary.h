/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of profiles that go by the dictionary of their request. All fail where there is none. */
#ifndef OTTL_DICTIONARY_H
#define OTTL_DICTIONARY_H

#include "ottl/ottl_inside.h"

typedef VEC(uint64_t) eval_numbers;

void eval_dictionary_free(struct ottl_evaluation *e);

/* A path of attributes, whose field in the message is the numbers of those that it has. */
bool dictionary_get_map(struct ottl_evaluation *e, const struct ottl_node *n, struct bytes message,
                        struct ottl_value *v);
bool dictionary_set_map(struct ottl_evaluation *e, const struct ottl_node *n, struct bytes message,
                        const struct ottl_value *v);

/* The string of a number, and the number of one, which is added where there is none. */
bool dictionary_get_string(struct ottl_evaluation *e, uint64_t number, struct ottl_value *v);
bool dictionary_number_of(struct ottl_evaluation *e, struct bytes text, uint64_t *number);

#endif
