/* SPDX-License-Identifier: Apache-2.0 */
/* The query of /api/v1/tap: which point, and how it is looked at. What is taken is whole; what is not has a fault with
 * a text, at a place that is inside the condition. */
#include "page/tap/tap_request.h"

#include "support/seen_service.h"

#include <stdlib.h>
#include <string.h>

static void check_taken(const struct tap_request *r)
{
    bool processor = r->role == VIEW_PROCESSOR && r->node != NULL;

    if (r->pipeline == NULL || (r->role != VIEW_PROCESSOR && r->node == NULL))
        abort();
    if (r->side == TAP_BOTH && (r->json || r->role != VIEW_PROCESSOR))
        abort();
    if (processor && strcmp(r->node, "holds") == 0 && !r->holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct seen_service seen;
    struct tap_request r;
    struct tap_fault fault;

    seen_service_init(&seen);
    if (tap_request_read(&r, bytes_of(data, len), &seen.view, &fault))
        check_taken(&r);
    else if (fault.text[0] == '\0' || fault.parameter == NULL || (fault.line == 0) != (fault.column == 0) ||
             fault.column > len + 1)
        abort();
    tap_request_free(&r);
    return 0;
}
