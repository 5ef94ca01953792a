/* SPDX-License-Identifier: Apache-2.0 */
/* Pages and lines that a thread reads, and short ones that nobody need wait for. */
#include "kube/kube_reading.h"

#include "support/rig/rig.h"
#include "support/until.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static const struct json_tree_rules rules = { .max_nodes = 100, .max_depth = 8 };

static struct rig rig;
static struct kube_store store;
static struct kube_reading *reading;
static unsigned n_pages, n_events;
static bool changed;
static char next[KUBE_MAX_TEXT], version[KUBE_MAX_TEXT], fault[sizeof(((struct error *)NULL)->text)];

static void on_page(void *owner, struct kube_page *page, const struct error *err)
{
    ck_assert_ptr_eq(owner, &rig);
    n_pages++;
    changed = page->changed;
    snprintf(next, sizeof(next), "%s", buf_cstr(&page->next));
    snprintf(version, sizeof(version), "%s", page->version);
    snprintf(fault, sizeof(fault), "%s", err->code != 0 ? err->text : "");
}

static void on_event(void *owner, const struct kube_event *e, const struct error *err)
{
    ck_assert_ptr_eq(owner, &rig);
    n_events++;
    changed = e->changed;
    snprintf(version, sizeof(version), "%s", e->version);
    snprintf(fault, sizeof(fault), "%s", err->code != 0 ? err->text : "");
}

static void set_up(void)
{
    rig_init(&rig, 1);
    kube_store_init(&store, &rig.budget);
    reading = kube_reading_new(&(struct kube_reading_options){ .loop = &rig.loop,
                                                               .store = &store,
                                                               .rules = &rules,
                                                               .page_done = on_page,
                                                               .event_done = on_event,
                                                               .owner = &rig });
    kube_store_begin(&store);
    n_pages = n_events = 0;
}

static void step(void)
{
    rig_step(&rig, NS_PER_MS);
}

static void tear_down(void)
{
    kube_reading_free(reading);
    kube_store_free(&store);
    step();
    rig_close(&rig);
}

static void put_object(struct buf *out, unsigned i, unsigned of_version)
{
    buf_printf(out,
               "{\"metadata\":{\"name\":\"p%u\",\"namespace\":\"s\",\"resourceVersion\":\"%u\"},\"spec\":\"%0200u\"}",
               i, of_version, i);
}

/* `n` objects from `first` on; what is behind `more` is to come. */
static struct buf make_page(unsigned first, unsigned n, const char *more, const char *end)
{
    struct buf out = { 0 };

    buf_printf(&out, "{\"metadata\":{\"resourceVersion\":\"7\",\"continue\":\"%s\"},\"items\":[", more);
    for (unsigned i = 0; i < n; i++) {
        buf_puts(&out, i > 0 ? "," : "");
        put_object(&out, first + i, 1);
    }
    buf_puts(&out, end);
    return out;
}

/* With what is charged for it, as who gathers it has it. */
static void read_page(struct buf text)
{
    uint64_t size = text.len;

    budget_charge(&rig.budget, size);
    kube_reading_page(reading, &text, size);
    ck_assert_ptr_null(text.data);
}

START_TEST(what_a_thread_may_make_of_a_page_is_charged_before_it_begins)
{
    struct buf text = make_page(0, 1000, "", "]}");
    size_t size = text.len;

    read_page(text);
    ck_assert_uint_ge(rig.budget.used, 16 * size);
    ck_assert_uint_le(rig.budget.used, size + KUBE_PAGE_MOST);
    UNTIL(n_pages == 1);
    ck_assert_str_eq(fault, "");
    ck_assert_uint_eq(store.n, 1000);
    ck_assert_uint_lt(rig.budget.used, 6u << 20);
}
END_TEST

START_TEST(a_page_is_not_read_without_room_for_what_comes_of_it)
{
    struct buf text = make_page(0, 1000, "", "]}");

    budget_set_limit(&rig.budget, 2 * text.len);
    read_page(text);
    UNTIL(n_pages == 1);
    ck_assert_ptr_nonnull(strstr(fault, "no room in the memory budget"));
    ck_assert_uint_eq(store.n, 0);
}
END_TEST

START_TEST(a_page_that_comes_to_more_than_there_is_room_for_is_refused)
{
    struct buf text = make_page(0, 1000, "", "]}"); /* 4 KiB each */

    budget_set_limit(&rig.budget, text.len + (6u << 20));
    read_page(text);
    UNTIL(n_pages == 1);
    ck_assert_ptr_nonnull(strstr(fault, "the objects of a page take more than the"));
    ck_assert_uint_le(rig.budget.peak, text.len + (6u << 20));
}
END_TEST

START_TEST(a_long_page_is_read_beside_the_loop_and_taken_over_several_turns)
{
    uint64_t most;

    read_page(make_page(0, 10000, "c", "]}"));
    ck_assert_uint_eq(n_pages, 0);
    ck_assert(kube_reading_is_busy(reading));
    ck_assert_uint_eq(store.n, 0);
    UNTIL(store.n > 0);
    ck_assert_uint_lt(store.n, 10000); /* in one turn */
    most = rig.budget.used;
    UNTIL(n_pages == 1);
    ck_assert_uint_eq(store.n, 10000);
    ck_assert_uint_le(rig.budget.used, most + (most >> 1)); /* objects are not charged twice */
    ck_assert(changed && !kube_reading_is_busy(reading));
    ck_assert_str_eq(next, "c");
    ck_assert_str_eq(version, "7");
    ck_assert_str_eq(fault, "");
}
END_TEST

