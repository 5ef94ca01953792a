/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over the text, the open element in hand; nothing recurses. A text without references and carriage returns
 * stays where it is, others are copied. What XML forbids is a fault at its place: elements that cross, attributes
 * without quotes, unknown entities, control characters. */
#include "codec/xml.h"

#include "base/ascii.h"

#include <string.h>

struct reader {
    struct arena *arena;
    const uint8_t *start, *p, *end;
    struct xml_node *open; /* the document at first */
    unsigned depth, nodes;
    bool has_element; /* the document */
    bool all;         /* comments and instructions are nodes */
    struct xml_fault *fault;
};

static bool set_fault(struct reader *r, const char *what)
{
    r->fault->at = (size_t)(r->p - r->start);
    r->fault->what = what;
    return false;
}

static bool count_node(struct reader *r)
{
    return ++r->nodes <= XML_MAX_NODES || set_fault(r, "more elements, attributes and texts than are read");
}

static bool is_next(const struct reader *r, const char *text)
{
    size_t n = strlen(text);

    return (size_t)(r->end - r->p) >= n && memcmp(r->p, text, n) == 0;
}

static void skip_space(struct reader *r)
{
    while (r->p != r->end && ascii_is_white(*r->p))
        r->p++;
}

/* Behind the next `text`. */
static bool skip_past(struct reader *r, const char *text, const char *fault)
{
    const uint8_t *found = memmem(r->p, (size_t)(r->end - r->p), text, strlen(text));

    if (found == NULL)
        return set_fault(r, fault);
    r->p = found + strlen(text);
    return true;
}

/* ---- names ---- */

static bool is_name_start(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' || c >= 0x80;
}

static bool is_name(uint8_t c)
{
    return is_name_start(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

static bool read_name(struct reader *r, struct bytes *name)
{
    const uint8_t *from = r->p;

    if (r->p == r->end || !is_name_start(*r->p))
        return set_fault(r, "a name is wanted here");
    while (r->p != r->end && is_name(*r->p))
        r->p++;
    *name = bytes_of(from, (size_t)(r->p - from));
    return true;
}

/* Without its prefix. */
static void split_name(struct bytes *name, struct bytes *prefix)
{
    const uint8_t *colon = memchr(name->data, ':', name->len);
    size_t at = colon != NULL ? (size_t)(colon - name->data) : 0;

    if (at == 0 || at + 1 == name->len)
        return;
    *prefix = bytes_of(name->data, at);
    *name = bytes_skip(*name, at + 1);
}

/* ---- text ---- */

static void put_utf8(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_putc(out, (char)c);
        return;
    }
    if (c >= 0x10000) {
        buf_putc(out, (char)(0xf0 | c >> 18));
        buf_putc(out, (char)(0x80 | (c >> 12 & 0x3f)));
    } else if (c >= 0x800) {
        buf_putc(out, (char)(0xe0 | c >> 12));
    }
    buf_putc(out, (char)(c >= 0x800 ? 0x80 | (c >> 6 & 0x3f) : 0xc0 | c >> 6));
    buf_putc(out, (char)(0x80 | (c & 0x3f)));
}

static bool is_character(uint32_t c)
{
    return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c <= 0xd7ff) || (c >= 0xe000 && c <= 0xfffd) ||
           (c >= 0x10000 && c <= 0x10ffff);
}

/* "#65", "#x41" */
static bool put_number(struct buf *out, struct bytes digits)
{
    bool hex = digits.len > 1 && digits.data[1] == 'x';
    uint32_t c = 0;

    digits = bytes_skip(digits, hex ? 2 : 1);
    for (size_t i = 0; i < digits.len && c <= 0x10ffff; i++) {
        uint32_t d = digits.data[i], low = d | 0x20;

        if (d >= '0' && d <= '9')
            c = c * (hex ? 16 : 10) + (d - '0');
        else if (hex && low >= 'a' && low <= 'f')
            c = c * 16 + (low - 'a' + 10);
        else
            return false;
    }
    if (digits.len == 0 || !is_character(c))
        return false;
    put_utf8(out, c);
    return true;
}

