/* SPDX-License-Identifier: Apache-2.0 */
/* A page of text, some lines in each step. What it says of families is remembered at once; a sample's line is the one
 * that followed last time, or is looked up by its text.
 *
 * What can go wrong: a line is bad. Then its number is counted, in steps too, for the page may be large. */
#include "prom/intake/intake_inside.h"

#include <stdio.h>

#define BYTES_A_STEP 32768u /* of the page */
#define BYTES_COUNTED ((size_t)1 << 20)

static const char *read_text_labels(struct take *t, const struct sample *s)
{
    const struct page_reader *g = s->from;

    return page_read_series(s->key, g->openmetrics, &t->labels, &t->empty);
}

static void take_page_sample(struct take *t, struct page_reader *g, struct line *predicted)
{
    struct sample s = { .key = g->series,
                        .value = g->value,
                        .has_time = g->has_time,
                        .time_ms = g->time_ms,
                        .read_labels = read_text_labels,
                        .from = g };

    if (g->has_exemplar)
        s.exemplar = exemplar_of_text(t, &g->exemplar,
                                      g->has_time && t->in->rules->honor_timestamps ? g->time_ms : (int64_t)t->time_ms);
    sample_take(t, &s, g->expected ? predicted : NULL);
}

/* False: the page ends here. */
static bool take_entry(struct take *t, struct page_reader *g)
{
    struct line *predicted = line_predicted(t);
    struct page_series expected = { 0 };

    if (predicted != NULL)
        expected = (struct page_series){ predicted->text_len, line_digest(t->in, &predicted->digest) };
    switch (page_next(g, &expected)) {
    case PAGE_SAMPLE:
        take_page_sample(t, g, predicted);
        return true;
    case PAGE_TYPE:
        family_say_type(t, g->name, g->type);
        return true;
    case PAGE_HELP:
        family_say_help(t, g->name, g->text);
        return true;
    case PAGE_UNIT:
        family_say_unit(t, g->name, g->text);
        return true;
    case PAGE_BAD:
        take_fail(t, "%s", g->fault);
        return false;
    case PAGE_END:
        break;
    }
    return false;
}

void text_begin(struct take *t)
{
    page_init(&t->page, t->body, t->format == INTAKE_OPENMETRICS);
    t->fault_line = (struct page_location){ 0 };
}

void text_end(struct take *t)
{
    page_free(&t->page);
    t->page = (struct page_reader){ 0 };
}

bool text_read_some(struct take *t)
{
    const uint8_t *from = t->page.p;

    for (unsigned i = 0; i < SOME_A_STEP && (size_t)(t->page.p - from) < BYTES_A_STEP; i++)
        if (take_failed(t) || t->again || !take_entry(t, &t->page))
            return false;
    return true;
}

bool text_locate_fault(struct take *t)
{
    struct page_location *location = &t->fault_line;
    char fault[sizeof(t->fault)];

    if (!page_locate_line(&t->page, location, BYTES_COUNTED))
        return true;
    memcpy(fault, t->fault, sizeof(fault));
    t->fault[0] = '\0';
    take_fail(t, "line %zu: %s: `%.*s`", location->n, fault, (int)location->some.len,
              (const char *)location->some.data);
    return false;
}
