/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary bytes as a list of spans of Zipkin's first version: what is read is a message, and a valid one where its
 * texts are UTF-8. */
#include "otlp/repair.h"
#include "otlp/validate.h"
#include "spans/zipkin_thrift.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define MOST (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct buf request = { 0 }, mended = { 0 };
    struct validation check;
    struct error err = { 0 };

    if (zipkin_thrift_read(bytes_of(data, len), MOST, &request, &err) == 0 &&
        !otlp_validate(SIGNAL_TRACES, buf_bytes(&request), &check) &&
        (!check.is_text || otlp_repair(SIGNAL_TRACES, buf_bytes(&request), &mended) == 0 ||
         !otlp_validate(SIGNAL_TRACES, buf_bytes(&mended), &check)))
        abort();
    buf_free(&request);
    buf_free(&mended);
    return 0;
}
