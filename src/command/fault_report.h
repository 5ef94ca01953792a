/* SPDX-License-Identifier: Apache-2.0 */
/* The faults of a configuration for tools. */
#ifndef COMMAND_FAULT_REPORT_H
#define COMMAND_FAULT_REPORT_H

#include "base/buf.h"
#include "config/fault.h"

/* {"faults": [{file, line, column, path, severity, text, remedy}], "errors": n, "warnings": n, "complete": bool};
 * what is not known of one is null. In the order of their locations. */
void fault_report_json(struct faults *f, struct buf *out);

/* SARIF 2.1.0. Places that are no files (env:X, --set) have no physical location. */
void fault_report_sarif(struct faults *f, struct buf *out);

#endif
