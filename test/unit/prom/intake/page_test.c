/* SPDX-License-Identifier: Apache-2.0 */
#include "prom/intake/page.h"

#include "prom/model/number.h"

#include <check.h>
#include <stdlib.h>

static const struct page_series nobody_knows;

static void put_labels(struct buf *b, struct page_reader *g, struct label_set *labels)
{
    struct buf empty = { 0 };
    const char *fault = page_read_series(g->series, g->openmetrics, labels, &empty);

    if (fault != NULL)
        buf_printf(b, "!%s", fault);
    for (size_t i = 0; i < labels->list.n && fault == NULL; i++)
        buf_printf(b, "%s%.*s=%.*s", i > 0 ? "," : "", (int)labels->list.v[i].name.len,
                   (const char *)labels->list.v[i].name.data, (int)labels->list.v[i].value.len,
                   (const char *)labels->list.v[i].value.data);
    buf_free(&empty);
}

static void put_number(struct buf *b, double v)
{
    char text[NUMBER_MAX];

    buf_append(b, text, number_put(text, v));
}

static void put_sample(struct buf *b, struct page_reader *g)
{
    struct label_set labels = { 0 };

    put_labels(b, g, &labels);
    buf_putc(b, ' ');
    put_number(b, g->value);
    if (g->has_time)
        buf_printf(b, " @%lld", (long long)g->time_ms);
    if (g->has_exemplar) {
        page_read_exemplar(g->exemplar.labels, &labels);
        buf_puts(b, " #");
        for (size_t i = 0; i < labels.list.n; i++)
            buf_printf(b, "%.*s=%.*s,", (int)labels.list.v[i].name.len, (const char *)labels.list.v[i].name.data,
                       (int)labels.list.v[i].value.len, (const char *)labels.list.v[i].value.data);
        put_number(b, g->exemplar.value);
        if (g->exemplar.has_time)
            buf_printf(b, "@%lld", (long long)g->exemplar.time_ms);
    }
    label_set_free(&labels);
}

/* An entry a line; a page that fails ends with `!` and why. */
static const char *read_page(struct bytes body, bool openmetrics, struct buf *b)
{
    struct page_reader g;
    enum page_entry e;

    b->len = 0;
    page_init(&g, body, openmetrics);
    while ((e = page_next(&g, &nobody_knows)) != PAGE_END && e != PAGE_BAD) {
        if (e == PAGE_SAMPLE)
            put_sample(b, &g);
        else
            buf_printf(b, "%s %.*s %.*s",
                       e == PAGE_TYPE   ? "TYPE"
                       : e == PAGE_HELP ? "HELP"
                                        : "UNIT",
                       (int)g.name.len, (const char *)g.name.data, (int)g.text.len, (const char *)g.text.data);
        buf_putc(b, '\n');
    }
    if (e == PAGE_BAD)
        buf_printf(b, "!%s", g.fault);
    page_free(&g);
    return buf_cstr(b);
}

struct page_case {
    const char *page, *read; /* read: what stands first in what was read; for faults only a part, behind `!` */
};

