/* SPDX-License-Identifier: Apache-2.0 */
/* The span processor: names made of attributes, attributes taken out of names, the status. Each span that is selected
 * gets a name of attributes' values, then the rules go over it: what their groups match becomes attributes, and
 * {group} in the name. A span in which something has changed is written anew, with its other fields in runs as they
 * lie.
 *
 * What can go wrong: an attribute of the name is missing; then the name stays. Patterns have no steps left for all of a
 * name: what they did not look at has not matched, and the span is counted (search_limit.h). */
#include "codec/regex.h"
#include "otlp/attribute_list.h"
#include "otlp/view.h"
#include "processor/selecting.h"
#include "processor/span_text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct to_attributes_config {
    bool on;
    struct strings rules;
    bool break_after_match, keep_original_name;
};

struct name_config {
    struct strings from_attributes;
    const char *separator;
    struct to_attributes_config to_attributes;
};

struct status_config {
    bool on;
    const char *code, *description;
};

struct span_config {
    struct match_config include, exclude;
    struct name_config name;
    struct status_config status;
};

static const struct option to_attributes_options[] = {
    OPT_STRINGS(
        struct to_attributes_config, rules, NULL,
        "Patterns for the name. Their named groups become attributes, and in the name {group} takes their place."),
    OPT_BOOL(struct to_attributes_config, break_after_match, "false", "The first rule that matches is the last."),
    OPT_BOOL(struct to_attributes_config, keep_original_name, "false", "The name stays."),
    OPT_END,
};

static const struct option name_options[] = {
    OPT_STRINGS(struct name_config, from_attributes, NULL,
                "The name becomes the values of these attributes; it stays when one is missing."),
    OPT_STRING(struct name_config, separator, "", "Between the values."),
    OPT_GROUP(struct name_config, to_attributes, struct to_attributes_config, to_attributes_options, GROUP_NONE,
              "Attributes from the name."),
    OPT_END,
};

static const struct option status_options[] = {
    OPT_STRING(struct status_config, code, NULL, "Unset, Error or Ok."),
    OPT_STRING(struct status_config, description, "", "With Error: the status message."),
    OPT_END,
};

static const struct option options[] = {
    OPT_GROUP(struct span_config, include, struct match_config, match_rows, GROUP_NONE,
              "Only spans that have these properties."),
    OPT_GROUP(struct span_config, exclude, struct match_config, match_rows, GROUP_NONE,
              "No spans that have these properties."),
    OPT_GROUP(struct span_config, name, struct name_config, name_options, GROUP_PLAIN, "What becomes of the name."),
    OPT_GROUP(struct span_config, status, struct status_config, status_options, GROUP_NONE, "The status to set."),
    OPT_END,
};

static const struct metric_row *const metric_rows[] = { ITEM_COUNT_ROWS, &search_limit_row, NULL };

struct span {
    struct selecting selecting;
    const struct span_config *config;
    size_t n_rules;
    struct regex **rules;
    struct buf status; /* the whole field that is set */
    struct attribute_list list;
    struct buf names[2]; /* one being made of the other */
    struct buf name_field;
    struct regex_meter meter; /* of the rules, for a span */
};

/* ---- the name ---- */

/* False: it stays, an attribute is missing. */
static bool join_attributes(struct span *p, struct buf *out)
{
    const struct strings *keys = &p->config->name.from_attributes;

    out->len = 0;
    for (size_t i = 0; i < keys->n; i++) {
        size_t at = attribute_list_find(&p->list, bytes_str(keys->v[i]));

        if (at == ATTRIBUTE_NONE)
            return false;
        if (i > 0)
            buf_puts(out, p->config->name.separator);
        span_text_put(out, p->list.slots.v[at].value);
    }
    return keys->n > 0;
}

static struct bytes group_name(const struct regex *r, unsigned i)
{
    return bytes_str(regex_group_name(r, i) != NULL ? regex_group_name(r, i) : "");
}

