/* SPDX-License-Identifier: Apache-2.0 */
/* worker_new() waits for the configuration; worker_join() makes the service one of several: its listeners ask the front
 * to listen (listener_front), and what the front says comes as if a signal had.
 *
 * What can go wrong: the front is gone. Nobody looks after this process then, or gives it callers: it ends, as if it
 * had been the one that died. The front is there, but has not read the channel for so long that it is full: what it
 * waits for is owed, and said when there is room. */
#include "service/workers/worker.h"

#include "base/mem.h"
#include "net/http/http_server.h"
#include "page/site.h"
#include "service/service_inside.h"
#include "service/workers/channel.h"
#include "service/workers/doors.h"
#include "service/workers/told.h"
#include "service/workers/warnings_relay.h"

#include "base/process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define FIRST_WAIT_MS 30000
#define DOOR_WAIT_MS 30000
#define LAST_WAIT_MS 2000 /* for room on the channel, when there is no later */

struct worker {
    struct listener_front front; /* first */
    struct service *service;
    struct worker_config config;
    unsigned number;
    uv_poll_t poll;
    VEC(struct open_door {
        int fd;
        uint32_t id;
    })
    open;
    uint32_t taken; /* callers, ever */
    struct turn_task count;
    struct http_server *inside; /* the page, for the front; NULL: none */
    bool reloading, told_ready;
    bool told_last;                /* of its numbers */
    struct channel_message answer; /* owed; kind 0: none */
    bool owes_numbers, owes_count;
    size_t warned; /* lines that the front has */
    void (*left)(struct service *s);
};

static struct worker *the_worker; /* for the call that has no other way to know: accept_caller() */

/* ---- doors ---- */

/* The answer to the last question, waited for. */
static bool ask_door(const char *asked, struct channel_message *answer, int *socket)
{
    struct pollfd wait = { .fd = CHANNEL_DOORS_FD, .events = POLLIN };
    int rc;

    if (!channel_say(CHANNEL_DOORS_FD, CHANNEL_OPEN, 0, asked))
        return false;
    do
        rc = poll(&wait, 1, DOOR_WAIT_MS);
    while (rc < 0 && errno == EINTR);
    return rc > 0 && channel_receive(CHANNEL_DOORS_FD, answer, socket) > 0;
}

static int open_door(struct listener_front *front, const char *endpoint, const char *transport, struct listening *out,
                     char address[ENDPOINT_TEXT], int *port)
{
    struct worker *w = container_of(front, struct worker, front);
    char *asked = mem_printf("%s %s", transport, endpoint);
    struct channel_message answer;
    int socket = -1;
    bool answered = ask_door(asked, &answer, &socket);

    free(asked);
    if (!answered)
        return -ETIMEDOUT;
    if (socket < 0)
        return answer.number < 0 ? (int)answer.number : -EMFILE;
    *vec_push(&w->open) = (struct open_door){ socket, answer.other };
    out->fd = socket;
    snprintf(address, ENDPOINT_TEXT, "%.*s", ENDPOINT_TEXT - 1, answer.text);
    *port = (int)answer.number;
    return 0;
}

static void close_door(struct listener_front *front, int fd)
{
    struct worker *w = container_of(front, struct worker, front);

    for (size_t i = 0; i < w->open.n; i++)
        if (w->open.v[i].fd == fd) {
            (void)channel_say(CHANNEL_DOORS_FD, CHANNEL_CLOSE, w->open.v[i].id, NULL);
            w->open.v[i] = w->open.v[--w->open.n];
            break;
        }
    close(fd);
}

static int accept_caller(int fd)
{
    struct channel_message m;
    int caller = -1, rc = channel_receive(fd, &m, &caller);

    if (rc <= 0) {
        errno = EAGAIN; /* the front shuts its doors when it wants no more */
        return -1;
    }
    (void)channel_say(fd, CHANNEL_TAKEN, 1, NULL);
    the_worker->taken++;
    if (caller < 0)
        errno = ECONNABORTED;
    return caller;
}

/* ---- what is owed ---- */

static void on_channel(uv_poll_t *poll, int status, int events);

static void say_later(struct worker *w)
{
    uv_poll_start(&w->poll, UV_READABLE | UV_WRITABLE, on_channel);
}

