/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of decoding: what its two files share. decode.c walks tables and maps, decode_value.c reads what has no
 * table of its own. */
#ifndef CONFIG_DECODE_INSIDE_H
#define CONFIG_DECODE_INSIDE_H

#include "config/decode.h"

struct decoder {
    struct arena *arena; /* of all texts */
    struct faults *faults;
};

const char *decoder_join(struct decoder *d, const char *path, const char *key); /* "path::key" */
const char *decoder_list(struct decoder *d, const char *const *names);          /* "a, b or c" */
const char *decoder_nearest(struct decoder *d, const char *word,
                            const char *const *names); /* "; did you mean ..." or "" */
void decoder_wrong_type(struct decoder *d, const struct yaml_node *n, const char *path, const char *wanted);

/* Of any kind but groups and lists of groups. After a fault the field is as it was. */
void decode_simple(struct decoder *d, const struct option *o, const struct yaml_node *n, const char *path, char *field);

#endif