static bool put_reference(struct reader *r, struct buf *out)
{
    static const struct {
        const char *name;
        char c;
    } entities[] = { { "lt", '<' }, { "gt", '>' }, { "amp", '&' }, { "apos", '\'' }, { "quot", '"' } };
    size_t left = (size_t)(r->end - r->p - 1);
    const uint8_t *semicolon = memchr(r->p + 1, ';', left < 32 ? left : 32);
    struct bytes name;

    if (semicolon == NULL)
        return set_fault(r, "an & that begins no entity: write &amp;");
    name = bytes_of(r->p + 1, (size_t)(semicolon - r->p - 1));
    if (name.len > 0 && name.data[0] == '#') {
        if (!put_number(out, name))
            return set_fault(r, "no character has that number");
        r->p = semicolon + 1;
        return true;
    }
    for (unsigned i = 0; i < sizeof(entities) / sizeof(*entities); i++)
        if (bytes_is(name, entities[i].name)) {
            buf_putc(out, entities[i].c);
            r->p = semicolon + 1;
            return true;
        }
    return set_fault(r, "an entity that XML does not define");
}

/* Text up to `to`, in which nothing refers, nor a carriage return stands. */
static bool is_plain(struct reader *r, const uint8_t *to, bool refers)
{
    for (const uint8_t *p = r->p; p != to; p++)
        if ((refers && *p == '&') || *p == '\r')
            return false;
    return true;
}

/* The text up to `to`, with its references unless it is CDATA. */
static bool read_text(struct reader *r, const uint8_t *to, bool refers, struct bytes *text)
{
    struct buf out = { 0 };
    bool good = true;

    for (const uint8_t *p = r->p; p != to; p++)
        if (!is_character(*p))
            return set_fault(r, "a control character");
    if (is_plain(r, to, refers)) {
        *text = bytes_of(r->p, (size_t)(to - r->p));
        r->p = to;
        return true;
    }
    while (good && r->p < to) {
        if (refers && *r->p == '&') {
            good = put_reference(r, &out);
        } else if (*r->p == '\r') {
            buf_putc(&out, '\n');
            r->p += r->p + 1 != to && r->p[1] == '\n' ? 2 : 1;
        } else {
            buf_putc(&out, (char)*r->p++);
        }
    }
    if (good) {
        uint8_t *copy = arena_alloc_bytes(r->arena, out.len + 1);

        memcpy(copy, out.len > 0 ? buf_bytes(&out).data : (const uint8_t *)"", out.len);
        *text = bytes_of(copy, out.len);
    }
    buf_free(&out);
    return good && (r->p == to || set_fault(r, "an & that begins no entity: write &amp;"));
}

/* ---- nodes ---- */

static struct xml_node *add_node(struct reader *r, enum xml_kind kind)
{
    struct xml_node *n = arena_zalloc(r->arena, sizeof(*n));

    n->kind = kind;
    n->order = r->nodes + 1;
    xml_append(r->open, n);
    return n;
}

static bool read_attribute(struct reader *r, struct xml_attribute ***last)
{
    struct xml_attribute *a = arena_zalloc(r->arena, sizeof(*a));
    const uint8_t *quote;

    if (!count_node(r) || !read_name(r, &a->name))
        return false;
    split_name(&a->name, &a->prefix);
    a->order = r->nodes;
    skip_space(r);
    if (!is_next(r, "="))
        return set_fault(r, "an attribute has a value: name=\"value\"");
    r->p++;
    skip_space(r);
    if (!is_next(r, "\"") && !is_next(r, "'"))
        return set_fault(r, "a value stands in quotes");
    quote = memchr(r->p + 1, *r->p, (size_t)(r->end - r->p - 1));
    r->p++;
    if (quote == NULL)
        return set_fault(r, "a value without its second quote");
    if (memchr(r->p, '<', (size_t)(quote - r->p)) != NULL)
        return set_fault(r, "a < in a value: write &lt;");
    if (!read_text(r, quote, true, &a->value))
        return false;
    r->p = quote + 1;
    **last = a;
    *last = &a->next;
    return true;
}

static bool open_element(struct reader *r)
{
    struct xml_node *n = add_node(r, XML_ELEMENT);
    struct xml_attribute **last = &n->attributes;

    r->p++;
    if (!count_node(r) || !read_name(r, &n->name))
        return false;
    r->has_element = true;
    for (;;) {
        skip_space(r);
        if (is_next(r, "/>")) {
            r->p += 2;
            split_name(&n->name, &n->prefix);
            return true;
        }
        if (is_next(r, ">"))
            break;
        if (r->p == r->end)
            return set_fault(r, "the text ends inside of an element");
        if (!read_attribute(r, &last))
            return false;
    }
    r->p++;
    if (++r->depth > XML_MAX_DEPTH)
        return set_fault(r, "elements are nested too deep");
    r->open = n;
    return true;
}

