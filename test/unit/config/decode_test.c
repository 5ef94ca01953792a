/* SPDX-License-Identifier: Apache-2.0 */
#include "config/decode.h"
#include "config/source.h"

#include <check.h>
#include <stdlib.h>

struct inner {
    bool on;
    uint64_t n;
};

struct item {
    const char *name;
};

struct header {
    const char *name;
    struct strings values;
};

struct sample {
    bool flag;
    uint64_t count;
    int64_t level;
    double ratio;
    duration wait;
    const char *name;
    struct secret key;
    int mode;
    struct strings list;
    struct string_map map, headers;
    struct inner plain, none, def, some;
    struct option_list items, keyed;
    const char *text;
};

static const char *const modes[] = { "fast", "slow", NULL };

static const struct option inner_rows[] = {
    OPT_UINT(struct inner, n, "7", NULL, "9", "A number."),
    OPT_END,
};

static const struct option item_rows[] = {
    OPT_STRING(struct item, name, NULL, "A name.", .required = true),
    OPT_END,
};

static const struct option header_rows[] = {
    OPT_STRING(struct header, name, "", "A name."),
    OPT_STRINGS(struct header, values, NULL, "Values.", .scalar = true),
    OPT_END,
};

static const struct option rows[] = {
    OPT_BOOL(struct sample, flag, "true", "A flag."),
    OPT_UINT(struct sample, count, "5", "1", "10", "A count."),
    OPT_INT(struct sample, level, "-1", "-5", NULL, "A level."),
    OPT_DOUBLE(struct sample, ratio, "0.5", "0", "1", "A ratio."),
    OPT_DURATION(struct sample, wait, "200ms", "0s", "1h", "A wait."),
    OPT_STRING(struct sample, name, "x", "A name."),
    OPT_SECRET(struct sample, key, "A key."),
    OPT_ENUM(struct sample, mode, modes, "fast", "A mode."),
    OPT_STRINGS(struct sample, list, "[a, b]", "A list."),
    OPT_MAP(struct sample, map, "A map."),
    OPT_HEADERS(struct sample, headers, "Headers."),
    OPT_GROUP(struct sample, plain, struct inner, inner_rows, GROUP_PLAIN, "A group."),
    OPT_GROUP(struct sample, none, struct inner, inner_rows, GROUP_NONE, "A group."),
    OPT_GROUP(struct sample, def, struct inner, inner_rows, GROUP_DEFAULT, "A group."),
    OPT_GROUP(struct sample, some, struct inner, inner_rows, GROUP_SOME, "A group."),
    OPT_LIST(struct sample, items, struct item, item_rows, "Items."),
    OPT_LIST(struct sample, keyed, struct header, header_rows, "Headers by their names.", .keyed = true),
    OPT_STRING(struct sample, text, "", "Any text.", .scalar = true),
    OPT_REFUSED("tls", "not served yet"),
    OPT_END,
};

static struct arena arena;
static struct faults faults;
static struct sample s;
static struct buf out;

static void teardown(void)
{
    arena_free(&arena);
    faults_free(&faults);
    faults = (struct faults){ 0 };
    s = (struct sample){ 0 };
    buf_free(&out);
}

static const char *decode(const char *text)
{
    struct yaml_node *n = yaml_read(&arena, bytes_str(text), "f", 1, 1, &faults);

    out.len = 0;
    s = (struct sample){ 0 };
    decode_struct(&arena, rows, n, "c", &s, &faults);
    for (size_t i = 0; i < faults.list.n; i++)
        buf_printf(&out, "%s%d:%d: %s: %s", i > 0 ? "\n" : "", faults.list.v[i].line, faults.list.v[i].column,
                   faults.list.v[i].path, faults.list.v[i].text);
    return buf_cstr(&out);
}