static const struct page_case texts[] = {
    { "", "" },
    { "\n \n\t\n", "" },
    { "a 1", "__name__=a 1\n" },
    { "  a 1\n", "__name__=a 1\n" },
    { "a\t 1 \t\n", "__name__=a 1\n" },
    { "a 1 12 \n", "__name__=a 1 @12\n" },
    { "a{} +Inf\na -inf\na NaN\na 1e3\na .5\na 5.\n",
      "__name__=a +Inf\n__name__=a -Inf\n__name__=a NaN\n__name__=a 1000\n__name__=a 0.5\n__name__=a 5\n" },
    { "a:b:c5{_d=\"e\",} 1\n", "__name__=a:b:c5,_d=e 1\n" },
    { "a { b = \"c\" , d = \"e\" , } 1\n", "__name__=a,b=c,d=e 1\n" },
    { "a{b=\"c\" d=\"e\"} 1\n", "__name__=a,b=c,d=e 1\n" },
    { "a{b=\"\\\"x\\\" \\\\ \\n \\y\"}1\n", "__name__=a,b=\"x\" \\ \n \\y 1\n" },
    { "a{b=\"}\"} 1\n", "__name__=a,b=} 1\n" },
    { "a{b=\"x\ny\"} 1\n", "__name__=a,b=x\ny 1\n" },
    { "a{b=\"\"} 1\n", "__name__=a 1\n" },
    { "{\"a.b\"} 1\n{\"a b\",\"c.d\"=\"e\"} 2\n{b=\"c\",\"a.b\"} 3\n",
      "__name__=a.b 1\n__name__=a b,c.d=e 2\n__name__=a.b,b=c 3\n" },
    { "# HELP a b \\\\ c \\n d \\\" e\n# \tTYPE\ta gauge\n# HELP n\n#\n# anything\n#HELP x y\n# HELPER x y\na 1\n",
      "HELP a b \\ c \n d \\\" e\nTYPE a gauge\nHELP n \n__name__=a 1\n" },
    { "# TYPE \"a.b\" untyped\n# HELP \"a \\\"b\" c\n", "TYPE a.b untyped\nHELP a \"b c\n" },
    { "a 1\n9a 1\n", "__name__=a 1\n!a line begins" },
    { "<html>\n", "!a line begins" },
    { "a", "!the value is missing" },
    { "a \n", "!the value is missing" },
    { "a true\n", "!the value is not a number" },
    { "a 1_2\n", "!the value is not a number" },
    { "a 0x1p-3\n", "!the value is not a number" },
    { "a 0x10\n", "!the value is not a number" },
    { "a 1e999\n", "!the value is not a number" },
    { "a 1 1_2\n", "!the time is not" },
    { "a 1 -5\n", "!the time is not" },
    { "a 1 1.5\n", "!the time is not" },
    { "a 1 99999999999999999999\n", "!the time is not" },
    { "a 1 2 3\n", "!there is something behind" },
    { "a 1 # {b=\"c\"} 1\n", "!the time is not" },
    { "a{b='c'} 1\n", "!the value of a label is not in quotes 1" },
    { "a{b=\n", "!the braces do not end" },
    { "a{b=\"c\n", "!quotes do not end" },
    { "a{=\"\"} 1\n", "!a label's name is missing" },
    { "a{\xff=\"c\"} 1\n", "!a label's name is missing" },
    { "a{b=\"\xff\"} 1\n", "!a label is not valid UTF-8" },
    { "{A} 0\n", "!a label has no `=`" },
    { "{\"a\",b\\nc=\"d\"} 1\n", "!a label has no `=`" },
    { "{b=\"c\"} 1\n", "!the name of the metric is missing" },
    { "{\"a\",\"b\"} 1\n", "!the name of the metric stands there twice" },
    { "a{\"b\"} 1\n", "!the name of the metric stands there twice" },
    { "a{b=\"1\",b=\"2\"} 1\n", "!a label stands there twice" },
    { "a{__name__=\"b\"} 1\n", "!a label stands there twice" },
    { "# TYPE a\n", "!no such type" },
    { "# TYPE a counter \n", "!no such type" },
    { "# TYPE a info\n", "!no such type" },
    { "# TYPE #\n", "!a name of a family is missing" },
    { "# HELP #\n", "!a name of a family is missing" },
    { "# HELP a \xff\n", "!the help text is not valid UTF-8" },
};

static const struct page_case openmetrics[] = {
    { "# EOF", "" },
    { "# EOF\n", "" },
    { "a 1\na{b=\"c\",} 1.0 1.5\n# EOF\n", "__name__=a 1\n__name__=a,b=c 1 @1500\n" },
    { "a 1 -2.5\n# EOF", "__name__=a 1 @-2500\n" },
    { "a_total 1 # {} 2\n# EOF\n", "__name__=a_total 1 #2\n" },
    { "a 1 5 # {b=\"c\",d=\"\\\"}\"} 2 3.25\n# EOF\n", "__name__=a 1 @5000 #b=c,d=\"},2@3250\n" },
    { "# TYPE a gaugehistogram\n# UNIT a_b b\n# HELP a \\\"\\\\\\n \n# UNIT c \n# EOF",
      "TYPE a gaugehistogram\nUNIT a_b b\nHELP a \"\\\n \nUNIT c \n" },
    { "{\"a.b\",c=\"d\"} 1\n# EOF\n", "__name__=a.b,c=d 1\n" },
    { "", "!# EOF is missing" },
    { "a 1", "!# EOF is missing" },
    { "a 1\n", "__name__=a 1\n!# EOF is missing" },
    { "\n# EOF\n", "!a line begins" },
    { " a 1\n# EOF\n", "!a line begins" },
    { "a  1\n# EOF\n", "!the value is missing" },
    { "a\t1\n# EOF\n", "!a blank and a value are missing" },
    { "a 1\t2\n# EOF\n", "!the value is not a number" },
    { "a 1 2 \n# EOF\n", "!there is something behind" },
    { "a 1 2 #\n# EOF\n", "!there is something behind" },
    { "a 1 1 1\n# EOF\n", "!there is something behind" },
    { "a 1\r\n# EOF\n", "!the value is not a number" },
    { "a 1 1z\n# EOF\n", "!the time is not" },
    { "a 1 NaN\n# EOF\n", "!the time is not" },
    { "a 1 -Inf\n# EOF\n", "!the time is not" },
    { "# EOF\na 1\n", "!there is something behind # EOF" },
    { "# EOF\n\n", "!there is something behind # EOF" },
    { "# EOFa 1", "!there is something behind # EOF" },
    { "#EOF\n", "!a line with # is" },
    { "# a comment\n# EOF\n", "!a line with # is" },
    { "#  TYPE a counter\n# EOF\n", "!a line with # is" },
    { "#\tTYPE a counter\n# EOF\n", "!a line with # is" },
    { "# TYPE a untyped\n# EOF\n", "!no such type" },
    { "# TYPE a  counter\n# EOF\n", "!no such type" },
    { "# TYPE a\n# EOF\n", "!HELP, TYPE and UNIT have" },
    { "# TYPE a counter", "!HELP, TYPE and UNIT have" },
    { "# TYPE \n# EOF\n", "!a name of a family is missing" },
    { "# UNIT ab b\n# EOF\n", "!the unit is not the end" },
    { "# UNIT b b\n# EOF\n", "!the unit is not the end" },
    { "a{b=\"c\", d=\"e\"} 1\n# EOF\n", "!a label's name is missing" },
    { "a{b=\"c\"d=\"e\"} 1\n# EOF\n", "!a comma or a brace is missing" },
    { "a{,b=\"c\"} 1\n# EOF\n", "!a label's name is missing" },
    { "a{b=\"x\ny\"} 1\n# EOF\n", "!quotes do not end" },
    { "{A}0\n# EOF\n", "!a blank and a value are missing" },
    { "a 1 # {b=c} 1\n# EOF\n", "!the value of a label is not in quotes" },
    { "a 1 # {b=\"c\"}\n# EOF\n", "!a blank and a value are missing" },
    { "a 1 # {\"b\"} 1\n# EOF\n", "!a label has no `=`" },
    { "a 1 # {b=\"c\",,d=\"e\"} 1\n# EOF\n", "!a label's name is missing" },
    { "a 1 # {b=\"c\"} true\n# EOF\n", "!the value is not a number" },
    { "a 1 # {b=\"c\"} 4 NaN\n# EOF\n", "!the time is not" },
    { "a 1 # {b=\"\xff\"} 4\n# EOF\n", "!a label is not valid UTF-8" },
};

