/* SPDX-License-Identifier: Apache-2.0 */
/* The targets of test/data/relabel and their rules, against what Prometheus made of them; and which rules are refused.
 */
#include "prom/relabel/relabel.h"

#include "config/decode.h"

#include <check.h>
#include <stdio.h>

#define FOLDER "test/data/relabel/"

static struct arena arena;
static struct faults faults;

static void setup(void)
{
    arena = (struct arena){ 0 };
    faults = (struct faults){ 0 };
}

static void teardown(void)
{
    faults_free(&faults);
    arena_free(&arena);
}

static struct yaml_node *read_yaml(const char *path)
{
    FILE *f = fopen(path, "r");
    struct yaml_node *node;
    struct buf text = { 0 };
    size_t n;

    ck_assert_msg(f != NULL, "%s cannot be read", path);
    while ((n = fread(buf_reserve(&text, 4096), 1, 4096, f)) > 0)
        text.len += n;
    fclose(f);
    node = yaml_read(&arena, buf_bytes(&text), path, 1, 1, &faults);
    buf_free(&text);
    return node;
}

struct rules {
    struct option_list rules;
};

static const struct option rule_rows[] = {
    OPT_LIST(struct rules, rules, struct relabel_config, relabel_options, "rules"),
    OPT_END,
};

static struct option_list decode_rules(const struct yaml_node *list)
{
    struct yaml_node *map = yaml_new(&arena, YAML_MAP, list);
    struct rules r = { 0 };

    yaml_put(&arena, map, "rules", 1, 1, yaml_copy(&arena, list));
    decode_struct(&arena, rule_rows, map, "", &r, &faults);
    return r.rules;
}

static void put(struct label_set *s, const char *name, const char *value)
{
    if (label_set_get(s, bytes_str(name)).len == 0)
        label_set_put(s, bytes_str(name), bytes_str(value));
}

/* What a target has before its rules. */
static void fill(struct label_set *s, const struct yaml_node *c)
{
    const struct yaml_node *labels = yaml_get(c, "labels");

    for (size_t i = 0; i < labels->n; i++)
        put(s, labels->pairs[i].key, labels->pairs[i].value->text);
    put(s, "__address__", "127.0.0.1:1");
    put(s, "__scheme__", "http");
    put(s, "__metrics_path__", "/metrics");
    put(s, "__scrape_interval__", "1h");
    put(s, "__scrape_timeout__", "10s");
    put(s, "job", yaml_get(c, "name")->text);
}

static bool is_private(void *arg, const struct label_pair *l)
{
    (void)arg;
    return l->name.len >= 2 && memcmp(l->name.data, "__", 2) == 0;
}

static void check_labels(const char *name, const struct label_set *found, const struct yaml_node *expected)
{
    struct buf text = { 0 };

    for (size_t i = 0; i < found->list.n; i++)
        buf_printf(&text, "%.*s=%.*s ", (int)found->list.v[i].name.len, (const char *)found->list.v[i].name.data,
                   (int)found->list.v[i].value.len, (const char *)found->list.v[i].value.data);
    for (size_t i = 0; i < expected->n; i++)
        ck_assert_msg(bytes_is(label_set_get(found, bytes_str(expected->pairs[i].key)), expected->pairs[i].value->text),
                      "%s: %s is not \"%s\" in %s", name, expected->pairs[i].key, expected->pairs[i].value->text,
                      buf_cstr(&text));
    ck_assert_msg(found->list.n == expected->n, "%s: there is more: %s", name, buf_cstr(&text));
    buf_free(&text);
}

