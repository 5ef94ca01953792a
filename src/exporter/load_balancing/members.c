/* SPDX-License-Identifier: Apache-2.0 */
/* Who is on the ring. The resolver gives the whole list; those that are new are started, the ring is made anew, and
 * those that are not named any more leave, in this order, so that what they have finds who takes it. A ring that stays
 * the same is not touched.
 *
 * With the first list the queues on disk are looked through, for those of members that went while nobody was there.
 * A member that leaves stays until its queue is empty; there is a limit to the number of those, past which a
 * warning is given and further queues on disk wait for the next start. */
#include "exporter/load_balancing/load_balancing.h"

#include <stdlib.h>
#include <string.h>

size_t members_count(const struct balancer *b, enum member_state state)
{
    size_t n = 0;

    list_each (struct member, m, &b->members, link)
        n += m->state == state;
    return n;
}

static struct member *find_member(const struct balancer *b, const char *name)
{
    list_each (struct member, m, &b->members, link)
        if (m->state < MEMBER_STOPPING && strcmp(m->name, name) == 0)
            return m;
    return NULL;
}

/* True when the ring is another with it. */
static bool want_member(struct balancer *b, const char *endpoint)
{
    char *name = member_file_name(endpoint);
    struct member *m = find_member(b, name);
    bool there = m != NULL && m->state != MEMBER_LEAVING;

    if (m == NULL) {
        m = member_new(b, endpoint, name);
        member_start(m);
    } else if (!there) {
        member_return(m);
    }
    m->wanted = true;
    free(name);
    return !there;
}

/* ---- the ring ---- */

static bool is_on_ring(const struct member *m)
{
    return m->state == MEMBER_HERE || m->state == MEMBER_FAILED;
}

static void make_ring(struct balancer *b)
{
    VEC(const char *) endpoints = { 0 };

    b->on_ring.n = 0;
    list_each (struct member, m, &b->members, link) {
        if (!is_on_ring(m) || !m->wanted)
            continue;
        m->at = (uint16_t)b->on_ring.n;
        *vec_push(&b->on_ring) = m;
        *vec_push(&endpoints) = m->endpoint;
    }
    ring_make(&b->ring, endpoints.v, endpoints.n);
    vec_free(&endpoints);
}

static bool let_unwanted_go(struct balancer *b, bool go)
{
    bool any = false;

    list_each (struct member, m, &b->members, link)
        if (is_on_ring(m) && !m->wanted) {
            any = true;
            if (go)
                member_leave(m);
        }
    return any;
}

static void log_change(struct balancer *b)
{
    log_info(&b->node.log, "The members are others now", F_UINT("members", b->on_ring.n),
             F_UINT("leaving", b->n_leaving));
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In order, each once, and not too many: whoever resolves the same list has the same members. */
static void order_list(struct balancer *b, endpoint_list *l)
{
    size_t n = 0;

    if (l->n > 1)
        qsort(l->v, l->n, sizeof(*l->v), compare_texts);
    for (size_t i = 0; i < l->n; i++)
        if (n > 0 && strcmp(l->v[n - 1], l->v[i]) == 0)
            free(l->v[i]);
        else
            l->v[n++] = l->v[i];
    l->n = n;
    if (n > MEMBERS_MOST && complaint_due(&b->crowded, &b->node.host->loop->clock))
        log_warn(&b->node.log, "There are more members than are served: the rest are left out", F_UINT("members", n),
                 F_UINT("served", MEMBERS_MOST));
    while (l->n > MEMBERS_MOST)
        free(l->v[--l->n]);
}

static void on_found(struct node *node, endpoint_list *l)
{
    struct balancer *b = container_of(node, struct balancer, node);
    bool changed = !b->resolved;

    metric_add(b->m.resolutions[0], 1);
    if (complaint_over(&b->unresolved))
        log_info(&node->log, "Members are resolved again");
    order_list(b, l);
    list_each (struct member, m, &b->members, link)
        m->wanted = false;
    for (size_t i = 0; i < l->n; i++)
        changed |= want_member(b, l->v[i]);
    endpoint_list_free(l);
    changed |= let_unwanted_go(b, false);
    if (!changed)
        return;
    make_ring(b);
    (void)let_unwanted_go(b, true);
    if (!b->resolved)
        member_files_adopt(b);
    b->resolved = true;
    metric_add(b->m.updates, 1);
    log_change(b);
}

static void on_failed(struct node *node, const char *why)
{
    struct balancer *b = container_of(node, struct balancer, node);

    metric_add(b->m.resolutions[1], 1);
    if (complaint_due_to(&b->unresolved, &node->host->loop->clock, why))
        log_warn(&node->log, "failed to resolve", F_STR("error", why), F_UINT("members", b->on_ring.n),
                 F_UINT("repeated", complaint_taken(&b->unresolved)));
}

void members_listen(struct balancer *b)
{
    b->source->node = &b->node;
    b->source->found = on_found;
    b->source->failed = on_failed;
    b->source->ops->start(b->source);
}

/* ---- now and then, and at the end ---- */

static void look_after(struct member *m)
{
    if (m->state == MEMBER_FAILED)
        member_start(m);
    else if (m->state == MEMBER_LEAVING && sender_is_empty(m->exporter.sender)) {
        m->remove_files = sender_keeps(m->exporter.sender);
        member_stop(m, clock_mono(&m->balancer->node.host->loop->clock) + NS_PER_S);
    }
}

void members_tick(struct balancer *b)
{
    list_each (struct member, m, &b->members, link)
        look_after(m);
}

void members_stop(struct balancer *b, bool all, uint64_t deadline)
{
    list_each (struct member, m, &b->members, link)
        if (m->state < MEMBER_STOPPING && (all || m->state == MEMBER_LEAVING))
            member_stop(m, deadline);
}

void members_hurry(struct balancer *b)
{
    list_each (struct member, m, &b->members, link)
        if (m->state == MEMBER_STOPPING)
            otlp_exporter_hurry(&m->exporter.node);
}

/* At the end it stays until the balancer goes: what its queue held may be on its way to the next exporter. */
void members_gone(struct balancer *b, struct member *m)
{
    if (m->remove_files && find_member(b, m->name) == NULL) /* one that has come back may have it open */
        member_files_remove(m);
    if (b->phase == BALANCER_RUNNING) {
        log_info(&b->node.log, "A member has gone", F_STR("endpoint", m->endpoint));
        member_free(m);
    }
    balancer_member_gone(b);
}
