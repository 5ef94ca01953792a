/* SPDX-License-Identifier: Apache-2.0 */
/* The handler runs in any thread, between any two instructions. What it touches: the table, behind a lock that is only
 * tried (another thread in the handler at the same moment is a lost sample), and _Unwind_Backtrace(), which since glibc
 * 2.35 finds the tables of a program counter without locks or memory (_dl_find_object); its first call, which sets
 * things up, is made before. With an older libc only the innermost frame is taken.
 *
 * What can go wrong: more different stacks than places, or deeper ones than SAMPLER_FRAMES (the outermost are cut off);
 * a thread that comes and goes between two looks is not seen. */
#include "extension/pprof/sampler.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>
#include <uv.h>

#define THREADS_MAX 64u
#define TABLE_BYTES (sizeof(struct sampler_stack) * SAMPLER_STACKS)
#define PROBES 64u

struct thread_timer {
    pid_t tid;
    timer_t timer;
};

static struct {
    struct sampler_stack *stacks;
    struct budget *budget;
    atomic_flag busy;
    atomic_uint_fast64_t lost;
    atomic_bool on;
    bool whole_stacks;
    struct thread_timer threads[THREADS_MAX];
    size_t n_threads;
} sampler = { .busy = ATOMIC_FLAG_INIT };

/* ---- in the handler ---- */

struct walk {
    uintptr_t from; /* the interrupted instruction: what is inside of it is ours */
    uint32_t n;
    uintptr_t frames[SAMPLER_FRAMES];
};

static uintptr_t interrupted_at(const void *context)
{
    const ucontext_t *u = context;

#if defined(__x86_64__)
    return (uintptr_t)u->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (uintptr_t)u->uc_mcontext.pc;
#else
    (void)u;
    return 0;
#endif
}

/* A return address is behind the call: the one before it is in it. */
static _Unwind_Reason_Code take_frame(struct _Unwind_Context *context, void *arg)
{
    struct walk *w = arg;
    int exact = 0;
    uintptr_t ip = (uintptr_t)_Unwind_GetIPInfo(context, &exact);

    if (ip == 0 || w->n == SAMPLER_FRAMES)
        return _URC_END_OF_STACK;
    if (w->n > 0 || ip == w->from)
        w->frames[w->n++] = exact != 0 ? ip : ip - 1;
    return _URC_NO_REASON;
}

static uint64_t hash_of(const struct walk *w)
{
    uint64_t h = 0xcbf29ce484222325ull;

    for (uint32_t i = 0; i < w->n; i++)
        h = (h ^ w->frames[i]) * 0x100000001b3ull;
    return h;
}

static bool is_same(const struct sampler_stack *s, uint64_t hash, const struct walk *w)
{
    return s->hash == hash && s->n == w->n && memcmp(s->frames, w->frames, w->n * sizeof(w->frames[0])) == 0;
}

static bool count_stack(const struct walk *w)
{
    uint64_t hash = hash_of(w);

    for (uint64_t i = 0; i < PROBES; i++) {
        struct sampler_stack *s = &sampler.stacks[(hash + i) % SAMPLER_STACKS];

        if (s->count == 0) {
            s->hash = hash;
            s->n = w->n;
            memcpy(s->frames, w->frames, w->n * sizeof(w->frames[0]));
        } else if (!is_same(s, hash, w)) {
            continue;
        }
        s->count++;
        return true;
    }
    return false;
}

static void take_sample(const void *context)
{
    struct walk w = { .from = interrupted_at(context) };
    bool counted;

    if (sampler.whole_stacks)
        _Unwind_Backtrace(take_frame, &w);
    if (w.n == 0)
        w.frames[w.n++] = w.from;
    if (atomic_flag_test_and_set(&sampler.busy)) {
        atomic_fetch_add(&sampler.lost, 1);
        return;
    }
    counted = !atomic_load(&sampler.on) || count_stack(&w); /* off: the table may have gone meanwhile */
    atomic_flag_clear(&sampler.busy);
    if (!counted)
        atomic_fetch_add(&sampler.lost, 1);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    int before = errno;

    (void)number;
    (void)info;
    if (atomic_load(&sampler.on))
        take_sample(context);
    errno = before;
}

/* ---- threads ---- */

/* The clock of a thread's processor time, as pthread_getcpuclockid(3) makes it of a thread of this process. */
static clockid_t clock_of_thread(pid_t tid)
{
    return (clockid_t)((~(unsigned)tid << 3) | 6u);
}

static bool is_known(pid_t tid)
{
    for (size_t i = 0; i < sampler.n_threads; i++)
        if (sampler.threads[i].tid == tid)
            return true;
    return false;
}

static void add_thread(pid_t tid)
{
    struct thread_timer *t = &sampler.threads[sampler.n_threads];
    const struct timespec period = { .tv_nsec = 1000000000 / SAMPLER_HZ };
    struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGPROF };

    event._sigev_un._tid = tid;
    if (sampler.n_threads == THREADS_MAX || is_known(tid) || timer_create(clock_of_thread(tid), &event, &t->timer) != 0)
        return;
    t->tid = tid;
    sampler.n_threads++;
    timer_settime(t->timer, 0, &(struct itimerspec){ .it_interval = period, .it_value = period }, NULL);
}

void sampler_look_for_threads(void)
{
    DIR *d = opendir("/proc/self/task");

    if (d == NULL)
        return;
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.')
            add_thread((pid_t)strtol(e->d_name, NULL, 10));
    closedir(d);
}

/* ---- start and stop ---- */

static _Unwind_Reason_Code take_none(struct _Unwind_Context *context, void *arg)
{
    (void)context;
    (void)arg;
    return _URC_END_OF_STACK;
}

/* 2.35 and later. */
static bool unwinds_in_handlers(void)
{
    char *rest;
    long major = strtol(gnu_get_libc_version(), &rest, 10), minor = *rest == '.' ? strtol(rest + 1, NULL, 10) : 0;

    return major > 2 || (major == 2 && minor >= 35);
}

int sampler_start(struct budget *budget, struct error *err)
{
    struct sigaction act = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART };

    if (sampler.stacks != NULL)
        return error_set(err, UV_EBUSY, "cpu profiling already in use");
    if (!budget_take(budget, TABLE_BYTES))
        return error_set(err, UV_ENOMEM, "the memory budget has no room for a profile now");
    sampler.budget = budget;
    sampler.stacks = mem_zalloc(TABLE_BYTES);
    atomic_store(&sampler.lost, 0);
    sampler.whole_stacks = unwinds_in_handlers();
    _Unwind_Backtrace(take_none, NULL);
    sigaction(SIGPROF, &act, NULL);
    atomic_store(&sampler.on, true);
    sampler_look_for_threads();
    return 0;
}

/* The handler stays: a signal that is on its way would end the process. */
struct sampler_counts sampler_stop(void)
{
    for (size_t i = 0; i < sampler.n_threads; i++)
        timer_delete(sampler.threads[i].timer);
    sampler.n_threads = 0;
    atomic_store(&sampler.on, false);
    while (atomic_flag_test_and_set(&sampler.busy)) /* a thread that is counting: a few instructions */
        ;
    atomic_flag_clear(&sampler.busy);
    return (struct sampler_counts){ sampler.stacks, atomic_load(&sampler.lost) };
}

void sampler_free(void)
{
    if (sampler.stacks == NULL)
        return;
    budget_give(sampler.budget, TABLE_BYTES);
    free(sampler.stacks);
    sampler.stacks = NULL;
}
