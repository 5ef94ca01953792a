/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary bytes as a list of Zipkin's spans, in the form that the first byte chooses: what is read is a message, and
 * a valid one where its texts are UTF-8; written again it is a list that can be read. */
#include "otlp/repair.h"
#include "otlp/validate.h"
#include "spans/zipkin.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define MOST (1u << 20)

/* Texts of strangers are mended, nothing else has to be. */
static bool make_valid(struct buf *request)
{
    struct validation check;
    struct buf mended = { 0 };

    if (otlp_validate(SIGNAL_TRACES, buf_bytes(request), &check))
        return true;
    if (!check.is_text || otlp_repair(SIGNAL_TRACES, buf_bytes(request), &mended) == 0)
        abort();
    buf_free(request);
    *request = mended;
    return otlp_validate(SIGNAL_TRACES, buf_bytes(request), &check);
}

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
        if (!make_valid(&request))
            abort();
        if (zipkin_write(form, buf_bytes(&request), MOST, &list, &left_out) &&
            zipkin_read(form, buf_bytes(&list), 16 * MOST, &again, &err) != 0)
            abort();
    }
    buf_free(&request);
    buf_free(&list);
    buf_free(&again);
    return 0;
}
