/* SPDX-License-Identifier: Apache-2.0 */
#include "command/doctor/finding.h"

#include <check.h>

static const char text[] = "exporters:\n"
                           "  otlp_grpc:\n"
                           "    endpoint: a:1\n"
                           "    sending_queue: {queue_size: 10, enabled: false}\n";

static struct evidence e;

static void set_up(void)
{
    e = (struct evidence){ .where = "here" };
    e.written = yaml_read(&e.arena, bytes_str(text), "a.yaml", 1, 1, &e.faults);
    e.options = yaml_read(&e.arena, bytes_str(text), "", 1, 1, &e.faults);
}

static void tear_down(void)
{
    evidence_free(&e);
}

static struct finding *option(const char *path)
{
    struct finding *f = finding_add(&e, "kind", WEIGHT_RISK, "about");

    finding_option(&e, f, "exporters::otlp_grpc", path);
    return f;
}

START_TEST(a_place_is_that_of_the_key)
{
    struct finding *f = option("endpoint");

    ck_assert_str_eq(f->path, "exporters::otlp_grpc::endpoint");
    ck_assert_str_eq(f->file, "a.yaml");
    ck_assert_int_eq(f->line, 3);
    ck_assert_int_eq(f->column, 5);
    ck_assert(f->is_written);
    ck_assert_str_eq(f->write, "");
}
END_TEST

START_TEST(a_key_that_is_not_written_belongs_below_the_nearest_one)
{
    struct finding *f = option("sending_queue::sizer");

    ck_assert_str_eq(f->path, "exporters::otlp_grpc::sending_queue::sizer");
    ck_assert_int_eq(f->line, 4);
    ck_assert(!f->is_written);
}
END_TEST

START_TEST(of_what_stands_there_follows_what_to_write)
{
    ck_assert_str_eq(option("sending_queue::queue_size")->write, "queue_size: 20");
    ck_assert_str_eq(option("sending_queue::enabled")->write, "enabled: true");
    ck_assert_str_eq(option("sending_queue::storage")->write, "storage: file_storage");
}
END_TEST

START_TEST(the_heavier_comes_first_and_then_the_newer)
{
    finding_add(&e, "old", WEIGHT_LOST, "a")->time = 1;
    finding_add(&e, "note", WEIGHT_NOTE, "a")->time = 3;
    finding_add(&e, "new", WEIGHT_LOST, "a")->time = 2;
    finding_add(&e, "worst", WEIGHT_DOWN, "a");
    findings_sort(&e);
    ck_assert_str_eq(e.findings.v[0]->kind, "worst");
    ck_assert_str_eq(e.findings.v[1]->kind, "new");
    ck_assert_str_eq(e.findings.v[2]->kind, "old");
    ck_assert_str_eq(e.findings.v[3]->kind, "note");
    ck_assert(!findings_are_notes(&e));
}
END_TEST

START_TEST(notes_alone_are_no_fault)
{
    ck_assert(findings_are_notes(&e));
    finding_add(&e, "note", WEIGHT_NOTE + 60, "a");
    ck_assert(findings_are_notes(&e));
    finding_add(&e, "risk", WEIGHT_RISK, "a");
    ck_assert(!findings_are_notes(&e));
}
END_TEST

START_TEST(a_terminal_acts_on_nothing_that_is_told)
{
    struct finding *f = finding_add(&e, "dropped_\033[5m", WEIGHT_LOST, "a\033[31m");
    struct buf out = { 0 };

    f->seen = "b\r\nc\033]0;x\007";
    f->todo = "d\xe2\x80\xae";
    finding_locate(&e, f, "exporters::otlp_grpc::endpoint", "e\033[2J");
    findings_print(&e, &out);
    for (size_t i = 0; i < out.len; i++)
        ck_assert(out.data[i] == '\n' || (out.data[i] >= ' ' && out.data[i] != 0x7f));
    ck_assert_ptr_null(strstr(buf_cstr(&out), "\xe2\x80\xae"));
    ck_assert_ptr_nonnull(strstr(buf_cstr(&out), "a.yaml:3:5: exporters::otlp_grpc::endpoint: write e"));
    buf_free(&out);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("finding");
    TCase *tc = tcase_create("finding");
    SRunner *sr;
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, a_place_is_that_of_the_key);
    tcase_add_test(tc, a_key_that_is_not_written_belongs_below_the_nearest_one);
    tcase_add_test(tc, of_what_stands_there_follows_what_to_write);
    tcase_add_test(tc, the_heavier_comes_first_and_then_the_newer);
    tcase_add_test(tc, notes_alone_are_no_fault);
    tcase_add_test(tc, a_terminal_acts_on_nothing_that_is_told);
    suite_add_tcase(s, tc);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
