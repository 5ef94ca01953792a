/* SPDX-License-Identifier: Apache-2.0 */
/* Values as Go prints them into a name: strings as they are, numbers in decimal without an exponent, the rest as JSON
 * or nothing. */
#include "processor/span_text.h"

#include "base/decimal.h"

#include <inttypes.h>
#include <math.h>

static void put_zeros(struct buf *out, int n)
{
    while (n-- > 0)
        buf_putc(out, '0');
}

/* The shortest digits that read back the same, all of them before and behind the point. */
static void put_double(struct buf *out, double v)
{
    struct decimal d;
    char digits[DECIMAL_UINT_MAX];
    int n, point;

    if (isnan(v) || isinf(v)) {
        buf_puts(out, isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf");
        return;
    }
    if (signbit(v))
        buf_putc(out, '-');
    if (v == 0) {
        buf_putc(out, '0');
        return;
    }
    d = decimal_shortest(fabs(v));
    n = (int)decimal_put_uint(digits, d.digits);
    point = n + d.exponent;
    if (point <= 0) {
        buf_puts(out, "0.");
        put_zeros(out, -point);
        buf_append(out, digits, (size_t)n);
    } else if (point >= n) {
        buf_append(out, digits, (size_t)n);
        put_zeros(out, point - n);
    } else {
        buf_printf(out, "%.*s.%.*s", point, digits, n - point, digits + point);
    }
}

void span_text_put(struct buf *out, struct bytes any_value)
{
    struct value v = value_read(any_value);

    switch (v.type) {
    case VALUE_STRING:
        buf_put(out, v.bytes);
        break;
    case VALUE_BOOL:
        buf_puts(out, v.boolean ? "true" : "false");
        break;
    case VALUE_INT:
        buf_printf(out, "%" PRId64, v.integer);
        break;
    case VALUE_DOUBLE:
        put_double(out, v.number);
        break;
    default:
        buf_puts(out, "<unknown-attribute-type>");
    }
}
