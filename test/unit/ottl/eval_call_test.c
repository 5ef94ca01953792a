/* SPDX-License-Identifier: Apache-2.0 */
/* What an item costs: work and memory that its sender can make grow are counted in steps before they are done, so that
 * a statement on the worst of items fails soon and with little. */
#include "ottl/ottl.h"

#include "base/mem.h"
#include "otlp/fields.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* What the sanitizer keeps of memory that was given back is none of ours. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define MOST_KIB 1500000
#else
#define MOST_KIB 150000
#endif

static struct buf item;
static struct ottl_evaluation *evaluation;

static void setup(void)
{
    evaluation = ottl_evaluation_new();
}

static void teardown(void)
{
    ottl_evaluation_free(evaluation);
    buf_free(&item);
}

static void put_fill(struct buf *b, unsigned number, size_t n, uint8_t with)
{
    size_t mark = pb_begin(b, number);

    memset(buf_reserve(b, n), with, n);
    b->len += n;
    pb_end(b, mark);
}

/* ---- attributes of a log record: `text`, `list`, `map` and `keys` ---- */

static size_t marks[2];

static void open_attribute(const char *key)
{
    marks[0] = pb_begin(&item, OTLP_LOG_ATTRIBUTES);
    pb_put_str(&item, OTLP_KEY_VALUE_KEY, key);
    marks[1] = pb_begin(&item, OTLP_KEY_VALUE_VALUE);
}

static void close_attribute(void)
{
    pb_end(&item, marks[1]);
    pb_end(&item, marks[0]);
}

static void put_attribute(const char *key, unsigned member, struct buf *content)
{
    open_attribute(key);
    pb_put_bytes(&item, member, buf_bytes(content));
    close_attribute();
    buf_free(content);
}

static void put_text(size_t n)
{
    open_attribute("text");
    put_fill(&item, OTLP_ANY_STRING, n, 'a');
    close_attribute();
}

static void put_list(size_t n)
{
    struct buf list = { 0 };

    for (size_t i = 0; i < n; i++)
        pb_put_bytes(&list, OTLP_LIST_VALUES, bytes_of(NULL, 0));
    put_attribute("list", OTLP_ANY_ARRAY, &list);
}

static void put_text_element(struct buf *out, size_t i)
{
    char text[32];

    snprintf(text, sizeof(text), "key%06zu", i);
    pb_put_str(out, OTLP_ANY_STRING, text);
}

/* `first` + `step` * i are the numbers of its keys. */
static void put_map(const char *key, size_t n, size_t first, long step)
{
    struct buf map = { 0 };

    for (size_t i = 0; i < n; i++) {
        size_t pair = pb_begin(&map, OTLP_LIST_VALUES), value;

        put_text_element(&map, first + (size_t)(step * (long)i));
        value = pb_begin(&map, OTLP_KEY_VALUE_VALUE);
        pb_put_str(&map, OTLP_ANY_STRING, "v");
        pb_end(&map, value);
        pb_end(&map, pair);
    }
    put_attribute(key, OTLP_ANY_MAP, &map);
}

static void put_keys(size_t n)
{
    struct buf list = { 0 };

    for (size_t i = 0; i < n; i++) {
        size_t mark = pb_begin(&list, OTLP_LIST_VALUES);

        put_text_element(&list, 500000 + i);
        pb_end(&list, mark);
    }
    put_attribute("keys", OTLP_ANY_ARRAY, &list);
}

/* ---- running ---- */

static bool run(const char *text, enum ottl_context context, unsigned data, struct error *err)
{
    struct ottl_item log = { .item = buf_bytes(&item) }, metric = { .metric = buf_bytes(&item) },
                     point = { .item = buf_bytes(&item), .data = data };
    struct ottl_fault fault;
    struct ottl_program *p =
        ottl_parse_statement(text, (struct ottl_reading){ .context = context, .bare = true }, &fault);
    bool ran, good;

    ck_assert_msg(p != NULL, "%s: %zu: %s", text, fault.at, fault.text);
    ottl_begin(evaluation, context == OTTL_LOG ? &log : context == OTTL_METRIC ? &metric : &point, 0);
    good = ottl_run(evaluation, p, &ran, err);
    ottl_program_free(p);
    return good;
}

