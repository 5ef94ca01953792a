/* SPDX-License-Identifier: Apache-2.0 */
/* The probabilistic sampler: keeps a share of the spans or log records, the same ones wherever the same is decided.
 *
 * An item has randomness, 56 bits of it, and is kept when that reaches a threshold. In the mode hash_seed the
 * randomness is a hash of the trace id; in equalizing and proportional it is what the trace state says, else the end of
 * the trace id, and the threshold counts with what was sampled before. What a kept item was sampled with is written
 * into its trace state, of log records into two attributes. The modes, hashes and thresholds are those of the Go
 * collector's processor, so a tier of both decides alike. */
#include "otlp/attribute_list.h"
#include "otlp/trace_state.h"
#include "processor/rewriting.h"

#include <math.h>
#include <stdlib.h>

/* Fields of Span and LogRecord. */
enum { SPAN_TRACE_ID = 1, SPAN_TRACE_STATE = 3, SPAN_ATTRIBUTES = 9, LOG_ATTRIBUTES = 6, LOG_TRACE_ID = 9 };

#define RANDOMNESS_ATTRIBUTE "sampling.randomness"
#define THRESHOLD_ATTRIBUTE "sampling.threshold"
#define PRIORITY_ATTRIBUTE "sampling.priority"
#define BUCKETS 16384u

enum mode { MODE_HASH_SEED, MODE_EQUALIZING, MODE_PROPORTIONAL };
enum source { SOURCE_TRACE_ID, SOURCE_RECORD };

static const char *const mode_names[] = { "hash_seed", "equalizing", "proportional", NULL };
static const char *const source_names[] = { "traceID", "record", NULL };

struct sampler_config {
    double sampling_percentage;
    uint64_t hash_seed;
    int mode;
    bool fail_closed;
    int64_t sampling_precision;
    int attribute_source;
    const char *from_attribute, *sampling_priority;
};

static const struct option options[] = {
    OPT_DOUBLE(struct sampler_config, sampling_percentage, "0", NULL, NULL,
               "How many of a hundred are kept; 100 and more keeps all."),
    OPT_UINT(
        struct sampler_config, hash_seed, "0", "0", "4294967295",
        "With mode hash_seed. Collectors of one tier need the same, those of tiers behind one another different ones."),
    OPT_ENUM(
        struct sampler_config, mode, mode_names, "hash_seed",
        "hash_seed: by a hash of the trace id. equalizing: no item's probability is above the percentage in the end, "
        "whatever was sampled before. proportional: the percentage of what arrives."),
    OPT_BOOL(
        struct sampler_config, fail_closed, "true",
        "Items of which the sampling cannot be decided (no trace id, a malformed trace state) are dropped; else kept."),
    OPT_INT(struct sampler_config, sampling_precision, "4", NULL, NULL,
            "Hexadecimal digits of the threshold in equalizing and proportional."),
    OPT_ENUM(struct sampler_config, attribute_source, source_names, "traceID",
             "Log records: decide by the trace id, or by from_attribute only."),
    OPT_STRING(struct sampler_config, from_attribute, "",
               "Log records, hash_seed: an attribute that is hashed where there is no trace id."),
    OPT_STRING(struct sampler_config, sampling_priority, "",
               "Log records: an attribute whose number is the percentage for that record."),
    OPT_END,
};

/* By what an item was decided; the label `policy`. */
enum policy { BY_HASH, BY_TRACE_ID, BY_RANDOMNESS, BY_PRIORITY, BY_ATTRIBUTE, BY_NOTHING, POLICIES };

static const struct metric_row sampled_rows[] = {
    { .name = "otelcol_processor_probabilistic_sampler_count_traces_sampled",
      .type = METRIC_COUNTER,
      .level = LEVEL_BASIC,
      .unit = "{spans}",
      .help = "Spans that were decided on, by policy and decision." },
    { .name = "otelcol_processor_probabilistic_sampler_count_logs_sampled",
      .type = METRIC_COUNTER,
      .level = LEVEL_BASIC,
      .unit = "{records}",
      .help = "Log records that were decided on, by policy and decision." },
};

static const struct metric_row *const metric_rows[] = { &sampled_rows[0],     &sampled_rows[1],
                                                        &item_count_incoming, &item_count_outgoing,
                                                        &item_count_duration, NULL };

struct sampler {
    struct rewriting rewriting;
    const struct sampler_config *config;
    bool never;         /* 0 %: nothing but priorities is looked at */
    uint64_t threshold; /* hash_seed, equalizing */
    double ratio;       /* proportional */
    struct trace_state state;
    struct attribute_list list;
    struct buf field; /* the trace state written anew */
    struct metric *decided[POLICIES][2];
};

