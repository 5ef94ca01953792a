/* SPDX-License-Identifier: Apache-2.0 */
/* What is before `_per_` is looked up in one list, what is behind it in another. */
#include "prom/intake/intake_unit.h"

#include "base/mem.h"
#include "codec/pb.h"

struct word {
    const char *word, *unit;
};

static const struct word words[] = {
    { "days", "d" },          { "hours", "h" },         { "minutes", "min" },    { "seconds", "s" },
    { "milliseconds", "ms" }, { "microseconds", "us" }, { "nanoseconds", "ns" }, { "bytes", "By" },
    { "kibibytes", "KiBy" },  { "mebibytes", "MiBy" },  { "gibibytes", "GiBy" }, { "tibibytes", "TiBy" },
    { "kilobytes", "KBy" },   { "megabytes", "MBy" },   { "gigabytes", "GBy" },  { "terabytes", "TBy" },
    { "meters", "m" },        { "volts", "V" },         { "amperes", "A" },      { "joules", "J" },
    { "watts", "W" },         { "grams", "g" },         { "celsius", "Cel" },    { "hertz", "Hz" },
    { "ratio", "1" },         { "percent", "%" },
};

static const struct word per_words[] = {
    { "second", "s" }, { "minute", "m" }, { "hour", "h" }, { "day", "d" },
    { "week", "w" },   { "month", "mo" }, { "year", "y" },
};

static struct bytes look_up(const struct word *list, size_t n, struct bytes word)
{
    for (size_t i = 0; i < n; i++)
        if (bytes_is(word, list[i].word))
            return bytes_str(list[i].unit);
    return word;
}

void unit_put(struct buf *b, unsigned number, struct bytes unit)
{
    static const struct bytes per = BYTES_LIT("_per_");
    const uint8_t *at = unit.len > 0 ? memmem(unit.data, unit.len, per.data, per.len) : NULL;
    size_t n = at != NULL ? (size_t)(at - unit.data) : unit.len, mark = pb_begin(b, number);

    buf_put(b, look_up(words, ARRAY_LEN(words), bytes_of(unit.data, n)));
    if (at != NULL && n + per.len < unit.len) {
        buf_putc(b, '/');
        buf_put(b, look_up(per_words, ARRAY_LEN(per_words), bytes_skip(unit, n + per.len)));
    }
    pb_end(b, mark);
}

/* Without `_` and those words, if something is left. */
static struct bytes cut_words(struct bytes name, struct bytes end)
{
    if (end.len == 0 || name.len < end.len + 1 || name.data[name.len - end.len - 1] != '_' ||
        !bytes_equal(bytes_skip(name, name.len - end.len), end))
        return name;
    return bytes_of(name.data, name.len - end.len - 1);
}

struct bytes name_trim_suffixes(struct bytes name, bool is_sum, struct bytes unit)
{
    if (is_sum)
        name = cut_words(name, bytes_str("total"));
    return cut_words(name, unit);
}
