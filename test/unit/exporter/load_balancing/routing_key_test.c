/* SPDX-License-Identifier: Apache-2.0 */
/* What is hashed for an item, told by who has it on a ring on which each of some expected texts has another owner. The
 * identities are those that the Go collector's code computes. */
#include "exporter/load_balancing/routing_key.h"

#include "exporter/load_balancing/identity.h"
#include "otlp/json.h"
#include "otlp/validate.h"
#include "support/rig/rig.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENDPOINTS 400

static struct rig rig;
static struct ring ring;
static struct scatter scatter;
static struct routing_key key;
static const char *endpoints[ENDPOINTS];
static char texts[ENDPOINTS][16];
static struct buf owners; /* of the items, "12 7 " */
static uint64_t charged;  /* at most, while a batch was walked through */

static uint32_t choose(void *arg, const struct scatter_item *item)
{
    uint32_t to = routing_key_choose(arg, item);

    charged = key.charged > charged ? key.charged : charged;
    if (to == SCATTER_DROP)
        buf_puts(&owners, "- ");
    else
        buf_printf(&owners, "%u ", to);
    return to == SCATTER_DROP ? to : 0;
}

/* A ring so fine that two texts have one owner once in hundreds. */
static void setup(void)
{
    rig_init(&rig, 1);
    for (size_t i = 0; i < ENDPOINTS; i++) {
        snprintf(texts[i], sizeof(texts[i]), "member-%zu", i);
        endpoints[i] = texts[i];
    }
    ring_make(&ring, endpoints, ENDPOINTS);
}

static void teardown(void)
{
    ring_free(&ring);
    routing_key_free(&key);
    scatter_free(&scatter);
    memset(&scatter, 0, sizeof(scatter));
    buf_free(&owners);
    rig_close(&rig);
}

static struct batch *read_json(enum signal signal, const char *json)
{
    struct buf text = { 0 }, wire = { 0 };
    struct block *block;
    struct validation v;
    struct error err;
    struct batch *b;

    for (const char *p = json; *p != '\0'; p++)
        buf_putc(&text, *p == '\'' ? '"' : *p);
    ck_assert_msg(json_to_wire(signal_table[signal].request, buf_bytes(&text), 1 << 20, &wire, &err) == 0, "%s",
                  err.text);
    ck_assert(otlp_validate(signal, buf_bytes(&wire), &v));
    block = block_force(&rig.budget, wire.len);
    memcpy(block->data, wire.data, wire.len);
    b = batch_new(signal, block, bytes_of(block->data, wire.len), v.items, 0);
    buf_free(&text);
    buf_free(&wire);
    return b;
}

static const char *route(const char *routing_key, const struct strings *attributes, enum signal signal,
                         const char *json)
{
    struct batch *b = read_json(signal, json), *out;

    routing_key_free(&key);
    key = (struct routing_key){ .kind = routing_kind_of(routing_key, signal),
                                .signal = signal,
                                .attributes = attributes,
                                .ring = &ring,
                                .random = &rig.loop.random,
                                .budget = &rig.budget };
    owners.len = 0;
    routing_key_begin(&key);
    scatter_batch(&scatter, b, 1, choose, &key, &rig.budget, &out);
    routing_key_end(&key);
    if (out != NULL)
        batch_unref(out);
    batch_unref(b);
    return buf_cstr(&owners);
}

/* The owners of texts, each behind the other. */
static const char *owners_of(const char *const *of, size_t n)
{
    static char text[200];
    size_t at = 0;

    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%u ", ring_find(&ring, bytes_str(of[i])));
    return text;
}

