/* SPDX-License-Identifier: Apache-2.0 */
/* Batches in which a series comes more than once: several scrapes that waited, or OTLP streams with equal labels.
 *
 * What was encoded so far is thrown away. All points are listed with a hash of their labels and sorted by it and by
 * time; of equal times the last stays. Numbers that follow one another in a series go into one TimeSeries. What cannot
 * be joined so (histograms, whose buckets may differ; numbers with exemplars) goes into later requests, one round for
 * each sample of a series, so that no request has a series twice. */
#include "prom/remote_write/remote_write_inside.h"

#include <stdlib.h>

#define SAMPLES_MAX 1000u /* in one TimeSeries */

static void collect_point(struct remote_write *rw, struct stream *stream, struct bytes point)
{
    struct series_ref ref;
    struct identity_key key;
    const char *reason;
    struct point p;

    point_read(&p, stream->kind, point);
    key = remote_write_key(rw, stream, &p);
    reason = remote_write_find(rw, stream, &key, &ref);
    if (reason != NULL) {
        remote_write_drop(rw, reason, stream, 1);
        return;
    }
    if (p.time > rw->newest)
        rw->newest = p.time;
    if (ref.series != NULL)
        ref.series->seen = rw->tick;
    *vec_push(&rw->unsorted) = (struct unsorted_point){ .stream = stream,
                                                        .point = point,
                                                        .labels = ref.hash,
                                                        .time = (int64_t)(p.time / NS_PER_MS),
                                                        .position = (uint32_t)rw->unsorted.n,
                                                        .joins = stream->kind < METRIC_EXPLICIT && !p.has_exemplars };
    stream->children++; /* so that it stays */
}

static void collect_points(struct remote_write *rw, struct stream *stream, struct bytes bytes)
{
    struct pb_reader points = pb_reader(bytes);

    for (struct bytes point; remote_write_next_point(&points, &point);)
        collect_point(rw, stream, point);
}

static int by_labels_and_time(const void *a, const void *b)
{
    const struct unsorted_point *x = a, *y = b;

    if (x->labels != y->labels)
        return x->labels < y->labels ? -1 : 1;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return x->position < y->position ? -1 : 1;
}

static int by_round(const void *a, const void *b)
{
    const struct unsorted_point *x = a, *y = b;

    if (x->round != y->round)
        return x->round < y->round ? -1 : 1;
    if (x->position != y->position)
        return x->position < y->position ? -1 : 1;
    return x->time < y->time ? -1 : x->time > y->time;
}

/* What comes first claims its series: whole histograms and summaries do, before a number that has one of their names.
 */
static int by_round_numbers_last(const void *a, const void *b)
{
    const struct unsorted_point *x = a, *y = b;
    bool x_number = stream_shape(x->stream) == SHAPE_PLAIN, y_number = stream_shape(y->stream) == SHAPE_PLAIN;

    return x->round != y->round || x_number == y_number ? by_round(a, b) : x_number ? 1 : -1;
}

/* False: its attributes lie apart. */
static bool member_of(const struct unsorted_point *x, struct stream_member *m)
{
    struct point p;

    point_read(&p, x->stream->kind, x->point);
    *m = (struct stream_member){ x->stream, p.attributes };
    return p.attributes.data != NULL;
}

/* Why the first of two points with equal labels and times is lost. */
static const char *duplicate_reason(struct remote_write *rw, const struct unsorted_point *x)
{
    struct stream_member lost, stays;

    if (rw->options.collisions == NULL || !member_of(x, &lost) || !member_of(x + 1, &stays) ||
        stream_member_identity(&lost) == stream_member_identity(&stays))
        return "duplicate_timestamp";
    collisions_add(rw->options.collisions, &lost, &stays);
    return COLLISION;
}

/* Of equal times the last stays. */
static void drop_duplicates(struct remote_write *rw)
{
    size_t n = 0;

    for (size_t i = 0; i < rw->unsorted.n; i++) {
        struct unsorted_point *x = &rw->unsorted.v[i];

        if (i + 1 < rw->unsorted.n && x[1].labels == x->labels && x[1].time == x->time) {
            remote_write_drop(rw, duplicate_reason(rw, x), x->stream, 1);
            streams_leave(&rw->streams, x->stream);
        } else {
            rw->unsorted.v[n++] = *x;
        }
    }
    rw->unsorted.n = n;
}

/* Which request each is for, and which TimeSeries. */
static void set_rounds(struct remote_write *rw)
{
    uint32_t run = 0;

    for (size_t i = 0; i < rw->unsorted.n; i++) {
        struct unsorted_point *x = &rw->unsorted.v[i];
        bool follows = i > 0 && x[-1].labels == x->labels;
        bool could = x->joins;

        x->joins = follows && could && run > 0 && run < SAMPLES_MAX;
        run = x->joins ? run + 1 : could ? 1 : 0;
        x->round = !follows ? 0 : x[-1].round + !x->joins;
        if (x->joins)
            x->position = x[-1].position; /* so that they stay together, where the first one came */
    }
}

static void finish_messages(struct remote_write *rw)
{
    for (uint32_t i = 0; i < rw->options.shards; i++)
        if (rw->messages[i].request != NULL)
            remote_write_finish(rw, &rw->messages[i]);
}

static void put_rounds(struct remote_write *rw)
{
    size_t n;

    for (size_t i = 0; i < rw->unsorted.n; i += n) {
        const struct unsorted_point *x = &rw->unsorted.v[i];

        for (n = 1; i + n < rw->unsorted.n && x[n].joins; n++)
            ;
        if (i > 0 && x[-1].round != x->round)
            finish_messages(rw);
        rw->round = x->round;
        remote_write_put_points(rw, x, n);
    }
}

void remote_write_encode_sorted(struct remote_write *rw, const struct batch *b)
{
    rw->disorder = false;
    rw->sorting = true;
    rw->unsorted.n = rw->round = 0;
    remote_write_walk(rw, b, collect_points);
    if (rw->unsorted.n > 0)
        qsort(rw->unsorted.v, rw->unsorted.n, sizeof(*rw->unsorted.v), by_labels_and_time);
    drop_duplicates(rw);
    set_rounds(rw);
    if (rw->unsorted.n > 0)
        qsort(rw->unsorted.v, rw->unsorted.n, sizeof(*rw->unsorted.v), rw->mixed ? by_round_numbers_last : by_round);
    put_rounds(rw);
    for (size_t i = 0; i < rw->unsorted.n; i++)
        streams_leave(&rw->streams, rw->unsorted.v[i].stream);
    rw->unsorted.n = 0;
    rw->sorting = false;
}
