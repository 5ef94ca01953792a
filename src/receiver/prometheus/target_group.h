/* SPDX-License-Identifier: Apache-2.0 */
/* Making targets of what a server of discovery has told: some labels that a group of them has, and more of each. All of
 * it is kept in the list's memory. */
#ifndef RECEIVER_TARGET_GROUP_H
#define RECEIVER_TARGET_GROUP_H

#include "receiver/prometheus/discovery.h"

#define TARGET_GROUP_MAX_BYTES (256ull << 20) /* of a list; a text that comes again is there once */

struct target_group {
    struct target_list *out;
    struct label_set common; /* of all of the group */
    struct label_set own;    /* of the next target; goes before the others */
    struct label_set all;    /* scratch: both */
    const char *fault;       /* NULL, or why there are not all of them: a sentence */
    struct buf scratch;
    /* Texts that are kept: an open hash table. */
    struct bytes *texts;
    size_t n_texts, most_texts;
};

/* A zeroed group with `out` set is ready. */
void target_group_begin(struct target_group *g); /* the next group: without labels */
void target_group_free(struct target_group *g);

/* A label: `name` stays for as long as the list, the value is copied. An empty one is none. */
void target_group_common(struct target_group *g, struct bytes name, struct bytes value);
void target_group_label(struct target_group *g, struct bytes name, struct bytes value);

/* "prefix" and `key`, with an underscore for what no label's name may have; kept. */
struct bytes target_group_name(struct target_group *g, const char *prefix, struct bytes key);

/* "host:port", "[::1]:port"; kept. No port: the host as it is. */
struct bytes target_group_address(struct target_group *g, struct bytes host, struct bytes port);

/* A target with what is there, and at that address. False: there are too many (g->fault). */
bool target_group_add(struct target_group *g, struct bytes address);

#endif
