/* SPDX-License-Identifier: Apache-2.0 */
/* Fields and attributes of random records: looked for with and without the knowledge that they are in order. */
#include "ottl/message.h"

#include "otlp/fields.h"
#include "otlp/signal.h"
#include "otlp/validate.h"
#include "support/random_message.h"

#include <check.h>
#include <stdlib.h>

static const ProtobufCMessageDescriptor *log_type(void)
{
    const ProtobufCMessageDescriptor *type = signal_table[SIGNAL_LOGS].request;

    for (unsigned i = 0; i < 2; i++)
        type = protobuf_c_message_descriptor_get_field(type, i == 0 ? 1u : 2u)->descriptor;
    return protobuf_c_message_descriptor_get_field(type, OTLP_SCOPE_GROUP_ITEMS)->descriptor;
}

/* The check at the door says whether the fields are in order. */
static bool is_ordered(struct bytes record)
{
    struct buf b = { 0 };
    struct validation v;
    size_t group = pb_begin(&b, OTLP_REQUEST_RESOURCES), scope = pb_begin(&b, OTLP_RESOURCE_GROUP_SCOPES);
    bool ordered;

    pb_put_bytes(&b, OTLP_SCOPE_GROUP_ITEMS, record);
    pb_end(&b, scope);
    pb_end(&b, group);
    ordered = otlp_validate(SIGNAL_LOGS, buf_bytes(&b), &v) && v.ordered;
    buf_free(&b);
    return ordered;
}

static uint64_t number_of(struct bytes record, uint32_t number)
{
    struct pb_reader r = pb_reader(record);
    uint64_t n = 0;

    for (struct pb_field f; pb_next(&r, &f);)
        if (f.number == number)
            n = f.wire == PB_LEN ? 0 : f.u64;
    return n;
}

static void compare_record(struct bytes record, bool ordered)
{
    static const char *const keys[] = { "", "a", "b", "none" };

    for (uint32_t number = 1; number < INDEXED_FIELDS; number++) {
        struct message_index index = { .data = NULL };
        struct bytes any[2] = { { NULL, 0 }, { NULL, 0 } };

        for (unsigned again = 0; again < 3; again++) /* by walking, and by the index */
            ck_assert_uint_eq(message_number_indexed(&index, record, number, ordered), number_of(record, number));
        for (unsigned k = 0; ordered && k < sizeof(keys) / sizeof(*keys); k++) {
            bool there = message_attribute(record, number, bytes_str(keys[k]), &any[0]);

            ck_assert(message_attribute_ordered(record, number, bytes_str(keys[k]), &any[1]) == there);
            ck_assert(!there || any[0].data == any[1].data);
        }
    }
}

/* Written again by protobuf-c they are in order, and still so when some come twice; as they come at random, seldom. */
START_TEST(what_is_in_order_is_found_as_what_is_not)
{
    uint64_t state = (uint64_t)_i;
    unsigned in_order = 0;

    for (unsigned round = 0; round < 500; round++) {
        struct buf raw = { 0 }, record = { 0 }, doubled = { 0 };
        bool ordered;

        random_message_put(&raw, log_type(), &state, 4, 3);
        canonical_put(&record, log_type(), buf_bytes(&raw));
        ordered = is_ordered(buf_bytes(&record));
        in_order += ordered;
        compare_record(buf_bytes(&record), ordered);
        compare_record(buf_bytes(&raw), is_ordered(buf_bytes(&raw)));
        doubled_put(&doubled, log_type(), buf_bytes(&record), &state);
        ck_assert(is_ordered(buf_bytes(&doubled)) == ordered);
        compare_record(buf_bytes(&doubled), ordered);
        buf_free(&doubled);
        buf_free(&raw);
        buf_free(&record);
    }
    ck_assert_uint_gt(in_order, 0);
}
END_TEST

/* Twice the same, of two wire types; a length that needs two bytes; a number that does, in front and behind. */
START_TEST(fields_of_all_forms_are_passed_over)
{
    struct buf b = { 0 };
    char text[300];

    memset(text, 'x', sizeof(text));
    pb_put_fixed64(&b, 1, 5);
    pb_put_uint(&b, 2, 300);
    pb_put_uint(&b, 2, 301);
    pb_put_bytes(&b, 5, bytes_of(text, sizeof(text)));
    pb_put_uint(&b, 7, 3);
    pb_put_fixed32(&b, 8, 1);
    pb_put_uint(&b, 20, 77);
    pb_put_uint(&b, 200, 78);
    compare_record(buf_bytes(&b), true);
    pb_put_uint(&b, 2, 9);
    compare_record(buf_bytes(&b), false);
    buf_free(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("message");
    TCase *c = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, what_is_in_order_is_found_as_what_is_not, 1, 5);
    tcase_add_test(c, fields_of_all_forms_are_passed_over);
    suite_add_tcase(s, c);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
