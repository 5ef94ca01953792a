/* SPDX-License-Identifier: Apache-2.0 */
/* Names, labels and numbers made of arbitrary bytes: what is rendered comes back as it was, every format and escaping
 * takes it, what peers without UTF-8 get is in their grammar, and no Accept header is too odd. */
#include "prom/exposition/accept.h"
#include "prom/exposition/encoder.h"

#include <stdlib.h>
#include <string.h>

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* The next run of bytes: a length, then that many. */
static struct bytes take(struct bytes *rest)
{
    size_t n;
    struct bytes s;

    if (rest->len == 0)
        return bytes_of("", 0);
    n = rest->data[0];
    n = n < rest->len - 1 ? n : rest->len - 1;
    s = bytes_of(rest->data + 1, n);
    *rest = bytes_of(rest->data + 1 + n, rest->len - 1 - n);
    return s;
}

static void check_same(struct bytes escaped, struct bytes raw)
{
    struct buf b = { 0 };

    labels_put_unescaped(&b, escaped);
    require(bytes_equal(buf_bytes(&b), raw));
    buf_free(&b);
}

static void check_legacy(enum name_escaping escaping, struct bytes rendered)
{
    struct buf copy = { 0 };
    struct bytes rest = labels_for_peer(&copy, escaping, rendered);
    struct label l;

    require(labels_are_legacy(rest));
    while (rest.len > 0) {
        require(labels_next(&rest, &l));
        require(name_is_legacy_label(l.name));
    }
    buf_free(&copy);
}

static void render(struct buf *list, struct bytes *input)
{
    struct bytes name[4], value[4], rest;
    struct label l;
    size_t n = 0;

    for (; n < 4 && input->len > 0; n++) {
        name[n] = take(input);
        if (name[n].len == 0) /* no label has an empty name: prom/model/name.h refuses it */
            name[n] = bytes_str("empty");
        value[n] = take(input);
        labels_put(list, name[n], value[n]);
    }
    rest = buf_bytes(list);
    for (size_t i = 0; i < n; i++) {
        require(labels_next(&rest, &l));
        check_same(l.name, name[i]);
        check_same(l.value, value[i]);
    }
    require(!labels_next(&rest, &l) && rest.len == 0);
}

static void write_one(enum encoder_format format, enum name_escaping escaping, struct bytes name, struct bytes labels,
                      double value)
{
    struct exemplar exemplar = { labels, value, 1 };
    struct sample_extra x = { .exemplars = &exemplar, .n_exemplars = 1, .timestamp_ms = 1 };
    struct classic_histogram h = { &value, &x.timestamp_ms, 1, 1, value, true };
    struct buf out = { 0 };
    struct encoder e;

    encoder_init(&e, format, escaping, &out);
    encoder_family_begin(&e, name, FAMILY_COUNTER, name, name, false);
    encoder_value(&e, labels, value, &x);
    encoder_family_end(&e);
    encoder_family_begin(&e, name, FAMILY_HISTOGRAM, labels, labels, false);
    encoder_histogram(&e, labels, &h, &x);
    encoder_family_end(&e);
    encoder_end(&e);
    require(format == ENCODER_PROTOBUF || out.data[out.len - 1] == '\n');
    encoder_free(&e);
    buf_free(&out);
}

static void translate(struct bytes name, struct bytes unit)
{
    for (int i = 0; i < 4; i++) {
        struct buf out = { 0 };

        if (name_metric(&out, (enum name_strategy)i, unit, name, unit, (enum name_type)(name.len % 3)))
            require(out.len > 0);
        out.len = 0;
        if (name_label(&out, (enum name_strategy)i, name) && i < NAME_UTF8_WITH_SUFFIXES)
            require(name_is_legacy_label(buf_bytes(&out)));
        out.len = 0;
        name_escape_metric(&out, (enum name_escaping)i, name);
        require(name.len == 0 || i == NAME_ESCAPE_NONE || name_is_legacy_metric(buf_bytes(&out)));
        buf_free(&out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_of(data, size), name = take(&input), unit = take(&input), number = take(&input),
                 rest = input;
    struct buf list = { 0 }, type = { 0 };
    struct accept a = accept_negotiate(input, true);
    double value = 0;
    struct label l;

    memcpy(&value, number.data, number.len < sizeof(value) ? number.len : sizeof(value));
    accept_content_type(&a, &type);
    (void)accept_gzip(input);
    while (labels_next(&rest, &l)) /* of what labels_put did not write */
        ;
    (void)labels_are_legacy(input);
    translate(name, unit);
    render(&list, &input);
    check_legacy(NAME_ESCAPE_UNDERSCORES, buf_bytes(&list));
    check_legacy(NAME_ESCAPE_DOTS, buf_bytes(&list));
    check_legacy(NAME_ESCAPE_VALUES, buf_bytes(&list));
    for (int format = 0; format < 3; format++)
        for (int escaping = 0; escaping < 4; escaping++)
            write_one((enum encoder_format)format, (enum name_escaping)escaping, name, buf_bytes(&list), value);
    buf_free(&list);
    buf_free(&type);
    return 0;
}