static void answer_front(struct worker *w, enum channel_kind kind, bool good, const char *text)
{
    w->answer = (struct channel_message){ .kind = kind, .number = good };
    snprintf(w->answer.text, sizeof(w->answer.text), "%s", text);
    if (channel_send(CHANNEL_FD, &w->answer, -1))
        w->answer.kind = 0;
    else
        say_later(w);
}

/* ---- numbers ---- */

static void say_count(struct turn_task *task)
{
    struct worker *w = container_of(task, struct worker, count);
    struct channel_message m = { .kind = CHANNEL_COUNT,
                                 .other = w->taken,
                                 .number = (int64_t)w->service->listeners.crowd.n };

    w->owes_count = !channel_send(CHANNEL_FD, &m, -1);
    if (w->owes_count)
        say_later(w);
}

static void on_left(struct crowd *c)
{
    (void)c;
    turn_defer(&the_worker->service->loop.turn, &the_worker->count);
}

static struct told_process measure_process(const struct service *s)
{
    struct told_process p = {
        .pid = (uint64_t)getpid(),
        .resident = process_rss(),
        .cpu = process_cpu_seconds(),
        .used = s->budget.used,
        .peak = s->budget.peak,
        .limit = s->budget.limit,
        .refusals = s->budget.refusals,
        .connections = s->listeners.crowd.n,
    };

    for (int i = 0; i < SIGNAL_COUNT; i++)
        p.signals[i] = s->shares[i].used;
    return p;
}

static bool wait_for_room(void)
{
    struct pollfd wait = { .fd = CHANNEL_FD, .events = POLLOUT };

    return poll(&wait, 1, LAST_WAIT_MS) > 0;
}

static void send_numbers(struct worker *w, int file)
{
    struct channel_message m = { .kind = CHANNEL_TOLD };
    bool sent = channel_send(CHANNEL_FD, &m, file), full = !sent && errno == EAGAIN;

    w->owes_numbers = full && !w->told_last;
    if (w->owes_numbers)
        say_later(w);
    else if (full && wait_for_room())
        (void)channel_send(CHANNEL_FD, &m, file);
    else if (!sent && file >= 0)
        (void)channel_send(CHANNEL_FD, &m, -1); /* it does not go with it: the front need not wait */
}

void worker_tell(struct worker *w, const struct graph *g, bool last)
{
    struct told_process p = measure_process(w->service);
    struct buf text = { 0 };
    int file;

    w->told_last = last;
    warnings_relay_give(w->service->sink.recent, &w->warned);
    told_write(&text, &p, &w->service->metrics, g);
    file = channel_pack(buf_bytes(&text));
    send_numbers(w, file);
    if (file >= 0)
        close(file);
    buf_free(&text);
}

/* ---- orders ---- */

static void reload_config(struct worker *w, int file)
{
    struct buf text = { 0 };
    struct worker_config next;

    if (!channel_unpack(file, &text) || !worker_config_read(&next, &text)) {
        answer_front(w, CHANNEL_RELOADED, false, "the new configuration did not arrive whole");
        buf_free(&text);
        return;
    }
    worker_config_free(&w->config);
    w->config = next;
    w->service->sources = w->config.sources;
    w->service->sources.files = &w->service->files;
    w->reloading = true;
    service_signal(w->service, SIGHUP);
}

static void on_message(struct worker *w, const struct channel_message *m, int file)
{
    switch ((enum channel_kind)m->kind) {
    case CHANNEL_RELOAD:
        reload_config(w, file);
        return;
    case CHANNEL_STOP:
        w->service->end_by = clock_mono(&w->service->loop.clock) + (uint64_t)m->number;
        service_signal(w->service, SIGTERM);
        break;
    case CHANNEL_HURRY:
        service_hurry(w->service);
        break;
    case CHANNEL_ASK:
        if (!w->told_last)
            worker_tell(w, w->service->now.graph, false);
        break;
    default:
        break;
    }
    if (file >= 0)
        close(file);
}

static void say_owed(struct worker *w)
{
    uv_poll_start(&w->poll, UV_READABLE, on_channel); /* unless there is no room for it yet */
    if (w->answer.kind != 0 && channel_send(CHANNEL_FD, &w->answer, -1))
        w->answer.kind = 0;
    if (w->answer.kind != 0)
        say_later(w);
    if (w->owes_numbers && !w->told_last)
        worker_tell(w, w->service->now.graph, false);
    if (w->owes_count)
        say_count(&w->count);
}

