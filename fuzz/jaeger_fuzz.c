/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary bytes as a span of Jaeger, in the form that the first byte chooses: what is read is a message, and a valid
 * one where its texts are UTF-8; its span, written again, can be read, and is the same when its resource is known. */
#include "otlp/view.h"
#include "spans/jaeger.h"
#include "support/mended_request.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct buf request = { 0 }, first = { 0 }, span = { 0 }, again = { 0 };
    struct jaeger_span kept = { .flags = 0 };
    struct error err = { 0 };
    struct bytes group, scopes;
    enum jaeger_form form;

    if (len < 1)
        return 0;
    form = data[0] & 1 ? JAEGER_JSON : JAEGER_PROTO;
    if (jaeger_read(form, bytes_of(data + 1, len - 1), &request, &err) == 0 && request.len > 0) {
        mend_request(SIGNAL_TRACES, &request);
        group = pb_find_bytes(buf_bytes(&request), OTLP_REQUEST_RESOURCES);
        scopes = pb_find_bytes(group, OTLP_RESOURCE_GROUP_SCOPES);
        for (int i = 0; i < 2; i++) { /* the second time resource and scope are known */
            span.len = 0;
            jaeger_write(form, &kept, resource_group_view(group).resource, scope_group_view(scopes).scope,
                         pb_find_bytes(scopes, OTLP_SCOPE_GROUP_ITEMS), &span);
            if (i == 0)
                buf_put(&first, buf_bytes(&span));
        }
        if (!bytes_equal(buf_bytes(&first), buf_bytes(&span)))
            abort();
        if (jaeger_read(form, buf_bytes(&span), &again, &err) != 0)
            abort();
    }
    buf_free(&request);
    buf_free(&first);
    buf_free(&span);
    buf_free(&again);
    jaeger_span_free(&kept);
    return 0;
}
