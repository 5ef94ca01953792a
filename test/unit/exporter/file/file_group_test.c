/* SPDX-License-Identifier: Apache-2.0 */
/* Which resource goes to which file. */
#include "base/mem.h"
#include "codec/pb.h"
#include "exporter/file/file_group.h"
#include "support/rig/rig.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const char *path_for(const char *pattern, const char *segment)
{
    static char *last;

    free(last);
    last = file_group_path(pattern, bytes_str(segment));
    return last;
}

START_TEST(a_segment_replaces_the_star)
{
    ck_assert_str_eq(path_for("/d/x-*.json", "one"), "/d/x-one.json");
    ck_assert_str_eq(path_for("/d/x-*.json", ""), "/d/x-.json");
    ck_assert_str_eq(path_for("d/*/o", "a/b"), "d/a/b/o");
    ck_assert_str_eq(path_for("d/*", "."), "d");
}
END_TEST

/* The head is "/d/x-"; where cleaning leads elsewhere, the segment is cleaned by itself first. */
START_TEST(no_segment_leads_out_of_what_stands_before_the_star)
{
    static const char *const parts[] = { "..", ".", "", "a", "...", "b" };
    struct rig rig;

    ck_assert_str_eq(path_for("/d/x-*.json", "../../etc/p"), "/d/x-/etc/p.json");
    ck_assert_str_eq(path_for("/d/x-*.json", "a/../../../p"), "/d/x-/p.json");
    ck_assert_str_eq(path_for("/d/*.json", "../p"), "/d/p.json");
    rig_init(&rig, 3);
    for (int i = 0; i < 20000; i++) {
        char segment[64] = "";
        const char *path;

        for (uint64_t n = rig_random(&rig, 6); n > 0; n--) {
            strcat(segment, parts[rig_random(&rig, ARRAY_LEN(parts))]);
            strcat(segment, rig_random(&rig, 4) > 0 ? "/" : "");
        }
        path = path_for("/d/x-*.json", segment);
        ck_assert_msg(strncmp(path, "/d/x-", 5) == 0 && strstr(path, "/../") == NULL, "%s: %s", segment, path);
        path = path_for("/d/*.json", segment);
        ck_assert_msg(strncmp(path, "/d/", 3) == 0 && strstr(path, "/../") == NULL, "%s: %s", segment, path);
        path = path_for("d/e/*.json", segment);
        ck_assert_msg(strncmp(path, "d/e/", 4) == 0 && strstr(path, "/../") == NULL, "%s: %s", segment, path);
    }
    rig_close(&rig);
}
END_TEST

/* A resource entry whose attributes are another one and "seg", and whose schema URL is `mark`. */
static void put_resource(struct buf *b, const char *segment, bool is_string, const char *mark)
{
    size_t entry = pb_begin(b, 1), resource = pb_begin(b, 1), attribute = pb_begin(b, 1), value;

    pb_put_str(b, 1, "other");
    value = pb_begin(b, 2);
    pb_put_str(b, 1, "no");
    pb_end(b, value);
    pb_end(b, attribute);
    attribute = pb_begin(b, 1);
    pb_put_str(b, 1, "seg");
    value = pb_begin(b, 2);
    if (is_string)
        pb_put_str(b, 1, segment);
    else
        pb_put_double(b, 4, 5);
    pb_end(b, value);
    pb_end(b, attribute);
    pb_end(b, resource);
    pb_put_str(b, 3, mark);
    pb_end(b, entry);
}

/* "segment:marks" of the next group; "-" stands for no segment. */
static const char *next_group(struct file_groups *g)
{
    static struct buf text;
    struct bytes segment, request;
    struct pb_reader r;
    struct pb_field f, inner;

    text.len = 0;
    if (!file_groups_next(g, &segment, &request)) {
        buf_free(&text);
        return "end";
    }
    if (segment.data != NULL)
        buf_put(&text, segment);
    else
        buf_putc(&text, '-');
    buf_putc(&text, ':');
    for (r = pb_reader(request); pb_next(&r, &f);) {
        struct pb_reader entry = pb_reader(f.bytes);

        if (f.number != 1)
            buf_puts(&text, "+rest");
        while (f.number == 1 && pb_next(&entry, &inner))
            if (inner.number == 3)
                buf_put(&text, inner.bytes);
    }
    ck_assert(!r.bad);
    return buf_cstr(&text);
}

