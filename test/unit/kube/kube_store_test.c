/* SPDX-License-Identifier: Apache-2.0 */
/* Objects that come, change and go while somebody walks through them. */
#include "kube/kube_store.h"

#include "base/loop/turn.h"
#include "codec/json_scan.h"

#include <check.h>
#include <stdio.h>

static const struct json_tree_rules rules = { .max_nodes = 100, .max_depth = 8 };

static struct turn turn;
static struct budget budget;
static struct kube_store store;
static struct buf met; /* the versions of what was met */

static void set_up(void)
{
    turn_init(&turn);
    budget_init(&budget, UINT64_MAX, &turn);
    kube_store_init(&store, &budget);
    met.len = 0;
}

static void tear_down(void)
{
    kube_store_free(&store);
    ck_assert_uint_eq(budget.used, 0);
    buf_free(&met);
}

static void put(const char *name, const char *version)
{
    struct arena memory = { 0 };
    struct error err;
    char text[200];
    struct json_scan s = { .p = (const uint8_t *)text };
    struct json_node *root;

    snprintf(text, sizeof(text), "{\"metadata\":{\"name\":\"%s\",\"resourceVersion\":\"%s\"}}", name, version);
    s.end = s.p + strlen(text);
    root = json_tree_read(&s, &memory, &rules);
    ck_assert_ptr_nonnull(root);
    ck_assert_int_eq(kube_store_put(&store, root, &memory, &err), KUBE_CHANGED);
    buf_free(&s.scratch);
}

static bool step(void)
{
    const struct kube_object *o = kube_store_next(&store);

    if (o != NULL)
        buf_put(&met, o->version);
    return o != NULL;
}

static void walk_on(const char *want)
{
    while (step())
        ;
    ck_assert_str_eq(buf_cstr(&met), want);
}

START_TEST(an_object_that_changes_behind_the_walk_is_not_met_again)
{
    put("a", "1");
    put("b", "2");
    put("c", "3");
    kube_store_walk(&store);
    step();
    step();
    put("a", "4");
    put("b", "5");
    walk_on("123");
    met.len = 0;
    kube_store_walk(&store);
    walk_on("453");
}
END_TEST

START_TEST(an_object_that_changes_before_it_is_met_is_met_as_it_is_then)
{
    put("a", "1");
    put("b", "2");
    put("c", "3");
    kube_store_walk(&store);
    step();
    put("b", "4"); /* the next one */
    put("c", "5");
    put("d", "6");
    walk_on("1456");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("kube_store");
    TCase *tc = tcase_create("walks");
    SRunner *sr;
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, an_object_that_changes_behind_the_walk_is_not_met_again);
    tcase_add_test(tc, an_object_that_changes_before_it_is_met_is_met_as_it_is_then);
    suite_add_tcase(s, tc);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? 0 : 1;
}
