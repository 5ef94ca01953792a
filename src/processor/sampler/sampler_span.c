/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over the span finds its id, its trace state and a priority; the trace state is read, the span decided, and
 * what is kept gets the trace state with the new threshold in place of the old one. A trace state that is not of the
 * grammar makes the span undecidable, whatever the mode; a priority overrules all. */
#include "otlp/fields.h"
#include "processor/sampler/sampler.h"

#include <stdlib.h>

#define PRIORITY_ATTRIBUTE "sampling.priority"

struct span_fields {
    struct bytes id, state;
    const uint8_t *start, *end; /* of the trace state's field; NULL: there is none */
    bool has_priority;
    double priority;
};

static bool number_of(struct bytes any_value, double *number)
{
    struct value v = value_read(any_value);
    char text[64], *end;

    switch (v.type) {
    case VALUE_INT:
        *number = (double)v.integer;
        return true;
    case VALUE_DOUBLE:
        *number = v.number;
        return true;
    case VALUE_STRING:
        if (v.bytes.len == 0 || v.bytes.len >= sizeof(text))
            return false;
        memcpy(text, v.bytes.data, v.bytes.len);
        text[v.bytes.len] = '\0';
        *number = strtod(text, &end);
        return *end == '\0';
    default:
        return false;
    }
}

/* Has this KeyValue, at its beginning, the key of priorities? A cheap look before the whole is read. */
static bool may_be_priority(struct bytes kv)
{
    size_t n = sizeof(PRIORITY_ATTRIBUTE) - 1;

    if (kv.len < 2 || kv.data[0] != PB_TAG(OTLP_KEY_VALUE_KEY, PB_LEN))
        return true;
    return kv.data[1] == n && kv.len > n + 2 && memcmp(kv.data + 2, PRIORITY_ATTRIBUTE, n) == 0;
}

static void read_span(struct span_fields *s, struct bytes span)
{
    struct pb_reader r = pb_reader(span);

    *s = (struct span_fields){ .id = { NULL, 0 } };
    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.wire != PB_LEN)
            continue;
        if (f.number == OTLP_SPAN_TRACE_ID) {
            s->id = f.bytes;
        } else if (f.number == OTLP_SPAN_TRACE_STATE) {
            s->state = f.bytes;
            s->start = f.start;
            s->end = r.p;
        } else if (f.number == OTLP_SPAN_ATTRIBUTES && !s->has_priority && may_be_priority(f.bytes)) {
            struct attribute a = attribute_of(f.bytes);

            if (bytes_is(a.key, PRIORITY_ATTRIBUTE))
                s->has_priority = number_of(a.value, &s->priority);
        }
    }
}

static void decide_span(struct sampler *p, const struct span_fields *s, struct sampler_decision *d)
{
    struct carried c = { &p->state.has_randomness, &p->state.has_threshold, &p->state.randomness, &p->state.threshold };
    bool identified = !bytes_is_zero(s->id), sound;

    *d = (struct sampler_decision){ .policy = BY_NOTHING, .randomness = SAMPLING_NEVER - 1 };
    sound = trace_state_read(&p->state, s->state);
    if (p->never) {
        d->policy = BY_RANDOMNESS;
    } else if (p->config->mode == MODE_HASH_SEED && identified) {
        d->policy = BY_HASH;
        d->randomness = sampler_hash(p, (s->id));
    } else if (p->config->mode != MODE_HASH_SEED && sound && p->state.has_randomness) {
        d->policy = BY_TRACE_ID;
        d->randomness = p->state.randomness;
    } else if (p->config->mode != MODE_HASH_SEED && sound && identified) {
        d->policy = BY_TRACE_ID;
        d->randomness = sampler_randomness_of_id(s->id);
    }
    sampler_decide(p, d, &c, sound ? NULL : "a malformed trace state");
}

static void write_state(struct sampler *p, const struct span_fields *s, struct bytes span, struct pieces *edit)
{
    size_t state;

    p->field.len = 0;
    state = pb_begin(&p->field, OTLP_SPAN_TRACE_STATE);
    trace_state_put(&p->field, &p->state);
    pb_end(&p->field, state);
    if (s->start == NULL) {
        pieces_add(edit, span);
        pieces_add(edit, buf_bytes(&p->field));
        return;
    }
    pieces_add(edit, bytes_of(span.data, (size_t)(s->start - span.data)));
    pieces_add(edit, buf_bytes(&p->field));
    pieces_add(edit, bytes_of(s->end, (size_t)(bytes_end(span) - s->end)));
}

enum rewrite_verdict sampler_on_span(void *arg, const struct visit *at, struct pieces *edit)
{
    struct sampler *p = arg;
    struct carried c = { &p->state.has_randomness, &p->state.has_threshold, &p->state.randomness, &p->state.threshold };
    struct span_fields s;
    struct sampler_decision d;

    read_span(&s, at->message);
    decide_span(p, &s, &d);
    if (s.has_priority && s.priority >= 0) {
        d.policy = BY_PRIORITY;
        d.undecided = NULL;
        d.threshold = s.priority > 0 ? SAMPLING_ALWAYS : SAMPLING_NEVER;
    }
    if (!sampler_finish(p, &d))
        return REWRITE_DROP;
    if (!d.carried)
        return REWRITE_KEEP;
    sampler_raise(&c, d.threshold);
    write_state(p, &s, at->message, edit);
    return REWRITE_EDIT;
}
