/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/kafka/kafka_split.h"

#include "otlp/fields.h"
#include "otlp/view.h"
#include "support/rig/rig.h"

#include <check.h>
#include <stdlib.h>

static struct rig rig;

static void setup(void)
{
    rig_init(&rig, 1);
}

static void teardown(void)
{
    rig_close(&rig);
}

static void put_attribute(struct buf *b, uint32_t number, const char *key, const char *any_value, size_t n)
{
    size_t mark = pb_begin(b, number);

    pb_put_str(b, OTLP_KEY_VALUE_KEY, key);
    pb_put_bytes(b, OTLP_KEY_VALUE_VALUE, bytes_of(any_value, n));
    pb_end(b, mark);
}

#define ATTRIBUTE(b, key, any_value) put_attribute(b, OTLP_RESOURCE_ATTRIBUTES, key, any_value, sizeof(any_value) - 1)

/* ---- batches ---- */

/* Two resources, "t" being a topic; spans by the letter of their trace. */
static struct batch *batch_of_spans(const char *first, const char *second)
{
    const char *const spans[] = { first, second };
    struct buf b = { 0 };
    struct block *block;
    struct bytes bytes;
    uint64_t items = 0;

    for (int i = 0; i < 2; i++) {
        size_t group = pb_begin(&b, OTLP_REQUEST_RESOURCES), resource = pb_begin(&b, OTLP_RESOURCE_GROUP_RESOURCE),
               scope;

        if (i == 1)
            ATTRIBUTE(&b, "t", "\x0a\x03two");
        pb_end(&b, resource);
        scope = pb_begin(&b, OTLP_RESOURCE_GROUP_SCOPES);
        for (const char *p = spans[i]; *p != '\0'; p++, items++) {
            uint8_t id[16];
            size_t span = pb_begin(&b, OTLP_SCOPE_GROUP_ITEMS);

            memset(id, *p, sizeof(id));
            pb_put_bytes(&b, OTLP_SPAN_TRACE_ID, bytes_of(id, sizeof(id)));
            pb_put_fixed64(&b, OTLP_SPAN_START, items);
            pb_end(&b, span);
        }
        pb_end(&b, scope);
        pb_end(&b, group);
    }
    block = block_new(&rig.budget, b.len);
    ck_assert_ptr_nonnull(block);
    memcpy(block->data, b.data, b.len);
    bytes = bytes_of(block->data, b.len);
    buf_free(&b);
    return batch_new(SIGNAL_TRACES, block, bytes, items, 1);
}

/* The letters of the spans' traces, a bar before each resource. */
static void write_letters(const struct batch *b, char *out)
{
    struct pb_reader r = pb_reader(bytes_of(b->segments[0].data, b->segments[0].len));

    for (struct bytes group, scope, span; message_next(&r, OTLP_REQUEST_RESOURCES, &group);) {
        struct pb_reader scopes = pb_reader(group);

        *out++ = '|';
        while (message_next(&scopes, OTLP_RESOURCE_GROUP_SCOPES, &scope)) {
            struct pb_reader spans = pb_reader(scope);

            while (message_next(&spans, OTLP_SCOPE_GROUP_ITEMS, &span))
                *out++ = (char)pb_find_bytes(span, OTLP_SPAN_TRACE_ID).data[0];
        }
    }
    *out = '\0';
}

static void free_pieces(kafka_pieces *p)
{
    for (size_t i = 0; i < p->n; i++)
        batch_unref(p->v[i].batch);
    vec_free(p);
}

