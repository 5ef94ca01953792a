/* SPDX-License-Identifier: Apache-2.0 */
/* Lines are printed test by test. XML has its counts in front, so its test cases are gathered and printed at the end.
 */
#include "command/test/test_report.h"

#include "codec/xml.h"

#include <stdio.h>
#include <string.h>

bool test_report_format(const char *name, enum report_format *format)
{
    static const char *const names[] = { "text", "tap", "junit" };

    *format = REPORT_TEXT;
    if (name == NULL)
        return true;
    for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strcmp(name, names[i]) == 0) {
            *format = (enum report_format)i;
            return true;
        }
    return false;
}

void test_report_begin(struct test_report *r, enum report_format format)
{
    *r = (struct test_report){ .format = format };
    if (format == REPORT_TAP)
        printf("TAP version 14\n");
}

static void print_indented(const char *before, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        printf("%s%.*s\n", before, (int)len, text);
        text += len + (text[len] == '\n');
    }
}

static void put_case(struct buf *out, const char *file, const char *name, const char *told)
{
    buf_puts(out, "  <testcase classname=\"");
    xml_put_text(out, bytes_str(file));
    buf_puts(out, "\" name=\"");
    xml_put_text(out, bytes_str(name));
    if (told == NULL) {
        buf_puts(out, "\"/>\n");
        return;
    }
    buf_puts(out, "\">\n    <failure>");
    xml_put_text(out, bytes_str(told));
    buf_puts(out, "</failure>\n  </testcase>\n");
}

void test_report_add(struct test_report *r, const char *file, const char *name, bool passed, struct buf *told)
{
    if (passed)
        r->passed++;
    else
        r->failed++;
    switch (r->format) {
    case REPORT_TEXT:
        printf("%s %s: %s\n", passed ? "ok  " : "FAIL", file, name);
        break;
    case REPORT_TAP:
        printf("%s %zu - %s: %s\n", passed ? "ok" : "not ok", r->passed + r->failed, file, name);
        break;
    case REPORT_JUNIT:
        put_case(&r->cases, file, name, passed ? NULL : buf_cstr(told));
        return;
    }
    if (!passed)
        print_indented(r->format == REPORT_TAP ? "# " : "    ", buf_cstr(told));
    fflush(stdout);
}

void test_report_end(struct test_report *r)
{
    size_t tests = r->passed + r->failed;

    switch (r->format) {
    case REPORT_TEXT:
        if (tests > 0)
            printf("%zu passed, %zu failed\n", r->passed, r->failed);
        break;
    case REPORT_TAP:
        printf("1..%zu\n", tests);
        break;
    case REPORT_JUNIT:
        printf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"otelcd test\" tests=\"%zu\" "
               "failures=\"%zu\">\n%s</testsuite>\n",
               tests, r->failed, buf_cstr(&r->cases));
    }
    buf_free(&r->cases);
}
