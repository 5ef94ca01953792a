/* SPDX-License-Identifier: Apache-2.0 */
/* A line begins with `#`, or it is a sample. Where the expected series stands in front and a blank behind it, it is
 * that; else its end is looked for, which only quotes make difficult. The value and what may follow it are read here.
 *
 * What can go wrong: nearly everything. The first fault ends the page; `fault` says what, page_locate_line() where. */
#include "prom/intake/page.h"

#include "codec/utf8.h"
#include "prom/intake/page_labels.h"
#include "prom/model/number.h"

#include <math.h>
#include <string.h>

#define SOME ((size_t)80) /* bytes of a line in an error */
#define MS_PER_S 1000
#define LONG_SERIES 1024u /* bytes */

const char *const page_type_names[PAGE_TYPE_COUNT] = {
    [PAGE_UNKNOWN] = "unknown",     [PAGE_COUNTER] = "counter",   [PAGE_GAUGE] = "gauge",
    [PAGE_HISTOGRAM] = "histogram", [PAGE_SUMMARY] = "summary",   [PAGE_GAUGE_HISTOGRAM] = "gaugehistogram",
    [PAGE_INFO] = "info",           [PAGE_STATESET] = "stateset",
};

void page_init(struct page_reader *g, struct bytes body, bool openmetrics)
{
    *g = (struct page_reader){
        .body = body, .p = body.data, .end = bytes_end(body), .entry = body.data, .openmetrics = openmetrics
    };
}

void page_free(struct page_reader *g)
{
    buf_free(&g->unescaped);
    buf_free(&g->unescaped_name);
}

/* Of the line, as much as an error shows. */
static struct bytes show_line(const struct page_reader *g, const uint8_t *line)
{
    size_t n = (size_t)(g->end - line);
    const uint8_t *stop;

    n = n < SOME ? n : SOME;
    stop = n > 0 ? memchr(line, '\n', n) : NULL;
    return bytes_of(line, stop != NULL ? (size_t)(stop - line) : n);
}

bool page_locate_line(const struct page_reader *g, struct page_location *location, size_t most)
{
    const uint8_t *stop, *lf;

    if (location->at == NULL)
        *location = (struct page_location){ .at = g->body.data, .line = g->body.data, .n = 1 };
    stop = (size_t)(g->entry - location->at) > most ? location->at + most : g->entry;
    while (location->at < stop && (lf = memchr(location->at, '\n', (size_t)(stop - location->at))) != NULL) {
        location->at = lf + 1;
        if (location->at == g->end)
            break;
        location->n++;
        location->line = location->at;
    }
    location->at = stop;
    location->some = show_line(g, location->line);
    return stop == g->entry;
}

static enum page_entry say_fault(struct page_reader *g, const char *fault)
{
    g->fault = fault;
    return PAGE_BAD;
}

static const uint8_t *skip_blanks(const uint8_t *p, const uint8_t *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    return p;
}

/* Up to the next blank or end of the line. */
static struct bytes take_word(struct page_reader *g)
{
    const uint8_t *from = g->p;

    while (g->p < g->end && *g->p != ' ' && *g->p != '\n' && (*g->p != '\t' || g->openmetrics))
        g->p++;
    return bytes_of(from, (size_t)(g->p - from));
}

/* ---- # lines ---- */

static const uint8_t *line_end(const struct page_reader *g)
{
    const uint8_t *lf = memchr(g->p, '\n', (size_t)(g->end - g->p));

    return lf != NULL ? lf : g->end;
}

/* The name of a family, quoted or not. NULL: there is none. */
static const char *take_family(struct page_reader *g)
{
    const uint8_t *from = g->p;

    if (g->p < g->end && *g->p == '"') {
        g->p = page_skip_quoted(g->p, g->end, g->openmetrics);
        if (g->p == NULL) {
            g->p = from;
            return "the quotes around the name of the family do not end";
        }
        g->name = page_unescape(bytes_of(from + 1, (size_t)(g->p - from) - 2), true, &g->unescaped_name);
        return utf8_valid(g->name) ? NULL : "the name of the family is not valid UTF-8";
    }
    g->p = page_skip_name(g->p, g->end, true);
    g->name = bytes_of(from, (size_t)(g->p - from));
    return g->name.len > 0 ? NULL : "a name of a family is missing behind HELP, TYPE or UNIT";
}

static enum page_entry read_type(struct page_reader *g, struct bytes word)
{
    for (size_t i = 0; i < PAGE_TYPE_COUNT; i++)
        if (bytes_is(word, page_type_names[i])) {
            g->type = (enum page_type)i;
            if (!g->openmetrics && i != PAGE_COUNTER && i != PAGE_GAUGE && i != PAGE_HISTOGRAM && i != PAGE_SUMMARY)
                break;
            return PAGE_TYPE;
        }
    g->type = PAGE_UNKNOWN;
    return !g->openmetrics && bytes_is(word, "untyped") ? PAGE_TYPE : say_fault(g, "no such type of a metric");
}

