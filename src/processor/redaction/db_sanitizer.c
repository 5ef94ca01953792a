/* SPDX-License-Identifier: Apache-2.0 */
/* A table says which systems are of a kind; the kinds have their turns in its order, each on what the one before has
 * made. A text that a kind cannot read stays as it is. */
#include "processor/redaction/db_sanitizer.h"

#include "base/mem.h"
#include "otlp/any_value.h"
#include "otlp/view.h"
#include "processor/redaction/statement_sanitize.h"

#include <string.h>

static const struct option system_rows[] = {
    OPT_BOOL(struct db_config, enabled, "false", "Mask what is a value in statements of this system."),
    OPT_STRINGS(struct db_config, attributes, NULL, "Attributes that hold them."),
    OPT_END,
};

#define SYSTEM(kind_, name, help_text)                                                                                 \
    {                                                                                                                  \
        .key = (name), .kind = OPTION_GROUP, .offset = offsetof(struct db_sanitizer_config, of[kind_]),                \
        .options = system_rows, .size = sizeof(struct db_config), .mode = GROUP_PLAIN, .help = (help_text)             \
    }

const struct option db_sanitizer_rows[] = {
    SYSTEM(DB_SQL, "sql", "SQL: other_sql, mysql, postgresql, mariadb, sqlite."),
    SYSTEM(DB_REDIS, "redis", "Commands of Redis."),
    SYSTEM(DB_VALKEY, "valkey", "Commands of Valkey."),
    SYSTEM(DB_MEMCACHED, "memcached", "Commands of Memcached."),
    SYSTEM(DB_MONGO, "mongo", "Queries of MongoDB, in JSON."),
    SYSTEM(DB_OPENSEARCH, "opensearch", "Queries of OpenSearch, in JSON."),
    SYSTEM(DB_ES, "es", "Queries of Elasticsearch, in JSON."),
    OPT_BOOL(struct db_sanitizer_config, sanitize_span_name, "true",
             "Mask values in the names of client, server and internal spans of these systems, too."),
    OPT_END,
};

/* One statement: append what it becomes; false: it stays. */
typedef bool sanitize(struct bytes text, bool mysql, struct buf *out);

static bool sanitize_sql(struct bytes text, bool mysql, struct buf *out)
{
    sql_sanitize(text, mysql, out);
    return true;
}

static bool sanitize_redis(struct bytes text, bool mysql, struct buf *out)
{
    (void)mysql;
    redis_sanitize(text, out);
    return true;
}

static bool sanitize_memcached(struct bytes text, bool mysql, struct buf *out)
{
    (void)mysql;
    buf_put(out, memcached_sanitize(text));
    return true;
}

static bool sanitize_json(struct bytes text, bool mysql, struct buf *out)
{
    (void)mysql;
    return json_sanitize(text, out);
}

#define MOST_SYSTEMS 6

static const struct {
    const char *systems[MOST_SYSTEMS];
    sanitize *run;
} kinds[DB_KINDS] = {
    [DB_SQL] = { { "other_sql", "mysql", "postgresql", "mariadb", "sqlite" }, sanitize_sql },
    [DB_REDIS] = { { "redis" }, sanitize_redis },
    [DB_VALKEY] = { { "valkey" }, sanitize_redis },
    [DB_MEMCACHED] = { { "memcached" }, sanitize_memcached },
    [DB_MONGO] = { { "mongodb" }, sanitize_json },
    [DB_OPENSEARCH] = { { "opensearch" }, sanitize_json },
    [DB_ES] = { { "elasticsearch" }, sanitize_json },
};

bool db_sanitizer_enabled(const struct db_sanitizer_config *c)
{
    for (unsigned k = 0; k < DB_KINDS; k++)
        if (c->of[k].enabled)
            return true;
    return false;
}

struct bytes db_system_of(struct bytes message, unsigned number)
{
    struct pb_reader r = pb_reader(message);
    struct bytes older = { NULL, 0 };

    for (struct attribute a; attribute_next(&r, number, &a);) {
        bool name = bytes_is(a.key, "db.system.name");
        struct value v;

        if (!name && !bytes_is(a.key, "db.system"))
            continue;
        v = value_read(a.value);
        if (v.type != VALUE_STRING)
            continue;
        if (name && v.bytes.len > 0)
            return v.bytes;
        if (!name)
            older = v.bytes;
    }
    return older;
}

static bool is_of(enum db_kind k, struct bytes system)
{
    for (unsigned i = 0; i < MOST_SYSTEMS && kinds[k].systems[i] != NULL; i++)
        if (bytes_equal_nocase(system, bytes_str(kinds[k].systems[i])))
            return true;
    return false;
}

/* Those whose texts in double quotes are literals. */
static bool is_mysql(struct bytes system)
{
    return bytes_equal_nocase(system, bytes_str("mysql")) || bytes_equal_nocase(system, bytes_str("mariadb"));
}

static bool run_kind(enum db_kind k, struct bytes system, struct bytes *text, struct buf made[2])
{
    struct buf *to = text->data == made[0].data ? &made[1] : &made[0];

    to->len = 0;
    buf_reserve(to, 1); /* it has data, however short what it holds */
    if (!kinds[k].run(*text, is_mysql(system), to))
        return false;
    *text = buf_bytes(to);
    return true;
}

static bool is_listed(const struct db_config *c, struct bytes key)
{
    for (size_t i = 0; c->enabled && i < c->attributes.n; i++)
        if (bytes_is(key, c->attributes.v[i]))
            return true;
    return false;
}

bool db_sanitize_attribute(const struct db_sanitizer_config *c, struct bytes system, bool log, struct bytes key,
                           struct bytes *text, struct buf made[2])
{
    bool any = false;

    if (system.len == 0 && !log)
        return false;
    for (unsigned k = 0; k < DB_KINDS; k++) {
        if (!is_listed(&c->of[k], key) || (system.len > 0 && !is_of((enum db_kind)k, system)))
            continue;
        any = run_kind((enum db_kind)k, system, text, made) || any;
    }
    return any;
}

bool db_sanitize_body(const struct db_sanitizer_config *c, struct bytes *text, struct buf made[2])
{
    bool any = false;

    for (unsigned k = 0; k < DB_KINDS; k++)
        if (c->of[k].enabled)
            any = run_kind((enum db_kind)k, bytes_of("", 0), text, made) || any;
    return any;
}

bool db_sanitize_name(const struct db_sanitizer_config *c, struct bytes system, struct bytes *text, struct buf made[2])
{
    for (unsigned k = 0; k < DB_KINDS; k++)
        if (c->of[k].enabled && is_of((enum db_kind)k, system))
            return run_kind((enum db_kind)k, system, text, made);
    return false;
}
