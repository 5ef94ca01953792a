/* SPDX-License-Identifier: Apache-2.0 */
/* One worker, as the front sees it. It is this same program, started with two pairs of sockets: the channel, on which
 * it is told what to do and says how it is, and one on which it asks for doors and waits for the answer.
 *
 * WORKER_NONE -> STARTING -> RUNNING <-> RELOADING, and from each of them to NONE when it dies, or STOPPING -> ENDED.
 * One that a reload finds in NONE or STARTING is started with the new configuration, or given it when it runs.
 *
 * What can go wrong: it dies. Its counters stay in the sums (totals_retire()), and it is started again after a pause
 * that doubles each time, and begins anew when it has run for a while. Before all have run once, that is a start that
 * fails. */
#include "service/workers/front_inside.h"

#include "base/mem.h"
#include "service/service_inside.h"
#include "service/workers/warnings_relay.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_PAUSE (100 * NS_PER_MS)
#define LONGEST_PAUSE (30 * NS_PER_S)
#define HUNG (60 * NS_PER_S)        /* a loop that has not turned for so long does not turn any more */
#define HUNG_START (600 * NS_PER_S) /* it may have a lot on its disk to look through */
#define PROVEN (60 * NS_PER_S)      /* one that has run for so long has not died for how it was started */

static const struct metric_row rows[] = {
    METRIC_ROW("otelcd_worker_up", METRIC_GAUGE, "", "1 while the worker runs (service::workers)."),
    METRIC_ROW("otelcd_worker_connections", METRIC_GAUGE, "{connections}", "Connections that the worker has."),
    METRIC_ROW("otelcd_worker_restarts", METRIC_COUNTER, "{times}", "Times that the worker was started again."),
};

const struct metric_row *const worker_metric_rows[] = { &rows[0], &rows[1], &rows[2], NULL };

void front_worker_enter(struct front_worker *w, enum worker_state to)
{
    static const uint8_t allowed[] = {
        [WORKER_NONE] = 1 << WORKER_STARTING | 1 << WORKER_ENDED,
        [WORKER_STARTING] = 1 << WORKER_RUNNING | 1 << WORKER_NONE | 1 << WORKER_STOPPING,
        [WORKER_RUNNING] = 1 << WORKER_RELOADING | 1 << WORKER_NONE | 1 << WORKER_STOPPING,
        [WORKER_RELOADING] = 1 << WORKER_RUNNING | 1 << WORKER_NONE | 1 << WORKER_STOPPING,
        [WORKER_STOPPING] = 1 << WORKER_ENDED,
        [WORKER_ENDED] = 0,
    };

    assert(allowed[w->state] & 1 << to);
    w->state = to;
    metric_set(w->up, to == WORKER_RUNNING || to == WORKER_RELOADING);
    front_look(w->front);
}

static struct logger *log_of(struct front_worker *w)
{
    return &w->front->service->log;
}

static struct clock *clock_of(struct front_worker *w)
{
    return &w->front->service->loop.clock;
}

/* ---- what it says ---- */

/* What the one before had counted stays. */
static void retire_told(struct front_worker *w)
{
    if (w->gone)
        totals_retire(&w->front->totals, buf_bytes(&w->told));
    w->gone = false;
    buf_free(&w->told);
}

static void take_numbers(struct front_worker *w, int file)
{
    struct buf told = { 0 };

    w->asked = false;
    if (channel_unpack(file, &told)) {
        retire_told(w);
        w->told = told;
        own_waiting_read(&w->own, buf_bytes(&w->told));
    } else {
        buf_free(&told);
    }
}

static void on_ready(struct front_worker *w)
{
    if (w->state != WORKER_STARTING)
        return;
    w->ran = true;
    front_worker_enter(w, WORKER_RUNNING);
    if (w->tries)
        front_reload_answer(w, true, "");
    if (w->restarts > 0)
        log_info(log_of(w), "The worker runs again", F_UINT("worker", w->number), F_INT("pid", w->pid));
}

