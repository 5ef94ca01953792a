/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions and statements over one log record, and what is said of texts that are none. */
#include "ottl/ottl.h"

#include "base/mem.h"
#include "otlp/fields.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct buf record, resource;
static struct ottl_evaluation *evaluation;

static void put_text(struct buf *b, unsigned number, const char *key, const char *text)
{
    size_t pair = pb_begin(b, number), value;

    pb_put_str(b, OTLP_KEY_VALUE_KEY, key);
    value = pb_begin(b, OTLP_KEY_VALUE_VALUE);
    pb_put_str(b, OTLP_ANY_STRING, text);
    pb_end(b, value);
    pb_end(b, pair);
}

static void put_int(struct buf *b, unsigned number, const char *key, uint64_t n)
{
    size_t pair = pb_begin(b, number), value;

    pb_put_str(b, OTLP_KEY_VALUE_KEY, key);
    value = pb_begin(b, OTLP_KEY_VALUE_VALUE);
    pb_put_uint(b, OTLP_ANY_INT, n);
    pb_end(b, value);
    pb_end(b, pair);
}

static void setup(void)
{
    size_t body;

    evaluation = ottl_evaluation_new();
    pb_put_fixed64(&record, OTLP_LOG_TIME, 1700000000000000000u);
    pb_put_uint(&record, OTLP_LOG_SEVERITY_NUMBER, 9);
    body = pb_begin(&record, OTLP_LOG_BODY);
    pb_put_str(&record, OTLP_ANY_STRING, "hello");
    pb_end(&record, body);
    put_text(&record, OTLP_LOG_ATTRIBUTES, "user", "ann");
    put_int(&record, OTLP_LOG_ATTRIBUTES, "n", 7);
    pb_put_bytes(&record, OTLP_LOG_TRACE_ID, bytes_str("0123456789abcdef"));
    put_text(&resource, OTLP_RESOURCE_ATTRIBUTES, "service.name", "shop");
}

static void teardown(void)
{
    ottl_evaluation_free(evaluation);
    buf_free(&record);
    buf_free(&resource);
}

static const struct ottl_reading bare = { OTTL_LOG, true };

static bool ordered = true; /* the record is known to be in order, as it is */

static void begin(void)
{
    struct ottl_item item = { .resource = buf_bytes(&resource), .item = buf_bytes(&record), .ordered = ordered };

    ottl_begin(evaluation, &item, 0);
}

static bool test_text(const char *text, struct error *err)
{
    struct ottl_fault fault;
    struct ottl_program *p = ottl_parse_condition(text, bare, &fault);
    bool result = false;

    ck_assert_msg(p != NULL, "%s: %zu: %s", text, fault.at, fault.text);
    begin();
    if (!ottl_test(evaluation, p, &result, err))
        ck_assert(err->text[0] != '\0');
    ottl_program_free(p);
    return result;
}

