/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of the client that sent a batch: request headers (HTTP) or metadata (gRPC), kept only where
 * a receiver has `include_metadata: true`. Names are lower case; one name may have several values. Immutable
 * and counted, like the batch. */
#ifndef OTLP_METADATA_H
#define OTLP_METADATA_H

#include "base/buf.h"
#include "config/option.h"

/* The name of an entry that is no header: the client's IP address, without its port. */
#define METADATA_ADDRESS ":client.address"
/* Of one that is what the server's authenticator knows of the client ("username"): this, and then that. */
#define METADATA_AUTH ":auth."

struct metadata_entry {
    struct bytes name; /* lower case */
    struct bytes value;
};

struct metadata {
    uint32_t refs;
    uint32_t n;
    struct metadata_entry entries[]; /* in the order of arrival; the bytes lie behind the array */
};

/* Copies names (lower-cased) and values. NULL when n is 0. */
struct metadata *metadata_new(const struct metadata_entry *entries, uint32_t n);
struct metadata *metadata_ref(struct metadata *m); /* NULL is passed through */
void metadata_unref(struct metadata *m);

/* The next entry called `name` (compared without case) at or after index *at, which moves past it; NULL when
 * there is none. Start with *at = 0. */
const struct metadata_entry *metadata_find(const struct metadata *m, struct bytes name, uint32_t *at);

/* The values of these keys (compared without case), with their lengths, as bytes that are equal when all values are:
 * what a batcher tells its clients apart by. Replaces what is in `key`. */
void metadata_key(struct buf *key, const struct strings *names, const struct metadata *m);

/* No key twice. `path` is the option's. */
void metadata_check(const struct strings *names, const char *path, struct check *ck);

/* Of the client's metadata these keys; NULL when it has none of them. */
struct metadata *metadata_choose(const struct strings *names, const struct metadata *m);

#endif
