/* SPDX-License-Identifier: Apache-2.0 */
/* Items are counted by walking down the levels of otlp/path.h; what is no child on the path is passed over. */
#include "otlp/path.h"

uint64_t path_items(struct bytes child, enum signal signal)
{
    struct pb_reader r = pb_reader(child);
    uint64_t n = 0;

    if (signal != SIGNAL_PROFILES)
        return 1;
    for (struct pb_field f; pb_next(&r, &f);)
        n += f.number == OTLP_PROFILE_SAMPLES && f.wire == PB_LEN;
    return n;
}

static uint64_t count_below(struct bytes message, unsigned level, enum signal signal)
{
    struct pb_reader r = pb_reader(message);
    struct pb_field f;
    uint64_t n = 0;

    while (pb_next(&r, &f))
        if (path_is_child(level, f.number) && f.wire == PB_LEN)
            n += level == path_depth(signal) ? path_items(f.bytes, signal) : count_below(f.bytes, level + 1, signal);
    return n;
}

uint64_t path_count(struct bytes message, unsigned level, enum signal signal)
{
    return count_below(message, level, signal);
}
