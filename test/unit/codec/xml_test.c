/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/xml.h"

#include <check.h>
#include <stdlib.h>

static struct arena arena;

/* "a[x=1](b()'t')" for <a x="1"><b/>t</a> */
static void put_node(struct buf *out, const struct xml_node *n)
{
    if (n->name.len == 0) {
        buf_printf(out, "'%.*s'", (int)n->text.len, (const char *)n->text.data);
        return;
    }
    buf_put(out, n->name);
    for (const struct xml_attribute *a = n->attributes; a != NULL; a = a->next)
        buf_printf(out, "[%.*s=%.*s]", (int)a->name.len, (const char *)a->name.data, (int)a->value.len,
                   (const char *)a->value.data);
    buf_putc(out, '(');
    for (const struct xml_node *c = n->first; c != NULL; c = c->next)
        put_node(out, c);
    buf_putc(out, ')');
}

static const char *tree_of(struct bytes text)
{
    struct xml_fault fault = { 0, "" };
    struct xml_node *document = xml_read(&arena, text, NULL, &fault);
    struct buf out = { 0 };
    const char *made;

    if (document == NULL)
        buf_printf(&out, "%zu: %s", fault.at, fault.what);
    else
        for (const struct xml_node *n = document->first; n != NULL; n = n->next)
            put_node(&out, n);
    made = arena_strdup(&arena, buf_cstr(&out));
    buf_free(&out);
    return made;
}

