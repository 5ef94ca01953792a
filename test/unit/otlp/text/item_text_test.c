/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/text/item_text.h"

#include "command/request_text.h"
#include "otlp/validate.h"
#include "support/rig/rig.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct rig rig;
static struct item_texts a, b;
static struct buf out;

static void set_up(void)
{
    rig_init(&rig, 1);
}

static void tear_down(void)
{
    item_texts_free(&a);
    item_texts_free(&b);
    buf_free(&out);
    rig_close(&rig);
}

/* Adds the items of a request; apostrophes stand for quotation marks. */
static void add(struct item_texts *t, const char *json)
{
    struct buf text = { 0 }, wire = { 0 };
    struct error err = { 0 };
    struct block *block;
    struct validation v;
    enum signal signal;
    struct batch *batch;

    for (const char *p = json; *p != '\0'; p++)
        buf_putc(&text, *p == '\'' ? '"' : *p);
    ck_assert_msg(request_read(buf_bytes(&text), &signal, &wire, &err), "%s", err.text);
    ck_assert(otlp_validate(signal, buf_bytes(&wire), &v));
    block = block_force(&rig.budget, wire.len + 1);
    memcpy(block->data, wire.data, wire.len);
    batch = batch_new(signal, block, bytes_of(block->data, wire.len), v.items, 0);
    ck_assert_msg(item_texts_add(t, batch, &rig.budget, &err), "%s", err.text);
    batch_unref(batch);
    buf_free(&text);
    buf_free(&wire);
}

static void add_log(struct item_texts *t, const char *record)
{
    char *json = mem_printf("{'resourceLogs':[{'scopeLogs':[{'logRecords':[%s]}]}]}", record);

    add(t, json);
    free(json);
}

static size_t diff(void)
{
    out.len = 0;
    return item_texts_diff(&a, &b, 10, &out);
}

START_TEST(neither_the_order_of_attributes_nor_the_grouping_of_items_tells_them_apart)
{
    add(&a, "{'resourceLogs':[{'scopeLogs':[{'logRecords':[{'severityText':'a','attributes':[{'key':'k','value':"
            "{'intValue':'1'}},{'key':'j','value':{'kvlistValue':{'values':[{'key':'x','value':{}},{'key':'w'}]}}}]},"
            "{'severityText':'b'}]}]}]}");
    add(&b, "{'resourceLogs':[{'scopeLogs':[{'logRecords':[{'severityText':'b'}]}]},{'scopeLogs':[{'logRecords':["
            "{'severityText':'a','attributes':[{'key':'j','value':{'kvlistValue':{'values':[{'key':'w','value':{}},"
            "{'key':'x'}]}}},{'key':'k','value':{'intValue':1}}]}]}]}]}");
    ck_assert_uint_eq(a.v.n, 2);
    ck_assert_uint_eq(diff(), 0);
    ck_assert_uint_eq(out.len, 0);
}
END_TEST

static const char *const values[] = {
    "{'intValue':7}",
    "{'doubleValue':7}",
    "{'stringValue':'7'}",
    "{'stringValue':'7.0'}",
    "{'boolValue':true}",
    "{'stringValue':'true'}",
    "{'stringValue':''}",
    "{}",
    "{'bytesValue':'YWJj'}",
    "{'stringValue':'YWJj'}",
    "{'doubleValue':'NaN'}",
    "{'stringValue':'NaN'}",
    "{'doubleValue':'Infinity'}",
    "{'doubleValue':'-Infinity'}",
    "{'arrayValue':{}}",
    "{'kvlistValue':{}}",
    "{'arrayValue':{'values':[{'intValue':7}]}}",
    "{'arrayValue':{'values':[{}]}}",
    "{'kvlistValue':{'values':[{'key':'a','value':{'intValue':7}}]}}",
    "{'stringValue':'a: 7'}",
    "{'stringValue':'null'}",
    "{'stringValue':'a\\u0000b'}",
    "{'stringValue':'a'}",
    "{'stringValue':'a\\\\\\n\\u001b'}",
};

START_TEST(values_of_different_types_have_different_texts)
{
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        char *record = mem_printf("{'body':%s,'attributes':[{'key':'k','value':%s}]}", values[i], values[i]);

        add_log(&a, record);
        free(record);
    }
    for (size_t i = 0; i < a.v.n; i++)
        for (size_t k = 0; k < i; k++)
            ck_assert_msg(strcmp(a.v.v[i], a.v.v[k]) != 0, "%s and %s are both\n%s", values[k], values[i], a.v.v[i]);
    ck_assert_uint_eq(a.v.n, ARRAY_LEN(values));
}
END_TEST

