/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/map_hash.h"

#include "base/buf.h"
#include "codec/pb.h"
#include "otlp/fields.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static void put_attribute(struct buf *b, uint32_t number, const char *key, const char *any_value, size_t n)
{
    size_t mark = pb_begin(b, number);

    pb_put_str(b, OTLP_KEY_VALUE_KEY, key);
    pb_put_bytes(b, OTLP_KEY_VALUE_VALUE, bytes_of(any_value, n));
    pb_end(b, mark);
}

#define ATTRIBUTE(b, key, any_value) put_attribute(b, OTLP_RESOURCE_ATTRIBUTES, key, any_value, sizeof(any_value) - 1)

static void expect_hash(const struct buf *b, const char *hex)
{
    uint8_t hash[16];
    char text[33];

    map_hash(buf_bytes(b), OTLP_RESOURCE_ATTRIBUTES, hash);
    for (int i = 0; i < 16; i++)
        snprintf(text + (ptrdiff_t)2 * i, 3, "%02x", hash[i]);
    ck_assert_str_eq(text, hex);
}

/* The keys of records that the Go collector 0.158 wrote for these resources. */
START_TEST(test_the_hash_of_a_resource_is_the_go_collectors)
{
    struct buf b = { 0 };

    expect_hash(&b, "00000000000000000000000000000000");
    ATTRIBUTE(&b, "service.name", "\x0a\x04shop");
    expect_hash(&b, "447192a5374af81ba8c2f432fbb1f6ca");
    ATTRIBUTE(&b, "b", "\x10\x01");
    ATTRIBUTE(&b, "n", "\x18\xf9\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    ATTRIBUTE(&b, "d", "\x21\0\0\0\0\0\0\xf8\x3f");
    ATTRIBUTE(&b, "list", "\x2a\x09\x0a\x03\x0a\x01x\x0a\x02\x18\x01");
    ATTRIBUTE(&b, "map",
              "\x32\x11\x0a\x08\x0a\x01z\x12\x03\x0a\x01"
              "1\x0a\x05\x0a\x01"
              "a\x12\0");
    ATTRIBUTE(&b, "bytes", "\x3a\x02\x00\xff");
    ATTRIBUTE(&b, "f", "\x10\x00");
    expect_hash(&b, "0a04ee874bce228995cd65b71b7c6d13");
    buf_free(&b);
}
END_TEST

/* Both are freed. */
static void expect_same(struct buf *a, struct buf *b)
{
    uint8_t one[16], other[16];

    map_hash(buf_bytes(a), OTLP_RESOURCE_ATTRIBUTES, one);
    map_hash(buf_bytes(b), OTLP_RESOURCE_ATTRIBUTES, other);
    ck_assert_mem_eq(one, other, 16);
    buf_free(a);
    buf_free(b);
}

START_TEST(test_the_order_of_attributes_means_nothing_to_the_hash)
{
    struct buf a = { 0 }, b = { 0 };

    ATTRIBUTE(&a, "x",
              "\x0a\x01"
              "1");
    ATTRIBUTE(&a, "y",
              "\x0a\x01"
              "2");
    ATTRIBUTE(&b, "y",
              "\x0a\x01"
              "2");
    ATTRIBUTE(&b, "x",
              "\x0a\x01"
              "1");
    expect_same(&a, &b);
}
END_TEST

/* Go looks each key up, and finds the first. */
START_TEST(test_of_a_key_that_comes_twice_the_first_value_counts)
{
    struct buf a = { 0 }, b = { 0 };

    ATTRIBUTE(&a, "x",
              "\x0a\x01"
              "1");
    ATTRIBUTE(&a, "x",
              "\x0a\x01"
              "2");
    for (int i = 0; i < 2; i++)
        ATTRIBUTE(&b, "x",
                  "\x0a\x01"
                  "1");
    expect_same(&a, &b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("map_hash");
    TCase *t = tcase_create("hashes");
    SRunner *r;
    int failed;

    tcase_add_test(t, test_the_hash_of_a_resource_is_the_go_collectors);
    tcase_add_test(t, test_the_order_of_attributes_means_nothing_to_the_hash);
    tcase_add_test(t, test_of_a_key_that_comes_twice_the_first_value_counts);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