START_TEST(defaults_are_read_from_their_texts)
{
    ck_assert_str_eq(decode(""), "");
    ck_assert(s.flag && s.count == 5 && s.level == -1 && s.ratio == 0.5 && s.wait.ns == 200000000 && s.mode == 0);
    ck_assert_str_eq(s.name, "x");
    ck_assert_uint_eq(s.list.n, 2);
    ck_assert_str_eq(s.list.v[1], "b");
    ck_assert(!s.none.on && !s.def.on && s.some.on && s.plain.n == 7 && s.def.n == 7);
}
END_TEST

START_TEST(a_map_of_structs_is_read_with_its_keys)
{
    const struct header *h;

    ck_assert_str_eq(decode("{keyed: {X-A: {values: [a, 1]}, name: }}"), "");
    h = s.keyed.v;
    ck_assert_uint_eq(s.keyed.n, 2);
    ck_assert_str_eq(h[0].name, "X-A");
    ck_assert_str_eq(h[0].values.v[1], "1");
    ck_assert_str_eq(h[1].name, "name");
    ck_assert_str_eq(decode("{keyed: {a: {name: b}}}"),
                     "1:14: c::keyed::a: has invalid keys: name; the keys here are values");
    faults_free(&faults);
    faults = (struct faults){ 0 };
    ck_assert(strstr(decode("{keyed: [a]}"), "c::keyed: expected a map of names to maps, got a list") != NULL);
}
END_TEST

START_TEST(text_may_be_written_as_a_number_where_the_row_says_so)
{
    ck_assert_str_eq(decode("{text: 8000}"), "");
    ck_assert_str_eq(s.text, "8000");
    ck_assert_str_eq(decode("{text: true}"), "");
    ck_assert_str_eq(s.text, "true");
    ck_assert(strstr(decode("{text: [1]}"), "expected a string, got a list") != NULL);
}
END_TEST

START_TEST(values_of_every_kind_are_read)
{
    ck_assert_str_eq(
        decode("{flag: false, count: 10.0, level: -5, ratio: 1, wait: 1h, name: '7', key: k, mode: slow,\n"
               " list: 'p,q', map: {a: b}, headers: [{name: h, value: v}], none: {}, def: , some: {enabled: "
               "false, n: 9},\n items: [{name: i}]}"),
        "");
    ck_assert(!s.flag && s.count == 10 && s.level == -5 && s.ratio == 1 && s.wait.ns == 3600000000000 && s.mode == 1);
    ck_assert_str_eq(s.name, "7");
    ck_assert_str_eq(s.key.text, "k");
    ck_assert_str_eq(s.list.v[1], "q");
    ck_assert_str_eq(s.map.v[0].value, "b");
    ck_assert_str_eq(s.headers.v[0].key, "h");
    ck_assert(s.none.on && s.def.on && !s.some.on && s.some.n == 9);
    ck_assert_str_eq(((struct item *)s.items.v)[0].name, "i");
}
END_TEST

