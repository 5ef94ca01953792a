/* SPDX-License-Identifier: Apache-2.0 */
/* A test has a graph of its own (service/trial.h), with its own time. Its steps are taken in order until one fails;
 * what is told of a failure is the step's location, what was wanted and came, the ledgers, and what the components
 * logged.
 *
 * `expect` looks at what has come out since it last looked at the same exporter and signal, which is then gone. */
#include "command/test/test_run.h"

#include "base/log_recent.h"
#include "ottl/condition_walk.h"
#include "otlp/text/item_text.h"
#include "otlp/metadata.h"
#include "service/trial.h"

#include <fcntl.h>
#include <string.h>

#define MOST_SHOWN 10u

struct run {
    const struct test_file *file;
    struct trial *trial;
    const struct step *step;
    struct buf *told;
    VEC(struct batch *) came; /* for the step */
};

static void tell_location(struct run *r)
{
    buf_printf(r->told, "%s:%d: ", r->file->path, r->step->location->line);
}

/* Lines, each indented. */
static void tell_text(struct run *r, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        buf_printf(r->told, "    %.*s\n", (int)len, text);
        text += len + (text[len] == '\n');
    }
}

/* ---- send ---- */

static bool is_answer(enum trial_answer got, enum answer_wanted wanted)
{
    switch (wanted) {
    case WANTED_GOOD:
        return got == TRIAL_ACCEPTED || got == TRIAL_WAITING;
    case WANTED_ACCEPTED:
        return got == TRIAL_ACCEPTED;
    case WANTED_WAITING:
        return got == TRIAL_WAITING;
    case WANTED_REJECTED:
        return got == TRIAL_REJECTED;
    default:
        return got == TRIAL_RETRY;
    }
}

static struct batch *add_metadata(struct batch *b, const struct string_map *map)
{
    VEC(struct metadata_entry) entries = { 0 };
    struct metadata *m;

    for (size_t i = 0; i < map->n; i++)
        *vec_push(&entries) = (struct metadata_entry){ bytes_str(map->v[i].key), bytes_str(map->v[i].value) };
    m = metadata_new(entries.v, (uint32_t)entries.n);
    b = batch_with_metadata(b, m);
    metadata_unref(m);
    vec_free(&entries);
    return b;
}

static bool take_send(struct run *r)
{
    static const char *const wanted[] = { "accepted or waiting", "accepted", "waiting", "rejected", "retry" };
    static const char *const got[] = { "waiting", "accepted", "rejected", "retry" };
    const struct step *s = r->step;
    const struct trial_verdict *v = NULL;
    struct batch *batch;
    struct error err = { 0 };

    if (!trial_batch(r->trial, s->signal, buf_bytes(&s->request), &batch, &err)) {
        tell_location(r);
        buf_printf(r->told, "send: %s\n", err.text);
        return false;
    }
    if (!trial_send(r->trial, s->component, add_metadata(batch, &s->metadata), &v)) {
        tell_location(r);
        buf_puts(r->told, "send: nothing can be sent after stop\n");
        return false;
    }
    if (is_answer(v->answer, s->answer))
        return true;
    tell_location(r);
    buf_printf(r->told, "send to %s (%s): the answer is %s, not %s%s%s\n", s->component, signal_table[s->signal].name,
               got[v->answer], wanted[s->answer], v->why[0] != '\0' ? ": " : "", v->why);
    return false;
}

/* ---- expect: what came out ---- */

static void tell_expect(struct run *r)
{
    tell_location(r);
    buf_printf(r->told, "expect from %s (%s): ", r->step->component, signal_table[r->step->signal].name);
}

static bool tell_unreadable(struct run *r, const struct error *err)
{
    tell_expect(r);
    buf_printf(r->told, "%s\n", err->text);
    return false;
}

static bool read_came(struct run *r, struct item_texts *texts, struct error *err)
{
    for (size_t i = 0; i < r->came.n; i++)
        if (!item_texts_add(texts, r->came.v[i], trial_budget(r->trial), err))
            return false;
    return true;
}

static uint64_t count_came(const struct run *r)
{
    uint64_t n = 0;

    for (size_t i = 0; i < r->came.n; i++)
        n += r->came.v[i]->items;
    return n;
}

static void show_items(struct run *r, const struct item_texts *t, const char *title)
{
    if (t->v.n > 0)
        buf_printf(r->told, "    %s:\n", title);
    for (size_t i = 0; i < t->v.n && i < MOST_SHOWN; i++) {
        if (i > 0)
            buf_putc(r->told, '\n');
        item_text_print(t->v.v[i], "    ", r->told);
    }
    if (t->v.n > MOST_SHOWN)
        buf_printf(r->told, "    ... and %zu more\n", t->v.n - MOST_SHOWN);
}

static bool check_items(struct run *r)
{
    struct item_texts came = { 0 };
    struct error err = { 0 };
    uint64_t n = count_came(r);

    if (r->step->items < 0 || (uint64_t)r->step->items == n)
        return true;
    tell_expect(r);
    buf_printf(r->told, "%llu item%s came out, not %lld\n", (unsigned long long)n, n == 1 ? "" : "s",
               (long long)r->step->items);
    if (read_came(r, &came, &err))
        show_items(r, &came, "these");
    item_texts_free(&came);
    return false;
}

