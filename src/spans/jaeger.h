/* SPDX-License-Identifier: Apache-2.0 */
/* Spans of Jaeger's model (jaeger.api_v2), each with its process: in protobuf or its JSON, to export requests of traces
 * and back. Strings are not looked at: the request has to be validated, and its texts repaired, as any stranger's.
 *
 * Between the forms and OTLP stands a struct: jaeger_json.c and jaeger_proto.c read and write it, jaeger_to_otlp.c and
 * jaeger_from_otlp.c translate it. */
#ifndef SPANS_JAEGER_H
#define SPANS_JAEGER_H

#include "base/arena.h"
#include "base/error.h"
#include "spans/span_groups.h"
#include "spans/span_scope.h"
#include "spans/tags.h"

enum jaeger_form { JAEGER_JSON, JAEGER_PROTO };

/* Appends the request that one span is; nothing for a blank one, which has nothing but perhaps a process. UV_EINVAL:
 * err says what is wrong with it; what was appended then is of no use. */
int jaeger_read(enum jaeger_form form, struct bytes span, struct buf *request, struct error *err);

struct jaeger_span;

/* Appends what a span of a valid request is, in that resource and scope. `j`, which is zeroed at first, remembers these
 * for the next span: jaeger_span_free() before their bytes go. */
void jaeger_write(enum jaeger_form form, struct jaeger_span *j, struct bytes resource, struct bytes scope,
                  struct bytes span, struct buf *out);
void jaeger_span_free(struct jaeger_span *j); /* it is zeroed then */

/* ---- between the files of this folder ---- */

#define JAEGER_NO_SERVICE "OTLPResourceNoServiceName"
#define JAEGER_VALUES 100000u /* tags, logs and their fields, references; in JSON each is a few values of its tree */

struct jaeger_reference {
    uint8_t trace_id[16], span_id[8];
    bool follows; /* else it is a child of it */
};

struct jaeger_log {
    uint64_t time;   /* wall ns */
    size_t first, n; /* of the span's fields */
};

/* Cleared, not zeroed, from span to span: it keeps its memory. Strings are where they were read. */
struct jaeger_span {
    uint8_t trace_id[16], span_id[8];
    struct bytes name;
    uint32_t flags;
    uint64_t start;   /* wall ns */
    int64_t duration; /* ns */
    VEC(struct jaeger_reference) references;
    VEC(struct jaeger_log) logs;
    VEC(struct tag) fields; /* of all logs */
    struct tags tags;
    struct bytes service; /* the process */
    struct tags process;
    struct arena arena;
    /* Of what spans of one scope have in common, so that it is read once: service, process, and the scope's tags up to
     * their mark, with texts in an arena of its own. */
    struct span_scope common;
};

void jaeger_span_clear(struct jaeger_span *j);
void jaeger_span_empty(struct jaeger_span *j); /* of its lists, and of their texts */

bool jaeger_json_read(struct bytes text, struct jaeger_span *j, struct error *err);
bool jaeger_proto_read(struct bytes message, struct jaeger_span *j, struct error *err);

void jaeger_to_otlp(struct jaeger_span *j, struct span_groups *groups, struct buf *scratch);
/* In the place of what `j` was. */
void jaeger_from_otlp(struct bytes resource, struct bytes scope, struct bytes span, struct jaeger_span *j);

void jaeger_json_write(const struct jaeger_span *j, struct buf *out);
void jaeger_proto_write(const struct jaeger_span *j, struct buf *out);

#endif
