/* SPDX-License-Identifier: Apache-2.0 */
/* Messages are walked field by field, details into the one kind that says something. Whatever is cut short or of
 * another shape is no Status, or no answer: the caller then knows the code alone. A time to wait that makes no sense is
 * none. */
#include "exporter/otlp/peer_status.h"

#include "base/log.h"
#include "codec/base64.h"
#include "codec/pb.h"
#include "codec/utf8.h"
#include "net/http2/grpc.h"
#include "otlp/fields.h"

#define RETRY_INFO "google.rpc.RetryInfo"
#define RETRY_MOST_S 86400u /* as of Retry-After */

static bool ends_with(struct bytes text, const char *end)
{
    size_t len = strlen(end);

    return text.len >= len && memcmp(text.data + text.len - len, end, len) == 0;
}

/* Milliseconds, rounded up; 0 of what is negative. */
static bool read_duration(struct bytes wire, uint64_t *ms)
{
    struct pb_reader r = pb_reader(wire);
    int64_t seconds = 0, nanos = 0;
    struct pb_field f;

    while (pb_next(&r, &f)) {
        if (f.number == RPC_DURATION_SECONDS && f.wire == PB_VARINT)
            seconds = (int64_t)f.u64;
        else if (f.number == RPC_DURATION_NANOS && f.wire == PB_VARINT)
            nanos = (int64_t)f.u64;
    }
    if (seconds < 0 || nanos < 0 || nanos > 999999999)
        seconds = nanos = 0;
    if (seconds > RETRY_MOST_S)
        seconds = RETRY_MOST_S;
    *ms = (uint64_t)seconds * 1000 + (uint64_t)(nanos + 999999) / 1000000;
    return !r.bad;
}

static bool read_retry_info(struct bytes wire, struct peer_status *out)
{
    struct pb_reader r = pb_reader(wire);
    struct pb_field f;

    out->may_retry = true;
    while (pb_next(&r, &f))
        if (f.number == RPC_RETRY_INFO_DELAY && f.wire == PB_LEN && !read_duration(f.bytes, &out->retry_after_ms))
            return false;
    return !r.bad;
}

static bool read_detail(struct bytes wire, struct peer_status *out)
{
    struct pb_reader r = pb_reader(wire);
    struct bytes type = { 0 }, value = { 0 };
    struct pb_field f;

    while (pb_next(&r, &f)) {
        if (f.number == RPC_ANY_TYPE_URL && f.wire == PB_LEN)
            type = f.bytes;
        else if (f.number == RPC_ANY_VALUE && f.wire == PB_LEN)
            value = f.bytes;
    }
    if (r.bad)
        return false;
    return !ends_with(type, RETRY_INFO) || read_retry_info(value, out);
}

bool peer_status_read(struct bytes wire, struct peer_status *out)
{
    struct pb_reader r = pb_reader(wire);
    struct pb_field f;

    *out = (struct peer_status){ 0 };
    if (wire.len > PEER_STATUS_MAX)
        return false;
    while (pb_next(&r, &f)) {
        if (f.number == RPC_STATUS_CODE && f.wire == PB_VARINT)
            out->code = f.u64 <= 16 ? (int)f.u64 : 2;
        else if (f.number == RPC_STATUS_MESSAGE && f.wire == PB_LEN)
            out->message = f.bytes;
        else if (f.number == RPC_STATUS_DETAILS && f.wire == PB_LEN && !read_detail(f.bytes, out))
            return false;
    }
    return !r.bad;
}

static bool read_partial(struct bytes wire, struct partial_success *out)
{
    struct pb_reader r = pb_reader(wire);
    struct pb_field f;

    while (pb_next(&r, &f)) {
        if (f.number == OTLP_PARTIAL_SUCCESS_REJECTED && f.wire == PB_VARINT)
            out->rejected = (int64_t)f.u64 > 0 ? f.u64 : 0;
        else if (f.number == OTLP_PARTIAL_SUCCESS_MESSAGE && f.wire == PB_LEN)
            out->message = f.bytes;
    }
    return !r.bad;
}

bool partial_success_read(struct bytes wire, struct partial_success *out)
{
    struct pb_reader r = pb_reader(wire);
    struct pb_field f;

    *out = (struct partial_success){ 0 };
    while (pb_next(&r, &f))
        if (f.number == OTLP_RESPONSE_PARTIAL_SUCCESS && (f.wire != PB_LEN || !read_partial(f.bytes, out)))
            return false;
    return !r.bad;
}

void peer_text_put(struct buf *out, struct bytes text, size_t most)
{
    struct buf valid = { 0 };

    while (text.len > 0 && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\r'))
        text.len--;
    utf8_repair(utf8_cut(text, most), &valid);
    log_put_visible(out, buf_bytes(&valid));
    buf_free(&valid);
}

void peer_message_put(struct buf *out, struct bytes value, size_t most)
{
    struct buf plain = { 0 };

    for (size_t i = 0; i < value.len && plain.len <= most; i++) {
        bool escape = value.data[i] == '%' && i + 2 < value.len && hex_digit(value.data[i + 1]) >= 0 &&
                      hex_digit(value.data[i + 2]) >= 0;

        if (escape) {
            buf_putc(&plain, (char)(hex_digit(value.data[i + 1]) << 4 | hex_digit(value.data[i + 2])));
            i += 2;
        } else {
            buf_putc(&plain, (char)value.data[i]);
        }
    }
    peer_text_put(out, buf_bytes(&plain), most);
    buf_free(&plain);
}
