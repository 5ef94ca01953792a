/* SPDX-License-Identifier: Apache-2.0 */
/* The points that tell how the scrape went. They are of the target's labels, whatever its pages say, and found once. */
#include "prom/intake/intake_inside.h"

static const char *const names[REPORTS] = {
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
    "scrape_timeout_seconds",
    "scrape_sample_limit",
    "scrape_body_size_bytes",
};

#define USUAL 5u /* the others are extra_scrape_metrics */

static size_t count_reports(const struct take *t)
{
    return t->in->rules->report_more ? REPORTS : USUAL;
}

static struct out_point *get_report(struct take *t, size_t i)
{
    if (t->in->reports[i] == NULL)
        t->in->reports[i] = report_find_point(t, names[i]);
    return t->in->reports[i];
}

void reports_put(struct take *t, const struct intake_scrape *scrape)
{
    const struct intake_result *r = t->result;
    const double values[REPORTS] = {
        r->error.code == 0 ? 1 : 0,
        (double)scrape->duration_ns / 1e9,
        (double)r->scraped,
        (double)r->kept,
        (double)r->added,
        (double)t->in->rules->timeout_ns / 1e9,
        (double)t->in->rules->sample_limit,
        (double)scrape->body_size,
    };

    for (size_t i = 0; i < count_reports(t); i++) {
        struct out_point *p = get_report(t, i);

        if (p != NULL)
            report_put(t, p, values[i]);
    }
}

void reports_end(struct take *t)
{
    for (size_t i = 0; i < REPORTS; i++)
        if (t->in->reports[i] != NULL)
            report_end(t, t->in->reports[i]);
}

bool point_reports(const struct intake *in, const struct out_point *p)
{
    for (size_t i = 0; i < REPORTS; i++)
        if (in->reports[i] == p)
            return true;
    return false;
}

void reports_free(struct intake *in)
{
    for (size_t i = 0; i < REPORTS; i++)
        if (in->reports[i] != NULL)
            out_point_release(in, in->reports[i]);
}