/* It fails for its steps, and takes little on the way. */
static void assert_costly(const char *text, enum ottl_context context, unsigned data)
{
    struct rusage before, after;
    struct error err = { 0 };

    getrusage(RUSAGE_SELF, &before);
    ck_assert_msg(!run(text, context, data, &err), "%s", text);
    getrusage(RUSAGE_SELF, &after);
    ck_assert_msg(strstr(err.text, "steps") != NULL || strstr(err.text, "memory") != NULL, "%s: %s", text, err.text);
    ck_assert_msg(after.ru_maxrss - before.ru_maxrss < MOST_KIB, "%s: %ld KiB", text,
                  after.ru_maxrss - before.ru_maxrss);
}

static const char *const costly[] = {
    "set(severity_text, Concat(attributes[\"list\"], \"\"))",
    "append(attributes[\"out\"], values=attributes[\"list\"])",
    "replace_all_matches(attributes[\"map\"], \"*\", attributes[\"text\"])",
    "replace_all_patterns(attributes[\"map\"], \"value\", \".\", attributes[\"text\"])",
    "keep_keys(attributes[\"map\"], attributes[\"keys\"])",
    ("set(attributes[\"out\"], MapEach(attributes[\"keys\"], (_, v) => Len(Filter(attributes[\"keys\"], (_, w) => v == "
     "w))))"),
    "set(attributes[\"out\"], MapEach(attributes[\"keys\"], (_, v) => attributes[\"text\"]))",
    "set(attributes[\"out\"], MapKeys(attributes[\"map\"], (k, _) => Concat([k, attributes[\"text\"]], \"\")))",
    "set(attributes[\"out\"], Reduce(attributes[\"keys\"], \"\", (a, _, v) => Concat([a, a, v], \"\")))",
};

START_TEST(what_a_sender_makes_large_costs_steps_before_it_is_done)
{
    put_text(1000000);
    put_list(2000000);
    put_map("map", 5000, 0, 1);
    put_keys(5000);
    assert_costly(costly[_i], OTTL_LOG, 0);
}
END_TEST

/* It looks through the rest of the text again for each letter. */
START_TEST(a_search_costs_what_it_looks_through)
{
    put_text(1000000);
    assert_costly("replace_pattern(attributes[\"text\"], \"a(.*z)?\", \"b\")", OTTL_LOG, 0);
}
END_TEST

#define SLOW_PATTERN "[ab]*a[ab]{300}x" /* RE2 goes through 300 instructions for each letter */

static const char *const slow[] = {
    "set(severity_text, \"x\") where IsMatch(attributes[\"text\"], \"" SLOW_PATTERN "\")",
    "set(attributes, ExtractPatterns(attributes[\"text\"], \"(?P<n>" SLOW_PATTERN ")\"))",
    "set(attributes, ExtractGrokPatterns(attributes[\"text\"], \"%{SLOW:n}\", true, [\"SLOW=" SLOW_PATTERN "\"]))",
    "replace_pattern(attributes[\"text\"], \"" SLOW_PATTERN "\", \"\")",
    "replace_all_patterns(attributes, \"value\", \"" SLOW_PATTERN "\", \"\")",
    "replace_match(attributes[\"text\"], \"*a????????????????????????????????????????????????????????????x*\", \"\")",
    "replace_all_matches(attributes, \"*a????????????????????????????????????????????????????????????x*\", \"\")",
    "delete_matching_keys(attributes, \"" SLOW_PATTERN "\")",
    "keep_matching_keys(attributes, \"" SLOW_PATTERN "\")",
};

/* A value and a key of 1 MB. */
START_TEST(a_search_that_may_take_more_than_an_item_has_is_not_begun)
{
    struct error err = { 0 };
    size_t pair = pb_begin(&item, OTLP_LOG_ATTRIBUTES);

    put_fill(&item, OTLP_KEY_VALUE_KEY, 1000000, 'a');
    pb_end(&item, pair);
    put_text(1000000);
    ck_assert_msg(!run(slow[_i], OTTL_LOG, 0, &err), "%s", slow[_i]);
    ck_assert_msg(strstr(err.text, "may take more than 1000000 steps") != NULL, "%s: %s", slow[_i], err.text);
}
END_TEST

