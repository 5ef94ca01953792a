/* SPDX-License-Identifier: Apache-2.0 */
/* Text in other encodings, and base64.
 *
 * Character sets are the C library's (iconv); what is none in them becomes U+FFFD, byte by byte, so that a result is
 * always text. base64 is checked against its variant first: the decoder below takes all of them. */
#include "base/mem.h"
#include "codec/base64.h"
#include "ottl/function/make.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"

#include <errno.h>
#include <iconv.h>
#include <stdio.h>
#include <strings.h>

static const struct variant {
    const char *name;
    bool padded, url;
} variants[] = { { "base64", true, false },
                 { "base64-raw", false, false },
                 { "base64-url", true, true },
                 { "base64-raw-url", false, true } };

static const struct variant *find_variant(struct bytes name)
{
    for (size_t i = 0; i < sizeof(variants) / sizeof(*variants); i++)
        if (bytes_is(name, variants[i].name))
            return &variants[i];
    return NULL;
}

/* Line ends may stand anywhere; else only the variant's letters, and its padding. */
static bool decode_base64(struct bytes text, const struct variant *variant, struct buf *out)
{
    struct buf plain = { 0 };
    size_t padding = 0;
    bool good;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];

        if (c == '\r' || c == '\n')
            continue;
        if ((variant->url && (c == '+' || c == '/')) || (!variant->url && (c == '-' || c == '_')))
            goto bad;
        padding += c == '=';
        buf_putc(&plain, (char)c);
    }
    if (variant->padded ? plain.len % 4 != 0 : padding > 0)
        goto bad;
    good = base64_decode(buf_bytes(&plain), out);
    buf_free(&plain);
    return good;
bad:
    buf_free(&plain);
    return false;
}

/* ---- character sets ---- */

/* Names that iconv does not know, or means otherwise: NULL is UTF-8 as it is. */
static const struct {
    const char *name, *means;
} charsets[] = {
    { "", NULL },
    { "nop", NULL },
    { "utf-8", NULL },
    { "utf8", NULL },
    { "ascii", "ASCII" },
    { "us-ascii", "ASCII" },
    { "utf-16", "UTF-16LE" },
    { "utf16", "UTF-16LE" },
    { "big5", "BIG5-HKSCS" },
    { "shift_jis", "CP932" },
    { "gbk", "GBK" },
    { "latin1", "ISO-8859-1" },
};

#define MAX_CHARSET 40

struct decoder {
    const struct variant *base64;
    bool plain; /* it is UTF-8 */
    iconv_t charset;
    char name[MAX_CHARSET];
};

static bool is_charset_name(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-_.:", c) != NULL))
            return false;
    }
    return name.len < MAX_CHARSET;
}

static void close_decoder(struct decoder *d)
{
    if (d->charset != (iconv_t)-1)
        iconv_close(d->charset);
    d->charset = (iconv_t)-1;
}

/* False: there is no such encoding. */
static bool open_decoder(struct decoder *d, struct bytes name)
{
    const char *means = d->name;

    close_decoder(d);
    d->base64 = find_variant(name);
    d->plain = false;
    if (!is_charset_name(name))
        return false;
    snprintf(d->name, sizeof(d->name), "%.*s", (int)name.len, name.len > 0 ? (const char *)name.data : "");
    if (d->base64 != NULL)
        return true;
    for (size_t i = 0; i < sizeof(charsets) / sizeof(*charsets); i++)
        if (strcasecmp(charsets[i].name, d->name) == 0)
            means = charsets[i].means;
    d->plain = means == NULL;
    if (!d->plain)
        d->charset = iconv_open("UTF-8", means);
    return d->plain || d->charset != (iconv_t)-1;
}

/* What the encoding keeps back until it knows what follows. */
static void flush_charset(iconv_t charset, struct buf *out)
{
    size_t room = 64, had = room;
    char *to = (char *)buf_reserve(out, room);

    iconv(charset, NULL, NULL, &to, &room);
    out->len += had - room;
}

