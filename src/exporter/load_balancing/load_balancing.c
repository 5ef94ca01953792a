/* SPDX-License-Identifier: Apache-2.0 */
/* The load_balancing exporter: each item goes to the member that its key belongs to, by consistent hashing.
 *
 * At the start the resolver is asked; until it has answered senders are told to retry. From then on members come
 * and go as it says (members.c), and batches are taken apart and handed to their queues (deliver.c). Now and then it is
 * looked after those that leave, and how the members are is made known as the balancer's own health.
 *
 * At the end nothing more is taken. In memory, first those that leave hand over what they have, for half of the time at
 * most; then all members stop as the otlp exporter does. Where another configuration puts another exporter in this
 * one's place, all queues in memory go to it, and are taken apart by its ring. */
#include "exporter/load_balancing/load_balancing.h"

#include <assert.h>
#include <stdlib.h>

#define TICK NS_PER_S
#define QUICK_TICK (100 * NS_PER_MS) /* while some leave */
#define KEPT_PARTS 16

static struct clock *clock_of(const struct balancer *b)
{
    return &b->node.host->loop->clock;
}

static void consume(struct consumer *self, struct batch *batch, struct ack *ack)
{
    deliver_batch(balancer_of(container_of(self, struct node, in)), batch, ack);
}

/* ---- how it is ---- */

static void take_health(struct balancer *b, unsigned cause)
{
    const struct health *worst = NULL;

    list_each (struct member, m, &b->members, link) {
        const struct health *h = &m->exporter.node.health[cause];

        if (member_is_open(m) && h->state > (worst != NULL ? worst->state : HEALTH_OK))
            worst = h;
    }
    if (worst != NULL)
        b->node.health[cause] = *worst;
    else if (b->node.health[cause].state != HEALTH_OK)
        health_ok(&b->node.health[cause], clock_mono(clock_of(b)));
}

/* What is wrong with the balancer itself; NULL: nothing. */
static const char *find_fault(const struct balancer *b)
{
    if (b->on_ring.n == 0)
        return b->resolved ? "there is no member to send to" : "no member has been resolved yet";
    return members_count(b, MEMBER_FAILED) > 0 ? "a member cannot be started" : NULL;
}

static void look_at_health(struct balancer *b)
{
    const char *fault = find_fault(b);

    for (unsigned cause = 0; cause < HEALTH_CAUSES; cause++)
        if (fault == NULL || cause != HEALTH_WORK)
            take_health(b, cause);
    if (fault != NULL)
        health_fail(&b->node.health[HEALTH_WORK], clock_mono(clock_of(b)), HEALTH_RECOVERABLE, fault);
}

static void on_tick(struct clock_timer *t)
{
    struct balancer *b = container_of(t, struct balancer, tick);

    members_tick(b);
    look_at_health(b);
    clock_start(clock_of(b), &b->tick, b->n_leaving > 0 ? QUICK_TICK : TICK, on_tick);
}

/* ---- life ---- */

static struct member_source *make_source(const struct resolver_config *c)
{
    return c->of_static.on ? static_source_new(&c->of_static)
           : c->dns.on     ? dns_source_new(&c->dns)
           : c->k8s.on     ? k8s_source_new(&c->k8s)
                           : file_source_new(&c->file);
}

static void hand_over(struct node *node, struct consumer *to)
{
    list_each (struct member, m, &balancer_of(node)->members, link)
        if (member_is_open(m) && m->exporter.node.hand_over != NULL)
            m->exporter.node.hand_over(&m->exporter.node, to);
}

static bool is_handing(const struct node *node)
{
    const struct balancer *b = container_of_const(node, struct balancer, node);

    list_each (struct member, m, &b->members, link)
        if (member_is_open(m) && m->exporter.node.is_handing(&m->exporter.node))
            return true;
    return false;
}

static const char *blocked_on(const struct node *node)
{
    const struct balancer *b = container_of_const(node, struct balancer, node);

    list_each (struct member, m, &b->members, link)
        if (member_is_open(m) && m->exporter.node.blocked_on != NULL &&
            m->exporter.node.blocked_on(&m->exporter.node) != NULL)
            return m->exporter.node.blocked_on(&m->exporter.node);
    return NULL;
}

