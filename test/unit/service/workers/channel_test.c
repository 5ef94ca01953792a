/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between the processes of one otelcd. */
#include "service/workers/channel.h"

#include <check.h>
#include <string.h>
#include <unistd.h>

START_TEST(a_message_comes_whole_with_its_file)
{
    struct channel_message m = { .kind = CHANNEL_TOLD, .other = 7, .number = -3 }, got;
    struct buf text = { 0 };
    int pair[2], file;

    ck_assert(channel_pair(pair));
    ck_assert_int_eq(channel_receive(pair[1], &got, &file), 0);
    strcpy(m.text, "a text");
    file = channel_pack(bytes_str("what is long"));
    ck_assert_int_ge(file, 0);
    ck_assert(channel_send(pair[0], &m, file));
    close(file);
    ck_assert(channel_say(pair[0], CHANNEL_STOP, 0, NULL));
    ck_assert_int_eq(channel_receive(pair[1], &got, &file), 1);
    ck_assert_uint_eq(got.kind, CHANNEL_TOLD);
    ck_assert_uint_eq(got.other, 7);
    ck_assert_int_eq(got.number, -3);
    ck_assert_str_eq(got.text, "a text");
    ck_assert(channel_unpack(file, &text));
    ck_assert(bytes_is(buf_bytes(&text), "what is long"));
    ck_assert_int_eq(channel_receive(pair[1], &got, &file), 1);
    ck_assert_uint_eq(got.kind, CHANNEL_STOP);
    ck_assert_int_eq(file, -1);
    ck_assert_str_eq(got.text, "");
    close(pair[0]);
    ck_assert_int_eq(channel_receive(pair[1], &got, &file), -1);
    close(pair[1]);
    buf_free(&text);
}
END_TEST

START_TEST(a_text_that_is_too_long_is_cut)
{
    struct channel_message got;
    char text[2000];
    int pair[2], file;

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    ck_assert(channel_pair(pair));
    ck_assert(channel_say(pair[0], CHANNEL_FAILED, 0, text));
    ck_assert_int_eq(channel_receive(pair[1], &got, &file), 1);
    ck_assert_uint_eq(strlen(got.text), sizeof(got.text) - 1);
    close(pair[0]);
    ck_assert(!channel_say(pair[1], CHANNEL_READY, 0, NULL));
    close(pair[1]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("channel");
    TCase *t = tcase_create("channel");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_test(t, a_message_comes_whole_with_its_file);
    tcase_add_test(t, a_text_that_is_too_long_is_cut);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
