/* SPDX-License-Identifier: Apache-2.0 */
/* A message taken apart and put together again, in whatever form its attributes come. */
#include "otlp/attribute_list.h"

#include "base/buf.h"

#include <check.h>
#include <stdlib.h>

#define NUMBER 6
#define TEXT(s) s, sizeof(s) - 1

static struct attribute_list list;
static struct pieces out;
static struct buf whole, key;

static void teardown(void)
{
    attribute_list_free(&list);
    list = (struct attribute_list){ 0 };
    vec_free(&out);
    buf_free(&whole);
    buf_free(&key);
}

static struct bytes written(void)
{
    out.n = out.len = whole.len = 0;
    attribute_list_write(&list, &out);
    for (size_t i = 0; i < out.n; i++)
        buf_put(&whole, out.v[i]);
    ck_assert_uint_eq(whole.len, out.len);
    return buf_bytes(&whole);
}

static void becomes(const char *bytes, size_t len)
{
    ck_assert(bytes_equal(written(), bytes_of(bytes, len)));
}

static void ask_for_k(void)
{
    attribute_list_only(&list, bytes_str("k"));
}

/* Field 1 of eight bytes, field 2 a number, field 5 text; attributes kk, k, kkk; field 8 of four bytes. */
#define MESSAGE                                                                                                        \
    "\x09"                                                                                                             \
    "12345678"                                                                                                         \
    "\x10\x09"                                                                                                         \
    "\x2a\x02hi"                                                                                                       \
    "\x32\x07\x0a\x02kk\x12\x01v"                                                                                      \
    "\x32\x06\x0a\x01k\x12\x01v"                                                                                       \
    "\x32\x08\x0a\x03kkk\x12\x01v"                                                                                     \
    "\x45"                                                                                                             \
    "1234"

START_TEST(a_message_is_a_row_of_slots_and_writes_as_it_was)
{
    attribute_list_read(&list, bytes_of(TEXT(MESSAGE)), NUMBER);
    ck_assert_uint_eq(list.slots.n, 5);
    ck_assert_uint_eq(attribute_list_find(&list, bytes_str("k")), 2);
    ck_assert(!slot_is_attribute(&list.slots.v[0]) && !slot_is_attribute(&list.slots.v[4]));
    becomes(TEXT(MESSAGE));
    ck_assert_uint_eq(out.n, 1);
}
END_TEST

START_TEST(attributes_that_nobody_asks_for_stay_in_the_runs)
{
    ask_for_k();
    attribute_list_read(&list, bytes_of(TEXT(MESSAGE)), NUMBER);
    ck_assert_uint_eq(list.slots.n, 3);
    ck_assert_uint_eq(attribute_list_find(&list, bytes_str("kk")), ATTRIBUTE_NONE);
    ck_assert(attribute_list_remove(&list, bytes_str("k")));
    becomes(TEXT("\x09"
                 "12345678"
                 "\x10\x09"
                 "\x2a\x02hi"
                 "\x32\x07\x0a\x02kk\x12\x01v"
                 "\x32\x08\x0a\x03kkk\x12\x01v"
                 "\x45"
                 "1234"));
}
END_TEST

START_TEST(changes_stay_in_place_and_new_ones_come_last)
{
    ask_for_k();
    attribute_list_read(&list, bytes_of(TEXT("\x32\x06\x0a\x01k\x12\x01v\x32\x07\x0a\x02kk\x12\x01v")), NUMBER);
    attribute_list_set(&list, bytes_str("k"), bytes_of(TEXT("\x0a\x03new")));
    attribute_list_set(&list, bytes_str("m"), bytes_of(TEXT("w")));
    becomes(TEXT("\x32\x0a\x0a\x01k\x12\x05\x0a\x03new\x32\x07\x0a\x02kk\x12\x01v\x32\x06\x0a\x01m\x12\x01w"));
    ck_assert(list.changed);
}
END_TEST

/* Value first; the key twice, of which the last counts; without a value; the tag in two bytes; a field of its own
 * inside; a length in two bytes. */
static const struct {
    const char *bytes;
    size_t len;
} unusual[] = {
    { TEXT("\x32\x06\x12\x01v\x0a\x01k") },          { TEXT("\x32\x09\x0a\x01x\x0a\x01k\x12\x01v") },
    { TEXT("\x32\x09\x0a\x02xx\x12\x00\x0a\x01k") }, { TEXT("\x32\x03\x0a\x01k") },
    { TEXT("\xb2\x00\x06\x0a\x01k\x12\x01v") },      { TEXT("\x32\x08\x0a\x01k\x12\x01v\x18\x01") },
    { TEXT("\x32\x86\x00\x0a\x01k\x12\x01v") },      { TEXT("\x32\x07\x0a\x81\x00k\x12\x01v") },
    { TEXT("\x32\x07\x0a\x01k\x12\x81\x00v") },
};

