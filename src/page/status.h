/* SPDX-License-Identifier: Apache-2.0 */
/* What runs and how it is, as JSON: /api/v1/status and its events. docs/page.md says what each member means. */
#ifndef PAGE_STATUS_H
#define PAGE_STATUS_H

#include "pipeline/service_view.h"

/* Append it; `log`: what seldom changes too, the last lines and the warnings of the configuration. */
void status_put(struct buf *out, const struct host *host, bool log);

/* The same in lines for a terminal: whether all is well, who fails and why, then the ledgers. The first line ends with
 * STATUS_WELL where status_is_well(). */
#define STATUS_WELL ", all is well"

void status_put_text(struct buf *out, const struct host *host);

/* What all of it takes now. Asked first of all by who shows more than that: the rest is of the same moment then. */
void status_total(const struct host *host, struct view_total *total);

/* Ready, and no node of any pipeline says that it fails. */
bool status_is_well(const struct host *host);

extern const char *const status_phases[]; /* by enum service_phase */
extern const char *const status_kinds[];  /* by enum component_kind */
const char *status_state_name(enum health_state state);

/* When the certificate of the node's peers expires that expires first, in Unix seconds; 0: none is known. */
double status_peer_certificate(const struct host *host, const struct node *node);

#endif
