/* SPDX-License-Identifier: Apache-2.0 */
/* What is settled, and what damage has lost, in the state that the next note writes down.
 *
 * Damage may leave it unknown how many items its records had: that comes out when nothing is held any more, for then no
 * item is either. */
#include "wal/wal_inside.h"

#include <assert.h>

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
    uint64_t settled = wal_state_piece_items(&w->state, after + 1, before - 1);

    items -= settled < items ? settled : items;
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

/* Of something that was settled just now. */
static uint64_t book_items(struct wal *w, uint64_t delivered, const struct wal_reason *dropped, size_t n_dropped)
{
    uint64_t lost;

    w->state.totals.delivered += delivered;
    for (size_t i = 0; i < n_dropped; i++)
        wal_totals_drop(&w->state.totals, dropped[i].reason, dropped[i].items);
    lost = wal_settle_remainder(w);
    wal_dirty(w);
    return lost;
}

uint64_t wal_settle(struct wal *w, uint64_t seq, uint64_t delivered, const struct wal_reason *dropped, size_t n_dropped)
{
    if (wal_state_is_settled(&w->state, seq))
        return 0;
    wal_state_settle(&w->state, seq, seq);
    return book_items(w, delivered, dropped, n_dropped);
}

static bool all_is_in(const struct wal_piece *piece, uint64_t items)
{
    return piece->first == 0 && piece->last + 1 >= items;
}

uint64_t wal_settle_part(struct wal *w, const struct wal_part *part, uint64_t delivered,
                         const struct wal_reason *dropped, size_t n_dropped)
{
    struct wal_piece piece = { part->seq, part->first, part->first + part->n - 1 };
    size_t n;

    assert(part->n > 0 && piece.last < part->items);
    if (wal_state_is_settled(&w->state, part->seq))
        return 0;
    if (!all_is_in(&piece, part->items)) {
        wal_state_settle_piece(&w->state, &piece);
        piece = *wal_state_pieces(&w->state, part->seq, &n);
    }
    if (all_is_in(&piece, part->items))
        wal_state_settle(&w->state, part->seq, part->seq);
    return book_items(w, delivered, dropped, n_dropped);
}

const struct wal_piece *wal_pieces(const struct wal *w, uint64_t seq, size_t *n)
{
    return wal_state_pieces(&w->state, seq, n);
}
