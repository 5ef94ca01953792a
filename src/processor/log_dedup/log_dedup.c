/* SPDX-License-Identifier: Apache-2.0 */
/* The log_dedup processor: of equal log records one, once an interval, with how many there were.
 *
 * A batch is rewritten without the records that are gathered here (dedup_batch.c). The first of its kind is held in the
 * assembly, with an entry that counts; what is equal to it only counts, and is dropped as `deduplicated`. Once an
 * interval, and at the stop, what is held goes on in one batch, each record with its count and when it was seen first
 * and last.
 *
 * What can go wrong: there are too many different records; further new ones go on at once, uncounted, with a warning.
 * A condition cannot be told: the record goes on at once. There is no room in the budget: senders come again. */
#include "base/mem.h"
#include "otlp/any_value.h"
#include "otlp/view.h"
#include "ottl/function/time_text.h"
#include "ottl/visited.h"
#include "processor/groups.h"
#include "processor/log_dedup/log_dedup.h"

#include <stdio.h>
#include <stdlib.h>

#define FIRST "first_observed_timestamp"
#define LAST "last_observed_timestamp"

static const struct option options[] = {
    OPT_DURATION(struct log_dedup_config, interval, "10s", NULL, NULL,
                 "How often what was gathered is sent. It was answered: a kill -9 loses it."),
    OPT_STRING(struct log_dedup_config, log_count_attribute, "log_count",
               "The attribute that has the number of equal records."),
    OPT_STRING(struct log_dedup_config, timezone, "UTC",
               "In which zone " FIRST " and " LAST " are written: \"Europe/Berlin\"."),
    OPT_STRINGS(struct log_dedup_config, exclude_fields, "[]",
                "Fields that are taken out before records are compared: body.key, attributes.key; keys go deeper with "
                "further dots, `\\.` is a dot of the key."),
    OPT_STRINGS(struct log_dedup_config, include_fields, "[]",
                "Compare only these fields; a record that has none of them is compared whole."),
    OPT_STRINGS(struct log_dedup_config, conditions, "[]",
                "Conditions of OTTL about log records: records that none is true of go on at once. None: all are "
                "gathered."),
    OPT_UINT(struct log_dedup_config, max_records, "100000", "1", NULL,
             "Different records that are held at most; further new ones go on at once, and are not counted."),
    OPT_END,
};

static const double count_bounds[] = { 0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000 };
static const struct metric_row aggregated_row =
    METRIC_ROW("otelcol_dedup_processor_aggregated_logs", METRIC_HISTOGRAM, "{records}",
               "How many log records one that was sent stands for.", METRIC_BOUNDS(count_bounds));

static const struct metric_row *const metric_rows[] = { &aggregated_row, &statement_fault_row, ITEM_COUNT_ROWS, NULL };

/* In the assembly. */
struct held_record {
    struct list link;
    struct message *record;
    uint64_t n, first, last; /* wall ns */
};

static struct log_dedup *dedup_of(struct node *node)
{
    return container_of(holding_processor_of(node), struct log_dedup, held);
}

/* ---- what is equal ---- */

static struct digest body_digest(struct digest d, struct bytes body)
{
    struct value v = value_read(body);

    if (v.type == VALUE_MAP)
        return digest_attributes(digest_number(d, VALUE_MAP), v.bytes, OTLP_LIST_VALUES);
    return digest_bytes(digest_number(d, 0), body);
}

static struct digest record_digest(struct log_dedup *p, struct bytes record)
{
    struct digest d = digest_number(p->of_scope, 1);
    struct log_view v;

    if (dedup_fields_digest(&p->included, record, &p->text, &d))
        return d;
    v = log_view(record);
    d = digest_attributes(digest_number(p->of_scope, 2), record, OTLP_LOG_ATTRIBUTES);
    d = digest_bytes(digest_number(d, v.severity_number), v.severity_text);
    return body_digest(d, v.body);
}

static enum rewrite_verdict on_resource(void *arg, const struct visit *at, struct pieces *edit)
{
    struct log_dedup *p = arg;

    (void)edit;
    p->of_resource = digest_attributes((struct digest){ 0 }, at->message, OTLP_RESOURCE_ATTRIBUTES);
    return REWRITE_KEEP;
}

static enum rewrite_verdict on_scope(void *arg, const struct visit *at, struct pieces *edit)
{
    struct log_dedup *p = arg;
    struct scope_view v = scope_view(at->message);

    (void)edit;
    p->of_scope = digest_bytes(digest_bytes(p->of_resource, v.name), v.version);
    p->of_scope = digest_attributes(p->of_scope, at->message, OTLP_SCOPE_ATTRIBUTES);
    return REWRITE_KEEP;
}

/* ---- holding ---- */