static const struct {
    const char *text, *fault;
} bad[] = {
    { "flag: yes", "1:7: c::flag: expected true or false, got a string \"yes\"" },
    { "count: '5'", "1:8: c::count: expected an integer, got a string \"5\"; write it without quotes" },
    { "count: 0", "1:8: c::count: 0 is out of range: it must be between 1 and 10" },
    { "count: -1", "1:8: c::count: -1 is out of range: it must not be negative" },
    { "count: 1.5", "1:8: c::count: 1.5 is read as 1: write a whole number" },
    { "count: 0.9", "1:8: c::count: 0.9 is read as 0: write a whole number\n"
                    "1:8: c::count: 0.9 is out of range: it must be between 1 and 10" },
    { "count: -1.5", "1:8: c::count: -1.5 is out of range: it must not be negative" },
    { "level: -1.5", "1:8: c::level: -1.5 is read as -1: write a whole number" },
    { "level: .inf", "1:8: c::level: expected an integer, got a number \".inf\"" },
    { "count: 99999999999999999999", "1:8: c::count: expected an integer, got a number \"99999999999999999999\"" },
    { "level: -6", "1:8: c::level: -6 is out of range: it must be -5 or more" },
    { "ratio: 2", "1:8: c::ratio: 2 is out of range: it must be between 0 and 1" },
    { "wait: 5mins", "1:7: c::wait: \"5mins\" is not a duration; write 300ms, 5s or 2m" },
    { "wait: ''", "1:7: c::wait: \"\" is not a duration; write 300ms, 5s or 2m" },
    { "wait: 2h", "1:7: c::wait: 2h is out of range: it must be between 0s and 1h" },
    { "wait: 1.5", "1:7: c::wait: \"1.5\" is not a duration; write 300ms, 5s or 2m" },
    { "count:", "1:7: c::count: 0 is out of range: it must be between 1 and 10" },
    { "list: 5", "1:7: c::list: expected a list of strings, got an integer \"5\"" },
    { "headers: [{name: x, value: y, z: 1}]",
      "1:11: c::headers: a header is written `- name: x` with `value: y` below it" },
    { "name: 2001-12-14",
      "1:7: c::name: expected a string, got a date \"2001-12-14\"; put it in quotes: \"2001-12-14\"" },
    { "name: 2001-12-14 1:2:3", "1:7: c::name: expected a string, got a date \"2001-12-14 1:2:3\"; put it in quotes: "
                                "\"2001-12-14 1:2:3\"" },
    { "wait: 5", "1:7: c::wait: a duration without a unit is in nanoseconds; write 5s or 5ms if you meant that" },
    { "name: 5", "1:7: c::name: expected a string, got an integer \"5\"; put it in quotes: \"5\"" },
    { "name: [a]", "1:7: c::name: expected a string, got a list" },
    { "mode: slwo", "1:7: c::mode: \"slwo\" is not one of fast or slow; did you mean \"slow\"?" },
    { "list: [1]", "1:8: c::list::0: expected a string, got an integer \"1\"; put it in quotes: \"1\"" },
    { "map: x", "1:6: c::map: expected a map of names to strings, got a string \"x\"" },
    { "headers: [{name: x}]", "1:11: c::headers: a header is written `- name: x` with `value: y` below it" },
    { "plain: {m: 1}", "1:9: c::plain: has invalid keys: m; did you mean \"n\"?" },
    { "plain: {enabled: true}", "1:9: c::plain: has invalid keys: enabled; the keys here are n" },
    { "some: {enabled: 1}", "1:17: c::some::enabled: expected true or false, got an integer \"1\"" },
    { "items: [{}]", "1:9: c::items::0: requires a non-empty \"name\": A name." },
    { "tls: {x: 1}", "1:1: c::tls: not served yet" },
    { "[a]", "1:1: c: expected a map, got a list; write its keys without a dash in front" },
    { "coutn: 1\nflga: 1", "1:1: c: has invalid keys: coutn; did you mean \"count\"?\n"
                           "2:1: c: has invalid keys: flga; did you mean \"flag\"?" },
};

START_TEST(what_is_wrong_is_told_with_its_place_and_the_way_out)
{
    ck_assert_str_eq(decode(bad[_i].text), bad[_i].fault);
}
END_TEST

static const struct {
    const char *text;
    bool ok;
    int64_t ns;
    const char *printed;
} durations[] = {
    { "0", true, 0, "0s" },
    { "5ns", true, 5, "5ns" },
    { "1.5us", true, 1500, "1.5\xc2\xb5s" },
    { "300ms", true, 300000000, "300ms" },
    { "1.5h", true, 5400000000000, "1h30m0s" },
    { "1h30m", true, 5400000000000, "1h30m0s" },
    { "-2s", true, -2000000000, "-2s" },
    { ".5s", true, 500000000, "500ms" },
    { "1s500ms", true, 1500000000, "1.5s" },
    { "+3m", true, 180000000000, "3m0s" },
    { "", false, 0, "" },
    { "5", false, 0, "" },
    { "s", false, 0, "" },
    { "1d", false, 0, "" },
    { "1 s", false, 0, "" },
    { "9999999999h", false, 0, "" },
};

