/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary bytes as what a SOCKS 5 proxy answers: taken whole or byte by byte they mean the same, and no more of them
 * is used than there is. The first byte says whether there is a name to log in with. */
#include "net/http/socks.h"

#include "base/mem.h"

#include <stdlib.h>

struct outcome {
    enum socks_step step;
    size_t used;
    const char *why;
    struct buf said;
};

/* `most`: bytes that come at a time. */
static struct outcome talk(struct bytes in, bool login, size_t most)
{
    struct socks s = { .host = bytes_str("origin.example"), .port = bytes_str("443") };
    struct outcome o = { .step = SOCKS_MORE };
    size_t come = 0;

    if (login) {
        s.user = bytes_str("me");
        s.password = bytes_str("secret");
    }
    socks_begin(&s, &o.said);
    while (o.step == SOCKS_MORE && come < in.len) {
        size_t used = 1;

        come = in.len - come > most ? come + most : in.len;
        while (o.step == SOCKS_MORE && used > 0) {
            /* Exactly as many bytes as there are, so that a reader who goes on is seen. */
            size_t n = come - o.used;
            uint8_t *copy = mem_alloc(n + 1);

            memcpy(copy + 1, in.data + o.used, n);
            o.step = socks_take(&s, bytes_of(copy + 1, n), &used, &o.said, &o.why);
            free(copy);
            if (used > n)
                abort();
            o.used += used;
        }
    }
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct outcome whole, bits;

    if (len < 1)
        return 0;
    whole = talk(bytes_of(data + 1, len - 1), data[0] & 1, SIZE_MAX);
    bits = talk(bytes_of(data + 1, len - 1), data[0] & 1, 1);
    if (whole.step != bits.step || whole.used != bits.used || whole.why != bits.why ||
        !bytes_equal(buf_bytes(&whole.said), buf_bytes(&bits.said)))
        abort();
    buf_free(&whole.said);
    buf_free(&bits.said);
    return 0;
}
