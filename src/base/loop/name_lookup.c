/* SPDX-License-Identifier: Apache-2.0 */
/* A question stands in the loop's list until it is answered, so that others who have the same one join it. getaddrinfo
 * works on a thread, through libuv with a loop of the thread's own: it blocks then, and knows names that are not ASCII.
 * The answer goes to all who wait, in the order in which they came.
 *
 * What can go wrong: a thread cannot be called back from getaddrinfo. A question that nobody waits for any more is
 * dropped if it has not begun; else it goes when the thread is done, and answers whoever has joined it meanwhile. */
#include "base/loop/name_lookup.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct name_question {
    struct job job;
    struct turn_task answer; /* of what is an address already */
    struct loop *loop;
    struct list link;    /* of the loop's */
    struct list lookups; /* that wait for it */
    char *host, *port;   /* port: NULL is none */
    int status;
    struct addrinfo *found;
};

static const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };

/* ---- asking ---- */

static void ask_resolver(struct job *job)
{
    struct name_question *q = container_of(job, struct name_question, job);
    uv_getaddrinfo_t request = { 0 };
    uv_loop_t own;

    q->status = uv_loop_init(&own);
    if (q->status != 0)
        return;
    q->status = uv_getaddrinfo(&own, &request, NULL, q->host, q->port, &hints);
    q->found = request.addrinfo;
    uv_loop_close(&own);
}

/* Reading numbers asks nobody, and so does not block. */
static bool read_numbers(struct name_question *q)
{
    struct addrinfo numbers = hints;

    numbers.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    return getaddrinfo(q->host, q->port, &numbers, &q->found) == 0;
}

/* ---- answers ---- */

static void free_question(struct name_question *q)
{
    list_remove(&q->link);
    if (q->found != NULL)
        freeaddrinfo(q->found);
    free(q->host);
    free(q->port);
    free(q);
}

static void give_answer(struct name_question *q)
{
    struct name_lookup *l;

    list_remove(&q->link); /* who asks from now on gets an answer of his own */
    while ((l = list_pop(&q->lookups, struct name_lookup, link)) != NULL) {
        l->question = NULL;
        l->done(l, q->status, q->found);
    }
    free_question(q);
}

static void on_asked(struct job *job)
{
    give_answer(container_of(job, struct name_question, job));
}

static void on_numbers(struct turn_task *task)
{
    give_answer(container_of(task, struct name_question, answer));
}

/* ---- questions ---- */

static bool is_same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static struct name_question *make_question(struct loop *loop, const char *host, const char *port)
{
    struct name_question *q = mem_zalloc(sizeof(*q));

    q->job = (struct job){ .work = ask_resolver, .done = on_asked, .drop = on_asked };
    q->answer.run = on_numbers;
    q->loop = loop;
    q->host = mem_strdup(host);
    q->port = port != NULL ? mem_strdup(port) : NULL;
    list_init(&q->lookups);
    list_push(&loop->names, &q->link);
    if (read_numbers(q))
        turn_defer(&loop->turn, &q->answer);
    else
        job_start(loop, JOB_NAME, &q->job);
    return q;
}

static struct name_question *find_question(struct loop *loop, const char *host, const char *port)
{
    list_each (struct name_question, q, &loop->names, link)
        if (is_same(q->host, host) && is_same(q->port, port))
            return q;
    return make_question(loop, host, port);
}

void name_lookup_start(struct loop *loop, struct name_lookup *l, const char *host, const char *port)
{
    assert(l->question == NULL);
    l->question = find_question(loop, host, port);
    list_push(&l->question->lookups, &l->link);
}

void name_lookup_cancel(struct name_lookup *l)
{
    struct name_question *q = l->question;

    if (q == NULL)
        return;
    l->question = NULL;
    list_remove(&l->link);
    if (!list_empty(&q->lookups) || !list_linked(&q->link)) /* not the last; or it is answered just now */
        return;
    if (q->answer.queued) {
        turn_cancel(&q->loop->turn, &q->answer);
        free_question(q);
    } else if (!q->job.abandoned) {
        job_abandon(&q->job);
    }
}
