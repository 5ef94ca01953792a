/* SPDX-License-Identifier: Apache-2.0 */
/* What comes in the last milliseconds changes nothing any more, above all not the exit code: libuv gives each signal
 * its default action back, which would be to kill. So they are blocked until they are ignored. */
#include "service/signals.h"

#include <pthread.h>
#include <signal.h>

static const int watched[] = { SIGTERM, SIGINT, SIGHUP };
_Static_assert(sizeof(watched) / sizeof(watched[0]) == SIGNALS_WATCHED, "one handle each");

static void on_signal(uv_signal_t *handle, int number)
{
    struct signals *s = handle->data;

    s->on_signal(s->arg, number);
}

void signals_watch(struct signals *s, uv_loop_t *loop, void (*on)(void *arg, int number), void *arg)
{
    s->on_signal = on;
    s->arg = arg;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may grow no longer is a write that fails */
    for (size_t i = 0; i < SIGNALS_WATCHED; i++) {
        uv_signal_init(loop, &s->handles[i]);
        s->handles[i].data = s;
        uv_signal_start(&s->handles[i], on_signal, watched[i]);
    }
}

void signals_close(struct signals *s)
{
    sigset_t all, before;

    sigemptyset(&all);
    for (size_t i = 0; i < SIGNALS_WATCHED; i++)
        sigaddset(&all, watched[i]);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    for (size_t i = 0; i < SIGNALS_WATCHED; i++) {
        uv_close((uv_handle_t *)&s->handles[i], NULL);
        signal(watched[i], SIG_IGN);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}
