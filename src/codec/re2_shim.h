/* SPDX-License-Identifier: Apache-2.0 */
/* RE2, which is C++, as C functions. Nobody but codec/regex.c needs them. */
#ifndef CODEC_RE2_SHIM_H
#define CODEC_RE2_SHIM_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct re2_shim;

struct re2_shim_span {
    const char *data; /* NULL: the group took no part */
    size_t len;
};

/* NULL, and a text without position in `error`, when it is no pattern. `memory`: bytes; 0: as much as RE2 takes of its
 * own, 8 MiB. */
struct re2_shim *re2_shim_new(const char *pattern, size_t len, size_t memory, char *error, size_t size);
void re2_shim_free(struct re2_shim *r);

unsigned re2_shim_groups(const struct re2_shim *r);                    /* without the whole */
unsigned re2_shim_size(const struct re2_shim *r);                      /* instructions of its program */
const char *re2_shim_group_name(const struct re2_shim *r, unsigned i); /* NULL: it has none */

/* Is there a match anywhere? The second also says where: the whole and the groups go to `found`. It begins at `from`;
 * what stands before is context. */
int re2_shim_search(const struct re2_shim *r, const char *text, size_t len);
int re2_shim_find(struct re2_shim *r, const char *text, size_t len, size_t from, struct re2_shim_span *found);

#ifdef __cplusplus
}
#endif

#endif
