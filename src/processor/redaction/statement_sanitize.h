/* SPDX-License-Identifier: Apache-2.0 */
/* Statements of databases, and commands of stores, without what is a value in them: a `?` stands in its place. All
 * append to `out` and take time by the length of the text. */
#ifndef PROCESSOR_REDACTION_STATEMENT_SANITIZE_H
#define PROCESSOR_REDACTION_STATEMENT_SANITIZE_H

#include "base/buf.h"

/* Without the blanks and ends of lines around it. */
struct bytes statement_trim(struct bytes s);

/* SQL of any sort, which may have been cut off: literals and digits in names become `?`, comments stay. With `mysql` a
 * text in double quotes is a literal, and names stand in backticks. What follows a NUL is left away. */
void sql_sanitize(struct bytes statement, bool mysql, struct buf *out);

/* Commands of Redis or Valkey, one a line: their values become `?`, keys stay. */
void redis_sanitize(struct bytes commands, struct buf *out);

/* The query of a document store: JSON whose every value is "?", without blanks. False: the text is no JSON. */
bool json_sanitize(struct bytes query, struct buf *out);

/* The command of Memcached: its first line. */
struct bytes memcached_sanitize(struct bytes command);

#endif
