/* SPDX-License-Identifier: Apache-2.0 */
/* The redaction processor: attributes that are not allowed go, values that must not be seen are masked.
 *
 * Each message with attributes (resource, scope, span, span event, log record, data point) is gone through once; it is
 * written anew only where something changes. Bodies of log records are masked too: of maps and lists what is in them,
 * by the keys of the innermost map, and whatever the type. Of an attribute, in this order: it is ignored, not allowed
 * and removed, allowed for its value, masked for its key, masked where a pattern matches its value.
 *
 * What can go wrong: the patterns of many messages take long. After SLICE_NS the rest of the batch stays as it is for
 * now and is gone on with in a later turn (item_processor.again); messages come in the same order then, for none is
 * ever left out, so that those that are done are known by their number. What the hashes make of a batch has no room in
 * the budget: its sender is told to come again, or that it never fits. */
#include "processor/redaction/redaction.h"

#include "base/mem.h"
#include "codec/regex.h"
#include "otlp/any_value.h"
#include "otlp/view.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const summaries[] = { "silent", "info", "debug", "", NULL };

static const struct option options[] = {
    OPT_BOOL(struct redaction_config, allow_all_keys, "false",
             "Attributes of any key may stay. Without it, and without allowed_keys, every attribute is removed."),
    OPT_STRINGS(struct redaction_config, allowed_keys, NULL, "Attributes that may stay; all others are removed."),
    OPT_STRINGS(struct redaction_config, ignored_keys, NULL, "Attributes that stay as they are."),
    OPT_STRINGS(struct redaction_config, ignored_key_patterns, NULL, "The same, by patterns of their keys."),
    OPT_STRINGS(struct redaction_config, blocked_key_patterns, NULL, "Attributes whose values are masked whole."),
    OPT_STRINGS(struct redaction_config, blocked_values, NULL,
                "Patterns: what they match in a value is masked, in this order."),
    OPT_STRINGS(struct redaction_config, allowed_values, NULL, "Patterns: a value that one matches is never masked."),
    OPT_BOOL(struct redaction_config, redact_all_types, "false",
             "Look at values of all types, as text; else at strings only."),
    OPT_ENUM(struct redaction_config, hash_function, mask_names, "",
             "Put the hash of what is masked in its place, not ****: sha1, sha3, md5, hmac-sha256, hmac-sha512."),
    OPT_SECRET(struct redaction_config, hmac_key, "The key of the hmac functions, 32 or 64 bytes at least."),
    OPT_ENUM(struct redaction_config, summary, summaries, "silent",
             "info: put redaction.redacted.count, redaction.masked.count and the like into the attributes. debug: the "
             "keys, too."),
    OPT_GROUP(struct redaction_config, url_sanitizer, struct url_sanitizer_config, url_sanitizer_rows, GROUP_PLAIN,
              "Segments of URLs that are no words, as *."),
    OPT_GROUP(struct redaction_config, db_sanitizer, struct db_sanitizer_config, db_sanitizer_rows, GROUP_PLAIN,
              "Statements of databases without the values in them, as ?. An item's db.system.name or db.system says "
              "what they are; log records need none."),
    OPT_END,
};

static const struct metric_row *const metric_rows[] = { ITEM_COUNT_ROWS, &search_limit_row, NULL };

static struct redaction *redaction_of(struct node *node)
{
    return container_of(item_processor_of(node), struct redaction, processor);
}

static bool is_own(const struct redaction *p, struct bytes key)
{
    return p->config->summary != SUMMARY_SILENT && key.len > 10 && memcmp(key.data, "redaction.", 10) == 0;
}

/* ---- attributes ---- */

static void copy_field(struct buf *out, const struct pb_field *f, const uint8_t *end)
{
    buf_append(out, f->start, (size_t)(end - f->start));
}

