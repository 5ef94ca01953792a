/* SPDX-License-Identifier: Apache-2.0 */
/* All text goes through log_put_visible() and the escapes of XML: whoever wrote it, it is shown and never run. */
#include "page/html.h"

#include "base/log.h"
#include "codec/xml.h"
#include "config/decode.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

void html_text(struct buf *out, struct bytes text)
{
    struct buf visible = { 0 };

    log_put_visible(&visible, text);
    xml_put_text(out, buf_bytes(&visible));
    buf_free(&visible);
}

void html_row(struct buf *out, const char *name, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    buf_printf(out, "<tr><th>%s</th><td>", name);
    html_text(out, bytes_str(text));
    buf_puts(out, "</td></tr>");
}

void html_time(struct buf *out, uint64_t wall)
{
    time_t seconds = (time_t)(wall / NS_PER_S);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    buf_printf(out, "%04d-%02d-%02d %02d:%02d:%02d UTC", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
               tm.tm_min, tm.tm_sec);
}

void html_ago(struct buf *out, uint64_t wall, uint64_t before)
{
    uint64_t ns = wall > before ? wall - before : 0;

    duration_print((int64_t)(ns / NS_PER_S * NS_PER_S), out);
}
