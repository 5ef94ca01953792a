/* SPDX-License-Identifier: Apache-2.0 */
/* A log record's sampling stands in two of its attributes. They are read, the record is decided by its trace id or by
 * an attribute, a priority may overrule that, and of what is kept the attributes are written again. Attributes that
 * are not of the form make the record undecidable. */
#include "otlp/view.h"
#include "processor/sampler/sampler.h"

#define RANDOMNESS_ATTRIBUTE "sampling.randomness"
#define THRESHOLD_ATTRIBUTE "sampling.threshold"

struct record_fields {
    bool has_randomness, has_threshold;
    uint64_t randomness, threshold;
};

static struct bytes string_of(const struct attribute_list *list, const char *key)
{
    size_t at = attribute_list_find(list, bytes_str(key));
    struct value v = { .type = VALUE_EMPTY };

    if (at != ATTRIBUTE_NONE)
        v = value_read(list->slots.v[at].value);
    return v.type == VALUE_STRING ? v.bytes : bytes_of(NULL, 0);
}

/* False: an attribute of sampling is malformed. */
static bool read_record(struct record_fields *r, const struct attribute_list *list)
{
    struct bytes threshold = string_of(list, THRESHOLD_ATTRIBUTE), randomness = string_of(list, RANDOMNESS_ATTRIBUTE);

    *r = (struct record_fields){ .has_threshold = threshold.len > 0, .has_randomness = randomness.len > 0 };
    if (r->has_threshold && !threshold_read(threshold, &r->threshold)) {
        r->has_threshold = false;
        return false;
    }
    if (r->has_randomness && !randomness_read(randomness, &r->randomness)) {
        r->has_randomness = false;
        return false;
    }
    return true;
}

static struct bytes id_of(struct bytes record)
{
    struct pb_reader r = pb_reader(record);
    struct bytes id = { NULL, 0 };

    while (message_next(&r, OTLP_LOG_TRACE_ID, &id))
        ; /* the last one counts */
    return id;
}

/* Hashed: the text of the attribute, of bytes the bytes. */
static bool hash_attribute(struct sampler *p, struct sampler_decision *d)
{
    size_t at = attribute_list_find(&p->list, bytes_str(p->config->from_attribute));
    struct value v;
    struct bytes b;

    if (p->config->from_attribute[0] == '\0' || at == ATTRIBUTE_NONE)
        return false;
    v = value_read(p->list.slots.v[at].value);
    p->field.len = 0;
    if (v.type != VALUE_BYTES)
        any_value_put(&p->field, p->list.slots.v[at].value);
    b = v.type == VALUE_BYTES ? v.bytes : buf_bytes(&p->field);
    if (b.len == 0)
        return false;
    d->policy = BY_ATTRIBUTE;
    d->randomness = sampler_hash(p, (b));
    return true;
}

static void decide_record(struct sampler *p, struct bytes record, struct record_fields *r, struct sampler_decision *d)
{
    struct carried c = { &r->has_randomness, &r->has_threshold, &r->randomness, &r->threshold };
    struct bytes id = id_of(record);
    bool sound = read_record(r, &p->list), identified = !bytes_is_zero(id);

    *d = (struct sampler_decision){ .policy = BY_NOTHING, .randomness = SAMPLING_NEVER - 1 };
    if (p->never) {
        d->policy = BY_RANDOMNESS;
    } else if (p->config->mode == MODE_HASH_SEED) {
        if (identified && p->config->attribute_source == SOURCE_TRACE_ID) {
            d->policy = BY_HASH;
            d->randomness = sampler_hash(p, (id));
        } else {
            hash_attribute(p, d);
        }
    } else if (r->has_randomness) {
        d->policy = BY_RANDOMNESS;
        d->randomness = r->randomness;
    } else if (identified) {
        d->policy = BY_TRACE_ID;
        d->randomness = sampler_randomness_of_id(id);
    }
    sampler_decide(p, d, &c, sound ? NULL : "malformed attributes of sampling");
}

/* A record may name the percentage that it is to be kept with. */
static void apply_priority(const struct sampler *p, struct sampler_decision *d)
{
    size_t at;
    struct value v;
    double percentage;
    uint64_t threshold;

    if (p->config->sampling_priority[0] == '\0')
        return;
    at = attribute_list_find(&p->list, bytes_str(p->config->sampling_priority));
    if (at == ATTRIBUTE_NONE)
        return;
    v = value_read(p->list.slots.v[at].value);
    if (v.type != VALUE_INT && v.type != VALUE_DOUBLE)
        return;
    percentage = v.type == VALUE_INT ? (double)v.integer : v.number;
    if (percentage != 0 &&
        threshold_of_probability(percentage / 100, (unsigned)p->config->sampling_precision, &threshold)) {
        d->policy = BY_PRIORITY;
        d->undecided = NULL;
        d->threshold = threshold;
    }
}

static void set_text(struct attribute_list *list, const char *key, const char *text, size_t n)
{
    attribute_list_set(list, bytes_str(key), attribute_list_keep(list, bytes_of(text, n)));
}

static void write_record(struct sampler *p, const struct record_fields *r, struct pieces *edit)
{
    char text[SAMPLING_DIGITS + 1];

    if (r->has_randomness && string_of(&p->list, RANDOMNESS_ATTRIBUTE).len == 0)
        set_text(&p->list, RANDOMNESS_ATTRIBUTE, text, randomness_text(r->randomness, text));
    set_text(&p->list, THRESHOLD_ATTRIBUTE, text, threshold_text(r->threshold, text));
    attribute_list_write(&p->list, edit);
}

void sampler_ask_record(struct sampler *p)
{
    attribute_list_only(&p->list, bytes_str(RANDOMNESS_ATTRIBUTE));
    attribute_list_only(&p->list, bytes_str(THRESHOLD_ATTRIBUTE));
    attribute_list_only(&p->list, bytes_str(p->config->from_attribute));
    attribute_list_only(&p->list, bytes_str(p->config->sampling_priority));
}

enum rewrite_verdict sampler_on_record(void *arg, const struct visit *at, struct pieces *edit)
{
    struct sampler *p = arg;
    struct record_fields r;
    struct sampler_decision d;
    struct carried c = { &r.has_randomness, &r.has_threshold, &r.randomness, &r.threshold };

    attribute_list_read(&p->list, at->message, at->attributes);
    decide_record(p, at->message, &r, &d);
    apply_priority(p, &d);
    if (!sampler_finish(p, &d))
        return REWRITE_DROP;
    if (!d.carried)
        return REWRITE_KEEP;
    sampler_raise(&c, d.threshold);
    write_record(p, &r, edit);
    return REWRITE_EDIT;
}