static void on_channel(uv_poll_t *poll, int status, int events)
{
    struct worker *w = container_of(poll, struct worker, poll);
    struct channel_message m;
    int file, rc;

    (void)status;
    if ((events & UV_WRITABLE) != 0)
        say_owed(w);
    while ((rc = channel_receive(CHANNEL_FD, &m, &file)) > 0)
        on_message(w, &m, file);
    if (rc < 0)
        _exit(EXIT_CODE_FAILED); /* the front is gone */
}

void worker_say_running(struct worker *w)
{
    const char *fault = w->service->view.shown.reload.fault;

    if (w->reloading)
        answer_front(w, CHANNEL_RELOADED, fault[0] == '\0', fault);
    else if (!w->told_ready)
        answer_front(w, CHANNEL_READY, true, "");
    w->told_ready = true;
    w->reloading = false;
}

void worker_say_failed(struct worker *w, const char *text)
{
    (void)w;
    (void)channel_say(CHANNEL_FD, CHANNEL_FAILED, 0, text);
}

/* ---- life ---- */

struct worker *worker_new(void)
{
    struct pollfd wait = { .fd = CHANNEL_FD, .events = POLLIN };
    struct worker *w = mem_zalloc(sizeof(*w));
    struct channel_message m;
    struct buf text = { 0 };
    int file = -1;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may grow no longer is a write that fails */
    if (poll(&wait, 1, FIRST_WAIT_MS) <= 0 || channel_receive(CHANNEL_FD, &m, &file) <= 0 ||
        !channel_unpack(file, &text) || !worker_config_read(&w->config, &text)) {
        fputs("otelcd: a worker is started by otelcd itself, for service::workers\n", stderr);
        buf_free(&text);
        worker_free(w);
        return NULL;
    }
    w->number = (unsigned)m.number;
    return w;
}

const struct worker_config *worker_config(const struct worker *w)
{
    return &w->config;
}

unsigned worker_number(const struct worker *w)
{
    return w->number;
}

static void serve_inside(struct worker *w)
{
    struct service *s = w->service;
    struct http_server_options options = {
        .endpoint = DOOR_INSIDE,
        .transport = "unix",
        .read_buffer_size = 16384,
        .idle_timeout = 60 * NS_PER_S,
        .own_user = true,
        .listeners = &s->listeners,
    };
    struct error err;

    if (http_server_listen(&w->inside, &s->loop, &options, &s->site.local.service, &s->budget, &s->log, NULL, &err) !=
            0 &&
        err.code != UV_ECANCELED) /* the front stops meanwhile */
        log_error(&s->log, "No way for the front to this worker's page", F_STR("error", err.text));
}

void worker_join(struct worker *w, struct service *s)
{
    the_worker = w;
    w->service = s;
    log_keep_recent(&s->sink);
    w->front = (struct listener_front){ open_door, accept_caller, close_door };
    w->count.run = say_count;
    s->listeners.front = &w->front;
    s->listeners.crowd.on_left = on_left;
    uv_poll_init(&s->loop.uv, &w->poll, CHANNEL_FD);
    uv_poll_start(&w->poll, UV_READABLE, on_channel);
    serve_inside(w);
}

static void on_inside_stopped(struct http_server *http, void *arg)
{
    struct worker *w = arg;

    http_server_free(http);
    w->inside = NULL;
    w->left(w->service);
}

void worker_leave(struct worker *w, void (*done)(struct service *s))
{
    struct service *s = w->service;

    w->left = done;
    uv_close((uv_handle_t *)&w->poll, NULL);
    turn_cancel(&s->loop.turn, &w->count);
    s->listeners.crowd.on_left = NULL;
    page_set_dismiss(&s->site.local);
    if (w->inside != NULL)
        http_server_stop(w->inside, clock_mono(&s->loop.clock), on_inside_stopped, w);
    else
        done(s);
}

void worker_free(struct worker *w)
{
    vec_free(&w->open);
    worker_config_free(&w->config);
    free(w);
}
