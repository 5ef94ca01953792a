/* SPDX-License-Identifier: Apache-2.0 */
/* What both forms share: counts, numbers as Go prints them, values, and the walk over the requests of a batch. Text
 * that senders wrote goes through debug_put(), which makes visible what a terminal would act on. A batch whose text
 * grows beyond DEBUG_TEXT_MAX is cut after the item, and says so. */
#include "exporter/debug/debug_text.h"

#include "base/decimal.h"
#include "base/log.h"
#include "base/vec.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void debug_message_read(struct debug_message *m, struct bytes raw)
{
    struct pb_reader r = pb_reader(raw);
    struct pb_field f;

    memset(m, 0, sizeof(*m));
    m->raw = raw;
    while (pb_next(&r, &f)) {
        if (f.number >= DEBUG_FIELDS)
            continue;
        if (f.wire == PB_LEN)
            m->str[f.number] = f.bytes;
        else
            m->num[f.number] = f.u64;
    }
}

/* Of repeated numbers only fixed64, doubles and varints are asked for: packed runs of 8 bytes or of varints. */
static void each_packed(struct bytes run, bool fixed, size_t *i, void (*each)(void *arg, size_t i, uint64_t v),
                        void *arg)
{
    const uint8_t *p = run.data, *end = run.data + run.len;
    uint64_t v;

    while (p < end) {
        if (fixed) {
            if (end - p < 8)
                return;
            v = pb_load64(p);
            p += 8;
        } else if (!pb_varint(&p, end, &v)) {
            return;
        }
        each(arg, (*i)++, v);
    }
}

static void each_number(struct bytes message, uint32_t number, bool fixed,
                        void (*each)(void *arg, size_t i, uint64_t v), void *arg)
{
    struct pb_reader r = pb_reader(message);
    struct pb_field f;
    size_t i = 0;

    while (pb_next(&r, &f)) {
        if (f.number != number)
            continue;
        if (f.wire == PB_LEN)
            each_packed(f.bytes, fixed, &i, each, arg);
        else
            each(arg, i++, f.u64);
    }
}

void debug_numbers(struct bytes message, uint32_t number, void (*each)(void *arg, size_t i, uint64_t v), void *arg)
{
    each_number(message, number, false, each, arg);
}

void debug_fixed64s(struct bytes message, uint32_t number, void (*each)(void *arg, size_t i, uint64_t v), void *arg)
{
    each_number(message, number, true, each, arg);
}

void debug_each(struct buf *out, struct bytes message, uint32_t number,
                void (*put)(struct buf *out, size_t i, struct bytes part))
{
    struct pb_reader r = pb_reader(message);
    struct bytes part;

    for (size_t i = 0; message_next(&r, number, &part); i++)
        put(out, i, part);
}

size_t debug_count(struct bytes message, uint32_t number)
{
    struct pb_reader r = pb_reader(message);
    struct pb_field f;
    size_t n = 0;

    while (pb_next(&r, &f))
        n += f.number == number;
    return n;
}

static uint64_t count_metrics(struct bytes resource_metrics)
{
    struct pb_reader r = pb_reader(resource_metrics);
    struct bytes scope;
    uint64_t n = 0;

    while (message_next(&r, OTLP_RESOURCE_GROUP_SCOPES, &scope))
        n += debug_count(scope, OTLP_SCOPE_GROUP_ITEMS);
    return n;
}

struct debug_counts debug_count_batch(const struct batch *b)
{
    struct debug_counts c = { .items = b->items };

    for (uint32_t i = 0; i < b->n_segments; i++) {
        struct pb_reader r = pb_reader(bytes_of(b->segments[i].data, b->segments[i].len));
        struct bytes resource;

        while (message_next(&r, OTLP_REQUEST_RESOURCES, &resource)) {
            c.resources++;
            if (b->signal == SIGNAL_METRICS)
                c.metrics += count_metrics(resource);
        }
    }
    return c;
}

/* --- numbers --- */

void debug_fixed(struct buf *out, double v)
{
    if (isfinite(v))
        buf_printf(out, "%.6f", v);
    else
        decimal_put(out, v, DECIMAL_PLAIN);
}

void debug_shortest(struct buf *out, double v)
{
    decimal_put(out, v, DECIMAL_GO_SHORT);
}

double debug_exponential_bound(int64_t index, int64_t scale)
{
    return exp((double)index * ldexp(0.693147180559945309417232121458, (int)-scale));
}

