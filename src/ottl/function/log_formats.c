/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of logs in formats of their own: CEF and LEEF of security products, CLF of web servers.
 *
 * The first two may stand behind a prefix, that of syslog. What a format escapes is put back; a line that is not of the
 * format fails. */
#include "codec/base64.h"
#include "ottl/function/make.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"

/* Behind the last of the format's mark; false: it is not there. */
static bool skip_prefix(struct bytes *s, const char *mark)
{
    const uint8_t *found = s->len > 0 ? memmem(s->data, s->len, mark, strlen(mark)) : NULL;

    if (found == NULL)
        return false;
    *s = bytes_skip(*s, (size_t)(found - s->data) + strlen(mark));
    return true;
}

/* Up to the byte, which is passed over, or to the end. False: there is nothing left. */
static bool take_until(struct bytes *s, char c, struct bytes *part)
{
    const uint8_t *found = s->len > 0 ? memchr(s->data, c, s->len) : NULL;

    if (s->data == NULL)
        return false;
    *part = bytes_of(s->data, found != NULL ? (size_t)(found - s->data) : s->len);
    *s = found != NULL ? bytes_of(found + 1, s->len - part->len - 1) : bytes_of(NULL, 0);
    return true;
}

static bool give_map(struct ottl_call *c, bool good, struct buf *map, struct ottl_value *result)
{
    if (!good) {
        buf_free(map);
        return false;
    }
    attributes_keep_last(map);
    return ottl_give(c, map, OTTL_MAP, result);
}

/* ---- CEF ---- */

static const char *const cef_names[] = { "cef.version",        "cef.device_vendor",         "cef.device_product",
                                         "cef.device_version", "cef.device_event_class_id", "cef.name",
                                         "cef.severity" };

#define CEF_NAMES (sizeof(cef_names) / sizeof(*cef_names))

/* Up to a pipe that no backslash stands before. */
static bool take_cef_field(struct bytes *s, struct buf *field)
{
    field->len = 0;
    if (s->data == NULL)
        return false;
    for (size_t i = 0; i < s->len; i++) {
        uint8_t c = s->data[i], next = i + 1 < s->len ? s->data[i + 1] : 0;

        if (c == '\\' && (next == '|' || next == '\\')) {
            buf_putc(field, (char)next);
            i++;
        } else if (c == '|') {
            *s = bytes_of(s->data + i + 1, s->len - i - 1);
            return true;
        } else {
            buf_putc(field, (char)c);
        }
    }
    *s = bytes_of(NULL, 0);
    return true;
}

/* The length of a key with `=` behind it; 0: none begins here. */
static size_t cef_key_len(struct bytes s)
{
    size_t n = 0;

    while (n < s.len && ((s.data[n] >= '0' && s.data[n] <= '9') ||
                         ((s.data[n] | 0x20) >= 'a' && (s.data[n] | 0x20) <= 'z') || s.data[n] == '_'))
        n++;
    return n < s.len && s.data[n] == '=' ? n : 0;
}

static void put_cef_value(struct bytes key, struct bytes value, struct buf *map)
{
    struct buf plain = { 0 };

    while (value.len > 0 && value.data[value.len - 1] == ' ')
        value.len--;
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.data[i], next = i + 1 < value.len ? value.data[i + 1] : 0;

        if (c == '\\' && next != 0 && strchr("\\=nr", next) != NULL) {
            buf_putc(&plain, (char)(next == 'n' ? '\n' : next == 'r' ? '\r' : next));
            i++;
        } else {
            buf_putc(&plain, (char)c);
        }
    }
    ottl_put_text_pair(map, key, buf_bytes(&plain));
    buf_free(&plain);
}

static void read_cef_extension(struct bytes s, struct buf *map)
{
    struct bytes key = { 0 };
    size_t value = 0;

    for (size_t i = 0; i < s.len; i++) {
        size_t n = i == 0 || s.data[i - 1] == ' ' ? cef_key_len(bytes_skip(s, i)) : 0;

        if (n == 0)
            continue;
        if (key.data != NULL)
            put_cef_value(key, bytes_of(s.data + value, i - value), map);
        key = bytes_of(s.data + i, n);
        value = i + n + 1;
        i += n;
    }
    if (key.data != NULL)
        put_cef_value(key, bytes_skip(s, value), map);
}

