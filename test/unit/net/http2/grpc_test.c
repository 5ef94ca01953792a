/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http2/grpc.h"

#include "codec/base64.h"

#include <check.h>
#include <stdlib.h>

START_TEST(timeouts_are_read_in_every_unit_and_refused_when_malformed)
{
    static const struct {
        const char *text;
        bool ok;
        uint64_t ns;
    } cases[] = {
        { "10S", true, 10000000000ull },
        { "500m", true, 500000000ull },
        { "1M", true, 60000000000ull },
        { "99999999n", true, 99999999ull },
        { "2H", true, 7200000000000ull },
        { "7u", true, 7000ull },
        { "99999999H", true, UINT64_MAX },
        { "S", false, 0 },
        { "10", false, 0 },
        { "123456789S", false, 0 },
        { "1s", false, 0 },
        { "", false, 0 },
        { "-1S", false, 0 },
        { "1 S", false, 0 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint64_t ns = 0;

        ck_assert_msg(grpc_timeout_parse(bytes_str(cases[i].text), &ns) == cases[i].ok, "%s", cases[i].text);
        if (cases[i].ok)
            ck_assert_msg(ns == cases[i].ns, "%s", cases[i].text);
    }
}
END_TEST

START_TEST(a_status_with_retry_info_has_the_bytes_of_the_reference)
{
    struct buf packed = { 0 }, text = { 0 };

    grpc_status_pack(GRPC_UNAVAILABLE, bytes_str("busy"), 5000, &packed);
    base64_encode(buf_bytes(&packed), false, &text);
    ck_assert_str_eq(buf_cstr(&text), "CA4SBGJ1c3kaMAoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIECgIIBQ");
    buf_free(&packed);
    buf_free(&text);
}
END_TEST

START_TEST(messages_are_percent_encoded)
{
    struct buf text = { 0 };

    grpc_message_encode(bytes_str("100% of caf\xc3\xa9\n"), &text);
    ck_assert_str_eq(buf_cstr(&text), "100%25 of caf%C3%A9%0A");
    buf_free(&text);
}
END_TEST

START_TEST(content_types_of_grpc_are_told_from_others)
{
    ck_assert(grpc_content_type(bytes_str("application/grpc")));
    ck_assert(grpc_content_type(bytes_str("application/grpc+proto")));
    ck_assert(grpc_content_type(bytes_str("application/grpc;x=y")));
    ck_assert(!grpc_content_type(bytes_str("application/grpc-web")));
    ck_assert(!grpc_content_type(bytes_str("application/json")));
    ck_assert(!grpc_content_type(bytes_str("")));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("grpc");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_test(tc, timeouts_are_read_in_every_unit_and_refused_when_malformed);
    tcase_add_test(tc, a_status_with_retry_info_has_the_bytes_of_the_reference);
    tcase_add_test(tc, messages_are_percent_encoded);
    tcase_add_test(tc, content_types_of_grpc_are_told_from_others);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
