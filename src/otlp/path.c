/* SPDX-License-Identifier: Apache-2.0 */
/* Items are counted by walking down the levels of otlp/path.h; what is no child on the path is passed over. */
#include "otlp/path.h"

static uint64_t count_below(struct bytes message, unsigned level, unsigned depth)
{
    struct pb_reader r = pb_reader(message);
    struct pb_field f;
    uint64_t n = 0;

    while (pb_next(&r, &f))
        if (path_is_child(level, f.number) && f.wire == PB_LEN)
            n += level == depth ? 1 : count_below(f.bytes, level + 1, depth);
    return n;
}

uint64_t path_count(struct bytes message, unsigned level, enum signal signal)
{
    return count_below(message, level, path_depth(signal));
}