static void convert_charset(iconv_t charset, struct bytes in, struct buf *out)
{
    char *from = bytes_dup(in), *p = from;
    size_t left = in.len;

    iconv(charset, NULL, NULL, NULL, NULL);
    while (left > 0) {
        size_t room = left * 4 + 16, had = room;
        char *to = (char *)buf_reserve(out, room);
        size_t n = iconv(charset, &p, &left, &to, &room);

        out->len += had - room;
        if (n != (size_t)-1 || errno == E2BIG)
            continue;
        buf_puts(out, "\xef\xbf\xbd");
        p++;
        left--;
    }
    flush_charset(charset, out);
    free(from);
}

static bool prepare_decode(struct ottl_prepare *p)
{
    struct decoder *d = mem_zalloc(sizeof(*d));

    d->charset = (iconv_t)-1;
    p->state = d;
    if (ottl_known(p, 1) && !open_decoder(d, p->args[1].bytes))
        return ottl_refuse(p, 1, "there is no encoding \"%.*s\"",
                           (int)(p->args[1].bytes.len < MAX_CHARSET ? p->args[1].bytes.len : MAX_CHARSET),
                           (const char *)p->args[1].bytes.data);
    return true;
}

static void release_decode(void *state)
{
    if (state != NULL)
        close_decoder(state);
    free(state);
}

static bool call_decode(struct ottl_call *c, struct ottl_value *result)
{
    struct bytes in = c->args[0].bytes, name = c->args[1].bytes;
    struct decoder *d = c->state;
    struct buf out = { 0 };

    if (c->args[0].type != OTTL_STRING && c->args[0].type != OTTL_BYTES)
        return ottl_fail(c, "it takes a string or bytes, and was given %s", ottl_type_name(c->args[0].type));
    if (!bytes_is(name, d->name) || (d->base64 == NULL && !d->plain && d->charset == (iconv_t)-1))
        if (!ottl_spend(c, 100) || (!open_decoder(d, name) && !ottl_fail(c, "there is no such encoding")))
            return false;
    if (!ottl_spend(c, in.len / 8))
        return false;
    if (d->base64 != NULL && !decode_base64(in, d->base64, &out)) {
        buf_free(&out);
        return ottl_fail(c, "could not decode: this is no %s", d->base64->name);
    }
    if (d->plain)
        buf_put(&out, in);
    else if (d->base64 == NULL)
        convert_charset(d->charset, in, &out);
    return ottl_give_text(c, &out, result);
}

/* ---- base64 ---- */

static bool call_base64_decode(struct ottl_call *c, struct ottl_value *result)
{
    struct buf out = { 0 };

    if (!ottl_spend(c, c->args[0].bytes.len / 16))
        return false;
    if (decode_base64(c->args[0].bytes, &variants[0], &out))
        return ottl_give_text(c, &out, result);
    buf_free(&out);
    return ottl_fail(c, "this is no base64");
}

static bool call_base64_encode(struct ottl_call *c, struct ottl_value *result)
{
    struct bytes name = ottl_text_or(c, 1, "base64");
    const struct variant *variant = find_variant(name);
    struct buf out = { 0 };

    if (variant == NULL)
        return ottl_fail(c, "unsupported base64 variant: %.*s", (int)(name.len < 40 ? name.len : 40),
                         (const char *)name.data);
    if (!ottl_spend(c, c->args[0].bytes.len / 16))
        return false;
    base64_encode(c->args[0].bytes, variant->padded, &out);
    for (size_t i = 0; variant->url && i < out.len; i++)
        out.data[i] = out.data[i] == '+' ? '-' : out.data[i] == '/' ? '_' : out.data[i];
    return ottl_give(c, &out, OTTL_STRING, result);
}

const struct ottl_function ottl_functions_encoding[] = {
    CONVERTER("Decode", call_decode, "a string", TAKES(ARGUMENT("target", ANY), ARGUMENT("encoding", STRING)),
              "The string or bytes as text, out of the encoding: base64, base64-raw, base64-url, base64-raw-url, or a "
              "character set such as iso-8859-1, utf-16le, shift_jis.",
              .prepare = prepare_decode, .release = release_decode),
    CONVERTER("Base64Decode", call_base64_decode, "a string", TAKES(ARGUMENT("target", STRING)),
              "The text that is in base64 here. Decode(target, \"base64\") is newer."),
    CONVERTER("Base64Encode", call_base64_encode, "a string",
              TAKES(ARGUMENT("target", STRING), OPTIONAL("variant", STRING)),
              "The string in base64, or in the variant: base64-raw, base64-url, base64-raw-url."),
    { 0 },
};
