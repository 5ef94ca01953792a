/* SPDX-License-Identifier: Apache-2.0 */
/* The last warnings and errors of a worker, for the list of them that the front shows. The front has no other way to
 * know: each process writes its own lines of the log. */
#ifndef SERVICE_WARNINGS_RELAY_H
#define SERVICE_WARNINGS_RELAY_H

#include "base/log_recent.h"

/* In a worker: those that came since *told lines were given, as CHANNEL_WARNINGS. What the channel has no room for goes
 * the next time, the last LOG_RECENT_MAX of them. */
void warnings_relay_give(const struct log_recent *recent, size_t *told);

/* In the front: they are its own from now on, and say whose they are. The file is closed. */
void warnings_relay_take(struct log_sink *log, unsigned worker, int file);

#endif