START_TEST(targets_are_relabelled_as_prometheus_does)
{
    const struct yaml_node *cases = read_yaml(FOLDER "cases.yaml"), *all = read_yaml(FOLDER "expected.yaml");

    ck_assert_uint_gt(cases->n, 50);
    ck_assert_uint_eq(cases->n, all->n);
    for (size_t i = 0; i < cases->n; i++) {
        const char *name = yaml_get(cases->items[i], "name")->text;
        const struct yaml_node *expected = yaml_get(all, name);
        struct option_list rules = decode_rules(yaml_get(cases->items[i], "rules"));
        struct relabel *r = relabel_new(&rules, false);
        struct label_set labels = { 0 };
        bool kept;

        ck_assert_uint_eq(faults.list.n, 0);
        ck_assert_msg(expected != NULL, "%s is not expected", name);
        fill(&labels, cases->items[i]);
        kept = relabel_run(r, &labels);
        if (kept)
            put(&labels, "instance",
                arena_strndup(&arena, label_set_get(&labels, bytes_str("__address__")).data,
                              label_set_get(&labels, bytes_str("__address__")).len));
        ck_assert_msg(kept == (expected->kind == YAML_MAP), "%s: %s", name, kept ? "kept" : "dropped");
        label_set_filter(&labels, is_private, NULL);
        if (kept)
            check_labels(name, &labels, expected);
        label_set_free(&labels);
        relabel_free(r);
    }
}
END_TEST

/* ---- what is refused ---- */

static const struct {
    const char *rule, *at, *why;
    bool utf8;
} refused[] = {
    { "{}", "rules::0::target_label", "relabel configuration for replace action requires 'target_label' value", true },
    { "{action: hashmod, target_label: a}", "rules::0::modulus", "requires non-zero modulus", true },
    { "{action: hashmod, modulus: 1}", "rules::0::target_label", "hashmod action requires 'target_label'", true },
    { "{action: keepequal, source_labels: [a]}", "rules::0::target_label", "requires 'target_label'", true },
    { "{action: keepequal, target_label: a, regex: x}", "rules::0::action", "and no other fields", true },
    { "{action: dropequal, target_label: a, separator: x}", "rules::0::action", "and no other fields", true },
    { "{action: labeldrop, regex: x, source_labels: [a]}", "rules::0::action", "labeldrop action requires only 'regex'",
      true },
    { "{action: labelkeep, regex: x, target_label: a}", "rules::0::action", "labelkeep action requires only 'regex'",
      true },
    { "{action: lowercase, target_label: a, replacement: x}", "rules::0::replacement",
      "'replacement' can not be set for lowercase action", true },
    { "{target_label: a, regex: (}", "rules::0::regex", "missing )", true },
    { "{target_label: a b}", "rules::0::target_label", "\"a b\" is invalid 'target_label' for replace action", false },
    { "{target_label: a.b}", "rules::0::target_label", "is invalid 'target_label'", false },
    { "{action: labelmap, replacement: a b}", "rules::0::replacement", "is invalid 'replacement' for labelmap", false },
    { "{action: lowercase, target_label: $1}", "rules::0::target_label", "is invalid 'target_label'", false },
};

static void check_rule(const char *rule, bool utf8)
{
    const char *text = arena_printf(&arena, "[%s]", rule);
    struct yaml_node *list = yaml_read(&arena, bytes_str(text), "f", 1, 1, &faults);
    struct yaml_node *map = yaml_new(&arena, YAML_MAP, list);
    struct option_list rules = decode_rules(list);
    struct check ck = { .faults = &faults, .node = map, .location = map, .path = "", .rows = rule_rows };

    ck_assert_uint_eq(faults.list.n, 0);
    yaml_put(&arena, map, "rules", 1, 1, list);
    relabel_check(&rules, utf8, "rules", &ck);
}

START_TEST(a_rule_that_prometheus_refuses_is_refused_where_it_stands)
{
    check_rule(refused[_i].rule, refused[_i].utf8);
    ck_assert_msg(faults.list.n == 1, "%s: %zu", refused[_i].rule, faults.list.n);
    ck_assert_msg(strstr(faults.list.v[0].path, refused[_i].at) != NULL, "%s", faults.list.v[0].path);
    ck_assert_msg(strstr(faults.list.v[0].text, refused[_i].why) != NULL, "%s", faults.list.v[0].text);
}
END_TEST

