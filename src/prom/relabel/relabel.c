/* SPDX-License-Identifier: Apache-2.0 */
/* Each rule joins the values of its source labels and looks what its regular expression makes of that; the rules run in
 * order on the same labels, and the first that drops ends it. Expressions match from end to end, and their dot takes a
 * line's end too. The default expression, which most rules have, takes everything and is never asked.
 *
 * Nothing can go wrong at run time: a name that is none leaves the labels as they are, as in Prometheus. */
#include "prom/relabel/relabel_inside.h"

#include "codec/regex_steps.h"
#include "codec/utf8.h"
#include "ottl/function/letters.h"
#include "prom/model/name.h"

#include <assert.h>
#include <inttypes.h>
#include <nettle/md5.h>
#include <stdio.h>

struct rule {
    const struct relabel_config *config;
    struct regex *regex;
    bool all;   /* it is the default one */
    bool fixed; /* target and replacement have no `$` */
};

struct relabel {
    struct rule *rules;
    size_t n;
    bool utf8;
    struct buf value, target, result; /* scratch */
    struct regex_meter meter;         /* of the set at hand */
};

struct regex *relabel_regex(const char *pattern, struct error *err)
{
    char *anchored = mem_printf("^(?s:%s)$", pattern);
    struct regex *r = regex_new(anchored, err);

    free(anchored);
    return r;
}

struct relabel *relabel_new(const struct option_list *rules, bool utf8)
{
    const struct relabel_config *c = rules->v;
    struct relabel *r;

    if (rules->n == 0)
        return NULL;
    r = mem_zalloc(sizeof(*r));
    r->rules = mem_zalloc(rules->n * sizeof(*r->rules));
    r->n = rules->n;
    r->utf8 = utf8;
    for (size_t i = 0; i < r->n; i++) {
        r->rules[i].config = &c[i];
        r->rules[i].fixed = strchr(c[i].target_label, '$') == NULL && strchr(c[i].replacement, '$') == NULL;
        r->rules[i].all = strcmp(c[i].regex, RELABEL_DEFAULT_REGEX) == 0;
        r->rules[i].regex = relabel_regex(c[i].regex, NULL);
        assert(r->rules[i].regex != NULL);
    }
    return r;
}

void relabel_free(struct relabel *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->n; i++)
        regex_free(r->rules[i].regex);
    free(r->rules);
    buf_free(&r->value);
    buf_free(&r->target);
    buf_free(&r->result);
    free(r);
}

/* ---- the actions ---- */

/* Valid until the labels or the scratch change. */
static struct bytes join_sources(struct relabel *r, const struct relabel_config *c, const struct label_set *labels)
{
    if (c->source_labels.n == 1)
        return label_set_get(labels, bytes_str(c->source_labels.v[0]));
    r->value.len = 0;
    for (size_t i = 0; i < c->source_labels.n; i++) {
        if (i > 0)
            buf_puts(&r->value, c->separator);
        buf_put(&r->value, label_set_get(labels, bytes_str(c->source_labels.v[i])));
    }
    return buf_bytes(&r->value);
}

static bool rule_matches(struct relabel *r, const struct rule *rule, struct bytes value)
{
    return rule->all || regex_meter_search(&r->meter, rule->regex, value);
}

static bool is_label_name(const struct relabel *r, struct bytes name)
{
    return r->utf8 ? name.len > 0 && utf8_valid(name) : name_is_legacy_label(name);
}

static void expand_text(const struct rule *rule, const char *text, const struct bytes *found, struct buf *out)
{
    out->len = 0;
    regex_expand(rule->regex, bytes_str(text), found, out);
}

static void replace_label(struct relabel *r, const struct rule *rule, struct bytes value, struct label_set *labels)
{
    const struct relabel_config *c = rule->config;
    struct bytes found[REGEX_MAX_GROUPS + 1] = { value, value }; /* what the default one finds */

    if (!rule->all && !regex_meter_find(&r->meter, rule->regex, value, 0, rule->fixed ? NULL : found))
        return;
    expand_text(rule, c->target_label, found, &r->target);
    if (!is_label_name(r, buf_bytes(&r->target)))
        return;
    expand_text(rule, c->replacement, found, &r->result);
    label_set_copy(labels, buf_bytes(&r->target), buf_bytes(&r->result));
}

