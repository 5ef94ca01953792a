/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of a rule, and what they cannot say: which keys an action needs, and which it does not read. These are
 * refused as Prometheus refuses them, in its words, with what to write. */
#include "codec/regex.h"
#include "codec/utf8.h"
#include "config/option.h"
#include "prom/model/name.h"
#include "prom/relabel/relabel_inside.h"

#include <stdio.h>

static const char *const actions[] = {
    [RELABEL_REPLACE] = "replace",     [RELABEL_KEEP] = "keep",           [RELABEL_DROP] = "drop",
    [RELABEL_KEEPEQUAL] = "keepequal", [RELABEL_DROPEQUAL] = "dropequal", [RELABEL_HASHMOD] = "hashmod",
    [RELABEL_LABELMAP] = "labelmap",   [RELABEL_LABELDROP] = "labeldrop", [RELABEL_LABELKEEP] = "labelkeep",
    [RELABEL_LOWERCASE] = "lowercase", [RELABEL_UPPERCASE] = "uppercase", [RELABEL_UPPERCASE + 1] = NULL,
};

#define T struct relabel_config
const struct option relabel_options[] = {
    OPT_STRINGS(T, source_labels, NULL, "Labels whose values, joined, are what the rule looks at.", .scalar = true),
    OPT_STRING(T, separator, RELABEL_DEFAULT_SEPARATOR, "What is put between the values.", .scalar = true),
    OPT_STRING(T, regex, RELABEL_DEFAULT_REGEX,
               "A regular expression (RE2) that has to match all of the joined values; of names with labelmap, "
               "labeldrop and labelkeep.",
               .scalar = true),
    OPT_UINT(T, modulus, "0", NULL, NULL, "hashmod: the hash of the joined values is taken modulo this."),
    OPT_STRING(T, target_label, "", "The label that gets the result; may have $1.", .scalar = true),
    OPT_STRING(T, replacement, RELABEL_DEFAULT_REPLACEMENT,
               "What the label gets, with $1, ${1} and ${name} for what groups have matched (in this file written "
               "$${1}). Empty removes the label.",
               .scalar = true),
    OPT_ENUM(T, action, actions, "replace", "What the rule does.", .nocase = true),
    OPT_END,
};
#undef T

/* ---- what the rows cannot say ---- */

struct rule_check {
    const struct relabel_config *c;
    struct check *ck;
    char path[160];
    bool utf8;
};

static void fail_rule(const struct rule_check *r, const char *key, const char *text)
{
    char path[sizeof(r->path) + 32];

    snprintf(path, sizeof(path), "%s%s%s", r->path, key[0] != '\0' ? "::" : "", key);
    check_fail(r->ck, path, "%s", text);
}

static bool is_label(const struct rule_check *r, const char *name)
{
    return r->utf8 ? name[0] != '\0' && utf8_valid(bytes_str(name)) : name_is_legacy_label(bytes_str(name));
}

/* With $1 and ${1} in it, in the old grammar. */
static bool is_label_template(const struct rule_check *r, const char *text)
{
    struct regex *grammar;
    bool good;

    if (r->utf8)
        return is_label(r, text);
    grammar = regex_new("^(?:(?:[a-zA-Z_]|\\$(?:\\{\\w+\\}|\\w+))+\\w*)+$", NULL);
    good = regex_search(grammar, bytes_str(text));
    regex_free(grammar);
    return good;
}

static void check_target(const struct rule_check *r)
{
    const struct relabel_config *c = r->c;
    char text[400];

    if (c->target_label[0] == '\0')
        snprintf(text, sizeof(text),
                 "relabel configuration for %s action requires 'target_label' value: write target_label and the name "
                 "of a label",
                 actions[c->action]);
    else if (c->action == RELABEL_REPLACE ? !is_label_template(r, c->target_label) : !is_label(r, c->target_label))
        snprintf(text, sizeof(text),
                 "\"%.100s\" is invalid 'target_label' for %s action: names have letters, digits and underscores, "
                 "unless metric_name_validation_scheme is utf8",
                 c->target_label, actions[c->action]);
    else
        return;
    fail_rule(r, "target_label", text);
}

static void check_replacement(const struct rule_check *r)
{
    char text[300];

    snprintf(text, sizeof(text), "'replacement' can not be set for %s action: remove it", actions[r->c->action]);
    if (strcmp(r->c->replacement, RELABEL_DEFAULT_REPLACEMENT) != 0)
        fail_rule(r, "replacement", text);
}

static bool has_other_fields(const struct relabel_config *c)
{
    return c->modulus != 0 || strcmp(c->separator, RELABEL_DEFAULT_SEPARATOR) != 0 ||
           strcmp(c->replacement, RELABEL_DEFAULT_REPLACEMENT) != 0;
}

static void check_equal(const struct rule_check *r)
{
    char text[200];

    check_target(r);
    snprintf(text, sizeof(text),
             "%s action requires only 'source_labels' and `target_label`, and no other fields: remove them",
             actions[r->c->action]);
    if (has_other_fields(r->c) || strcmp(r->c->regex, RELABEL_DEFAULT_REGEX) != 0)
        fail_rule(r, "action", text);
}

static void check_names(const struct rule_check *r)
{
    char text[200];

    snprintf(text, sizeof(text), "%s action requires only 'regex', and no other fields: remove them",
             actions[r->c->action]);
    if (has_other_fields(r->c) || r->c->source_labels.n > 0 || r->c->target_label[0] != '\0')
        fail_rule(r, "action", text);
}

static void check_regex(const struct rule_check *r)
{
    struct error err;
    struct regex *regex = relabel_regex(r->c->regex, &err);

    if (regex == NULL)
        fail_rule(r, "regex", err.text);
    regex_free(regex);
}

static void check_rule(const struct rule_check *r)
{
    check_regex(r);
    switch ((enum relabel_action)r->c->action) {
    case RELABEL_HASHMOD:
        if (r->c->modulus == 0)
            fail_rule(r, "modulus",
                      "relabel configuration for hashmod requires non-zero modulus: write modulus and how many parts "
                      "there are");
        check_target(r);
        break;
    case RELABEL_REPLACE:
        check_target(r);
        break;
    case RELABEL_KEEPEQUAL:
    case RELABEL_DROPEQUAL:
        check_equal(r);
        break;
    case RELABEL_LOWERCASE:
    case RELABEL_UPPERCASE:
        check_target(r);
        check_replacement(r);
        break;
    case RELABEL_LABELMAP:
        if (!is_label_template(r, r->c->replacement))
            fail_rule(r, "replacement",
                      "is invalid 'replacement' for labelmap action: it is the name of the label, for instance $1");
        break;
    case RELABEL_LABELDROP:
    case RELABEL_LABELKEEP:
        check_names(r);
        break;
    case RELABEL_KEEP:
    case RELABEL_DROP:
        break;
    }
}

void relabel_check(const struct option_list *rules, bool utf8, const char *path, struct check *ck)
{
    const struct relabel_config *c = rules->v;

    for (size_t i = 0; i < rules->n; i++) {
        struct rule_check r = { .c = &c[i], .ck = ck, .utf8 = utf8 };

        snprintf(r.path, sizeof(r.path), "%s::%zu", path, i);
        check_rule(&r);
    }
}

bool relabel_writes(const struct option_list *rules, const char *label)
{
    const struct relabel_config *c = rules->v;

    for (size_t i = 0; i < rules->n; i++)
        if (strcmp(c[i].target_label, label) == 0)
            return true;
    return false;
}
