/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes into every inflater: the first byte chooses the coding (and for gzip and zlib whether both libraries read
 * it, who must not differ). Whatever comes, no more than the limit and one page is produced, and the budget gets
 * everything back. */
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

static int read_by(const struct gzip_reader *reader, enum coding c, struct bytes in, struct inflate_out *o)
{
    struct error err;
    int rc = reader->inflate(c, in, o, &err);

    require(rc == 0 || rc == UV_EINVAL || rc == UV_EFBIG);
    return rc;
}

/* What zlib takes the other takes too, and reads the same. */
static void by_both(enum coding c, struct bytes in, struct budget *budget)
{
    struct inflate_out one = { .max = MAX, .budget = budget, .coding = coding_name(c) }, other = one;
    int rc = read_by(&gzip_reader_zlib, c, in, &one), rc_other = read_by(&gzip_reader_libdeflate, c, in, &other);

    if (rc == 0 && one.len <= MAX) {
        require(rc_other == 0);
        require(bytes_equal(bytes_of(one.block->data, one.len), bytes_of(other.block->data, other.len)));
    }
    if (one.block != NULL)
        block_unref(one.block);
    if (other.block != NULL)
        block_unref(other.block);
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
        by_both(c == CODING_COUNT ? CODING_GZIP : CODING_ZLIB, in, &budget);
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
    require(budget.peak <= (c >= CODING_COUNT ? 2u : 1u) * (MAX + INFLATE_PAGE + sizeof(struct block)));
    return 0;
}
