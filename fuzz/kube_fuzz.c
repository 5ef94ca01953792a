/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary bytes as what an API server of Kubernetes answers: pages and lines of a watch, then the targets of what is
 * there, by each role. What is refused leaves nothing that is charged; targets have addresses and sorted labels. The
 * bytes are lines: the first letter of each says into which store it goes, a capital that it is an event. */
#include "kube/kube_answer.h"
#include "receiver/prometheus/kubernetes_targets.h"
#include "support/targets_check.h"

#include <ctype.h>
#include <stdlib.h>

#define STORES (KUBERNETES_ROLES + 3)

static void make_targets(const struct kube_store *stores, enum kubernetes_role role)
{
    struct kubernetes_view v = { .role = role, .job = true, .cronjob = true };
    struct target_list found = { 0 };
    struct target_group g = { .out = &found };

    for (size_t i = 0; i < KUBERNETES_ROLES; i++)
        v.of_role[i] = &stores[i];
    v.namespaces = &stores[KUBERNETES_ROLES];
    v.replicasets = &stores[KUBERNETES_ROLES + 1];
    v.jobs = &stores[KUBERNETES_ROLES + 2];
    list_each (struct kube_object, o, &stores[role].objects, link)
        kubernetes_targets_add(&v, o->root, &g);
    targets_check(&found);
    target_group_free(&g);
    target_list_free(&found);
}

static bool take_page(struct kube_store *s, struct bytes text, const struct json_tree_rules *rules, struct error *err)
{
    struct kube_page page = { 0 };
    bool good = kube_page_read(text, rules, &page, err);
    struct error refused;

    while (kube_page_take(&page, s, &refused))
        ;
    if (page.taken == page.items.n && page.size != 0)
        abort();
    if (refused.code != 0)
        *err = refused;
    kube_page_free(&page);
    return good && refused.code == 0;
}

static bool take_event(struct kube_store *s, struct bytes text, const struct json_tree_rules *rules, struct error *err)
{
    struct kube_event e;

    if (!kube_event_read(text, rules, &e, err))
        return false;
    return kube_event_take(&e, s, err);
}

static void take_line(struct kube_store *stores, struct bytes line)
{
    static const struct json_tree_rules rules = { .max_nodes = 10000,
                                                  .max_depth = 16,
                                                  .keep = kubernetes_field_is_known };
    struct kube_store *s = &stores[(unsigned)tolower(line.data[0]) % STORES];
    /* Exactly as many bytes as there are, so that a reader who goes on is seen. */
    uint8_t *copy = mem_alloc(line.len);
    struct bytes text = bytes_of(copy, line.len - 1);
    struct error err = { 0 };
    char why[40];

    memcpy(copy, line.data + 1, line.len - 1);
    if (!(isupper(line.data[0]) ? take_event(s, text, &rules, &err) : take_page(s, text, &rules, &err)) &&
        err.text[0] == '\0')
        abort();
    kube_status_read(text, why, sizeof(why));
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct kube_store stores[STORES];
    struct budget budget;
    struct turn turn;

    turn_init(&turn);
    budget_init(&budget, 4u << 20, &turn);
    for (size_t i = 0; i < STORES; i++)
        kube_store_init(&stores[i], &budget);
    while (len > 0) {
        const uint8_t *end = memchr(data, '\n', len);
        size_t n = end != NULL ? (size_t)(end - data) : len;

        if (n > 0)
            take_line(stores, bytes_of(data, n));
        data += n + (end != NULL);
        len -= n + (end != NULL);
    }
    for (int i = 0; i < KUBERNETES_ROLES; i++)
        make_targets(stores, (enum kubernetes_role)i);
    for (size_t i = 0; i < STORES; i++) {
        size_t gone = 0;

        kube_store_begin(&stores[i]);
        while (kube_store_sweep(&stores[i], &gone))
            ;
        kube_store_free(&stores[i]);
    }
    if (budget.used != 0)
        abort();
    return 0;
}
