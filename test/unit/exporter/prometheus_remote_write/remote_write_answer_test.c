/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/prometheus_remote_write/remote_write_answer.h"

#include "base/mem.h"

#include <check.h>
#include <stdlib.h>

#define V1 REMOTE_WRITE_1
#define V2 REMOTE_WRITE_2

static const struct {
    int status;
    const char *body;
    enum remote_write_version version;
    int64_t written;
    uint64_t sent;
    enum answer_fate fate;
    const char *reason;
} cases[] = {
    { 200, "", V1, -1, 5, ANSWER_TAKEN, NULL },
    { 204, "out of order", V1, -1, 5, ANSWER_TAKEN, NULL },
    { 299, "", V1, 0, 5, ANSWER_TAKEN, NULL },
    /* A receiver of version 2 says how many it wrote; who does not, has not understood. */
    { 200, "", V2, 5, 5, ANSWER_TAKEN, NULL },
    { 200, "", V2, 3, 5, ANSWER_TAKEN, NULL },
    { 200, "", V2, 0, 5, ANSWER_OTHER_FORM, "unsupported" },
    { 204, "", V2, -1, 5, ANSWER_OTHER_FORM, "unsupported" },
    { 204, "", V2, -1, 0, ANSWER_TAKEN, NULL },
    { 415, "", V2, -1, 5, ANSWER_OTHER_FORM, "unsupported" },
    { 415, "", V1, -1, 5, ANSWER_REFUSED, "unsupported" },
    { 301, "", V1, -1, 5, ANSWER_REFUSED, "redirected" },
    { 399, "", V1, -1, 5, ANSWER_REFUSED, "redirected" },
    { 401, "", V1, -1, 5, ANSWER_REFUSED, "unauthorized" },
    { 403, "", V1, -1, 5, ANSWER_REFUSED, "unauthorized" },
    { 407, "", V1, -1, 5, ANSWER_REFUSED, "unauthorized" },
    { 404, "", V1, -1, 5, ANSWER_REFUSED, "not_found" },
    { 405, "", V1, -1, 5, ANSWER_REFUSED, "not_found" },
    { 410, "", V1, -1, 5, ANSWER_REFUSED, "not_found" },
    { 408, "", V1, -1, 5, ANSWER_RETRY, "throttled" },
    { 429, "out of order", V1, -1, 5, ANSWER_RETRY, "throttled" },
    { 413, "", V1, -1, 5, ANSWER_BISECT, "too_large" },
    { 400, "", V1, -1, 5, ANSWER_BISECT, "rejected" },
    { 422, "what is this", V1, -1, 5, ANSWER_BISECT, "rejected" },
    /* As Prometheus, Mimir and VictoriaMetrics say it. */
    { 400, "out of order sample\n", V1, -1, 5, ANSWER_BISECT, "out_of_order" },
    { 400, "the sample has been rejected because it is an out-of-order one", V1, -1, 5, ANSWER_BISECT, "out_of_order" },
    { 400, "duplicate sample for timestamp", V1, -1, 5, ANSWER_BISECT, "duplicate" },
    { 400, "Too Old Sample", V1, -1, 5, ANSWER_BISECT, "too_old" },
    { 400, "out of bounds\n", V1, -1, 5, ANSWER_BISECT, "too_old" },
    { 400, "timestamp is too far in the future", V1, -1, 5, ANSWER_BISECT, "future" },
    { 400, "native histograms are disabled", V1, -1, 5, ANSWER_BISECT, "bad_histogram" },
    { 400, "label name \"0\" is invalid", V1, -1, 5, ANSWER_BISECT, "bad_label" },
    { 400, "invalid metric name", V1, -1, 5, ANSWER_BISECT, "bad_name" },
    { 400, "per-user series limit of 5 exceeded", V1, -1, 5, ANSWER_BISECT, "receiver_limit" },
    { 400, "labe", V1, -1, 5, ANSWER_BISECT, "rejected" },
    { 500, "", V1, -1, 5, ANSWER_SUSPECT, "server_error" },
    { 501, "", V1, -1, 5, ANSWER_RETRY, "unavailable" },
    { 503, "", V2, 0, 5, ANSWER_RETRY, "unavailable" },
    { 599, "", V1, -1, 5, ANSWER_RETRY, "unavailable" },
    { 999, "", V1, -1, 5, ANSWER_RETRY, "unavailable" },
};

START_TEST(an_answer_means_one_thing)
{
    struct answer_meaning m = answer_meaning(cases[_i].status, bytes_str(cases[_i].body), cases[_i].version,
                                             cases[_i].written, cases[_i].sent);

    ck_assert_msg(m.fate == cases[_i].fate, "%d %s: %d", cases[_i].status, cases[_i].body, m.fate);
    ck_assert_pstr_eq(m.reason, cases[_i].reason);
}
END_TEST

START_TEST(there_is_advice_for_every_reason_that_loses_data)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (cases[i].fate == ANSWER_REFUSED || cases[i].fate == ANSWER_SUSPECT ||
            (cases[i].fate == ANSWER_BISECT && strcmp(cases[i].reason, "rejected") != 0))
            ck_assert_str_ne(answer_advice(cases[i].reason), answer_advice("rejected"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("remote_write_answer");
    TCase *tc = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(tc, an_answer_means_one_thing, 0, ARRAY_LEN(cases));
    tcase_add_test(tc, there_is_advice_for_every_reason_that_loses_data);
    suite_add_tcase(s, tc);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