static const struct truth {
    const char *text;
    bool is;
} truths[] = {
    { "true", true },
    { "not true", false },
    { "false or true and false", false },
    { "true or true and false", true },
    { "(false or true) and not false", true },
    { "severity_number == 9", true },
    { "severity_number == SEVERITY_NUMBER_INFO", true },
    { "severity_number < SEVERITY_NUMBER_WARN", true },
    { "log.severity_number >= SEVERITY_NUMBER_WARN2", false },
    { "severity_number == 9.0", true },
    { "severity_text == \"\"", true },
    { "severity_text == nil", false },
    { "attributes[\"user\"] == \"ann\"", true },
    { "attributes[\"user\"] != \"ann\"", false },
    { "Any(attributes, (k, v) => k == \"user\" and v == \"ann\")", true },
    { "not Any(attributes, (_, v) => v == \"bob\") and All(attributes, (k, _) => k != \"\")", true },
    { "Any([1, 2], (_, v) => Any([3, 4], (_, w) => v + w == 6))", true },
    { "Any([1, 2], (_, v) => Any([3, 4], (_, v) => v == 1))", false }, /* the inner name */
    { "Any([1, 2], (_, v) => Any([3, 4], (_, w) => w == 9) or v == 2)", true },
    { "All([], (_, severity_number) => severity_number == 1) and severity_number == 9", true },
    { "When(() => severity_number == 9, 1, body[\"is\"][\"none\"]) == 1", true }, /* the other value is not looked at */
    { "Reduce([1, 2, 3], 0, (a, i, v) => a + i * v) == 8", true },
    { "attributes[\"nobody\"] == nil", true },
    { "attributes[\"nobody\"] != \"x\"", true },
    { "attributes[\"nobody\"] < 3", false },
    { "nil <= nil", true },
    { "nil < nil", false },
    { "attributes[\"n\"] > 6 and attributes[\"n\"] < 7.5", true },
    { "attributes[\"n\"] == \"7\"", false },
    { "body == \"hello\"", true },
    { "body.string == \"hello\"", true },
    { "resource.attributes[\"service.name\"] == \"shop\"", true },
    { "instrumentation_scope.name == \"\"", true },
    { "1 + 2 * 3 == 7", true },
    { "(1 + 2) * 3 == 9", true },
    { "7 / 2 == 3", true },
    { "7 / 2.0 == 3.5", true },
    { "-attributes[\"n\"] == -7", true },
    { "10 - 3 - 2 == 5", true },
    { "trace_id == 0x30313233343536373839616263646566", true },
    { "trace_id.string == \"30313233343536373839616263646566\"", true },
    { "span_id.string == \"0000000000000000\"", true },
    { "Nanosecond(Unix(-9223372036, -854775808)) == 145224192", true },
    { "Second(Unix(-9223372036, -854775808)) == 43", true },
    { "Unix(9223372036) - Unix(-9223372036) == Duration(\"2562047h47m16.854775807s\")", true },
    { "Decode(\"hello\", \"windows-1258\") == \"hello\"", true },
    { "time_unix_nano == 1700000000000000000", true },
    { "observed_time - time < time - observed_time", true },
    { "[1, 2] == [1, 2]", true },
    { "[1, 2] == [2, 1]", false },
    { "{\"a\": 1, \"b\": 2} == {\"b\": 2, \"a\": 1}", true },
    { "[1] < [2]", false },
    { "true > false", true },
    { "\"b\" > \"abc\"", true },
    { "\"\\u00e4\\n\" == \"\xc3\xa4\\n\"", true },
};

START_TEST(conditions_are_true_or_false)
{
    struct error err = { 0 };

    for (unsigned i = 0; i < 2; i++) {
        ordered = i == 1;
        ck_assert_msg(test_text(truths[_i].text, &err) == truths[_i].is, "%s (%s)", truths[_i].text, err.text);
        ck_assert_str_eq(err.text, "");
    }
}
END_TEST

static const char *const untold[][2] = {
    { "1 / 0 == 1", "a division by 0" },
    { "1.5 / 0 == 1", "a division by 0" },
    { "time * 2 == 1", "a time * an integer is nothing that can be reckoned" },
    { "attributes[\"nobody\"] + 1 == 1", "nil + an integer is nothing that can be reckoned" },
    { "body[\"x\"] == 1", "a string cannot be indexed" },
    { "Unix(9223372036) + Duration(\"1s\") == Now()", "the time is outside of the years 1678 to 2262" },
    { "TruncateTime(Unix(-9223372036), Duration(\"24h\")) == Now()",
      "TruncateTime: the time is outside of the years 1678 to 2262" },
    { "attributes[\"user\"][0] == 1", "a string cannot be indexed" },
};

START_TEST(what_cannot_be_told_is_a_fault_with_its_reason)
{
    struct error err = { 0 };

    ck_assert(!test_text(untold[_i][0], &err));
    ck_assert_str_eq(err.text, untold[_i][1]);
}
END_TEST

