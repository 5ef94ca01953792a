/* SPDX-License-Identifier: Apache-2.0 */
/* Pages and events, and the store that they fill. */
#include "kube/kube_answer.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

static const struct json_tree_rules rules = { .max_nodes = 100, .max_depth = 8 };

struct rig {
    struct turn turn;
    struct budget budget;
    struct kube_store store;
};

static void open_rig(struct rig *r, uint64_t limit)
{
    turn_init(&r->turn);
    budget_init(&r->budget, limit, &r->turn);
    kube_store_init(&r->store, &r->budget);
}

static void close_rig(struct rig *r)
{
    kube_store_free(&r->store);
    ck_assert_uint_eq(r->budget.used, 0);
    ck_assert_uint_eq(r->store.n, 0);
}

/* All of it, up to what is refused. */
static bool read_page(struct rig *r, const char *text, struct kube_page *page, struct error *err)
{
    bool good = kube_page_read(bytes_str(text), &rules, page, err);
    struct error refused;

    while (kube_page_take(page, &r->store, &refused))
        ;
    if (refused.code != 0)
        *err = refused;
    return good && refused.code == 0;
}

static size_t sweep(struct kube_store *s)
{
    size_t gone = 0;

    while (kube_store_sweep(s, &gone))
        ;
    return gone;
}

/* The keys in the store, with their versions. */
static void put_keys(struct buf *out, const struct kube_store *s)
{
    list_each (struct kube_object, o, &s->objects, link) {
        buf_put(out, o->key);
        buf_putc(out, '@');
        buf_put(out, json_text_at(o->root, "metadata.resourceVersion"));
        buf_putc(out, ' ');
    }
}

static void check_keys(const struct kube_store *s, const char *expected)
{
    struct buf out = { 0 };

    put_keys(&out, s);
    ck_assert_str_eq(buf_cstr(&out), expected);
    buf_free(&out);
}

#define OBJECT(ns, name, version)                                                                                      \
    "{\"metadata\":{\"namespace\":\"" ns "\",\"name\":\"" name "\",\"resourceVersion\":\"" version "\"}}"
#define LIST(version, next, items)                                                                                     \
    "{\"kind\":\"PodList\",\"items\":[" items "],\"metadata\":{\"resourceVersion\":\"" version                         \
    "\",\"continue\":\"" next "\"}}"

START_TEST(pages_fill_the_store_and_what_was_not_listed_goes)
{
    struct kube_page page = { 0 };
    struct error err;
    struct rig r;

    open_rig(&r, UINT64_MAX);
    kube_store_begin(&r.store);
    ck_assert(read_page(&r, LIST("7", "more", OBJECT("a", "x", "1") "," OBJECT("", "node", "2")), &page, &err));
    ck_assert_str_eq(page.version, "7");
    ck_assert_str_eq(buf_cstr(&page.next), "more");
    ck_assert(page.changed && page.items.n == 2 && page.size == 0);
    kube_page_free(&page);
    ck_assert(read_page(&r, LIST("7", "", OBJECT("b", "y", "3")), &page, &err));
    ck_assert(page.next.len == 0 && page.items.n == 1);
    kube_page_free(&page);
    ck_assert_uint_eq(sweep(&r.store), 0);
    check_keys(&r.store, "a/x@1 node@2 b/y@3 ");
    ck_assert_ptr_nonnull(kube_store_get(&r.store, bytes_str("b"), bytes_str("y")));
    ck_assert_ptr_nonnull(kube_store_find(&r.store, bytes_str("node")));
    ck_assert_ptr_null(kube_store_get(&r.store, bytes_str("a"), bytes_str("y")));

    kube_store_begin(&r.store);
    ck_assert(read_page(&r, LIST("9", "", OBJECT("a", "x", "1")), &page, &err));
    ck_assert(!page.changed); /* that version was known */
    ck_assert_uint_eq(sweep(&r.store), 2);
    check_keys(&r.store, "a/x@1 ");
    kube_page_free(&page);
    close_rig(&r);
}
END_TEST