static void redact_attribute(struct redaction *p, const struct pb_field *f, const uint8_t *end)
{
    struct attribute a = attribute_of(f->bytes);
    struct bytes masked = { NULL, 0 };
    enum fate fate;

    if (is_own(p, a.key)) {
        copy_field(&p->out, f, end);
        return;
    }
    fate = redaction_judge_attribute(p, &a, &masked);
    tally_count(p, &p->tally, fate, a.key);
    if (fate == MASKED)
        redaction_put_pair(&p->out, f->number, a.key, masked);
    else if (fate != REMOVED)
        copy_field(&p->out, f, end);
    p->changed = p->changed || fate == MASKED || fate == REMOVED;
}

/* ---- bodies ---- */

static void redact_value(struct redaction *p, struct bytes key, struct bytes value, unsigned depth);

/* An entry of a map, as a field of it. */
static void redact_entry(struct redaction *p, const struct pb_field *f, const uint8_t *end, unsigned depth)
{
    struct attribute a = attribute_of(f->bytes);
    enum fate fate = redaction_judge_key(p, a.key);
    size_t mark, inner;

    if (fate != LEFT) {
        tally_count(p, &p->body_tally, fate, a.key);
        if (fate == IGNORED)
            copy_field(&p->out, f, end);
        p->changed = p->changed || fate == REMOVED;
        return;
    }
    mark = pb_begin(&p->out, OTLP_LIST_VALUES);
    pb_put_bytes(&p->out, OTLP_KEY_VALUE_KEY, a.key);
    inner = pb_begin(&p->out, OTLP_KEY_VALUE_VALUE);
    redact_value(p, a.key, a.value, depth);
    pb_end(&p->out, inner);
    pb_end(&p->out, mark);
}

static void redact_members(struct redaction *p, struct bytes key, const struct value *v, unsigned depth)
{
    bool map = v->type == VALUE_MAP;
    size_t mark = pb_begin(&p->out, map ? OTLP_ANY_MAP : OTLP_ANY_ARRAY), inner;
    struct pb_reader r = pb_reader(v->bytes);

    for (struct pb_field f; pb_next(&r, &f);) {
        if (f.number != OTLP_LIST_VALUES || f.wire != PB_LEN)
            continue;
        if (map) {
            redact_entry(p, &f, r.p, depth);
            continue;
        }
        inner = pb_begin(&p->out, OTLP_LIST_VALUES);
        redact_value(p, key, f.bytes, depth);
        pb_end(&p->out, inner);
    }
    pb_end(&p->out, mark);
}

/* The content of an AnyValue, redacted. Validation has bounded how deep it goes. */
static void redact_value(struct redaction *p, struct bytes key, struct bytes value,
                         unsigned depth) // NOLINT(misc-no-recursion)
{
    struct value v = value_read(value);
    struct bytes masked = { NULL, 0 };
    enum fate fate;

    if (v.type == VALUE_MAP || v.type == VALUE_ARRAY) {
        redact_members(p, key, &v, depth + 1);
        return;
    }
    fate = redaction_judge_body(p, key, value, &masked);
    if (key.len > 0 || fate != ALLOWED)
        tally_count(p, &p->body_tally, fate, key.len > 0 ? key : bytes_str("body"));
    if (fate == MASKED)
        pb_put_bytes(&p->out, OTLP_ANY_STRING, masked);
    else
        buf_put(&p->out, value);
    p->changed = p->changed || fate == MASKED;
}

static void redact_body(struct redaction *p, struct bytes body)
{
    size_t mark = pb_begin(&p->out, OTLP_LOG_BODY);

    redact_value(p, bytes_of("", 0), body, 0);
    pb_end(&p->out, mark);
}

/* ---- messages ---- */

/* Behind the attributes of the span, which begins at `from` in `out`. */
static void redact_name(struct redaction *p, struct bytes span, size_t from)
{
    struct bytes name = span_view(span).name;

    if (redaction_rename(p, bytes_of(p->out.data + from, p->out.len - from), &name))
        p->changed = true;
    pb_put_bytes(&p->out, OTLP_SPAN_NAME, name);
}

enum { IS_LOG = 1, IS_SPAN = 2 };

