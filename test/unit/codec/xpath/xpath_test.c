/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/xpath/xpath.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;
static uint64_t left;

static bool spend(void *arg, uint64_t steps)
{
    (void)arg;
    if (steps > left)
        return false;
    left -= steps;
    return true;
}

static struct xml_node *read_text(const char *text)
{
    struct xml_fault fault = { 0, "" };
    struct xml_node *document = xml_read_all(&arena, bytes_str(text), &fault);

    ck_assert_msg(document != NULL, "%zu: %s", fault.at, fault.what);
    return document;
}

/* What is selected, with | between; "!" when the steps were not enough. */
static const char *selected(const char *xml, const char *path, uint64_t steps)
{
    const struct xpath_run run = { .arena = &arena, .spend = spend };
    struct xml_node *document = read_text(xml);
    struct xpath_nodes found = { 0 };
    struct xpath_fault fault;
    struct xpath *x = xpath_new(bytes_str(path), &fault);
    struct buf out = { 0 };
    const char *made;

    ck_assert_msg(x != NULL, "%s: %zu: %s", path, fault.at, fault.text);
    left = steps;
    if (!xpath_select(x, &run, document, &found))
        buf_puts(&out, "!");
    for (size_t i = 0; i < found.n; i++) {
        if (i > 0)
            buf_puts(&out, "|");
        if (found.v[i].attribute != NULL)
            xml_put_escaped(&out, found.v[i].attribute->value);
        else
            xml_put_node(&out, found.v[i].node);
    }
    made = arena_strdup(&arena, buf_cstr(&out));
    buf_free(&out);
    xpath_free(x);
    return made;
}

static const char shop[] = "<shop><!-- c --><item n=\"1\" k=\"a\">one</item><item n=\"2\">two<b/></item><?p d e?>"
                           "<box><item n=\"3\">three</item></box>tail</shop>";