static const struct {
    const char *text, *why;
} broken[] = {
    { "", "no JSON" },
    { "[]", "no JSON" },
    { "{\"kind\":\"PodList\"}", "no items" },
    { "{\"items\":{}}", "a list of objects" },
    { "{\"items\":[" OBJECT("a", "x", "1"), "no JSON" },
    { "{\"items\":[" OBJECT("a", "x", "1") "]} x", "nothing behind" },
    { "{\"items\":[" OBJECT("a", "x", "1") " " OBJECT("a", "y", "1") "]}", "a comma" },
    { "{\"items\":[{}]}", "no metadata.name" },
    { "{\"items\":[5]}", "no metadata.name" },
    { "{\"metadata\":[,],\"items\":[]}", "no JSON" },
    { "{\"a\":1 \"items\":[]}", "a comma" },
};

START_TEST(what_is_no_page_is_refused)
{
    struct kube_page page = { 0 };
    struct error err;
    struct rig r;

    open_rig(&r, UINT64_MAX);
    ck_assert(!read_page(&r, broken[_i].text, &page, &err));
    ck_assert_msg(strstr(err.text, broken[_i].why) != NULL, "%s: %s", broken[_i].text, err.text);
    kube_page_free(&page);
    close_rig(&r);
}
END_TEST

START_TEST(objects_without_room_are_refused_and_leave_nothing)
{
    struct kube_page page = { 0 };
    struct error err;
    struct rig r;

    open_rig(&r, UINT64_MAX);
    budget_set_limit(&r.budget, r.budget.used + 6000); /* one has 4 KiB */
    ck_assert(!read_page(&r, LIST("7", "", OBJECT("a", "x", "1") "," OBJECT("a", "y", "1")), &page, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "no room in the memory budget"));
    check_keys(&r.store, "a/x@1 ");
    kube_page_free(&page);
    close_rig(&r);
}
END_TEST

/* `[[0,0, ...],[0, ...], ...]` as items: of two bytes a node of 64 each. */
START_TEST(a_page_that_would_keep_much_more_than_it_says_is_refused)
{
    static const struct json_tree_rules wide = { .max_nodes = 200000, .max_depth = 8 };
    struct kube_page page = { 0 };
    struct buf text = { 0 };
    struct error err;

    buf_puts(&text, "{\"items\":[");
    for (int i = 0; i < 20; i++) {
        buf_puts(&text, i > 0 ? ",[0" : "[0");
        for (int k = 1; k < 100000; k++)
            buf_puts(&text, ",0");
        buf_putc(&text, ']');
    }
    buf_puts(&text, "]}");
    ck_assert(!kube_page_read(buf_bytes(&text), &wide, &page, &err));
    ck_assert_int_eq(err.code, UV_EMSGSIZE);
    ck_assert_ptr_nonnull(strstr(err.text, "more than 65536 KiB"));
    ck_assert(page.items.n > 1 && page.size <= KUBE_PAGE_MOST);
    kube_page_free(&page);
    buf_free(&text);
}
END_TEST

#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}"

