/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/profile_strings.h"

#include "codec/pb.h"
#include "otlp/json.h"
#include "otlp/signal.h"
#include "otlp/validate.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define DICTIONARY "'dictionary':{'stringTable':['','service.name','shop','list','scope.key','deep']}"

/* As wire bytes; ' for ". */
static struct buf wire_of(const char *json)
{
    struct buf text = { 0 }, wire = { 0 };
    struct text_repairs repairs = { 0 };
    struct error err = { 0 };

    buf_puts(&text, json);
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == '\'')
            text.data[i] = '"';
    ck_assert_msg(json_request_to_wire(signal_table[SIGNAL_PROFILES].request, buf_bytes(&text), 1 << 20, &wire,
                                       &repairs, &err) == 0,
                  "%s", err.text);
    buf_free(&text);
    return wire;
}

/* Does it become what the other is? */
static void assert_becomes(const char *json, const char *expected)
{
    struct buf wire = wire_of(json), out = { 0 }, other = wire_of(expected);
    struct validation v;

    ck_assert(profile_strings_resolve(buf_bytes(&wire), 1 << 20, &out));
    ck_assert_msg(otlp_validate(SIGNAL_PROFILES, buf_bytes(&out), &v), "%s", v.fault);
    ck_assert_uint_eq(v.items, 1);
    ck_assert(bytes_equal(buf_bytes(&out), buf_bytes(&other)));
    buf_free(&wire);
    buf_free(&out);
    buf_free(&other);
}

#define PROFILES "'profiles':[{'samples':[{}],'profileId':'0102030405060708090a0b0c0d0e0f10'}]"

START_TEST(numbers_in_resources_and_scopes_become_texts)
{
    assert_becomes(
        "{'resourceProfiles':[{'resource':{'attributes':["
        "{'keyStrindex':1,'value':{'stringValueStrindex':2}},{'key':'x','value':{'intValue':'3'}}]},"
        "'scopeProfiles':[{'scope':{'attributes':[{'keyStrindex':4,'value':{'stringValue':'v'}}]}," PROFILES
        "}]}]," DICTIONARY "}",
        "{'resourceProfiles':[{'resource':{'attributes':["
        "{'key':'service.name','value':{'stringValue':'shop'}},{'key':'x','value':{'intValue':'3'}}]},"
        "'scopeProfiles':[{'scope':{'attributes':[{'key':'scope.key','value':{'stringValue':'v'}}]}," PROFILES
        "}]}]," DICTIONARY "}");
}
END_TEST

START_TEST(numbers_within_lists_and_maps_become_texts)
{
    assert_becomes(
        "{'resourceProfiles':[{'resource':{'attributes':[{'keyStrindex':3,'value':{'arrayValue':{'values':["
        "{'stringValueStrindex':5},{'kvlistValue':{'values':[{'keyStrindex':5,'value':{'boolValue':true}}]}}]}}}]},"
        "'scopeProfiles':[{" PROFILES "}]}]," DICTIONARY "}",
        "{'resourceProfiles':[{'resource':{'attributes':[{'key':'list','value':{'arrayValue':{'values':["
        "{'stringValue':'deep'},{'kvlistValue':{'values':[{'key':'deep','value':{'boolValue':true}}]}}]}}}]},"
        "'scopeProfiles':[{" PROFILES "}]}]," DICTIONARY "}");
}
END_TEST

START_TEST(what_has_no_numbers_stays)
{
    static const char *const requests[] = {
        "{}",
        "{" DICTIONARY "}",
        "{'resourceProfiles':[{'resource':{'attributes':[{'key':'a','value':{'stringValue':'b'}}]}}]," DICTIONARY "}",
        "{'resourceProfiles':[{'resource':{'attributes':[{'keyStrindex':9,'value':{}}]}}]," DICTIONARY "}",
        "{'resourceProfiles':[{'resource':{'attributes':[{'keyStrindex':1,'value':{}}]}}]}",
    };

    for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
        struct buf wire = wire_of(requests[i]), out = { 0 };

        ck_assert(!profile_strings_resolve(buf_bytes(&wire), 1 << 20, &out));
        buf_free(&wire);
        buf_free(&out);
    }
}
END_TEST

START_TEST(a_request_that_would_become_too_long_stays)
{
    struct buf json = { 0 }, wire, out = { 0 };

    buf_puts(&json,
             "{'resourceProfiles':[{'resource':{'attributes':[{'keyStrindex':1,'value':{'arrayValue':{'values':[");
    for (unsigned i = 0; i < 1000; i++)
        buf_printf(&json, "%s{'stringValueStrindex':2}", i > 0 ? "," : "");
    buf_puts(&json, "]}}}]}}],'dictionary':{'stringTable':['','k','");
    for (unsigned i = 0; i < 10000; i++)
        buf_putc(&json, 'x');
    buf_puts(&json, "']}}");
    wire = wire_of(buf_cstr(&json));
    ck_assert(!profile_strings_resolve(buf_bytes(&wire), 1 << 20, &out));
    ck_assert_uint_lt(out.len, 2 << 20);
    out.len = 0;
    ck_assert(!profile_strings_resolve(buf_bytes(&wire), 16 << 20, &out)); /* far more than it was */
    ck_assert_uint_le(out.cap, profile_strings_memory(wire.len));
    buf_free(&json);
    buf_free(&wire);
    buf_free(&out);
}
END_TEST

/* The wire of a request with an attribute of these numbers, and with so many texts, all but the second empty. */
static struct buf wire_of_many(unsigned key, unsigned texts)
{
    struct buf wire = { 0 };
    size_t group = pb_begin(&wire, 1), resource = pb_begin(&wire, 1), pair = pb_begin(&wire, 1);

    pb_put_uint(&wire, 3, key);
    pb_end(&wire, pair);
    pb_end(&wire, resource);
    pb_end(&wire, group);
    group = pb_begin(&wire, 2);
    for (unsigned i = 0; i < texts; i++)
        buf_append(&wire, i == 1 ? "\x2a\x01k" : "\x2a\x00", i == 1 ? 3 : 2);
    pb_end(&wire, group);
    return wire;
}

START_TEST(of_a_dictionary_of_empty_texts_some_are_remembered)
{
    struct buf first = wire_of_many(1, 200000), behind = wire_of_many(1 << 16, 200000), out = { 0 };
    struct buf last = wire_of_many((1 << 16) - 1, 200000);

    ck_assert(profile_strings_resolve(buf_bytes(&first), 16 << 20, &out));
    ck_assert(profile_strings_resolve(buf_bytes(&last), 16 << 20, &out));
    ck_assert(!profile_strings_resolve(buf_bytes(&behind), 16 << 20, &out));
    buf_free(&first);
    buf_free(&last);
    buf_free(&behind);
    buf_free(&out);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("profile_strings");
    TCase *tc = tcase_create("profile_strings");
    SRunner *sr = srunner_create(s);
    int failed;

    tcase_add_test(tc, numbers_in_resources_and_scopes_become_texts);
    tcase_add_test(tc, numbers_within_lists_and_maps_become_texts);
    tcase_add_test(tc, what_has_no_numbers_stays);
    tcase_add_test(tc, a_request_that_would_become_too_long_stays);
    tcase_add_test(tc, of_a_dictionary_of_empty_texts_some_are_remembered);
    suite_add_tcase(s, tc);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? 0 : 1;
}