/* The message, redacted, behind what is in `out`. Events of spans are messages too. */
static void redact_message(struct redaction *p, struct bytes message, unsigned attributes,
                           unsigned is) // NOLINT(misc-no-recursion): once, for events
{
    struct pb_reader r = pb_reader(message);
    size_t from = p->out.len;

    tally_clear(&p->tally);
    tally_clear(&p->body_tally);
    if (p->db)
        p->system = db_system_of(message, attributes);
    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number == attributes && f.wire == PB_LEN)
            redact_attribute(p, &f, r.p);
        else if (is == IS_LOG && f.number == OTLP_LOG_BODY && f.wire == PB_LEN)
            redact_body(p, f.bytes);
        else if (is != IS_SPAN || (f.number != OTLP_SPAN_EVENTS && f.number != OTLP_SPAN_NAME))
            copy_field(&p->out, &f, r.p);
    if (is == IS_SPAN)
        redact_name(p, message, from);
    redaction_summarize(p, from, attributes, "redaction", &p->tally);
    redaction_summarize(p, from, attributes, "redaction.body", &p->body_tally);
    r = pb_reader(message);
    for (struct bytes event; is == IS_SPAN && message_next(&r, OTLP_SPAN_EVENTS, &event);) {
        size_t mark = pb_begin(&p->out, OTLP_SPAN_EVENTS);

        redact_message(p, event, OTLP_EVENT_ATTRIBUTES, 0);
        pb_end(&p->out, mark);
    }
}

#define SLICE_NS (5 * NS_PER_MS) /* of CPU */
#define LOOK_STEPS 2000u         /* a look at the clock for so many */
#define MOST 4u                  /* of what there can be room for, one part in so many for what a batch grows by */

static uint64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static bool has_taken_long(struct redaction *p)
{
    p->steps += p->meter.over ? REGEX_ITEM_STEPS : p->meter.taken;
    if (p->steps < LOOK_STEPS)
        return false;
    p->steps = 0;
    return cpu_ns() - p->began > SLICE_NS;
}

/* Is this one to be passed by: it is done, or there is no time, or no use? */
static bool is_passed(struct redaction *p)
{
    struct item_processor *r = &p->processor;

    if (p->walk != r->walks) {
        p->walk = r->walks;
        p->seen = 0;
    }
    if (r->again || r->full || r->too_large)
        return true;
    if (p->seen++ < p->done)
        return true;
    if (p->worked != p->walk) {
        p->worked = p->walk;
        p->began = cpu_ns();
        p->steps = 0;
    }
    return false;
}

/* What was made of messages before is charged where it is put together. */
static bool has_room(struct redaction *p, struct bytes message)
{
    struct item_processor *r = &p->processor;
    const struct budget *b = host_budget(r->node.host, r->node.signal);
    size_t more = p->out.len > message.len ? p->out.len - message.len : 0;

    p->grown += more;
    r->too_large = p->grown > budget_most(b) / MOST;
    r->full = more > 0 && more > budget_room(b);
    return !r->too_large && !r->full;
}

static enum rewrite_verdict visit_message(struct redaction *p, const struct visit *at, struct pieces *edit, unsigned is)
{
    if (is_passed(p))
        return REWRITE_KEEP;
    p->out.len = 0;
    p->changed = false;
    regex_meter_begin(&p->meter);
    redact_message(p, at->message, at->attributes, is);
    search_limit_note(&p->limit, &p->meter);
    p->done = p->seen;
    p->processor.again = has_taken_long(p);
    if (!p->changed || !has_room(p, at->message))
        return REWRITE_KEEP;
    pieces_add(edit, buf_bytes(&p->out));
    return REWRITE_EDIT;
}

static void begin_batch(struct item_processor *r, const struct batch *b)
{
    struct redaction *p = container_of(r, struct redaction, processor);

    (void)b;
    p->done = p->grown = 0;
}

static enum rewrite_verdict on_container(void *arg, const struct visit *at, struct pieces *edit)
{
    return visit_message(arg, at, edit, 0);
}

static enum rewrite_verdict on_item(void *arg, const struct visit *at, struct pieces *edit)
{
    struct redaction *p = arg;
    enum signal signal = p->processor.node.signal;

