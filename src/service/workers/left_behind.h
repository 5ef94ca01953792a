/* SPDX-License-Identifier: Apache-2.0 */
/* Queues on disk of workers that are not started any more, since service::workers is smaller than it was. */
#ifndef SERVICE_LEFT_BEHIND_H
#define SERVICE_LEFT_BEHIND_H

#include "service/config.h"

/* The highest number of a worker whose queues below what the configuration names hold something, if it is above
 * `workers`; else `workers`. *where: its directory, for the caller to free; NULL: there is none. */
unsigned left_behind_workers(const struct config *config, unsigned workers, char **where);

/* What cannot be in several processes of this configuration; NULL: nothing. */
const struct config_component *left_behind_alone(const struct config *config);

#endif
