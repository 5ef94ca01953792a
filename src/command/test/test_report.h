/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests had for results, told on standard output: for people as they come, as TAP as they come, or as JUnit's
 * XML when all are there. */
#ifndef COMMAND_TEST_TEST_REPORT_H
#define COMMAND_TEST_TEST_REPORT_H

#include "base/buf.h"

enum report_format { REPORT_TEXT, REPORT_TAP, REPORT_JUNIT };

struct test_report {
    enum report_format format;
    size_t passed, failed;
    struct buf cases; /* JUNIT: so far */
};

/* "text", "tap", "junit"; NULL is text. False: none of these. */
bool test_report_format(const char *name, enum report_format *format);

void test_report_begin(struct test_report *r, enum report_format format);
/* `told`: of a test that has failed, lines. */
void test_report_add(struct test_report *r, const char *file, const char *name, bool passed, struct buf *told);
void test_report_end(struct test_report *r);

#endif
