/* SPDX-License-Identifier: Apache-2.0 */
/* One timer serves all deadlines of a connection: it is armed for the nearest. A deadline that moves to later leaves it
 * alone; it then fires early, finds nothing due, and is armed anew. */
#include "net/message/conn_io.h"

#include <string.h>

static void on_timer(struct clock_timer *t);

static void arm_timer(struct conn_io *io)
{
    uint64_t now = clock_mono(&io->shared->loop->clock), first = UINT64_MAX;

    for (int i = 0; i < DEADLINES; i++)
        if (io->deadlines[i] != 0 && io->deadlines[i] < first)
            first = io->deadlines[i];
    if (first != UINT64_MAX)
        clock_start(&io->shared->loop->clock, &io->timer, first > now ? first - now : 1, on_timer);
}

static void on_timer(struct clock_timer *t)
{
    struct conn_io *io = container_of(t, struct conn_io, timer);
    uint64_t now = clock_mono(&io->shared->loop->clock);

    for (int i = 0; i < DEADLINES; i++) {
        if (io->deadlines[i] != 0 && io->deadlines[i] <= now) {
            io->deadlines[i] = 0;
            io->on_deadline(io, (enum http_deadline)i);
        }
    }
    arm_timer(io);
}

void conn_io_expect(struct conn_io *io, enum http_deadline which, uint64_t after)
{
    uint64_t now = clock_mono(&io->shared->loop->clock);

    if (after == 0 || after > UINT64_MAX - now) {
        io->deadlines[which] = 0;
        return;
    }
    io->deadlines[which] = now + after;
    if (!clock_armed(&io->timer) || io->timer.due > io->deadlines[which])
        clock_start(&io->shared->loop->clock, &io->timer, after, on_timer);
}

void conn_io_close(struct conn_io *io)
{
    memset(io->deadlines, 0, sizeof(io->deadlines));
    clock_stop(&io->shared->loop->clock, &io->timer);
}

void conn_io_late(struct conn_io *io)
{
    io->counted = true;
    io->shared->stats.timeouts++;
}

void conn_io_tell_broken(struct conn_io *io, const char *reason, const char *why)
{
    struct http_service *service = io->shared->service;

    if (service->on_broken != NULL)
        service->on_broken(service, io->peer(io), reason, why);
}

void conn_io_complain(struct conn_io *io, const char *reason)
{
    struct server_shared *shared = io->shared;

    if (!io->counted)
        shared->stats.protocol_errors++;
    conn_io_tell_broken(io, "protocol", reason);
    if (complaint_due(&shared->bad_peers, &shared->loop->clock))
        log_warn(shared->log, "A client broke the HTTP protocol", F_STR("client", io->peer(io)),
                 F_STR("reason", reason), F_UINT("occurrences", complaint_taken(&shared->bad_peers)));
}

void conn_io_hold(struct conn_io *io, uint64_t bytes)
{
    budget_charge(io->shared->budget, bytes);
    if (io->member != NULL)
        crowd_hold(io->shared->crowd, io->member, bytes);
}

void conn_io_release(struct conn_io *io, uint64_t bytes)
{
    budget_give(io->shared->budget, bytes);
    if (io->member != NULL)
        crowd_release(io->shared->crowd, io->member, bytes);
}

bool conn_io_may_hold(const struct conn_io *io)
{
    return io->member == NULL || crowd_may_hold(io->shared->crowd, io->member, io->shared->budget->limit);
}

void conn_io_keep(struct conn_io *io, uint64_t bytes)
{
    budget_charge(io->shared->budget, bytes);
    budget_give(io->shared->budget, io->kept);
    if (io->member != NULL)
        crowd_keep(io->shared->crowd, io->member, bytes);
    io->kept = bytes;
}
