/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/assembly.h"

#include "codec/pb.h"
#include "otlp/fields.h"
#include "otlp/validate.h"
#include "support/rig.h"

#include <check.h>
#include <stdlib.h>

static struct digest number_key(uint64_t n)
{
    return digest_number((struct digest){ 0 }, n);
}

START_TEST(what_is_put_in_comes_out_as_one_valid_request)
{
    struct rig rig;
    struct assembly a;
    struct buf item = { 0 };
    struct validation v;
    struct batch *b;
    bool made;

    rig_init(&rig, 1);
    assembly_init(&a);
    pb_put_fixed64(&item, OTLP_LOG_TIME, 7);
    for (uint64_t i = 0; i < 1000; i++) {
        struct digest resource = number_key(i % 100), scope = digest_number(resource, i % 3);
        struct message *group = assembly_find(&a, a.root, OTLP_REQUEST_RESOURCES, &resource, &made);
        struct message *records = assembly_find(&a, group, OTLP_RESOURCE_GROUP_SCOPES, &scope, &made);

        ck_assert(made == (i < 300));
        assembly_put_field(&a, records, OTLP_SCOPE_GROUP_ITEMS, buf_bytes(&item));
    }
    b = assembly_batch(&a, SIGNAL_LOGS, &rig.budget, 1000, 0);
    ck_assert(otlp_validate(SIGNAL_LOGS, bytes_of(b->segments[0].data, b->segments[0].len), &v));
    ck_assert_uint_eq(v.items, 1000);
    batch_unref(b);
    assembly_clear(&a);
    b = assembly_batch(&a, SIGNAL_LOGS, &rig.budget, 0, 0);
    ck_assert_uint_eq(b->bytes, 0);
    batch_unref(b);
    assembly_free(&a);
    buf_free(&item);
    rig_close(&rig);
}
END_TEST

START_TEST(a_set_of_attributes_is_known_whatever_its_order)
{
    struct buf a = { 0 }, b = { 0 }, c = { 0 };
    struct digest zero = { 0 }, of_a, of_b, of_c;

    pb_put_str(&a, 1, "x");
    pb_put_str(&a, 1, "yy");
    pb_put_str(&b, 1, "yy");
    pb_put_uint(&b, 2, 9);
    pb_put_str(&b, 1, "x");
    pb_put_str(&c, 1, "xyy");
    of_a = digest_attributes(zero, buf_bytes(&a), 1);
    of_b = digest_attributes(zero, buf_bytes(&b), 1);
    of_c = digest_attributes(zero, buf_bytes(&c), 1);
    ck_assert(digest_equal(&of_a, &of_b));
    ck_assert(!digest_equal(&of_a, &of_c));
    of_b = digest_attributes(number_key(1), buf_bytes(&a), 1);
    ck_assert(!digest_equal(&of_a, &of_b));
    buf_free(&a);
    buf_free(&b);
    buf_free(&c);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("assembly");
    TCase *t = tcase_create("assembly");
    SRunner *runner;
    int failed;

    tcase_add_test(t, what_is_put_in_comes_out_as_one_valid_request);
    tcase_add_test(t, a_set_of_attributes_is_known_whatever_its_order);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