static bool call_cef(struct ottl_call *c, struct ottl_value *result)
{
    struct bytes s = c->args[0].bytes;
    struct buf map = { 0 }, field = { 0 }, extension = { 0 };
    struct ottl_value v;
    size_t n = 0;

    if (!ottl_spend(c, s.len / 8))
        return false;
    if (!skip_prefix(&s, "CEF:"))
        return ottl_fail(c, "invalid CEF message: 'CEF:' not found");
    while (n < CEF_NAMES && take_cef_field(&s, &field))
        ottl_put_text_pair(&map, bytes_str(cef_names[n++]), buf_bytes(&field));
    buf_free(&field);
    if (n < CEF_NAMES) {
        buf_free(&map);
        return ottl_fail(c, "a CEF header has 7 fields, and this has %zu", n);
    }
    read_cef_extension(s, &extension);
    attributes_keep_last(&extension);
    v = ottl_bytes(OTTL_MAP, buf_bytes(&extension));
    ottl_put_pair(&map, bytes_str("cef.extensions"), &v);
    buf_free(&extension);
    return give_map(c, true, &map, result);
}

/* ---- LEEF ---- */

static const char *const leef_names[] = { "leef.vendor", "leef.product.name", "leef.product.version", "leef.event.id" };

/* What LEEF 2.0 says of the delimiter: nothing, a character, or 0x and its two digits. False: none of them. */
static bool read_leef_delimiter(struct bytes s, char *delimiter)
{
    uint8_t byte;

    *delimiter = '\t';
    if (s.len == 0)
        return true;
    if (s.len == 4 && s.data[0] == '0' && (s.data[1] | 0x20) == 'x' && hex_decode(bytes_skip(s, 2), &byte)) {
        *delimiter = (char)byte;
        return true;
    }
    *delimiter = (char)s.data[0];
    return s.len == 1;
}

static void read_leef_attributes(struct bytes s, char delimiter, struct buf *map)
{
    struct bytes pair, key;

    while (take_until(&s, delimiter, &pair)) {
        const uint8_t *equals = pair.len > 0 ? memchr(pair.data, '=', pair.len) : NULL;

        if (equals == NULL || equals == pair.data)
            continue;
        key = bytes_of(pair.data, (size_t)(equals - pair.data));
        ottl_put_text_pair(map, key, bytes_skip(pair, key.len + 1));
    }
    attributes_keep_last(map);
}

static bool call_leef(struct ottl_call *c, struct ottl_value *result)
{
    struct bytes s = c->args[0].bytes, version, field, rest;
    struct buf map = { 0 }, attributes = { 0 };
    struct ottl_value v;
    char delimiter = '\t';

    if (!ottl_spend(c, s.len / 8))
        return false;
    if (!skip_prefix(&s, "LEEF:"))
        return ottl_fail(c, "invalid LEEF message: 'LEEF:' not found");
    if (!take_until(&s, '|', &version) || (!bytes_is(version, "1.0") && !bytes_is(version, "2.0")))
        return ottl_fail(c, "unsupported LEEF version, which is 1.0 or 2.0");
    ottl_put_text_pair(&map, bytes_str("leef.version"), version);
    for (size_t i = 0; i < sizeof(leef_names) / sizeof(*leef_names); i++) {
        if (!take_until(&s, '|', &field)) {
            buf_free(&map);
            return ottl_fail(c, "a LEEF header has 4 fields behind the version, and this has %zu", i);
        }
        ottl_put_text_pair(&map, bytes_str(leef_names[i]), field);
    }
    rest = s;
    if (bytes_is(version, "2.0") && take_until(&rest, '|', &field) && memchr(field.data, '=', field.len) == NULL) {
        s = rest;
        if (!read_leef_delimiter(field, &delimiter)) {
            buf_free(&map);
            return ottl_fail(c, "a delimiter of LEEF 2.0 is a single character, or 0x and two hex digits");
        }
    }
    read_leef_attributes(s, delimiter, &attributes);
    v = ottl_bytes(OTTL_MAP, buf_bytes(&attributes));
    ottl_put_pair(&map, bytes_str("leef.attributes"), &v);
    buf_free(&attributes);
    return give_map(c, true, &map, result);
}

/* ---- CLF ---- */

struct clf_line {
    struct bytes host, ident, user, time, request, status, size, referer, agent;
};

static bool take_word(struct bytes *s, struct bytes *word)
{
    return take_until(s, ' ', word) && word->len > 0;
}

/* In quotes, in which a backslash makes the next byte stand for itself. */
static bool take_quoted(struct bytes *s, struct bytes *text)
{
    size_t i = 1;

    if (s->len < 2 || s->data[0] != '"')
        return false;
    while (i < s->len && s->data[i] != '"')
        i += s->data[i] == '\\' ? 2 : 1;
    if (i >= s->len)
        return false;
    *text = bytes_of(s->data + 1, i - 1);
    *s = bytes_skip(*s, i + 1);
    if (s->len > 0 && s->data[0] != ' ')
        return false;
    *s = s->len > 0 ? bytes_skip(*s, 1) : bytes_of(NULL, 0);
    return true;
}

