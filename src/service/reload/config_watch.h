/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a configuration, and who is told when one of them has changed (`--watch`). */
#ifndef SERVICE_CONFIG_WATCH_H
#define SERVICE_CONFIG_WATCH_H

#include "base/log.h"
#include "config/source.h"

struct loop;
struct config_watch;

/* changed(): from the loop, once for changes that come together. What cannot be watched is named in the log. The
 * sources and the log outlive it. */
struct config_watch *config_watch_open(struct loop *loop, const struct config_sources *sources,
                                       const struct logger *log, void (*changed)(void *arg), void *arg);
/* The configuration has been read again, and sources->files has what it names now. `whole`: all of it could be read, so
 * that what is not named is not watched any more. NULL is none. */
void config_watch_follow(struct config_watch *w, bool whole);
void config_watch_close(struct config_watch *w); /* NULL is none */

#endif
