/* SPDX-License-Identifier: Apache-2.0 */
/* One test of a configuration, run. */
#ifndef COMMAND_TEST_TEST_RUN_H
#define COMMAND_TEST_TEST_RUN_H

#include "command/test/test_file.h"

/* False: it failed, and what was wanted and what came instead is in `told`, for people, in lines. Nothing is kept of
 * one run for the next. */
bool test_run(const struct test_file *f, const struct test_case *c, const struct component *const *registry,
              struct buf *told);

#endif
