/* SPDX-License-Identifier: Apache-2.0 */
/* Spans that have ended (pipeline/trace/tracer.h), put together by the component that they are of. */
#include "service/own/own_inside.h"

#include "codec/pb.h"
#include "otlp/fields.h"

#define STATUS_ERROR 2
#define FLAGS_SAMPLED 0x101u /* sampled, and it is known whether the parent is of another process */
#define FLAGS_REMOTE 0x200u

static void put_span(struct buf *out, const struct traced_span *s)
{
    const struct traced *t = s->traced;
    size_t status;

    pb_put_bytes(out, OTLP_SPAN_TRACE_ID, bytes_of(t->trace, sizeof(t->trace)));
    pb_put_bytes(out, OTLP_SPAN_SPAN_ID, bytes_of(t->id, sizeof(t->id)));
    if (t->has_parent)
        pb_put_bytes(out, OTLP_SPAN_PARENT_ID, bytes_of(t->parent, sizeof(t->parent)));
    own_put_string(out, OTLP_SPAN_NAME, bytes_str(s->end->name));
    pb_put_uint(out, OTLP_SPAN_KIND, (uint64_t)s->end->kind);
    pb_put_fixed64(out, OTLP_SPAN_START, t->start);
    pb_put_fixed64(out, OTLP_SPAN_END, s->ended < t->start ? t->start : s->ended);
    for (size_t i = 0; i < s->end->n_attributes; i++)
        own_put_field(out, OTLP_SPAN_ATTRIBUTES, &s->end->attributes[i]);
    if (s->end->error != NULL) {
        status = pb_begin(out, OTLP_SPAN_STATUS);
        own_put_string(out, OTLP_STATUS_MESSAGE, bytes_str(s->end->error));
        pb_put_uint(out, OTLP_STATUS_CODE, STATUS_ERROR);
        pb_end(out, status);
    }
    pb_put_fixed32(out, OTLP_SPAN_FLAGS, FLAGS_SAMPLED | (t->has_parent ? FLAGS_REMOTE : 0));
}

static void on_span(struct trace_watcher *w, const struct traced_span *s)
{
    struct own_node *n = container_of(w, struct own_node, spans);
    struct buf span = { 0 };

    if (!own_admit(n))
        return;
    put_span(&span, s);
    own_take(n, own_scope_of(n, &s->node->log), buf_bytes(&span));
    buf_free(&span);
}

void own_trace_start(struct own_node *n)
{
    n->spans.on_span = on_span;
    tracer_watch(&n->node.host->tracer, &n->spans, &n->config->sampler);
}

void own_trace_stop(struct own_node *n)
{
    tracer_unwatch(&n->node.host->tracer, &n->spans);
}
