/* SPDX-License-Identifier: Apache-2.0 */
/* The points of a take are put into assemblies, the next one when one is large enough; only when the take is over
 * batches are made of them, one when it is asked for. Nothing in a piece lies in the memory of the intake, so lines may
 * go before its batch is made. What stands above the points is in each piece once more: one piece is as long as it
 * takes to have as much of its own as it repeats, so that a long help is not in memory for every point. An exemplar or
 * the attributes of target_info may lie in another piece's. */
#include "base/mem.h"
#include "prom/intake/intake_inside.h"

#define PIECE_POINTS 6000u
#define PIECE_NEW_POINTS 1200u /* where most series are new: for who takes them they are so much more work */
#define PIECE_BYTES ((size_t)1 << 20)

struct intake_points {
    struct budget *budget;
    struct clock *clock;
    struct piece *first;
};

static void free_piece(struct budget *budget, struct piece *p)
{
    budget_give(budget, p->charged);
    assembly_free(&p->assembly);
    free(p);
}

static void drop_pieces(struct budget *budget, struct piece *p)
{
    while (p != NULL) {
        struct piece *next = p->next;

        free_piece(budget, p);
        p = next;
    }
}

void pieces_init(struct take *t)
{
    assembly_init(&t->assembly);
    t->last_piece = &t->pieces;
}

void pieces_clear(struct take *t)
{
    drop_pieces(t->in->store->budget, t->pieces);
    t->pieces = NULL;
    t->last_piece = &t->pieces;
    assembly_clear(&t->assembly);
    t->resources.n = 0;
    t->n_points = 0;
    t->repeated = 0;
    t->first_piece = ++t->piece;
}

/* What it takes by now. */
static void charge_piece(struct budget *budget, struct piece *p)
{
    size_t size = assembly_size(&p->assembly);

    budget_charge(budget, size - p->charged);
    p->charged = size;
}

static void push_piece(struct take *t)
{
    struct piece *p = mem_alloc(sizeof(*p));

    *p = (struct piece){ .assembly = t->assembly, .n_points = t->n_points };
    charge_piece(t->in->store->budget, p);
    *t->last_piece = p;
    t->last_piece = &p->next;
    assembly_init(&t->assembly);
    t->n_points = 0;
    t->repeated = 0;
    t->piece++;
}

void pieces_seal(struct take *t)
{
    uint64_t most = t->result->added > t->result->kept / 2 ? PIECE_NEW_POINTS : PIECE_POINTS;
    size_t size = t->assembly.arena.total;

    if (size / 2 < t->repeated)
        return;
    if (t->n_points >= most || (t->n_points > 0 && size >= PIECE_BYTES)) {
        point_close_open(t);
        t->room = t->room_end = NULL;
        push_piece(t);
    }
}

struct bytes pieces_copy(struct take *t, uint32_t before, struct bytes b)
{
    if (before - t->first_piece < t->piece - t->first_piece)
        t->repeated += b.len;
    return assembly_keep(&t->assembly, b);
}

struct assembly *pieces_last(struct take *t)
{
    if (t->n_points > 0 || t->pieces == NULL)
        return &t->assembly;
    return &container_of(t->last_piece, struct piece, next)->assembly;
}

struct intake_points *pieces_detach(struct take *t)
{
    struct intake_points *points;

    if (t->n_points > 0)
        push_piece(t);
    if (t->pieces == NULL)
        return NULL;
    charge_piece(t->in->store->budget, container_of(t->last_piece, struct piece, next));
    points = mem_alloc(sizeof(*points));
    *points = (struct intake_points){ t->in->store->budget, t->in->store->clock, t->pieces };
    t->pieces = NULL;
    t->last_piece = &t->pieces;
    return points;
}

struct batch *intake_points_next(struct intake_points **points)
{
    struct intake_points *p = *points;
    struct piece *first = p->first;
    struct batch *batch = assembly_batch(&first->assembly, SIGNAL_METRICS, p->budget, first->n_points,
                                         p->clock != NULL ? clock_mono(p->clock) : 0);

    p->first = first->next;
    free_piece(p->budget, first);
    if (p->first == NULL) {
        free(p);
        *points = NULL;
    }
    return batch;
}

void intake_points_free(struct intake_points *points)
{
    if (points == NULL)
        return;
    drop_pieces(points->budget, points->first);
    free(points);
}

uint64_t intake_points_count(const struct intake_points *points)
{
    uint64_t n = 0;

    for (const struct piece *p = points != NULL ? points->first : NULL; p != NULL; p = p->next)
        n += p->n_points;
    return n;
}
