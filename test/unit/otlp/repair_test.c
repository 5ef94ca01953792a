/* SPDX-License-Identifier: Apache-2.0 */
/* Requests with strings that are not UTF-8, among others that are. */
#include "otlp/repair.h"

#include "codec/pb.h"
#include "codec/utf8.h"
#include "otlp/fields.h"
#include "otlp/validate.h"

#include <check.h>
#include <stdlib.h>

/* One log record, its body a string at `depth` arrays. */
static void put_log(struct buf *b, const char *body, unsigned depth)
{
    size_t marks[4], any[64], n = 0;

    marks[0] = pb_begin(b, OTLP_REQUEST_RESOURCES);
    marks[1] = pb_begin(b, OTLP_RESOURCE_GROUP_SCOPES);
    marks[2] = pb_begin(b, OTLP_SCOPE_GROUP_ITEMS);
    marks[3] = pb_begin(b, OTLP_LOG_BODY);
    for (unsigned i = 0; i < depth; i++) {
        any[n++] = pb_begin(b, OTLP_ANY_ARRAY);
        any[n++] = pb_begin(b, OTLP_LIST_VALUES);
    }
    pb_put_str(b, OTLP_ANY_STRING, body);
    while (n > 0)
        pb_end(b, any[--n]);
    for (size_t i = 4; i > 0; i--)
        pb_end(b, marks[i - 1]);
}

static void assert_repaired(const struct buf *in, const struct buf *want, uint64_t strings)
{
    struct buf out = { 0 };
    struct validation v;

    ck_assert(!otlp_validate(SIGNAL_LOGS, buf_bytes(in), &v) && v.is_text);
    ck_assert_uint_eq(otlp_repair(SIGNAL_LOGS, buf_bytes(in), &out), strings);
    ck_assert(bytes_equal(buf_bytes(&out), buf_bytes(want)));
    ck_assert(otlp_validate(SIGNAL_LOGS, buf_bytes(&out), &v));
    buf_free(&out);
}

START_TEST(one_bad_string_costs_that_string_only)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        { "caf\xe9 au lait", "caf\xef\xbf\xbd au lait" },
        { "\xff\xfe", "\xef\xbf\xbd" }, /* a run is one */
        { "\xc3\xa9\xc3", "\xc3\xa9\xef\xbf\xbd" },
        { "\xed\xa0\x80x", "\xef\xbf\xbdx" },
        { "a\xf0\x9f\x98", "a\xef\xbf\xbd" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (unsigned depth = 0; depth <= 30; depth += 15) {
            struct buf in = { 0 }, want = { 0 };

            put_log(&in, "good", 0);
            put_log(&in, rows[i].in, depth);
            put_log(&in, rows[i].in, 1);
            put_log(&want, "good", 0);
            put_log(&want, rows[i].out, depth);
            put_log(&want, rows[i].out, 1);
            assert_repaired(&in, &want, 2);
            buf_free(&in);
            buf_free(&want);
        }
}
END_TEST

START_TEST(what_grows_too_far_is_no_text)
{
    struct buf text = { 0 }, in = { 0 }, out = { 0 };

    for (unsigned i = 0; i < REPAIR_GROWTH; i++)
        buf_puts(&text, "\xff ");
    put_log(&in, buf_cstr(&text), 0);
    ck_assert_uint_eq(otlp_repair(SIGNAL_LOGS, buf_bytes(&in), &out), 0);
    buf_free(&text);
    buf_free(&in);
    buf_free(&out);
}
END_TEST

START_TEST(other_faults_stay)
{
    struct buf in = { 0 }, out = { 0 };
    struct validation v;

    put_log(&in, "\xff", 0);
    buf_puts(&in, "\x0a\x05"); /* cut short */
    ck_assert_uint_eq(otlp_repair(SIGNAL_LOGS, buf_bytes(&in), &out), 1);
    ck_assert(!otlp_validate(SIGNAL_LOGS, buf_bytes(&out), &v) && !v.is_text);
    buf_free(&in);
    buf_free(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("repair");
    TCase *tc = tcase_create("repair");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tc, one_bad_string_costs_that_string_only);
    tcase_add_test(tc, what_grows_too_far_is_no_text);
    tcase_add_test(tc, other_faults_stay);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
