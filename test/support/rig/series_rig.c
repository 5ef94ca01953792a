/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rig/series_rig.h"

#include "otlp/json.h"
#include "otlp/validate.h"

#include <check.h>
#include <stdlib.h>

void series_rig_init(struct series_rig *r)
{
    *r = (struct series_rig){ .options = { .expiration = 300 * NS_PER_S } };
    rig_init(&r->rig, 1);
}

/* Late, so that a test can set options. */
static void open_store(struct series_rig *r)
{
    if (r->open)
        return;
    r->open = true;
    series_store_init(&r->store, &r->options, &r->rig.loop.clock, &r->rig.budget);
    series_source_init(&r->source, "test", &r->store);
}

void series_rig_close(struct series_rig *r)
{
    open_store(r);
    series_store_free(&r->store);
    buf_free(&r->text);
    rig_close(&r->rig);
}

struct batch *series_rig_batch(const char *json)
{
    struct buf text = { 0 }, wire = { 0 };
    struct validation v;
    struct error err;
    struct block *block;
    struct batch *batch;

    for (const char *p = json; *p != '\0'; p++)
        buf_putc(&text, *p == '\'' ? '"' : *p);
    ck_assert_msg(json_to_wire(signal_table[SIGNAL_METRICS].request, buf_bytes(&text), 1 << 24, &wire, &err) == 0,
                  "%s\n%s", err.text, json);
    ck_assert_msg(otlp_validate(SIGNAL_METRICS, buf_bytes(&wire), &v), "%s", v.fault);
    block = block_force(NULL, wire.len + 1);
    memcpy(block->data, wire.data, wire.len);
    batch = batch_new(SIGNAL_METRICS, block, bytes_of(block->data, wire.len), v.items, 0);
    buf_free(&text);
    buf_free(&wire);
    return batch;
}

void series_rig_take(struct series_rig *r, const char *json)
{
    struct batch *batch = series_rig_batch(json);

    open_store(r);
    series_store_take(&r->store, batch, &r->result);
    batch_unref(batch);
}

void series_rig_metric(struct series_rig *r, const char *json)
{
    struct buf request = { 0 };

    buf_puts(&request, "{'resourceMetrics':[{'scopeMetrics':[{'metrics':[");
    buf_puts(&request, json);
    buf_puts(&request, "]}]}]}");
    series_rig_take(r, buf_cstr(&request));
    buf_free(&request);
}

uint64_t series_rig_rejected(const struct series_rig *r, const char *reason)
{
    for (size_t i = 0; i < r->result.n_reasons; i++)
        if (strcmp(r->result.reasons[i].reason, reason) == 0)
            return r->result.reasons[i].n;
    return 0;
}

static bool emit_target(void *arg, struct bytes labels)
{
    struct encoder *e = arg;

    encoder_family_begin(e, bytes_str("target_info"), FAMILY_INFO, bytes_str(""), bytes_str(""), true);
    encoder_value(e, labels, 1, NULL);
    encoder_family_end(e);
    return false;
}

static bool claim(void *arg, struct bytes name, enum family_type type)
{
    (void)arg, (void)name, (void)type;
    return true;
}

const char *series_rig_show(struct series_rig *r, enum encoder_format format, size_t want)
{
    struct exposition_source *s = &r->source.source;
    struct encoder e;
    void *cursor;

    open_store(r);
    r->text.len = 0;
    encoder_init(&e, format, NAME_ESCAPE_NONE, &r->text);
    cursor = s->open(s);
    while (s->targets(s, cursor, emit_target, &e))
        ;
    while (s->write(s, cursor, &e, want, claim, NULL))
        ;
    s->close(s, cursor);
    encoder_end(&e);
    encoder_free(&e);
    return buf_cstr(&r->text);
}

const char *series_rig_lines(struct series_rig *r)
{
    size_t n = 0;

    series_rig_show(r, ENCODER_TEXT, 1);
    for (size_t i = 0, end; i < r->text.len; i = end) {
        const uint8_t *nl = memchr(r->text.data + i, '\n', r->text.len - i);

        end = (size_t)(nl - r->text.data) + 1;
        if (r->text.data[i] == '#')
            continue;
        memmove(r->text.data + n, r->text.data + i, end - i);
        n += end - i;
    }
    r->text.len = n;
    return buf_cstr(&r->text);
}