static bool check_request(struct run *r)
{
    struct item_texts wanted = { 0 }, came = { 0 };
    struct error err = { 0 };
    struct batch *batch = NULL;
    struct buf diff = { 0 };
    bool ok = trial_batch(r->trial, r->step->signal, buf_bytes(&r->step->request), &batch, &err) &&
              item_texts_add(&wanted, batch, trial_budget(r->trial), &err) && read_came(r, &came, &err);
    size_t n = ok ? item_texts_diff(&wanted, &came, MOST_SHOWN, &diff) : 0;

    if (!ok)
        tell_unreadable(r, &err);
    if (n > 0) {
        tell_expect(r);
        buf_printf(r->told, "%zu of %zu items differ (- wanted, + came out)\n", n,
                   wanted.v.n > came.v.n ? wanted.v.n : came.v.n);
        tell_text(r, buf_cstr(&diff));
    }
    if (batch != NULL)
        batch_unref(batch);
    item_texts_free(&wanted);
    item_texts_free(&came);
    buf_free(&diff);
    return ok && n == 0;
}

static bool ask_condition(struct run *r, const struct step_condition *c, struct condition_count *count,
                          struct item_texts *others)
{
    struct error err = { 0 };
    bool ok = true;

    for (size_t i = 0; i < r->came.n; i++) {
        struct condition_question q = { c->program, c->items >= 0, (int64_t)trial_wall(r->trial),
                                        trial_budget(r->trial) };
        struct batch *part = condition_walk(&q, r->came.v[i], count);

        if (part != NULL) {
            ok = ok && item_texts_add(others, part, trial_budget(r->trial), &err);
            batch_unref(part);
        }
    }
    return ok || tell_unreadable(r, &err);
}

static bool check_condition(struct run *r, const struct step_condition *c)
{
    struct condition_count count = { 0 };
    struct item_texts shown = { 0 };
    bool told = !ask_condition(r, c, &count, &shown);
    uint64_t wanted = c->items >= 0 ? (uint64_t)c->items : count.asked;
    bool ok = !told && count.held == wanted && (c->items >= 0 || count.asked > 0);

    if (!ok && !told) {
        tell_expect(r);
        if (count.asked == 0)
            buf_puts(r->told, "nothing came out that the condition could be asked of\n");
        else
            buf_printf(r->told, "the condition is true of %llu of %llu, not of %llu\n", (unsigned long long)count.held,
                       (unsigned long long)count.asked, (unsigned long long)wanted);
        tell_text(r, ottl_program_text(c->program));
        if (count.failed > 0)
            buf_printf(r->told, "    it fails on %llu: %s\n", (unsigned long long)count.failed, count.why.text);
        show_items(r, &shown, c->items >= 0 ? "true of" : "not true of");
    }
    item_texts_free(&shown);
    return ok;
}

static bool check_output(struct run *r)
{
    const struct step *s = r->step;
    struct batch *b;
    bool ok;

    while ((b = trial_take(r->trial, s->component, s->signal)) != NULL)
        *vec_push(&r->came) = b;
    ok = check_items(r) && (!s->has_request || check_request(r));
    for (size_t i = 0; ok && i < s->conditions.n; i++)
        ok = check_condition(r, &s->conditions.v[i]);
    for (size_t i = 0; i < r->came.n; i++)
        batch_unref(r->came.v[i]);
    r->came.n = 0;
    return ok;
}

/* ---- expect: ledgers ---- */

static void put_reasons(struct buf *out, const struct ledger_reasons *reasons)
{
    const char *between = "{";

    for (size_t i = 0; i < reasons->n; i++) {
        if (reasons->v[i].items == 0)
            continue;
        buf_printf(out, "%s%s: %llu", between, reasons->v[i].reason, (unsigned long long)reasons->v[i].items);
        between = ", ";
    }
    buf_puts(out, *between == '{' ? "{}" : "}");
}

static uint64_t reason_items(const struct ledger_reasons *reasons, const char *reason)
{
    for (size_t i = 0; i < reasons->n; i++)
        if (strcmp(reasons->v[i].reason, reason) == 0)
            return reasons->v[i].items;
    return 0;
}

/* Exactly these. */
static bool are_reasons(const struct ledger_reasons *got, const struct step_count *wanted, size_t n)
{
    uint64_t sum = 0, total = 0;

    for (size_t i = 0; i < n; i++) {
        if (reason_items(got, wanted[i].reason) != wanted[i].items)
            return false;
        sum += wanted[i].items;
    }
    for (size_t i = 0; i < got->n; i++)
        total += got->v[i].items;
    return sum == total;
}

static void tell_ledger(struct run *r, const char *what)
{
    tell_location(r);
    buf_printf(r->told, "expect of %s %s: %s", r->step->ledger.pipeline != NULL ? "pipeline" : "exporter",
               r->step->ledger.pipeline != NULL ? r->step->ledger.pipeline : r->step->ledger.exporter, what);
}

