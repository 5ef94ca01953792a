/* SPDX-License-Identifier: Apache-2.0 */
/* The signals that the service hears of: SIGTERM, SIGINT and SIGHUP. Those that would end it for a write that fails are
 * ignored. */
#ifndef SERVICE_SIGNALS_H
#define SERVICE_SIGNALS_H

#include <uv.h>

#define SIGNALS_WATCHED 3

struct signals {
    uv_signal_t handles[SIGNALS_WATCHED];
    void (*on_signal)(void *arg, int number);
    void *arg;
};

/* on(arg, number) for each one that comes, from the loop. */
void signals_watch(struct signals *s, uv_loop_t *loop, void (*on)(void *arg, int number), void *arg);

/* From now on they have no effect on the process. */
void signals_close(struct signals *s);

#endif
