/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles as the debug exporter prints them: first the dictionary of the request, table by table, then each profile
 * with its samples. What a sample refers to by index is looked up in the dictionary each time, from the front.
 *
 * What can go wrong: an index that is in no table. The attribute is then left out, or has an empty key. */
#include "exporter/debug/debug_text.h"

struct numbers {
    struct buf *out;
};

static void put_number(void *arg, size_t i, uint64_t v)
{
    struct numbers *n = arg;

    if (i > 0)
        buf_putc(n->out, ' ');
    buf_printf(n->out, "%lld", (long long)v);
}

/* "[1 2 3]" */
static void put_numbers(struct buf *out, const char *label, struct bytes message, uint32_t number)
{
    struct numbers n = { .out = out };

    buf_printf(out, "%s[", label);
    debug_numbers(message, number, put_number, &n);
    buf_puts(out, "]\n");
}

static void put_int(struct buf *out, const char *label, uint64_t v)
{
    buf_printf(out, "%s%lld\n", label, (long long)v);
}

/* Entry `index` of a table of the dictionary; false when there is none. */
static bool dictionary_entry(struct bytes dictionary, uint32_t table, uint64_t index, struct bytes *out)
{
    struct pb_reader r = pb_reader(dictionary);

    while (message_next(&r, table, out))
        if (index-- == 0)
            return true;
    return false;
}

struct attribute_walk {
    struct bytes dictionary;
    void (*each)(void *arg, struct bytes key, struct bytes any);
    void *arg;
};

static void on_attribute(void *arg, size_t i, uint64_t index)
{
    struct attribute_walk *w = arg;
    struct bytes attribute, key = { 0 };
    struct debug_message m;

    (void)i;
    if (!dictionary_entry(w->dictionary, OTLP_DICTIONARY_ATTRIBUTES, index, &attribute))
        return;
    debug_message_read(&m, attribute);
    if (!dictionary_entry(w->dictionary, OTLP_DICTIONARY_STRINGS, m.num[OTLP_DICTIONARY_KEY], &key))
        key = (struct bytes){ 0 };
    w->each(w->arg, key, m.str[OTLP_DICTIONARY_VALUE]);
}

void debug_profile_attributes(struct bytes message, uint32_t number, struct bytes dictionary,
                              void (*each)(void *arg, struct bytes key, struct bytes any), void *arg)
{
    struct attribute_walk w = { dictionary, each, arg };

    debug_numbers(message, number, on_attribute, &w);
}

static void put_mapping(struct buf *out, size_t i, struct bytes mapping)
{
    struct debug_message m;

    debug_message_read(&m, mapping);
    buf_printf(out, "Mapping #%zu\n", i);
    put_int(out, "    Memory start: ", m.num[OTLP_MAPPING_START]);
    put_int(out, "    Memory limit: ", m.num[OTLP_MAPPING_LIMIT]);
    put_int(out, "    File offset: ", m.num[OTLP_MAPPING_OFFSET]);
    put_int(out, "    File name: ", m.num[OTLP_MAPPING_FILE]);
    put_numbers(out, "    Attributes: ", mapping, OTLP_MAPPING_ATTRIBUTE_INDICES);
}

static void put_line(struct buf *out, size_t i, struct bytes line)
{
    struct debug_message m;

    debug_message_read(&m, line);
    buf_printf(out, "    Line #%zu\n", i);
    put_int(out, "        Function index: ", m.num[OTLP_LINE_FUNCTION]);
    put_int(out, "        Line: ", m.num[OTLP_LINE_LINE]);
    put_int(out, "        Column: ", m.num[OTLP_LINE_COLUMN]);
}

static void put_location(struct buf *out, size_t i, struct bytes location)
{
    struct debug_message m;

    debug_message_read(&m, location);
    buf_printf(out, "Location #%zu\n", i);
    put_int(out, "    Mapping index: ", m.num[OTLP_LOCATION_MAPPING]);
    put_int(out, "    Address: ", m.num[OTLP_LOCATION_ADDRESS]);
    debug_each(out, location, OTLP_LOCATION_LINES, put_line);
    put_numbers(out, "    Attributes: ", location, OTLP_LOCATION_ATTRIBUTE_INDICES);
}

