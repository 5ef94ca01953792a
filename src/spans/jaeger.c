/* SPDX-License-Identifier: Apache-2.0 */
/* One span from its form into the struct, and from there into a request; or the other way. What can go wrong is the
 * form's. */
#include "spans/jaeger.h"

#include <uv.h>

void jaeger_span_clear(struct jaeger_span *j)
{
    struct jaeger_span kept = *j;

    arena_reset(&kept.arena);
    tags_clear(&kept.tags);
    tags_clear(&kept.process);
    kept.references.n = kept.logs.n = kept.fields.n = 0;
    *j = (struct jaeger_span){ .arena = kept.arena, .tags = kept.tags, .process = kept.process };
    j->references.v = kept.references.v;
    j->references.cap = kept.references.cap;
    j->logs.v = kept.logs.v;
    j->logs.cap = kept.logs.cap;
    j->fields.v = kept.fields.v;
    j->fields.cap = kept.fields.cap;
}

void jaeger_span_free(struct jaeger_span *j)
{
    vec_free(&j->references);
    vec_free(&j->logs);
    vec_free(&j->fields);
    tags_free(&j->tags);
    tags_free(&j->process);
    arena_free(&j->arena);
}

int jaeger_read(enum jaeger_form form, struct bytes span, struct buf *request, struct error *err)
{
    struct jaeger_span j = { .flags = 0 };
    struct span_groups groups = { .out = request };
    struct buf scratch = { 0 };
    bool good = form == JAEGER_JSON ? jaeger_json_read(span, &j, err) : jaeger_proto_read(span, &j, err);

    if (good)
        jaeger_to_otlp(&j, &groups, &scratch);
    span_groups_end(&groups);
    buf_free(&scratch);
    jaeger_span_free(&j);
    return good ? 0 : UV_EINVAL;
}

void jaeger_write(enum jaeger_form form, struct bytes resource, struct bytes scope, struct bytes span, struct buf *out)
{
    struct jaeger_span j = { .flags = 0 };

    jaeger_from_otlp(resource, scope, span, &j);
    if (form == JAEGER_JSON)
        jaeger_json_write(&j, out);
    else
        jaeger_proto_write(&j, out);
    jaeger_span_free(&j);
}
