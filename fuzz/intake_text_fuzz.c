/* SPDX-License-Identifier: Apache-2.0 */
/* Scraped pages: support/intake_fuzz.h. */
#include "support/intake_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    intake_fuzz(INTAKE_TEXT, bytes_of(data, size));
    return 0;
}
