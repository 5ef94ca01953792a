/* SPDX-License-Identifier: Apache-2.0 */
/* A statement of a database, a command or a URL goes through all that takes the values out of such. What comes out is
 * never longer, and JSON without its values is JSON of which nothing more is taken out. */
#include "processor/redaction/statement_sanitize.h"
#include "processor/redaction/url_sanitizer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void expect(bool good)
{
    if (!good)
        abort();
}

static void check_json(struct bytes text)
{
    struct buf once = { 0 }, twice = { 0 };

    if (json_sanitize(text, &once)) {
        expect(json_sanitize(buf_bytes(&once), &twice));
        expect(bytes_equal(buf_bytes(&once), buf_bytes(&twice)));
    }
    buf_free(&once);
    buf_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct bytes text = bytes_of(data, len);
    struct buf out = { 0 };

    for (unsigned mysql = 0; mysql < 2; mysql++) {
        out.len = 0;
        sql_sanitize(text, mysql != 0, &out);
        expect(out.len <= len);
    }
    out.len = 0;
    redis_sanitize(text, &out);
    expect(out.len <= len);
    expect(memcached_sanitize(text).len <= len);
    out.len = 0;
    url_sanitize(text, &out);
    expect(out.len <= len);
    check_json(text);
    buf_free(&out);
    return 0;
}
