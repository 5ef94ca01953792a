/* SPDX-License-Identifier: Apache-2.0 */
/* The rest of the input, after a byte that chooses the type and the direction. JSON that is accepted must give bytes
 * that the door lets in, and bytes that the door lets in must have a JSON form; that form, read and written once more,
 * is the same text. */
#include "base/mem.h"
#include "otlp/json.h"
#include "otlp/signal.h"
#include "otlp/validate.h"
#include "rpc/rpc_status.pb-c.h"

#include <stdlib.h>
#include <uv.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void to_text_and_back(const ProtobufCMessageDescriptor *type, struct bytes wire)
{
    struct buf first = { 0 }, second = { 0 }, again = { 0 };
    struct error err;

    require(wire_to_json(type, wire, &first, &err) == 0);
    require(json_to_wire(type, buf_bytes(&first), SIZE_MAX, &again, &err) == 0);
    require(wire_to_json(type, buf_bytes(&again), &second, &err) == 0);
    require(bytes_equal(buf_bytes(&first), buf_bytes(&second)));
    buf_free(&first);
    buf_free(&second);
    buf_free(&again);
}

static bool let_in(unsigned choice, struct bytes wire)
{
    struct validation v;

    return choice < SIGNAL_COUNT && otlp_validate((enum signal)choice, wire, &v);
}

static void from_text(unsigned choice, const ProtobufCMessageDescriptor *type, struct bytes text)
{
    struct buf wire = { 0 };
    struct error err;
    int rc = json_to_wire(type, text, 1 << 20, &wire, &err);

    require(rc == 0 || ((rc == UV_EINVAL || rc == UV_E2BIG) && err.code == rc && err.text[0] != '\0'));
    if (rc == 0) {
        require(wire.len <= 1 << 20);
        require(choice == SIGNAL_COUNT || let_in(choice, buf_bytes(&wire)));
        to_text_and_back(type, buf_bytes(&wire));
    }
    buf_free(&wire);
}

static void from_wire(unsigned choice, const ProtobufCMessageDescriptor *type, struct bytes wire)
{
    struct buf text = { 0 };
    struct error err;

    if (let_in(choice, wire))
        to_text_and_back(type, wire);
    else
        (void)wire_to_json(type, wire, &text, &err);
    buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ProtobufCMessageDescriptor *type = &rpc__status__descriptor;
    unsigned choice;

    if (size == 0)
        return 0;
    choice = data[0] % (SIGNAL_COUNT + 1u);
    if (choice < SIGNAL_COUNT)
        type = signal_table[choice].request;
    if (data[0] & 0x80)
        from_wire(choice, type, bytes_of(data + 1, size - 1));
    else
        from_text(choice, type, bytes_of(data + 1, size - 1));
    return 0;
}