/* The same pattern is nothing to fear on what is short, and a plain one on what is long. */
START_TEST(a_search_that_is_quick_for_its_text_is_done)
{
    struct error err = { 0 };

    put_text(1000000);
    ck_assert(run("replace_pattern(attributes[\"text\"], \"(?i)[a-z]+\", \"b\")", OTTL_LOG, 0, &err));
    buf_free(&item);
    put_text(10000);
    ck_assert(run(slow[3], OTTL_LOG, 0, &err));
    ck_assert(run(slow[8], OTTL_LOG, 0, &err));
}
END_TEST

START_TEST(a_replacement_that_names_the_match_often_costs_what_it_comes_to)
{
    struct buf text = { 0 };

    put_text(1000000);
    buf_puts(&text, "replace_pattern(attributes[\"text\"], \".*\", \"");
    for (int i = 0; i < 1000; i++)
        buf_puts(&text, "$0");
    buf_puts(&text, "\")");
    assert_costly(buf_cstr(&text), OTTL_LOG, 0);
    buf_free(&text);
}
END_TEST

START_TEST(long_delimiters_cost_steps_for_each_pair)
{
    struct buf text = { 0 };

    put_map("map", 5000, 0, 1);
    buf_puts(&text, "set(severity_text, ToKeyValueString(attributes[\"map\"], \"");
    for (int i = 0; i < 60000; i++)
        buf_putc(&text, '=');
    buf_puts(&text, "\", \" \"))");
    assert_costly(buf_cstr(&text), OTTL_LOG, 0);
    buf_free(&text);
}
END_TEST

START_TEST(packed_numbers_cost_a_step_each)
{
    size_t buckets = pb_begin(&item, OTLP_EXPONENTIAL_POSITIVE);

    put_fill(&item, OTLP_BUCKETS_COUNTS, 4000000, 1);
    pb_end(&item, buckets);
    assert_costly("set(cache[\"n\"], Len(positive.bucket_counts))", OTTL_DATAPOINT, OTLP_METRIC_EXPONENTIAL);
}
END_TEST

/* Each of 2,000 quantiles would have 100,000 bytes of attributes. */
START_TEST(quantiles_cost_the_attributes_that_each_of_them_gets)
{
    size_t summary = pb_begin(&item, OTLP_METRIC_SUMMARY), point = pb_begin(&item, OTLP_DATA_POINTS);
    size_t pair = pb_begin(&item, OTLP_SUMMARY_ATTRIBUTES);

    put_fill(&item, OTLP_KEY_VALUE_KEY, 100000, 'k');
    pb_end(&item, pair);
    for (int i = 0; i < 2000; i++)
        pb_put_bytes(&item, OTLP_SUMMARY_QUANTILES, bytes_of(NULL, 0));
    pb_end(&item, point);
    pb_end(&item, summary);
    assert_costly("convert_summary_quantile_val_to_gauge()", OTTL_METRIC, 0);
}
END_TEST

START_TEST(large_maps_in_another_order_are_compared_at_once)
{
    struct error err = { 0 };

    put_map("map", 40000, 0, 1);
    put_map("other", 40000, 39999, -1);
    ck_assert_msg(
        run("set(severity_text, \"same\") where attributes[\"map\"] == attributes[\"other\"]", OTTL_LOG, 0, &err), "%s",
        err.text);
    ck_assert(ottl_changed(evaluation) == OTTL_CHANGED_ITEM);
}
END_TEST

/* 45,000 attributes, each behind 45,000 others that stay. */
static void put_long_element(void)
{
    struct buf xml = { 0 };

    buf_puts(&xml, "<e");
    for (unsigned i = 0; i < 90000; i++)
        buf_puts(&xml, i < 45000 ? " a=''" : " b=''");
    buf_puts(&xml, "/>");
    put_attribute("text", OTLP_ANY_STRING, &xml);
}

