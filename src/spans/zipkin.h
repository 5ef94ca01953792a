/* SPDX-License-Identifier: Apache-2.0 */
/* Spans of Zipkin's second version: lists of them in JSON or protobuf, to export requests of traces and back. Strings
 * of a list are not looked at: the request has to be validated, and its texts repaired, as any stranger's.
 *
 * Between the forms and OTLP stands a struct: zipkin_json.c and zipkin_proto.c read and write it, zipkin_to_otlp.c and
 * zipkin_from_otlp.c translate it. */
#ifndef SPANS_ZIPKIN_H
#define SPANS_ZIPKIN_H

#include "base/arena.h"
#include "base/error.h"
#include "spans/span_groups.h"
#include "spans/span_scope.h"
#include "spans/tags.h"

enum zipkin_form { ZIPKIN_JSON, ZIPKIN_PROTO };

/* Appends the request that a list is. UV_EINVAL: err says what is wrong with it; UV_E2BIG: it would have more than
 * `most` bytes. What was appended before a failure is of no use. */
int zipkin_read(enum zipkin_form form, struct bytes list, size_t most, struct buf *request, struct error *err);

/* Appends the list of a request's spans, which is valid. A span without a trace id or an id has no place in one: it is
 * counted in *left_out. False: the list has passed `most` bytes; what was appended is of no use. */
bool zipkin_write(enum zipkin_form form, struct bytes request, size_t most, struct buf *list, uint64_t *left_out);

/* ---- between the files of this folder ---- */

#define ZIPKIN_NO_SERVICE "OTLPResourceNoServiceName"
#define ZIPKIN_NAME_SOURCE "otlp.service.name.source"
#define ZIPKIN_NO_START "otel.zipkin.absentField.startTime"
#define ZIPKIN_ADDRESS_SIZE 46 /* of a text, with its NUL */
#define ZIPKIN_VALUES 100000u  /* of one span: names, tags, annotations and what else there is */

enum zipkin_kind { ZIPKIN_NO_KIND, ZIPKIN_CLIENT, ZIPKIN_SERVER, ZIPKIN_PRODUCER, ZIPKIN_CONSUMER };

struct zipkin_endpoint {
    struct bytes service;
    char ipv4[ZIPKIN_ADDRESS_SIZE], ipv6[ZIPKIN_ADDRESS_SIZE]; /* empty: none */
    uint64_t port;                                             /* 0: none */
};

struct zipkin_annotation {
    uint64_t time; /* us */
    struct bytes value;
};

/* Cleared, not zeroed, from span to span: it keeps its memory. */
struct zipkin_span {
    uint8_t trace_id[16], id[8], parent_id[8];
    bool has_parent;
    enum zipkin_kind kind;
    struct bytes name;
    uint64_t start, duration; /* us; 0: none */
    struct zipkin_endpoint local, remote;
    VEC(struct zipkin_annotation) annotations;
    struct tags tags; /* all strings */
    struct arena arena;
    /* Of what spans of one scope have in common, so that it is read once: the tags of resource and scope up to their
     * mark, with texts in an arena of its own. */
    struct span_scope common;
    struct bytes common_service;
};

void zipkin_span_clear(struct zipkin_span *z);
void zipkin_span_free(struct zipkin_span *z);
/* An address as text; false: it is none. */
bool zipkin_address(struct bytes text, char *to);

/* Each calls zipkin_to_otlp() for each span. UV_EINVAL; UV_E2BIG. */
int zipkin_json_read(struct bytes text, size_t most, struct span_groups *groups, struct error *err);
int zipkin_proto_read(struct bytes list, size_t most, struct span_groups *groups, struct error *err);

/* Into the groups. */
void zipkin_to_otlp(struct zipkin_span *z, struct span_groups *groups, struct buf *scratch);
/* In the place of what `z` was: zeroed, or the span before it, as long as all that lies where it did. False: it has no
 * trace id or id. */
bool zipkin_from_otlp(struct bytes resource, struct bytes scope, struct bytes span, struct zipkin_span *z);

void zipkin_json_write(const struct zipkin_span *z, struct buf *out);  /* an object */
void zipkin_proto_write(const struct zipkin_span *z, struct buf *out); /* a field of the list */

#endif