static bool split_clf(struct bytes s, bool combined, struct clf_line *l)
{
    if (!take_word(&s, &l->host) || !take_word(&s, &l->ident) || !take_word(&s, &l->user))
        return false;
    if (s.len < 3 || s.data[0] != '[')
        return false;
    s = bytes_skip(s, 1);
    if (!take_until(&s, ']', &l->time) || l->time.len == 0 || s.len == 0 || s.data[0] != ' ')
        return false;
    s = bytes_skip(s, 1);
    if (!take_quoted(&s, &l->request) || !take_word(&s, &l->status) || !take_word(&s, &l->size))
        return false;
    if (combined && (!take_quoted(&s, &l->referer) || !take_quoted(&s, &l->agent)))
        return false;
    return s.data == NULL;
}

static bool put_number(struct bytes digits, const char *name, struct buf *map)
{
    struct ottl_value v = ottl_int(0);

    if (digits.len == 0 || digits.len > 18)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
        v.integer = v.integer * 10 + (digits.data[i] - '0');
    }
    ottl_put_pair(map, bytes_str(name), &v);
    return true;
}

static void put_unescaped(struct bytes s, const char *name, struct buf *map)
{
    struct buf plain = { 0 };

    for (size_t i = 0; i < s.len; i++) {
        i += s.data[i] == '\\' && i + 1 < s.len && (s.data[i + 1] == '"' || s.data[i + 1] == '\\');
        buf_putc(&plain, (char)s.data[i]);
    }
    ottl_put_text_pair(map, bytes_str(name), buf_bytes(&plain));
    buf_free(&plain);
}

/* GET /index.html HTTP/1.1 */
static void put_request(struct bytes request, struct buf *map)
{
    struct bytes rest = request, method, uri, protocol, more;

    put_unescaped(request, "clf.request", map);
    if (!take_until(&rest, ' ', &method) || !take_until(&rest, ' ', &uri) || !take_until(&rest, ' ', &protocol) ||
        take_until(&rest, ' ', &more))
        return;
    put_unescaped(method, "clf.method", map);
    put_unescaped(uri, "clf.request_uri", map);
    put_unescaped(protocol, "clf.protocol", map);
}

static bool prepare_clf(struct ottl_prepare *p)
{
    if (ottl_known(p, 1) && !bytes_is(p->args[1].bytes, "clf") && !bytes_is(p->args[1].bytes, "combined"))
        return ottl_refuse(p, 1, "the format is \"clf\" or \"combined\"");
    return true;
}

static bool call_clf(struct ottl_call *c, struct ottl_value *result)
{
    bool combined = bytes_is(ottl_text_or(c, 1, "clf"), "combined"), good;
    struct clf_line l = { 0 };
    struct buf map = { 0 };

    if (!ottl_spend(c, c->args[0].bytes.len / 8))
        return false;
    if (!split_clf(c->args[0].bytes, combined, &l))
        return ottl_fail(c, "this is no line of the %s format", combined ? "combined" : "common");
    ottl_put_text_pair(&map, bytes_str("clf.remote_host"), l.host);
    ottl_put_text_pair(&map, bytes_str("clf.rfc931"), l.ident);
    ottl_put_text_pair(&map, bytes_str("clf.auth_user"), l.user);
    ottl_put_text_pair(&map, bytes_str("clf.timestamp"), l.time);
    put_request(l.request, &map);
    good = put_number(l.status, "clf.status", &map) || ottl_fail(c, "the status is no number");
    if (good && !bytes_is(l.size, "-"))
        good = put_number(l.size, "clf.bytes", &map) || ottl_fail(c, "the size is no number");
    if (combined) {
        put_unescaped(l.referer, "clf.referer", &map);
        put_unescaped(l.agent, "clf.user_agent", &map);
    }
    return give_map(c, good, &map, result);
}

const struct ottl_function ottl_functions_log_formats[] = {
    CONVERTER_IN(LOG, "ParseCEF", call_cef, "a map", TAKES(ARGUMENT("target", STRING)),
                 "The message in ArcSight's Common Event Format: cef.version and so on, and cef.extensions, a map."),
    CONVERTER_IN(LOG, "ParseLEEF", call_leef, "a map", TAKES(ARGUMENT("target", STRING)),
                 "The message in QRadar's Log Event Extended Format 1.0 or 2.0: leef.vendor and so on, and "
                 "leef.attributes, a map."),
    CONVERTER_IN(
        LOG, "ParseCLF", call_clf, "a map", TAKES(ARGUMENT("target", STRING), OPTION("format", STRING)),
        "The line of a web server's log in the common format, or in the \"combined\" one: clf.remote_host and so on.",
        .prepare = prepare_clf),
    { 0 },
};