/* A request of one resource whose attribute "seg" has this AnyValue; the segment as text, "-" where there is none. */
static const char *segment_of_value(struct bytes any)
{
    static struct buf text;
    struct buf wire = { 0 };
    struct bytes segment, request;
    struct file_groups g;
    size_t entry = pb_begin(&wire, 1), resource = pb_begin(&wire, 1), attribute = pb_begin(&wire, 1);

    pb_put_str(&wire, 1, "seg");
    pb_put_bytes(&wire, 2, any);
    pb_end(&wire, attribute);
    pb_end(&wire, resource);
    pb_end(&wire, entry);
    file_groups_init(&g, buf_bytes(&wire), bytes_str("seg"));
    ck_assert(file_groups_next(&g, &segment, &request));
    text.len = 0;
    buf_put(&text, segment.data != NULL ? segment : bytes_str("-"));
    file_groups_free(&g);
    buf_free(&wire);
    return buf_cstr(&text);
}

START_TEST(an_integer_or_bool_is_its_text)
{
    ck_assert_str_eq(segment_of_value(bytes_of("\x0a\x01x", 3)), "x");
    ck_assert_str_eq(segment_of_value(bytes_of("\x18\x11", 2)), "17");
    ck_assert_str_eq(segment_of_value(bytes_of("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11)), "-1");
    ck_assert_str_eq(segment_of_value(bytes_of("\x10\x01", 2)), "true");
    ck_assert_str_eq(segment_of_value(bytes_of("\x10\x00", 2)), "false");
    ck_assert_str_eq(segment_of_value(bytes_of("\x21\x00\x00\x00\x00\x00\x00\x14\x40", 9)), "-");
    ck_assert_str_eq(segment_of_value(bytes_of("\x3a\x01x", 3)), "-");
    ck_assert_str_eq(segment_of_value(bytes_of("", 0)), "-");
}
END_TEST

START_TEST(resources_of_one_segment_are_one_request_in_their_order)
{
    struct buf wire = { 0 };
    struct file_groups g;

    put_resource(&wire, "b", true, "1");
    put_resource(&wire, "a", true, "2");
    put_resource(&wire, "", true, "3");
    put_resource(&wire, NULL, false, "4");
    put_resource(&wire, "b", true, "5");
    put_resource(&wire, "a", true, "6");
    put_resource(&wire, NULL, false, "7");
    file_groups_init(&g, buf_bytes(&wire), bytes_str("seg"));
    ck_assert_str_eq(next_group(&g), "-:47");
    ck_assert_str_eq(next_group(&g), ":3");
    ck_assert_str_eq(next_group(&g), "a:26");
    ck_assert_str_eq(next_group(&g), "b:15");
    ck_assert_str_eq(next_group(&g), "end");
    file_groups_free(&g);
    buf_free(&wire);
}
END_TEST

START_TEST(what_is_no_resource_goes_with_each_group)
{
    struct buf wire = { 0 };
    struct file_groups g;

    put_resource(&wire, "a", true, "1");
    pb_put_str(&wire, 2, "dictionary");
    put_resource(&wire, "b", true, "2");
    file_groups_init(&g, buf_bytes(&wire), bytes_str("seg"));
    ck_assert_str_eq(next_group(&g), "a:1+rest");
    ck_assert_str_eq(next_group(&g), "b:2+rest");
    ck_assert_str_eq(next_group(&g), "end");
    file_groups_free(&g);
    buf_free(&wire);
}
END_TEST

START_TEST(an_empty_request_has_no_groups)
{
    struct file_groups g;

    file_groups_init(&g, (struct bytes){ 0 }, bytes_str("seg"));
    ck_assert_str_eq(next_group(&g), "end");
    file_groups_free(&g);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("file_group");
    TCase *t = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_test(t, a_segment_replaces_the_star);
    tcase_add_test(t, no_segment_leads_out_of_what_stands_before_the_star);
    tcase_add_test(t, resources_of_one_segment_are_one_request_in_their_order);
    tcase_add_test(t, an_integer_or_bool_is_its_text);
    tcase_add_test(t, what_is_no_resource_goes_with_each_group);
    tcase_add_test(t, an_empty_request_has_no_groups);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
