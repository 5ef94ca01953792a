/* SPDX-License-Identifier: Apache-2.0 */
/* The unit is cut at its slash and each half looked up; what the tables do not know stays as it is. unit_clean() makes
 * of both what may stand in a name without UTF-8. */
#include "prom/model/unit.h"

#include "base/ascii.h"
#include "base/mem.h"

struct word {
    const char *unit, *word;
};

static const struct word main_words[] = {
    { "d", "days" },
    { "h", "hours" },
    { "min", "minutes" },
    { "s", "seconds" },
    { "ms", "milliseconds" },
    { "us", "microseconds" },
    { "ns", "nanoseconds" },
    { "By", "bytes" },
    { "KiBy", "kibibytes" },
    { "MiBy", "mebibytes" },
    { "GiBy", "gibibytes" },
    { "TiBy", "tibibytes" },
    { "KBy", "kilobytes" },
    { "MBy", "megabytes" },
    { "GBy", "gigabytes" },
    { "TBy", "terabytes" },
    { "m", "meters" },
    { "V", "volts" },
    { "A", "amperes" },
    { "J", "joules" },
    { "W", "watts" },
    { "g", "grams" },
    { "Cel", "celsius" },
    { "Hz", "hertz" },
    { "1", "" },
    { "%", "percent" },
};

static const struct word per_words[] = {
    { "s", "second" }, { "m", "minute" }, { "h", "hour" }, { "d", "day" },
    { "w", "week" },   { "mo", "month" }, { "y", "year" },
};

/* Without blanks around it; empty when it has braces in it. */
static struct bytes unit_part(struct bytes s)
{
    while (s.len > 0 && ascii_is_space(s.data[0]))
        s = bytes_of(s.data + 1, s.len - 1);
    while (s.len > 0 && ascii_is_space(s.data[s.len - 1]))
        s.len--;
    if (s.len > 0 && (memchr(s.data, '{', s.len) != NULL || memchr(s.data, '}', s.len) != NULL))
        s.len = 0;
    return s;
}

static struct bytes look_up(const struct word *words, size_t n, struct bytes unit)
{
    for (size_t i = 0; i < n; i++)
        if (bytes_is(unit, words[i].unit))
            return bytes_str(words[i].word);
    return unit;
}

void unit_parse(struct unit *u, struct bytes text)
{
    const uint8_t *slash = text.len > 0 ? memchr(text.data, '/', text.len) : NULL;
    struct bytes per;

    *u = (struct unit){ 0 };
    u->main = unit_part(slash == NULL ? text : bytes_of(text.data, (size_t)(slash - text.data)));
    u->main = look_up(main_words, ARRAY_LEN(main_words), u->main);
    if (slash == NULL)
        return;
    per = unit_part(bytes_of(slash + 1, text.len - (size_t)(slash - text.data) - 1));
    if (per.len == 0)
        return;
    buf_puts(&u->words, "per_");
    buf_put(&u->words, look_up(per_words, ARRAY_LEN(per_words), per));
    u->per = buf_bytes(&u->words);
}

/* Append `s` with all but letters, digits and colons as `_`, runs of it as one, none in front. */
static struct bytes put_clean(struct buf *out, struct bytes s)
{
    size_t start = out->len;

    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.data[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':';

        if (word)
            buf_putc(out, (char)c);
        else if (out->len > start && out->data[out->len - 1] != '_')
            buf_putc(out, '_');
    }
    return bytes_of(out->data + start, out->len - start);
}

void unit_clean(struct unit *u)
{
    struct buf words = { 0 };
    size_t main_len, per_len;

    (void)buf_reserve(&words, u->main.len + u->per.len + 1); /* so that nothing moves */
    main_len = put_clean(&words, u->main).len;
    per_len = put_clean(&words, u->per).len;
    if (per_len > 0 && words.data[main_len + per_len - 1] == '_')
        per_len--;
    if (per_len == strlen("per")) /* nothing of its unit is left */
        per_len = 0;
    u->main = bytes_of(words.data, main_len);
    u->per = bytes_of(words.data + main_len, per_len);
    buf_free(&u->words);
    u->words = words;
}

void unit_free(struct unit *u)
{
    buf_free(&u->words);
}
