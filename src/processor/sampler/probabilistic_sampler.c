/* SPDX-License-Identifier: Apache-2.0 */
/* The probabilistic sampler: keeps a share of the spans or log records, the same ones wherever the same is decided.
 *
 * An item has randomness, 56 bits of it, and is kept when that reaches a threshold. In the mode hash_seed the
 * randomness is a hash of the trace id; in equalizing and proportional it is what the trace state says, else the end of
 * the trace id, and the threshold counts with what was sampled before. What a kept item was sampled with is written
 * into its trace state, of log records into two attributes. The modes, hashes and thresholds are those of the Go
 * collector's processor, so a tier of both decides alike. */
#include "processor/sampler/sampler.h"

#include <math.h>
#include <stdlib.h>

static const char *const mode_names[] = { "hash_seed", "equalizing", "proportional", "", NULL };
static const char *const source_names[] = { "traceID", "record", NULL };

static const struct option options[] = {
    OPT_DOUBLE(struct sampler_config, sampling_percentage, "0", NULL, NULL,
               "How many of a hundred are kept; 100 and more keeps all, whatever it is."),
    OPT_UINT(
        struct sampler_config, hash_seed, "0", "0", "4294967295",
        "With mode hash_seed. Collectors of one tier need the same, those of tiers behind one another different ones: "
        "then each keeps its share of what the one before has kept, whatever that has written into the trace state."),
    OPT_ENUM(struct sampler_config, mode, mode_names, "hash_seed",
             "hash_seed: by a hash of the trace id alone. equalizing: no item's probability is above the percentage in "
             "the end, "
             "whatever was sampled before. proportional: the percentage of what arrives."),
    OPT_BOOL(
        struct sampler_config, fail_closed, "true",
        "Items whose sampling cannot be decided (no trace id, a malformed trace state) are dropped, as `undecidable`; "
        "else kept. 100 % keeps them in any case."),
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

static const struct metric_row sampled_rows[] = {
    METRIC_ROW("otelcol_processor_probabilistic_sampler_count_traces_sampled", METRIC_COUNTER, "{spans}",
               "Spans that were decided on, by policy and decision."),
    METRIC_ROW("otelcol_processor_probabilistic_sampler_count_logs_sampled", METRIC_COUNTER, "{records}",
               "Log records that were decided on, by policy and decision."),
};

static const struct metric_row *const metric_rows[] = { &sampled_rows[0], &sampled_rows[1], ITEM_COUNT_ROWS, NULL };

static void finish(void *config, struct check *ck)
{
    struct sampler_config *c = config;

    (void)ck;
    if (c->mode == MODE_UNSET)
        c->mode = MODE_HASH_SEED;
}

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
        float scaled = percentage * (float)(SAMPLER_BUCKETS / 100.0);

        p->never = (uint32_t)scaled == 0;
        p->always = (uint32_t)scaled == SAMPLER_BUCKETS;
        p->threshold = (uint64_t)(SAMPLER_BUCKETS - (uint32_t)scaled) << 42;
    } else {
        p->never = p->ratio == 0;
        p->always = p->ratio == 1;
        if (!p->never)
            threshold_of_probability(p->ratio, (unsigned)p->config->sampling_precision, &p->threshold);
    }
}

static void count_into(struct sampler *p)
{
    const char *names[POLICIES] = {
        "trace_id_hash",           "trace_id_w3c",       "sampling_randomness", "sampling_priority",
        p->config->from_attribute, "missing_randomness", "undecidable"
    };
    struct node *node = &p->processor.node;

    for (int i = 0; i < POLICIES; i++)
        for (int kept = 0; kept < 2; kept++) {
            const struct metric_label labels[] = { { "policy", names[i] }, { "sampled", kept ? "true" : "false" } };

            p->decided[i][kept] =
                metrics_get(node->host->metrics, &sampled_rows[node->signal == SIGNAL_LOGS], labels, ARRAY_LEN(labels));
        }
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct sampler *p = container_of(item_processor_of(node), struct sampler, processor);

    (void)err;
    p->config = config;
    item_processor_init(&p->processor, "sampled");
    p->processor.visitor.item = node->signal == SIGNAL_TRACES ? sampler_on_span : sampler_on_record;
    if (node->signal == SIGNAL_LOGS)
        sampler_ask_record(p);
    read_percentage(p);
    count_into(p);
    return 0;
}

static void destroy(struct node *node)
{
    struct sampler *p = container_of(item_processor_of(node), struct sampler, processor);

    attribute_list_free(&p->list);
    buf_free(&p->field);
    item_processor_free(&p->processor);
}

extern const struct component probabilistic_sampler_processor;
const struct component probabilistic_sampler_processor = {
    COMPONENT_TYPE("probabilistic_sampler", COMPONENT_PROCESSOR,
                   .signals = SIGNAL_BIT(SIGNAL_TRACES) | SIGNAL_BIT(SIGNAL_LOGS), .stability = "beta"),
    .spread = SPREAD_EACH,
    .summary = "Keeps a percentage of the traces or log records.",
    COMPONENT_CONFIG(struct sampler_config, options, .finish = finish, .check = check),
    .metrics = metric_rows,
    COMPONENT_NODE(struct sampler, .create = create, .destroy = destroy),
};