START_TEST(elements_attributes_and_texts_become_a_tree)
{
    static const char *const cases[][2] = {
        { "<a/>", "a()" },
        { "<a x='1' y = \"2\" ><b/>t</a>", "a[x=1][y=2](b()'t')" },
        { "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY e \"x>\">]>\n<a><!-- c --><![CDATA[<&>]]></a >",
          "'\n'a('<&>')" },
        { "<n:a xmlns:n=\"u\"><n:b n:c=\"d\"/></n:a>", "a[n=u](b[c=d]())" },
        { "<a>&lt;&gt;&amp;&apos;&quot;&#65;&#x20AC;&#x1F600;</a>", "a('<>&'\"A\u20ac\U0001f600')" },
        { "<a b=\"1\r\n2\">x\ry</a>", "a[b=1\n2]('x\ny')" },
        { "<a>1</a><b>2</b>", "a('1')b('2')" },
        { "<\u00e4.-1/>", "\u00e4.-1()" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ck_assert_str_eq(tree_of(bytes_str(cases[i][0])), cases[i][1]);
    arena_free(&arena);
}
END_TEST

START_TEST(what_is_no_xml_is_told_at_its_place)
{
    static const char *const cases[][2] = {
        { "", "0: no element" },
        { "text", "4: no element" },
        { "<a>", "3: the text ends inside of an element" },
        { "<a", "2: the text ends inside of an element" },
        { "<a><b></a>", "9: another element is open than the one that ends here" },
        { "</a>", "3: another element is open than the one that ends here" },
        { "<a></a b>", "7: the end of an element is written </name>" },
        { "<1/>", "1: a name is wanted here" },
        { "<a x/>", "4: an attribute has a value: name=\"value\"" },
        { "<a x=1/>", "5: a value stands in quotes" },
        { "<a x=\"1/>", "6: a value without its second quote" },
        { "<a x=\"<\"/>", "6: a < in a value: write &lt;" },
        { "<a>&e;</a>", "3: an entity that XML does not define" },
        { "<a>& b</a>", "3: an & that begins no entity: write &amp;" },
        { "<a>&</a>;", "3: an entity that XML does not define" },
        { "<a>&#0;</a>", "3: no character has that number" },
        { "<a>&#xd800;</a>", "3: no character has that number" },
        { "<a>&#x;</a>", "3: no character has that number" },
        { "<a>\x01</a>", "3: a control character" },
        { "<a>]]></a>", "3: ]]> outside of a CDATA section" },
        { "<a><![CDATA[x</a>", "12: a CDATA section without its end" },
        { "<a><!-- a -- b --></a>", "12: two hyphens in a comment" },
        { "<!-- a", "4: a comment without its end" },
        { "<?a", "0: an instruction without its end" },
        { "<!DOCTYPE a '>", "14: a declaration without its end" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ck_assert_str_eq(tree_of(bytes_str(cases[i][0])), cases[i][1]);
    arena_free(&arena);
}
END_TEST

START_TEST(what_is_wanted_is_the_first_element_and_where_it_ends)
{
    struct xml_fault fault;
    size_t end = 0;

    ck_assert_ptr_nonnull(xml_read(&arena, bytes_str("x<a><b/></a><c/>"), &end, &fault));
    ck_assert_uint_eq(end, 12);
    arena_free(&arena);
}
END_TEST

/* Each text before the element was once walked over for each one that follows. */
START_TEST(texts_before_the_element_are_read_once)
{
    struct xml_fault fault;
    struct buf text = { 0 };
    size_t end = 0;

    for (unsigned i = 0; i < XML_MAX_NODES - 1; i++)
        buf_puts(&text, " <?x?>");
    buf_puts(&text, "<a/>");
    ck_assert_ptr_nonnull(xml_read(&arena, buf_bytes(&text), &end, &fault));
    ck_assert_uint_eq(end, text.len);
    buf_free(&text);
    arena_free(&arena);
}
END_TEST

START_TEST(depth_and_number_are_limited)
{
    struct buf deep = { 0 }, many = { 0 };

    for (unsigned i = 0; i <= XML_MAX_DEPTH; i++)
        buf_puts(&deep, "<a>");
    ck_assert_ptr_nonnull(strstr(tree_of(buf_bytes(&deep)), "nested too deep"));
    buf_puts(&many, "<a>");
    for (unsigned i = 0; i <= XML_MAX_NODES; i++)
        buf_puts(&many, "<b/>");
    ck_assert_ptr_nonnull(strstr(tree_of(buf_bytes(&many)), "more elements, attributes and texts than are read"));
    buf_free(&deep);
    buf_free(&many);
    arena_free(&arena);
}
END_TEST

START_TEST(elements_of_one_name_are_linked)
{
    struct xml_fault fault;
    struct xml_node *document = xml_read(&arena, bytes_str("<b/>x<a/><b/><c/><b/>"), NULL, &fault), *b;

    xml_link_twins(&arena, document);
    b = document->first;
    ck_assert(b->twin != NULL && !b->is_twin && b->twin->is_twin && b->twin->twin == document->last);
    ck_assert_ptr_null(document->last->twin);
    ck_assert(b->next->next->twin == NULL && !b->next->next->is_twin);
    arena_free(&arena);
}
END_TEST

START_TEST(text_that_is_written_is_read_as_it_was)
{
    struct buf out = { 0 };

    buf_puts(&out, "<a x='");
    xml_put_text(&out, bytes_str("<b/> & 'c' \"d\""));
    buf_puts(&out, "'>");
    xml_put_text(&out, (struct bytes)BYTES_LIT("</a>\1]]>\0\n\t\u20ac&lt;"));
    buf_puts(&out, "</a>");
    ck_assert_str_eq(tree_of(buf_bytes(&out)), "a[x=<b/> & 'c' \"d\"]('</a>]]>\n\t\u20ac&lt;')");
    buf_free(&out);
    arena_free(&arena);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("xml");
    TCase *t = tcase_create("xml");
    SRunner *runner;
    int failed;

    tcase_add_test(t, elements_attributes_and_texts_become_a_tree);
    tcase_add_test(t, what_is_no_xml_is_told_at_its_place);
    tcase_add_test(t, what_is_wanted_is_the_first_element_and_where_it_ends);
    tcase_add_test(t, texts_before_the_element_are_read_once);
    tcase_add_test(t, depth_and_number_are_limited);
    tcase_add_test(t, elements_of_one_name_are_linked);
    tcase_add_test(t, text_that_is_written_is_read_as_it_was);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