static const struct {
    const char *line;
    bool good, changed;
    int code;
    const char *version, *keys;
} events[] = {
    { EVENT("ADDED", OBJECT("a", "y", "5")), true, true, 0, "5", "a/x@1 a/y@5 " },
    { "{\"object\":" OBJECT("a", "y", "5") ",\"type\":\"ADDED\"}", true, true, 0, "5", "a/x@1 a/y@5 " },
    { EVENT("MODIFIED", OBJECT("a", "x", "6")), true, true, 0, "6", "a/x@6 " },
    { EVENT("MODIFIED", OBJECT("a", "x", "1")), true, false, 0, "1", "a/x@1 " },
    { EVENT("DELETED", OBJECT("a", "x", "7")), true, true, 0, "7", "" },
    { EVENT("DELETED", OBJECT("a", "z", "7")), true, false, 0, "7", "a/x@1 " },
    { EVENT("BOOKMARK", "{\"metadata\":{\"resourceVersion\":\"9\"}}"), true, false, 0, "9", "a/x@1 " },
    { EVENT("NEWS", OBJECT("a", "q", "9")), true, false, 0, "9", "a/x@1 " },
    { EVENT("ERROR", "{\"code\":410,\"message\":\"too old\"}"), true, false, 410, "", "a/x@1 " },
    { EVENT("ERROR", "{}"), true, false, 500, "", "a/x@1 " },
    { EVENT("ERROR", "{\"code\":-1}"), true, false, 500, "", "a/x@1 " },
    { EVENT("ADDED", "{}"), false, false, 0, "", "a/x@1 " },
    { EVENT("ADDED", "7"), false, false, 0, "", "a/x@1 " },
    { "{\"type\":\"ADDED\"}", false, false, 0, "", "a/x@1 " },
    { "{\"type\":5,\"object\":{}}", false, false, 0, "", "a/x@1 " },
    { "{\"type\":\"ADDED\",\"object\":", false, false, 0, "", "a/x@1 " },
    { "nonsense", false, false, 0, "", "a/x@1 " },
};

static bool read_line(struct kube_store *s, const char *line, struct kube_event *e, struct error *err)
{
    if (!kube_event_read(bytes_str(line), &rules, e, err))
        return false;
    return e->code != 0 || kube_event_take(e, s, err);
}

START_TEST(events_change_the_store)
{
    struct kube_page page = { 0 };
    struct kube_event e;
    struct error err;
    struct rig r;

    open_rig(&r, UINT64_MAX);
    ck_assert(read_page(&r, LIST("1", "", OBJECT("a", "x", "1")), &page, &err));
    ck_assert_msg(read_line(&r.store, events[_i].line, &e, &err) == events[_i].good, "%s: %s", events[_i].line,
                  err.text);
    ck_assert_int_eq(e.changed, events[_i].changed);
    ck_assert_int_eq(e.code, events[_i].code);
    if (events[_i].good)
        ck_assert_str_eq(e.version, events[_i].version);
    check_keys(&r.store, events[_i].keys);
    kube_page_free(&page);
    close_rig(&r);
}
END_TEST

/* ---- objects that are told ---- */

static struct buf told;
static bool refusing;

static bool put_told(void *owner, const struct json_node *root, bool renewed, struct error *err)
{
    struct bytes name = json_text_at(root, "metadata.name");

    (void)owner;
    buf_printf(&told, "%s %.*s ", renewed ? "again" : "new", (int)name.len, (const char *)name.data);
    if (refusing)
        error_set(err, 1, "no");
    return !refusing;
}

static void gone_told(void *owner, const struct kube_object *o)
{
    (void)owner;
    buf_printf(&told, "gone %.*s/%.*s ", (int)o->key.len, (const char *)o->key.data, (int)o->uid.len,
               (const char *)o->uid.data);
}

static void check_told(const char *expected)
{
    ck_assert_str_eq(buf_cstr(&told), expected);
    told.len = 0;
}

#define WITH_UID(name, uid, version)                                                                                   \
    "{\"metadata\":{\"namespace\":\"a\",\"name\":\"" name "\",\"uid\":\"" uid "\",\"resourceVersion\":\"" version      \
    "\",\"labels\":{\"much\":\"text\"}}}"

static bool read_event(struct kube_store *s, const char *type, const char *object)
{
    char line[400];
    struct kube_event e;
    struct error err;

    snprintf(line, sizeof(line), "{\"type\":\"%s\",\"object\":%s}", type, object);
    return read_line(s, line, &e, &err);
}

