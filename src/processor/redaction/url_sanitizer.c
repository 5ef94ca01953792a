/* SPDX-License-Identifier: Apache-2.0 */
/* Segment by segment. Whether letters make a word is asked of a table of pairs (letter_pairs.h): the mean surprise of
 * the pairs in it must not be too large. */
#include "processor/redaction/url_sanitizer.h"

#include "processor/redaction/letter_pairs.h"

#include <string.h>

const struct option url_sanitizer_rows[] = {
    OPT_BOOL(struct url_sanitizer_config, enabled, "false", "Put * for segments of URLs that are no words."),
    OPT_STRINGS(struct url_sanitizer_config, attributes, NULL,
                "Attributes that hold URLs. Of log records the bodies are taken for URLs, too."),
    OPT_BOOL(struct url_sanitizer_config, sanitize_span_name, "true",
             "Do so in the names of client and server spans with a / in them, or with attributes of HTTP."),
    OPT_END,
};

#define MAX_SEGMENTS 10u

/* A letter as its index in the table, a blank as the last; LETTER_KINDS: it is none. */
static unsigned letter_index(uint8_t c)
{
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
        return (unsigned)((c | 0x20) - 'a');
    return c == ' ' ? LETTER_KINDS - 1 : LETTER_KINDS;
}

bool url_is_word(struct bytes text)
{
    unsigned last = LETTER_KINDS;
    uint64_t surprise = 0, pairs = 0;

    for (size_t i = 0; i < text.len; i++) {
        unsigned letter = letter_index(text.data[i]);

        if (letter == LETTER_KINDS)
            continue;
        if (last != LETTER_KINDS) {
            surprise += letter_pairs[last][letter];
            pairs++;
        }
        last = letter;
    }
    return surprise < pairs * LETTER_SURPRISE || pairs == 0;
}

static bool is_plain(uint8_t c)
{
    return letter_index(c) != LETTER_KINDS || c == '-' || c == '_' || c == '.';
}

/* No other characters than those of words, but for one behind the first. */
static bool is_readable(struct bytes segment)
{
    for (size_t i = 0; i < segment.len; i++)
        if (!is_plain(segment.data[i]) && i != 1)
            return false;
    return true;
}

static size_t segment_len(struct bytes path)
{
    size_t n = 0;

    while (n < path.len && (path.data[n] == 0 || strchr("/?&#", path.data[n]) == NULL))
        n++;
    return n;
}

void url_sanitize(struct bytes path, struct buf *out)
{
    for (unsigned n = 1; n <= MAX_SEGMENTS; n++) {
        struct bytes segment = bytes_of(path.data, segment_len(path)), rest = bytes_skip(path, segment.len);
        bool last = rest.len > 0 && rest.data[0] != '/'; /* of the path: parameters follow */

        if (is_readable(segment) && (last || url_is_word(segment)))
            buf_put(out, segment);
        else
            buf_putc(out, '*');
        if (rest.len == 0 || last || n == MAX_SEGMENTS)
            return;
        buf_putc(out, '/');
        path = bytes_skip(rest, 1);
    }
}

bool url_sanitizes(const struct url_sanitizer_config *c, struct bytes key)
{
    for (size_t i = 0; i < c->attributes.n; i++)
        if (bytes_is(key, c->attributes.v[i]))
            return true;
    return false;
}

bool url_says_nothing(struct bytes name)
{
    bool stars = false, lone = true; /* lone: the segment has been nothing yet */

    for (size_t i = 0; i < name.len; i++) {
        bool star = name.data[i] == '*';

        if (name.data[i] != '/' && (!star || !lone))
            return false;
        lone = name.data[i] == '/';
        stars = stars || star;
    }
    return stars;
}
