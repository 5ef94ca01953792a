/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that change labels, as Prometheus' relabel_configs and metric_relabel_configs have them. */
#ifndef PROM_RELABEL_H
#define PROM_RELABEL_H

#include "base/error.h"
#include "config/option.h"
#include "prom/relabel/label_set.h"

enum relabel_action {
    RELABEL_REPLACE,
    RELABEL_KEEP,
    RELABEL_DROP,
    RELABEL_KEEPEQUAL,
    RELABEL_DROPEQUAL,
    RELABEL_HASHMOD,
    RELABEL_LABELMAP,
    RELABEL_LABELDROP,
    RELABEL_LABELKEEP,
    RELABEL_LOWERCASE,
    RELABEL_UPPERCASE,
};

struct relabel_config {
    struct strings source_labels;
    const char *separator, *regex, *target_label, *replacement;
    uint64_t modulus;
    int action; /* enum relabel_action */
};

extern const struct option relabel_options[];

/* For a component's check(): what is wrong with the list of rules at `path` is reported there. `utf8`: label names may
 * be any text; else Prometheus' old grammar holds. */
void relabel_check(const struct option_list *rules, bool utf8, const char *path, struct check *ck);

/* Does a rule write a label of that name? */
bool relabel_writes(const struct option_list *rules, const char *label);

struct relabel;

/* NULL without rules: relabel_run() takes that. The configuration outlives it, and has passed relabel_check(). */
struct relabel *relabel_new(const struct option_list *rules, bool utf8);
void relabel_free(struct relabel *r);

/* Apply the rules in order. False: a rule has dropped it, or relabel_is_over(), and what is in the set is nothing. What
 * rules make is copied into the set's memory. Subjects are valid UTF-8. */
bool relabel_run(struct relabel *r, struct label_set *labels);

/* The labels are so long that the patterns had no steps left for them in the last run (codec/regex_steps.h): nobody
 * knows whether they are to stay. */
bool relabel_is_over(const struct relabel *r); /* NULL is not */

#endif