static void put_hash(const struct relabel_config *c, struct bytes value, struct label_set *labels)
{
    struct md5_ctx md5;
    uint8_t digest[MD5_DIGEST_SIZE];
    uint64_t sum = 0;
    char text[24];

    md5_init(&md5);
    md5_update(&md5, value.len, value.data);
    md5_digest(&md5, sizeof(digest), digest);
    for (size_t i = 8; i < sizeof(digest); i++)
        sum = sum << 8 | digest[i];
    snprintf(text, sizeof(text), "%" PRIu64, sum % c->modulus);
    label_set_copy(labels, bytes_str(c->target_label), bytes_str(text));
}

/* The names are those that were there before, whatever is made of them. */
static void map_labels(struct relabel *r, const struct rule *rule, struct label_set *labels)
{
    size_t n = labels->list.n;
    struct label_pair *before = arena_alloc(&labels->memory, (n + 1) * sizeof(*before));
    struct bytes found[REGEX_MAX_GROUPS + 1];

    if (n > 0)
        memcpy(before, labels->list.v, n * sizeof(*before));
    for (size_t i = 0; i < n; i++) {
        found[0] = found[1] = before[i].name;
        if (!rule->all && !regex_meter_find(&r->meter, rule->regex, before[i].name, 0, found))
            continue;
        expand_text(rule, rule->config->replacement, found, &r->result);
        if (r->result.len > 0)
            label_set_copy(labels, buf_bytes(&r->result), before[i].value);
    }
}

/* A rule at work. */
struct filtering {
    struct relabel *of;
    const struct rule *rule;
};

static bool name_matches(void *arg, const struct label_pair *l)
{
    const struct filtering *f = arg;

    return rule_matches(f->of, f->rule, l->name);
}

static bool name_differs(void *arg, const struct label_pair *l)
{
    return !name_matches(arg, l);
}

static void put_case(struct relabel *r, const struct relabel_config *c, struct bytes value, struct label_set *labels)
{
    r->result.len = 0;
    if (c->action == RELABEL_LOWERCASE)
        letters_lower(value, &r->result);
    else
        letters_upper(value, &r->result);
    label_set_copy(labels, bytes_str(c->target_label), buf_bytes(&r->result));
}

static bool apply_rule(struct relabel *r, struct rule *rule, struct label_set *labels)
{
    const struct relabel_config *c = rule->config;
    struct bytes value = join_sources(r, c, labels);
    struct filtering filtering = { r, rule };

    switch ((enum relabel_action)c->action) {
    case RELABEL_KEEP:
        return rule_matches(r, rule, value);
    case RELABEL_DROP:
        return !rule_matches(r, rule, value);
    case RELABEL_KEEPEQUAL:
        return bytes_equal(value, label_set_get(labels, bytes_str(c->target_label)));
    case RELABEL_DROPEQUAL:
        return !bytes_equal(value, label_set_get(labels, bytes_str(c->target_label)));
    case RELABEL_REPLACE:
        replace_label(r, rule, value, labels);
        break;
    case RELABEL_HASHMOD:
        put_hash(c, value, labels);
        break;
    case RELABEL_LABELMAP:
        map_labels(r, rule, labels);
        break;
    case RELABEL_LABELDROP:
        label_set_filter(labels, name_matches, &filtering);
        break;
    case RELABEL_LABELKEEP:
        label_set_filter(labels, name_differs, &filtering);
        break;
    case RELABEL_LOWERCASE:
    case RELABEL_UPPERCASE:
        put_case(r, c, value, labels);
        break;
    }
    return true;
}

bool relabel_run(struct relabel *r, struct label_set *labels)
{
    if (r == NULL)
        return true;
    regex_meter_begin(&r->meter);
    for (size_t i = 0; i < r->n; i++)
        if (!apply_rule(r, &r->rules[i], labels) || r->meter.over)
            return false;
    return true;
}

bool relabel_is_over(const struct relabel *r)
{
    return r != NULL && r->meter.over;
}