static enum page_entry read_unit(struct page_reader *g)
{
    size_t n = g->text.len;

    if (n > 0 && (g->name.len < n + 1 || g->name.data[g->name.len - n - 1] != '_' ||
                  !bytes_equal(bytes_skip(g->name, g->name.len - n), g->text)))
        return say_fault(g, "the unit is not the end of the name of its family");
    return PAGE_UNIT;
}

/* Behind `# HELP ` and the like. */
static enum page_entry read_metadata(struct page_reader *g, enum page_entry kind)
{
    const char *fault = take_family(g);
    const uint8_t *end;

    if (fault != NULL)
        return say_fault(g, fault);
    end = line_end(g);
    if (g->openmetrics && (end == g->end || *g->p != ' '))
        return say_fault(g, "HELP, TYPE and UNIT have a name, one blank and a text");
    g->text = end > g->p ? bytes_of(g->p + 1, (size_t)(end - g->p) - 1) : bytes_of(end, 0);
    if (kind == PAGE_HELP && !utf8_valid(g->text))
        return say_fault(g, "the help text is not valid UTF-8");
    if (kind == PAGE_TYPE && (kind = read_type(g, g->text)) == PAGE_BAD)
        return kind;
    if (kind == PAGE_UNIT && (!utf8_valid(g->text) || (kind = read_unit(g)) == PAGE_BAD))
        return kind == PAGE_BAD ? kind : say_fault(g, "the unit is not valid UTF-8");
    if (kind == PAGE_HELP)
        g->text = page_unescape(g->text, g->openmetrics, &g->unescaped);
    g->p = end + (end < g->end);
    return kind;
}

static bool take_keyword(struct page_reader *g, const char *word)
{
    size_t n = strlen(word);

    if ((size_t)(g->end - g->p) <= n || memcmp(g->p, word, n) != 0 ||
        (g->p[n] != ' ' && (g->openmetrics || g->p[n] != '\t')))
        return false;
    g->p = g->openmetrics ? g->p + n + 1 : skip_blanks(g->p + n, g->end);
    return true;
}

/* Text: at a `#`. PAGE_END: it was a comment. */
static enum page_entry read_hash(struct page_reader *g)
{
    const uint8_t *p = skip_blanks(g->p + 1, g->end);

    if (p > g->p + 1) {
        g->p = p;
        if (take_keyword(g, "HELP"))
            return read_metadata(g, PAGE_HELP);
        if (take_keyword(g, "TYPE"))
            return read_metadata(g, PAGE_TYPE);
    }
    p = line_end(g);
    g->p = p + (p < g->end);
    return PAGE_END;
}

/* OpenMetrics: at a `#`. */
static enum page_entry read_hash_strictly(struct page_reader *g)
{
    static const char eof[] = "# EOF";
    size_t n = sizeof(eof) - 1;

    if ((size_t)(g->end - g->p) >= n && memcmp(g->p, eof, n) == 0) {
        g->p += n;
        g->p += g->p < g->end && *g->p == '\n';
        return g->p == g->end ? PAGE_END : say_fault(g, "there is something behind # EOF");
    }
    g->p++;
    if (g->p < g->end && *g->p == ' ') {
        g->p++;
        if (take_keyword(g, "HELP"))
            return read_metadata(g, PAGE_HELP);
        if (take_keyword(g, "TYPE"))
            return read_metadata(g, PAGE_TYPE);
        if (take_keyword(g, "UNIT"))
            return read_metadata(g, PAGE_UNIT);
    }
    return say_fault(g, "a line with # is HELP, TYPE, UNIT or EOF");
}

/* ---- samples ---- */

/* Where the series' text ends: behind the braces, or behind the name. NULL: fault. */
static const uint8_t *find_series_end(struct page_reader *g)
{
    const uint8_t *p = page_skip_name(g->p, g->end, true), *brace;

    if (p == g->p && (p == g->end || *p != '{')) {
        g->fault = "a line begins with a name, `{` or `#`";
        return NULL;
    }
    brace = g->openmetrics ? p : skip_blanks(p, g->end);
    if (brace == g->end || *brace != '{')
        return p;
    for (p = brace + 1; p < g->end && *p != '\n';) {
        if (*p == '}')
            return p + 1;
        if (*p != '"') {
            p++;
        } else if ((p = page_skip_quoted(p, g->end, g->openmetrics)) == NULL) {
            g->fault = "quotes do not end";
            return NULL;
        }
    }
    g->fault = "the braces do not end";
    return NULL;
}

/* The expected series stands here, and a value may follow. A long one is only digested where the line's own text is as
 * long: else each of many short lines would have all of it digested. */
static bool stands_here(struct page_reader *g, const struct page_series *expected)
{
    const uint8_t *p = g->p;
    struct digest d;

    if (expected->len == 0 || (size_t)(g->end - p) <= expected->len)
        return false;
    p += expected->len;
    if ((*p != ' ' && *p != '\t') || (expected->len > LONG_SERIES && find_series_end(g) != p))
        return false;
    d = digest_plain(bytes_of(g->p, expected->len));
    if (!digest_equal(&d, &expected->digest))
        return false;
    p = skip_blanks(p, g->end);
    return p == g->end || *p != '{';
}