START_TEST(a_short_page_is_there_at_once_and_the_last_one_ends_the_listing)
{
    read_page(make_page(0, 5, "", "]}"));
    UNTIL(n_pages == 1);
    ck_assert_uint_eq(store.n, 5);
    ck_assert(changed);
    kube_store_begin(&store);
    read_page(make_page(3, 2, "", "]}"));
    UNTIL(n_pages == 2);
    ck_assert_uint_eq(store.n, 2);
    ck_assert(changed);
    kube_store_begin(&store);
    read_page(make_page(3, 2, "", "]}"));
    UNTIL(n_pages == 3);
    ck_assert(!changed);
}
END_TEST

START_TEST(of_half_a_page_its_front_is_taken_and_nobody_has_gone)
{
    read_page(make_page(0, 1, "", "]}"));
    UNTIL(n_pages == 1);
    kube_store_begin(&store);
    read_page(make_page(1, 3000, "", ""));
    UNTIL(n_pages == 2);
    ck_assert_uint_eq(store.n, 3001);
    ck_assert_ptr_nonnull(strstr(fault, "no JSON"));
}
END_TEST

START_TEST(what_is_stopped_leaves_nothing_behind)
{
    read_page(make_page(0, 10000, "c", "]}")); /* a thread has it */
    kube_reading_stop(reading);
    ck_assert(!kube_reading_is_busy(reading));
    read_page(make_page(0, 10000, "c", "]}"));
    UNTIL(store.n > 0); /* some are taken */
    kube_reading_stop(reading);
    for (int i = 0; i < 10; i++)
        step();
    ck_assert_uint_eq(n_pages, 0);
    kube_store_begin(&store);
    read_page(make_page(0, 2, "", "]}"));
    UNTIL(n_pages == 1);
    ck_assert_uint_eq(store.n, 2);
}
END_TEST

START_TEST(a_long_line_changes_the_store_too)
{
    struct buf line = { 0 };
    uint64_t size;

    buf_puts(&line, "{\"type\":\"ADDED\",\"object\":{\"much\":\"");
    for (unsigned i = 0; i < 10000; i++)
        buf_puts(&line, "0123456789");
    buf_puts(&line, "\",\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"12\"}}}");
    size = line.len;
    budget_charge(&rig.budget, size);
    kube_reading_event(reading, &line, size);
    ck_assert_uint_eq(n_events, 0);
    UNTIL(n_events == 1);
    ck_assert(changed);
    ck_assert_str_eq(version, "12");
    ck_assert_str_eq(fault, "");
    ck_assert_ptr_nonnull(kube_store_find(&store, bytes_str("a")));
    buf_puts(&line, "nonsense");
    kube_reading_event(reading, &line, 0);
    ck_assert_uint_eq(n_events, 2);
    ck_assert_ptr_nonnull(strstr(fault, "no JSON"));
}
END_TEST

/* An object of countless empty lists, which are a node each. */
static struct buf make_wide_line(unsigned n)
{
    struct buf line = { 0 };

    buf_puts(&line, "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\"},\"l\":[0");
    for (unsigned i = 0; i < n; i++)
        buf_puts(&line, ",0");
    buf_puts(&line, "]}}");
    return line;
}

START_TEST(a_long_line_that_comes_to_more_than_there_is_room_for_is_refused)
{
    static const struct json_tree_rules wide = { .max_nodes = 200000, .max_depth = 8 };
    struct buf line = make_wide_line(100000);
    uint64_t size = line.len, room = size + (2u << 20);
    struct kube_event e;
    struct error err;

    ck_assert(kube_event_read(buf_bytes(&line), &wide, &e, &err));
    ck_assert_uint_gt(e.item.memory.total, room);
    kube_event_free(&e);
    kube_reading_free(reading);
    reading = kube_reading_new(&(struct kube_reading_options){ .loop = &rig.loop,
                                                               .store = &store,
                                                               .rules = &wide,
                                                               .page_done = on_page,
                                                               .event_done = on_event,
                                                               .owner = &rig });
    budget_set_limit(&rig.budget, room);
    budget_charge(&rig.budget, size);
    kube_reading_event(reading, &line, size);
    UNTIL(n_events == 1);
    ck_assert_msg(strstr(fault, "the object of an event takes more than") != NULL, "%s", fault);
    ck_assert_uint_eq(store.n, 0);
    ck_assert_uint_le(rig.budget.peak, room);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("kube_reading");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, a_long_line_that_comes_to_more_than_there_is_room_for_is_refused);
    tcase_add_test(tc, what_a_thread_may_make_of_a_page_is_charged_before_it_begins);
    tcase_add_test(tc, a_page_is_not_read_without_room_for_what_comes_of_it);
    tcase_add_test(tc, a_page_that_comes_to_more_than_there_is_room_for_is_refused);
    tcase_add_test(tc, a_long_page_is_read_beside_the_loop_and_taken_over_several_turns);
    tcase_add_test(tc, a_short_page_is_there_at_once_and_the_last_one_ends_the_listing);
    tcase_add_test(tc, of_half_a_page_its_front_is_taken_and_nobody_has_gone);
    tcase_add_test(tc, what_is_stopped_leaves_nothing_behind);
    tcase_add_test(tc, a_long_line_changes_the_store_too);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
