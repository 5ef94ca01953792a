/* SPDX-License-Identifier: Apache-2.0 */
/* One span from its form into the struct, and from there into a request; or the other way. What can go wrong is the
 * form's. */
#include "spans/jaeger.h"

#include <uv.h>

void jaeger_span_clear(struct jaeger_span *j)
{
    struct jaeger_span kept = *j;

    tags_clear(&kept.tags);
    tags_clear(&kept.process);
    arena_reset(&kept.common.arena);
    *j = (struct jaeger_span){ .arena = kept.arena,
                               .tags = kept.tags,
                               .process = kept.process,
                               .references = kept.references,
                               .logs = kept.logs,
                               .fields = kept.fields,
                               .common.arena = kept.common.arena };
    jaeger_span_empty(j);
}

void jaeger_span_empty(struct jaeger_span *j)
{
    arena_reset(&j->arena);
    j->references.n = j->logs.n = j->fields.n = 0;
}

void jaeger_span_free(struct jaeger_span *j)
{
    vec_free(&j->references);
    vec_free(&j->logs);
    vec_free(&j->fields);
    tags_free(&j->tags);
    tags_free(&j->process);
    arena_free(&j->arena);
    arena_free(&j->common.arena);
    *j = (struct jaeger_span){ .flags = 0 };
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

void jaeger_write(enum jaeger_form form, struct jaeger_span *j, struct bytes resource, struct bytes scope,
                  struct bytes span, struct buf *out)
{
    jaeger_from_otlp(resource, scope, span, j);
    if (form == JAEGER_JSON)
        jaeger_json_write(j, out);
    else
        jaeger_proto_write(j, out);
}