/* The groups of one match: attributes, and {group} in their place. Groups inside of groups are left to the outer one.
 */
static void take_groups(struct span *p, const struct regex *r, struct bytes name, const struct bytes *found,
                        struct buf *out)
{
    const uint8_t *from = name.data;

    out->len = 0;
    for (unsigned i = 1; i <= regex_groups(r); i++) {
        struct bytes group = group_name(r, i);

        attribute_list_set(&p->list, group, attribute_list_keep(&p->list, found[i]));
        if (found[i].data == NULL || found[i].data < from)
            continue;
        buf_append(out, from, (size_t)(found[i].data - from));
        buf_putc(out, '{');
        buf_put(out, group);
        buf_putc(out, '}');
        from = found[i].data + found[i].len;
    }
    buf_append(out, from, (size_t)(bytes_end(name) - from));
}

/* The name after all rules; `name` may lie in names[0]. */
static struct bytes apply_rules(struct span *p, struct bytes name)
{
    struct bytes found[REGEX_MAX_GROUPS + 1];
    unsigned to = 1;

    for (size_t i = 0; i < p->n_rules && name.len > 0; i++) {
        if (!regex_meter_find(&p->meter, p->rules[i], name, 0, found))
            continue;
        take_groups(p, p->rules[i], name, found, &p->names[to]);
        if (!p->config->name.to_attributes.keep_original_name) {
            name = buf_bytes(&p->names[to]);
            to = !to;
        }
        if (p->config->name.to_attributes.break_after_match)
            break;
    }
    return name;
}

/* ---- the span ---- */

/* A run of other fields, without those that are replaced. */
static void keep_run(struct pieces *edit, struct bytes run, bool named, bool status)
{
    struct pb_reader r = pb_reader(run);
    const uint8_t *from = run.data;

    for (struct pb_field f; pb_next(&r, &f);) {
        if (!(named && f.number == OTLP_SPAN_NAME) && !(status && f.number == OTLP_SPAN_STATUS))
            continue;
        pieces_add(edit, bytes_of(from, (size_t)(f.start - from)));
        from = r.p;
    }
    pieces_add(edit, bytes_of(from, (size_t)(bytes_end(run) - from)));
}

static void write_span(struct span *p, struct pieces *edit, bool named, struct bytes name)
{
    bool status = p->config->status.on;

    for (size_t i = 0; i < p->list.slots.n; i++) {
        const struct attribute_slot *slot = &p->list.slots.v[i];

        if (slot_is_attribute(slot))
            pieces_add(edit, slot->field);
        else
            keep_run(edit, slot->field, named, status);
    }
    if (named) {
        p->name_field.len = 0;
        pb_put_bytes(&p->name_field, OTLP_SPAN_NAME, name);
        pieces_add(edit, buf_bytes(&p->name_field));
    }
    if (status)
        pieces_add(edit, buf_bytes(&p->status));
}

static enum rewrite_verdict on_item(void *arg, const struct visit *at, struct pieces *edit)
{
    struct span *p = arg;
    struct bytes before, name;

    if (p->selecting.selected == SELECTED_SOME && !selecting_takes(&p->selecting, at->message))
        return REWRITE_KEEP;
    before = name = span_view(at->message).name;
    attribute_list_read(&p->list, at->message, at->attributes);
    if (join_attributes(p, &p->names[0]))
        name = buf_bytes(&p->names[0]);
    regex_meter_begin(&p->meter);
    name = apply_rules(p, name);
    search_limit_note(&p->selecting.limit, &p->meter);
    if (bytes_equal(before, name) && !p->list.changed && !p->config->status.on)
        return REWRITE_KEEP;
    write_span(p, edit, !bytes_equal(before, name), name);
    return REWRITE_EDIT;
}

/* ---- the component ---- */

static int code_of(const char *code)
{
    static const char *const codes[] = { "Unset", "Ok", "Error" };

    for (int i = 0; code != NULL && i < 3; i++)
        if (strcmp(code, codes[i]) == 0)
            return i;
    return -1;
}

