/* SPDX-License-Identifier: Apache-2.0 */
/* Complaints: the first at once, then rarer and rarer, and a new cause soon. */
#include "base/log.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct clock now;
static struct complaint c;

static void setup(void)
{
    clock_init(&now, true);
    c = (struct complaint){ 0 };
}

static void teardown(void)
{
    clock_free(&now);
}

/* How many lines come of one complaint a second, for so long; the causes take turns. */
static int lines_in(unsigned seconds, const char *const *causes, unsigned n)
{
    int lines = 0;

    for (unsigned i = 0; i < seconds; i++) {
        if (complaint_due_to(&c, &now, causes[i % n])) {
            complaint_taken(&c);
            lines++;
        }
        now.mono += NS_PER_S;
    }
    return lines;
}

START_TEST(a_complaint_that_goes_on_is_told_at_once_and_then_rarer_up_to_five_minutes)
{
    uint64_t said[16], n = 0, held = 0;

    for (uint64_t i = 0; i < 2000; i++) {
        if (complaint_due(&c, &now)) {
            said[n++] = i;
            held += complaint_taken(&c);
        }
        now.mono += NS_PER_S;
    }
    ck_assert_uint_eq(n, 14);
    ck_assert_uint_eq(said[0], 0);
    for (uint64_t i = 1; i < 10; i++)
        ck_assert_uint_eq(said[i] - said[i - 1], 1u << (i - 1));
    ck_assert_uint_eq(said[13] - said[12], 300);
    ck_assert_uint_eq(held, said[13] + 1); /* each line says how many there were since the one before */
}
END_TEST

START_TEST(after_a_silence_the_next_one_is_told_at_once)
{
    const char *cause = "refused";

    ck_assert_int_eq(lines_in(100, &cause, 1), 7);
    now.mono += 1000 * NS_PER_S;
    ck_assert(complaint_due_to(&c, &now, cause));
    ck_assert(complaint_over(&c));
    ck_assert(!complaint_over(&c));
    ck_assert(complaint_due_to(&c, &now, cause));
}
END_TEST

START_TEST(a_new_cause_is_told_within_ten_seconds)
{
    const char *first = "connection refused", *second = "503";

    lines_in(600, &first, 1);
    ck_assert_int_eq(lines_in(10, &second, 1), 1);
    ck_assert_int_eq(lines_in(40, &second, 1), 0); /* and then it is the old run */
}
END_TEST

START_TEST(causes_that_take_turns_give_a_line_in_ten_seconds_at_most)
{
    const char *causes[] = { "a", "b" };

    lines_in(600, causes, 2);
    ck_assert_int_le(lines_in(1000, causes, 2), 100 + 4);
}
END_TEST

START_TEST(what_a_terminal_would_act_on_is_written_as_an_escape)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        { "plain text, caf\xc3\xa9 C:\\new", "plain text, caf\xc3\xa9 C:\\new" },
        { "a\nb\rc\td", "a\\nb\\rc\\td" },
        { "\x1b[2J\x07\x7f", "\\u001b[2J\\u0007\\u007f" },
        { "\xc2\x85\xc2\x9b\xc2\xa0", "\\u0085\\u009b\xc2\xa0" }, /* C1; a blank that does not break is none */
        /* NOLINTNEXTLINE(misc-misleading-bidirectional): that is what it is about */
        { "\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xae\xe2\x81\xa6\xd8\x9c", "\\u2028\\u2029\\u202e\\u2066\\u061c" },
        { "\xff\xe2\x80", "\\ufffd\\ufffd\\ufffd" },
        { "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
    };
    struct buf b = { 0 };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        b.len = 0;
        log_put_visible(&b, bytes_str(rows[i].in));
        ck_assert_str_eq(buf_cstr(&b), rows[i].out);
    }
    b.len = 0;
    log_put_visible(&b, bytes_of("a\0b", 3));
    ck_assert_str_eq(buf_cstr(&b), "a\\u0000b");
    b.len = 0;
    log_quote(&b, bytes_str("\x1b\xc2\x9b\xe2\x80\xae\n"));
    ck_assert_str_eq(buf_cstr(&b), "\"\\u001b\\u009b\\u202e\\u000a\"");
    buf_free(&b);
}
END_TEST

