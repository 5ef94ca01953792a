/* SPDX-License-Identifier: Apache-2.0 */
/* A scraped page of text, read line by line: text 0.0.4 and OpenMetrics 1.0. What writes such pages is
 * prom/exposition/encoder.h.
 *
 * Of a sample the text that names its series is not read but passed over, so that it can be looked up as it stands;
 * who does not know it has it read (page_read_series), which is when its grammar is judged. All lines of a page are
 * judged by the same rules as in Prometheus, which refuses a page for one bad line. */
#ifndef PROM_PAGE_H
#define PROM_PAGE_H

#include "base/buf.h"
#include "base/bytes.h"
#include "otlp/digest.h"
#include "prom/relabel/label_set.h"

enum page_entry { PAGE_END, PAGE_SAMPLE, PAGE_TYPE, PAGE_HELP, PAGE_UNIT, PAGE_BAD };

/* What a family may be said to be. */
enum page_type {
    PAGE_UNKNOWN, /* untyped */
    PAGE_COUNTER,
    PAGE_GAUGE,
    PAGE_HISTOGRAM,
    PAGE_GAUGE_HISTOGRAM,
    PAGE_SUMMARY,
    PAGE_INFO,
    PAGE_STATESET,
    PAGE_TYPE_COUNT
};

extern const char *const page_type_names[PAGE_TYPE_COUNT]; /* as OpenMetrics has them */

struct page_exemplar {
    struct bytes labels; /* what is between the braces, judged already */
    double value;
    int64_t time_ms;
    bool has_time;
};

struct page_reader {
    struct bytes body;
    const uint8_t *p, *end;
    const uint8_t *entry; /* where the last one begins */
    /* PAGE_SAMPLE */
    struct bytes series; /* the text of name and labels */
    double value;
    int64_t time_ms;
    struct page_exemplar exemplar;
    /* PAGE_TYPE, PAGE_HELP, PAGE_UNIT */
    struct bytes name; /* of the family */
    struct bytes text; /* of help and unit, without escapes */
    const char *fault; /* PAGE_BAD: what is wrong with the line (static) */
    struct buf unescaped, unescaped_name;
    enum page_type type;
    bool openmetrics;
    bool expected; /* the sample's series is the expected one */
    bool has_time, has_exemplar;
};

/* The body outlives the page. */
void page_init(struct page_reader *g, struct bytes body, bool openmetrics);
void page_free(struct page_reader *g);

/* How the series of the next sample may be written. */
struct page_series {
    size_t len; /* of its text; 0: nobody knows */
    struct digest digest;
};

/* The next entry. */
enum page_entry page_next(struct page_reader *g, const struct page_series *expected);

/* For an error: the number of the line that was read last, from 1, and some of it. Found in steps, of so many bytes;
 * zeroed at first. False: it is not there yet. */
struct page_location {
    const uint8_t *at, *line;
    size_t n;
    struct bytes some;
};
bool page_locate_line(const struct page_reader *g, struct page_location *location, size_t most);

/* The labels that the text of a series names, unescaped, `__name__` among them, into `labels` (emptied first), copies
 * in its memory. *empty gets the names of labels with an empty value, each behind a NUL. NULL, or what is wrong with it
 * (static). */
const char *page_read_series(struct bytes series, bool openmetrics, struct label_set *labels, struct buf *empty);

/* Put a label behind the others, in whatever order, copied or not; then, when all are there, bring them in order. NULL,
 * or what is wrong with them (static). For who reads them one by one. */
void page_add_label(struct label_set *labels, struct bytes name, struct bytes value, bool copied);
const char *page_sort_labels(struct label_set *labels);

/* The labels of an exemplar, in the same way. */
void page_read_exemplar(struct bytes text, struct label_set *labels);

#endif