static bool is_added(const struct log_dedup *p, struct bytes key)
{
    return bytes_is(key, p->config->log_count_attribute) || bytes_is(key, FIRST) || bytes_is(key, LAST);
}

/* What of the record stays: no times, and none of the attributes that are added. */
static struct bytes keep_record(struct log_dedup *p, struct bytes record)
{
    struct pb_reader r = pb_reader(record);

    p->text.len = 0;
    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number == OTLP_LOG_TIME || f.number == OTLP_LOG_OBSERVED_TIME)
            continue;
        if (f.number == OTLP_LOG_ATTRIBUTES && f.wire == PB_LEN && is_added(p, attribute_of(f.bytes).key))
            continue;
        buf_append(&p->text, f.start, (size_t)(r.p - f.start));
    }
    return assembly_keep(&p->held.holder.assembly, buf_bytes(&p->text));
}

static void hold_record(struct log_dedup *p, const struct visit *at, struct bytes record, const struct digest *key,
                        uint64_t now)
{
    struct assembly *a = &p->held.holder.assembly;
    struct message *group = groups_resource(a, &p->of_resource, visit_resource(at), bytes_of(NULL, 0));
    struct held_record *h = arena_zalloc(&a->arena, sizeof(*h));

    group = groups_scope(a, group, &p->of_scope, visit_scope(at), bytes_of(NULL, 0));
    h->record = assembly_add(a, group, OTLP_SCOPE_GROUP_ITEMS);
    assembly_put(a, h->record, keep_record(p, record));
    h->record->user = h;
    h->n = 1;
    h->first = h->last = now;
    list_push(&p->records, &h->link);
    assembly_know(a, key, h->record);
    p->held.taken++;
}

/* There are too many different ones. */
static void let_go(struct log_dedup *p)
{
    if (complaint_due(&p->full, &p->held.processor.node.host->loop->clock))
        log_warn(&p->held.processor.node.log, "Too many different log records are held: new ones go on at once",
                 F_UINT("max_records", p->config->max_records), F_UINT("repeated", complaint_taken(&p->full)));
}

static enum rewrite_verdict on_item(void *arg, const struct visit *at, struct pieces *edit)
{
    struct log_dedup *p = arg;
    uint64_t now = clock_wall(&p->held.processor.node.host->loop->clock);
    struct bytes record;
    struct message *known;
    struct held_record *h;
    struct digest key;

    (void)edit;
    if (p->wanted != NULL && !p->wanted[p->at++])
        return REWRITE_DROP; /* it has gone on */
    record = dedup_fields_remove(&p->excluded, at->message, p->scratch);
    key = record_digest(p, record);
    known = assembly_known(&p->held.holder.assembly, &key);
    if (known != NULL) {
        h = known->user;
        h->n++;
        h->last = now;
        p->repeated++;
        return REWRITE_DROP;
    }
    if (p->held.holder.items + p->held.taken >= p->config->max_records) {
        let_go(p);
        return REWRITE_KEEP;
    }
    hold_record(p, at, record, &key, now);
    return REWRITE_DROP;
}

/* ---- sending ---- */

static void put_attribute(struct buf *out, const char *key, struct value v)
{
    size_t entry = pb_begin(out, OTLP_LOG_ATTRIBUTES), value;

    pb_put_str(out, OTLP_KEY_VALUE_KEY, key);
    value = pb_begin(out, OTLP_KEY_VALUE_VALUE);
    value_put(out, &v);
    pb_end(out, value);
    pb_end(out, entry);
}

static void put_time(struct log_dedup *p, const char *key, uint64_t time)
{
    int32_t offset = time_zone_offset(p->zone, (int64_t)(time / NS_PER_S));
    char text[40];
    struct buf *b = &p->scratch[1];

    b->len = 0;
    time_format_put(p->format, (int64_t)time, offset, b);
    if (offset == 0)
        buf_puts(b, "Z");
    else
        buf_printf(b, "%c%02d:%02d", offset < 0 ? '-' : '+', abs(offset) / 3600, abs(offset) / 60 % 60);
    snprintf(text, sizeof(text), "%.*s", (int)b->len, (const char *)b->data);
    put_attribute(&p->scratch[0], key, (struct value){ .type = VALUE_STRING, .bytes = bytes_str(text) });
}

/* The count and the times of each record. */
static void prepare(struct holder *holder)
{
    struct log_dedup *p = container_of(holder, struct log_dedup, held.holder);
    uint64_t now = clock_wall(&p->held.processor.node.host->loop->clock);
    struct buf *out = &p->scratch[0];

    list_each (struct held_record, h, &p->records, link) {
        out->len = 0;
        pb_put_fixed64(out, OTLP_LOG_TIME, now);
        pb_put_fixed64(out, OTLP_LOG_OBSERVED_TIME, h->first);
        put_attribute(out, p->config->log_count_attribute,
                      (struct value){ .type = VALUE_INT, .integer = (int64_t)h->n });
        put_time(p, FIRST, h->first);
        put_time(p, LAST, h->last);
        assembly_put(&p->held.holder.assembly, h->record, assembly_keep(&p->held.holder.assembly, buf_bytes(out)));
        metric_observe(p->aggregated, (double)h->n);
    }
    metric_add(p->held.processor.items.outgoing, p->held.holder.items);
}