/* CPU time in ms; it gives a text of that length. */
static long run_removal(const char *function, char name, unsigned len)
{
    char *text = mem_printf("set(severity_text, \"\") where Len(%s(attributes[\"text\"], \"//@%c\")) == %u", function,
                            name, len);
    struct rusage before, after;
    struct error err = { 0 };

    getrusage(RUSAGE_SELF, &before);
    ck_assert_msg(run(text, OTTL_LOG, 0, &err), "%s", err.text);
    getrusage(RUSAGE_SELF, &after);
    ck_assert_msg(ottl_changed(evaluation) == OTTL_CHANGED_ITEM, "%s", text);
    free(text);
    return (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000 +
           (after.ru_utime.tv_usec - before.ru_utime.tv_usec) / 1000;
}

/* The last ones cost no more than the first ones. */
START_TEST(many_attributes_of_an_element_are_removed_at_once)
{
    const char *function = _i == 0 ? "RemoveXML" : "ConvertAttributesToElementsXML";
    unsigned len = 7 + 45000 * (_i == 0 ? 5 : 12);
    long first, last;

    put_long_element();
    first = run_removal(function, 'a', len);
    last = run_removal(function, 'b', len);
    ck_assert_msg(last <= 10 * first + 500, "%ld ms, and %ld ms", first, last);
}
END_TEST

START_TEST(attributes_that_a_path_gives_backwards_are_removed_too)
{
    struct error err = { 0 };

    put_text(1);
    ck_assert_msg(run("set(severity_text, \"\") where RemoveXML(\"<a x='1' y='2'><b z='3' x='4'/></a>\", "
                      "\"reverse(//@*)\") == \"<a><b></b></a>\"",
                      OTTL_LOG, 0, &err),
                  "%s", err.text);
    ck_assert_uint_eq(ottl_changed(evaluation), OTTL_CHANGED_ITEM);
}
END_TEST

START_TEST(a_statement_that_runs_out_of_steps_or_memory_has_changed_nothing)
{
    const struct ottl_reading how = { .context = OTTL_LOG, .bare = true };
    struct ottl_fault fault;
    struct ottl_program *p =
        ottl_parse_statement("set(attributes[\"n\"], Concat([attributes[\"n\"], \"x\"], \"\"))", how, &fault);
    const struct ottl_item *now;
    struct ottl_item whole;
    struct error err = { 0 };
    struct bytes before;
    unsigned changed;
    bool ran = false;

    put_text(1 << 20);
    open_attribute("n");
    pb_put_str(&item, OTLP_ANY_STRING, "");
    close_attribute();
    whole = (struct ottl_item){ .item = buf_bytes(&item) };
    ottl_begin(evaluation, &whole, 0);
    now = ottl_item_now(evaluation);
    do {
        before = now->item;
        changed = ottl_changed(evaluation);
    } while (ottl_run(evaluation, p, &ran, &err));
    ck_assert_uint_eq(changed, OTTL_CHANGED_ITEM); /* by those before */
    ck_assert_ptr_eq(now->item.data, before.data);
    ck_assert_uint_eq(now->item.len, before.len);
    ottl_program_free(p);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("eval_call");
    TCase *c = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 300);
    tcase_add_loop_test(c, what_a_sender_makes_large_costs_steps_before_it_is_done, 0,
                        sizeof(costly) / sizeof(*costly));
    tcase_add_test(c, a_search_costs_what_it_looks_through);
    tcase_add_loop_test(c, a_search_that_may_take_more_than_an_item_has_is_not_begun, 0, sizeof(slow) / sizeof(*slow));
    tcase_add_test(c, a_search_that_is_quick_for_its_text_is_done);
    tcase_add_test(c, a_replacement_that_names_the_match_often_costs_what_it_comes_to);
    tcase_add_test(c, long_delimiters_cost_steps_for_each_pair);
    tcase_add_test(c, packed_numbers_cost_a_step_each);
    tcase_add_test(c, quantiles_cost_the_attributes_that_each_of_them_gets);
    tcase_add_test(c, large_maps_in_another_order_are_compared_at_once);
    tcase_add_loop_test(c, many_attributes_of_an_element_are_removed_at_once, 0, 2);
    tcase_add_test(c, attributes_that_a_path_gives_backwards_are_removed_too);
    tcase_add_test(c, a_statement_that_runs_out_of_steps_or_memory_has_changed_nothing);
    suite_add_tcase(s, c);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
