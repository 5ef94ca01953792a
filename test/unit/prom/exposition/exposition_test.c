/* SPDX-License-Identifier: Apache-2.0 */
#include "prom/exposition/exposition.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A source of `n` gauges of one family and some others, which counts its cursors. */
struct fake {
    struct exposition_source source;
    const char *const *targets;
    const char *const *families; /* "name type" */
    int big;                     /* series of the family `big`; 0 = none */
    int open;
};

struct cursor {
    size_t target, family;
    int series;
    bool claimed, left_out;
};

static struct fake *fake_of(struct exposition_source *s)
{
    return (struct fake *)s;
}

static void *fake_open(struct exposition_source *s)
{
    fake_of(s)->open++;
    return calloc(1, sizeof(struct cursor));
}

static void fake_close(struct exposition_source *s, void *cursor)
{
    fake_of(s)->open--;
    free(cursor);
}

static bool fake_targets(struct exposition_source *s, void *cursor, bool (*emit)(void *arg, struct bytes labels),
                         void *arg)
{
    struct cursor *c = cursor;
    const char *const *targets = fake_of(s)->targets;

    while (targets[c->target] != NULL)
        if (!emit(arg, bytes_str(targets[c->target++])))
            return targets[c->target] != NULL;
    return false;
}

static bool write_big(struct fake *f, struct cursor *c, struct encoder *e, size_t stop,
                      bool (*claim)(void *arg, struct bytes name, enum family_type type), void *arg)
{
    bool again = c->claimed;

    if (!again)
        c->left_out = !claim(arg, bytes_str("big"), FAMILY_GAUGE);
    c->claimed = true;
    if (c->left_out)
        return false;
    encoder_family_begin(e, bytes_str("big"), FAMILY_GAUGE, bytes_str("Big"), bytes_str(""), again);
    while (c->series < f->big && e->out->len < stop) {
        char labels[32];

        snprintf(labels, sizeof(labels), "i=\"%d\"", c->series++);
        encoder_value(e, bytes_str(labels), 1, NULL);
    }
    encoder_family_end(e);
    return c->series < f->big;
}

static bool fake_write(struct exposition_source *s, void *cursor, struct encoder *e, size_t want,
                       bool (*claim)(void *arg, struct bytes name, enum family_type type), void *arg)
{
    struct fake *f = fake_of(s);
    struct cursor *c = cursor;

    if (f->big > 0 && write_big(f, c, e, e->out->len + want, claim, arg))
        return true;
    for (; f->families != NULL && f->families[c->family] != NULL; c->family++) {
        const char *blank = strchr(f->families[c->family], ' ');
        struct bytes name = bytes_of(f->families[c->family], (size_t)(blank - f->families[c->family]));
        enum family_type type = blank[1] == 'h' ? FAMILY_HISTOGRAM : blank[1] == 's' ? FAMILY_SUMMARY : FAMILY_GAUGE;

        if (!claim(arg, name, type))
            continue;
        encoder_family_begin(e, name, type, bytes_str(""), bytes_str(""), false);
        if (type == FAMILY_HISTOGRAM)
            encoder_histogram(e, bytes_str(""), &(struct classic_histogram){ .has_sum = true }, NULL);
        else if (type == FAMILY_SUMMARY)
            encoder_summary(e, bytes_str(""), NULL, 0, 0, 0, NULL);
        else
            encoder_value(e, bytes_str(""), 1, NULL);
        encoder_family_end(e);
    }
    return false;
}

static const char *const no_targets[] = { NULL };

static struct fake fake(const char *const *targets, const char *const *families, int big)
{
    return (struct fake){ { "fake", true, fake_open, fake_targets, fake_write, fake_close },
                          targets ? targets : no_targets,
                          families,
                          big,
                          0 };
}

static char left[256];

static void note_left_out(void *arg, struct exposition_source *source, struct bytes name)
{
    (void)arg;
    (void)source;
    snprintf(left + strlen(left), sizeof(left) - strlen(left), "%.*s ", (int)name.len, (const char *)name.data);
}

static struct buf write_all(struct fake *fakes, size_t n, struct accept accept, size_t want, int *slices)
{
    struct exposition_source *sources[4];
    struct exposition *x;
    struct buf out = { 0 };