static const struct wrong {
    const char *text;
    size_t at;
    const char *says;
} wrongs[] = {
    { "severity_numbr == 1", 0, "the context log has no field severity_numbr; did you mean severity_number?" },
    { "span.name == \"x\"", 0, "a path of the context span cannot be used in the context log" },
    { "body", 0, "a condition compares (with == != < <= > >=), or is a converter such as IsMatch()" },
    { "body = \"x\"", 5, "write == to compare" },
    { "body == 'x'", 8, "strings stand in double quotes" },
    { "body == \"x", 8, "the string that begins here is not closed" },
    { "body == \"\\d\"", 9, "\\d is no escape of a string; a backslash itself is \\\\" },
    { "body == \"x\" && true", 12, "write `and`" },
    { "body == SEVERITY_NUMBER_WRAN", 8, "the context log has no name SEVERITY_NUMBER_WRAN" },
    { "body == ", 8, "the text ends where a value is missing" },
    { "(body == 1", 10, "the text ends where `)` is missing behind the condition" },
    { "body == 1)", 9, "`)` is one too many" },
    { "body == 1 body == 2", 10, "the text should end before `body`; conditions are joined by `and` and `or`" },
    { "body == 99999999999999999999", 8, "an integer is at most 9223372036854775807" },
    { "body == 0x123", 8, "bytes have two digits each" },
    { "body == \"\\xff\"", 8, "the string is not valid UTF-8" },
    { "name() == 1", 0, "an editor such as name stands alone, at the beginning of a statement" },
    { "attributes[x] == 1", 11, "a key is a string in quotes, [\"x\"], or an integer" },
    { "attributes[1] == 1", 11, "the key of a map is a string" },
    { "severity_text[\"x\"] == 1", 13, "severity_text holds no keys" },
    { "Any(attributes, (v) => true)", 16, "this lambda has 2 names, not 1: (key, value) => ..." },
    { "Any(attributes, (a, b, c) => true)", 16, "this lambda has 2 names, not 3: (key, value) => ..." },
    { "Any(attributes, (a, a) => true)", 20, "the name a comes twice" },
    { "Any(attributes, (a, B) => true)", 20,
      "a name of a lambda is a word in lower case, or _ where it is not wanted" },
    { "Any(attributes, (a, not) => true)", 20,
      "a name of a lambda is a word in lower case, or _ where it is not wanted" },
    { "Any(attributes, true)", 16, "a lambda is wanted here: (key, value) => ..." },
    { "Any(attributes, (a, b) = > true)", 16, "a lambda is wanted here: (key, value) => ..." },
    { "Any(attributes, (_, v) => v.name == 1)", 27,
      "what v stands for has no fields: a key stands in brackets, [\"key\"]" },
    { "Any(attributes, (_, v) => )", 26, "a value is missing before `)`" },
    { "Any(attributes, (_, v) => v or true)", 26,
      "a condition compares (with == != < <= > >=), or is a converter such as IsMatch()" },
    { "Any(attributes, (_, v) => (_, w) => true)", 26, "(...) => stands only as an argument that takes one" },
    { "Any(attributes, (_, v) => true) and v == 1", 36, "the context log has no field v" },
    { "When(() => true, 1) == 1", 0, "the argument false_value is missing: When(condition, true_value, false_value)" },
};

START_TEST(a_fault_says_where_it_is_and_what_to_write)
{
    struct ottl_fault fault = { 0 };

    ck_assert_ptr_null(ottl_parse_condition(wrongs[_i].text, bare, &fault));
    ck_assert_str_eq(fault.text, wrongs[_i].says);
    ck_assert_uint_eq(fault.at, wrongs[_i].at);
}
END_TEST

START_TEST(nesting_and_size_are_bounded)
{
    struct ottl_fault fault = { 0 };
    char *deep = mem_zalloc(200000), *p = deep;

    memset(deep, '(', 10000);
    ck_assert_ptr_null(ottl_parse_condition(deep, bare, &fault));
    ck_assert_str_eq(fault.text, "nested deeper than 100 levels");
    memset(deep, '[', 10000);
    ck_assert_ptr_null(ottl_parse_condition(deep, bare, &fault));
    ck_assert_str_eq(fault.text, "nested deeper than 100 levels");
    memset(deep, 'a', 100000);
    ck_assert_ptr_null(ottl_parse_condition(deep, bare, &fault));
    ck_assert_str_eq(fault.text, "longer than 65536 bytes");
    for (unsigned i = 0; i < 1000; i++)
        p += sprintf(p, "Any([1], (_, v) => ");
    ck_assert_ptr_null(ottl_parse_condition(deep, bare, &fault));
    ck_assert_str_eq(fault.text, "more than 16 names of lambdas inside of each other");
    p = deep;
    for (unsigned i = 0; i < 1000; i++)
        p += sprintf(p, "Any([1], (_, _) => ");
    ck_assert_ptr_null(ottl_parse_condition(deep, bare, &fault));
    ck_assert_str_eq(fault.text, "nested deeper than 100 levels");
    p = deep;
    p += sprintf(p, "0");
    for (unsigned i = 0; i < 20000; i++)
        p += sprintf(p, "+1");
    sprintf(p, " == 20000");
    ck_assert(test_text(deep, NULL));
    free(deep);
}
END_TEST

