/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "prom/model/name.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define METRICS "test/data/names/metrics.txt"

static enum name_type type_of(const char *s)
{
    return strcmp(s, "counter") == 0 ? NAME_COUNTER : strcmp(s, "gauge") == 0 ? NAME_GAUGE : NAME_OTHER;
}

static void check_row(char *line)
{
    char *cell[11], *tab;
    struct buf out = { 0 };
    int n = 0;

    while ((tab = strstr(line, "\\t")) != NULL && strncmp(line, "p19", 3) == 0) {
        *tab = '\t';
        memmove(tab + 1, tab + 2, strlen(tab + 2) + 1);
    }
    for (char *p = line; n < 11; p = cell[n - 1] + strlen(cell[n - 1]) + 1) {
        cell[n++] = p;
        p[strcspn(p, "|\n")] = 0;
    }
    for (int i = 0; i < 8; i++) {
        const char *want = cell[3 + i] + (cell[3 + i][0] == '*');
        bool made = name_metric(&out, (enum name_strategy)(i % 4), bytes_str(i < 4 ? "" : "9my.ns"), bytes_str(cell[0]),
                                bytes_str(cell[1]), type_of(cell[2]));

        ck_assert_msg(strcmp(made ? buf_cstr(&out) : "-", want) == 0, "%s %s %s, column %d: %s, not %s", cell[0],
                      cell[1], cell[2], i, made ? buf_cstr(&out) : "-", want);
        ck_assert(made || out.len == 0);
        out.len = 0;
    }
    buf_free(&out);
}

START_TEST(metric_names_are_those_of_the_go_collector)
{
    FILE *f = fopen(METRICS, "r");
    char line[512];
    int rows = 0;

    ck_assert_msg(f != NULL, "cannot open %s", METRICS);
    while (fgets(line, sizeof(line), f) != NULL) {
        if (line[0] == '#')
            continue;
        check_row(line);
        rows++;
    }
    fclose(f);
    ck_assert_int_gt(rows, 150);
}
END_TEST

static const struct {
    const char *unit, *word;
} units[] = {
    { "d", "days" },
    { "h", "hours" },
    { "min", "minutes" },
    { "s", "seconds" },
    { "ms", "milliseconds" },
    { "us", "microseconds" },
    { "ns", "nanoseconds" },
    { "By", "bytes" },
    { "KiBy", "kibibytes" },
    { "MiBy", "mebibytes" },
    { "GiBy", "gibibytes" },
    { "TiBy", "tibibytes" },
    { "KBy", "kilobytes" },
    { "MBy", "megabytes" },
    { "GBy", "gigabytes" },
    { "TBy", "terabytes" },
    { "m", "meters" },
    { "V", "volts" },
    { "A", "amperes" },
    { "J", "joules" },
    { "W", "watts" },
    { "g", "grams" },
    { "Cel", "celsius" },
    { "Hz", "hertz" },
    { "%", "percent" },
    { "1", "" },
    { "", "" },
    { "kBy", "kBy" },
    { "By/s", "bytes_per_second" },
    { "1/s", "per_second" },
    { "{x}/s", "per_second" },
    { "By/{x}", "bytes" },
    { "/s", "per_second" },
    { "{request}", "" },
    { "By{x}", "" },
    { "g/min", "grams_per_min" },
    { "1/m", "per_minute" },
    { "1/mo", "per_month" },
    { "m^2", "m_2" },
    { "km/h", "km_per_hour" },
    { " s / h ", "seconds_per_hour" },
    { "m/s/s", "meters_per_s_s" },
    { "a/%", "a" },
    { "[USD]/h", "USD_per_hour" },
};

static void check_name(const char *want, const char *name, const char *unit, enum name_type type)
{
    struct buf out = { 0 };

    ck_assert(name_metric(&out, NAME_UNDERSCORES_WITH_SUFFIXES, bytes_str(""), bytes_str(name), bytes_str(unit), type));
    ck_assert_str_eq(buf_cstr(&out), want);
    buf_free(&out);
}

START_TEST(a_unit_with_brackets_or_powers_makes_no_double_underscore)
{
    static const char *const per_hour[] = { "[USD]/h", "_USD_/h", "USD_/h", "(USD)/h", "USD²/h" };

    for (size_t i = 0; i < ARRAY_LEN(per_hour); i++)
        check_name("cost_USD_per_hour", "cost", per_hour[i], NAME_GAUGE);
    check_name("flow_m_H2O_per_second", "flow", "m[H2O]/s", NAME_GAUGE);
    check_name("x_a_per_b", "x", "[a]/[b]", NAME_GAUGE);
    check_name("cost_usage_USD_total", "cost.usage", "[USD]", NAME_COUNTER);
    check_name("lat_ms", "lat", "[ms]", NAME_OTHER); /* and _bucket, _sum, _count */
    check_name("temp_degF_", "temp", "[degF]", NAME_GAUGE);
    check_name("area_m_2", "area", "m^2", NAME_GAUGE);
}
END_TEST

START_TEST(units_become_words)
{
    struct buf out = { 0 };

    name_unit(&out, NAME_UNDERSCORES_WITH_SUFFIXES, bytes_str(units[_i].unit));
    ck_assert_str_eq(buf_cstr(&out), units[_i].word);
    buf_free(&out);
}
END_TEST