#define OWNERS(...)                                                                                                    \
    owners_of((const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

#define ATTRIBUTE(k, v) "{'key':'" k "','value':{'stringValue':'" v "'}}"
#define RESOURCE(...) "'resource':{'attributes':[" __VA_ARGS__ "]}"
#define TRACE "'traceId':'4bf92f3577b34da6a3ce929d0e0e4736'"

START_TEST(a_span_belongs_where_the_bytes_of_its_trace_id_do)
{
    static const uint8_t id[16] = { 0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6,
                                    0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36 };
    static const uint8_t none[16];
    char want[32];

    snprintf(want, sizeof(want), "%u %u ", ring_find(&ring, bytes_of(id, 16)), ring_find(&ring, bytes_of(none, 16)));
    ck_assert_str_eq(route("", NULL, SIGNAL_TRACES,
                           "{'resourceSpans':[{'scopeSpans':[{'spans':[{" TRACE "},{'name':'without'}]}]}]}"),
                     want);
    ck_assert_str_eq(route("traceID", NULL, SIGNAL_TRACES,
                           "{'resourceSpans':[{'scopeSpans':[{'spans':[{" TRACE "},{'name':'without'}]}]}]}"),
                     want);
}
END_TEST

START_TEST(a_log_record_belongs_where_the_text_of_its_trace_id_does)
{
    ck_assert_str_eq(route("traceID", NULL, SIGNAL_LOGS,
                           "{'resourceLogs':[{'scopeLogs':[{'logRecords':[{" TRACE "},{" TRACE "}]}]}]}"),
                     OWNERS("4bf92f3577b34da6a3ce929d0e0e4736", "4bf92f3577b34da6a3ce929d0e0e4736"));
}
END_TEST

START_TEST(log_records_of_no_trace_are_spread)
{
    struct buf json = { 0 };
    unsigned others = 0;
    char *first, *at;

    buf_puts(&json, "{'resourceLogs':[{'scopeLogs':[{'logRecords':[{}");
    for (unsigned i = 0; i < 19; i++)
        buf_puts(&json, ",{}");
    buf_puts(&json, "]}]}]}");
    first = mem_strdup(route("traceID", NULL, SIGNAL_LOGS, buf_cstr(&json)));
    for (at = strtok(first, " "); at != NULL; at = strtok(NULL, " "))
        others += strcmp(at, first) != 0;
    ck_assert_uint_gt(others, 10);
    free(first);
    buf_free(&json);
}
END_TEST

START_TEST(a_service_is_a_name_and_a_value_for_spans_and_a_value_for_the_rest)
{
    ck_assert_str_eq(route("service", NULL, SIGNAL_TRACES,
                           "{'resourceSpans':[{" RESOURCE(ATTRIBUTE(
                               "service.name", "checkout")) ",'scopeSpans':[{'spans':"
                                                            "[{" TRACE "},{}]}]},{'scopeSpans':[{'spans':[{}]}]}]}"),
                     OWNERS("service.name=checkout|", "service.name=checkout|", "service.name=|"));
    ck_assert_str_eq(
        route("", NULL, SIGNAL_LOGS,
              "{'resourceLogs':[{" RESOURCE(
                  ATTRIBUTE("service.name", "checkout")) ",'scopeLogs':[{"
                                                         "'logRecords':[{}]}]},{'scopeLogs':[{'logRecords':[{}]}]}]}"),
        OWNERS("checkout", ""));
}
END_TEST

START_TEST(data_points_of_no_service_go_nowhere)
{
    char want[220];

    snprintf(want, sizeof(want), "%s- ", OWNERS("checkout"));
    ck_assert_str_eq(route("", NULL, SIGNAL_METRICS,
                           "{'resourceMetrics':[{" RESOURCE(
                               ATTRIBUTE("service.name", "checkout")) ",'scopeMetrics':[{"
                                                                      "'metrics':[{'name':'a','gauge':{'dataPoints':[{}"
                                                                      "]}}]}]},{'scopeMetrics':[{'metrics':[{'name':"
                                                                      "'a','gauge':{'dataPoints':[{}]}}]}]}]}"),
                     want);
    ck_assert_uint_eq(scatter.dropped, 1);
}
END_TEST

START_TEST(attributes_are_looked_for_from_the_resource_to_the_item)
{
    static const char *names[] = { "a", "span.kind", "b", "span.name", "c" };
    const struct strings all = { names, 5 };

    ck_assert_str_eq(
        route(
            "attributes", &all, SIGNAL_TRACES,
            "{'resourceSpans':[{" RESOURCE(ATTRIBUTE(
                "a", "1")) ",'scopeSpans':[{'scope':{'name':'s','attributes':"
                           "[" ATTRIBUTE(
                               "b",
                               "2") "]},'spans':[{'traceId':'01010101010101010101010101010101','name':'GET','kind':3,'"
                                    "attributes':[{'key':'c','value':{'intValue'"
                                    ":3}}," ATTRIBUTE("a", "x") "]},{'name':'"
                                                                "PUT'}]}]}]}"),
        OWNERS("a=1|span.kind=Client|b=2|span.name=GET|c=3|", "a=1|span.kind=Unspecified|b=2|span.name=PUT|c=|"));
}
END_TEST

#define IN_TRACE(id, name) "{'traceId':'010101010101010101010101010101" id "','name':'" name "'}"

START_TEST(spans_that_a_trace_has_in_one_scope_go_where_the_first_of_them_goes)
{
    static const char *names[] = { "span.name", "a" };
    const struct strings all = { names, 2 };

    ck_assert_str_eq(
        route(
            "attributes", &all, SIGNAL_TRACES,
            "{'resourceSpans':[{'scopeSpans':[{'spans':[" IN_TRACE("01", "x") "," IN_TRACE("02", "y") "," IN_TRACE(
                "01",
                "z") "]},{'scope':{'attributes':[" ATTRIBUTE("a", "2") "]},'spans':[" IN_TRACE("02",
                                                                                               "v") "]}]},"
                                                                                                    "{'scopeSpans':[{'"
                                                                                                    "spans':[" IN_TRACE(
                                                                                                        "01",
                                                                                                        "w") "]}]}]}"),
        OWNERS("span.name=x|a=|", "span.name=y|a=|", "span.name=x|a=|", "span.name=v|a=2|", "span.name=w|a=|"));
}
END_TEST

START_TEST(what_is_remembered_of_traces_is_charged_until_the_batch_was_walked_through)
{
    static const char *names[] = { "span.name", "a" };
    const struct strings all = { names, 2 };
    struct buf json = { 0 };

    buf_puts(&json, "{'resourceSpans':[{'scopeSpans':[{'spans':[");
    for (int i = 0; i < 1000; i++)
        buf_printf(&json, "%s{'traceId':'%032d','name':'n'}", i > 0 ? "," : "", i + 1);
    buf_puts(&json, "]}]}]}");
    charged = 0;
    route("attributes", &all, SIGNAL_TRACES, buf_cstr(&json));
    ck_assert_uint_ge(charged, 1000 * 24);
    ck_assert_uint_eq(key.charged, 0);
    buf_free(&json);
}
END_TEST

START_TEST(of_logs_what_the_resource_has_stands_before_what_the_scope_has)
{
    static const char *names[] = { "log.body", "in_scope", "in_resource", "in_record" };
    const struct strings all = { names, 4 };

    ck_assert_str_eq(
        route("attributes", &all, SIGNAL_LOGS,
              "{'resourceLogs':[{" RESOURCE(ATTRIBUTE(
                  "in_resource",
                  "1")) ",'scopeLogs':[{'scope':{'attributes':[" ATTRIBUTE("in_scope",
                                                                           "2") "]},'logRecords':[{'body':{'"
                                                                                "stringValue':'x'},'attributes':"
                                                                                "[" ATTRIBUTE("in_record",
                                                                                              "3") "]},{}]}]}]}"),
        OWNERS("in_resource=1|in_scope=2|log.body=x|in_record=3|", "in_resource=1|in_scope=2|log.body=|in_record=|"));
}
END_TEST

START_TEST(a_log_has_severity_and_body_to_be_routed_by)
{
    static const char *names[] = { "log.severity", "log.body" };
    const struct strings all = { names, 2 };

    ck_assert_str_eq(route("attributes", &all, SIGNAL_LOGS,
                           "{'resourceLogs':[{'scopeLogs':[{'logRecords':[{'severityText':'WARN','body':{'stringValue':"
                           "'x'}},{}]}]}]}"),
                     OWNERS("log.severity=WARN|log.body=x|", "log.severity=|log.body=|"));
}
END_TEST

#define LARGE                                                                                                          \
    ATTRIBUTE("service.name", "checkout")                                                                              \
    ",{'key':'n','value':{'intValue':-7}},{'key':'d','value':{'doubleValue':1.5}},{'key':'t','value':{'boolValue':"    \
    "true}},{'key':'f','value':{'boolValue':false}},{'key':'e','value':{}},{'key':'b','value':{'bytesValue':'AQID'}}," \
    "{'key':'list','value':{'arrayValue':{'values':[{'stringValue':'x'},{'intValue':2}]}}},{'key':'map','value':{"     \
    "'kvlistValue':{'values':[" ATTRIBUTE("z", "1") "," ATTRIBUTE("a", "2") "]}}}"

START_TEST(a_resource_is_known_by_the_hash_that_go_has_of_it)
{
    ck_assert_str_eq(
        route("resource", NULL, SIGNAL_LOGS,
              "{'resourceLogs':[{'scopeLogs':[{'logRecords':[{}]}]},{" RESOURCE(ATTRIBUTE(
                  "service.name",
                  "checkout")) ",'scopeLogs':[{'logRecords':[{}]}]},{" RESOURCE(LARGE) ",'scopeLogs':[{'logRecords':[{}"
                                                                                       "]}]}]}"),
        OWNERS("resource/88201fb960ff6465", "resource/9d126046fdb6c015", "resource/a114fafde5e2540f"));
}
END_TEST

START_TEST(metrics_are_known_by_name_and_streams_by_all_that_they_are)
{
    static const char head[] = "{'resourceMetrics':[{" RESOURCE(LARGE) ",'scopeMetrics':[";
    static const char scope[] =
        "{'scope':{'name':'scope','version':'1.0','attributes':[{'key':'k','value':{'stringValue':'v'}}]},'metrics':[";
    static const char metric[] =
        "{'name':'requests','unit':'By','sum':{'aggregationTemporality':2,'isMonotonic':true,'dataPoints':[";
    static const char point[] = "{'asInt':1,'attributes':[{'key':'code','value':{'stringValue':'200'}}]}]}}]}]}]}";
    char json[2000];

    snprintf(json, sizeof(json), "%s%s%s%s", head, scope, metric, point);
    ck_assert_str_eq(route("metric", NULL, SIGNAL_METRICS, json), OWNERS("requests"));
    ck_assert_str_eq(route("streamID", NULL, SIGNAL_METRICS, json), OWNERS("stream/9ab9f738db427c9f"));
}
END_TEST

START_TEST(a_key_is_known_for_the_signals_that_have_it)
{
    ck_assert_int_eq(routing_kind_of("metric", SIGNAL_TRACES), ROUTING_KINDS);
    ck_assert_int_eq(routing_kind_of("traceID", SIGNAL_METRICS), ROUTING_KINDS);
    ck_assert_int_eq(routing_kind_of("resource", SIGNAL_TRACES), ROUTING_KINDS);
    ck_assert_int_eq(routing_kind_of("Service", SIGNAL_LOGS), ROUTING_KINDS);
    ck_assert_int_eq(routing_kind_of("attributes", SIGNAL_METRICS), ROUTE_ATTRIBUTES);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("routing_key");
    TCase *t = tcase_create("routing_key");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_span_belongs_where_the_bytes_of_its_trace_id_do);
    tcase_add_test(t, a_log_record_belongs_where_the_text_of_its_trace_id_does);
    tcase_add_test(t, log_records_of_no_trace_are_spread);
    tcase_add_test(t, a_service_is_a_name_and_a_value_for_spans_and_a_value_for_the_rest);
    tcase_add_test(t, data_points_of_no_service_go_nowhere);
    tcase_add_test(t, attributes_are_looked_for_from_the_resource_to_the_item);
    tcase_add_test(t, spans_that_a_trace_has_in_one_scope_go_where_the_first_of_them_goes);
    tcase_add_test(t, what_is_remembered_of_traces_is_charged_until_the_batch_was_walked_through);
    tcase_add_test(t, of_logs_what_the_resource_has_stands_before_what_the_scope_has);
    tcase_add_test(t, a_log_has_severity_and_body_to_be_routed_by);
    tcase_add_test(t, a_resource_is_known_by_the_hash_that_go_has_of_it);
    tcase_add_test(t, metrics_are_known_by_name_and_streams_by_all_that_they_are);
    tcase_add_test(t, a_key_is_known_for_the_signals_that_have_it);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
