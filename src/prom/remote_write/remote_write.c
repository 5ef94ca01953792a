/* SPDX-License-Identifier: Apache-2.0 */
/* Batches walked, metric by metric.
 *
 * Each point is found in the cache of series, which has its labels ready, and written into the open message of its
 * shard; a message that is full goes into the result. At the end target_info follows for each resource. When a series
 * turns out to be in the batch twice, or the cache has no room for one, so that nobody can know, all of it is encoded
 * again by remote_write_sorted.c. */
#include "prom/remote_write/remote_write_inside.h"

#include "prom/model/exemplar.h"

#include <assert.h>
#include <stdlib.h>

#define METADATA_INTERVAL (60 * NS_PER_S)
#define SLACK_MAX ((size_t)64 * 1024)

/* ---- a batch ---- */

static bool is_sendable(struct remote_write *rw, const struct metric_walk *w, const struct stream *stream)
{
    bool has_temporality =
        w->head.kind == METRIC_SUM || w->head.kind == METRIC_EXPLICIT || w->head.kind == METRIC_EXPONENTIAL;

    if (!has_temporality || w->head.temporality == TEMPORALITY_CUMULATIVE)
        return true;
    remote_write_drop(rw, w->head.temporality == TEMPORALITY_DELTA ? "delta_temporality" : "no_temporality", stream,
                      w->n_points);
    return false;
}

struct identity_key remote_write_key(struct remote_write *rw, struct stream *stream, struct point *p)
{
    if (p->attributes.data == NULL) {
        rw->gathered.len = 0;
        point_gather(&rw->gathered, stream->kind, p->bytes);
        p->attributes = buf_bytes(&rw->gathered);
    }
    return streams_key(stream, p->attributes);
}

static enum remote_write_type type_of(const struct stream *stream)
{
    switch (stream->whole) {
    case FAMILY_COUNTER:
        return REMOTE_COUNTER;
    case FAMILY_GAUGE:
        return REMOTE_GAUGE;
    case FAMILY_HISTOGRAM:
        return REMOTE_HISTOGRAM;
    case FAMILY_SUMMARY:
        return REMOTE_SUMMARY;
    case FAMILY_INFO:
        return REMOTE_INFO;
    case FAMILY_STATESET:
        return REMOTE_STATESET;
    default:
        return REMOTE_UNKNOWN;
    }
}

void remote_write_set_metadata(struct remote_write *rw, const struct stream *stream)
{
    rw->metadata =
        (struct remote_metadata){ type_of(stream), stream_name(stream), stream_help(stream), stream_unit(stream) };
}

static void put_metadata(struct remote_write *rw, struct stream *stream)
{
    struct stream_labels *l = remote_write_stream_labels(rw, stream);
    uint64_t now = clock_mono(rw->options.clock);

    if (!rw->options.send_metadata || rw->options.version != REMOTE_WRITE_1)
        return;
    if (l->metadata_sent != 0 && now - l->metadata_sent < METADATA_INTERVAL &&
        !(rw->sorting && l->metadata_batch == rw->batch)) /* that message was thrown away */
        return;
    l->metadata_sent = now;
    l->metadata_batch = rw->sorting ? 0 : rw->batch;
    message_put_metadata(remote_write_message(rw, 0, 0, 0), &rw->metadata);
}

#define GROUP 8 /* points whose memory is on its way at one time */

static void take_points(struct remote_write *rw, struct stream *stream, struct bytes bytes)
{
    struct pb_reader points = pb_reader(bytes);
    struct point group[GROUP];
    struct identity_key keys[GROUP];
    size_t n;

    do {
        struct bytes point;

        for (n = 0; n < GROUP && !rw->disorder && remote_write_next_point(&points, &point); n++) {
            point_read(&group[n], stream->kind, point);
            keys[n] = (struct identity_key){ 0 };
            if (group[n].attributes.data == NULL)
                continue; /* its key is made when its turn comes, for there is one buffer */
            keys[n] = streams_key(stream, group[n].attributes);
            table_prefetch(&rw->streams.table, keys[n].hash);
        }
        for (size_t i = 0; i < n; i++) {
            const char *guess = group[i].attributes.data != NULL ? table_guess(&rw->streams.table, keys[i].hash) : NULL;

            if (guess != NULL) {
                __builtin_prefetch(guess, 1);
                __builtin_prefetch(guess + 64);
                __builtin_prefetch(guess + 128);
            }
        }
        for (size_t i = 0; i < n && !rw->disorder; i++) {
            if (group[i].attributes.data == NULL)
                keys[i] = remote_write_key(rw, stream, &group[i]);
            remote_write_take_point(rw, stream, &group[i], &keys[i]);
        }
    } while (n == GROUP);
}