/* Statements, one after the other on the same record, and a condition that holds afterwards. */
static const char *const changes[][4] = {
    { "set(severity_text, \"x\")", NULL, NULL, "severity_text == \"x\" and body == \"hello\"" },
    { "set(attributes[\"k\"], body)", NULL, NULL, "attributes[\"k\"] == \"hello\" and attributes[\"n\"] == 7" },
    { "set(attributes[\"user\"], 3.5)", NULL, NULL, "attributes[\"user\"] == 3.5" },
    { "set(attributes[\"user\"], nil)", NULL, NULL, "attributes[\"user\"] == \"ann\"" },
    { "set(attributes[\"a\"][\"b\"], 1)", "set(attributes[\"a\"][\"c\"][1], true)", NULL,
      "attributes[\"a\"] == {\"b\": 1, \"c\": [nil, true]}" },
    { "set(attributes, {\"only\": [1, \"2\"]})", NULL, NULL,
      "attributes[\"only\"][1] == \"2\" and attributes[\"user\"] == nil" },
    { "set(body, {\"a\": 1})", "set(body[\"b\"], 2)", NULL, "body == {\"a\": 1, \"b\": 2}" },
    { "set(severity_number, SEVERITY_NUMBER_ERROR)", "set(attributes[\"s\"], severity_number)", NULL,
      "severity_number == 17 and attributes[\"s\"] == 17" },
    { "set(cache[\"x\"], attributes[\"n\"])", "set(attributes[\"m\"], cache[\"x\"] + 1)", NULL,
      "attributes[\"m\"] == 8" },
    { "set(time_unix_nano, 5)", "set(observed_time, time)", NULL,
      "observed_time_unix_nano == 5 and time_unix_nano == 5" },
    { "set(trace_id.string, \"0102030405060708090a0b0c0d0e0f10\")", NULL, NULL,
      "trace_id == 0x0102030405060708090a0b0c0d0e0f10" },
    { "set(resource.attributes[\"service.name\"], \"other\")", NULL, NULL,
      "resource.attributes[\"service.name\"] == \"other\"" },
    { "set(severity_text, \"x\") where severity_number == 1", NULL, NULL, "severity_text == \"\"" },
    { "set(flags, 1)", NULL, NULL, "flags == 1" },
    { "set(severity_text, \"x\")", "set(attributes[\"z\"], \"w\")", "delete_key(attributes, \"n\")",
      "attributes[\"z\"] == \"w\" and severity_number == 9 and attributes[\"user\"] == \"ann\"" },
    { "delete_matching_keys(attributes, \".*\")", "set(attributes[\"z\"], \"w\")", "set(severity_number, 3)",
      "attributes[\"z\"] == \"w\" and severity_number == 3" },
};

static void run_text(const char *text, struct error *err, bool succeeds)
{
    struct ottl_fault fault;
    struct ottl_program *p = ottl_parse_statement(text, bare, &fault);
    bool ran;

    ck_assert_msg(p != NULL, "%s: %zu: %s", text, fault.at, fault.text);
    ck_assert_msg(ottl_run(evaluation, p, &ran, err) == succeeds, "%s: %s", text, err->text);
    ottl_program_free(p);
}

START_TEST(statements_change_the_item_and_see_each_other)
{
    struct error err = { 0 };
    struct ottl_fault fault;
    struct ottl_program *p = ottl_parse_condition(changes[_i][3], bare, &fault);
    bool result;

    ck_assert_msg(p != NULL, "%s", fault.text);
    begin();
    for (unsigned i = 0; i < 3 && changes[_i][i] != NULL; i++)
        run_text(changes[_i][i], &err, true);
    ck_assert(ottl_test(evaluation, p, &result, &err));
    ck_assert_msg(result, "%s", changes[_i][0]);
    ottl_program_free(p);
}
END_TEST

START_TEST(what_changes_nothing_leaves_the_item_where_it_was)
{
    struct error err = { 0 };

    begin();
    run_text("set(severity_text, \"x\") where body == 1", &err, true);
    run_text("set(severity_text, attributes[\"nobody\"])", &err, true);
    run_text("set(severity_text, 1)", &err, false);
    ck_assert_str_eq(err.text, "set: severity_text holds a string and cannot be set to an integer");
    ck_assert_uint_eq(ottl_changed(evaluation), 0);
    ck_assert_ptr_eq(ottl_item_now(evaluation)->item.data, record.data);
}
END_TEST

