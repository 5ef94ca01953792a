/* SPDX-License-Identifier: Apache-2.0 */
/* The status of a running otelcd, for the verbs that show it. */
#ifndef COMMAND_STATUS_H
#define COMMAND_STATUS_H

#include "base/error.h"
#include "command/daemon.h"

/* Ask for a path of its API. False and `err`: it did not answer, or something else answered; then there is nothing to
 * free. */
bool status_ask(const struct daemon_address *p, const char *path, struct daemon_answer *r, struct error *err);

#endif
