/* SPDX-License-Identifier: Apache-2.0 */
/* A stub jumps through its slot. At first all slots lead to library_function(). When the library is wanted it is
 * opened, all its functions that we call are looked up, and only when all of them are there the slots are turned. The
 * slots have pages of their own, which can be written to for as long as that takes.
 *
 * What can go wrong: there is no such library, or it is older than the one that the program was built with. Nothing has
 * changed then, and the next who asks tries again. */
#include "base/library.h"

#include "base/mem.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <uv.h>

/* The generated stubs': absent where the libraries are linked. The names of a library are its own and then those of its
 * functions, in the order of the slots, each with a zero at its end, an empty one at the end of each list and of all.
 */
extern void *late_slots[] __attribute__((weak, visibility("hidden")));
extern void *late_slots_end[] __attribute__((weak, visibility("hidden")));
extern const char late_names[] __attribute__((weak, visibility("hidden")));

static const struct {
    const char *stem, *what;
} known[LIBRARIES] = {
    [LIBRARY_OPENSSL] = { "libssl.so", "TLS needs OpenSSL" },
    [LIBRARY_RE2] = { "libre2.so", "regular expressions need RE2" },
    [LIBRARY_SNAPPY] = { "libsnappy.so", "snappy needs its library" },
    [LIBRARY_CRYPT] = { "libcrypt.so", "hashes of passwords need libcrypt" },
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool loaded[LIBRARIES];

struct late {
    const char *file;  /* libssl.so.3 */
    const char *names; /* of its functions */
    size_t first, n;   /* slots */
};

static const char *next_name(const char *name)
{
    return name + strlen(name) + 1;
}

/* The list at *at, which moves behind it. False: there is no more. */
static bool next_late(const char **at, size_t *slot, struct late *out)
{
    const char *p = *at;

    if (p == NULL || *p == '\0')
        return false;
    *out = (struct late){ .file = p, .names = next_name(p), .first = *slot };
    for (p = out->names; *p != '\0'; p = next_name(p))
        out->n++;
    *slot += out->n;
    *at = p + 1;
    return true;
}

static bool is_of(const struct late *late, enum library l)
{
    return strncmp(late->file, known[l].stem, strlen(known[l].stem)) == 0;
}

int library_find(const char *file, const char *what, const char *names, void **found, void **handle, struct error *err)
{
    *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (*handle == NULL)
        return error_set(err, UV_ENOENT, "%s, and it cannot be loaded: %s; install the package that has %s", what,
                         dlerror(), file);
    for (const char *name = names; *name != '\0'; name = next_name(name), found++) {
        *found = dlsym(*handle, name);
        if (*found != NULL)
            continue;
        (void)dlclose(*handle);
        return error_set(err, UV_ENOENT, "%s, and this %s is not one that otelcd was built for: it lacks %s", what,
                         file, name);
    }
    return 0;
}

static int protect_slots(int protection)
{
    return mprotect(late_slots, (uintptr_t)late_slots_end - (uintptr_t)late_slots, protection);
}

static int turn_slots(const struct late *late, enum library l, void *const *found, struct error *err)
{
    if (protect_slots(PROT_READ | PROT_WRITE) != 0)
        return error_set(err, UV_ENOENT, "%s, and %s cannot be put into use: %s", known[l].what, late->file,
                         strerror(errno));
    for (size_t i = 0; i < late->n; i++)
        __atomic_store_n(&late_slots[late->first + i], found[i], __ATOMIC_RELEASE);
    /* They can only be written to for longer when that fails. */
    (void)protect_slots(PROT_READ);
    return 0;
}

static int load_library(const struct late *late, enum library l, struct error *err)
{
    void **found = mem_zalloc((late->n + 1) * sizeof(*found)), *handle;
    int rc = library_find(late->file, known[l].what, late->names, found, &handle, err);

    if (rc == 0) {
        rc = turn_slots(late, l, found, err);
        if (rc != 0)
            (void)dlclose(handle);
    }
    free(found);
    return rc;
}

int library_load(enum library l, struct error *err)
{
    const char *at = late_names;
    struct late late;
    size_t slot = 0;
    int rc = 0;

    if (atomic_load_explicit(&loaded[l], memory_order_acquire))
        return 0;
    (void)pthread_mutex_lock(&lock);
    while (next_late(&at, &slot, &late))
        if (is_of(&late, l) && !atomic_load(&loaded[l]))
            rc = load_library(&late, l, err);
    if (rc == 0)
        atomic_store_explicit(&loaded[l], true, memory_order_release);
    (void)pthread_mutex_unlock(&lock);
    return rc;
}

void *library_function(size_t stub)
{
    const char *at = late_names;
    struct late late;
    size_t slot = 0;
    struct error err = { 0 };

    while (next_late(&at, &slot, &late)) {
        if (stub >= slot)
            continue;
        for (enum library l = 0; l < LIBRARIES; l++)
            if (is_of(&late, l) && library_load(l, &err) == 0)
                return late_slots[stub];
        break;
    }
    (void)fprintf(stderr, "otelcd: %s\n", err.text);
    abort();
}