static bool check_reasons(struct run *r, const char *what, const struct ledger_reasons *got,
                          const struct step_count *wanted, size_t n)
{
    if (are_reasons(got, wanted, n))
        return true;
    tell_ledger(r, what);
    buf_putc(r->told, ' ');
    put_reasons(r->told, got);
    buf_puts(r->told, ", not {");
    for (size_t i = 0; i < n; i++)
        buf_printf(r->told, "%s%s: %llu", i > 0 ? ", " : "", wanted[i].reason, (unsigned long long)wanted[i].items);
    buf_puts(r->told, "}\n");
    return false;
}

static bool check_number(struct run *r, const char *what, uint64_t got, int64_t wanted)
{
    if (wanted < 0 || got == (uint64_t)wanted)
        return true;
    tell_ledger(r, what);
    buf_printf(r->told, " %llu, not %lld\n", (unsigned long long)got, (long long)wanted);
    return false;
}

static bool check_ledger(struct run *r)
{
    const struct step_ledger *l = &r->step->ledger;
    const struct ledger *ledger = l->pipeline != NULL ? trial_ledger(r->trial, l->pipeline)
                                                      : trial_exporter_ledger(r->trial, l->exporter, l->signal);
    uint64_t attempts = l->exporter != NULL ? trial_attempts(r->trial, l->exporter, l->signal) : 0;

    return (!l->has_dropped || check_reasons(r, "dropped", &ledger->dropped, l->dropped.v, l->dropped.n)) &&
           (!l->has_refused || check_reasons(r, "refused", &ledger->refused, l->refused.v, l->refused.n)) &&
           check_number(r, "held", ledger->held, l->held) &&
           check_number(r, "delivered", ledger->delivered, l->delivered) &&
           check_number(r, "attempts", attempts, l->attempts);
}

/* ---- a test ---- */

static bool take_step(struct run *r)
{
    switch (r->step->kind) {
    case STEP_SEND:
        return take_send(r);
    case STEP_ADVANCE:
        trial_advance(r->trial, r->step->ns);
        return true;
    case STEP_BACKEND:
        trial_set_peer(r->trial, r->step->component, r->step->peer, r->step->takes, r->step->ns);
        return true;
    case STEP_STOP:
        trial_stop(r->trial);
        return true;
    default:
        return (r->step->component == NULL || check_output(r)) && (!r->step->ledger.on || check_ledger(r));
    }
}

static void tell_sum(struct run *r, const struct ledger *l)
{
    if (l == NULL || l->received == 0)
        return;
    buf_printf(r->told, "    %s %s: received %llu = delivered %llu + held %llu + refused ", l->kind, l->id,
               (unsigned long long)l->received, (unsigned long long)l->delivered, (unsigned long long)l->held);
    put_reasons(r->told, &l->refused);
    buf_puts(r->told, " + dropped ");
    put_reasons(r->told, &l->dropped);
    buf_puts(r->told, l->held > 0 ? "; what is held waits for time to pass (advance:) or for stop: true\n" : "\n");
}

/* Where the items are, and what the components had to say. Exporters are told of where they may hold some. */
static void tell_state(struct run *r, const struct config *config, const struct test_case *c,
                       const struct log_recent *recent)
{
    for (size_t i = 0; i < config->n_pipelines; i++) {
        const struct config_pipeline *p = &config->pipelines[i];

        tell_sum(r, trial_ledger(r->trial, p->id));
        for (size_t k = 0; c->queues && k < p->n_exporters; k++)
            tell_sum(r, trial_exporter_ledger(r->trial, p->exporters[k]->id, (enum signal)p->signal));
    }
    for (size_t i = 0; i < LOG_RECENT_MAX; i++) {
        const struct log_recent_line *line = log_recent_line(recent, i);

        if (line != NULL)
            buf_printf(r->told, "    logged: %.*s\n", (int)line->len, (const char *)line->text);
    }
}

static bool run_steps(struct run *r, const struct test_case *c)
{
    for (size_t i = 0; i < c->steps.n; i++) {
        r->step = &c->steps.v[i];
        if (!take_step(r))
            return false;
    }
    return true;
}

static void open_log(struct log_sink *log)
{
    log_sink_init(log);
    log->level = LOG_WARN;
    log_sink_to(log, open("/dev/null", O_WRONLY | O_CLOEXEC));
    log_keep_recent(log);
}

bool test_run(const struct test_file *f, const struct test_case *c, const struct component *const *registry,
              struct buf *told)
{
    struct config *config = test_file_config(f, registry);
    struct run r = { .file = f, .told = told };
    struct log_sink log;
    struct error err = { 0 };
    bool ok = false;

    open_log(&log);
    r.trial = trial_new(config, c->queues, &log, &err);
    if (r.trial == NULL) {
        buf_printf(told, "%s:%d: it does not start: %s\n", f->path, c->location->line, err.text);
    } else {
        ok = run_steps(&r, c);
        if (!ok)
            tell_state(&r, config, c, log.recent);
        trial_free(r.trial);
    }
    vec_free(&r.came);
    log_sink_close(&log);
    config_free(config);
    return ok;
}
