/* SPDX-License-Identifier: Apache-2.0 */
/* One style for all pages: the reader's own colours, light or dark; nothing is loaded from anywhere. */
#include "extension/zpages/zpages.h"

#include "base/log.h"
#include "codec/xml.h"
#include "config/decode.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

static const char style[] =
    ":root{color-scheme:light dark}"
    "body{font:15px/1.5 system-ui,sans-serif;max-width:75em;margin:1em auto;padding:0 1em}"
    "table{border-collapse:collapse;margin:.5em 0 1.5em}"
    "th,td{border:1px solid GrayText;padding:.2em .6em;text-align:left;vertical-align:top;overflow-wrap:anywhere}"
    "td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    "tr.bad td,p.bad{border-left:4px solid #c33}"
    "p.bad{padding-left:.5em}"
    "pre{overflow:auto;border:1px solid GrayText;padding:.6em}"
    "nav a{margin-right:1em}";

static const char *const pages[] = { "servicez", "pipelinez", "extensionz", "featurez", "tracez" };

void html_text(struct buf *out, struct bytes text)
{
    struct buf visible = { 0 };

    log_put_visible(&visible, text);
    xml_put_text(out, buf_bytes(&visible));
    buf_free(&visible);
}

void html_begin(struct buf *out, const char *title)
{
    buf_printf(out,
               "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
               "content=\"width=device-width\"><title>otelcd: %s</title><style>%s</style></head><body><nav>",
               title, style);
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        buf_printf(out, "<a href=\"/debug/%s\">%s</a>", pages[i], pages[i]);
    buf_printf(out, "</nav><h1>%s</h1>", title);
}

void html_end(struct buf *out)
{
    buf_puts(out, "</body></html>\n");
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
