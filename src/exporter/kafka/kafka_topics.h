/* SPDX-License-Identifier: Apache-2.0 */
/* The topics that data has named, each name once, for as long as the exporter lives. There is a bound to them, for each
 * costs memory here and in librdkafka, and may be made by the brokers. */
#ifndef EXPORTER_KAFKA_TOPICS_H
#define EXPORTER_KAFKA_TOPICS_H

#include "base/table.h"

#define KAFKA_TOPICS_MOST 1000

struct kafka_topics {
    struct table names;
};

void kafka_topics_init(struct kafka_topics *t, struct budget *budget);
void kafka_topics_free(struct kafka_topics *t);

/* The name, NUL-terminated. NULL where it is no topic's, or there are too many: `why` says so. */
const char *kafka_topics_find(struct kafka_topics *t, struct bytes name, char *why, size_t size);

#endif
