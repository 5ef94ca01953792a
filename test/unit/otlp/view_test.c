/* SPDX-License-Identifier: Apache-2.0 */
/* The views against what protobuf-c decodes, for random messages of every type. */
#include "otlp/view.c" // NOLINT(bugprone-suspicious-include)

#include "command/request_text.h"
#include "otlp/logs.pb-c.h"
#include "otlp/metrics.pb-c.h"
#include "otlp/trace.pb-c.h"
#include "support/random_message.h"

#include <check.h>

struct viewed {
    const ProtobufCMessageDescriptor *type;
    const struct row *rows;
    size_t n;
};

#define TYPE(name) &otlp__##name##__descriptor
#define ROWS(rows) rows, sizeof(rows) / sizeof(*(rows))

static const struct viewed all[] = {
    { TYPE(key_value), ROWS(key_value_rows) },
    { TYPE(instrumentation_scope), ROWS(scope_rows) },
    { TYPE(resource_spans), ROWS(resource_group_rows) },
    { TYPE(resource_metrics), ROWS(resource_group_rows) },
    { TYPE(resource_logs), ROWS(resource_group_rows) },
    { TYPE(scope_spans), ROWS(scope_group_rows) },
    { TYPE(scope_metrics), ROWS(scope_group_rows) },
    { TYPE(scope_logs), ROWS(scope_group_rows) },
    { TYPE(span), ROWS(span_rows) },
    { TYPE(status), ROWS(status_rows) },
    { TYPE(span__event), ROWS(event_rows) },
    { TYPE(span__link), ROWS(link_rows) },
    { TYPE(log_record), ROWS(log_rows) },
    { TYPE(metric), ROWS(metric_rows) },
    { TYPE(gauge), ROWS(data_rows) },
    { TYPE(sum), ROWS(data_rows) },
    { TYPE(histogram), ROWS(data_rows) },
    { TYPE(exponential_histogram), ROWS(data_rows) },
    { TYPE(summary), ROWS(data_rows) },
    { TYPE(number_data_point), ROWS(number_rows) },
    { TYPE(histogram_data_point), ROWS(histogram_rows) },
    { TYPE(exponential_histogram_data_point), ROWS(exponential_rows) },
    { TYPE(exponential_histogram_data_point__buckets), ROWS(buckets_rows) },
    { TYPE(summary_data_point), ROWS(summary_rows) },
    { TYPE(summary_data_point__value_at_quantile), ROWS(quantile_rows) },
    { TYPE(exemplar), ROWS(exemplar_rows) },
};

/* The struct's storage, whatever the view. */
union any_view {
    struct view view;
    struct span_view span;
    struct log_view log;
    struct exponential_view exponential;
    char bytes[256];
};