static void check_case(const struct page_case *c, bool strict)
{
    struct buf b = { 0 };
    const char *got = read_page(bytes_str(c->page), strict, &b);

    ck_assert_msg(strncmp(got, c->read, strlen(c->read)) == 0 &&
                      (strchr(c->read, '!') != NULL || strcmp(got, c->read) == 0),
                  "%s\nis read as\n%s\nand not as\n%s", c->page, got, c->read);
    buf_free(&b);
}

START_TEST(text_is_read_as_prometheus_reads_it)
{
    check_case(&texts[_i], false);
}
END_TEST

START_TEST(openmetrics_is_read_as_prometheus_reads_it)
{
    check_case(&openmetrics[_i], true);
}
END_TEST

START_TEST(nuls_may_stand_in_texts_and_nowhere_else)
{
    static const char good[] = "a{b=\"c\0d\"} 1\n# HELP a b\0c\n", bad[] = "a{b\0=\"c\"} 1\n";
    struct buf b = { 0 };

    read_page(bytes_of(good, sizeof(good) - 1), false, &b);
    ck_assert_ptr_null(memchr(b.data, '!', b.len));
    read_page(bytes_of(bad, sizeof(bad) - 1), false, &b);
    ck_assert_ptr_nonnull(memchr(b.data, '!', b.len));
    buf_free(&b);
}
END_TEST

static const struct page_series *expect(struct page_series *s, const char *text)
{
    *s = (struct page_series){ strlen(text), digest_plain(bytes_str(text)) };
    return s;
}

START_TEST(the_expected_series_is_taken_only_where_it_ends)
{
    struct page_series s;
    struct page_reader g;

    page_init(&g, bytes_str("a{b=\"c\"} 1\nab 2\na {b=\"c\"} 3\na 4"), false);
    ck_assert_int_eq(page_next(&g, expect(&s, "a{b=\"c\"}")), PAGE_SAMPLE);
    ck_assert(g.expected && g.value == 1);
    ck_assert_int_eq(page_next(&g, expect(&s, "a")), PAGE_SAMPLE);
    ck_assert(!g.expected && g.value == 2);
    ck_assert_int_eq(page_next(&g, expect(&s, "a")), PAGE_SAMPLE);
    ck_assert(!g.expected && g.value == 3 && bytes_is(g.series, "a {b=\"c\"}"));
    ck_assert_int_eq(page_next(&g, expect(&s, "a")), PAGE_SAMPLE);
    ck_assert(g.expected && g.value == 4);
    page_free(&g);
}
END_TEST

START_TEST(a_fault_has_its_line)
{
    struct page_reader g;
    struct page_location location = { 0 };

    page_init(&g, bytes_str("a 1\n\n# HELP x y\nb{c=\"d\"} x 5\nc 1\n"), false);
    while (page_next(&g, &nobody_knows) != PAGE_BAD)
        ;
    while (!page_locate_line(&g, &location, 3))
        ;
    ck_assert_uint_eq(location.n, 4);
    ck_assert(bytes_is(location.some, "b{c=\"d\"} x 5"));
    page_free(&g);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("page");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_loop_test(tc, text_is_read_as_prometheus_reads_it, 0, (int)(sizeof(texts) / sizeof(texts[0])));
    tcase_add_loop_test(tc, openmetrics_is_read_as_prometheus_reads_it, 0,
                        (int)(sizeof(openmetrics) / sizeof(openmetrics[0])));
    tcase_add_test(tc, nuls_may_stand_in_texts_and_nowhere_else);
    tcase_add_test(tc, the_expected_series_is_taken_only_where_it_ends);
    tcase_add_test(tc, a_fault_has_its_line);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