static void cleared(struct holder *holder)
{
    list_init(&container_of(holder, struct log_dedup, held.holder)->records);
}

/* ---- the component ---- */

static void check_conditions(const struct log_dedup_config *c, struct check *ck)
{
    char path[40];

    for (size_t i = 0; i < c->conditions.n; i++) {
        struct statement_text t = { path, c->conditions.v[i], { OTTL_LOG, true }, true, ERRORS_IGNORE };

        snprintf(path, sizeof(path), "conditions::%zu", i);
        statement_check(&t, ck);
    }
}

static void check(const void *config, struct check *ck)
{
    const struct log_dedup_config *c = config;
    struct arena arena = { 0 };
    struct dedup_fields fields;
    struct time_zone *zone;
    struct error err;

    if (c->interval.ns <= 0)
        check_fail(ck, "interval", "interval must be greater than 0");
    if (c->log_count_attribute[0] == '\0')
        check_fail(ck, "log_count_attribute", "log_count_attribute must be set");
    if (c->exclude_fields.n > 0 && c->include_fields.n > 0)
        check_fail(ck, "include_fields", "cannot define both exclude_fields and include_fields");
    zone = time_zone_new(bytes_str(c->timezone), &err);
    if (zone == NULL)
        check_fail(ck, "timezone", "timezone is invalid: %s", err.text);
    time_zone_free(zone);
    dedup_fields_read(&fields, &arena, &c->exclude_fields, true, ck);
    dedup_fields_read(&fields, &arena, &c->include_fields, false, ck);
    check_conditions(c, ck);
    arena_free(&arena);
}

static void set_up(struct log_dedup *p, struct node *node)
{
    const struct log_dedup_config *c = p->config;

    holding_processor_init(&p->held, (uint64_t)c->interval.ns);
    dedup_batches_init(p);
    p->held.processor.visitor.resource = on_resource;
    p->held.processor.visitor.scope = on_scope;
    p->held.processor.visitor.item = on_item;
    p->evaluation = ottl_evaluation_new();
    for (size_t i = 0; i < c->conditions.n; i++) {
        struct statement_text t = { "", c->conditions.v[i], { OTTL_LOG, true }, true, ERRORS_IGNORE };

        statement_list_add(&p->conditions, node, &t);
    }
    dedup_fields_read(&p->excluded, &p->arena, &c->exclude_fields, true, NULL);
    dedup_fields_read(&p->included, &p->arena, &c->include_fields, false, NULL);
    p->held.holder.prepare = prepare;
    p->held.holder.cleared = cleared;
    list_init(&p->records);
    p->aggregated = metrics_get(node->host->metrics, &aggregated_row, NULL, 0);
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct log_dedup *p = dedup_of(node);

    p->config = config;
    set_up(p, node);
    p->format = time_format_new((struct bytes)BYTES_LIT("%Y-%m-%dT%H:%M:%S"), true, err);
    p->zone = time_zone_new(bytes_str(p->config->timezone), err);
    return p->zone != NULL && p->format != NULL ? 0 : err->code;
}

static void destroy(struct node *node)
{
    struct log_dedup *p = dedup_of(node);

    dedup_batches_free(p);
    holding_processor_free(&p->held);
    statement_list_free(&p->conditions);
    ottl_evaluation_free(p->evaluation);
    time_zone_free(p->zone);
    time_format_free(p->format);
    arena_free(&p->arena);
    buf_free(&p->scratch[0]);
    buf_free(&p->scratch[1]);
    buf_free(&p->text);
}

static const char *const aliases[] = { "logdedup", NULL };

extern const struct component log_dedup_processor;
const struct component log_dedup_processor = {
    COMPONENT_TYPE("log_dedup", COMPONENT_PROCESSOR, .aliases = aliases, .signals = SIGNAL_BIT(SIGNAL_LOGS),
                   .stability = "alpha"),
    .alone = "it remembers the records that it has seen",
    .summary = "Of equal log records one, once an interval, with how many there were.",
    .safe = "Records that wait for the interval are held in memory; for the others, what is behind says so.",
    COMPONENT_CONFIG(struct log_dedup_config, options, .check = check),
    .metrics = metric_rows,
    COMPONENT_NODE(struct log_dedup, .create = create, .start = holding_processor_start, .stop = holding_processor_stop,
                   .destroy = destroy),
};
