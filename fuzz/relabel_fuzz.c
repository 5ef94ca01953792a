/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary labels through rules of every action: what comes out is sorted, without empty values, and the same when it
 * is done once more from the start. Up to the first line end the input is the value of a label, behind it the name of
 * another, then its value. */
#include "codec/utf8.h"
#include "config/decode.h"
#include "prom/relabel/relabel.h"

#include <stdlib.h>

#define RULES                                                                                                          \
    "[{source_labels: [a, b], regex: '(.+);(.*)', target_label: '$2', replacement: '${1}x$$'}, "                       \
    "{source_labels: [a], action: lowercase, target_label: c}, {source_labels: [b], action: uppercase, target_label: " \
    "d}, {action: labelmap, regex: '(.)(.*)', replacement: '$2$1'}, {source_labels: [a], action: hashmod, modulus: "   \
    "3, "                                                                                                              \
    "target_label: e}, {action: labeldrop, regex: '.*x'}, {action: labelkeep, regex: '[^y]*'}, {source_labels: [e], "  \
    "action: drop, regex: 2}, {source_labels: [a], action: dropequal, target_label: c}]"

struct rules {
    struct option_list rules;
};

static const struct option rows[] = {
    OPT_LIST(struct rules, rules, struct relabel_config, relabel_options, "rules"),
    OPT_END,
};

static struct relabel *make_rules(void)
{
    static struct arena arena; /* outlives them */
    struct faults faults = { 0 };
    struct rules r = { 0 };
    struct relabel *made;

    decode_struct(&arena, rows, yaml_read(&arena, bytes_str("{rules: " RULES "}"), "f", 1, 1, &faults), "", &r,
                  &faults);
    if (faults.n_errors > 0)
        abort();
    made = relabel_new(&r.rules, true);
    faults_free(&faults);
    return made;
}

static struct bytes next_line(struct bytes *rest)
{
    const uint8_t *end = rest->len > 0 ? memchr(rest->data, '\n', rest->len) : NULL;
    struct bytes line = bytes_of(rest->data, end != NULL ? (size_t)(end - rest->data) : rest->len);

    *rest = bytes_skip(*rest, end != NULL ? line.len + 1 : line.len);
    return line;
}

static bool run(struct relabel *r, struct bytes input, struct label_set *s)
{
    struct bytes a = next_line(&input), name = next_line(&input);

    label_set_reset(s);
    label_set_copy(s, bytes_str("a"), a);
    if (name.len > 0)
        label_set_copy(s, name, input);
    label_set_copy(s, bytes_str("b"), name);
    return relabel_run(r, s);
}

static void check(const struct label_set *s)
{
    for (size_t i = 0; i < s->list.n; i++)
        if (s->list.v[i].value.len == 0 || !utf8_valid(s->list.v[i].name) ||
            (i > 0 && bytes_compare(s->list.v[i - 1].name, s->list.v[i].name) >= 0))
            abort();
}

static bool have_same_labels(const struct label_set *a, const struct label_set *b)
{
    if (a->list.n != b->list.n)
        return false;
    for (size_t i = 0; i < a->list.n; i++)
        if (!bytes_equal(a->list.v[i].name, b->list.v[i].name) || !bytes_equal(a->list.v[i].value, b->list.v[i].value))
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct relabel *rules;
    static struct label_set one, two;

    if (!utf8_valid(bytes_of(data, len)))
        return 0;
    if (rules == NULL)
        rules = make_rules();
    if (run(rules, bytes_of(data, len), &one) != run(rules, bytes_of(data, len), &two) || !have_same_labels(&one, &two))
        abort();
    check(&one);
    return 0;
}