START_TEST(quotes_make_of_each_byte_the_same_wherever_it_stands)
{
    for (int byte = 0; byte < 0x80; byte++)
        for (size_t at = 0; at < 20; at++) {
            uint8_t text[20], one = (uint8_t)byte;
            struct buf alone = { 0 }, whole = { 0 }, expected = { 0 };

            memset(text, 'a', sizeof(text));
            text[at] = one;
            log_quote(&alone, bytes_of(&one, 1));
            log_quote(&whole, bytes_of(text, sizeof(text)));
            buf_printf(&expected, "\"%.*s", (int)at, "aaaaaaaaaaaaaaaaaaaa");
            buf_append(&expected, alone.data + 1, alone.len - 2);
            buf_printf(&expected, "%.*s\"", (int)(19 - at), "aaaaaaaaaaaaaaaaaaaa");
            ck_assert(bytes_equal(buf_bytes(&whole), buf_bytes(&expected)));
            buf_free(&alone);
            buf_free(&whole);
            buf_free(&expected);
        }
}
END_TEST

/* All that is in the pipe now, to the end of `text`; how many bytes that was. */
static size_t drain(int fd, struct buf *text)
{
    uint8_t chunk[65536];
    size_t sum = 0;
    ssize_t n;

    while ((n = read(fd, chunk, sizeof(chunk))) > 0) {
        buf_append(text, chunk, (size_t)n);
        sum += (size_t)n;
    }
    return sum;
}

/* How many lines have it. Each is searched alone: a thread sanitizer looks at all that memmem() is given. */
static unsigned count_of(const struct buf *text, const char *word)
{
    const uint8_t *at = text->data, *end = text->data + text->len, *newline;
    unsigned n = 0;

    for (; (newline = memchr(at, '\n', (size_t)(end - at))) != NULL; at = newline + 1)
        n += memmem(at, (size_t)(newline - at), word, strlen(word)) != NULL;
    return n;
}

/* Each line is written, or among those that are told of; another output misses none. */
START_TEST(a_reader_that_is_too_slow_is_told_how_many_lines_it_has_lost)
{
    struct log_sink sink;
    struct logger lg = { .sink = &sink };
    struct buf slow = { 0 }, whole = { 0 };
    char word[64];
    int ends[2], file = memfd_create("log", MFD_CLOEXEC);
    unsigned kept, told = 20000;

    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    log_sink_init(&sink);
    log_sink_to(&sink, ends[1]);
    log_sink_add(&sink, dup(file));
    for (unsigned i = 0; i < told; i++)
        log_info(
            &lg, "a line among so many", F_UINT("number", i),
            F_STR("text",
                  "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123"
                  "4567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
                  "8901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901"
                  "2345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345"
                  "6789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"));
    do
        log_flush(&sink);
    while (drain(ends[0], &slow) > 0);
    kept = count_of(&slow, "a line among so many");
    ck_assert_uint_gt(kept, 0);
    ck_assert_uint_lt(kept, told);
    ck_assert_uint_eq(count_of(&slow, "Lines of the log were lost"), 1);
    snprintf(word, sizeof(word), "\"lines\": %u", told - kept);
    ck_assert_uint_eq(count_of(&slow, word), 1);
    ck_assert_int_eq(lseek(file, 0, SEEK_SET), 0);
    drain(file, &whole);
    ck_assert_uint_eq(count_of(&whole, "a line among so many"), told);
    log_sink_close(&sink);
    close(ends[0]);
    close(file);
    buf_free(&slow);
    buf_free(&whole);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("log");
    TCase *tc = tcase_create("all");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_complaint_that_goes_on_is_told_at_once_and_then_rarer_up_to_five_minutes);
    tcase_add_test(tc, after_a_silence_the_next_one_is_told_at_once);
    tcase_add_test(tc, a_new_cause_is_told_within_ten_seconds);
    tcase_add_test(tc, causes_that_take_turns_give_a_line_in_ten_seconds_at_most);
    tcase_add_test(tc, quotes_make_of_each_byte_the_same_wherever_it_stands);
    tcase_add_test(tc, what_a_terminal_would_act_on_is_written_as_an_escape);
    tcase_add_test(tc, a_reader_that_is_too_slow_is_told_how_many_lines_it_has_lost);
    suite_add_tcase(s, tc);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
