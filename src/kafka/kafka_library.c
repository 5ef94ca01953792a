/* SPDX-License-Identifier: Apache-2.0 */
/* One table, filled by name at the first call. What can go wrong: the library is not installed, or is older than
 * something in the table; or this is the static program, which cannot load any. All end in a sentence for whoever wrote
 * the configuration. */
#include "kafka/kafka_library.h"

#include "base/mem.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdbool.h>
#include <string.h>
#include <uv.h>

#define SONAME "librdkafka.so.1"

#ifdef OTELCD_STATIC

const struct kafka_library *kafka_library(struct error *err)
{
    error_set(err, UV_ENOSYS,
              "the static otelcd has no Kafka, for it loads no libraries: use the package, or one that was built with "
              "`make`, and install " SONAME " (Debian: librdkafka1)");
    return NULL;
}

#else

static const struct {
    const char *name;
    size_t offset;
} functions[] = {
#define KAFKA_ROW(name) { #name, offsetof(struct kafka_library, name) },
    KAFKA_FUNCTIONS(KAFKA_ROW)
#undef KAFKA_ROW
};

/* False: one is missing, and *missing says which. */
static bool fill_table(void *handle, struct kafka_library *table, const char **missing)
{
    for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
        void *f = dlsym(handle, functions[i].name);

        *missing = functions[i].name;
        if (f == NULL)
            return false;
        memcpy((char *)table + functions[i].offset, &f, sizeof(f));
    }
    return true;
}

const struct kafka_library *kafka_library(struct error *err)
{
    static struct kafka_library table;
    static bool filled;
    const char *missing = NULL;
    void *handle;

    if (filled)
        return &table;
    handle = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        error_set(err, UV_ENOENT, "Kafka needs " SONAME ": install it (Debian: apt-get install librdkafka1); %s",
                  dlerror());
        return NULL;
    }
    filled = fill_table(handle, &table, &missing);
    if (!filled) {
        error_set(err, UV_ENOSYS, SONAME " is too old: it has no %s; 2.0 or newer is needed", missing);
        dlclose(handle);
        return NULL;
    }
    return &table;
}

#endif
