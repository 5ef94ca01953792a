/* SPDX-License-Identifier: Apache-2.0 */
/* Reading, merging and expanding: what a document becomes, or what is said of it. */
#include "config/source.h"

#include <check.h>
#include <stdlib.h>

static struct arena arena;
static struct faults faults;
static struct buf out;

static void setup(void)
{
    setenv("T_INT", "42", 1);
    setenv("T_OCTAL", "0123", 1);
    setenv("T_HEX", "0x1F", 1);
    setenv("T_YES", "yes", 1);
    setenv("T_QUOTED", "\"0123\"", 1);
    setenv("T_COLONS", "a: b: c", 1);
    setenv("T_MAP", "b: eta", 1);
    setenv("T_EMPTY", "", 1);
    setenv("T_NAME", "T_INT", 1);
    setenv("T_LOOP", "x${env:T_LOOP}", 1);
    setenv("T_DOLLAR", "a$$b", 1);
    unsetenv("T_UNSET");
}

static void teardown(void)
{
    arena_free(&arena);
    faults_free(&faults);
    buf_free(&out);
    faults = (struct faults){ 0 };
}

/* The configuration `text` as JSON, or the first fault as "!line:column: text". */
static const char *read_as_json(const char *text)
{
    char *uri = mem_printf("yaml:%s", text);
    struct config_sources s = { .uris = (const char *const[]){ uri }, .n_uris = 1 };
    struct yaml_node *n = source_read(&arena, &s, &faults);

    free(uri);
    if (faults.n_errors > 0) {
        size_t i = 0;

        while (faults.list.v[i].warning)
            i++;
        buf_printf(&out, "!%d:%d: %s", faults.list.v[i].line, faults.list.v[i].column, faults.list.v[i].text);
    } else if (n != NULL) {
        yaml_write(n, &out, true);
        out.len--; /* the newline */
    }
    return buf_cstr(&out);
}

static const struct {
    const char *text, *result;
} cases[] = {
    /* scalars */
    { "a: 1\nb: 0x10\nc: 1e3\nd: true\ne: yes\nf: '1'\ng: ~\nh:",
      "{\"a\":1,\"b\":16,\"c\":1000,\"d\":true,\"e\":\"yes\",\"f\":\"1\",\"g\":null,\"h\":null}" },
    { "a: 1_000\nb: 0x_1f\nc: 0b11\nd: 0o17\ne: 08\nf: _1\ng: -0\nh: +5\ni: .5\nj: 1.\nk: 1_0.5",
      "{\"a\":1000,\"b\":31,\"c\":3,\"d\":15,\"e\":8,\"f\":\"_1\",\"g\":0,\"h\":5,\"i\":0.5,\"j\":1,\"k\":10.5}" },
    { "a: 0.1\nb: True\nc: .inf\nd: !!str 5\ne: !!int '5'\nf: 1:30\ng: 1e\nh: 0x",
      "{\"a\":0.1,\"b\":true,\"c\":\".inf\",\"d\":\"5\",\"e\":5,\"f\":\"1:30\",\"g\":\"1e\",\"h\":\"0x\"}" },
    { "a: !!binary aGk=", "!1:4: !!binary is not read here: write the text itself" },
    { "", "" },
    { "a: [1, two, {b: c}]", "{\"a\":[1,\"two\",{\"b\":\"c\"}]}" },
    /* anchors and merge keys */
    { "a: &x {b: 1}\nc: *x", "{\"a\":{\"b\":1},\"c\":{\"b\":1}}" },
    { "a: &x {b: 1}\nc: &y {b: 2, d: 2}\ne: {<<: [*x, *y]}",
      "{\"a\":{\"b\":1},\"c\":{\"b\":2,\"d\":2},\"e\":{\"b\":1,\"d\":2}}" },
    { "a: &x {b: 1}\nc: {<<: *x, <<: *x}", "!2:13: the key \"<<\" stands here already, at line 2" },
    { "a: {<<: 5}", "!1:4: `<<` takes a map, or a list of maps" },
    { "a: &x {b: 1, d: 2}\nc: {<<: *x, b: 3}", "{\"a\":{\"b\":1,\"d\":2},\"c\":{\"b\":3,\"d\":2}}" },
    { "a: *x", "!1:4: alias *x has no anchor &x before it" },
    { "a: [*]",
      "!1:5: did not find expected alphabetic or numeric character while scanning an alias; put text that begins "
      "with * or & in quotes: \"*\"" },
    /* nested keys */
    { "a::b::c: 1\na: {d: 2}", "{\"a\":{\"b\":{\"c\":1},\"d\":2}}" },
    /* faults of the document */
    { "a: 1\na: 2", "!2:1: the key \"a\" stands here already, at line 1" },
    { "a: 1\n---\nb: 2", "!3:1: a second document begins here; a configuration is one document" },
    { "- a", "!1:1: a configuration is a map with keys like receivers: and service:, not a list" },
    { "a:\n\tb: 1", "!2:1: found character that cannot start any token while scanning for the next token; indent with "
                    "spaces, not tabs, and put text that begins with a special character in quotes" },
    /* whole-value references take the type of their text */
    { "a: ${env:T_INT}", "{\"a\":42}" },
    { "a: ${T_INT}", "{\"a\":42}" },
    { "a: ${env:T_OCTAL}", "{\"a\":83}" },
    { "a: ${env:T_YES}", "{\"a\":\"yes\"}" },
    { "a: ${env:T_COLONS}", "{\"a\":\"a: b: c\"}" },
    { "a: ${env:T_MAP}", "{\"a\":{\"b\":\"eta\"}}" },
    { "a: ${env:T_EMPTY}", "{\"a\":null}" },
    { "a: ${env:T_UNSET}", "{\"a\":null}" },
    { "a: ${yaml:[1, 2]}", "{\"a\":[1,2]}" },
    /* defaults */
    { "a: ${env:T_UNSET:-5}", "{\"a\":5}" },
    { "a: ${env:T_EMPTY:-5}", "{\"a\":null}" },
    { "a: ${env:T_UNSET:-}", "{\"a\":\"\"}" },
    { "a: ${env:T_UNSET:-a:-b}", "{\"a\":\"a:-b\"}" },
    { "a: ${T_INT:-5}", "!1:4: invalid uri: \"T_INT:-5\": a default needs the scheme: write ${env:T_INT:-5}" },
    /* inside other text they are text */
    { "a: http://${env:T_INT}:1", "{\"a\":\"http://42:1\"}" },
    { "a: ${env:T_OCTAL}${env:T_INT}", "{\"a\":\"012342\"}" },
    { "a: x${env:T_UNSET}y", "{\"a\":\"xy\"}" },
    /* from the inside out */
    { "a: ${env:${env:T_NAME}}", "{\"a\":42}" },
    { "a: ${env:T_LOOP}",
      "!1:4: too many recursive expansions: a value may have 1000 references, with those in what they stand for" },
    /* escapes */
    { "a: $${env:T_INT}", "{\"a\":\"${env:T_INT}\"}" },
    { "a: $$$${env:T_INT}", "{\"a\":\"$${env:T_INT}\"}" },
    { "a: $$", "{\"a\":\"$\"}" },
    { "a: $T_INT", "{\"a\":\"$T_INT\"}" },
    { "a: pa$$word", "{\"a\":\"pa$word\"}" },
    { "${T_INT}: 1", "{\"${T_INT}\":1}" },
    /* faults of references */
    { "a: ${env:1x}", "!1:4: environment variable \"1x\" has invalid name: must match regex ^[a-zA-Z_][a-zA-Z0-9_]*$" },
    { "a: ${nope:x}", "!1:4: scheme \"nope\" is not supported for uri \"nope:x\"; env, file and yaml are" },
    { "a: ${https://localhost/x}",
      "!1:4: scheme \"https\" is not supported for uri \"https://localhost/x\": otelcd does "
      "not fetch its configuration over the network; download it and write ${file:path}" },
    { "a: {b: [\"${file:/nonexistent/x}\"]}", "!1:9: cannot read ${file:/nonexistent/x}: No such file or directory" },
};

