/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of `otelcd doctor`, each about one part of what was seen. They are called in this order, and those below
 * leave out what those above have told. */
#ifndef COMMAND_RULE_H
#define COMMAND_RULE_H

#include "command/doctor/finding.h"

void rule_daemon(struct evidence *e);   /* it runs, and by the configuration that is meant */
void rule_exporter(struct evidence *e); /* a peer refuses or cannot be reached; queues */
void rule_ledger(struct evidence *e);   /* what pipelines refuse and drop, and what waits in them */
void rule_sender(struct evidence *e);   /* who is not let in, and nobody */
void rule_counter(struct evidence *e);  /* what else is counted, by a table */
void rule_scrape(struct evidence *e);   /* who fetches what a prometheus exporter shows */
void rule_node(struct evidence *e);     /* who else asks others, and fails */
void rule_twice(struct evidence *e);    /* who writes the same twice */
void rule_machine(struct evidence *e);  /* disk, descriptors, memory, ports, certificates */
void rule_log(struct evidence *e);      /* what the log says and no rule has quoted */

/* Is that exporter's queue full, or its peer away: then somebody has told of it. */
bool exporter_was_told(const struct evidence *e, const char *id);

#endif
