/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of remote write, either version, as strangers send them: whatever comes out is valid OTLP with as many
 * points as it says, nothing else is written than what was there, and nothing is left behind. The first byte chooses.
 */
#include "base/loop/clock.h"
#include "otlp/validate.h"
#include "prom/intake/write_intake.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_result(const struct write_result *w)
{
    const struct batch *batch = w->batch;
    struct validation v;

    if (batch == NULL)
        return;
    if (!otlp_validate(SIGNAL_METRICS, bytes_of(batch->segments[0].data, batch->segments[0].len), &v)) {
        fprintf(stderr, "%s\n", v.fault);
        abort();
    }
    require(v.items == batch->items && w->samples + w->histograms >= batch->items);
}

static void take(struct write_intake *w, enum write_version version, struct bytes message, size_t most)
{
    struct write_reading *r = write_reading_new(w, version, message, most);
    struct write_result result;
    enum write_step step;

    while ((step = write_reading_step(r)) == WRITE_MORE)
        ;
    if (step == WRITE_WHOLE) {
        write_reading_end(r, &result);
        check_result(&result);
        if (result.batch != NULL)
            batch_unref(result.batch);
    } else {
        require(write_reading_fault(r) != NULL);
    }
    write_reading_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t choice = size > 0 ? data[0] : 0;
    struct bytes message = bytes_of(data + (size > 0), size - (size > 0));
    struct write_intake *w;
    struct budget budget;
    struct clock clock;
    struct turn turn;

    turn_init(&turn);
    clock_init(&clock, true);
    budget_init(&budget, choice & 2 ? 40000 : UINT64_MAX, &turn);
    w = write_intake_new(
        &(struct write_intake_options){ .budget = &budget, .clock = &clock, .max_series = choice & 4 ? 3 : 0 });
    for (int i = 0; i < 2; i++)
        take(w, choice & 1 ? WRITE_2 : WRITE_1, message, choice & 8 ? 2000 : 1u << 24);
    write_intake_free(w);
    require(budget.used == 0);
    return 0;
}