    return visit_message(p, at, edit, signal == SIGNAL_LOGS ? IS_LOG : signal == SIGNAL_TRACES ? IS_SPAN : 0);
}

/* ---- the component ---- */

static void check_patterns(const struct strings *list, const char *key, const char *what, struct check *ck)
{
    char at[64];

    for (size_t i = 0; i < list->n; i++) {
        struct error err;
        struct regex *r = regex_new(list->v[i], &err);

        snprintf(at, sizeof(at), "%s::%zu", key, i);
        if (r == NULL)
            check_fail(ck, at, "failed to process %s list: %s", what, err.text);
        regex_free(r);
    }
}

static void finish(void *config, struct check *ck)
{
    struct redaction_config *c = config;

    (void)ck;
    if (c->summary > SUMMARY_DEBUG)
        c->summary = SUMMARY_SILENT;
}

static void check(const void *config, struct check *ck)
{
    const struct redaction_config *c = config;

    check_patterns(&c->ignored_key_patterns, "ignored_key_patterns", "ignore keys", ck);
    check_patterns(&c->blocked_key_patterns, "blocked_key_patterns", "block keys", ck);
    check_patterns(&c->blocked_values, "blocked_values", "block", ck);
    check_patterns(&c->allowed_values, "allowed_values", "allow", ck);
    mask_check(c->hash_function, &c->hmac_key, ck);
    if (!c->allow_all_keys && c->allowed_keys.n == 0)
        check_warn(ck, "",
                   "without allow_all_keys and allowed_keys every attribute is removed, service.name too: write "
                   "`allow_all_keys: true` to mask values only");
}

static struct patterns compile_patterns(const struct strings *list)
{
    struct patterns p = { mem_zalloc((list->n + 1) * sizeof(struct regex *)), list->n };
    struct error err;

    for (size_t i = 0; i < list->n; i++)
        p.v[i] = regex_new(list->v[i], &err);
    return p;
}

static void free_patterns(struct patterns *p)
{
    for (size_t i = 0; i < p->n; i++)
        regex_free(p->v[i]);
    free(p->v);
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct redaction *p = redaction_of(node);
    struct rewrite_visitor *v = &p->processor.visitor;

    (void)err;
    p->config = config;
    item_processor_init(&p->processor, NULL);
    p->processor.begins = begin_batch;
    v->resource = v->scope = on_container;
    v->item = on_item;
    p->mask = (struct mask){ (enum mask_function)p->config->hash_function, p->config->hmac_key.text };
    p->ignored = compile_patterns(&p->config->ignored_key_patterns);
    p->blocked_keys = compile_patterns(&p->config->blocked_key_patterns);
    p->blocked_values = compile_patterns(&p->config->blocked_values);
    p->allowed_values = compile_patterns(&p->config->allowed_values);
    p->db = db_sanitizer_enabled(&p->config->db_sanitizer);
    search_limit_init(&p->limit, node);
    return 0;
}

static void destroy(struct node *node)
{
    struct redaction *p = redaction_of(node);

    free_patterns(&p->ignored);
    free_patterns(&p->blocked_keys);
    free_patterns(&p->blocked_values);
    free_patterns(&p->allowed_values);
    for (unsigned i = 0; i < FATES; i++) {
        vec_free(&p->tally.keys[i]);
        vec_free(&p->body_tally.keys[i]);
    }
    buf_free(&p->out);
    buf_free(&p->text);
    buf_free(&p->masked[0]);
    buf_free(&p->masked[1]);
    item_processor_free(&p->processor);
}

extern const struct component redaction_processor;
const struct component redaction_processor = {
    COMPONENT_TYPE("redaction", COMPONENT_PROCESSOR, .signals = SIGNAL_STABLE, .stability = "beta"),
    .spread = SPREAD_EACH,
    .summary = "Removes attributes that are not allowed, and masks values that must not be seen.",
    COMPONENT_CONFIG(struct redaction_config, options, .finish = finish, .check = check),
    .metrics = metric_rows,
    COMPONENT_NODE(struct redaction, .create = create, .stop = item_processor_stop, .destroy = destroy),
};