START_TEST(objects_that_are_told_are_not_kept)
{
    struct rig r;

    open_rig(&r, UINT64_MAX);
    r.store.told = (struct kube_observer){ .put = put_told, .gone = gone_told };
    ck_assert(read_event(&r.store, "ADDED", WITH_UID("x", "u1", "1")));
    check_told("new x ");
    ck_assert_ptr_null(kube_store_get(&r.store, bytes_str("a"), bytes_str("x"))->root);
    ck_assert(read_event(&r.store, "MODIFIED", WITH_UID("x", "u1", "1"))); /* known */
    check_told("");
    ck_assert(read_event(&r.store, "MODIFIED", WITH_UID("x", "u1", "2")));
    check_told("again x ");
    ck_assert(read_event(&r.store, "ADDED", WITH_UID("x", "u2", "3"))); /* another of that name */
    check_told("gone a/x/u1 new x ");
    kube_store_begin(&r.store);
    ck_assert_uint_eq(sweep(&r.store), 1);
    check_told("gone a/x/u2 ");
    ck_assert(read_event(&r.store, "ADDED", WITH_UID("y", "u3", "4")));
    ck_assert(read_event(&r.store, "DELETED", WITH_UID("y", "u3", "5")));
    check_told("new y gone a/y/u3 ");
    ck_assert_uint_lt(r.budget.used, 6000); /* the table's page, and no tree */
    close_rig(&r);
    buf_free(&told);
}
END_TEST

START_TEST(what_its_keeper_refuses_is_not_known)
{
    struct rig r;

    open_rig(&r, UINT64_MAX);
    r.store.told = (struct kube_observer){ .put = put_told, .gone = gone_told };
    ck_assert(read_event(&r.store, "ADDED", WITH_UID("x", "u1", "1")));
    refusing = true;
    ck_assert(!read_event(&r.store, "MODIFIED", WITH_UID("x", "u1", "2")));
    check_told("new x again x gone a/x/u1 ");
    ck_assert(!read_event(&r.store, "ADDED", WITH_UID("z", "u2", "2")));
    refusing = false;
    check_told("new z ");
    ck_assert_uint_eq(r.store.n, 0);
    close_rig(&r);
    buf_free(&told);
}
END_TEST

START_TEST(a_version_that_is_too_long_is_a_fault)
{
    struct buf line = { 0 };
    struct kube_event e;
    struct error err;
    struct rig r;

    open_rig(&r, UINT64_MAX);
    buf_puts(&line, "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"x\",\"resourceVersion\":\"");
    for (int i = 0; i < KUBE_MAX_TEXT; i++)
        buf_putc(&line, '1');
    buf_puts(&line, "\"}}}");
    ck_assert(!kube_event_read(buf_bytes(&line), &rules, &e, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "too long"));
    buf_free(&line);
    close_rig(&r);
}
END_TEST

START_TEST(a_status_has_a_message_that_the_log_can_show)
{
    char out[12];

    kube_status_read(bytes_str("{\"kind\":\"Status\",\"message\":\"no\\nway, never ever\"}"), out, sizeof(out));
    ck_assert_str_eq(out, "no way, nev");
    kube_status_read(bytes_str("<html>"), out, sizeof(out));
    ck_assert_str_eq(out, "");
}
END_TEST

#define N(table) (sizeof(table) / sizeof(*(table)))

int main(void)
{
    Suite *s = suite_create("kube_answer");
    TCase *tc = tcase_create("kube_answer");
    SRunner *sr;
    int failed;

    tcase_add_test(tc, pages_fill_the_store_and_what_was_not_listed_goes);
    tcase_add_loop_test(tc, what_is_no_page_is_refused, 0, N(broken));
    tcase_add_test(tc, objects_without_room_are_refused_and_leave_nothing);
    tcase_add_test(tc, a_page_that_would_keep_much_more_than_it_says_is_refused);
    tcase_add_loop_test(tc, events_change_the_store, 0, N(events));
    tcase_add_test(tc, objects_that_are_told_are_not_kept);
    tcase_add_test(tc, what_its_keeper_refuses_is_not_known);
    tcase_add_test(tc, a_version_that_is_too_long_is_a_fault);
    tcase_add_test(tc, a_status_has_a_message_that_the_log_can_show);
    suite_add_tcase(s, tc);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
