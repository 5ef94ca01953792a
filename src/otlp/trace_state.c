/* SPDX-License-Identifier: Apache-2.0 */
/* Thresholds first: a probability, the threshold that keeps that share, its hexadecimal text. Then the grammar of a
 * trace state (W3C) and of its member ot (OpenTelemetry), read into pointers into the text; whatever is not of the
 * grammar, or more than is allowed, makes the whole malformed, for nobody could say what was meant. Written again, ot
 * stands in front. */
#include "otlp/trace_state.h"

#include "base/ascii.h"

#include <math.h>

#define HEX_BITS 4u
#define MOST_STATE 1024u /* bytes of a trace state */
#define MOST_OT 256u     /* of the member ot */
#define MOST_KEY 256u
#define MOST_VALUE 256u

/* ---- thresholds ---- */

bool threshold_of_probability(double p, unsigned precision, uint64_t *threshold)
{
    int kept, rejected, more;
    uint64_t t;

    if (!(p >= 1.0 / (double)SAMPLING_NEVER && p <= 1))
        return false;
    *threshold = SAMPLING_ALWAYS;
    if (p == 1)
        return true;
    frexp(p, &kept);
    frexp(1 - p, &rejected);
    more = (kept < rejected ? kept : rejected) / -(int)HEX_BITS;
    precision += (unsigned)more;
    t = SAMPLING_NEVER - (uint64_t)round(p * (double)SAMPLING_NEVER);
    if (precision < SAMPLING_DIGITS) {
        unsigned shift = HEX_BITS * (SAMPLING_DIGITS - precision);

        t = (t + (1ull << (shift - 1))) >> shift << shift;
    }
    *threshold = t;
    return true;
}

double threshold_probability(uint64_t threshold)
{
    return (double)(SAMPLING_NEVER - threshold) / (double)SAMPLING_NEVER;
}

size_t randomness_text(uint64_t randomness, char out[SAMPLING_DIGITS + 1])
{
    static const char digits[] = "0123456789abcdef";

    for (unsigned i = 0; i < SAMPLING_DIGITS; i++)
        out[i] = digits[randomness >> (HEX_BITS * (SAMPLING_DIGITS - 1 - i)) & 15];
    out[SAMPLING_DIGITS] = '\0';
    return SAMPLING_DIGITS;
}

size_t threshold_text(uint64_t threshold, char out[SAMPLING_DIGITS + 1])
{
    size_t n = randomness_text(threshold, out);

    if (threshold >= SAMPLING_NEVER)
        n = 0;
    while (n > 1 && out[n - 1] == '0')
        n--;
    out[n] = '\0';
    return n;
}

static bool read_hex(struct bytes text, uint64_t *v)
{
    *v = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        int digit = c >= '0' && c <= '9'                     ? c - '0'
                    : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                             : -1;

        if (digit < 0)
            return false;
        *v = *v << HEX_BITS | (uint64_t)digit;
    }
    return text.len > 0;
}

bool threshold_read(struct bytes text, uint64_t *threshold)
{
    if (text.len > SAMPLING_DIGITS || !read_hex(text, threshold))
        return false;
    *threshold <<= HEX_BITS * (SAMPLING_DIGITS - text.len);
    return true;
}

bool randomness_read(struct bytes text, uint64_t *randomness)
{
    return text.len == SAMPLING_DIGITS && read_hex(text, randomness);
}

/* ---- grammar ---- */

static bool is_key_char(uint8_t c)
{
    return ascii_is_lower(c) || ascii_is_digit(c) || c == '-' || c == '*' || c == '/' || c == '_';
}

/* "vendor", or "tenant@vendor". */
static bool is_key(struct bytes key)
{
    const uint8_t *at = memchr(key.data, '@', key.len);
    size_t tenant = at != NULL ? (size_t)(at - key.data) : 0, from = at != NULL ? tenant + 1 : 0;

    if (key.len == 0 || key.len > MOST_KEY || tenant > 241 || (at != NULL && (tenant == 0 || key.len - from > 14)))
        return false;
    if (from >= key.len || !ascii_is_lower(key.data[from]) ||
        (at != NULL && !ascii_is_lower(key.data[0]) && !ascii_is_digit(key.data[0])))
        return false;
    for (size_t i = 0; i < key.len; i++)
        if (!is_key_char(key.data[i]) && key.data + i != at)
            return false;
    return true;
}