/* As the Go collector's prometheus exporter; `-`: it drops the point. */
static const struct {
    const char *name, *escaped, *kept;
} labels[] = {
    { "http.method", "http_method", "http.method" },
    { "a..b", "a__b", "a..b" },
    { "a__b", "a__b", "a__b" },
    { "1st", "key_1st", "1st" },
    { "_private", "_private", "_private" },
    { ".x", "_x", ".x" },
    { "__foo", "-", "-" },
    { "__foo__", "-", "-" },
    { "a:b", "a_b", "a:b" },
    { "é", "-", "é" },
    { "___", "-", "-" },
    { "", "-", "-" },
    { "_", "-", "-" },
    { "1", "key_1", "1" },
    { "a-b", "a_b", "a-b" },
    { "a.", "a_", "a." },
    { "a__", "a__", "a__" },
    { "_1", "_1", "_1" },
    { "__1", "-", "-" },
    { ".1", "_1", ".1" },
    { "..x", "-", "..x" },
    { "._x", "-", "._x" },
    { "_.x", "-", "_.x" },
    { "ключ", "-", "ключ" },
    { "клюa", "-", "клюa" },
    { "aключb", "a____b", "aключb" },
    { "a é", "a__", "a é" },
    { "é1", "_1", "é1" },
    { "1é", "key_1_", "1é" },
    { "_é", "-", "_é" },
    { "A.B", "A_B", "A.B" },
    { "a\"b", "a_b", "a\"b" },
    { "a\nb", "a_b", "a\nb" },
    { "__name__", "-", "-" },
    { "_a_", "_a_", "_a_" },
    { "1__2", "key_1__2", "1__2" },
    { "..", "-", ".." },
    { ":", "-", ":" },
    { ":a", "_a", ":a" },
    { "\xff\xfe", "-", "\xff\xfe" },
    { "a\xe2\x82", "a__", "a\xe2\x82" },
};

static void check_label(enum name_strategy strategy, const char *name, const char *want)
{
    struct buf out = { 0 };

    buf_puts(&out, "before,");
    if (name_label(&out, strategy, bytes_str(name)))
        ck_assert_str_eq(buf_cstr(&out) + 7, want);
    else
        ck_assert_str_eq("-", want);
    ck_assert_uint_ge(out.len, 7);
    buf_free(&out);
}

START_TEST(label_names_are_those_of_the_go_collector)
{
    check_label(NAME_UNDERSCORES_WITH_SUFFIXES, labels[_i].name, labels[_i].escaped);
    check_label(NAME_UNDERSCORES_WITHOUT_SUFFIXES, labels[_i].name, labels[_i].escaped);
    check_label(NAME_UTF8_WITH_SUFFIXES, labels[_i].name, labels[_i].kept);
    check_label(NAME_UTF8_WITHOUT_SUFFIXES, labels[_i].name, labels[_i].kept);
}
END_TEST

static const struct {
    const char *name, *underscores, *dots, *values;
} escapes[] = {
    { "my.metric", "my_metric", "my_dot_metric", "U__my_2e_metric" },
    { "a_b.c", "a_b_c", "a__b_dot_c", "U__a__b_2e_c" },
    { "1é", "__", "____", "U___31__e9_" },
    { "foo_bar", "foo_bar", "foo_bar", "foo_bar" },
    { "a:b", "a:b", "a:b", "a:b" },
    { "a:b.c", "a:b_c", "a:b_dot_c", "U__a:b_2e_c" },
    { "9lives", "_lives", "__lives", "U___39_lives" },
    { "a9.9", "a9_9", "a9_dot_9", "U__a9_2e_9" },
    { "名前", "__", "____", "U___540d__524d_" },
    { "x.\xff", "x__", "x_dot___", "U__x_2e__FFFD_" },
    { "x.\xed\xa0\x80", "x____", "x_dot_______", "U__x_2e__FFFD__FFFD__FFFD_" },
    { "x\xf0\x9f\x98\x80", "x_", "x__", "U__x_1f600_" },
    { "\xef\xbf\xbd", "_", "__", "U___fffd_" },
};

START_TEST(names_are_escaped_for_peers_without_utf8)
{
    const char *want[] = { escapes[_i].underscores, escapes[_i].name, escapes[_i].dots, escapes[_i].values };

    for (int e = 0; e < 4; e++) {
        struct buf out = { 0 };

        name_escape_metric(&out, (enum name_escaping)e, bytes_str(escapes[_i].name));
        ck_assert_str_eq(buf_cstr(&out), want[e]);
        ck_assert(e == NAME_ESCAPE_NONE || name_is_legacy_metric(buf_bytes(&out)));
        buf_free(&out);
    }
}
END_TEST

START_TEST(a_colon_is_escaped_in_labels_only)
{
    struct buf out = { 0 };

    name_escape_label(&out, NAME_ESCAPE_UNDERSCORES, bytes_str("a:b"));
    ck_assert_str_eq(buf_cstr(&out), "a_b");
    ck_assert(!name_is_legacy_label(bytes_str("a:b")));
    ck_assert(name_is_legacy_metric(bytes_str("a:b")));
    ck_assert(!name_is_legacy_metric(bytes_str("")));
    ck_assert(!name_is_legacy_metric(bytes_str("1a")));
    buf_free(&out);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("name");
    TCase *tc = tcase_create("all");
    SRunner *r;
    int failed;

    tcase_add_test(tc, metric_names_are_those_of_the_go_collector);
    tcase_add_test(tc, a_unit_with_brackets_or_powers_makes_no_double_underscore);
    tcase_add_loop_test(tc, units_become_words, 0, (int)(sizeof(units) / sizeof(units[0])));
    tcase_add_loop_test(tc, label_names_are_those_of_the_go_collector, 0, (int)(sizeof(labels) / sizeof(labels[0])));
    tcase_add_loop_test(tc, names_are_escaped_for_peers_without_utf8, 0, (int)(sizeof(escapes) / sizeof(escapes[0])));
    tcase_add_test(tc, a_colon_is_escaped_in_labels_only);
    suite_add_tcase(s, tc);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
