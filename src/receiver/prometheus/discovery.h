/* SPDX-License-Identifier: Apache-2.0 */
/* Where targets come from. A source holds lists of what was found, each under a name of its own (a file, a URL), so
 * that one that cannot be read for a while keeps what it had. */
#ifndef RECEIVER_DISCOVERY_H
#define RECEIVER_DISCOVERY_H

#include "base/list.h"
#include "pipeline/component.h"
#include "prom/relabel/label_set.h"
#include "receiver/prometheus/scrape_config.h"

#define DISCOVERY_MAX_TARGETS 100000u /* of one list */
#define DISCOVERY_MAX_LABELS 1000u    /* of one group */
#define DISCOVERY_MAX_PAIRS 4000000u  /* labels of all targets of a list */
#define DISCOVERY_MAX_BYTES (16u << 20)

struct scrape_job;
struct discovery;

/* Targets that were found together: their labels, __address__ among them, in memory that they share. */
struct target_list {
    VEC(struct label_set) targets; /* to be read; none has memory of its own */
    size_t n_pairs;                /* labels of all of them */
    struct arena memory;
};

/* One more, with these labels, whose texts stay as long as the list. */
void target_list_add(struct target_list *l, const struct label_set *labels);
void target_list_free(struct target_list *l);
uint64_t target_list_size(const struct target_list *l); /* bytes */

/* Lists of {targets, labels}, as files and servers have them; `json`: by JSON's grammar. Each target gets `meta` =
 * `value` too. False and `err`: it is none, and the list is empty. */
bool target_list_read(struct bytes text, bool json, const char *meta, const char *value, struct target_list *out,
                      struct error *err);
/* The same of what stands in the configuration. */
void target_list_static(const struct option_list *groups, struct target_list *out);

struct discovery_list {
    char *name;
    struct target_list found;
    uint64_t charged; /* to the budget */
    bool seen;        /* the source's to use */
};

struct discovery_ops {
    void (*start)(struct discovery *d);
    void (*free)(struct discovery *d); /* with its own memory */
};

struct discovery {
    struct list link;
    const struct discovery_ops *ops;
    const struct node *node;
    VEC(struct discovery_list) lists;
    void (*changed)(void *owner); /* may come at once, from start() */
    void *owner;
    struct complaint complaint;
};

/* What was found under that name is this now; takes the list over. The owner is told. */
void discovery_set(struct discovery *d, const char *name, struct target_list *found);
struct discovery_list *discovery_find(struct discovery *d, const char *name); /* NULL: there is none */
void discovery_remove(struct discovery *d, size_t i);
/* It could not be asked: a line in the log, with back-off. */
void discovery_fail(struct discovery *d, const char *kind, const char *where, const char *why);
void discovery_close(struct discovery *d); /* for free(): what all have */

/* Not started. NULL and `err` when it cannot work. The configuration outlives it. */
struct discovery *static_discovery_new(const struct node *node, const struct option_list *groups);
extern const struct metric_row file_discovery_row;
struct discovery *file_discovery_new(const struct node *node, const struct file_sd_config *c);
struct discovery *http_discovery_new(const struct node *node, const struct http_sd_config *c, struct error *err);
struct discovery *dns_discovery_new(const struct node *node, const struct dns_sd_config *c);
struct discovery *docker_discovery_new(const struct node *node, const struct docker_sd_config *c, struct error *err);
struct discovery *consul_discovery_new(const struct node *node, const struct consul_sd_config *c, struct error *err);
struct discovery *kubernetes_discovery_new(const struct node *node, const struct kubernetes_sd_config *c,
                                           struct error *err);

#endif
