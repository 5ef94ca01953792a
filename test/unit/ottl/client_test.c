/* SPDX-License-Identifier: Apache-2.0 */
#include "ottl/client.h"

#include "otlp/metadata.h"
#include "ottl/ottl.h"

#include <check.h>
#include <stdlib.h>

static struct metadata *headers(void)
{
    const struct metadata_entry entries[] = {
        { BYTES_LIT("X-Tenant"), BYTES_LIT("acme") },
        { BYTES_LIT("x-tenant"), BYTES_LIT("two") },
        { BYTES_LIT(":auth.username"), BYTES_LIT("u") },
        { BYTES_LIT(METADATA_ADDRESS), BYTES_LIT("::1") },
    };

    return metadata_new(entries, 4);
}

static bool holds(const struct metadata *m, const char *condition)
{
    struct ottl_evaluation *e = ottl_evaluation_new();
    struct ottl_reading how = { .context = OTTL_OTELCOL };
    struct ottl_fault fault;
    struct ottl_program *p = ottl_parse_condition(condition, how, &fault);
    struct buf client = { 0 };
    struct ottl_item item;
    struct error err;
    bool result;

    ck_assert_msg(p != NULL, "%s", fault.text);
    ottl_client_write(&client, m);
    item = (struct ottl_item){ .item = buf_bytes(&client) };
    ottl_begin(e, &item, 0);
    if (!ottl_test(e, p, &result, &err))
        result = false;
    ottl_program_free(p);
    ottl_evaluation_free(e);
    buf_free(&client);
    return result;
}

START_TEST(headers_are_found_in_any_case_with_all_their_values)
{
    struct metadata *m = headers();

    ck_assert(holds(m, "otelcol.client.metadata[\"X-TENANT\"][0] == \"acme\""));
    ck_assert(holds(m, "otelcol.grpc.metadata[\"x-tenant\"][1] == \"two\""));
    ck_assert(holds(m, "otelcol.client.metadata[\"x-tenant\"] == [\"acme\", \"two\"]"));
    ck_assert(holds(m, "otelcol.client.metadata[\"other\"] == nil"));
    ck_assert(holds(m, "otelcol.client.addr == \"::1\""));
    ck_assert(holds(m, "Len(otelcol.client.metadata) == 1"));
    metadata_unref(m);
}
END_TEST

START_TEST(without_metadata_nothing_is_there)
{
    ck_assert(holds(NULL, "otelcol.client.metadata[\"x-tenant\"] == nil"));
    ck_assert(!holds(NULL, "otelcol.client.metadata[\"x-tenant\"][0] == \"acme\""));
    ck_assert(holds(NULL, "otelcol.client.addr == \"\""));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("client");
    TCase *t = tcase_create("client");
    SRunner *runner;
    int failed;

    tcase_add_test(t, headers_are_found_in_any_case_with_all_their_values);
    tcase_add_test(t, without_metadata_nothing_is_there);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
