/* SPDX-License-Identifier: Apache-2.0 */
/* The expected owners are those of the Go collector's ring, 0.158. */
#include "exporter/load_balancing/ring.h"

#include "base/mem.h"

#include <check.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>

static struct ring ring;

static const char *owner_of(const char *const *endpoints, struct bytes key)
{
    uint16_t at = ring_find(&ring, key);

    return at == RING_NONE ? "" : endpoints[at];
}

START_TEST(two_endpoints_have_the_keys_that_they_have_in_go)
{
    static const char *const two[] = { "endpoint-1", "endpoint-2" };

    ring_make(&ring, two, 2);
    ck_assert_str_eq(owner_of(two, bytes_of("\x01\x02\0\0", 4)), "endpoint-2");
    ck_assert_str_eq(owner_of(two, bytes_of("\x80\x80\0\0", 4)), "endpoint-1");
    ck_assert_str_eq(owner_of(two, bytes_str("ad-service-7")), "endpoint-2");
    ck_assert_str_eq(owner_of(two, bytes_str("get-recommendations-1")), "endpoint-2");
    ring_free(&ring);
}
END_TEST

static const uint8_t trace_ids[][16] = {
    { 0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36 },
    { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 },
    { 0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd, 0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c },
    { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
};

static void check_three(const char *const *three)
{
    static const char owners[] = "cbcb";

    ring_make(&ring, three, 3);
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(owner_of(three, bytes_of(trace_ids[i], 16))[10], owners[i]);
    ck_assert_int_eq(owner_of(three, bytes_str("service.name=checkout|"))[10], 'b');
    ck_assert_int_eq(owner_of(three, bytes_str("checkout"))[10], 'a');
    ck_assert_int_eq(owner_of(three, bytes_str(""))[10], 'b');
    ring_free(&ring);
}

START_TEST(three_endpoints_have_the_keys_that_they_have_in_go)
{
    static const char *const three[] = { "collector-a:4317", "collector-b:4317", "collector-c:4317" };

    check_three(three);
}
END_TEST

/* The i-th key of each row of test/data/load_balancing/ring.txt (test/oracle/test_ring.py). */
static struct bytes key_of_row(int row, size_t i, char *text, size_t size)
{
    static uint8_t digest[SHA256_DIGEST_SIZE];
    struct sha256_ctx hash;

    snprintf(text, size, row == 0 ? "trace %zu" : row == 1 ? "service.name=service-%zu|" : "service-%zu", i);
    if (row > 0)
        return bytes_str(text);
    sha256_init(&hash);
    sha256_update(&hash, strlen(text), (const uint8_t *)text);
    sha256_digest(&hash, sizeof(digest), digest);
    return bytes_of(digest, 16);
}

START_TEST(a_thousand_traces_and_services_have_the_members_that_they_have_in_go)
{
    FILE *f = fopen("test/data/load_balancing/ring.txt", "r");
    char members[512], row[1100], text[64];
    const char *endpoints[10];
    size_t n = 0;

    ck_assert_ptr_nonnull(f);
    ck_assert_ptr_nonnull(fgets(members, sizeof(members), f));
    for (char *save = NULL, *m = strtok_r(members, " \n", &save); m != NULL; m = strtok_r(NULL, " \n", &save))
        endpoints[n++] = m;
    ck_assert_uint_eq(n, ARRAY_LEN(endpoints));
    ring_make(&ring, endpoints, n);
    for (int k = 0; k < 3; k++) {
        ck_assert_ptr_nonnull(fgets(row, sizeof(row), f));
        for (size_t i = 0; i < 1000; i++)
            ck_assert_int_eq(row[i], 'a' + ring_find(&ring, key_of_row(k, i, text, sizeof(text))));
    }
    fclose(f);
    ring_free(&ring);
}
END_TEST

START_TEST(the_order_of_the_endpoints_says_nothing)
{
    static const char *const three[] = { "collector-c:4317", "collector-a:4317", "collector-b:4317" };

    check_three(three);
}
END_TEST

START_TEST(who_leaves_takes_only_his_own_keys_along)
{
    const char *endpoints[20];
    char texts[20][16];
    uint16_t before[2000];
    unsigned moved = 0, his = 0;

    for (size_t i = 0; i < 20; i++) {
        snprintf(texts[i], sizeof(texts[i]), "10.0.0.%zu:4317", i);
        endpoints[i] = texts[i];
    }
    ring_make(&ring, endpoints, 20);
    for (uint32_t i = 0; i < 2000; i++)
        before[i] = ring_find(&ring, bytes_of(&i, sizeof(i)));
    ring_make(&ring, endpoints, 19);
    for (uint32_t i = 0; i < 2000; i++) {
        his += before[i] == 19;
        moved += before[i] != 19 && ring_find(&ring, bytes_of(&i, sizeof(i))) != before[i];
    }
    ck_assert_uint_gt(his, 40);
    ck_assert_uint_lt(his, 200);
    ck_assert_uint_lt(moved, 20); /* points that stood behind his in a crowd */
    ring_free(&ring);
}
END_TEST

START_TEST(an_empty_ring_has_nobody)
{
    ring_make(&ring, NULL, 0);
    ck_assert_uint_eq(ring_find(&ring, bytes_str("x")), RING_NONE);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ring");
    TCase *t = tcase_create("ring");
    SRunner *r;
    int failed;

    tcase_add_test(t, two_endpoints_have_the_keys_that_they_have_in_go);
    tcase_add_test(t, three_endpoints_have_the_keys_that_they_have_in_go);
    tcase_add_test(t, a_thousand_traces_and_services_have_the_members_that_they_have_in_go);
    tcase_add_test(t, the_order_of_the_endpoints_says_nothing);
    tcase_add_test(t, who_leaves_takes_only_his_own_keys_along);
    tcase_add_test(t, an_empty_ring_has_nobody);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed > 0;
}
