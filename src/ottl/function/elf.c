/* SPDX-License-Identifier: Apache-2.0 */
/* ParseELF(): W3C's Extended Log File format, as IIS writes it. Directives (#Fields: date time) tell what the lines
 * behind them hold; a line becomes a map by the fields before it. */
#include "base/ascii.h"
#include "ottl/function/letters.h"
#include "ottl/function/make.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"

#include <strings.h>

struct elf_reader {
    struct ottl_call *call;
    struct bytes fields; /* of the last #Fields */
    bool versioned;
    struct buf map, entries;
};

/* The next line that is not empty, without the blanks at its ends. */
static bool take_line(struct bytes *s, struct bytes *line)
{
    *s = ascii_trim(*s);
    *line = *s;
    for (size_t i = 0; i < s->len; i++)
        if (s->data[i] == '\n' || s->data[i] == '\r') {
            line->len = i;
            break;
        }
    *s = bytes_skip(*s, line->len);
    *line = ascii_trim(*line);
    return line->len > 0;
}

static bool take_field(struct bytes *s, struct bytes *field)
{
    *s = ascii_trim(*s);
    for (field->len = 0, field->data = s->data; field->len < s->len && !ascii_is_space(s->data[field->len]);)
        field->len++;
    *s = bytes_skip(*s, field->len);
    return field->len > 0;
}

static const struct {
    const char *directive, *name;
} directives[] = {
    { "version", "elf.version" },       { "software", "elf.software" }, { "date", "elf.date" },
    { "start-date", "elf.start_date" }, { "end-date", "elf.end_date" }, { "remark", "elf.remark" },
};

static bool directive_is(struct bytes key, const char *name)
{
    return bytes_equal_nocase(key, bytes_str(name));
}

static bool read_directive(struct elf_reader *r, struct bytes line)
{
    const uint8_t *colon = memchr(line.data, ':', line.len);
    struct bytes key, value;

    if (colon == NULL) {
        bool fields = line.len > 6 && strncasecmp((const char *)line.data + 1, "fields", 6) == 0;

        return !fields || ottl_fail(r->call, "invalid ELF: #Fields without a colon");
    }
    key = ascii_trim(bytes_of(line.data + 1, (size_t)(colon - line.data) - 1));
    value = ascii_trim(bytes_of(colon + 1, line.len - (size_t)(colon - line.data) - 1));
    if (directive_is(key, "fields"))
        r->fields = value;
    r->versioned = r->versioned || directive_is(key, "version");
    for (size_t i = 0; i < sizeof(directives) / sizeof(*directives); i++)
        if (directive_is(key, directives[i].directive))
            ottl_put_text_pair(&r->map, bytes_str(directives[i].name), value);
    return true;
}

/* A word, or text in quotes in which two quotes are one. False: the quotes have no end. */
static bool take_value(struct bytes *s, struct buf *value)
{
    size_t i = 1;

    value->len = 0;
    if (s->data[0] != '"') {
        struct bytes word;

        take_field(s, &word);
        buf_put(value, word);
        return true;
    }
    for (; i < s->len; i++) {
        if (s->data[i] == '"' && (i + 1 == s->len || s->data[i + 1] != '"'))
            break;
        i += s->data[i] == '"';
        buf_putc(value, (char)s->data[i]);
    }
    if (i >= s->len)
        return false;
    *s = bytes_skip(*s, i + 1);
    return true;
}

/* A field that the line is too short for is `-`; what is too much is left out. */
static bool read_line(struct elf_reader *r, struct bytes line)
{
    struct bytes names = r->fields, name;
    struct buf entry = { 0 }, value = { 0 };
    struct ottl_value v;
    bool good = true;

    if (r->fields.len == 0)
        return ottl_fail(r->call, "invalid ELF: data entry found before #Fields directive");
    while (good && take_field(&names, &name)) {
        if (!ottl_spend(r->call, 1 + name.len / 8)) {
            good = false;
            break;
        }
        line = ascii_trim(line);
        if (line.len > 0)
            good =
                take_value(&line, &value) || ottl_fail(r->call, "invalid ELF: unterminated quoted value in data line");
        else
            value.len = 0, buf_putc(&value, '-');
        ottl_put_text_pair(&entry, name, buf_bytes(&value));
    }
    attributes_keep_last(&entry);
    v = ottl_bytes(OTTL_MAP, buf_bytes(&entry));
    ottl_put_element(&r->entries, &v);
    buf_free(&entry);
    buf_free(&value);
    return good;
}

static void put_results(struct elf_reader *r)
{
    struct ottl_value v = ottl_bytes(OTTL_LIST, buf_bytes(&r->entries));
    struct bytes names = r->fields, name;
    struct buf fields = { 0 };

    ottl_put_pair(&r->map, bytes_str("elf.entries"), &v);
    while (take_field(&names, &name))
        ottl_put_string(&fields, name);
    v = ottl_bytes(OTTL_LIST, buf_bytes(&fields));
    ottl_put_pair(&r->map, bytes_str("elf.fields"), &v);
    buf_free(&fields);
    attributes_keep_last(&r->map);
}

static bool call_elf(struct ottl_call *c, struct ottl_value *result)
{
    struct elf_reader r = { .call = c };
    struct bytes rest = c->args[0].bytes, line;
    bool good = ottl_spend(c, rest.len / 8);

    while (good && take_line(&rest, &line))
        good = line.data[0] == '#' ? read_directive(&r, line) : read_line(&r, line);
    if (good && !r.versioned)
        good = ottl_fail(c, "invalid ELF: missing #Version directive");
    if (good)
        put_results(&r);
    buf_free(&r.entries);
    if (good)
        return ottl_give(c, &r.map, OTTL_MAP, result);
    buf_free(&r.map);
    return false;
}

const struct ottl_function ottl_functions_elf[] = {
    CONVERTER_IN(
        LOG, "ParseELF", call_elf, "a map", TAKES(ARGUMENT("target", STRING)),
        "The text in W3C's Extended Log File format: elf.version, elf.fields and elf.entries, a list of maps."),
    { 0 },
};
