/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics requests as remote write, either version: whatever is valid OTLP comes out as messages that keep the
 * protocol's rules, whole and cut anywhere, and every data point is in them or dropped by a reason. The first byte
 * chooses options. */
#include "otlp/validate.h"
#include "support/remote_write_text.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_items(const struct remote_write_request *r, struct buf *text)
{
    for (size_t i = 0; r->units.n == 1 && r->items > 1 && i < r->items; i++) {
        struct remote_write_request *one = remote_write_cut_items(r, i, i + 1);

        remote_write_text(text, one);
        require(one->items == 1 && one->samples == 1);
        remote_write_request_free(one);
    }
}

static void check_halves(const struct remote_write_request *r)
{
    size_t n = r->units.n;
    struct buf text = { 0 }, name = { 0 };

    for (size_t from = 0; n > 1 && from < n; from += (n + 1) / 2) {
        struct remote_write_request *half = remote_write_cut(r, from, from + (n + 1) / 2 < n ? from + (n + 1) / 2 : n);

        remote_write_text(&text, half);
        check_items(half, &text);
        remote_write_name(&name, half, 0);
        remote_write_request_free(half);
    }
    check_items(r, &text);
    buf_free(&text);
    buf_free(&name);
}

static bool is_of_group(const struct remote_write_unit *unit, void *arg)
{
    return unit->series % 3 == *(const uint32_t *)arg;
}

/* In groups of whole series. */
static void check_groups(const struct remote_write_request *r)
{
    uint64_t items = 0, samples = 0;
    struct buf text = { 0 };

    for (uint32_t i = 0; i < 3; i++) {
        struct remote_write_request *group = remote_write_select(r, is_of_group, &i);

        if (group == NULL)
            continue;
        remote_write_text(&text, group);
        items += group->items;
        samples += group->samples;
        remote_write_request_free(group);
    }
    require(items == r->items && samples == r->samples);
    buf_free(&text);
}

static void encode(struct remote_write *rw, const struct batch *batch)
{
    struct remote_write_result result;
    uint64_t items = 0;
    struct buf text = { 0 };

    remote_write_encode(rw, batch, &result);
    for (size_t i = 0; i < result.n_drops; i++)
        items += result.drops[i].items;
    list_each (struct remote_write_request, r, &result.requests, link) {
        items += r->items;
        remote_write_text(&text, r);
        check_halves(r);
        check_groups(r);
        remote_write_request_free(r);
    }
    require(items == batch->items);
    buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct translation translation = { .target_by_either = true };
    struct remote_write_options options = { .translation = &translation, .target_info = true, .expiration = NS_PER_S };
    struct remote_write *rw;
    struct validation v;
    struct budget budget;
    struct turn turn;
    struct clock clock;
    struct block *block;
    struct batch *batch;
    struct bytes request;

    if (size == 0)
        return 0;
    request = bytes_of(data + 1, size - 1);
    if (!otlp_validate(SIGNAL_METRICS, request, &v))
        return 0;
    options.version = data[0] & 1 ? REMOTE_WRITE_2 : REMOTE_WRITE_1;
    options.shards = 1 + (data[0] >> 1 & 3);
    options.max_bytes = data[0] & 8 ? 200 : 1 << 20;
    options.send_metadata = data[0] & 16;
    translation.strategy = (enum name_strategy)(data[0] >> 5 & (options.version == REMOTE_WRITE_2 ? 3 : 1));
    translation.scope_labels = data[0] & 128;
    turn_init(&turn);
    clock_init(&clock, true);
    budget_init(&budget, data[0] & 64 ? 20000 : UINT64_MAX, &turn);
    options.clock = &clock;
    options.budget = &budget;
    block = block_force(NULL, request.len + 1);
    memcpy(block->data, request.data, request.len);
    batch = batch_new(SIGNAL_METRICS, block, bytes_of(block->data, request.len), v.items, 0);
    rw = remote_write_new(&options);
    encode(rw, batch);
    encode(rw, batch);
    clock_advance(&clock, 100 * NS_PER_S);
    remote_write_sweep(rw);
    encode(rw, batch);
    remote_write_free(rw);
    batch_unref(batch);
    clock_free(&clock);
    require(budget.used == 0);
    return 0;
}
