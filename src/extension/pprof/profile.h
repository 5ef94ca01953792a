/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks that were counted, in the format of pprof: perftools.profiles.Profile (profile.proto), gzipped. */
#ifndef EXTENSION_PROFILE_H
#define EXTENSION_PROFILE_H

#include "base/buf.h"
#include "extension/pprof/sampler.h"

/* began: wall ns; lasted: ns. */
void profile_put(struct buf *out, const struct sampler_counts *counts, uint64_t began, uint64_t lasted);

#endif
