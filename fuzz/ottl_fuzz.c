/* SPDX-License-Identifier: Apache-2.0 */
/* Statements and conditions of configurations over requests of strangers: "text NUL request". Reading a text ends with
 * a program or with a fault that lies in it; a program runs over every message that it can be about, as the transform
 * processor runs it, and what it makes of a valid request is valid and has as many items as are counted. It is as long
 * whether or not it is known that fields are in order. */
#include "base/loop/turn.h"
#include "otlp/validate.h"
#include "processor/transform/walk.h"

#include <stdlib.h>

static bool run_one(void *arg, struct ottl_evaluation *e, struct error *err)
{
    bool ran;

    if (!ottl_run(e, arg, &ran, err) && err->text[0] == '\0')
        abort();
    return true;
}

static void check(const struct batch *made)
{
    for (uint32_t i = 0; i < made->n_segments; i++) {
        struct validation v;

        if (!otlp_validate(made->signal, bytes_of(made->segments[i].data, made->segments[i].len), &v) ||
            (made->ordered && !v.ordered))
            abort();
    }
}

static uint64_t count(const struct batch *b)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < b->n_segments; i++)
        n += path_count(bytes_of(b->segments[i].data, b->segments[i].len), LEVEL_REQUEST, b->signal);
    return n;
}

/* The length of what is made of it. */
static uint64_t run_batch(struct transform_walk *w, enum signal signal, struct bytes request, uint64_t items,
                          bool ordered)
{
    uint64_t len;

    struct block *block;
    struct budget budget;
    struct turn turn;
    struct batch *b;

    turn_init(&turn);
    budget_init(&budget, UINT64_MAX, &turn);
    block = block_force(&budget, request.len);
    if (request.len > 0)
        memcpy(block->data, request.data, request.len);
    transform_walk_begin(w, items);
    b = batch_new(signal, block, bytes_of(block->data, request.len), items, 1);
    b->ordered = ordered;
    b = transform_walk_run(w, b, &budget);
    check(b);
    if (b->items != items + w->made - w->merged || count(b) != b->items)
        abort();
    len = b->bytes;
    batch_unref(b);
    if (budget.used != 0)
        abort();
    return len;
}

static void run_program(struct ottl_program *p, enum ottl_context context, struct bytes request)
{
    static const unsigned signals[] = {
        [SIGNAL_TRACES] = OTTL_IN(OTTL_RESOURCE) | OTTL_IN(OTTL_SCOPE) | OTTL_IN(OTTL_SPAN) | OTTL_IN(OTTL_SPANEVENT),
        [SIGNAL_METRICS] = OTTL_IN(OTTL_METRIC) | OTTL_IN(OTTL_DATAPOINT) | OTTL_IN(OTTL_EXEMPLAR),
        [SIGNAL_LOGS] = OTTL_IN(OTTL_LOG),
        [SIGNAL_PROFILES] = OTTL_IN(OTTL_PROFILE),
    };
    struct transform_walk w = { .evaluation = ottl_evaluation_new(), .context = context, .run = run_one, .arg = p };

    w.writes = ottl_program_writes(p);
    w.now = 1700000000000000000;
    for (unsigned s = SIGNAL_TRACES; s <= SIGNAL_PROFILES; s++) {
        struct validation v;
        uint64_t len;

        if ((signals[s] >> context & 1) == 0 || !otlp_validate((enum signal)s, request, &v))
            continue;
        len = run_batch(&w, (enum signal)s, request, v.items, false);
        if (v.ordered && run_batch(&w, (enum signal)s, request, v.items, true) != len)
            abort();
    }
    ottl_evaluation_free(w.evaluation);
    transform_walk_free(&w);
}

static void read_text(const char *text, struct bytes request)
{
    for (unsigned c = 0; c < 2 * OTTL_CONTEXTS; c++) {
        struct ottl_reading how = { (enum ottl_context)(c / 2), true };
        struct ottl_fault fault = { 0 };
        struct ottl_program *p =
            c % 2 == 0 ? ottl_parse_statement(text, how, &fault) : ottl_parse_condition(text, how, &fault);

        if (p == NULL && (fault.text[0] == '\0' || fault.at > strlen(text)))
            abort();
        if (p != NULL)
            run_program(p, how.context, request);
        ottl_program_free(p);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size > 0 ? memchr(data, 0, size) : NULL;

    if (nul != NULL)
        read_text((const char *)data, bytes_of(nul + 1, size - (size_t)(nul - data) - 1));
    return 0;
}