START_TEST(test_by_trace_each_piece_is_of_one_with_what_its_spans_are_in)
{
    static const char *const expected[] = { "|aa|a", "|b", "|c" };
    struct kafka_split_rules rules = { .by = KAFKA_BY_TRACE, .trace_key = true, .topic_attribute = bytes_str("t") };
    struct batch *b = batch_of_spans("aba", "ca");
    kafka_pieces out = { 0 };
    uint64_t items = 0;

    kafka_split(&rules, b, &rig.budget, &out);
    batch_unref(b);
    ck_assert_uint_eq(out.n, 3);
    for (size_t i = 0; i < out.n; i++) {
        char letters[32];

        write_letters(out.v[i].batch, letters);
        ck_assert_str_eq(letters, expected[i]);
        items += out.v[i].batch->items;
        ck_assert_uint_eq(out.v[i].n_key, 32);
    }
    ck_assert_uint_eq(items, 5);
    ck_assert_mem_eq(out.v[0].key, "61616161616161616161616161616161", 32);
    ck_assert(bytes_is(out.v[0].topic, "two") && out.v[1].topic.len == 0 && bytes_is(out.v[2].topic, "two"));
    free_pieces(&out);
}
END_TEST

/* One resource of 10000 bytes in all, and a trace for each span. */
static struct batch *heavy_batch(uint64_t traces)
{
    static const char schema[10000] = "s";
    struct buf b = { 0 };
    size_t group = pb_begin(&b, OTLP_REQUEST_RESOURCES), scope;
    struct block *block;
    struct batch *batch;

    pb_put_bytes(&b, OTLP_RESOURCE_GROUP_SCHEMA_URL, bytes_of(schema, sizeof(schema)));
    scope = pb_begin(&b, OTLP_RESOURCE_GROUP_SCOPES);
    for (uint64_t i = 0; i < traces; i++) {
        size_t span = pb_begin(&b, OTLP_SCOPE_GROUP_ITEMS);
        uint8_t id[16] = { (uint8_t)(i * 37), (uint8_t)(i >> 8) };

        pb_put_bytes(&b, OTLP_SPAN_TRACE_ID, bytes_of(id, sizeof(id)));
        pb_end(&b, span);
    }
    pb_end(&b, scope);
    pb_end(&b, group);
    block = block_force(&rig.budget, b.len);
    memcpy(block->data, b.data, b.len);
    batch = batch_new(SIGNAL_TRACES, block, bytes_of(block->data, b.len), traces, 1);
    buf_free(&b);
    return batch;
}

START_TEST(test_by_trace_a_resource_that_each_would_repeat_is_not_written_for_all_at_once)
{
    struct kafka_split_rules rules = { .by = KAFKA_BY_TRACE, .trace_key = true };
    struct batch *b = heavy_batch(200);
    uint64_t size = b->bytes, ready = 0;
    kafka_pieces waiting = { 0 };

    *vec_push(&waiting) = (struct kafka_piece){ .batch = b };
    while (waiting.n > 0) {
        struct kafka_piece p = waiting.v[--waiting.n];

        if (p.ready) {
            ck_assert_uint_eq(p.batch->items, 1);
            ck_assert_uint_eq(p.n_key, 32);
            ck_assert_uint_gt(p.batch->bytes, 10000);
            ready++;
        } else {
            kafka_split(&rules, p.batch, &rig.budget, &waiting);
        }
        batch_unref(p.batch);
        ck_assert_uint_lt(rig.budget.peak, 16 * size);
    }
    ck_assert_uint_eq(ready, 200);
    vec_free(&waiting);
}
END_TEST

START_TEST(test_by_resource_nothing_is_copied)
{
    struct kafka_split_rules rules = { .by = KAFKA_BY_RESOURCE,
                                       .resource_key = true,
                                       .topic_attribute = bytes_str("t") };
    struct batch *b = batch_of_spans("ab", "c");
    kafka_pieces out = { 0 };

    kafka_split(&rules, b, &rig.budget, &out);
    ck_assert_uint_eq(out.n, 2);
    ck_assert_ptr_eq(out.v[0].batch->segments[0].data, b->segments[0].data);
    ck_assert_uint_eq(out.v[0].batch->items, 2);
    ck_assert_uint_eq(out.v[1].batch->items, 1);
    ck_assert_uint_eq(out.v[0].batch->bytes + out.v[1].batch->bytes, b->bytes);
    ck_assert_mem_ne(out.v[0].key, out.v[1].key, 16);
    ck_assert(out.v[0].topic.len == 0 && bytes_is(out.v[1].topic, "two"));
    free_pieces(&out);
    batch_unref(b);
}
END_TEST

