/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary bytes as the value of a record: what is decoded is a valid request, whatever the encoding. The first byte
 * chooses signal and encoding, the second how many of the following bytes are a header that becomes an attribute. */
#include "otlp/validate.h"
#include "receiver/kafka/kafka_decode.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct kafka_header header = { bytes_str("h"), { 0 } };
    struct kafka_value v = { .most = 1 << 20, .now = 1, .headers = &header };
    struct kafka_request request;
    struct validation check;
    struct error err = { 0 };
    uint64_t need = 0;

    if (len < 2)
        return 0;
    v.signal = (enum signal)(data[0] % SIGNAL_COUNT);
    v.reading = (enum kafka_reading)(data[0] / SIGNAL_COUNT % KAFKA_READINGS);
    if (v.reading >= KAFKA_READ_JAEGER_PROTO)
        v.signal = SIGNAL_TRACES;
    else if (v.signal != SIGNAL_LOGS && v.reading > KAFKA_READ_JSON)
        v.reading = KAFKA_READ_PROTO;
    v.n_headers = data[1] > 0;
    header.value = bytes_of(data + 2, data[1] < len - 2 ? data[1] : len - 2);
    v.bytes = bytes_of(data + 2 + header.value.len, len - 2 - header.value.len);
    if (kafka_decode(&v, NULL, &request, &need, &err) != KAFKA_DECODED)
        return 0;
    if (!otlp_validate(v.signal, request.bytes, &check) || check.items != request.items)
        abort();
    block_unref(request.block);
    return 0;
}
