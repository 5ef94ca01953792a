/* SPDX-License-Identifier: Apache-2.0 */
/* A member is made when the resolver names it first, and is on the ring until it does so no longer. One that cannot be
 * made or started (its queue's directory is no good, a certificate cannot be read) is on the ring all the same, for its
 * keys are its own; it is tried again until it can.
 *
 * When it leaves, what it has under way may end; all else in its queue comes to deliver.c, is taken in by others, and
 * when nothing is left it stops. One that is named again before that goes on as it was. It is freed at the end of a
 * turn, for it may be the sender's own code that says that it has stopped. */
#include "exporter/load_balancing/load_balancing.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void enter_state(struct member *m, enum member_state to)
{
    static const uint8_t allowed[MEMBER_STATES] = {
        [MEMBER_NEW] = 1 << MEMBER_FAILED | 1 << MEMBER_HERE | 1 << MEMBER_LEAVING | 1 << MEMBER_STOPPED,
        [MEMBER_FAILED] = 1 << MEMBER_HERE | 1 << MEMBER_STOPPED,
        [MEMBER_HERE] = 1 << MEMBER_LEAVING | 1 << MEMBER_STOPPING,
        [MEMBER_LEAVING] = 1 << MEMBER_HERE | 1 << MEMBER_STOPPING,
        [MEMBER_STOPPING] = 1 << MEMBER_STOPPED,
    };

    assert(allowed[m->state] & 1 << to);
    m->state = to;
}

static void on_end(struct turn_task *task)
{
    struct member *m = container_of(task, struct member, end);

    members_gone(m->balancer, m);
}

struct member *member_new(struct balancer *b, const char *endpoint, const char *name)
{
    struct member *m = mem_zalloc(sizeof(*m));

    m->balancer = b;
    m->endpoint = mem_strdup(endpoint);
    m->name = mem_strdup(name);
    m->moves.consume = deliver_moved;
    m->end.run = on_end;
    list_push(&b->members, &m->link);
    return m;
}

static void close_exporter(struct member *m)
{
    otlp_exporter_destroy(&m->exporter.node);
    memset(&m->exporter, 0, sizeof(m->exporter));
}

void member_free(struct member *m)
{
    turn_cancel(&m->balancer->node.host->loop->turn, &m->end);
    list_remove(&m->link);
    if (m->exporter.node.host != NULL)
        close_exporter(m);
    member_metrics_close(m);
    free(m->endpoint);
    free(m->name);
    free(m);
}

/* ---- its exporter ---- */

char *member_target(const char *endpoint)
{
    const char *bracket = strrchr(endpoint, ']'), *colon = strrchr(endpoint, ':');
    bool has_port = colon != NULL && (bracket == NULL || colon > bracket);

    return mem_printf("%s%s", endpoint, has_port ? "" : DEFAULT_PORT);
}

static const struct node *balancer_node(const struct node *member)
{
    return &container_of_const(container_of_const(member, struct otlp_exporter, node), struct member, exporter)
                ->balancer->node;
}

static const struct storage *find_storage(const struct node *node, const char *id)
{
    return balancer_node(node)->host->find_storage(balancer_node(node), id);
}

static struct client_authenticator *find_client_authenticator(const struct node *node, const char *id)
{
    return balancer_node(node)->host->find_client_authenticator(balancer_node(node), id);
}

static void set_node(struct member *m)
{
    struct balancer *b = m->balancer;
    struct node *n = &m->exporter.node;

    b->host = *b->node.host;
    b->host.find_storage = find_storage;
    b->host.find_client_authenticator = find_client_authenticator;
    n->component = b->node.component;
    n->id = b->node.id;
    n->signal = b->node.signal;
    n->host = &b->host;
    n->log = b->node.log;
    n->ledger = b->node.ledger;
    m->exporter.member = m->name;
}

bool member_open(struct member *m, struct error *err)
{
    const struct otlp_grpc_exporter_config *c = &m->balancer->config->protocol.otlp;
    char *target = member_target(m->endpoint);
    bool ok;

    set_node(m);
    member_metrics_init(m);
    ok = otlp_grpc_create(&m->exporter, c, target, err) == 0 && otlp_grpc_start(&m->exporter.node, err) == 0;
    free(target);
    if (!ok)
        close_exporter(m);
    return ok;
}

void member_start(struct member *m)
{
    struct node *node = &m->balancer->node;
    struct error err;

    error_clear(&err);
    if (member_open(m, &err)) {
        enter_state(m, MEMBER_HERE);
        return;
    }
    if (m->state == MEMBER_NEW)
        enter_state(m, MEMBER_FAILED);
    if (complaint_due_to(&m->balancer->failing, &node->host->loop->clock, err.text))
        log_error(&node->log, "A member cannot be started. Will try again.", F_STR("endpoint", m->endpoint),
                  F_STR("error", err.text), F_UINT("repeated", complaint_taken(&m->balancer->failing)));
}

/* ---- coming and going ---- */

void member_leave(struct member *m)
{
    if (m->state == MEMBER_FAILED) {
        enter_state(m, MEMBER_STOPPED);
        turn_defer(&m->balancer->node.host->loop->turn, &m->end);
        return;
    }
    enter_state(m, MEMBER_LEAVING);
    m->balancer->n_leaving++;
    sender_redirect(m->exporter.sender, &m->moves, true);
}

void member_return(struct member *m)
{
    enter_state(m, MEMBER_HERE);
    m->balancer->n_leaving--;
    sender_redirect(m->exporter.sender, &m->exporter.attempt, false);
}

static void on_stopped(struct node *node)
{
    struct member *m = container_of(container_of(node, struct otlp_exporter, node), struct member, exporter);

    enter_state(m, MEMBER_STOPPED);
    turn_defer(&m->balancer->node.host->loop->turn, &m->end);
}

void member_stop(struct member *m, uint64_t deadline)
{
    if (m->state == MEMBER_LEAVING)
        m->balancer->n_leaving--;
    if (m->state == MEMBER_NEW || m->state == MEMBER_FAILED) {
        enter_state(m, MEMBER_STOPPED);
        turn_defer(&m->balancer->node.host->loop->turn, &m->end);
        return;
    }
    enter_state(m, MEMBER_STOPPING);
    otlp_exporter_stop(&m->exporter.node, deadline, on_stopped);
}
