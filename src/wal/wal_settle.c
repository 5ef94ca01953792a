/* SPDX-License-Identifier: Apache-2.0 */
/* What is settled, and what damage has lost, in the state that the next note writes down.
 *
 * Damage may leave it unknown how many items its records had: that comes out when nothing is held any more, for then no
 * item is either. */
#include "wal/wal_inside.h"

uint64_t wal_settle_remainder(struct wal *w)
{
    uint64_t rest = wal_totals_held(&w->state.totals);

    if (rest == 0 || wal_state_held(&w->state) > 0)
        return 0;
    wal_totals_drop(&w->state.totals, "wal_corrupt", rest);
    w->stats.corrupt_items += rest;
    return rest;
}

void wal_lose(struct wal *w, uint64_t after, uint64_t before, uint64_t items)
{
    uint64_t held_before = wal_state_held(&w->state), records;

    wal_state_settle(&w->state, after + 1, before - 1);
    records = held_before - wal_state_held(&w->state);
    if (records == 0)
        return;
    if (records != before - after - 1)
        items = 0; /* some were settled: how many items the others had is known when nothing is held any more */
    if (items > wal_totals_held(&w->state.totals))
        items = wal_totals_held(&w->state.totals);
    wal_totals_drop(&w->state.totals, "wal_corrupt", items);
    w->stats.corrupt_records += records;
    w->stats.corrupt_items += items;
    wal_settle_remainder(w);
    log_error(&w->log, "Damaged records in the log are skipped", F_STR("directory", w->directory),
              F_UINT("records", records), F_UINT("items", items));
    wal_dirty(w);
}

uint64_t wal_settle(struct wal *w, uint64_t seq, uint64_t delivered, const struct wal_reason *dropped, size_t n_dropped)
{
    uint64_t lost;

    if (wal_state_is_settled(&w->state, seq))
        return 0;
    wal_state_settle(&w->state, seq, seq);
    w->state.totals.delivered += delivered;
    for (size_t i = 0; i < n_dropped; i++)
        wal_totals_drop(&w->state.totals, dropped[i].reason, dropped[i].items);
    lost = wal_settle_remainder(w);
    wal_dirty(w);
    return lost;
}
