/* SPDX-License-Identifier: Apache-2.0 */
#include "page/advice.h"

#include "base/mem.h"

#include <check.h>

static const struct {
    const char *text, *todo;
} texts[] = {
    { "POST to http://10.0.0.1:4318: connect to 10.0.0.1:4318: connection refused", "start what should listen" },
    { "look up nowhere.example: unknown node or service", "mend the name" },
    { "certificate \"CN=a\" expired on 2020-01-01: TLS", "have the peer renew it" },
    { "certificate \"a\" is valid for b, not for c: server_name_override takes another name",
      "that the certificate has" },
    { "the answer is not HTTP/1.1", "4318" },
    { "the peer closed the connection before it said a word: it may want TLS, or speak no HTTP/2", "4317" },
    { "http://x answered 401: no", "credentials" },
    { "http://x answered 503: busy", "the peer's own log" },
    { "dns:///x answered UNIMPLEMENTED", "pipeline for the signal" },
    { "no token from oauth2client: connect to 10.0.0.1:80: Connection refused", "token_url" },
    { "error exporting to topic \"a\": Local: Message timed out: no connection is broken: is the topic there, and has "
      "it "
      "a leader?",
      "make the topic" },
    { "error exporting to topic \"a\": Local: Message timed out: Connect to ipv4#127.0.0.1:1 failed: Connection "
      "refused",
      "start what should listen" },
    { "no member has been resolved yet", "failed to resolve" },
    { "POST to http://x/: the peer speaks HTTP/1.1, not HTTP/2", "4317" },
    { "POST to http://x/: the peer speaks HTTP/2, not HTTP/1.1", "4318" },
    { "POST to http://x/: what the peer says is not HTTP/2", "4317" },
    { "cannot write to the queue on disk: no space left on device", "make room" },
};

START_TEST(a_failure_has_its_advice)
{
    const struct advice *a = advice_for(bytes_str(texts[_i].text));

    ck_assert_ptr_nonnull(a);
    ck_assert_msg(strstr(a->todo, texts[_i].todo) != NULL, "%s: %s", texts[_i].text, a->todo);
}
END_TEST

START_TEST(what_is_not_known_has_none)
{
    ck_assert_ptr_null(advice_for(bytes_str("it rains")));
    ck_assert_ptr_null(advice_for(bytes_of(NULL, 0)));
    ck_assert_ptr_null(advice_of(ADVICE_DROPPED, bytes_str("no_such_reason")));
}
END_TEST

START_TEST(a_reason_has_one_advice_by_its_column)
{
    ck_assert_ptr_nonnull(strstr(advice_of(ADVICE_REFUSED, bytes_str("queue_full"))->todo, "queue"));
    ck_assert(advice_of(ADVICE_DROPPED, bytes_str("sampled"))->meant);
    ck_assert(!advice_of(ADVICE_DROPPED, bytes_str("collision"))->meant);
    ck_assert_ptr_nonnull(strstr(advice_of(ADVICE_REJECTED, bytes_str("unknown_path"))->todo, "/v1/traces"));
    ck_assert_str_eq(advice_of(ADVICE_BROKEN, bytes_str("tls"))->option, "tls::cert_file");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("advice");
    TCase *tc = tcase_create("advice");
    SRunner *sr;
    int failed;

    tcase_add_loop_test(tc, a_failure_has_its_advice, 0, ARRAY_LEN(texts));
    tcase_add_test(tc, what_is_not_known_has_none);
    tcase_add_test(tc, a_reason_has_one_advice_by_its_column);
    suite_add_tcase(s, tc);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
