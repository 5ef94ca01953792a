/* SPDX-License-Identifier: Apache-2.0 */
/* A line each ledger: its columns, those that are lists of reasons as one sum and then reason by reason. */
#include "service/ledger_lines.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static void put_reasons(const struct ledger_reasons *reasons, const char *column, struct log_field *fields, size_t *n,
                        char **texts)
{
    for (size_t i = 0; i < reasons->n; i++) {
        texts[*n] = mem_printf("%s{%s}", column, reasons->v[i].reason);
        fields[*n] = F_UINT(texts[*n], reasons->v[i].items);
        ++*n;
    }
}

/* What was acknowledged and is lost by stopping is worth a warning. */
static enum log_level ledger_level(const struct ledger *l)
{
    for (size_t i = 0; i < l->dropped.n; i++)
        if (strcmp(l->dropped.v[i].reason, "shutdown") == 0 && l->dropped.v[i].items > 0)
            return LOG_WARN;
    return LOG_INFO;
}

static void log_ledger(const struct ledger *l, void *arg)
{
    const struct logger *log = arg;
    size_t most = 7 + l->refused.n + l->dropped.n, n = 0;
    struct log_field *fields = mem_zalloc(most * sizeof(*fields));
    char **texts = mem_zalloc(most * sizeof(*texts));

    fields[n++] = F_STR(l->kind, l->id);
    fields[n++] = F_STR("signal", signal_table[l->signal].name);
    fields[n++] = F_UINT("received", l->received);
    fields[n++] = F_UINT("delivered", l->delivered);
    fields[n++] = F_UINT("held", l->held);
    fields[n++] = F_UINT("refused", ledger_reasons_total(&l->refused));
    fields[n++] = F_UINT("dropped", ledger_reasons_total(&l->dropped));
    put_reasons(&l->refused, "refused", fields, &n, texts);
    put_reasons(&l->dropped, "dropped", fields, &n, texts);
    log_write(log, ledger_level(l), "Ledger", fields, n);
    if (!ledger_sums(l))
        log_write(log, LOG_ERROR, "The ledger does not sum: this is a defect of otelcd", fields, n);
    for (size_t i = 0; i < n; i++)
        free(texts[i]);
    free(texts);
    free(fields);
}

void ledger_lines_log(const struct graph *g,
                      void (*walk)(const struct graph *g, void (*visit)(const struct ledger *, void *arg), void *arg),
                      const struct logger *log)
{
    struct logger to = *log;
    bool sampling = to.sink->sampling;

    to.sink->sampling = false; /* each of these lines counts */
    walk(g, log_ledger, &to);
    to.sink->sampling = sampling;
}

struct summing {
    const struct ledger_book *book;
    struct logger log;
};

static void log_sum(const struct ledger *l, void *arg)
{
    struct summing *s = arg;
    struct ledger sum;

    ledger_book_sum(s->book, l, &sum);
    log_ledger(&sum, &s->log);
    ledger_free(&sum);
}

void ledger_lines_log_sums(const struct graph *g, const struct ledger_book *book, const struct logger *log)
{
    struct summing s = { book, *log };
    bool sampling = log->sink->sampling;

    log->sink->sampling = false;
    graph_ledgers(g, log_sum, &s);
    log->sink->sampling = sampling;
}
