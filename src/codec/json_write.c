/* SPDX-License-Identifier: Apache-2.0 */
/* Each call puts a comma where something stands in front of it, then its key, then the value. */
#include "codec/json_write.h"

#include "base/decimal.h"
#include "base/log.h"

#include <inttypes.h>

static void put_key(struct json_writer *w, const char *key)
{
    if (w->more)
        buf_putc(w->out, ',');
    w->more = true;
    if (key == NULL)
        return;
    buf_putc(w->out, '"');
    buf_puts(w->out, key);
    buf_puts(w->out, "\":");
}

void json_begin(struct json_writer *w, const char *key, char bracket)
{
    put_key(w, key);
    buf_putc(w->out, bracket);
    w->more = false;
}

void json_end(struct json_writer *w, char bracket)
{
    buf_putc(w->out, bracket);
    w->more = true;
}

void json_write_uint(struct json_writer *w, const char *key, uint64_t n)
{
    put_key(w, key);
    buf_printf(w->out, "%" PRIu64, n);
}

void json_write_double(struct json_writer *w, const char *key, double x)
{
    put_key(w, key);
    decimal_put(w->out, x, DECIMAL_JSON);
}

void json_write_bool(struct json_writer *w, const char *key, bool b)
{
    put_key(w, key);
    buf_puts(w->out, b ? "true" : "false");
}

void json_write_null(struct json_writer *w, const char *key)
{
    put_key(w, key);
    buf_puts(w->out, "null");
}

void json_write_text(struct json_writer *w, const char *key, struct bytes text)
{
    put_key(w, key);
    log_quote(w->out, text);
}

void json_write_member(struct json_writer *w, struct bytes key, uint64_t n)
{
    put_key(w, NULL);
    log_quote(w->out, key);
    buf_printf(w->out, ":%" PRIu64, n);
}