START_TEST(test_by_item_each_piece_knows_its_place)
{
    struct kafka_split_rules rules = { .by = KAFKA_BY_ITEM };
    struct batch *b = batch_of_spans("ab", "c");
    kafka_pieces out = { 0 };

    kafka_split(&rules, b, &rig.budget, &out);
    batch_unref(b);
    ck_assert_uint_eq(out.n, 3);
    for (size_t i = 0; i < out.n; i++) {
        ck_assert_uint_eq(out.v[i].at, i);
        ck_assert(out.v[i].item.len > 0 && out.v[i].n_key == 0);
    }
    free_pieces(&out);
}
END_TEST

START_TEST(test_by_item_pieces_are_made_a_few_at_a_time)
{
    struct kafka_split_rules rules = { .by = KAFKA_BY_ITEM, .trace_key = true, .topic_attribute = bytes_str("t") };
    struct batch *b = batch_of_spans("ab", "c");
    struct kafka_walk walk = { 0 };
    kafka_pieces out = { 0 };

    ck_assert(kafka_split_items(&rules, b, &walk, 2, &out));
    ck_assert_uint_eq(out.n, 2);
    ck_assert(!kafka_split_items(&rules, b, &walk, 2, &out));
    ck_assert_uint_eq(out.n, 3);
    ck_assert_uint_eq(out.v[2].at, 2);
    ck_assert(out.v[1].topic.len == 0 && bytes_is(out.v[2].topic, "two"));
    ck_assert_mem_eq(out.v[2].key, "6363", 4);
    free_pieces(&out);
    ck_assert(!kafka_split_items(&rules, b, &walk, 2, &out));
    ck_assert_uint_eq(out.n, 0);
    batch_unref(b);
}
END_TEST

START_TEST(test_what_a_batch_begins_with_is_told_from_the_rest)
{
    struct batch *parts[2] = { batch_of_spans("ab", "c"), batch_of_spans("d", "ee") }, *b, *same, *rest, *none, *all;
    struct bytes second;
    char letters[64];

    b = batch_merge(parts, 2);
    kafka_split_leading(b, kafka_split_first(b), &same, &rest);
    write_letters(same, letters);
    ck_assert_str_eq(letters, "|ab");
    ck_assert_uint_eq(same->items, 2);
    write_letters(rest, letters); /* of its first segment */
    ck_assert_str_eq(letters, "|c");
    ck_assert_uint_eq(rest->items, 4);
    second = kafka_split_first(rest);
    kafka_split_leading(same, second, &none, &all);
    ck_assert_ptr_null(none);
    ck_assert_uint_eq(all->items, 2);
    batch_unref(all);
    kafka_split_leading(same, kafka_split_first(same), &all, &none);
    ck_assert_ptr_null(none);
    ck_assert_uint_eq(all->items, 2);
    batch_unref(all);
    batch_unref(same);
    batch_unref(rest);
    batch_unref(b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("kafka_split");
    TCase *t = tcase_create("pieces");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_by_trace_each_piece_is_of_one_with_what_its_spans_are_in);
    tcase_add_test(t, test_by_trace_a_resource_that_each_would_repeat_is_not_written_for_all_at_once);
    tcase_add_test(t, test_by_resource_nothing_is_copied);
    tcase_add_test(t, test_by_item_each_piece_knows_its_place);
    tcase_add_test(t, test_by_item_pieces_are_made_a_few_at_a_time);
    tcase_add_test(t, test_what_a_batch_begins_with_is_told_from_the_rest);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