START_TEST(an_attribute_of_unusual_form_is_found_and_removed)
{
    for (int choosy = 0; choosy < 2; choosy++) {
        struct bytes m = bytes_of(unusual[_i].bytes, unusual[_i].len);

        attribute_list_read(&list, m, NUMBER);
        ck_assert_uint_eq(attribute_list_find(&list, bytes_str("k")), 0);
        becomes(unusual[_i].bytes, unusual[_i].len);
        ck_assert(attribute_list_remove(&list, bytes_str("k")));
        becomes(TEXT(""));
        ask_for_k();
    }
}
END_TEST

START_TEST(of_a_key_that_comes_twice_the_first_counts_and_both_go)
{
    ask_for_k();
    attribute_list_read(&list, bytes_of(TEXT("\x32\x06\x0a\x01k\x12\x01v\x2a\x00\x32\x06\x12\x01w\x0a\x01k")), NUMBER);
    ck_assert(bytes_is(list.slots.v[attribute_list_find(&list, bytes_str("k"))].value, "v"));
    ck_assert(attribute_list_remove(&list, bytes_str("k")));
    becomes(TEXT("\x2a\x00"));
}
END_TEST

static bool is_short(void *arg, struct bytes k)
{
    ++*(int *)arg;
    return k.len < 3;
}

START_TEST(those_that_a_function_wants_are_removed_in_one_pass)
{
    int asked = 0;

    attribute_list_read(&list, bytes_of(TEXT(MESSAGE)), NUMBER);
    attribute_list_remove_if(&list, is_short, &asked);
    ck_assert_int_eq(asked, 3);
    ck_assert(list.changed);
    becomes(TEXT("\x09"
                 "12345678"
                 "\x10\x09"
                 "\x2a\x02hi"
                 "\x32\x08\x0a\x03kkk\x12\x01v"
                 "\x45"
                 "1234"));
}
END_TEST

START_TEST(keys_of_any_length_are_found)
{
    static const size_t lengths[] = { 0, 1, 63, 64, 65, 127, 128, 300 };

    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        key.len = 0;
        while (key.len < lengths[i])
            buf_putc(&key, 'k');
        attribute_list_read(&list, bytes_of(TEXT("")), NUMBER);
        attribute_list_set(&list, buf_bytes(&key), bytes_of(TEXT("v")));
        written();
        attribute_list_free(&list);
        list = (struct attribute_list){ 0 };
        attribute_list_only(&list, buf_bytes(&key));
        attribute_list_read(&list, buf_bytes(&whole), NUMBER);
        ck_assert_uint_eq(attribute_list_find(&list, buf_bytes(&key)), 0);
    }
}
END_TEST

/* Another attribute, whose tag is written longer than it needs to be, and a field whose tag is two bytes anyway. */
#define LONG_TAG "\xb2\x00\x06\x0a\x01l\x12\x01v"
#define LARGE_NUMBER "\xa0\x01\x05"

START_TEST(of_a_message_in_order_the_same_is_read)
{
    static const struct {
        const char *text;
        size_t len;
    } messages[] = {
        { TEXT(MESSAGE) },
        { TEXT(MESSAGE LARGE_NUMBER) },
        { TEXT("\x2a\x02hi" LONG_TAG "\x32\x06\x0a\x01k\x12\x01v"
               "\x45"
               "1234") },
        { TEXT("\x2a\x02hi") },
        { TEXT("\x45"
               "1234") },
        { TEXT("") },
    };
    size_t slots[2];

    for (size_t i = 0; i < sizeof(messages) / sizeof(*messages); i++) {
        for (unsigned k = 0; k < 2; k++) {
            list.ordered = k == 1;
            attribute_list_read(&list, bytes_of(messages[i].text, messages[i].len), NUMBER);
            slots[k] = list.slots.n;
            becomes(messages[i].text, messages[i].len);
        }
        ck_assert_uint_eq(slots[0], slots[1]);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("attribute_list");
    TCase *tc = tcase_create("all");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(tc, NULL, teardown);
    tcase_add_test(tc, a_message_is_a_row_of_slots_and_writes_as_it_was);
    tcase_add_test(tc, of_a_message_in_order_the_same_is_read);
    tcase_add_test(tc, attributes_that_nobody_asks_for_stay_in_the_runs);
    tcase_add_test(tc, changes_stay_in_place_and_new_ones_come_last);
    tcase_add_loop_test(tc, an_attribute_of_unusual_form_is_found_and_removed, 0, ARRAY_LEN(unusual));
    tcase_add_test(tc, of_a_key_that_comes_twice_the_first_counts_and_both_go);
    tcase_add_test(tc, those_that_a_function_wants_are_removed_in_one_pass);
    tcase_add_test(tc, keys_of_any_length_are_found);
    suite_add_tcase(s, tc);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