START_TEST(durations_are_read_and_printed_as_go_does)
{
    int64_t ns = -1;

    ck_assert_msg(duration_parse(durations[_i].text, &ns) == durations[_i].ok, "%s", durations[_i].text);
    if (!durations[_i].ok)
        return;
    ck_assert_int_eq(ns, durations[_i].ns);
    duration_print(ns, &out);
    ck_assert_str_eq(buf_cstr(&out), durations[_i].printed);
}
END_TEST

START_TEST(no_value_is_zero_for_scalars_and_the_default_for_the_rest)
{
    ck_assert_str_eq(
        decode("{flag: , level: ~, ratio: null, wait: , name: , key: , mode: , list: , map: , plain: , tls: }"), "");
    ck_assert(!s.flag && s.level == 0 && s.ratio == 0 && s.wait.ns == 0 && s.mode == 0 && s.list.n == 2);
    ck_assert_str_eq(s.name, "");
    ck_assert_str_eq(s.key.text, "");
}
END_TEST

START_TEST(texts_that_only_look_like_dates_are_strings)
{
    ck_assert_str_eq(decode("{name: 2001-12-14 is, list: [2001-1-1x, 1999-01-02T3, ~]}"), "");
    ck_assert_str_eq(s.name, "2001-12-14 is");
    ck_assert_uint_eq(s.list.n, 3);
    ck_assert_str_eq(s.list.v[2], "");
}
END_TEST

START_TEST(an_empty_list_under_a_refused_key_asks_for_nothing)
{
    ck_assert_str_eq(decode("tls: []"), "");
}
END_TEST

START_TEST(the_struct_prints_as_it_would_be_written_with_its_secrets_hidden)
{
    decode("{keyed: {h: {values: [v]}}, key: k, headers: {a: b}, none: {}}");
    out.len = 0;
    yaml_write(encode_struct(&arena, rows, &s, false), &out, true);
    ck_assert_str_eq(buf_cstr(&out),
                     "{\"flag\":true,\"count\":5,\"level\":-1,\"ratio\":0.5,\"wait\":\"200ms\",\"name\":\"x\","
                     "\"key\":\"[REDACTED]\",\"mode\":\"fast\",\"list\":[\"a\",\"b\"],\"map\":{},"
                     "\"headers\":{\"a\":\"[REDACTED]\"},\"plain\":{\"n\":7},\"none\":{\"n\":7},\"some\":{\"n\":7},"
                     "\"items\":[],\"keyed\":{\"h\":{\"values\":[\"v\"]}},\"text\":\"\"}\n");
}
END_TEST

/* --- fields of any type --- */

struct anything {
    const struct yaml_node *any;
};

static const struct option anything_rows[] = {
    OPT_ANY(struct anything, any, "Anything."),
    OPT_END,
};