/* Printable, without ',' and '=', not ending in a blank. */
static bool is_value(struct bytes value)
{
    if (value.len == 0 || value.len > MOST_VALUE || value.data[value.len - 1] == ' ')
        return false;
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] < 0x20 || value.data[i] > 0x7e || value.data[i] == ',' || value.data[i] == '=')
            return false;
    return true;
}

static bool is_ot_part(struct bytes key, struct bytes value)
{
    if (key.len == 0 || !ascii_is_lower(key.data[0]))
        return false;
    for (size_t i = 0; i < key.len; i++)
        if (!ascii_is_lower(key.data[i]) && !ascii_is_digit(key.data[i]))
            return false;
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.data[i];

        if (!ascii_is_lower(c | 0x20) && !ascii_is_digit(c) && c != '.' && c != '_' && c != '-')
            return false;
    }
    return true;
}

/* What is before the next `separator`; *rest begins behind it, and has no data when there was none. */
static struct bytes next_part(struct bytes *rest, char separator)
{
    const uint8_t *end = rest->len > 0 ? memchr(rest->data, separator, rest->len) : NULL;
    struct bytes part = *rest;

    if (end != NULL) {
        part.len = (size_t)(end - rest->data);
        *rest = bytes_skip(*rest, part.len + 1);
    } else {
        *rest = bytes_of(NULL, 0);
    }
    return part;
}

static bool read_ot(struct trace_state *s, struct bytes value)
{
    s->has_randomness = s->has_threshold = false; /* of two members ot the last counts */
    s->n_ot = 0;
    if (value.len > MOST_OT)
        return false;
    while (value.data != NULL) {
        struct bytes part = next_part(&value, ';'), text = part, key = next_part(&text, ':');

        if (text.data == NULL && key.len == part.len)
            return false;
        if (!is_ot_part(key, text))
            return false;
        if (bytes_is(key, "rv")) {
            s->has_randomness = true;
            if (!randomness_read(text, &s->randomness))
                return false;
        } else if (bytes_is(key, "th")) {
            s->has_threshold = true;
            if (!threshold_read(text, &s->threshold))
                return false;
        } else if (s->n_ot < TRACE_STATE_OT_PARTS) {
            s->ot[s->n_ot++] = part;
        } else {
            return false;
        }
    }
    return true;
}

bool trace_state_read(struct trace_state *s, struct bytes text)
{
    unsigned n;

    s->has_randomness = s->has_threshold = false;
    s->n_ot = s->n_others = 0;
    n = 0;
    if (text.len > MOST_STATE)
        return false;
    for (struct bytes rest = text; rest.data != NULL && text.len > 0;) {
        struct bytes member = bytes_trim(next_part(&rest, ',')), value = member, key;

        if (member.len == 0)
            continue;
        key = next_part(&value, '=');
        if (!is_key(key) || !is_value(value) || n++ == TRACE_STATE_MEMBERS)
            return false;
        if (bytes_is(key, "ot")) {
            if (!read_ot(s, value))
                return false;
        } else {
            s->others[s->n_others++] = member;
        }
    }
    return true;
}

/* ---- written ---- */

static void put_part(struct buf *out, size_t start, struct bytes part)
{
    if (out->len > start)
        buf_putc(out, ';');
    buf_put(out, part);
}

void trace_state_put(struct buf *out, const struct trace_state *s)
{
    char part[3 + SAMPLING_DIGITS + 1] = "rv:";
    size_t begin = out->len, start;
    bool never = s->has_threshold && s->threshold >= SAMPLING_NEVER;

    buf_puts(out, "ot=");
    start = out->len;
    if (s->has_randomness)
        put_part(out, start, bytes_of(part, 3 + randomness_text(s->randomness, part + 3)));
    memcpy(part, "th:", 3);
    if (s->has_threshold && !never)
        put_part(out, start, bytes_of(part, 3 + threshold_text(s->threshold, part + 3)));
    for (unsigned i = 0; i < s->n_ot; i++)
        put_part(out, start, s->ot[i]);
    if (out->len == start)
        out->len = begin;
    for (unsigned i = 0; i < s->n_others; i++) {
        if (out->len > begin)
            buf_putc(out, ',');
        buf_put(out, s->others[i]);
    }
}