/* What is known of one item while it is decided. */
struct decision {
    enum policy policy;
    uint64_t randomness;
    uint64_t threshold;
    bool carried; /* there is a trace state, or attributes, to write the threshold to */
};

/* ---- randomness ---- */

static bool is_empty_id(struct bytes id)
{
    for (size_t i = 0; i < id.len; i++)
        if (id.data[i] != 0)
            return false;
    return true;
}

/* FNV-1a of the seed, lowest byte first, and the bytes. */
static uint32_t hash(uint32_t seed, struct bytes b)
{
    uint32_t h = 2166136261u;

    for (unsigned i = 0; i < 4; i++)
        h = (h ^ (seed >> (8 * i) & 0xff)) * 16777619u;
    for (size_t i = 0; i < b.len; i++)
        h = (h ^ b.data[i]) * 16777619u;
    return h;
}

/* The bucket, turned round so that larger is likelier kept, then other bits of the hash, then the bucket. */
static uint64_t randomness_of_hash(uint32_t h)
{
    uint64_t bucket = h & (BUCKETS - 1), rest = h >> 18, mixed = rest ^ (rest << 10);

    return (BUCKETS - 1 - bucket) << 42 | mixed << 14 | bucket;
}

static uint64_t randomness_of_id(struct bytes id)
{
    uint64_t v = 0;

    for (size_t i = id.len - 7; i < id.len; i++)
        v = v << 8 | id.data[i];
    return v;
}

/* ---- decisions ---- */

static uint64_t of_undecided(const struct sampler *p)
{
    return p->config->fail_closed || p->never ? SAMPLING_NEVER : SAMPLING_ALWAYS;
}

static void decide(const struct sampler *p, bool has_incoming, uint64_t incoming, uint64_t *threshold)
{
    *threshold = p->threshold;
    if (p->config->mode == MODE_EQUALIZING && has_incoming && incoming > *threshold)
        *threshold = incoming;
    if (p->config->mode == MODE_PROPORTIONAL &&
        !threshold_of_probability((has_incoming ? threshold_probability(incoming) : 1) * p->ratio,
                                  (unsigned)p->config->sampling_precision, threshold))
        *threshold = SAMPLING_NEVER;
}

/* What was sampled before, as the item carries it. */
struct carried {
    bool *has_randomness, *has_threshold;
    uint64_t *randomness, *threshold;
};

/* Sets d's threshold; *c is what will be written if the item is kept. */
static void decide_carried(const struct sampler *p, struct decision *d, const struct carried *c)
{
    bool sound = d->policy != BY_NOTHING;

    if (p->config->mode == MODE_HASH_SEED && !p->never) {
        d->carried = !*c->has_randomness && !*c->has_threshold; /* somebody else's is not touched */
        sound &= d->carried;
        if (d->carried && (sound || p->rewriting.node.signal == SIGNAL_TRACES)) {
            *c->has_randomness = true;
            *c->randomness = d->randomness;
        }
    } else if (sound && *c->has_threshold && *c->threshold > d->randomness) {
        *c->has_threshold = false; /* it says what cannot be */
        sound = false;
    }
    if (p->never)
        d->threshold = SAMPLING_NEVER;
    else if (sound)
        decide(p, *c->has_threshold, *c->threshold, &d->threshold);
    else
        d->threshold = of_undecided(p);
}

/* The threshold that is written may only rise. */
static void raise_threshold(const struct carried *c, uint64_t threshold)
{
    if (!*c->has_threshold || threshold > *c->threshold) {
        *c->has_threshold = true;
        *c->threshold = threshold;
    }
}

static bool finish(struct sampler *p, const struct decision *d)
{
    bool kept = d->threshold <= d->randomness;

    metric_add(p->decided[d->policy][kept], 1);
    return kept;
}

/* ---- spans ---- */

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

    if (kv.len < 2 || kv.data[0] != PB_TAG(1, PB_LEN))
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
        if (f.number == SPAN_TRACE_ID) {
            s->id = f.bytes;
        } else if (f.number == SPAN_TRACE_STATE) {
            s->state = f.bytes;
            s->start = f.start;
            s->end = r.p;
        } else if (f.number == SPAN_ATTRIBUTES && !s->has_priority && may_be_priority(f.bytes)) {
            struct attribute a = attribute_of(f.bytes);

            if (bytes_is(a.key, PRIORITY_ATTRIBUTE))
                s->has_priority = number_of(a.value, &s->priority);
        }
    }
}