static void on_message(struct front_worker *w, const struct channel_message *m)
{
    switch ((enum channel_kind)m->kind) {
    case CHANNEL_READY:
        on_ready(w);
        break;
    case CHANNEL_FAILED:
        if (w->front->ready && !w->front->stopping)
            log_error(log_of(w), "A worker cannot start", F_UINT("worker", w->number), F_STR("error", m->text));
        front_fail(w->front, m->text);
        if (w->tries)
            front_reload_answer(w, false, m->text);
        break;
    case CHANNEL_RELOADED:
        if (w->state != WORKER_RELOADING)
            break;
        front_worker_enter(w, WORKER_RUNNING);
        front_reload_answer(w, m->number != 0, m->text);
        break;
    default:
        break;
    }
}

static void hear_late(struct front_worker *w)
{
    for (size_t i = 0; i < w->late.n; i++)
        on_message(w, &w->late.v[i]);
    w->late.n = 0;
}

static void on_late(struct turn_task *task)
{
    hear_late(container_of(task, struct front_worker, late_task));
}

static void sort_message(struct front_worker *w, const struct channel_message *m, int file, bool all)
{
    if (m->kind == CHANNEL_TOLD) {
        take_numbers(w, file);
        return;
    }
    if (m->kind == CHANNEL_WARNINGS) {
        warnings_relay_take(&w->front->service->sink, w->number, file);
        return;
    }
    if (m->kind == CHANNEL_OWN) {
        own_relay_take(&w->front->own, w->front->service, &w->own, m, file);
        return;
    }
    if (file >= 0)
        close(file);
    if (m->kind == CHANNEL_COUNT) {
        doors_count(&w->taker, m->number, m->other);
    } else if (all) {
        on_message(w, m);
    } else {
        *vec_push(&w->late) = *m;
        turn_defer(&w->front->service->loop.turn, &w->late_task);
    }
}

void front_worker_hear(struct front_worker *w, bool all)
{
    struct channel_message m;
    int file;

    if (all)
        hear_late(w);
    while (w->channel >= 0) {
        int rc = channel_receive(w->channel, &m, &file);

        if (rc < 0)
            w->asked = false; /* it has ended: on_process_end() follows */
        if (rc <= 0) {
            if (rc < 0 && w->channel_poll != NULL)
                uv_poll_stop(w->channel_poll);
            return;
        }
        sort_message(w, &m, file, all);
    }
}

static void on_channel(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    front_worker_hear(poll->data, true);
}

/* It has said nothing for so long since then. */
static void end_hung(struct front_worker *w, uint64_t *since, uint64_t most)
{
    uint64_t now = clock_mono(clock_of(w));

    if (now - *since <= most)
        return;
    log_error(log_of(w), "A worker says nothing: it is ended", F_UINT("worker", w->number), F_INT("pid", w->pid));
    *since = now;
    front_worker_kill(w);
}

void front_worker_ask(struct front_worker *w)
{
    uint64_t now = clock_mono(clock_of(w));

    if (w->channel < 0)
        return;
    if (w->state == WORKER_STARTING) {
        end_hung(w, &w->born, HUNG_START);
    } else if (!w->asked) {
        w->asked = channel_say(w->channel, CHANNEL_ASK, 0, NULL);
        w->asked_at = now;
    } else if (w->state != WORKER_STOPPING) {
        end_hung(w, &w->asked_at, HUNG);
    }
}

/* ---- doors ---- */

static void open_door(struct front_worker *w, const struct channel_message *m)
{
    struct channel_message answer;
    int socket = doors_attach(&w->front->doors, &w->taker, m->text, &answer);

    (void)channel_send(w->doors, &answer, socket);
    if (socket >= 0)
        close(socket);
}

static void on_door_wish(void *arg, const struct channel_message *m)
{
    struct front_worker *w = arg;

    if (m->kind == CHANNEL_OPEN)
        open_door(w, m);
    else if (m->kind == CHANNEL_CLOSE)
        doors_detach(&w->front->doors, &w->taker, (uint32_t)m->number);
}

static void on_doors(uv_poll_t *poll, int status, int events)
{
    struct front_worker *w = poll->data;

    (void)status;
    (void)events;
    channel_drain(poll, w->doors, on_door_wish, w);
}

/* ---- its process ---- */

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