static bool close_element(struct reader *r)
{
    struct bytes name;

    r->p += 2;
    if (!read_name(r, &name))
        return false;
    if (r->depth == 0 || !bytes_equal(name, r->open->name))
        return set_fault(r, "another element is open than the one that ends here");
    skip_space(r);
    if (!is_next(r, ">"))
        return set_fault(r, "the end of an element is written </name>");
    r->p++;
    split_name(&r->open->name, &r->open->prefix);
    r->open = r->open->parent;
    r->depth--;
    return true;
}

static bool add_text(struct reader *r, const uint8_t *to, enum xml_kind kind)
{
    struct bytes text;
    struct xml_node *n;

    if (!read_text(r, to, kind == XML_TEXT, &text))
        return false;
    n = add_node(r, kind);
    n->text = text;
    return count_node(r);
}

static bool read_cdata(struct reader *r)
{
    const uint8_t *to;

    r->p += 9;
    to = memmem(r->p, (size_t)(r->end - r->p), "]]>", 3);
    if (to == NULL)
        return set_fault(r, "a CDATA section without its end");
    if (!add_text(r, to, XML_CDATA))
        return false;
    r->p = to + 3;
    return true;
}

/* <!DOCTYPE ...>, with whatever it declares. */
static bool skip_directive(struct reader *r)
{
    unsigned depth = 0;
    uint8_t quote = 0;

    for (; r->p != r->end; r->p++) {
        if (quote != 0)
            quote = *r->p == quote ? 0 : quote;
        else if (*r->p == '"' || *r->p == '\'')
            quote = *r->p;
        else if (*r->p == '<')
            depth++;
        else if (*r->p == '>' && --depth == 0) {
            r->p++;
            return true;
        }
    }
    return set_fault(r, "a declaration without its end");
}

static bool add_markup(struct reader *r, const uint8_t *from, const uint8_t *to, enum xml_kind kind)
{
    if (!r->all)
        return true;
    add_node(r, kind)->text = bytes_of(from, (size_t)(to - from));
    return count_node(r);
}

static bool read_comment(struct reader *r)
{
    const uint8_t *from = r->p += 4;

    if (!skip_past(r, "--", "a comment without its end"))
        return false;
    if (!is_next(r, ">"))
        return set_fault(r, "two hyphens in a comment");
    r->p++;
    return add_markup(r, from, r->p - 3, XML_COMMENT);
}

static bool read_instruction(struct reader *r)
{
    const uint8_t *from = r->p + 2; /* "<?>" has not ended */
    const uint8_t *to = memmem(from, (size_t)(r->end - from), "?>", 2);

    if (to == NULL)
        return set_fault(r, "an instruction without its end");
    r->p = to + 2;
    return add_markup(r, from, to, XML_INSTRUCTION);
}

static bool read_characters(struct reader *r)
{
    const uint8_t *to = memchr(r->p, '<', (size_t)(r->end - r->p));

    to = to != NULL ? to : r->end;
    if (memmem(r->p, (size_t)(to - r->p), "]]>", 3) != NULL)
        return set_fault(r, "]]> outside of a CDATA section");
    return add_text(r, to, XML_TEXT);
}

static bool read_one(struct reader *r)
{
    if (is_next(r, "</"))
        return close_element(r);
    if (is_next(r, "<?"))
        return read_instruction(r);
    if (is_next(r, "<!--"))
        return read_comment(r);
    if (is_next(r, "<![CDATA["))
        return read_cdata(r);
    if (is_next(r, "<!"))
        return skip_directive(r);
    return *r->p == '<' ? open_element(r) : read_characters(r);
}

static struct xml_node *read_document(struct reader *r, size_t *end)
{
    struct xml_node *document = arena_zalloc(r->arena, sizeof(*document));

    r->open = document;
    while (r->p != r->end && (end == NULL || r->depth > 0 || !r->has_element))
        if (!read_one(r))
            return NULL;
    if (end != NULL)
        *end = (size_t)(r->p - r->start);
    if (r->depth > 0)
        set_fault(r, "the text ends inside of an element");
    else if (!r->has_element)
        set_fault(r, "no element");
    else
        return document;
    return NULL;
}

struct xml_node *xml_read(struct arena *a, struct bytes text, size_t *end, struct xml_fault *fault)
{
    struct reader r = { .arena = a, .start = text.data, .p = text.data, .end = bytes_end(text), .fault = fault };

    return read_document(&r, end);
}

struct xml_node *xml_read_all(struct arena *a, struct bytes text, struct xml_fault *fault)
{
    struct reader r = {
        .arena = a, .start = text.data, .p = text.data, .end = bytes_end(text), .fault = fault, .all = true
    };

    return read_document(&r, NULL);
}
