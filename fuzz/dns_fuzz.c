/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary bytes as the answer of a name server: what is read of it is bounded, and each record is a name or an
 * address that can be written into a label and a URL. The first byte says which records are wanted. */
#include "receiver/prometheus/dns_query.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct dns_records found = { 0 };
    uint8_t *copy;

    if (len < 1)
        return 0;
    /* Exactly as many bytes as there are, so that a reader who goes on is seen. */
    copy = mem_alloc(len);
    memcpy(copy, data + 1, len - 1);
    if (!dns_answer_read(bytes_of(copy, len - 1), (enum dns_type)(data[0] % DNS_TYPES), &found) && found.list.n > 0)
        abort();
    if (found.list.n > DNS_MAX_RECORDS)
        abort();
    for (size_t i = 0; i < found.list.n; i++) {
        size_t n = strnlen(found.list.v[i].host, DNS_NAME);

        if (n == 0 || n == DNS_NAME)
            abort();
        for (size_t k = 0; k < n; k++)
            if (found.list.v[i].host[k] <= ' ' || found.list.v[i].host[k] >= 0x7f)
                abort();
    }
    vec_free(&found.list);
    free(copy);
    return 0;
}
