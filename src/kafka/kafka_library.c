/* SPDX-License-Identifier: Apache-2.0 */
/* One table, filled by name at the first call. What can go wrong: the library is not installed, or is older than
 * something in the table; or this is the static program, which cannot load any. All end in a sentence for whoever wrote
 * the configuration. */
#include "kafka/kafka_library.h"

#include "base/library.h"

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

static const char names[] =
#define KAFKA_NAME(name) #name "\0"
    KAFKA_FUNCTIONS(KAFKA_NAME);
#undef KAFKA_NAME

#define KAFKA_ONE(name) +1
#define KAFKA_FUNCTION_COUNT (0 KAFKA_FUNCTIONS(KAFKA_ONE))

const struct kafka_library *kafka_library(struct error *err)
{
    static struct kafka_library table;
    static bool filled;
    void *found[KAFKA_FUNCTION_COUNT], *handle;

    _Static_assert(sizeof(table) == sizeof(found), "the table has its functions alone, in the order of their names");
    if (!filled && library_find(SONAME, "Kafka needs librdkafka 2.0 or newer (Debian: librdkafka1)", names, found,
                                &handle, err) == 0) {
        memcpy(&table, found, sizeof(table));
        filled = true;
    }
    return filled ? &table : NULL;
}

#endif