START_TEST(a_document_becomes_this_tree_or_gets_this_answer)
{
    ck_assert_msg(strcmp(read_as_json(cases[_i].text), cases[_i].result) == 0, "%s\n  became %s\n  not    %s",
                  cases[_i].text, buf_cstr(&out), cases[_i].result);
}
END_TEST

static const struct {
    const char *first, *second, *result;
} bare[] = {
    { "processors: {batch: }", "processors:", "{\"processors\":{\"batch\":null}}" },
    { "processors:", "processors: {batch: }", "{\"processors\":{\"batch\":null}}" },
    { "receivers: {otlp: }", "receivers: ${env:T_UNSET}", "{\"receivers\":{\"otlp\":null}}" },
    { "receivers: {otlp: }", "receivers: ${env:T_EMPTY}", "{\"receivers\":{\"otlp\":null}}" },
    { "receivers: {otlp: }", "receivers: ${env:T_MAP}", "{\"receivers\":{\"b\":\"eta\"}}" },
    { "service: {pipelines: {traces: {a: 1}}}", "service: {pipelines: , x: 1}",
      "{\"service\":{\"pipelines\":{\"traces\":{\"a\":1}},\"x\":1}}" },
    { "processors: {batch: {timeout: 1s}}", "processors: {batch: }", "{\"processors\":{\"batch\":null}}" },
};

START_TEST(a_bare_section_in_a_second_source_adds_nothing_and_takes_nothing)
{
    char *first = mem_printf("yaml:%s", bare[_i].first), *second = mem_printf("yaml:%s", bare[_i].second);
    struct config_sources s = { .uris = (const char *const[]){ first, second }, .n_uris = 2 };
    struct yaml_node *n = source_read(&arena, &s, &faults);

    ck_assert_uint_eq(faults.n_errors, 0);
    ck_assert_uint_eq(faults.list.n, strstr(bare[_i].second, "T_UNSET") != NULL);
    yaml_write(n, &out, true);
    out.len--;
    ck_assert_str_eq(buf_cstr(&out), bare[_i].result);
    free(first);
    free(second);
}
END_TEST

