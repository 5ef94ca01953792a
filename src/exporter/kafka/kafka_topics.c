/* SPDX-License-Identifier: Apache-2.0 */
/* A table by name. A name that is not a topic's, and one too many, are refused with a sentence. */
#include "exporter/kafka/kafka_topics.h"

#include "base/mem.h"
#include "kafka/kafka_client_rows.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t hash_of(const void *entry)
{
    return bytes_hash(bytes_str(entry));
}

static bool has_name(const void *entry, const void *key)
{
    return bytes_is(*(const struct bytes *)key, entry);
}

void kafka_topics_init(struct kafka_topics *t, struct budget *budget)
{
    table_init(&t->names, hash_of, budget);
}

static void free_names(uint64_t *slots, uint64_t mask)
{
    for (uint64_t i = 0; slots != NULL && i <= mask; i++)
        if (slots[i] > 1)
            free(table_entry(slots[i]));
}

void kafka_topics_free(struct kafka_topics *t)
{
    free_names(t->names.slots, t->names.mask);
    free_names(t->names.old, t->names.old_mask);
    table_free(&t->names);
}

const char *kafka_topics_find(struct kafka_topics *t, struct bytes name, char *why, size_t size)
{
    uint64_t hash = bytes_hash(name);
    char *known = table_find(&t->names, hash, has_name, &name);

    if (known != NULL)
        return known;
    known = bytes_dup(name);
    if (strlen(known) != name.len || !kafka_topic_is_valid(known))
        snprintf(why, size, "the data names \"%.250s\" as its topic, which can be none", known);
    else if (t->names.n >= KAFKA_TOPICS_MOST || !table_insert(&t->names, known, hash))
        snprintf(why, size, "the data has named %d topics already, and \"%.250s\" is one too many", KAFKA_TOPICS_MOST,
                 known);
    else
        return known;
    free(known);
    return NULL;
}