/* OpenMetrics: one blank, then a word. */
static bool take_blank(struct page_reader *g)
{
    if (!g->openmetrics)
        g->p = skip_blanks(g->p, g->end);
    else if (g->p < g->end && *g->p == ' ')
        g->p++;
    else
        return false;
    return true;
}

static const char *take_value(struct page_reader *g, double *v)
{
    struct bytes word;

    if (!take_blank(g))
        return "a blank and a value are missing behind the series";
    word = take_word(g);
    if (word.len == 0)
        return "the value is missing";
    return number_read(word, v) ? NULL : "the value is not a number";
}

/* OpenMetrics: seconds. */
static const char *take_seconds(struct page_reader *g, int64_t *ms)
{
    double v;

    if (!number_read(take_word(g), &v) || isnan(v) || isinf(v) || fabs(v) > 9e15)
        return "the time is not a number of seconds";
    *ms = (int64_t)(v * MS_PER_S);
    return NULL;
}

/* All that an int64_t holds: one in nanoseconds costs its sample, and not the page. */
static const char *take_milliseconds(struct page_reader *g, int64_t *ms)
{
    struct bytes word = take_word(g);

    *ms = 0;
    for (size_t i = 0; i < word.len; i++) {
        uint8_t c = word.data[i];

        if (c < '0' || c > '9' || *ms > (INT64_MAX - (c - '0')) / 10)
            return "the time is not a number of milliseconds";
        *ms = *ms * 10 + (c - '0');
    }
    return word.len > 0 ? NULL : "the time is not a number of milliseconds";
}

/* Behind ` # {`. */
static const char *take_exemplar(struct page_reader *g)
{
    const uint8_t *from = g->p;
    const char *fault = page_check_exemplar(&g->p, g->end);

    if (fault != NULL)
        return fault;
    g->exemplar = (struct page_exemplar){ .labels = bytes_of(from, (size_t)(g->p - from) - 1) };
    fault = take_value(g, &g->exemplar.value);
    if (fault == NULL && g->p < g->end && *g->p == ' ') {
        g->p++;
        g->exemplar.has_time = true;
        fault = take_seconds(g, &g->exemplar.time_ms);
    }
    g->has_exemplar = true;
    return fault;
}

static bool at_exemplar(const struct page_reader *g)
{
    return g->end - g->p >= 4 && memcmp(g->p, " # {", 4) == 0;
}

/* What may stand behind the value. */
static const char *take_rest(struct page_reader *g)
{
    const char *fault = NULL;

    if (!g->openmetrics) {
        g->p = skip_blanks(g->p, g->end);
        g->has_time = g->p < g->end && *g->p != '\n';
        if (g->has_time && (fault = take_milliseconds(g, &g->time_ms)) == NULL)
            g->p = skip_blanks(g->p, g->end);
        return fault;
    }
    if (g->p < g->end && *g->p == ' ' && !at_exemplar(g)) {
        g->p++;
        g->has_time = true;
        fault = take_seconds(g, &g->time_ms);
    }
    if (fault == NULL && at_exemplar(g)) {
        g->p += 4;
        fault = take_exemplar(g);
    }
    return fault;
}

static enum page_entry read_sample(struct page_reader *g, const struct page_series *expected)
{
    const uint8_t *end;
    const char *fault;

    g->expected = stands_here(g, expected);
    end = g->expected ? g->p + expected->len : find_series_end(g);
    if (end == NULL)
        return PAGE_BAD;
    g->series = bytes_of(g->p, (size_t)(end - g->p));
    g->p = end;
    g->has_time = g->has_exemplar = false;
    fault = take_value(g, &g->value);
    if (fault == NULL)
        fault = take_rest(g);
    if (fault != NULL)
        return say_fault(g, fault);
    if (g->p == g->end)
        return g->openmetrics ? say_fault(g, "# EOF is missing: the page was cut short") : PAGE_SAMPLE;
    if (*g->p != '\n')
        return say_fault(g, "there is something behind the sample");
    g->p++;
    return PAGE_SAMPLE;
}

enum page_entry page_next(struct page_reader *g, const struct page_series *expected)
{
    enum page_entry e;

    g->entry = g->p;
    if (g->openmetrics) {
        if (g->p == g->end)
            return say_fault(g, "# EOF is missing: the page was cut short");
        return *g->p == '#' ? read_hash_strictly(g) : read_sample(g, expected);
    }
    for (;;) {
        while (g->p < g->end && (*g->p == ' ' || *g->p == '\t' || *g->p == '\n'))
            g->p++;
        g->entry = g->p;
        if (g->p == g->end)
            return PAGE_END;
        if (*g->p != '#')
            return read_sample(g, expected);
        e = read_hash(g);
        if (e != PAGE_END)
            return e;
    }
}