static const struct {
    const char *rule;
    bool utf8;
} taken[] = {
    { "{target_label: a.b}", true },
    { "{target_label: '$1'}", false },
    { "{target_label: 'a_${1}_b'}", false },
    { "{action: labelmap, regex: x_(.+)}", false },
    { "{action: KeepEqual, source_labels: [a], target_label: b}", false },
    { "{action: drop, source_labels: [a], regex: 8000}", false },
    { "{action: drop, source_labels: a, regex: true}", false },
};

START_TEST(a_rule_that_prometheus_takes_is_taken)
{
    check_rule(taken[_i].rule, taken[_i].utf8);
    ck_assert_msg(faults.list.n == 0, "%s", faults.list.n > 0 ? faults.list.v[0].text : "");
}
END_TEST

/* As Prometheus 3 has it; the one that is asked for the cases is older. */
START_TEST(the_dot_takes_a_line_end_too)
{
    struct option_list rules = decode_rules(
        yaml_read(&arena, bytes_str("[{source_labels: [a], regex: one.(.*), target_label: b}]"), "f", 1, 1, &faults));
    struct relabel *r = relabel_new(&rules, true);
    struct label_set labels = { 0 };

    put(&labels, "a", "one\ntwo");
    ck_assert(relabel_run(r, &labels));
    ck_assert(bytes_is(label_set_get(&labels, bytes_str("b")), "two"));
    label_set_free(&labels);
    relabel_free(r);
}
END_TEST

START_TEST(a_label_that_is_too_long_for_a_pattern_is_told_and_no_drop)
{
    static const char *const actions[] = {
        "keep", "drop", "replace", "labelmap", "labelkeep", "labeldrop",
    };
    static char text[300001], rule[200];

    memset(text, 'a', sizeof(text) - 1);
    snprintf(rule, sizeof(rule),
             _i < 3 ? "[{action: %s, source_labels: [l, m], regex: '(a|b|c|d){100}[a-z]{200}x'%s}]"
                    : "[{action: %s, regex: '(a|b|c|d){100}[a-z]{200}x'%s}]",
             actions[_i], _i == 2 ? ", target_label: b" : "");
    for (int is_long = 0; is_long < 2; is_long++) {
        struct option_list rules = decode_rules(yaml_read(&arena, bytes_str(rule), "f", 1, 1, &faults));
        struct relabel *r = relabel_new(&rules, true);
        struct label_set labels = { 0 };

        put(&labels, is_long && _i >= 3 ? text : "l", is_long ? text : "a");
        ck_assert(relabel_run(r, &labels) == (!is_long && _i > 0));
        ck_assert(relabel_is_over(r) == is_long);
        label_set_free(&labels);
        relabel_free(r);
    }
}
END_TEST

START_TEST(without_rules_all_is_kept)
{
    struct option_list none = { 0 };
    struct label_set labels = { 0 };

    ck_assert_ptr_null(relabel_new(&none, true));
    ck_assert(relabel_run(NULL, &labels));
    relabel_free(NULL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("relabel");
    TCase *tc = tcase_create("relabel");
    SRunner *sr = srunner_create(s);
    int failed;

    suite_add_tcase(s, tc);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, targets_are_relabelled_as_prometheus_does);
    tcase_add_loop_test(tc, a_rule_that_prometheus_refuses_is_refused_where_it_stands, 0,
                        sizeof(refused) / sizeof(*refused));
    tcase_add_loop_test(tc, a_rule_that_prometheus_takes_is_taken, 0, sizeof(taken) / sizeof(*taken));
    tcase_add_test(tc, the_dot_takes_a_line_end_too);
    tcase_add_loop_test(tc, a_label_that_is_too_long_for_a_pattern_is_told_and_no_drop, 0, 6);
    tcase_add_test(tc, without_rules_all_is_kept);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
