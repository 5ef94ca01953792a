/* SPDX-License-Identifier: Apache-2.0 */
/* Each thread has a list under one key of pthread's, whose destructor walks it. */
#include "base/loop/thread.h"

#include "base/mem.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct kept {
    struct kept *next;
    void (*release)(void *arg);
    void *arg;
};

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void release_all(void *list)
{
    struct kept *k, *next;

    for (k = list; k != NULL; k = next) {
        next = k->next;
        k->release(k->arg);
        free(k);
    }
}

static void make_key(void)
{
    int rc = pthread_key_create(&key, release_all);

    assert(rc == 0); /* the first of a thousand and more */
    (void)rc;
}

void thread_at_end(void (*release)(void *arg), void *arg)
{
    struct kept *k = mem_alloc(sizeof(*k));

    pthread_once(&once, make_key);
    *k = (struct kept){ pthread_getspecific(key), release, arg };
    if (pthread_setspecific(key, k) != 0)
        abort();
}

void *thread_keep(void *made, void (*release)(void *made))
{
    if (made == NULL)
        abort();
    thread_at_end(release, made);
    return made;
}
