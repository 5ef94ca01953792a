/* SPDX-License-Identifier: Apache-2.0 */
/* How many shards are in use. As in Prometheus, the time that requests take decides: with one shard busy all the time
 * there are soon more, with shards that mostly wait for work there are fewer. Pure logic. */
#ifndef EXPORTER_REMOTE_WRITE_SCALE_H
#define EXPORTER_REMOTE_WRITE_SCALE_H

#include <stdint.h>

struct shard_scale {
    uint32_t most; /* there may be */
    uint32_t want;
    uint32_t calm;  /* windows in a row that would have done with fewer */
    uint64_t begun; /* mono ns: this window */
    uint64_t busy;  /* ns of requests that were answered in it, of all shards together */
};

/* One is in use at first. */
void shard_scale_init(struct shard_scale *s, uint32_t most, uint64_t now);

/* A request was answered after so long. What found nobody, or nobody willing, does not count: more shards would not
 * help. */
void shard_scale_note(struct shard_scale *s, uint64_t ns);

/* How many there should be; call it every now and then. */
uint32_t shard_scale_plan(struct shard_scale *s, uint64_t now);

#endif
