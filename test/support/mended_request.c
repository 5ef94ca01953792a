/* SPDX-License-Identifier: Apache-2.0 */
#include "support/mended_request.h"

#include "otlp/repair.h"
#include "otlp/validate.h"

#include <stdlib.h>

void mend_request(enum signal signal, struct buf *request)
{
    struct validation check;
    struct buf mended = { 0 };

    if (otlp_validate(signal, buf_bytes(request), &check))
        return;
    if (!check.is_text || otlp_repair(signal, buf_bytes(request), &mended) == 0 ||
        !otlp_validate(signal, buf_bytes(&mended), &check))
        abort();
    buf_free(request);
    *request = mended;
}