static void check_rules(const struct strings *rules, struct check *ck)
{
    for (size_t i = 0; i < rules->n; i++) {
        struct error err;
        struct regex *r = regex_new(rules->v[i], &err);
        char at[64];

        snprintf(at, sizeof(at), "name::to_attributes::rules::%zu", i);
        if (r == NULL)
            check_fail(ck, at, "%s", err.text);
        regex_free(r);
    }
}

static void check(const void *config, struct check *ck)
{
    const struct span_config *c = config;

    if (c->name.from_attributes.n == 0 && c->name.to_attributes.rules.n == 0 && !c->status.on)
        check_fail(ck, "", "either name::from_attributes, name::to_attributes::rules or status must be specified");
    if (c->status.on && code_of(c->status.code) < 0)
        check_fail(ck, "status::code", "must be \"Ok\", \"Error\" or \"Unset\"");
    else if (c->status.on && c->status.description[0] != '\0' && strcmp(c->status.code, "Error") != 0)
        check_fail(ck, "status::description", "can be specified only for \"code\" \"Error\"");
    check_rules(&c->name.to_attributes.rules, ck);
    match_check(&c->include, SIGNAL_TRACES, "include", ck);
    match_check(&c->exclude, SIGNAL_TRACES, "exclude", ck);
}

static void encode_status(struct span *p)
{
    size_t status = pb_begin(&p->status, OTLP_SPAN_STATUS);
    int code = code_of(p->config->status.code);

    if (p->config->status.description[0] != '\0')
        pb_put_str(&p->status, OTLP_STATUS_MESSAGE, p->config->status.description);
    if (code != 0)
        pb_put_uint(&p->status, OTLP_STATUS_CODE, (uint64_t)code);
    pb_end(&p->status, status);
}

static void ask_attributes(struct span *p)
{
    const struct strings *keys = &p->config->name.from_attributes;

    for (size_t i = 0; i < keys->n; i++)
        attribute_list_only(&p->list, bytes_str(keys->v[i]));
    for (size_t i = 0; i < p->n_rules; i++)
        for (unsigned g = 1; g <= regex_groups(p->rules[i]); g++)
            attribute_list_only(&p->list, group_name(p->rules[i], g));
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct span *p = container_of(selecting_of(node), struct span, selecting);
    const struct span_config *c = config;

    (void)err;
    p->config = c;
    selecting_init(&p->selecting, &c->include, &c->exclude);
    p->selecting.processor.visitor.item = on_item;
    p->n_rules = c->name.to_attributes.on ? c->name.to_attributes.rules.n : 0;
    p->rules = mem_zalloc((p->n_rules + 1) * sizeof(struct regex *));
    for (size_t i = 0; i < p->n_rules; i++) {
        p->rules[i] = regex_new(c->name.to_attributes.rules.v[i], NULL);
        assert(p->rules[i] != NULL); /* check() has tried it */
    }
    ask_attributes(p);
    if (c->status.on)
        encode_status(p);
    return 0;
}

static void destroy(struct node *node)
{
    struct span *p = container_of(selecting_of(node), struct span, selecting);

    for (size_t i = 0; i < p->n_rules; i++)
        regex_free(p->rules[i]);
    free(p->rules);
    attribute_list_free(&p->list);
    buf_free(&p->status);
    buf_free(&p->names[0]);
    buf_free(&p->names[1]);
    buf_free(&p->name_field);
    selecting_free(&p->selecting);
}

extern const struct component span_processor;
const struct component span_processor = {
    COMPONENT_TYPE("span", COMPONENT_PROCESSOR, .signals = SIGNAL_BIT(SIGNAL_TRACES), .stability = "alpha"),
    .spread = SPREAD_EACH,
    .summary = "Edits names and status of spans, and makes attributes of names.",
    COMPONENT_CONFIG(struct span_config, options, .check = check),
    .metrics = metric_rows,
    COMPONENT_NODE(struct span, .create = create, .destroy = destroy),
};
