/* SPDX-License-Identifier: Apache-2.0 */
/* Scope by scope the spans are handed on as often as the trace changes. Of a span nothing but its trace's id is read.
 */
#include "processor/groupbytrace/span_runs.h"

#include "otlp/view.h"

struct reader {
    void (*take)(void *arg, const struct span_run *run);
    void *arg;
};

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

static void read_scope(void *arg, struct bytes group, struct head *scope)
{
    const struct reader *d = arg;
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

void span_runs_read(struct span_store *store, const struct batch *batch, struct pieces *scratch,
                    void (*take)(void *arg, const struct span_run *run), void *arg)
{
    struct reader d = { take, arg };

    span_store_scopes(store, batch, scratch, read_scope, &d);
}