START_TEST(axes_predicates_and_functions_select_what_xpath_says)
{
    static const char *const cases[][2] = {
        { "/shop/item/@n", "1|2" },
        { "//item/@n", "1|2|3" },
        { "(//item)[last()]/@n", "3" },
        { "//item[last()]/@n", "2|3" },
        { "//item[1]/following-sibling::item/@n", "2" },
        { "//b/preceding::*/@n", "1" },
        { "//box/preceding-sibling::item[1]/@n", "2" },
        { "//b/ancestor::*[1]/@n", "2" },
        { "//b/ancestor-or-self::*[2]/@n", "2" },
        { "/shop/box/following::node()", "tail" },
        { "//item[@k]/@n | //item[b]/@n", "1|2" },
        { "//@k/../@n", "1" },
        { "//@n/ancestor::box/item", "<item n=\"3\">three</item>" },
        { "/shop/comment()", "<!-- c -->" },
        { "//processing-instruction('p')", "<?p d e?>" },
        { "//processing-instruction('q')", "" },
        { "//item[. = 'two']/@n", "2" },
        { "//item[string-length(.) > 3]/@n", "3" },
        { "//item[@n mod 2 = 1 and not(@k)]/@n", "3" },
        { "//item[@n * 2 - 1 = 3]/@n", "2" },
        { "//item[@n div 2 = 1]/@n", "2" },
        { "//item[-@n = -2]/@n", "2" },
        { "//item[--@n = 2]/@n", "2" },
        { "//item[starts-with(., 't') and ends-with(., 'ee')]/@n", "3" },
        { "//item[substring(., 2, 2) = 'hr']/@n", "3" },
        { "//item[substring(., 0) = 'one']/@n", "1" },
        { "//item[substring-before(., 'w') = 't' or substring-after(., 'th') = 'ree']/@n", "2|3" },
        { "//item[concat(@n, '-', @k) = '1-a']/@n", "1" },
        { "//item[translate(., 'eno', 'EN') = 'NE']/@n", "1" },
        { "//item[contains('x1y', @n)]/@n", "1" },
        { "//item[normalize-space('  a \n b ') = 'a b'][1]/@n", "1|3" },
        { "//item[position() = 2]/@n", "2" },
        { "//item[count(*) = 1]/@n", "2" },
        { "//*[sum(item/@n) = 3]/box/item/@n", "3" },
        { "//item[number('x') = number('x')]/@n", "" },
        { "//item[round(1.5) = 2 and floor(-0.5) = -1 and ceiling(0.2) = 1]/@n", "1|2|3" },
        { "//item[string(1 div 0) = 'Infinity' and string(0.5) = '0.5' and string(-0) = '0']/@n", "1|2|3" },
        { "//item[name() = 'item' and local-name(..) = 'box']/@n", "3" },
        { "//item[true() != boolean('')]/@n", "1|2|3" },
        { "//item[lower-case('THREE') = .]/@n", "3" },
        { "//item[@n >= //box/item/@n]/@n", "3" },
        { "//*[div = 'x' or or or div]", "" },
        { "count(//item)", "" },
        { "item", "" },
        { "shop/item/@n", "1|2" },
        { "self::node()/shop/box/item/text()", "three" },
        { "descendant::b", "<b></b>" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ck_assert_msg(strcmp(selected(shop, cases[i][0], 100000), cases[i][1]) == 0, "%s: %s", cases[i][0],
                      selected(shop, cases[i][0], 100000));
    ck_assert_str_eq(selected("<a xmlns:n=\"u\"><n:b n:c=\"1\"/><b c=\"2\"/></a>", "//n:b/@n:c | //b/@c", 1000), "1|2");
    ck_assert_str_eq(selected("<a><n:b/><n:c/><d/></a>", "/a/n:*", 1000), "<n:b></n:b>|<n:c></n:c>");
    arena_free(&arena);
}
END_TEST

START_TEST(what_is_no_xpath_is_refused_at_its_place)
{
    static const struct {
        const char *text, *fault;
        size_t at;
    } cases[] = {
        { "", "the name of an element or attribute is wanted here", 0 },
        { "/a[", "the name of an element or attribute is wanted here", 3 },
        { "/a[1", "a ] is wanted here", 4 },
        { "/a]", "the expression has ended before this", 2 },
        { "//b[tokenize(., 'x')]", "there is no function \"tokenize\" in XPath 1.0, or it is not served", 4 },
        { "//b[matches(., '(')]", "invalid regular expression: missing ): (", 19 },
        { "//b[matches(.)]", "matches() takes 2 to 2 arguments, not 1", 14 },
        { "reverse('x')", "reverse() takes a path", 12 },
        { "//b[$v]", "there are no variables", 4 },
        { "//namespace::x", "there is no axis \"namespace\"", 2 },
        { "//b[not()]", "not() takes 1 to 1 arguments, not 0", 9 },
        { "count(1)", "count() takes a path", 8 },
        { "//b[. = 'x]", "a text without its second quote", 8 },
        { "1 | /a", "| stands between paths", 6 },
        { "'x'/a", "what is in front of this is no path", 3 },
        { "n:", "the expression has ended before this", 1 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct xpath_fault fault;

        ck_assert_ptr_null(xpath_new(bytes_str(cases[i].text), &fault));
        ck_assert_str_eq(fault.text, cases[i].fault);
        ck_assert_uint_eq(fault.at, cases[i].at);
    }
}
END_TEST

START_TEST(nesting_is_limited)
{
    struct buf text = { 0 };
    struct xpath_fault fault;

    for (unsigned i = 0; i < 20000; i++)
        buf_puts(&text, i % 2 == 0 ? "(" : "a[");
    ck_assert_ptr_null(xpath_new(buf_bytes(&text), &fault));
    ck_assert_str_eq(fault.text, "it is nested too deep");
    buf_free(&text);
}
END_TEST

/* Each is in the left side of the next one. */
START_TEST(operators_are_limited)
{
    static const char *const signs[] = { "+1", "|a", " and 1" };

    for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
        struct buf text = { 0 };
        struct xpath_fault fault;
        struct xpath *x;

        buf_puts(&text, "a");
        for (unsigned k = 0; k < 1000; k++)
            buf_puts(&text, signs[i]);
        x = xpath_new(buf_bytes(&text), &fault);
        ck_assert_msg(x != NULL, "%s", fault.text);
        xpath_free(x);
        buf_puts(&text, signs[i]);
        ck_assert_ptr_null(xpath_new(buf_bytes(&text), &fault));
        ck_assert_str_eq(fault.text, "it has more than 1000 operators");
        buf_free(&text);
    }
}
END_TEST

/* 3000 elements: each with all before it, and each with the text of all. */
START_TEST(what_a_short_path_may_cost_is_counted)
{
    static const char *const paths[] = { "//*[//*[//*[//*]]]", "//b[contains(/, 'y')]", "//b/preceding::*/following::*",
                                         "//b[. = //b]" };
    struct buf xml = { 0 };

    buf_puts(&xml, "<a>");
    for (unsigned i = 0; i < 3000; i++)
        buf_printf(&xml, "<b>%u</b>", i + 1000000);
    buf_puts(&xml, "</a>");
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
        ck_assert_str_eq(selected(buf_cstr(&xml), paths[i], 1000000), "!");
    ck_assert_str_eq(selected(buf_cstr(&xml), "/a/b[2999]", 1000000), "<b>1002998</b>");
    arena_free(&arena);
    buf_free(&xml);
}
END_TEST

/* 4000 characters, each looked for among 4000. */
START_TEST(translate_costs_the_product_of_its_texts)
{
    struct buf xml = { 0 };

    buf_puts(&xml, "<a>");
    for (unsigned i = 0; i < 4000; i++)
        buf_putc(&xml, 'z');
    buf_puts(&xml, "</a>");
    ck_assert_str_eq(selected(buf_cstr(&xml), "//a[translate(., ., 'x') = '']", 900000), "!");
    ck_assert_str_ne(selected(buf_cstr(&xml), "//a[translate(., 'yz', 'x') = '']/b", 900000), "!");
    arena_free(&arena);
    buf_free(&xml);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("xpath");
    TCase *t = tcase_create("xpath");
    SRunner *runner;
    int failed;

    tcase_add_test(t, axes_predicates_and_functions_select_what_xpath_says);
    tcase_add_test(t, what_is_no_xpath_is_refused_at_its_place);
    tcase_add_test(t, nesting_is_limited);
    tcase_add_test(t, operators_are_limited);
    tcase_add_test(t, what_a_short_path_may_cost_is_counted);
    tcase_add_test(t, translate_costs_the_product_of_its_texts);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