static void put_function(struct buf *out, size_t i, struct bytes function)
{
    struct debug_message m;

    debug_message_read(&m, function);
    buf_printf(out, "Function #%zu\n", i);
    put_int(out, "    Name: ", m.num[OTLP_FUNCTION_NAME]);
    put_int(out, "    System name: ", m.num[OTLP_FUNCTION_SYSTEM_NAME]);
    put_int(out, "    Filename: ", m.num[OTLP_FUNCTION_FILE]);
    put_int(out, "    Start line: ", m.num[OTLP_FUNCTION_START]);
}

/* The first entry of this table is the empty one and not shown. */
static void put_attribute(struct buf *out, size_t i, struct bytes attribute)
{
    struct debug_message m;

    debug_message_read(&m, attribute);
    if (i == 0)
        buf_puts(out, "Attribute table:\n");
    if (m.raw.len == 0)
        return;
    buf_printf(out, "     -> Key: Int(%lld)\n     -> Value: ", (long long)m.num[OTLP_DICTIONARY_KEY]);
    debug_typed_value(out, m.str[OTLP_DICTIONARY_VALUE]);
    buf_printf(out, "\n     -> unit: Int(%lld)\n", (long long)m.num[OTLP_DICTIONARY_UNIT]);
}

static void put_link(struct buf *out, size_t i, struct bytes link)
{
    struct debug_message m;

    debug_message_read(&m, link);
    if (i == 0)
        buf_puts(out, "Link table:\n");
    buf_puts(out, "     -> Trace ID: Str(");
    debug_hex(out, m.str[OTLP_LINK_TRACE_ID]);
    buf_puts(out, ")\n     -> Span ID: Str(");
    debug_hex(out, m.str[OTLP_LINK_SPAN_ID]);
    buf_puts(out, ")\n");
}

static void put_string(struct buf *out, size_t i, struct bytes text)
{
    buf_puts(out, i == 0 ? "String table:\n    " : "    ");
    debug_put(out, text);
    buf_putc(out, '\n');
}

void debug_profiles_dictionary(struct buf *out, struct bytes dictionary)
{
    debug_each(out, dictionary, OTLP_DICTIONARY_MAPPINGS, put_mapping);
    debug_each(out, dictionary, OTLP_DICTIONARY_LOCATIONS, put_location);
    debug_each(out, dictionary, OTLP_DICTIONARY_FUNCTIONS, put_function);
    debug_each(out, dictionary, OTLP_DICTIONARY_ATTRIBUTES, put_attribute);
    debug_each(out, dictionary, OTLP_DICTIONARY_LINKS, put_link);
    debug_each(out, dictionary, OTLP_DICTIONARY_STRINGS, put_string);
}

struct titled {
    struct buf *out;
    bool begun;
};

static void put_sample_attribute(void *arg, struct bytes key, struct bytes any)
{
    struct titled *t = arg;

    if (!t->begun)
        buf_puts(t->out, "        Attributes:\n");
    t->begun = true;
    buf_puts(t->out, "             -> ");
    debug_put(t->out, key);
    buf_puts(t->out, ": ");
    debug_typed_value(t->out, any);
    buf_putc(t->out, '\n');
}

static void put_sample(struct buf *out, size_t n, struct bytes sample, struct bytes dictionary)
{
    struct titled t = { .out = out };

    buf_printf(out, "    Sample #%zu\n", n);
    put_numbers(out, "        Values: ", sample, OTLP_SAMPLE_VALUES);
    debug_profile_attributes(sample, OTLP_SAMPLE_ATTRIBUTE_INDICES, dictionary, put_sample_attribute, &t);
}

void debug_profile(struct buf *out, size_t n, struct bytes profile, struct bytes dictionary)
{
    struct pb_reader r = pb_reader(profile);
    struct debug_message m;
    struct bytes sample;

    debug_message_read(&m, profile);
    buf_printf(out, "Profile #%zu\n    Profile ID     : ", n);
    debug_hex(out, m.str[OTLP_PROFILE_ID]);
    buf_puts(out, "\n    Start time     : ");
    debug_time(out, m.num[OTLP_PROFILE_TIME]);
    buf_printf(out, "\n    DurationNano   : %llu\n    Dropped attributes count: %u\n",
               (unsigned long long)m.num[OTLP_PROFILE_DURATION], (unsigned)m.num[OTLP_PROFILE_DROPPED_ATTRIBUTES]);
    for (size_t i = 0; message_next(&r, OTLP_PROFILE_SAMPLES, &sample); i++)
        put_sample(out, i, sample, dictionary);
}