static void decide_span(struct sampler *p, const struct span_fields *s, struct decision *d)
{
    struct carried c = { &p->state.has_randomness, &p->state.has_threshold, &p->state.randomness, &p->state.threshold };
    bool identified = !is_empty_id(s->id);

    *d = (struct decision){ .policy = BY_NOTHING, .randomness = SAMPLING_NEVER - 1 };
    d->carried = trace_state_read(&p->state, s->state);
    if (p->never) {
        d->policy = BY_RANDOMNESS;
    } else if (p->config->mode == MODE_HASH_SEED && identified) {
        d->policy = BY_HASH;
        d->randomness = randomness_of_hash(hash((uint32_t)p->config->hash_seed, s->id));
    } else if (p->config->mode != MODE_HASH_SEED && d->carried && p->state.has_randomness) {
        d->policy = BY_TRACE_ID;
        d->randomness = p->state.randomness;
    } else if (p->config->mode != MODE_HASH_SEED && d->carried && identified) {
        d->policy = BY_TRACE_ID;
        d->randomness = randomness_of_id(s->id);
    }
    if (d->carried)
        decide_carried(p, d, &c);
    else
        d->threshold = of_undecided(p);
}

static void write_state(struct sampler *p, const struct span_fields *s, struct bytes span, struct pieces *edit)
{
    size_t state;

    p->field.len = 0;
    state = pb_begin(&p->field, SPAN_TRACE_STATE);
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

static enum rewrite_verdict on_span(void *arg, const struct item *item, struct pieces *edit)
{
    struct sampler *p = arg;
    struct carried c = { &p->state.has_randomness, &p->state.has_threshold, &p->state.randomness, &p->state.threshold };
    struct span_fields s;
    struct decision d;

    read_span(&s, item->message);
    decide_span(p, &s, &d);
    if (s.has_priority && s.priority >= 0) {
        d.policy = BY_PRIORITY;
        d.threshold = s.priority > 0 ? SAMPLING_ALWAYS : SAMPLING_NEVER;
    }
    if (!finish(p, &d))
        return REWRITE_DROP;
    if (!d.carried)
        return REWRITE_KEEP;
    raise_threshold(&c, d.threshold);
    write_state(p, &s, item->message, edit);
    return REWRITE_EDIT;
}

/* ---- log records ---- */

struct record_fields {
    bool has_randomness, has_threshold;
    uint64_t randomness, threshold;
};

static struct bytes string_of(const struct attribute_list *list, const char *key)
{
    size_t at = attribute_list_find(list, bytes_str(key));
    struct value v = { .type = VALUE_EMPTY };

    if (at != ATTRIBUTE_NONE)
        v = value_read(list->all.v[at].value);
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

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number == LOG_TRACE_ID && f.wire == PB_LEN)
            id = f.bytes;
    return id;
}

/* Hashed: the text of the attribute, of bytes the bytes. */
static bool hash_attribute(struct sampler *p, struct decision *d)
{
    size_t at = attribute_list_find(&p->list, bytes_str(p->config->from_attribute));
    struct value v;
    struct bytes b;

    if (p->config->from_attribute[0] == '\0' || at == ATTRIBUTE_NONE)
        return false;
    v = value_read(p->list.all.v[at].value);
    p->field.len = 0;
    if (v.type != VALUE_BYTES)
        any_value_put(&p->field, p->list.all.v[at].value);
    b = v.type == VALUE_BYTES ? v.bytes : buf_bytes(&p->field);
    if (b.len == 0)
        return false;
    d->policy = BY_ATTRIBUTE;
    d->randomness = randomness_of_hash(hash((uint32_t)p->config->hash_seed, b));
    return true;
}

static void decide_record(struct sampler *p, struct bytes record, struct record_fields *r, struct decision *d)
{
    struct carried c = { &r->has_randomness, &r->has_threshold, &r->randomness, &r->threshold };
    struct bytes id = id_of(record);
    bool sound = read_record(r, &p->list), identified = !is_empty_id(id);

    *d = (struct decision){ .policy = BY_NOTHING, .randomness = SAMPLING_NEVER - 1, .carried = sound };
    if (p->never) {
        d->policy = BY_RANDOMNESS;
    } else if (p->config->mode == MODE_HASH_SEED) {
        if (identified && p->config->attribute_source == SOURCE_TRACE_ID) {
            d->policy = BY_HASH;
            d->randomness = randomness_of_hash(hash((uint32_t)p->config->hash_seed, id));
        } else {
            hash_attribute(p, d);
        }
    } else if (r->has_randomness) {
        d->policy = BY_RANDOMNESS;
        d->randomness = r->randomness;
    } else if (identified) {
        d->policy = BY_TRACE_ID;
        d->randomness = randomness_of_id(id);
    }
    if (sound)
        decide_carried(p, d, &c);
    else
        d->threshold = of_undecided(p);
}