/* Control characters become six bytes each in JSON. */
START_TEST(an_item_that_took_too_much_memory_is_not_held_against_the_next)
{
    char *text = mem_zalloc(12000001);
    struct buf small = record;
    struct error err = { 0 };

    memset(text, 1, 12000000);
    record = (struct buf){ 0 };
    put_text(&record, OTLP_LOG_ATTRIBUTES, "big", text);
    begin();
    run_text("set(severity_text, String(attributes))", &err, false);
    buf_free(&record);
    record = small;
    begin();
    run_text("set(severity_text, \"x\")", &err, true);
    free(text);
}
END_TEST

/* Each of 4,000 entries would have a name of 100,000 bytes. */
START_TEST(names_of_fields_count_in_the_steps_of_each_line)
{
    static const char head[] = "#Version: 1.0\n#Fields: ";
    size_t name = 100000, lines = 4000, n = sizeof(head) - 1;
    char *text = mem_zalloc(n + name + 1 + 2 * lines + 1);
    struct error err = { 0 };

    memcpy(text, head, n);
    memset(text + n, 'a', name);
    text[n + name] = '\n';
    for (size_t i = 0; i < lines; i++)
        memcpy(text + n + name + 1 + 2 * i, "x\n", 2);
    put_text(&record, OTLP_LOG_ATTRIBUTES, "elf", text);
    begin();
    run_text("set(attributes[\"out\"], ParseELF(attributes[\"elf\"]))", &err, false);
    ck_assert_msg(strstr(err.text, "steps") != NULL, "%s", err.text);
    free(text);
}
END_TEST

START_TEST(the_context_is_the_deepest_that_a_path_names)
{
    const char *texts[] = { "resource.attributes[\"a\"] == \"span.name\"",
                            "scope.name == \"\" and span.name == \"x\"" };
    struct ottl_fault fault;

    ck_assert_int_eq(ottl_infer(texts, 1, ~0u, &fault), OTTL_RESOURCE);
    ck_assert_int_eq(ottl_infer(texts, 2, ~0u, &fault), OTTL_SPAN);
    ck_assert_int_eq(ottl_infer(texts, 2, OTTL_IN(OTTL_LOG), &fault), OTTL_CONTEXTS);
    ck_assert_str_eq(fault.text, "the context span is none of this signal's, which are log");
    ck_assert_int_eq(ottl_infer(texts, 2, OTTL_IN(OTTL_LOG) | OTTL_IN(OTTL_SCOPE) | OTTL_IN(OTTL_RESOURCE), &fault),
                     OTTL_CONTEXTS);
    ck_assert_str_eq(fault.text, "the context span is none of this signal's, which are resource, scope or log");
    texts[0] = "true";
    ck_assert_int_eq(ottl_infer(texts, 1, OTTL_IN(OTTL_METRIC) | OTTL_IN(OTTL_SCOPE), &fault), OTTL_CONTEXTS);
    ck_assert_str_eq(fault.text, "no path says which context this is about: begin one with its name and a dot: scope "
                                 "or metric");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ottl");
    TCase *c = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, conditions_are_true_or_false, 0, sizeof(truths) / sizeof(*truths));
    tcase_add_loop_test(c, what_cannot_be_told_is_a_fault_with_its_reason, 0, sizeof(untold) / sizeof(*untold));
    tcase_add_loop_test(c, a_fault_says_where_it_is_and_what_to_write, 0, sizeof(wrongs) / sizeof(*wrongs));
    tcase_add_test(c, nesting_and_size_are_bounded);
    tcase_add_loop_test(c, statements_change_the_item_and_see_each_other, 0, sizeof(changes) / sizeof(*changes));
    tcase_add_test(c, what_changes_nothing_leaves_the_item_where_it_was);
    tcase_add_test(c, an_item_that_took_too_much_memory_is_not_held_against_the_next);
    tcase_add_test(c, names_of_fields_count_in_the_steps_of_each_line);
    tcase_add_test(c, the_context_is_the_deepest_that_a_path_names);
    suite_add_tcase(s, c);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