START_TEST(an_item_has_the_heads_that_it_is_in)
{
    add(&a, "{'resourceMetrics':[{'resource':{'attributes':[{'key':'k','value':{'stringValue':'v'}}]},'schemaUrl':'u',"
            "'scopeMetrics':[{'scope':{'name':'s'},'schemaUrl':'w','metrics':[{'name':'m','unit':'1','sum':{"
            "'isMonotonic':true,'aggregationTemporality':2,'dataPoints':[{'asInt':1},{'asInt':2}]}}]}]}]}");
    ck_assert_uint_eq(a.v.n, 2);
    ck_assert_str_eq(a.v.v[1], "resource:\n  attributes:\n    k: v\nresourceSchemaUrl: u\nscope:\n  name: s\n"
                               "scopeSchemaUrl: w\nmetric:\n  name: m\n  unit: \"1\"\n  sum:\n    dataPoints:\n"
                               "      - asInt: \"2\"\n    aggregationTemporality: 2\n    isMonotonic: true\n");
}
END_TEST

START_TEST(items_that_are_much_alike_are_shown_line_by_line)
{
    add_log(&a, "{'severityNumber':9,'severityText':'x','body':{'stringValue':'one'}}");
    add_log(&a, "{'severityNumber':9,'severityText':'x','body':{'stringValue':'same'}}");
    add_log(&b, "{'severityNumber':9,'severityText':'x','body':{'stringValue':'same'}}");
    add_log(&b, "{'severityNumber':9,'severityText':'x','body':{'stringValue':'two'},'eventName':'e'}");
    ck_assert_uint_eq(diff(), 1);
    ck_assert_str_eq(buf_cstr(&out),
                     "  log:\n    severityNumber: 9\n    severityText: x\n-   body: one\n+   body: two\n"
                     "+   eventName: e\n");
}
END_TEST

START_TEST(items_that_come_several_times_are_counted)
{
    for (unsigned i = 0; i < 3; i++)
        add_log(&a, "{'severityText':'x'}");
    add_log(&b, "{'severityText':'x'}");
    ck_assert_uint_eq(diff(), 2);
    ck_assert_str_eq(buf_cstr(&out), "- log:\n-   severityText: x\n\n- log:\n-   severityText: x\n");
}
END_TEST

START_TEST(many_differences_are_cut_short_and_counted)
{
    for (unsigned i = 0; i < 500; i++) {
        char *record = mem_printf("{'severityText':'%u'}", i);

        add_log(&a, record);
        free(record);
    }
    ck_assert_uint_eq(diff(), 500);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&out), "... and 490 more\n"));
}
END_TEST

START_TEST(what_a_terminal_would_act_on_is_shown_as_escapes)
{
    static const char turned[] = { (char)0xe2, (char)0x80, (char)0xae, '\0' }; /* U+202E */

    add_log(&a, "{'body':{'stringValue':'\\u202e'}}");
    ck_assert_ptr_nonnull(strstr(a.v.v[0], turned));
    ck_assert_uint_eq(diff(), 1);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&out), "\\u202e"));
    ck_assert_ptr_null(strstr(buf_cstr(&out), turned));
}
END_TEST

START_TEST(characters_that_yaml_does_not_take_are_shown_all_the_same)
{
    add_log(&a, "{'body':{'stringValue':'\\u007f\\u009b\\ufeff\\uffff'}}");
    ck_assert_uint_eq(a.v.n, 1);
    ck_assert_uint_eq(diff(), 1);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&out), "\\u007f\\u009b"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("item_text");
    TCase *tc = tcase_create("item_text");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, neither_the_order_of_attributes_nor_the_grouping_of_items_tells_them_apart);
    tcase_add_test(tc, values_of_different_types_have_different_texts);
    tcase_add_test(tc, an_item_has_the_heads_that_it_is_in);
    tcase_add_test(tc, items_that_are_much_alike_are_shown_line_by_line);
    tcase_add_test(tc, items_that_come_several_times_are_counted);
    tcase_add_test(tc, many_differences_are_cut_short_and_counted);
    tcase_add_test(tc, what_a_terminal_would_act_on_is_shown_as_escapes);
    tcase_add_test(tc, characters_that_yaml_does_not_take_are_shown_all_the_same);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
