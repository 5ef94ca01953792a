/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics requests into the store, twice with other options, and out in every format: whatever is valid OTLP must be
 * taken, shown, and given back to the last byte. The first byte chooses options. */
#include "otlp/validate.h"
#include "prom/endpoint/series_source.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool claim(void *arg, struct bytes name, enum family_type type)
{
    (void)arg, (void)name;
    return type != FAMILY_INFO;
}

static bool emit(void *arg, struct bytes labels)
{
    struct buf *out = arg;

    buf_put(out, labels);
    return false;
}

static void show(struct series_store *store, enum encoder_format format, enum name_escaping escaping)
{
    struct series_source s;
    struct buf out = { 0 };
    struct encoder e;
    void *cursor;

    series_source_init(&s, "fuzz", store);
    encoder_init(&e, format, escaping, &out);
    cursor = s.source.open(&s.source);
    while (s.source.targets(&s.source, cursor, emit, &out))
        ;
    while (s.source.write(&s.source, cursor, &e, 100, claim, NULL))
        ;
    s.source.close(&s.source, cursor);
    encoder_free(&e);
    buf_free(&out);
}

static void take(struct series_store *s, const struct batch *batch)
{
    struct series_taking t;

    series_taking_begin(&t, s, batch);
    while (!series_taking_some(&t, 10))
        ;
    assert(t.result.rejected <= batch->items);
    series_taking_end(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes request = bytes_of(data, size);
    struct series_options options = { .expiration = NS_PER_S };
    struct validation v;
    struct series_store store;
    struct budget budget;
    struct turn turn;
    struct clock clock;
    struct block *block;
    struct batch *batch;

    if (size == 0)
        return 0;
    request = bytes_of(data + 1, size - 1);
    if (!otlp_validate(SIGNAL_METRICS, request, &v))
        return 0;
    options.translation.strategy = (enum name_strategy)(data[0] & 3);
    options.translation.scope_labels = data[0] & 4;
    options.translation.promote = data[0] & 8;
    options.translation.ns = bytes_str(data[0] & 16 ? "n.s" : "");
    options.send_timestamps = data[0] & 32;
    turn_init(&turn);
    clock_init(&clock, true);
    budget_init(&budget, data[0] & 64 ? 20000 : UINT64_MAX, &turn);
    block = block_force(NULL, request.len + 1);
    memcpy(block->data, request.data, request.len);
    batch = batch_new(SIGNAL_METRICS, block, bytes_of(block->data, request.len), v.items, 0);
    series_store_init(&store, &options, &clock, &budget);
    take(&store, batch);
    for (int i = 0; i < 3; i++)
        show(&store, (enum encoder_format)i, (enum name_escaping)((data[0] >> 5 & 3)));
    take(&store, batch);
    clock_advance(&clock, data[0] & 128 ? 3 * NS_PER_S : NS_PER_MS);
    show(&store, ENCODER_PROTOBUF, NAME_ESCAPE_NONE);
    series_store_free(&store);
    batch_unref(batch);
    clock_free(&clock);
    assert(budget.used == 0);
    return 0;
}