/* A record may name the percentage that it is to be kept with. */
static void apply_priority(const struct sampler *p, struct decision *d)
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
    v = value_read(p->list.all.v[at].value);
    if (v.type != VALUE_INT && v.type != VALUE_DOUBLE)
        return;
    percentage = v.type == VALUE_INT ? (double)v.integer : v.number;
    if (percentage != 0 &&
        threshold_of_probability(percentage / 100, (unsigned)p->config->sampling_precision, &threshold)) {
        d->policy = BY_PRIORITY;
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

static enum rewrite_verdict on_record(void *arg, const struct item *item, struct pieces *edit)
{
    struct sampler *p = arg;
    struct record_fields r;
    struct decision d;
    struct carried c = { &r.has_randomness, &r.has_threshold, &r.randomness, &r.threshold };

    attribute_list_read(&p->list, item->message, LOG_ATTRIBUTES);
    decide_record(p, item->message, &r, &d);
    apply_priority(p, &d);
    if (!finish(p, &d))
        return REWRITE_DROP;
    if (!d.carried)
        return REWRITE_KEEP;
    raise_threshold(&c, d.threshold);
    write_record(p, &r, edit);
    return REWRITE_EDIT;
}

/* ---- the component ---- */

static void check(const void *config, struct check *ck)
{
    const struct sampler_config *c = config;
    double ratio = (double)(float)c->sampling_percentage / 100;

    if (isnan(ratio) || isinf(ratio))
        check_fail(ck, "sampling_percentage", "sampling rate is invalid: write a number from 0 to 100");
    else if (ratio < 0)
        check_fail(ck, "sampling_percentage", "sampling rate is negative: write a number from 0 to 100");
    else if (ratio > 0 && ratio < 1.0 / (double)SAMPLING_NEVER)
        check_fail(ck, "sampling_percentage", "sampling rate is too small: %g%%; the least above 0 is 1.4e-15",
                   c->sampling_percentage);
    if (c->sampling_precision <= 0)
        check_fail(ck, "sampling_precision", "invalid sampling precision: write a number from 1 to %u",
                   SAMPLING_DIGITS);
    if (c->sampling_precision > (int64_t)SAMPLING_DIGITS)
        check_fail(ck, "sampling_precision", "sampling precision is too great, should be <= %u", SAMPLING_DIGITS);
}

/* What the percentage means, in the arithmetic of the Go collector: 32 bits where it hashes. */
static void read_percentage(struct sampler *p)
{
    float percentage = (float)p->config->sampling_percentage;

    if (percentage > 100)
        percentage = 100;
    p->ratio = (double)percentage / 100;
    if (p->config->mode == MODE_HASH_SEED) {
        float scaled = percentage * (float)(BUCKETS / 100.0);

        p->never = (uint32_t)scaled == 0;
        p->threshold = (uint64_t)(BUCKETS - (uint32_t)scaled) << 42;
    } else {
        p->never = p->ratio == 0;
        if (!p->never)
            threshold_of_probability(p->ratio, (unsigned)p->config->sampling_precision, &p->threshold);
    }
}

static void count_into(struct sampler *p)
{
    const char *names[POLICIES] = { "trace_id_hash",           "trace_id_w3c",
                                    "sampling_randomness",     "sampling_priority",
                                    p->config->from_attribute, "missing_randomness" };
    struct node *node = &p->rewriting.node;

    for (int i = 0; i < POLICIES; i++)
        for (int kept = 0; kept < 2; kept++) {
            const struct metric_label labels[] = { { "policy", names[i] }, { "sampled", kept ? "true" : "false" } };

            p->decided[i][kept] =
                metrics_get(node->host->metrics, &sampled_rows[node->signal == SIGNAL_LOGS], labels, ARRAY_LEN(labels));
        }
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct sampler *p = container_of(rewriting_of(node), struct sampler, rewriting);

    (void)err;
    p->config = config;
    rewriting_init(&p->rewriting, "sampled");
    p->rewriting.visitor.item = node->signal == SIGNAL_TRACES ? on_span : on_record;
    read_percentage(p);
    count_into(p);
    return 0;
}

static void destroy(struct node *node)
{
    struct sampler *p = container_of(rewriting_of(node), struct sampler, rewriting);

    attribute_list_free(&p->list);
    buf_free(&p->field);
    rewriting_free(&p->rewriting);
}

extern const struct component probabilistic_sampler_processor;
const struct component probabilistic_sampler_processor = {
    .type = "probabilistic_sampler",
    .kind = COMPONENT_PROCESSOR,
    .signals = SIGNAL_BIT(SIGNAL_TRACES) | SIGNAL_BIT(SIGNAL_LOGS),
    .stability = "beta",
    .summary = "Keeps a percentage of the traces or log records.",
    .config_size = sizeof(struct sampler_config),
    .options = options,
    .metrics = metric_rows,
    .node_size = sizeof(struct sampler),
    .check = check,
    .create = create,
    .destroy = destroy,
};
