/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary bytes as a list of Zipkin's spans, in the form that the first byte chooses: what is read is a message, and
 * a valid one where its texts are UTF-8; written again it is a list that can be read. */
#include "spans/zipkin.h"
#include "support/mended_request.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define MOST (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct buf request = { 0 }, list = { 0 }, again = { 0 };
    struct error err = { 0 };
    enum zipkin_form form;
    uint64_t left_out;

    if (len < 1)
        return 0;
    form = data[0] & 1 ? ZIPKIN_JSON : ZIPKIN_PROTO;
    if (zipkin_read(form, bytes_of(data + 1, len - 1), MOST, &request, &err) == 0) {
        mend_request(SIGNAL_TRACES, &request);
        if (zipkin_write(form, buf_bytes(&request), MOST, &list, &left_out) &&
            zipkin_read(form, buf_bytes(&list), 16 * MOST, &again, &err) != 0)
            abort();
    }
    buf_free(&request);
    buf_free(&list);
    buf_free(&again);
    return 0;
}
