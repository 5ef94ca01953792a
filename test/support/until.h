/* SPDX-License-Identifier: Apache-2.0 */
/* To wait for what the kernel or a thread does in its own time. The test has a step() that turns the loop once. */
#ifndef SUPPORT_UNTIL_H
#define SUPPORT_UNTIL_H

#include <check.h>
#include <poll.h>

/* Half a minute at most. */
#define UNTIL(what)                                                                                                    \
    do {                                                                                                               \
        for (int i_ = 0; i_ < 30000 && !(what); i_++) {                                                                \
            step();                                                                                                    \
            poll(NULL, 0, 1);                                                                                          \
        }                                                                                                              \
        ck_assert_msg(what, #what);                                                                                    \
    } while (0)

#endif
