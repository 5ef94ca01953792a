/* SPDX-License-Identifier: Apache-2.0 */
/* Resource by resource, scope by scope: what is around the spans becomes a head, and the spans are handed on as often
 * as the trace changes. Of a span nothing but its trace's id is read. */
#include "processor/groupbytrace/span_runs.h"

#include "otlp/view.h"

struct reader {
    struct span_store *store;
    struct pieces *scratch;
    void (*take)(void *arg, const struct span_run *run);
    void *arg;
};

static struct head *read_head(const struct reader *d, struct head *parent, struct bytes message, uint32_t but)
{
    struct pb_reader r = pb_reader(message);

    d->scratch->n = d->scratch->len = 0;
    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number != but)
            pieces_add(d->scratch, bytes_of(f.start, (size_t)(r.p - f.start)));
    return span_store_head(d->store, parent, d->scratch);
}

/* The first that is one counts. */
static void read_id(uint8_t id[TRACE_ID_SIZE], struct bytes span)
{
    struct pb_reader r = pb_reader(span);

    memset(id, 0, TRACE_ID_SIZE);
    for (struct bytes field; message_next(&r, OTLP_SPAN_TRACE_ID, &field);)
        if (field.len == TRACE_ID_SIZE) {
            memcpy(id, field.data, TRACE_ID_SIZE);
            return;
        }
}

static void read_scope(const struct reader *d, struct bytes group, struct head *scope)
{
    struct pb_reader r = pb_reader(group);
    struct span_run run = { .scope = scope };
    uint8_t id[TRACE_ID_SIZE];

    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number != OTLP_SCOPE_GROUP_ITEMS)
            continue;
        read_id(id, f.bytes);
        if (run.n > 0 && (f.start != bytes_end(run.spans) || memcmp(id, run.id, TRACE_ID_SIZE) != 0)) {
            d->take(d->arg, &run);
            run.n = 0;
        }
        if (run.n == 0)
            run.spans = bytes_of(f.start, 0);
        run.spans.len = (size_t)(r.p - run.spans.data);
        run.n++;
        memcpy(run.id, id, TRACE_ID_SIZE);
    }
    if (run.n > 0)
        d->take(d->arg, &run);
}

static void read_resource(const struct reader *d, struct bytes group)
{
    struct head *resource = read_head(d, NULL, group, OTLP_RESOURCE_GROUP_SCOPES);
    struct pb_reader r = pb_reader(group);

    for (struct bytes scope_group; message_next(&r, OTLP_RESOURCE_GROUP_SCOPES, &scope_group);) {
        struct head *scope = read_head(d, resource, scope_group, OTLP_SCOPE_GROUP_ITEMS);

        read_scope(d, scope_group, scope);
        span_store_release(d->store, scope);
    }
    span_store_release(d->store, resource);
}

void span_runs_read(struct span_store *store, const struct batch *batch, struct pieces *scratch,
                    void (*take)(void *arg, const struct span_run *run), void *arg)
{
    const struct reader d = { store, scratch, take, arg };

    for (uint32_t i = 0; i < batch->n_segments; i++) {
        struct pb_reader r = pb_reader(bytes_of(batch->segments[i].data, batch->segments[i].len));

        for (struct bytes group; message_next(&r, OTLP_REQUEST_RESOURCES, &group);)
            read_resource(&d, group);
    }
}