static bool is_set(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    return (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0 ||
           *(const uint32_t *)(const void *)((const char *)m + f->quantifier_offset) == f->id;
}

static uint64_t decoded_number(const char *at, ProtobufCType type)
{
    uint64_t wide;
    int32_t narrow;

    if (type == PROTOBUF_C_TYPE_FIXED64 || type == PROTOBUF_C_TYPE_SFIXED64 || type == PROTOBUF_C_TYPE_DOUBLE) {
        memcpy(&wide, at, 8);
        return wide;
    }
    memcpy(&narrow, at, 4);
    return type == PROTOBUF_C_TYPE_UINT32 || type == PROTOBUF_C_TYPE_FIXED32 ? (uint32_t)narrow
                                                                             : (uint64_t)(int64_t)narrow;
}

/* Messages within the message are compared in canonical form. */
static bool same_bytes(struct bytes seen, const char *at, const ProtobufCFieldDescriptor *f)
{
    const ProtobufCBinaryData *b = (const void *)at;
    struct buf packed = { 0 }, canonical = { 0 };
    bool same;

    if (f->type == PROTOBUF_C_TYPE_STRING)
        return bytes_is(seen, *(const char *const *)(const void *)at);
    if (f->type == PROTOBUF_C_TYPE_BYTES)
        return bytes_equal(seen, bytes_of(b->data, b->len));
    if (*(ProtobufCMessage *const *)(const void *)at != NULL)
        packed_put(&packed, *(ProtobufCMessage *const *)(const void *)at);
    canonical_put(&canonical, f->descriptor, seen);
    same = bytes_equal(buf_bytes(&packed), buf_bytes(&canonical));
    buf_free(&packed);
    buf_free(&canonical);
    return same;
}

static void compare_field(const struct viewed *t, uint32_t number, const union any_view *v, const ProtobufCMessage *m)
{
    const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(t->type, number);
    const struct row *row = &t->rows[number];
    const char *at;
    struct bytes text;
    uint64_t bits;

    if (f == NULL) { /* some kinds of data have fewer fields */
        ck_assert_ptr_eq(t->rows, data_rows);
        return;
    }
    at = (const char *)m + f->offset;
    memcpy(&text, v->bytes + row->offset, sizeof(text));
    memcpy(&bits, v->bytes + row->offset, sizeof(bits));
    if ((row->flags & IS_ONEOF) != 0)
        ck_assert_int_eq(v->view.which == number, is_set(m, f));
    if (!is_set(m, f))
        ck_assert(v->view.which != 0 || bits == 0);
    else if (row->is == PB_LEN + 1)
        ck_assert(same_bytes(text, at, f));
    else
        ck_assert_uint_eq(bits, decoded_number(at, f->type));
}

static void compare(const struct viewed *t, uint64_t *state)
{
    struct buf raw = { 0 };
    ProtobufCMessage *m;
    union any_view v;

    random_message_put(&raw, t->type, state, 2, 4);
    m = protobuf_c_message_unpack(t->type, NULL, raw.len, raw.data);
    ck_assert_ptr_nonnull(m);
    memset(&v, 0, sizeof(v));
    v.view.message = buf_bytes(&raw);
    read_view(&v, t->rows, t->n);
    for (uint32_t number = 1; number < t->n; number++)
        if (t->rows[number].is != 0)
            compare_field(t, number, &v, m);
    protobuf_c_message_free_unpacked(m, NULL);
    buf_free(&raw);
}

START_TEST(a_view_has_what_decoding_finds)
{
    uint64_t state = 13;

    for (unsigned i = 0; i < 500; i++)
        for (size_t t = 0; t < sizeof(all) / sizeof(*all); t++)
            compare(&all[t], &state);
}
END_TEST

START_TEST(of_a_oneof_the_last_member_counts)
{
    struct buf b = { 0 };
    struct number_view v;

    pb_put_fixed64(&b, OTLP_NUMBER_INT, 7);
    pb_put_double(&b, OTLP_NUMBER_DOUBLE, 1.5);
    v = number_view(buf_bytes(&b));
    ck_assert_uint_eq(v.view.which, OTLP_NUMBER_DOUBLE);
    ck_assert_int_eq(v.integer, 0);
    ck_assert_double_eq(v.number, 1.5);
    ck_assert(view_has(&v.view, OTLP_NUMBER_INT) && !view_has(&v.view, OTLP_NUMBER_FLAGS));
    buf_free(&b);
}
END_TEST

/* Apostrophes stand for quotation marks. */
static uint64_t time_of(const char *json)
{
    struct buf text = { 0 }, wire = { 0 };
    struct error err = { 0 };
    enum signal signal;
    uint64_t time;

    buf_puts(&text, json);
    for (size_t i = 0; i < text.len; i++)
        text.data[i] = text.data[i] == '\'' ? '"' : text.data[i];
    ck_assert_msg(request_read(buf_bytes(&text), &signal, &wire, &err), "%s", err.text);
    time = otlp_first_time(signal, buf_bytes(&wire));
    buf_free(&text);
    buf_free(&wire);
    return time;
}

#define SPANS(spans) "{'resourceSpans':[{'resource':{},'scopeSpans':[{'scope':{},'spans':[" spans "]}]}]}"
#define LOGS(records) "{'resourceLogs':[{'scopeLogs':[{'logRecords':[" records "]}]}]}"
#define METRICS(metrics) "{'resourceMetrics':[{'scopeMetrics':[{'metrics':[" metrics "]}]}]}"

START_TEST(the_first_item_says_what_time_it_was)
{
    ck_assert_uint_eq(
        time_of(SPANS("{'name':'a','startTimeUnixNano':'5','endTimeUnixNano':'7'},{'endTimeUnixNano':'9'}")), 7);
    ck_assert_uint_eq(time_of(LOGS("{'timeUnixNano':'5'}")), 5);
    ck_assert_uint_eq(time_of(LOGS("{'timeUnixNano':'5','observedTimeUnixNano':'6'}")), 6);
    ck_assert_uint_eq(time_of(METRICS("{'name':'x','unit':'s','gauge':{'dataPoints':[{'timeUnixNano':'8'}]}}")), 8);
    ck_assert_uint_eq(time_of(METRICS("{'name':'x','summary':{'dataPoints':[{'timeUnixNano':'4'}]}}")), 4);
}
END_TEST

START_TEST(who_has_none_says_nothing)
{
    ck_assert_uint_eq(time_of(SPANS("{'name':'a'}")), 0);
    ck_assert_uint_eq(time_of(SPANS("")), 0);
    ck_assert_uint_eq(time_of(METRICS("{'name':'x'}")), 0);
    ck_assert_uint_eq(time_of(METRICS("{'name':'x','sum':{}}")), 0);
    ck_assert_uint_eq(otlp_first_time(SIGNAL_PROFILES, bytes_of(NULL, 0)), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("view");
    TCase *tc = tcase_create("view");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tc, a_view_has_what_decoding_finds);
    tcase_add_test(tc, of_a_oneof_the_last_member_counts);
    tcase_add_test(tc, the_first_item_says_what_time_it_was);
    tcase_add_test(tc, who_has_none_says_nothing);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
