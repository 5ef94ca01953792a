/* SPDX-License-Identifier: Apache-2.0 */
/* A header of a stranger: nothing is read outside of it, and what is taken for a parent has ids. */
#include "pipeline/trace/tracer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t trace[16], parent[8], any = 0;
    bool sampled;

    if (!traceparent_read(bytes_of(data, size), trace, parent, &sampled))
        return 0;
    for (size_t i = 0; i < sizeof(trace); i++)
        any |= trace[i];
    if (any == 0 || size < 55)
        abort();
    return 0;
}