START_TEST(later_sources_win_maps_merge_and_lists_are_replaced)
{
    struct config_sources s = {
        .uris = (const char *const[]){ "yaml:{a: {b: 1, c: [1, 2]}, d: x}", "yaml:{a: {c: [3]}, d: null}" },
        .n_uris = 2,
        .sets = (const char *const[]){ "a.e.f=5s", " a.b = [7] " },
        .n_sets = 2,
    };

    yaml_write(source_read(&arena, &s, &faults), &out, true);
    ck_assert_str_eq(buf_cstr(&out), "{\"a\":{\"b\":[7],\"c\":[3],\"e\":{\"f\":\"5s\"}},\"d\":null}\n");
}
END_TEST

START_TEST(a_map_of_countless_keys_is_cut_short)
{
    struct buf text = { 0 };

    for (int i = 0; i < 10001; i++)
        buf_printf(&text, "k%d: \n", i);
    read_as_json(buf_cstr(&text));
    ck_assert_msg(strstr(buf_cstr(&out), "!10001:1: a map of more than 10000 keys") != NULL, "%.200s", buf_cstr(&out));
    buf_free(&text);
}
END_TEST

START_TEST(a_billion_laughs_are_cut_short)
{
    struct buf text = { 0 };

    buf_puts(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 12; i++) {
        buf_printf(&text, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++)
            buf_printf(&text, "%s*a%d", k > 0 ? ", " : "", i - 1);
        buf_puts(&text, "]\n");
    }
    read_as_json(buf_cstr(&text));
    ck_assert_msg(strstr(buf_cstr(&out), "more than") != NULL, "%s", buf_cstr(&out));
    buf_free(&text);
}
END_TEST

START_TEST(nesting_is_limited)
{
    struct buf text = { 0 };

    for (int i = 0; i < 100000; i++)
        buf_puts(&text, "[");
    read_as_json(buf_cstr(&text));
    ck_assert_uint_gt(faults.n_errors, 0);
    buf_free(&text);
}
END_TEST

/* `n` times the reference, in a list of values of `each`. */
static void put_references(struct buf *text, const char *reference, int n, int each)
{
    buf_puts(text, "a: [\"");
    for (int i = 0; i < n; i++)
        buf_printf(text, "%s%s", i == 0 ? "x" : i % each == 0 ? "\", \"x" : "", reference);
    buf_puts(text, "\"]");
}

START_TEST(a_value_of_countless_references_takes_no_memory_for_each_of_them)
{
    struct buf text = { 0 };

    put_references(&text, "${env:T_INT}", 50000, 50000);
    read_as_json(buf_cstr(&text));
    ck_assert_msg(strncmp(buf_cstr(&out), "!1:5: too many recursive expansions", 35) == 0, "%.200s", buf_cstr(&out));
    ck_assert_uint_lt(arena.total, 16 * text.len);
    buf_free(&text);
}
END_TEST

START_TEST(what_references_stand_for_is_bounded_in_each_value_and_in_all)
{
    struct buf text = { 0 };
    char *large = mem_zalloc((64 << 10) + 1);

    memset(large, 'l', 64 << 10);
    setenv("T_LARGE", large, 1);
    put_references(&text, "${env:T_LARGE}", 15, 15);
    read_as_json(buf_cstr(&text));
    ck_assert_uint_eq(faults.n_errors, 0);
    text.len = out.len = 0;
    put_references(&text, "${env:T_LARGE}", 16, 16);
    read_as_json(buf_cstr(&text));
    ck_assert_str_eq(buf_cstr(&out), "!1:5: with what its references stand for the value is longer than 1 MiB");
    teardown();
    text.len = 0;
    put_references(&text, "${env:T_LARGE}", 1100, 10);
    read_as_json(buf_cstr(&text));
    ck_assert_msg(strstr(buf_cstr(&out), "what references of the configuration stand for comes to more than 64 MiB") !=
                      NULL,
                  "%.200s", buf_cstr(&out));
    ck_assert_uint_eq(faults.n_errors, 1);
    unsetenv("T_LARGE");
    free(large);
    buf_free(&text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("source");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, a_document_becomes_this_tree_or_gets_this_answer, 0, sizeof(cases) / sizeof(*cases));
    tcase_add_loop_test(tc, a_bare_section_in_a_second_source_adds_nothing_and_takes_nothing, 0,
                        sizeof(bare) / sizeof(*bare));
    tcase_add_test(tc, later_sources_win_maps_merge_and_lists_are_replaced);
    tcase_add_test(tc, a_billion_laughs_are_cut_short);
    tcase_add_test(tc, a_map_of_countless_keys_is_cut_short);
    tcase_add_test(tc, nesting_is_limited);
    tcase_add_test(tc, a_value_of_countless_references_takes_no_memory_for_each_of_them);
    tcase_add_test(tc, what_references_stand_for_is_bounded_in_each_value_and_in_all);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
