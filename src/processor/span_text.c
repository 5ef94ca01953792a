/* SPDX-License-Identifier: Apache-2.0 */
/* Values as Go prints them into a name: strings as they are, numbers in decimal without an exponent, the rest as JSON
 * or nothing. */
#include "processor/span_text.h"

#include "base/decimal.h"

#include <inttypes.h>

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
        decimal_put(out, v.number, DECIMAL_PLAIN);
        break;
    default:
        buf_puts(out, "<unknown-attribute-type>");
    }
}
