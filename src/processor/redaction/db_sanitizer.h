/* SPDX-License-Identifier: Apache-2.0 */
/* Which texts are statements of databases, by the system that an item names, and what becomes of them. */
#ifndef PROCESSOR_REDACTION_DB_SANITIZER_H
#define PROCESSOR_REDACTION_DB_SANITIZER_H

#include "base/buf.h"
#include "config/option.h"

struct db_config {
    bool enabled;
    struct strings attributes;
};

enum db_kind { DB_SQL, DB_REDIS, DB_VALKEY, DB_MEMCACHED, DB_MONGO, DB_OPENSEARCH, DB_ES, DB_KINDS };

struct db_sanitizer_config {
    struct db_config of[DB_KINDS];
    bool sanitize_span_name;
};

extern const struct option db_sanitizer_rows[];

bool db_sanitizer_enabled(const struct db_sanitizer_config *c); /* for any system */

/* The system that these attributes name: the text of db.system.name, or of db.system; empty: none. `number`: the field
 * of the attributes in the message. */
struct bytes db_system_of(struct bytes message, unsigned number);

/* The value of an attribute. Without a system only logs are looked at, and every kind that lists the key has its turn.
 * False: it stays; else *text is what it becomes, in one of the two bufs. `text` must not lie in them. */
bool db_sanitize_attribute(const struct db_sanitizer_config *c, struct bytes system, bool log, struct bytes key,
                           struct bytes *text, struct buf made[2]);

/* A value in the body of a log record: every kind that is enabled has its turn. */
bool db_sanitize_body(const struct db_sanitizer_config *c, struct bytes *text, struct buf made[2]);

/* The name of a span of this system. */
bool db_sanitize_name(const struct db_sanitizer_config *c, struct bytes system, struct bytes *text, struct buf made[2]);

#endif
