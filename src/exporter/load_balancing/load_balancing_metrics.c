/* SPDX-License-Identifier: Apache-2.0 */
/* What the load_balancing exporter counts: the rows that the Go collector has too, by endpoint, and those of its own.
 * The gauges of its members' queues are summed up in those that every exporter has. Endpoints come and go: only so many
 * of them have metrics of their own, later ones share those of "_other". */
#include "exporter/load_balancing/load_balancing.h"

#include <stdlib.h>
#include <string.h>

static const double latency_bounds[] = { 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000 };

static const struct metric_row row_latency =
    METRIC_ROW("otelcol_loadbalancer_backend_latency", METRIC_HISTOGRAM, "ms", "Time that a member took for a request.",
               METRIC_BOUNDS(latency_bounds));
static const struct metric_row row_outcome =
    METRIC_ROW("otelcol_loadbalancer_backend_outcome", METRIC_COUNTER, "{outcomes}",
               "Requests to a member that have ended, by whether it took them.");
static const struct metric_row row_backends = METRIC_ROW("otelcol_loadbalancer_num_backends", METRIC_GAUGE,
                                                         "{backends}", "Members on the ring.", .sum = SHOW_MOST);
static const struct metric_row row_updates = METRIC_ROW("otelcol_loadbalancer_num_backend_updates", METRIC_COUNTER,
                                                        "{updates}", "How often the members were others.");
static const struct metric_row row_resolutions =
    METRIC_ROW("otelcol_loadbalancer_num_resolutions", METRIC_COUNTER, "{resolutions}",
               "How often it was asked who the members are, by whether that was answered.");
static const struct metric_row row_leaving = METRIC_ROW(
    "otelcd_loadbalancer_leaving_members", METRIC_GAUGE, "{members}",
    "Members that are not on the ring any more, and have something that is to be moved to others.", .sum = SHOW_MOST);
static const struct metric_row row_moved =
    METRIC_ROW("otelcd_loadbalancer_moved_items", METRIC_COUNTER, "{items}",
               "Items that were moved from the queues of members that have left to those of others.");
static const struct metric_row row_queue =
    METRIC_ROW("otelcd_loadbalancer_queue_size", METRIC_GAUGE, "{batches}",
               "What a member's queue holds, in the queue's sizer (bytes where only the disk limits it).");

const struct metric_row *const load_balancing_metric_rows[] = {
    &row_latency, &row_outcome, &row_backends, &row_updates, &row_resolutions,
    &row_leaving, &row_moved,   &row_queue,    NULL,
};

/* ---- endpoints ---- */

/* How an endpoint is called in metrics, one of SHOWN_MOST at most. The text lives as long as the process. */
static const char *shown_name(const char *endpoint)
{
    static char *shown[SHOWN_MOST];
    size_t n = 0;

    while (n < SHOWN_MOST && shown[n] != NULL) {
        if (strcmp(shown[n], endpoint) == 0)
            return shown[n];
        n++;
    }
    if (n == SHOWN_MOST)
        return "_other";
    shown[n] = mem_strdup(endpoint);
    return shown[n];
}

void member_metrics_init(struct member *m)
{
    struct node *node = &m->balancer->node;
    struct metrics *all = node->host->metrics;
    const char *name = shown_name(m->endpoint);
    struct metric_label labels[] = { { "exporter", node->id },
                                     { "data_type", signal_table[node->signal].name },
                                     { "endpoint", name },
                                     { "success", "true" } };

    m->queue = metrics_get(all, &row_queue, labels, 3);
    m->exporter.m.latency = metrics_get(all, &row_latency, labels, 3);
    m->exporter.m.outcome[0] = metrics_get(all, &row_outcome, labels, 4);
    labels[3].value = "false";
    m->exporter.m.outcome[1] = metrics_get(all, &row_outcome, labels, 4);
}

void member_metrics_close(struct member *m)
{
    if (m->queue != NULL)
        metric_set(m->queue, 0);
}

/* ---- all of them ---- */

static void add_member(struct member *m, struct sender_gauges *sum)
{
    struct sender_fill fill;

    if (!member_is_open(m))
        return;
    fill = sender_fill(m->exporter.sender);
    metric_set(m->queue, (double)fill.size);
    sum->size += (double)fill.size;
    sum->capacity += (double)fill.capacity;
    sum->on_disk |= fill.on_disk;
    if (fill.on_disk)
        sum->disk_bytes += (double)sender_held_bytes(m->exporter.sender);
}

static void collect(struct metric_hook *hook)
{
    struct balancer *b = container_of(container_of(hook, struct balancer_metrics, hook), struct balancer, m);
    struct sender_gauges sum = { 0 };

    metric_set(b->m.backends, (double)b->on_ring.n);
    metric_set(b->m.leaving, (double)b->n_leaving);
    list_each (struct member, m, &b->members, link)
        add_member(m, &sum);
    sender_gauges_set(&b->node, &sum);
}

void balancer_metrics_init(struct balancer *b)
{
    struct metrics *all = b->node.host->metrics;
    const char *resolver = b->source->ops->name;
    struct metric_label labels[] = { { "exporter", b->node.id },
                                     { "data_type", signal_table[b->node.signal].name },
                                     { "resolver", resolver },
                                     { "success", "true" } };

    b->m.leaving = metrics_get(all, &row_leaving, labels, 2);
    b->m.moved = metrics_get(all, &row_moved, labels, 2);
    b->m.backends = metrics_get(all, &row_backends, labels, 3);
    b->m.updates = metrics_get(all, &row_updates, labels, 3);
    b->m.resolutions[0] = metrics_get(all, &row_resolutions, labels, 4);
    labels[3].value = "false";
    b->m.resolutions[1] = metrics_get(all, &row_resolutions, labels, 4);
    metric_add(b->m.moved, 0);
    b->m.hook.collect = collect;
    metrics_hook(all, &b->m.hook);
}

void balancer_metrics_close(struct balancer *b)
{
    metrics_unhook(b->node.host->metrics, &b->m.hook);
}

/* ---- shown ---- */

void balancer_each_member(const struct node *node, void (*visit)(const struct node_member *m, void *arg), void *arg)
{
    const struct balancer *b = container_of_const(node, struct balancer, node);

    list_each (struct member, m, &b->members, link) {
        bool leaving = m->state > MEMBER_HERE;

        visit(&(struct node_member){ .endpoint = m->endpoint,
                                     .state = leaving                   ? "leaving"
                                              : m->state == MEMBER_HERE ? "here"
                                                                        : "failed",
                                     .sender = m->exporter.sender,
                                     .health = m->exporter.node.health },
              arg);
    }
}
