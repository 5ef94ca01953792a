/* SPDX-License-Identifier: Apache-2.0 */
/* What is not SQL. Commands of Redis are read line by line; which of a command's arguments are values is in a table,
 * and what the table does not know stays. Queries in JSON are checked first, so that they can be gone through without
 * a stack: a text in front of a colon is a key, all else is a value. */
#include "processor/redaction/statement_sanitize.h"

#include "base/ascii.h"
#include "base/mem.h"
#include "base/vec.h"
#include "codec/json_scan.h"

#include <string.h>
#include <strings.h>

struct bytes statement_trim(struct bytes s)
{
    while (s.len > 0 && ascii_is_space(s.data[0]))
        s = bytes_skip(s, 1);
    while (s.len > 0 && ascii_is_space(s.data[s.len - 1]))
        s.len--;
    return s;
}

struct bytes memcached_sanitize(struct bytes command)
{
    const uint8_t *end = command.len > 1 ? memmem(command.data, command.len, "\r\n", 2) : NULL;

    return statement_trim(end != NULL ? bytes_of(command.data, (size_t)(end - command.data)) : command);
}

/* ---- JSON ---- */

static bool is_json(struct bytes text)
{
    struct json_scan s = { .p = text.data, .end = bytes_end(text) };
    bool good = text.len > 0 && json_skip(&s) && json_is_over(&s);

    buf_free(&s.scratch);
    buf_free(&s.mended);
    return good;
}

static const uint8_t *skip_string(const uint8_t *p)
{
    for (p++; *p != '"'; p++)
        p += *p == '\\';
    return p + 1;
}

static const uint8_t *skip_space(const uint8_t *p, const uint8_t *end)
{
    while (p < end && ascii_is_space(*p))
        p++;
    return p;
}

/* A number, true, false or null. */
static const uint8_t *skip_word(const uint8_t *p, const uint8_t *end)
{
    while (p < end && !ascii_is_space(*p) && *p != ',' && *p != ']' && *p != '}')
        p++;
    return p;
}

bool json_sanitize(struct bytes query, struct buf *out)
{
    const uint8_t *p, *end = bytes_end(query), *behind, *last = end;

    if (!is_json(query))
        return false;
    for (p = skip_space(query.data, end); p < end; p = skip_space(behind, end)) {
        behind = p + 1;
        if (strchr("{}[],:", *p) != NULL) {
            buf_putc(out, (char)*p);
            last = behind;
            continue;
        }
        behind = *p == '"' ? skip_string(p) : skip_word(p, end);
        if (*p == '"' && skip_space(behind, end) < end && *skip_space(behind, end) == ':')
            buf_append(out, p, (size_t)(behind - p));
        else
            buf_puts(out, "\"?\"");
        last = behind;
    }
    buf_append(out, last, (size_t)(end - last)); /* blanks behind the value stay, as in Go */
    return true;
}

/* ---- Redis ---- */

struct command {
    struct bytes name;
    VEC(struct bytes) args;
};

static struct bytes skip_blanks(struct bytes s)
{
    while (s.len > 0 && (s.data[0] == ' ' || s.data[0] == '\t' || s.data[0] == '\r'))
        s = bytes_skip(s, 1);
    return s;
}

static struct bytes take_bytes(struct bytes *rest, size_t n)
{
    struct bytes taken = bytes_of(rest->data, n);

    *rest = bytes_skip(*rest, n);
    return taken;
}

/* Up to a blank or the end of the line, but for those in quotes. */
static size_t argument_len(struct bytes s)
{
    bool quoted = false, escaped = false;
    size_t n = 0;

    for (; n < s.len && (quoted || (s.data[n] != ' ' && s.data[n] != '\n')); n++) {
        if (s.data[n] == '"' && !escaped)
            quoted = !quoted;
        escaped = s.data[n] == '\\' && !escaped;
    }
    return n;
}

static size_t name_len(struct bytes s)
{
    size_t n = 0;

    while (n < s.len && s.data[n] != ' ' && s.data[n] != '\n')
        n++;
    return n;
}

/* The next line; an empty one has no name. */
static void read_command(struct bytes *rest, struct command *c)
{
    c->args.n = 0;
    *rest = rest->data[0] == ' ' ? skip_blanks(*rest) : *rest;
    c->name = take_bytes(rest, name_len(*rest));
    while (rest->len > 0 && rest->data[0] != '\n') {
        *rest = skip_blanks(*rest); /* behind a blank */
        if (rest->len > 0 && rest->data[0] != '\n')
            *vec_push(&c->args) = take_bytes(rest, argument_len(*rest));
    }
    if (rest->len > 0)
        *rest = bytes_skip(*rest, 1);
}

