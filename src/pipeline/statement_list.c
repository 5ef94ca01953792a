/* SPDX-License-Identifier: Apache-2.0 */
/* A text is parsed twice: when the configuration is checked, for its faults, and when the node is made, for its
 * program. On an item each is run in turn. One that fails is counted, and logged when its complaint is due, with the
 * beginning of the item that it failed on; then the next is run, or the batch is given up, as its error mode says. */
#include "pipeline/statement_list.h"

#include <assert.h>
#include <string.h>

#define SAMPLE 256u /* bytes of an item in the log */
#define LABEL 200u  /* of a statement in a metric */

const char *const error_mode_names[] = { "ignore", "silent", "propagate", NULL };

const struct metric_row statement_fault_row = METRIC_ROW("otelcd_statement_faults", METRIC_COUNTER, "{faults}",
                                                         "Times that a statement or condition of OTTL could not be run "
                                                         "on an item, by component and statement.");

bool error_mode_find(const char *name, int *mode)
{
    for (int i = 0; error_mode_names[i] != NULL; i++)
        if (strcmp(name, error_mode_names[i]) == 0) {
            *mode = i;
            return true;
        }
    return false;
}

static struct ottl_program *parse_text(const struct statement_text *t, struct ottl_fault *fault)
{
    return t->condition ? ottl_parse_condition(t->text, t->how, fault) : ottl_parse_statement(t->text, t->how, fault);
}

bool statement_check(const struct statement_text *t, struct check *ck)
{
    struct ottl_fault fault;
    struct ottl_program *p = parse_text(t, &fault);
    bool good = p != NULL;

    if (!good)
        check_fail_in(ck, t->path, fault.at, "%s", fault.text);
    ottl_program_free(p);
    return good;
}

struct statement *statement_list_add(struct statement_list *l, struct node *node, const struct statement_text *t)
{
    struct ottl_fault fault;
    struct statement *s = vec_push(&l->v);

    l->node = node;
    *s = (struct statement){ .program = parse_text(t, &fault), .errors = t->errors };
    assert(s->program != NULL); /* statement_check() has tried it */
    return s;
}

void statement_list_free(struct statement_list *l)
{
    for (size_t i = 0; i < l->v.n; i++)
        ottl_program_free(l->v.v[i].program);
    vec_free(&l->v);
}

int64_t statement_now(const struct node *node)
{
    return (int64_t)clock_wall(&node->host->loop->clock);
}

static struct bytes sample_of(const struct ottl_item *item)
{
    const struct bytes *parts[] = { &item->below, &item->item, &item->metric, &item->scope, &item->resource };
    unsigned i = 0;

    while (i < 4 && parts[i]->len == 0)
        i++;
    return bytes_of(parts[i]->data, parts[i]->len < SAMPLE ? parts[i]->len : SAMPLE);
}

static void count_fault(struct statement_list *l, struct statement *s)
{
    char text[LABEL + 1];
    const struct metric_label labels[] = { { "component", l->node->id }, { "statement", text } };

    if (s->faults == NULL) {
        snprintf(text, sizeof(text), "%s", ottl_program_text(s->program));
        s->faults = metrics_get(l->node->host->metrics, &statement_fault_row, labels, ARRAY_LEN(labels));
    }
    metric_add(s->faults, 1);
}

/* True: the batch goes on. */
static bool take_fault(struct statement_list *l, struct statement *s, struct ottl_evaluation *e, struct error *err)
{
    count_fault(l, s);
    if (s->errors == ERRORS_PROPAGATE) {
        error_wrap(err, "%s", ottl_program_text(s->program));
        return false;
    }
    if (s->errors == ERRORS_IGNORE && complaint_due(&s->complaint, &l->node->host->loop->clock))
        log_warn(&l->node->log, "a statement could not be run and is passed over",
                 F_STR("statement", ottl_program_text(s->program)),
                 F_STR("context", ottl_context_names[ottl_program_context(s->program)]), F_STR("reason", err->text),
                 F_BYTES("sample", sample_of(ottl_item_now(e))), F_UINT("repeated", complaint_taken(&s->complaint)));
    return true;
}

struct statement *statement_list_test(struct statement_list *l, struct ottl_evaluation *e, bool *failed,
                                      struct error *err)
{
    for (size_t i = 0; i < l->v.n; i++) {
        struct statement *s = &l->v.v[i];
        bool result;

        if (ottl_test(e, s->program, &result, err)) {
            if (result)
                return s;
        } else if (!take_fault(l, s, e, err)) {
            *failed = true;
            return NULL;
        }
    }
    return NULL;
}

bool statement_list_run(struct statement_list *l, struct ottl_evaluation *e, struct error *err)
{
    for (size_t i = 0; i < l->v.n; i++) {
        bool ran;

        if (!ottl_run(e, l->v.v[i].program, &ran, err) && !take_fault(l, &l->v.v[i], e, err))
            return false;
    }
    return true;
}

bool statement_list_run_one(struct statement_list *l, struct ottl_evaluation *e, bool *ran, struct error *err)
{
    if (ottl_run(e, l->v.v[0].program, ran, err))
        return true;
    *ran = false;
    return take_fault(l, &l->v.v[0], e, err);
}
