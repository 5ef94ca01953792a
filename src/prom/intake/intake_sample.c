/* SPDX-License-Identifier: Apache-2.0 */
/* A sample's line is the one that followed last time, or it is looked up, or made. Lines stand in the order of the last
 * page; as long as this one has the same order nothing is written. From the first that is another on, the order is
 * gathered anew.
 *
 * What can go wrong: the line was there already (the first counts), its time is far from now, there are more samples
 * than may be. The last fails the page when it has been read to its end, so that the counts are right. */
#include "prom/intake/intake_inside.h"

#define AHEAD_MS 600000 /* so far in the future a sample may be */

struct line *line_predicted(const struct take *t)
{
    return t->predicted < t->in->lines.n ? t->in->lines.v[t->predicted] : NULL;
}

/* From here on the page's order is another than the last one's. */
static void leave_order(struct take *t)
{
    if (t->lines.cap < t->n_lines)
        t->lines.v = mem_realloc(t->lines.v, (t->lines.cap = t->n_lines) * sizeof(*t->lines.v));
    if (t->n_lines > 0)
        memcpy(t->lines.v, t->in->lines.v, t->n_lines * sizeof(*t->lines.v));
    t->lines.n = t->n_lines;
    t->diverged = true;
}

/* It is in this page, for the first time. */
static void place_line(struct take *t, struct line *l)
{
    if (l->seen != 0 && l->seen < t->first_pass)
        l->flags &= ~LINE_FRESH & 15u;
    l->seen = t->in->pass;
    if (!t->diverged && t->n_lines < t->in->lines.n && t->in->lines.v[t->n_lines] == l) {
        t->predicted = ++t->n_lines;
        return;
    }
    if (!t->diverged)
        leave_order(t);
    if (line_is_listed(l))
        t->predicted = l->position + 1u;
    l->position = (uint32_t)t->n_lines++;
    *vec_push(&t->lines) = l;
}

/* It was read, and relabelling did not drop it. */
static void count_kept(struct take *t, const struct line *l, bool again)
{
    t->result->kept++;
    if ((l->flags & LINE_FRESH) && !again && !t->over_limit)
        t->result->added++;
}

static bool is_over_limit(struct take *t)
{
    uint64_t limit = t->in->rules->sample_limit;

    t->over_limit |= limit > 0 && ++t->n_appended > limit;
    return t->over_limit;
}

/* One of several lines that are one sample, and not the first of them. */
static bool is_part(const struct take *t, const struct line *l)
{
    return (l->flags & LINE_PART) && l->point != NULL && l->point->seen == t->in->pass;
}

static bool is_near(const struct take *t, int64_t time_ms)
{
    return time_ms >= 0 && time_ms <= (int64_t)t->time_ms + AHEAD_MS;
}

/* The line of the sample. NULL: it has none, and is counted. */
static struct line *get_line(struct take *t, const struct sample *s, struct line *l)
{
    enum line_outcome outcome;

    if (l == NULL) {
        struct digest d = digest_plain(s->key);

        l = line_find(t, &d);
    }
    if (l != NULL && l->version == t->in->version)
        return l;
    outcome = line_make(t, s, &l);
    if (outcome == LINE_MADE)
        return l;
    if (outcome == LINE_REFUSED) {
        t->result->kept++;
        t->result->refused++;
    }
    return NULL;
}

void sample_take(struct take *t, const struct sample *s, struct line *predicted)
{
    bool timed = s->has_time && t->in->rules->honor_timestamps, again, part, over;
    int64_t time_ms = timed ? s->time_ms : (int64_t)t->time_ms;
    struct line *l;

    t->result->scraped++;
    if (timed && !is_near(t, time_ms)) {
        t->result->kept++;
        t->result->too_far++;
        return;
    }
    l = get_line(t, s, predicted);
    if (l == NULL)
        return;
    again = l->seen == t->in->pass;
    if (!again)
        place_line(t, l);
    if (l->role == LINE_DROPPED)
        return;
    if (again && !timed) {
        t->result->kept++;
        t->result->duplicates++;
        return;
    }
    part = is_part(t, l);
    over = !part && is_over_limit(t);
    if (part)
        t->result->scraped--;
    else
        count_kept(t, l, again);
    l->flags &= ~LINE_TRACKED & 15u;
    if (!timed || t->in->rules->track_timestamps_staleness)
        l->flags |= LINE_TRACKED;
    if (!over)
        sample_put(t, l, s, time_ms);
}
