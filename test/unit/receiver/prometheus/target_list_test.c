/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/prometheus/discovery.h"

#include <check.h>

static const struct {
    const char *text;
    bool json;
    const char *found; /* the labels of each target */
} lists[] = {
    { "[]", true, "" },
    { " [ {\"targets\": [\"a:1\", \"b:2\"], \"labels\": {\"x\": \"y\"}}, {\"targets\": [\"c\"]} ] \n", true,
      "{__address__=a:1 m=v x=y}{__address__=b:2 m=v x=y}{__address__=c m=v}" },
    { "[{\"labels\":{\"x\":\"\\u00e4\\\"\"},\"targets\":[\"a\"]}]", true, "{__address__=a m=v x=\xc3\xa4\"}" },
    { "[{\"targets\": null, \"labels\": null}, {}]", true, "" },
    { "[{\"targets\":[\"a\"],\"labels\":{\"x\":\"\",\"__address__\":\"no\"}}]", true, "{__address__=a m=v}" },
    { "- targets: ['a:1', b:2]\n  labels: {x: y, n: 1, t: true}\n- targets: [c]\n", false,
      "{__address__=a:1 m=v n=1 t=true x=y}{__address__=b:2 m=v n=1 t=true x=y}{__address__=c m=v}" },
    { "", false, "" },
    { "[{targets: [a]}]", false, "{__address__=a m=v}" },
};

static void put_lists(const struct target_list *l, struct buf *out)
{
    for (size_t i = 0; i < l->targets.n; i++) {
        const struct label_set *s = &l->targets.v[i];

        for (size_t k = 0; k < s->list.n; k++) {
            buf_puts(out, k == 0 ? "{" : " ");
            buf_put(out, s->list.v[k].name);
            buf_putc(out, '=');
            buf_put(out, s->list.v[k].value);
        }
        buf_putc(out, '}');
    }
}

START_TEST(groups_become_targets_with_their_labels)
{
    struct target_list found = { 0 };
    struct buf out = { 0 };
    struct error err = { 0 };

    ck_assert_msg(target_list_read(bytes_str(lists[_i].text), lists[_i].json, "m", "v", &found, &err), "%s", err.text);
    put_lists(&found, &out);
    ck_assert_str_eq(buf_cstr(&out), lists[_i].found);
    target_list_free(&found);
    buf_free(&out);
}
END_TEST

static const struct {
    const char *text;
    bool json;
    const char *why;
} faults[] = {
    { "", true, "expected a list of groups" },
    { "{}", true, "expected a list of groups" },
    { "[{\"targets\":[\"a\"]}", true, "expected a comma" },
    { "[{\"targets\":[\"a\"]}] x", true, "nothing behind the list" },
    { "[{\"targets\":[5]}]", true, "expected a string" },
    { "[{\"targets\":\"a\"}]", true, "expected a list of targets" },
    { "[{\"labels\":{\"a\":1}}]", true, "expected a string" },
    { "[{\"target\":[\"a\"]}]", true, "expected one of the keys targets and labels" },
    { "[{\"targets\":[\"\xff\"]}]", true, "UTF-8" },
    { "[5]", true, "expected a group" },
    { "- 5", false, "expected a group" },
    { "targets: [a]", false, "expected a list of groups" },
    { "- targets: a", false, "expected a list of targets" },
    { "- targets: [[a]]", false, "expected a target" },
    { "- labels: {a: [b]}", false, "expected a label's value" },
    { "- labels: [b]", false, "expected a map of labels" },
    { "- sources: [b]", false, "the keys targets and labels" },
    { "- targets: [a", false, "line" },
};

START_TEST(a_list_with_a_fault_is_none)
{
    struct target_list found = { 0 };
    struct error err = { 0 };

    ck_assert(!target_list_read(bytes_str(faults[_i].text), faults[_i].json, "m", "v", &found, &err));
    ck_assert_msg(strstr(err.text, faults[_i].why) != NULL, "%s: %s", faults[_i].text, err.text);
    ck_assert_uint_eq(found.targets.n, 0);
}
END_TEST

#define N(table) (sizeof(table) / sizeof(*(table)))

/* So many labels, in JSON or YAML, and targets. */
static void write_list(bool json, unsigned labels, unsigned targets, struct buf *out)
{
    buf_puts(out, json ? "[{\"labels\": {" : "- labels: {");
    for (unsigned i = labels; i > 0; i--)
        buf_printf(out, json ? "\"x%u\": \"1\"%s" : "x%u: 1%s", i, i > 1 ? ", " : "");
    buf_puts(out, json ? "}, \"targets\": [" : "}\n  targets: [");
    for (unsigned i = 0; i < targets; i++)
        buf_printf(out, "\"a:%u\"%s", i, i + 1 < targets ? "," : "");
    buf_puts(out, json ? "]}]" : "]\n");
}

static const struct {
    bool json;
    unsigned labels, targets;
    const char *why; /* NULL: nothing is wrong */
} sizes[] = {
    { true, 1000, 2, NULL },
    { true, 1001, 2, "a group has more than 1000 labels" },
    { false, 1001, 2, "a group has more than 1000 labels" },
    { true, 1000, 5000, "the targets have more than 4000000 labels together" },
    { true, 1, 100002, "expected no more than 100000 targets" },
    { false, 1, 40000, NULL },
};

START_TEST(lists_are_limited)
{
    struct target_list found = { 0 };
    struct error err = { 0 };
    struct buf text = { 0 };
    bool good;

    write_list(sizes[_i].json, sizes[_i].labels, sizes[_i].targets, &text);
    good = target_list_read(buf_bytes(&text), sizes[_i].json, "m", "v", &found, &err);
    ck_assert_msg(good == (sizes[_i].why == NULL), "%s", err.text);
    if (!good)
        ck_assert_msg(strstr(err.text, sizes[_i].why) != NULL, "%s", err.text);
    target_list_free(&found);
    buf_free(&text);
}
END_TEST

START_TEST(a_list_that_was_given_back_can_be_filled_again)
{
    static const char text[] = "[{\"targets\":[\"a:1\",\"b:1\"],\"labels\":{\"x\":\"y\"}}]";
    struct target_list list = { 0 };
    struct error err;

    for (int i = 0; i < 2; i++) {
        ck_assert(target_list_read(bytes_str(text), true, NULL, NULL, &list, &err));
        ck_assert_uint_eq(list.n_pairs, 4);
        target_list_free(&list);
        ck_assert_uint_eq(target_list_size(&list), 0);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("target_list");
    TCase *tc = tcase_create("target_list");
    SRunner *sr;
    int failed;

    tcase_add_loop_test(tc, groups_become_targets_with_their_labels, 0, N(lists));
    tcase_add_loop_test(tc, a_list_with_a_fault_is_none, 0, N(faults));
    tcase_add_test(tc, a_list_that_was_given_back_can_be_filled_again);
    tcase_add_loop_test(tc, lists_are_limited, 0, N(sizes));
    tcase_set_timeout(tc, 60);
    suite_add_tcase(s, tc);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