static const struct {
    const char *variable, *text, *value;
} anything[] = {
    { "012345678912", "${env:T_ANY}", "12345678912" },
    { "012345678912", "\"${env:T_ANY}\"", "\"012345678912\"" },
    { "012345678912", "'${env:T_ANY}'", "\"012345678912\"" },
    { "012345678912", "!!str ${env:T_ANY}", "\"012345678912\"" },
    { "00001", "\"${T_ANY}\"", "\"00001\"" },
    { "00001", "[\"${T_ANY}\", {a: \"${T_ANY}\", b: \"${env:${env:T_ANY_NAME}}\", c: \"${env:T_ANY_REF}\"}]",
      "[\"00001\",{\"a\":\"00001\",\"b\":\"00001\",\"c\":\"00001\"}]" },
    { "00001", "a: \"${env:T_ANY_UNSET:-7}\"\nb: ${env:${env:T_ANY_NAME}}\nc: \"${env:T_ANY_PART}\"",
      "{\"a\":\"7\",\"b\":1,\"c\":\"x00001\"}" },
    { "true", "\"${T_ANY}\"", "\"true\"" },
    { "{a: b}", "\"${T_ANY}\"", "\"{a: b}\"" },
    { "{a: b}", "${T_ANY}", "{\"a\":\"b\"}" },
    { "\"0123\"", "${T_ANY}", "\"\\\"0123\\\"\"" },
    { " a  b ", "${T_ANY}", "\" a  b \"" },
    { " 5 ", "${T_ANY}", "5" },
    { "a: b: c", "${T_ANY}", "\"a: b: c\"" },
    { "", "\"${T_ANY}\"", "null" },
    { "", "${T_ANY}", "null" },
};

START_TEST(a_variable_in_quotes_or_behind_a_tag_is_text_and_keeps_its_blanks_and_quotes)
{
    struct anything a = { 0 };
    struct yaml_node *n = yaml_read(&arena, bytes_str(anything[_i].text), "f", 1, 1, &faults), *root;

    setenv("T_ANY", anything[_i].variable, 1);
    setenv("T_ANY_NAME", "T_ANY", 1);
    setenv("T_ANY_PART", "x${env:T_ANY}", 1);
    setenv("T_ANY_REF", "${env:T_ANY}", 1);
    expand_tree(&arena, &n, NULL, &faults);
    root = yaml_new(&arena, YAML_MAP, NULL);
    yaml_put(&arena, root, "any", 1, 1, n);
    decode_struct(&arena, anything_rows, root, "", &a, &faults);
    yaml_write(a.any, &out, true);
    out.len--;
    ck_assert_str_eq(buf_cstr(&out), anything[_i].value);
}
END_TEST

START_TEST(a_number_in_quotes_from_a_variable_is_still_a_number_where_one_is_wanted)
{
    struct yaml_node *n = yaml_read(&arena, bytes_str("{count: \"${env:T_ANY}\"}"), "f", 1, 1, &faults);

    setenv("T_ANY", "8", 1);
    expand_tree(&arena, &n, NULL, &faults);
    decode_struct(&arena, rows, n, "", &s, &faults);
    ck_assert_uint_eq(faults.list.n, 0);
    ck_assert_uint_eq(s.count, 8);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("decode");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(tc, NULL, teardown);
    tcase_add_test(tc, defaults_are_read_from_their_texts);
    tcase_add_test(tc, a_map_of_structs_is_read_with_its_keys);
    tcase_add_test(tc, text_may_be_written_as_a_number_where_the_row_says_so);
    tcase_add_test(tc, values_of_every_kind_are_read);
    tcase_add_loop_test(tc, what_is_wrong_is_told_with_its_place_and_the_way_out, 0, sizeof(bad) / sizeof(*bad));
    tcase_add_loop_test(tc, durations_are_read_and_printed_as_go_does, 0, sizeof(durations) / sizeof(*durations));
    tcase_add_test(tc, no_value_is_zero_for_scalars_and_the_default_for_the_rest);
    tcase_add_test(tc, texts_that_only_look_like_dates_are_strings);
    tcase_add_test(tc, an_empty_list_under_a_refused_key_asks_for_nothing);
    tcase_add_test(tc, the_struct_prints_as_it_would_be_written_with_its_secrets_hidden);
    tcase_add_loop_test(tc, a_variable_in_quotes_or_behind_a_tag_is_text_and_keeps_its_blanks_and_quotes, 0,
                        sizeof(anything) / sizeof(*anything));
    tcase_add_test(tc, a_number_in_quotes_from_a_variable_is_still_a_number_where_one_is_wanted);
    suite_add_tcase(suite, tc);
    r = srunner_create(suite);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
