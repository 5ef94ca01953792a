/* SPDX-License-Identifier: Apache-2.0 */
/* Request bytes through the check at the door; what passes it is then read by everything that trusts it: counted and
 * cut at every item, grouped by an attribute, and written as JSON. The first byte picks the signal. */
#include "base/loop/turn.h"
#include "exporter/file/file_group.h"
#include "otlp/batch.h"
#include "otlp/json.h"
#include "otlp/validate.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void cut_everywhere(enum signal signal, struct bytes request, uint64_t items)
{
    struct turn turn;
    struct budget budget;
    struct block *block;
    struct batch *rest;

    turn_init(&turn);
    budget_init(&budget, UINT64_MAX, &turn);
    block = block_force(&budget, request.len);
    memcpy(block->data, request.data, request.len);
    rest = batch_new(signal, block, bytes_of(block->data, request.len), items, 0);
    for (int i = 0; i < 20 && rest->items > 1; i++) {
        struct batch *head, *tail;
        struct validation v;

        batch_split(rest, rest->items > 7 ? 3 : 1, 3, &budget, &head, &tail);
        for (uint32_t k = 0; k < head->n_segments; k++)
            if (!otlp_validate(signal, bytes_of(head->segments[k].data, head->segments[k].len), &v))
                abort();
        batch_unref(head);
        batch_unref(rest);
        rest = tail;
    }
    batch_unref(rest);
    if (budget.used != 0)
        abort();
}

/* Each group is a request of its own, and together they have all items. */
static void group(enum signal signal, struct bytes request, uint64_t items)
{
    struct file_groups groups;
    struct bytes segment, part;
    struct validation v;
    uint64_t sum = 0;

    file_groups_init(&groups, request, bytes_str("service.name"));
    for (; file_groups_next(&groups, &segment, &part); sum += v.items) {
        if (!otlp_validate(signal, part, &v))
            abort();
        if (segment.data != NULL && segment.len < 4096 && memchr(segment.data, 0, segment.len) == NULL) {
            char *path = file_group_path("/d/x-*.json", segment);

            if (strncmp(path, "/d/x-", 5) != 0)
                abort();
            free(path);
        }
    }
    file_groups_free(&groups);
    if (sum != items)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum signal signal = size > 0 ? (enum signal)(data[0] % SIGNAL_COUNT) : SIGNAL_TRACES;
    struct bytes request = bytes_of(size > 0 ? data + 1 : data, size > 0 ? size - 1 : 0);
    struct buf json = { 0 };
    struct validation v;

    if (!otlp_validate(signal, request, &v)) {
        if (v.fault_offset > request.len || v.fault[0] == '\0')
            abort();
        return 0;
    }
    if (wire_to_json(signal_table[signal].request, request, &json, NULL) != 0)
        abort();
    buf_free(&json);
    group(signal, request, v.items);
    if (v.items > 1 && signal_table[signal].mergeable)
        cut_everywhere(signal, request, v.items);
    return 0;
}