static int create(struct node *node, const void *config, struct error *err)
{
    const struct load_balancing_config *c = config;
    const struct delivery_config *delivery = &c->protocol.otlp.delivery;
    struct balancer *b = balancer_of(node);
    struct turn *turn = &node->host->loop->turn;

    (void)err;
    b->config = c;
    list_init(&b->members);
    list_init(&b->moves);
    b->waits = !delivery->sending_queue.on || delivery->sending_queue.wait_for_result ||
               (!delivery->retry_on_failure.enabled && !sending_queue_keeps(&delivery->sending_queue));
    b->key = (struct routing_key){ .kind = routing_kind_of(c->routing_key, node->signal),
                                   .signal = node->signal,
                                   .attributes = &c->routing_attributes,
                                   .ring = &b->ring,
                                   .random = &node->host->loop->random,
                                   .budget = node->host->budget };
    splitter_init(&b->carrying, turn, KEPT_PARTS);
    splitter_init(&b->waiting, turn, KEPT_PARTS);
    b->carrying.carries = true;
    b->carrying.apart = b->waiting.apart = true;
    b->source = make_source(&c->resolver);
    node->in.consume = consume;
    node->hand_over = hand_over;
    node->is_handing = is_handing;
    node->blocked_on = blocked_on;
    node->each_member = balancer_each_member;
    balancer_metrics_init(b);
    return 0;
}

static int start(struct node *node, struct error *err)
{
    struct balancer *b = balancer_of(node);

    if (!member_files_prepare(b, err))
        return err->code;
    members_listen(b);
    clock_start(clock_of(b), &b->tick, TICK, on_tick);
    return 0;
}

/* ---- the end ---- */

static void enter_phase(struct balancer *b, enum balancer_phase to)
{
    static const uint8_t allowed[] = {
        [BALANCER_RUNNING] = 1 << BALANCER_MOVING,
        [BALANCER_MOVING] = 1 << BALANCER_STOPPING,
        [BALANCER_STOPPING] = 1 << BALANCER_STOPPED,
        [BALANCER_STOPPED] = 0,
    };

    assert(allowed[b->phase] & 1 << to);
    b->phase = to;
}

static void free_source(struct balancer *b)
{
    if (b->source != NULL)
        b->source->ops->free(b->source);
    b->source = NULL;
}

static void stop_rest(struct balancer *b)
{
    enter_phase(b, BALANCER_STOPPING);
    members_stop(b, true, b->deadline);
}

static bool all_have_stopped(const struct balancer *b)
{
    list_each (struct member, m, &b->members, link)
        if (m->state != MEMBER_STOPPED)
            return false;
    return true;
}

static void end_if_done(struct balancer *b)
{
    if (b->phase == BALANCER_MOVING && members_count(b, MEMBER_STOPPING) == 0) {
        stop_rest(b);
        if (b->hurried)
            members_hurry(b);
    }
    if (b->phase != BALANCER_STOPPING || !all_have_stopped(b))
        return;
    enter_phase(b, BALANCER_STOPPED);
    b->stopped(&b->node);
}

void balancer_member_gone(struct balancer *b)
{
    end_if_done(b);
}

static void stop(struct node *node, uint64_t deadline, void (*done)(struct node *))
{
    struct balancer *b = balancer_of(node);
    uint64_t now = clock_mono(clock_of(b));

    clock_stop(clock_of(b), &b->tick);
    free_source(b);
    b->deadline = deadline;
    b->stopped = done;
    enter_phase(b, BALANCER_MOVING);
    members_stop(b, false, now < deadline ? now + (deadline - now) / 2 : deadline);
    end_if_done(b);
}

static void hurry(struct node *node)
{
    struct balancer *b = balancer_of(node);

    b->hurried = true;
    members_hurry(b);
}

static void destroy(struct node *node)
{
    struct balancer *b = balancer_of(node);

    clock_stop(clock_of(b), &b->tick);
    free_source(b);
    list_each (struct member, m, &b->members, link)
        member_free(m);
    deliver_forget(b);
    scatter_free(&b->scatter);
    routing_key_free(&b->key);
    ring_free(&b->ring);
    vec_free(&b->parts);
    vec_free(&b->on_ring);
    balancer_metrics_close(b);
}

static bool keeps(const void *config)
{
    return delivery_keeps(&((const struct load_balancing_config *)config)->protocol.otlp);
}

/* As if there were one member. */
static bool queue(const void *config, struct sender_options *o)
{
    return delivery_queue(&((const struct load_balancing_config *)config)->protocol.otlp, o);
}

static const char *const aliases[] = { "loadbalancing", NULL };

extern const struct component load_balancing_exporter;
const struct component load_balancing_exporter = {
    COMPONENT_TYPE("load_balancing", COMPONENT_EXPORTER, .aliases = aliases, .signals = SIGNAL_STABLE,
                   .stability = "beta"),
    .spread = SPREAD_EACH,
    .summary = "Sends each item to the one of several peers that its key belongs to, by consistent hashing.",
    .safe = "In the queues of all members that a part of the batch is for; with storage: on disk and synced; without a "
            "queue: when they have it.",
    COMPONENT_CONFIG(struct load_balancing_config, load_balancing_options, .finish = load_balancing_finish,
                     .check = load_balancing_check, .check_use = load_balancing_check_use, .keeps = keeps,
                     .queue = queue),
    .metrics = load_balancing_metric_rows,
    COMPONENT_NODE(struct balancer, .create = create, .start = start, .stop = stop, .hurry = hurry, .destroy = destroy),
};