static void end_channel(uv_poll_t **poll, int *fd)
{
    if (*poll != NULL)
        uv_close((uv_handle_t *)*poll, free_handle);
    *poll = NULL;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void end_channels(struct front_worker *w)
{
    turn_cancel(&w->front->service->loop.turn, &w->late_task);
    vec_free(&w->late);
    end_channel(&w->channel_poll, &w->channel);
    end_channel(&w->doors_poll, &w->doors);
    w->asked = false;
}

static void on_pause_over(struct clock_timer *t)
{
    front_worker_start(container_of(t, struct front_worker, timer));
}

static void start_later(struct front_worker *w)
{
    uint64_t now = clock_mono(clock_of(w));

    if (w->pause == 0 || now - w->born > PROVEN)
        w->pause = FIRST_PAUSE;
    else
        w->pause = w->pause * 2 < LONGEST_PAUSE ? w->pause * 2 : LONGEST_PAUSE;
    clock_start(clock_of(w), &w->timer, w->pause, on_pause_over);
}

/* Until it ignores it a new process ends by what somebody has sent to all of them; the front has it too, or will. */
static bool is_asked_for(int number)
{
    return number == SIGTERM || number == SIGINT || number == SIGHUP;
}

/* It was not told to end. */
static void on_death(struct front_worker *w, int64_t code, int number)
{
    bool reloading = w->state == WORKER_RELOADING || w->tries || w->changed; /* others are on their way */

    log_error(log_of(w), "A worker has died: it is started again", F_UINT("worker", w->number), F_INT("pid", w->pid),
              F_INT("exit_code", code), F_INT("signal", number));
    w->gone = true;
    own_waiting_lost(&w->own, w->front->service);
    front_worker_enter(w, WORKER_NONE);
    if (reloading)
        front_reload_answer(w, false, "it has died on the new configuration");
    if (!w->front->ready && !is_asked_for(number))
        front_fail(w->front, "a worker has died at its start: the log says why");
    else
        start_later(w);
}

static void on_process_end(uv_process_t *process, int64_t code, int number)
{
    struct front_worker *w = process->data;

    front_worker_hear(w, true); /* the last that it has said */
    uv_close((uv_handle_t *)process, free_handle);
    w->process = NULL;
    end_channels(w);
    if (w->state != WORKER_STOPPING)
        doors_keep(&w->front->doors, true); /* it comes again */
    doors_leave(&w->front->doors, &w->taker);
    w->taker = (struct door_taker){ 0 };
    if (w->state != WORKER_STOPPING) {
        on_death(w, code, number);
        return;
    }
    if (!w->ran && (is_asked_for(number) || (number == 0 && code == EXIT_CODE_FAILED)))
        code = number = 0;            /* it was given nothing yet, and found the doors shut */
    w->gone = w->gone || number != 0; /* what it held is lost */
    if (number != 0)
        own_waiting_lost(&w->own, w->front->service);
    if (w->gone)
        retire_told(w);
    w->exit_code = number != 0 ? EXIT_CODE_FAILED : (int)code;
    if (number != 0)
        log_error(log_of(w), "A worker did not end by itself", F_UINT("worker", w->number), F_INT("signal", number));
    front_worker_enter(w, WORKER_ENDED);
}

static int spawn_worker(struct front_worker *w, int channel, int doors)
{
    char name[] = "otelcd", verb[] = "worker", *args[] = { name, verb, NULL };
    uv_stdio_container_t stdio[] = {
        { .flags = UV_INHERIT_FD, .data.fd = 0 },     { .flags = UV_INHERIT_FD, .data.fd = 1 },
        { .flags = UV_INHERIT_FD, .data.fd = 2 },     { .flags = UV_INHERIT_FD, .data.fd = channel },
        { .flags = UV_INHERIT_FD, .data.fd = doors },
    };
    uv_process_options_t options = {
        .exit_cb = on_process_end,
        .file = "/proc/self/exe",
        .args = args,
        .stdio = stdio,
        .stdio_count = (int)ARRAY_LEN(stdio),
    };
    int rc;

    w->process = mem_zalloc(sizeof(*w->process));
    w->process->data = w;
    rc = uv_spawn(&w->front->service->loop.uv, w->process, &options);
    if (rc == 0) {
        w->pid = w->process->pid;
        return 0;
    }
    uv_close((uv_handle_t *)w->process, free_handle);
    w->process = NULL;
    return rc;
}

static uv_poll_t *listen_to(struct front_worker *w, int fd, uv_poll_cb cb)
{
    uv_poll_t *poll = mem_zalloc(sizeof(*poll));

    if (uv_poll_init(&w->front->service->loop.uv, poll, fd) != 0) {
        free(poll);
        return NULL;
    }
    poll->data = w;
    uv_poll_start(poll, UV_READABLE, cb);
    return poll;
}

static int open_channels(struct front_worker *w, int theirs[2])
{
    int channel[2], doors[2];

    if (!channel_pair(channel))
        return -errno;
    if (!channel_pair(doors)) {
        close(channel[0]);
        close(channel[1]);
        return -EMFILE;
    }
    w->channel = channel[0];
    w->doors = doors[0];
    theirs[0] = channel[1];
    theirs[1] = doors[1];
    w->channel_poll = listen_to(w, w->channel, on_channel);
    w->doors_poll = listen_to(w, w->doors, on_doors);
    return w->channel_poll != NULL && w->doors_poll != NULL ? 0 : -EMFILE;
}

int front_worker_give(struct front_worker *w, enum channel_kind kind, const struct buf *config)
{
    struct channel_message m = { .kind = kind, .number = w->number };
    int file, rc;

    if (w->channel < 0)
        return -EAGAIN;
    file = channel_pack(buf_bytes(config));
    if (file < 0)
        return -errno;
    rc = channel_send(w->channel, &m, file) ? 0 : errno == ETOOMANYREFS || errno == ENOMEM ? -errno : -EAGAIN;
    close(file);
    return rc;
}

static int start_process(struct front_worker *w)
{
    int theirs[2] = { -1, -1 }, rc = open_channels(w, theirs);

    if (rc == 0)
        rc = spawn_worker(w, theirs[0], theirs[1]);
    for (int i = 0; i < 2; i++)
        if (theirs[i] >= 0)
            close(theirs[i]);
    if (rc == 0)
        rc = front_worker_give(w, CHANNEL_CONFIG, w->tries ? &w->front->next : &w->front->config);
    return rc == -EAGAIN ? 0 : rc; /* it has ended already: on_process_end() follows */
}

void front_worker_start(struct front_worker *w)
{
    int rc;

    clock_stop(clock_of(w), &w->timer);
    if (w->born > 0) {
        w->restarts++;
        metric_add(w->restarted, 1);
    }
    w->born = clock_mono(clock_of(w));
    w->ran = false;
    front_worker_enter(w, WORKER_STARTING);
    rc = start_process(w);
    if (rc == 0)
        return;
    log_error(log_of(w), "Cannot start a worker", F_UINT("worker", w->number), F_STR("error", uv_strerror(rc)));
    if (w->process != NULL) {
        front_worker_kill(w); /* it waits for its configuration; it is started again when it has ended */
        return;
    }
    end_channels(w);
    front_worker_enter(w, WORKER_NONE);
    if (w->tries)
        front_reload_answer(w, false, uv_strerror(rc));
    if (w->front->ready)
        start_later(w);
    else
        front_fail(w->front, uv_strerror(rc));
}

void front_worker_stop(struct front_worker *w, uint64_t left)
{
    clock_stop(clock_of(w), &w->timer);
    if (w->state == WORKER_NONE) {
        retire_told(w);
        front_worker_enter(w, WORKER_ENDED);
        return;
    }
    front_worker_enter(w, WORKER_STOPPING);
    if (w->channel < 0 || !channel_say(w->channel, CHANNEL_STOP, (int64_t)left, NULL))
        front_worker_kill(w);
}

void front_worker_kill(struct front_worker *w)
{
    if (w->process != NULL)
        uv_process_kill(w->process, SIGKILL);
}

void front_worker_init(struct front_worker *w, struct front *f, unsigned number)
{
    char text[16];
    struct metric_label label = { "worker", text };
    struct metric **own[] = { &w->up, &w->crowd, &w->restarted };

    *w = (struct front_worker){ .front = f, .number = number, .channel = -1, .doors = -1 };
    w->late_task.run = on_late;
    snprintf(text, sizeof(text), "%u", number);
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        *own[i] = metrics_get(&f->service->metrics, &rows[i], &label, 1);
        metric_set(*own[i], 0);
    }
}
