/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary text as what a converter of OTTL reads, and as the format or pattern of those that take one from the item:
 * what comes of it is a valid record, or the sentence of a fault. The first byte chooses the statement. */
#include "codec/utf8.h"
#include "otlp/fields.h"
#include "otlp/view.h"
#include "ottl/ottl.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char *const texts[] = {
    "ParseJSON(body)",
    "ParseKeyValue(body)",
    "ParseCSV(body, body)",
    "ParseCSV(body, \"a,b\", mode=\"lazyQuotes\")",
    "ParseInt(body, 0)",
    "ParseCEF(body)",
    "ParseLEEF(body)",
    "ParseCLF(body)",
    "ParseCLF(body, \"combined\")",
    "ParseELF(body)",
    "URL(body)",
    "ExtractPatterns(body, body)",
    "ExtractGrokPatterns(body, body)",
    "ExtractGrokPatterns(body, \"%{COMBINEDAPACHELOG}\")",
    "Time(body, \"%Y-%m-%dT%H:%M:%S.%f%z %a %B %p %Z\")",
    "Time(body, \"%c %y %o %j\")",
    "Duration(body)",
    "Decode(body, \"base64\")",
    "Decode(body, body)",
    "Decode(body, \"utf-16le\")",
    "Decode(body, \"shift_jis\")",
    "ToSnakeCase(body)",
    "ToCamelCase(body)",
    "ToUpperCase(body)",
    "Split(body, \"\")",
    "Trim(body, \" x\")",
    "IsInCIDR(body, [body])",
    "CommunityID(body, 1, body, 2)",
    "IsValidLuhn(body)",
    "Format(\"%q %+q %x %.3s %v %T\", [body, body, body, body, body, body])",
    "Sort(Split(body, \",\"))",
    "ToKeyValueString(ParseKeyValue(body, \":\", \",\"), \"=\", \" \", true)",
    "Murmur3Hash128(body)",
    "IsMatch(\"some text\", body)",
    "ParseXML(body)",
    "ParseSimplifiedXML(body)",
    "GetXML(body, \"//*[@b or . = 1] | //text()\")",
    "RemoveXML(body, \"//*[2] | //@*\")",
    "InsertXML(body, \"/*\", body)",
    "ConvertAttributesToElementsXML(body)",
    "ConvertTextToElementsXML(body)",
};

#define TEXTS (sizeof(texts) / sizeof(*texts))

static struct ottl_program *programs[TEXTS];

static void compile_all(void)
{
    for (size_t i = 0; i < TEXTS; i++) {
        struct buf text = { 0 };
        struct ottl_fault fault;

        buf_printf(&text, "set(attributes[\"out\"], %s)", texts[i]);
        programs[i] =
            ottl_parse_statement(buf_cstr(&text), (struct ottl_reading){ .context = OTTL_LOG, .bare = true }, &fault);
        if (programs[i] == NULL)
            abort();
        buf_free(&text);
    }
}

/* A value of strings that are UTF-8, in maps and lists. */
static void check_value(struct bytes any_value)
{
    struct value v = value_read(any_value);
    struct pb_reader r = pb_reader(v.type == VALUE_ARRAY || v.type == VALUE_MAP ? v.bytes : bytes_of("", 0));

    if (v.type == VALUE_STRING && !utf8_valid(v.bytes))
        abort();
    for (struct bytes field; message_next(&r, OTLP_LIST_VALUES, &field);)
        check_value(v.type == VALUE_MAP ? attribute_of(field).value : field);
    if (r.bad)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct ottl_evaluation *e;
    struct ottl_item item = { 0 };
    struct buf record = { 0 };
    struct error err;
    struct pb_reader r;
    size_t body;
    bool ran;

    if (e == NULL) {
        e = ottl_evaluation_new();
        compile_all();
    }
    if (len == 0 || !utf8_valid(bytes_of(data + 1, len - 1)))
        return 0;
    body = pb_begin(&record, OTLP_LOG_BODY);
    pb_put_bytes(&record, OTLP_ANY_STRING, bytes_of(data + 1, len - 1));
    pb_end(&record, body);
    item.item = buf_bytes(&record);
    ottl_begin(e, &item, 1700000000000000000);
    if (ottl_run(e, programs[data[0] % TEXTS], &ran, &err)) {
        r = pb_reader(ottl_item_now(e)->item);
        for (struct attribute a; attribute_next(&r, OTLP_LOG_ATTRIBUTES, &a);)
            check_value(a.value);
    } else if (err.text[0] == '\0') {
        abort();
    }
    buf_free(&record);
    return 0;
}
