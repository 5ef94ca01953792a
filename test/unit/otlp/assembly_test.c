/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/assembly.h"

#include "codec/pb.h"
#include "otlp/fields.h"
#include "otlp/validate.h"
#include "support/rig/rig.h"

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

/* Some groups with many records in them. */
static void fill(struct assembly *a, struct bytes item)
{
    for (unsigned i = 0; i < 500; i++) {
        struct digest resource = number_key(i % 7), scope = digest_number(resource, i % 3);
        bool made;
        struct message *group = assembly_find(a, a->root, OTLP_REQUEST_RESOURCES, &resource, &made);
        struct message *records = assembly_find(a, group, OTLP_RESOURCE_GROUP_SCOPES, &scope, &made);

        assembly_put_field(a, records, OTLP_SCOPE_GROUP_ITEMS, item);
    }
}

START_TEST(what_is_made_in_steps_is_what_is_made_at_once)
{
    struct assembly_making k;
    struct assembly a;
    struct batch *whole, *steps;
    struct buf item = { 0 };
    struct rig rig;
    unsigned n = 1;

    rig_init(&rig, 1);
    pb_put_fixed64(&item, OTLP_LOG_TIME, 1);
    assembly_init(&a);
    fill(&a, buf_bytes(&item));
    whole = assembly_batch(&a, SIGNAL_LOGS, &rig.budget, 500, 0);
    for (unsigned cancelled = 0; cancelled < 40; cancelled++) { /* wherever it rests */
        assembly_make_begin(&a, &k);
        for (unsigned i = 0; i < cancelled; i++)
            ck_assert(!assembly_make_some(&a, &k, &rig.budget, 900));
        assembly_make_cancel(&k);
    }
    assembly_make_begin(&a, &k);
    for (; !assembly_make_some(&a, &k, &rig.budget, 100); n++)
        ;
    steps = assembly_make_end(&k, SIGNAL_LOGS, 500, 0);
    assembly_make_cancel(&k);
    ck_assert_uint_gt(n, 100);
    ck_assert_uint_eq(steps->bytes, whole->bytes);
    ck_assert_mem_eq(steps->segments[0].data, whole->segments[0].data, whole->bytes);
    batch_unref(whole);
    batch_unref(steps);
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
    tcase_add_test(t, what_is_made_in_steps_is_what_is_made_at_once);
    tcase_add_test(t, a_set_of_attributes_is_known_whatever_its_order);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