/* ---- target_info ---- */

/* Was one with these labels sent for the batch? That can only be of another resource of the same job and instance. */
static bool is_target_repeated(struct remote_write *rw, const struct resource_entry *r, uint64_t hash)
{
    if (r->shown && r->older == NULL)
        return false;
    for (size_t i = 0; i < rw->target_hashes.n; i++)
        if (rw->target_hashes.v[i] == hash)
            return true;
    *vec_push(&rw->target_hashes) = hash;
    return false;
}

static void put_target(struct remote_write *rw, const struct info_target *t)
{
    static const struct remote_metadata metadata = { .type = REMOTE_GAUGE, .help = BYTES_LIT("Target metadata") };
    struct buf name = { 0 };
    uint32_t series;
    uint64_t hash;

    if ((int64_t)(t->newest / NS_PER_MS) <= t->resource->target_time)
        return; /* one that is late would only be refused */
    t->resource->target_time = (int64_t)(t->newest / NS_PER_MS);
    rw->own_fields.len = rw->fields.len = rw->base.n = rw->own.n = 0;
    label_fields_put(&rw->own_fields, resource_target(t->resource));
    name_target_info(&name, rw->options.translation->strategy, rw->options.translation->ns);
    label_field_put(&rw->fields, bytes_str("__name__"), buf_bytes(&name));
    label_fields_list(&rw->base, buf_bytes(&rw->own_fields));
    label_fields_list(&rw->own, buf_bytes(&rw->fields));
    label_fields_merge(&rw->labels, &rw->base, &rw->own);
    hash = remote_write_hash(rw, &rw->labels);
    series = (uint32_t)(hash >> 32);
    rw->sample = (struct message_sample){
        .labels = &rw->labels,
        .metadata = &metadata,
        .time = (int64_t)(t->newest / NS_PER_MS),
        .bits = pb_bits(1),
    };
    if (!is_target_repeated(rw, t->resource, hash) &&
        (!rw->mixed || remote_write_claim(rw, &rw->labels, rw->sample.time)))
        message_put(remote_write_message(rw, series % rw->shards, 0, series), &rw->sample);
    buf_free(&name);
}

static void note_target(struct remote_write *rw, struct resource_entry *r)
{
    if (!rw->options.target_info || r->target_len == 0)
        return;
    if (r->mark == 0 || r->mark > rw->targets.n || rw->targets.v[r->mark - 1].resource != r) {
        *vec_push(&rw->targets) = (struct info_target){ .resource = r };
        r->mark = (uint32_t)rw->targets.n;
        streams_keep_resource(r);
    }
    if (rw->newest > rw->targets.v[r->mark - 1].newest)
        rw->targets.v[r->mark - 1].newest = rw->newest;
}

static void put_targets(struct remote_write *rw, bool really)
{
    for (size_t i = 0; i < rw->targets.n; i++) {
        if (really)
            put_target(rw, &rw->targets.v[i]);
        streams_drop_resource(&rw->streams, rw->targets.v[i].resource);
    }
    rw->targets.n = rw->target_hashes.n = 0;
}

/* ---- a batch, whole ---- */

static void note_mixed(struct remote_write *rw, struct stream *stream)
{
    if (!remote_write_names_mixed(remote_write_stream_labels(rw, stream)))
        return;
    rw->mixed = true;
    rw->disorder = !rw->sorting;
}

void remote_write_walk(struct remote_write *rw, const struct batch *b, remote_write_take *take)
{
    struct stream_cursor cursor = { 0 };
    struct metric_walk w;

    metric_walk_init(&w, b);
    while (!rw->disorder && metric_walk_next(&w)) {
        const char *reason;
        struct stream *stream;

        if (w.n_points == 0)
            continue;
        stream = streams_enter(&rw->streams, &cursor, &w, rw->tick, &reason);
        if (stream == NULL) {
            remote_write_drop(rw, reason, NULL, w.n_points);
            continue;
        }
        if (is_sendable(rw, &w, stream)) {
            note_mixed(rw, stream);
            remote_write_set_metadata(rw, stream);
            put_metadata(rw, stream);
            rw->newest = 0;
            take(rw, stream, w.points);
            note_target(rw, cursor.resource);
        }
        streams_leave(&rw->streams, stream);
    }
    streams_finish(&rw->streams, &cursor);
    metric_walk_free(&w);
}