    for (size_t i = 0; i < n; i++)
        sources[i] = &fakes[i].source;
    left[0] = 0;
    x = exposition_new(sources, n, &accept, note_left_out, NULL);
    for (*slices = 1; exposition_write(x, &out, want); ++*slices)
        ck_assert_int_lt(*slices, 100000);
    ck_assert(!exposition_write(x, &out, want));
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(fakes[i].open, 1);
    exposition_free(x);
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(fakes[i].open, 0);
    return out;
}

static const struct accept text = { ENCODER_TEXT, NAME_ESCAPE_UNDERSCORES, false };

START_TEST(target_info_of_all_sources_is_one_family_and_first)
{
    static const char *const a[] = { "job=\"a\"", "job=\"b\"", NULL }, *const b[] = { "job=\"b\"", "job=\"c\"", NULL };
    static const char *const families[] = { "x g", "target_info g", NULL };
    int slices;
    const char *want = "# HELP target_info Target metadata\n"
                       "# TYPE target_info gauge\n"
                       "target_info{job=\"a\"} 1\n"
                       "target_info{job=\"b\"} 1\n"
                       "target_info{job=\"c\"} 1\n"
                       "# HELP x \n"
                       "# TYPE x gauge\n"
                       "x 1\n";

    for (size_t size = 1; size < 1000; size *= 2) {
        struct fake fakes[] = { fake(a, families, 0), fake(b, NULL, 0) };
        struct buf out = write_all(fakes, 2, text, size, &slices);

        ck_assert_str_eq(buf_cstr(&out), want);
        ck_assert_str_eq(left, "target_info ");
        buf_free(&out);
    }
}
END_TEST

START_TEST(a_name_comes_once_and_who_is_left_out_is_told)
{
    static const char *const a[] = { "a.b g", "a_b g", "h h", "h_count g", "s_sum g", "s s", NULL };
    static const char *const b[] = { "h g", "h_bucket g", "z g", "a_b g", NULL };
    struct fake fakes[] = { fake(NULL, a, 0), fake(NULL, b, 0) };
    int slices;
    struct buf out = write_all(fakes, 2, text, 10, &slices);

    ck_assert_str_eq(left, "a_b h_count s h h_bucket a_b ");
    ck_assert_ptr_nonnull(strstr(buf_cstr(&out), "\ns_sum 1\n"));
    ck_assert_ptr_nonnull(strstr(buf_cstr(&out), "\nz 1\n"));
    buf_free(&out);
}
END_TEST

START_TEST(names_that_the_peer_can_tell_apart_both_come)
{
    static const char *const a[] = { "a.b g", "a_b g", NULL };
    struct fake one = fake(NULL, a, 0);
    struct accept accept = { ENCODER_OPENMETRICS, NAME_ESCAPE_NONE, false };
    int slices;
    struct buf out = write_all(&one, 1, accept, 1000, &slices);

    ck_assert_str_eq(left, "");
    ck_assert_str_eq(buf_cstr(&out), "# HELP \"a.b\" \n# TYPE \"a.b\" gauge\n{\"a.b\"} 1.0\n"
                                     "# HELP a_b \n# TYPE a_b gauge\na_b 1.0\n# EOF\n");
    buf_free(&out);
}
END_TEST

START_TEST(slices_put_together_are_the_whole)
{
    struct fake one = fake(NULL, NULL, 1000);
    int slices;
    struct buf whole = write_all(&one, 1, text, 1000000, &slices), sliced;

    ck_assert_int_eq(slices, 1);
    sliced = write_all(&one, 1, text, 1000, &slices);
    ck_assert_int_gt(slices, 10);
    ck_assert_str_eq(buf_cstr(&whole), buf_cstr(&sliced));
    buf_free(&whole);
    buf_free(&sliced);
}
END_TEST

START_TEST(nothing_at_all_is_an_exposition_too)
{
    struct accept accept = { ENCODER_OPENMETRICS, NAME_ESCAPE_NONE, false };
    struct fake one = fake(NULL, NULL, 0);
    int slices;
    struct buf out = write_all(&one, 1, accept, 1, &slices);

    ck_assert_str_eq(buf_cstr(&out), "# EOF\n");
    buf_free(&out);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("exposition");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_test(tc, target_info_of_all_sources_is_one_family_and_first);
    tcase_add_test(tc, a_name_comes_once_and_who_is_left_out_is_told);
    tcase_add_test(tc, names_that_the_peer_can_tell_apart_both_come);
    tcase_add_test(tc, slices_put_together_are_the_whole);
    tcase_add_test(tc, nothing_at_all_is_an_exposition_too);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
