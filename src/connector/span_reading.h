/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over a span: its fields, as slices of the batch, and of its attributes those that have slots. Inline, for it
 * is most of what a span costs. */
#ifndef CONNECTOR_SPAN_READING_H
#define CONNECTOR_SPAN_READING_H

#include "connector/slots.h"
#include "otlp/view.h"

/* What has not come is zero; of a field that comes twice the last counts. */
struct span_reading {
    struct bytes message, trace_id, span_id, parent_id, trace_state, name;
    uint64_t kind, start, end, status; /* status: its code */
};

/* Most statuses are nothing but the code. */
static inline uint64_t span_reading_code(struct bytes status)
{
    if (status.len == 0)
        return 0;
    if (status.len == 2 && status.data[0] == PB_TAG(OTLP_STATUS_CODE, PB_VARINT))
        return status.data[1];
    return status_view(status).code;
}

static inline void span_reading_take(struct span_reading *s, const struct pb_field *f, struct attribute_slots *slots,
                                     const struct slot_names *names)
{
    switch (f->number) {
    case OTLP_SPAN_TRACE_ID:
        s->trace_id = f->bytes;
        break;
    case OTLP_SPAN_SPAN_ID:
        s->span_id = f->bytes;
        break;
    case OTLP_SPAN_PARENT_ID:
        s->parent_id = f->bytes;
        break;
    case OTLP_SPAN_TRACE_STATE:
        s->trace_state = f->bytes;
        break;
    case OTLP_SPAN_NAME:
        s->name = f->bytes;
        break;
    case OTLP_SPAN_KIND:
        s->kind = f->u64;
        break;
    case OTLP_SPAN_START:
        s->start = f->u64;
        break;
    case OTLP_SPAN_END:
        s->end = f->u64;
        break;
    case OTLP_SPAN_ATTRIBUTES:
        if (slots_want(names, f->bytes))
            slots_put(slots, names, f->bytes);
        break;
    case OTLP_SPAN_STATUS:
        s->status = span_reading_code(f->bytes);
        break;
    default:
        break;
    }
}

/* Attributes that begin at the reader's position, those that are short: the reader moves behind them. They are most of
 * the fields, and of most only the length of the key is looked at. */
static inline void span_reading_attributes(struct pb_reader *r, struct attribute_slots *slots,
                                           const struct slot_names *names)
{
    const uint8_t *p = r->p;

    while (r->end - p >= 2 && p[0] == PB_TAG(OTLP_SPAN_ATTRIBUTES, PB_LEN) && p[1] < 0x80 && r->end - p - 2 >= p[1]) {
        struct bytes key_value = bytes_of(p + 2, p[1]);

        if (slots_want(names, key_value))
            slots_put(slots, names, key_value);
        p += 2 + key_value.len;
    }
    r->p = p;
}

static inline struct span_reading span_reading_of(struct bytes message, struct attribute_slots *slots,
                                                  const struct slot_names *names)
{
    struct pb_reader r = pb_reader(message);
    struct span_reading s = { .message = message };

    slots_begin(slots, names, message, OTLP_SPAN_ATTRIBUTES);
    for (struct pb_field f; pb_next(&r, &f);) {
        span_reading_take(&s, &f, slots, names);
        span_reading_attributes(&r, slots, names);
    }
    return s;
}

#endif