enum rule { ONE, FROM, EACH, CONFIG, BITFIELD, ZADD };

static const struct {
    enum rule rule;
    size_t first, step; /* ONE, FROM: the argument; EACH: every so many behind the first */
    const char *names[12];
} rules[] = {
    { FROM, 0, 0, { "AUTH" } },
    { ONE,
      1,
      0,
      { "APPEND", "GETSET", "LPUSHX", "RPUSHX", "GEORADIUSBYMEMBER", "SET", "SETNX", "SISMEMBER", "ZRANK", "ZREVRANK",
        "ZSCORE" } },
    { ONE, 2, 0, { "HSETNX", "LREM", "LSET", "SETBIT", "SETEX", "PSETEX", "SETRANGE", "ZINCRBY", "SMOVE", "RESTORE" } },
    { ONE, 3, 0, { "LINSERT" } },
    { FROM, 1, 0, { "GEOHASH", "GEOPOS", "GEODIST", "LPUSH", "RPUSH", "SREM", "ZREM", "SADD" } },
    { EACH, 1, 3, { "GEOADD" } },
    { EACH, 1, 2, { "HSET", "HMSET" } },
    { EACH, 0, 2, { "MSET", "MSETNX" } },
    { CONFIG, 0, 0, { "CONFIG" } },
    { ZADD, 0, 0, { "ZADD" } },
    { BITFIELD, 0, 0, { "BITFIELD" } },
};

static void mask_argument(struct command *c, size_t i)
{
    if (i < c->args.n)
        c->args.v[i] = bytes_str("?");
}

static void mask_each(struct command *c, size_t first, size_t step)
{
    for (size_t i = first + step - 1; i < c->args.n; i += step)
        mask_argument(c, i);
}

/* Behind the options stand pairs of a score and a member. */
static void mask_members(struct command *c)
{
    static const char *const options[] = { "NX", "XX", "CH", "INCR" };
    size_t i = 1, k = 0;

    while (i < c->args.n && k < ARRAY_LEN(options)) {
        for (k = 0; k < ARRAY_LEN(options) && !bytes_is(c->args.v[i], options[k]); k++)
            ;
        i += k < ARRAY_LEN(options);
    }
    mask_each(c, i < c->args.n ? i : c->args.n - 1, 2);
}

/* SET type offset value: of the first whose value is there. */
static void mask_bits(struct command *c)
{
    size_t set = 0;

    for (size_t i = 1; i < c->args.n; i++) {
        if (bytes_equal_nocase(c->args.v[i], bytes_str("SET")))
            set = i;
        if (set > 0 && i - set == 3) {
            mask_argument(c, i);
            return;
        }
    }
}

static bool is_among(struct bytes name, const char *const *names)
{
    for (; *names != NULL; names++)
        if (bytes_equal_nocase(name, bytes_str(*names)))
            return true;
    return false;
}

static void mask_command(struct command *c)
{
    for (size_t i = 0; i < ARRAY_LEN(rules) && c->args.n > 0; i++) {
        if (!is_among(c->name, rules[i].names))
            continue;
        if (rules[i].rule == ONE || rules[i].rule == FROM)
            mask_argument(c, rules[i].first);
        if (rules[i].rule == FROM && c->args.n > rules[i].first)
            c->args.n = rules[i].first + 1;
        if (rules[i].rule == EACH)
            mask_each(c, rules[i].first, rules[i].step);
        if (rules[i].rule == CONFIG && bytes_equal_nocase(c->args.v[0], bytes_str("SET")))
            mask_argument(c, 2);
        if (rules[i].rule == ZADD)
            mask_members(c);
        if (rules[i].rule == BITFIELD)
            mask_bits(c);
        return;
    }
}

void redis_sanitize(struct bytes commands, struct buf *out)
{
    struct bytes rest = statement_trim(commands);
    struct command c = { 0 };
    bool first = true;

    while (rest.len > 0) {
        read_command(&rest, &c);
        if (c.name.len == 0)
            continue;
        mask_command(&c);
        if (!first)
            buf_putc(out, '\n');
        first = false;
        buf_put(out, c.name);
        for (size_t i = 0; i < c.args.n; i++) {
            buf_putc(out, ' ');
            buf_put(out, c.args.v[i]);
        }
    }
    vec_free(&c.args);
}