static void discard_messages(struct remote_write *rw)
{
    for (uint32_t i = 0; i < rw->options.shards; i++)
        if (rw->messages[i].request != NULL) {
            remote_write_request_free(rw->messages[i].request);
            rw->messages[i].request = NULL;
        }
    list_each (struct remote_write_request, r, &rw->result->requests, link)
        remote_write_request_free(r);
    list_init(&rw->result->requests);
    rw->result->n_drops = 0;
}

void remote_write_encode(struct remote_write *rw, const struct batch *b, struct remote_write_result *result)
{
    *result = (struct remote_write_result){ 0 };
    list_init(&result->requests);
    rw->result = result;
    rw->tick = (uint32_t)(clock_mono(rw->options.clock) / REMOTE_WRITE_TICK);
    rw->batch++;
    rw->disorder = rw->mixed = false;
    remote_write_walk(rw, b, take_points);
    if (rw->disorder) {
        discard_messages(rw);
        put_targets(rw, false);
        remote_write_encode_sorted(rw, b);
    }
    put_targets(rw, true);
    remote_write_forget_claims(rw);
    for (uint32_t i = 0; i < rw->options.shards; i++)
        if (rw->messages[i].request != NULL)
            remote_write_finish(rw, &rw->messages[i]);
    rw->result = NULL;
}

void remote_write_use_shards(struct remote_write *rw, uint32_t n)
{
    assert(n > 0 && n <= rw->options.shards);
    rw->shards = n;
}

enum remote_write_version remote_write_version(const struct remote_write *rw)
{
    return rw->options.version;
}

uint64_t remote_write_series(const struct remote_write *rw)
{
    return rw->streams.n_cached;
}

uint64_t remote_write_displaced(const struct remote_write *rw)
{
    return rw->streams.translator.displaced;
}

struct series_limit *remote_write_limit(struct remote_write *rw)
{
    return &rw->streams.limit;
}

uint64_t remote_write_memory(const struct remote_write *rw)
{
    return rw->streams.bytes;
}

struct remote_write *remote_write_new(const struct remote_write_options *o)
{
    struct remote_write *rw = mem_zalloc(sizeof(*rw));

    assert(o->shards > 0);
    rw->options = *o;
    rw->shards = o->shards;
    rw->slack = o->max_bytes / 8 < SLACK_MAX ? o->max_bytes / 8 : SLACK_MAX;
    streams_init(&rw->streams, o->translation, o->budget);
    rw->streams.on_stream_gone = remote_write_stream_gone;
    rw->streams.limit.max = o->max_series;
    remote_write_index_init(rw);
    remote_write_names_init(rw);
    symbols_clear(&rw->names);
    rw->messages = mem_zalloc(o->shards * sizeof(*rw->messages));
    for (uint32_t i = 0; i < o->shards; i++)
        rw->messages[i].version = o->version;
    return rw;
}

void remote_write_free(struct remote_write *rw)
{
    remote_write_forget_all(rw);
    remote_write_names_free(rw);
    streams_free(&rw->streams);
    table_free(&rw->by_labels);
    for (uint32_t i = 0; i < rw->options.shards; i++)
        message_free(&rw->messages[i]);
    free(rw->messages);
    vec_free(&rw->unsorted);
    vec_free(&rw->targets);
    vec_free(&rw->target_hashes);
    vec_free(&rw->labels);
    vec_free(&rw->base);
    vec_free(&rw->twin_labels);
    vec_free(&rw->twin_own);
    buf_free(&rw->earlier);
    buf_free(&rw->fields);
    buf_free(&rw->own_fields);
    buf_free(&rw->packed);
    vec_free(&rw->own);
    symbols_free(&rw->names);
    buf_free(&rw->suffixed);
    buf_free(&rw->gathered);
    distribution_value_free(&rw->value);
    exemplar_reader_free(&rw->exemplar_reader);
    free(rw->exemplars);
    vec_free(&rw->counts);
    span_sides_free(&rw->sides);
    free(rw);
}
