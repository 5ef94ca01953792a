/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/regex.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "a\x0ab" as bytes. */
static struct bytes unquoted(struct buf *out, const char *text, size_t n)
{
    out->len = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned c;

        if (text[i] != '\\' || sscanf(text + i, "\\x%2x", &c) != 1) {
            buf_putc(out, text[i]);
            continue;
        }
        buf_putc(out, (char)c);
        i += 3;
    }
    (void)buf_cstr(out);
    return bytes_of(out->data, out->len);
}

/* "0 3 -1 -1": where the match and the groups begin and end. */
static void put_found(struct buf *out, struct regex *r, struct bytes subject)
{
    struct bytes found[REGEX_MAX_GROUPS + 1];

    out->len = 0;
    if (!regex_find(r, subject, found)) {
        buf_putc(out, '-');
        return;
    }
    for (unsigned i = 0; i <= regex_groups(r); i++) {
        int at = found[i].data == NULL ? -1 : (int)(found[i].data - subject.data);

        buf_printf(out, "%s%d %d", i > 0 ? " " : "", at, at < 0 ? -1 : at + (int)found[i].len);
    }
}

/* The pattern of the line, and of those before it with the same one. */
struct compiled {
    struct buf quoted, text;
    struct regex *r;
};

static void compile(struct compiled *c, struct bytes quoted)
{
    struct error err = { 0 };

    if (c->quoted.len > 0 && bytes_equal(buf_bytes(&c->quoted), quoted))
        return;
    regex_free(c->r);
    c->quoted.len = 0;
    buf_put(&c->quoted, quoted);
    unquoted(&c->text, (const char *)quoted.data, quoted.len);
    c->r = regex_new(buf_cstr(&c->text), &err);
    if (c->r == NULL)
        ck_assert_msg(strncmp(err.text, "invalid regular expression: ", 28) == 0, "%s", err.text);
}

static void compare(struct compiled *c, const char *line)
{
    const char *subject = strchr(line, '\t') + 1, *want = strchr(subject, '\t') + 1;
    struct buf text = { 0 }, found = { 0 };
    struct bytes s = unquoted(&text, subject, (size_t)(want - 1 - subject));

    compile(c, bytes_of(line, (size_t)(subject - 1 - line)));
    if (c->r != NULL) {
        put_found(&found, c->r, s);
        ck_assert_msg(regex_search(c->r, s) == (want[0] != '-'), "%s", line);
    } else {
        buf_puts(&found, "refused");
    }
    ck_assert_msg(strcmp(buf_cstr(&found), want) == 0, "%s: not %s", line, buf_cstr(&found));
    buf_free(&text);
    buf_free(&found);
}

START_TEST(a_pattern_means_what_it_means_in_go)
{
    FILE *f = fopen("test/data/regex/expected.tsv", "r");
    struct compiled c = { .r = NULL };
    char *line = NULL;
    size_t cap = 0, n = 0;

    ck_assert_ptr_nonnull(f);
    for (ssize_t len; (len = getline(&line, &cap, f)) > 0; n++) {
        line[len - 1] = '\0';
        compare(&c, line);
    }
    ck_assert_uint_gt(n, 5000);
    regex_free(c.r);
    buf_free(&c.quoted);
    buf_free(&c.text);
    free(line);
    (void)fclose(f);
}
END_TEST

START_TEST(groups_are_found_by_number_and_name)
{
    struct regex *r = regex_new("(?P<verb>GET|POST) (/cart/(?P<id>\\d+))?", NULL);
    struct bytes found[8];

    ck_assert_uint_eq(regex_groups(r), 3);
    ck_assert_str_eq(regex_group_name(r, 1), "verb");
    ck_assert_ptr_null(regex_group_name(r, 2));
    ck_assert_str_eq(regex_group_name(r, 3), "id");
    ck_assert(regex_find(r, bytes_str("a GET /cart/17 b"), found));
    ck_assert(bytes_is(found[0], "GET /cart/17") && bytes_is(found[1], "GET") && bytes_is(found[3], "17"));
    ck_assert(regex_find(r, bytes_str("POST "), found));
    ck_assert_ptr_null(found[3].data);
    ck_assert(!regex_find(r, bytes_str("put"), found));
    regex_free(r);
}
END_TEST

START_TEST(a_search_from_within_the_text_still_knows_what_stands_before)
{
    struct regex *r = regex_new("^a|\\bb", NULL);
    struct bytes text = bytes_str("a ab b"), found[REGEX_MAX_GROUPS + 1];

    ck_assert(regex_find_from(r, text, 0, found) && found[0].data == text.data);
    ck_assert(regex_find_from(r, text, 1, found) && found[0].data == text.data + 5);
    ck_assert(!regex_find_from(r, text, 6, found));
    regex_free(r);
}
END_TEST

START_TEST(a_long_text_is_searched_whatever_the_pattern)
{
    static const struct {
        const char *pattern;
        bool found;
    } rows[] = {
        { "^(a?a?a?a?a?a?a?a?a?a?)*(b|a+a+a+a+a+c)$", false },
        { "^(\\w+\\s?)+$", true },
        { "(a|aa)+$", true },
        { "^(([a-z])+.)+[A-Z]([a-z])+$", false },
    };
    char text[20001];

    memset(text, 'a', 20000);
    text[20000] = '\0';
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct regex *r = regex_new(rows[i].pattern, NULL);

        ck_assert_msg(regex_search(r, bytes_str(text)) == rows[i].found, "%s", rows[i].pattern);
        regex_free(r);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("regex");
    TCase *tc = tcase_create("regex");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, a_pattern_means_what_it_means_in_go);
    tcase_add_test(tc, groups_are_found_by_number_and_name);
    tcase_add_test(tc, a_search_from_within_the_text_still_knows_what_stands_before);
    tcase_add_test(tc, a_long_text_is_searched_whatever_the_pattern);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
