/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes into every inflater: the first byte chooses the coding (and which library for gzip and zlib). Whatever
 * comes, no more than the limit and one page is produced, and the budget gets everything back. */
#include "base/mem.h"
#include "codec/inflate.h"

#include <stdlib.h>
#include <uv.h>

enum { MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void by_zlib(enum coding c, struct bytes in, struct budget *budget)
{
    struct inflate_out o = { .max = MAX, .budget = budget, .coding = coding_name(c) };
    struct error err;
    int rc = gzip_zlib.inflate(c, in, &o, &err);

    require(rc == 0 || rc == UV_EINVAL || rc == UV_EFBIG);
    if (o.block != NULL)
        block_unref(o.block);
}

/* What came out goes in again, and comes out the same. */
static void round_trip(enum coding c, struct bytes content)
{
    struct buf packed = { 0 };
    struct block *block;
    struct error err;
    size_t len;

    require(deflate_buf(c, 0, content, &packed, &err) == 0);
    require(inflate_block(c, buf_bytes(&packed), content.len, NULL, &block, &len, &err) == 0);
    require(bytes_equal(bytes_of(block->data, len), content));
    block_unref(block);
    buf_free(&packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct budget budget;
    struct block *block;
    struct error err;
    size_t len;
    int rc;

    if (size == 0)
        return 0;
    enum coding c = (enum coding)(data[0] % (CODING_COUNT + 2));
    struct bytes in = bytes_of(data + 1, size - 1);

    budget_init(&budget, UINT64_MAX, NULL);
    if (c >= CODING_COUNT) {
        by_zlib(c == CODING_COUNT ? CODING_GZIP : CODING_ZLIB, in, &budget);
    } else {
        rc = inflate_block(c, in, MAX, &budget, &block, &len, &err);
        require(rc == 0 || rc == UV_EINVAL || rc == UV_EFBIG);
        if (rc == 0) {
            require(len <= MAX);
            round_trip(c, bytes_of(block->data, len));
            block_unref(block);
        }
    }
    require(budget.used == 0);
    require(budget.peak <= MAX + INFLATE_PAGE + sizeof(struct block));
    return 0;
}