void debug_time(struct buf *out, uint64_t unix_ns)
{
    int64_t sec = (int64_t)unix_ns / 1000000000, ns = (int64_t)unix_ns % 1000000000;
    time_t t;
    struct tm tm;

    if (ns < 0) {
        ns += 1000000000;
        sec--;
    }
    t = (time_t)sec;
    gmtime_r(&t, &tm);
    buf_printf(out, "%04d-%02d-%02d %02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
               tm.tm_min, tm.tm_sec);
    if (ns != 0) {
        buf_printf(out, ".%09lld", (long long)ns);
        while (out->data[out->len - 1] == '0')
            out->len--;
    }
    buf_puts(out, " +0000 UTC");
}

void debug_hex(struct buf *out, struct bytes id)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < id.len; i++) {
        buf_putc(out, digits[id.data[i] >> 4]);
        buf_putc(out, digits[id.data[i] & 15]);
    }
}

/* --- values --- */

void debug_put(struct buf *out, struct bytes text)
{
    if (container_of(out, struct debug_text, buf)->exact)
        buf_put(out, text);
    else
        log_put_visible(out, text);
}

/* Has JSON a word for all that is in there? It has none for NaN and the infinities. Validation has bounded the depth.
 */
static bool is_json(struct bytes any)
{
    struct value v = value_read(any);
    bool is_map = v.type == VALUE_MAP, good = v.type != VALUE_DOUBLE || isfinite(v.number);
    struct pb_reader r = pb_reader(is_map || v.type == VALUE_ARRAY ? v.bytes : bytes_of(NULL, 0));
    struct bytes element;

    while (good && message_next(&r, OTLP_LIST_VALUES, &element))
        good = is_json(is_map ? attribute_of(element).value : element);
    return good;
}

/* A list or map that JSON cannot say is empty, as in the Go collector. */
void debug_value(struct buf *out, struct bytes any)
{
    struct value v = value_read(any);
    struct buf json = { 0 };

    if (v.type == VALUE_STRING) {
        debug_put(out, v.bytes);
    } else if (v.type != VALUE_ARRAY && v.type != VALUE_MAP) {
        any_value_put(out, any);
    } else if (is_json(any)) {
        any_value_put(&json, any);
        debug_put(out, buf_bytes(&json));
        buf_free(&json);
    }
}

void debug_typed_value(struct buf *out, struct bytes any)
{
    static const char *const names[] = { "Empty", "Str", "Bool", "Int", "Double", "Slice", "Map", "Bytes" };

    buf_printf(out, "%s(", names[value_read(any).type]);
    debug_value(out, any);
    buf_putc(out, ')');
}

struct form_walk {
    struct buf *out;
    enum signal signal;
    const struct debug_form *form;
    struct bytes dictionary;
};

static void walk_scope(const struct form_walk *w, size_t n, struct bytes scope)
{
    struct pb_reader r = pb_reader(scope);
    struct scope_group_view group = scope_group_view(scope);
    struct bytes item;

    w->form->put_scope(w->out, w->signal, n, &group);
    for (size_t i = 0; w->out->len < DEBUG_TEXT_MAX && message_next(&r, OTLP_SCOPE_GROUP_ITEMS, &item); i++)
        w->form->put_item(w->out, w->signal, i, item, w->dictionary);
}

static void walk_resource(const struct form_walk *w, size_t n, struct bytes resource)
{
    struct pb_reader r = pb_reader(resource);
    struct resource_group_view group = resource_group_view(resource);
    struct bytes scope;

    w->form->put_resource(w->out, w->signal, n, &group);
    for (size_t i = 0; message_next(&r, OTLP_RESOURCE_GROUP_SCOPES, &scope); i++)
        walk_scope(w, i, scope);
}

void debug_batch(struct buf *out, const struct batch *b, const struct debug_form *form)
{
    struct form_walk w = { .out = out, .signal = b->signal, .form = form };
    size_t n = 0;

    for (uint32_t i = 0; i < b->n_segments; i++) {
        struct bytes bytes = bytes_of(b->segments[i].data, b->segments[i].len), resource;
        struct pb_reader r = pb_reader(bytes);

        w.dictionary = (struct bytes){ 0 };
        while (message_next(&r, OTLP_REQUEST_DICTIONARY, &w.dictionary))
            ; /* the last one */
        if (form->put_dictionary != NULL)
            form->put_dictionary(out, w.dictionary);
        r = pb_reader(bytes);
        while (out->len < DEBUG_TEXT_MAX && message_next(&r, OTLP_REQUEST_RESOURCES, &resource))
            walk_resource(&w, n++, resource);
    }
    if (out->len >= DEBUG_TEXT_MAX)
        buf_puts(out, DEBUG_TEXT_CUT);
}
