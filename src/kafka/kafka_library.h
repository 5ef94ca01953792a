/* SPDX-License-Identifier: Apache-2.0 */
/* librdkafka, found when a configuration asks for Kafka and not before: who does not use it does not load it, and it
 * need not be installed. Its functions are called through this table. */
#ifndef KAFKA_LIBRARY_H
#define KAFKA_LIBRARY_H

#include "base/error.h"

#include <librdkafka/rdkafka.h>

#define KAFKA_FUNCTIONS(X)                                                                                             \
    X(rd_kafka_conf_destroy)                                                                                           \
    X(rd_kafka_conf_new)                                                                                               \
    X(rd_kafka_conf_set)                                                                                               \
    X(rd_kafka_conf_set_events)                                                                                        \
    X(rd_kafka_consumer_close_queue)                                                                                   \
    X(rd_kafka_consumer_closed)                                                                                        \
    X(rd_kafka_destroy_flags)                                                                                          \
    X(rd_kafka_err2str)                                                                                                \
    X(rd_kafka_error_code)                                                                                             \
    X(rd_kafka_error_destroy)                                                                                          \
    X(rd_kafka_error_string)                                                                                           \
    X(rd_kafka_event_destroy)                                                                                          \
    X(rd_kafka_event_error)                                                                                            \
    X(rd_kafka_event_error_is_fatal)                                                                                   \
    X(rd_kafka_event_error_string)                                                                                     \
    X(rd_kafka_event_log)                                                                                              \
    X(rd_kafka_event_message_next)                                                                                     \
    X(rd_kafka_event_topic_partition_list)                                                                             \
    X(rd_kafka_event_type)                                                                                             \
    X(rd_kafka_fatal_error)                                                                                            \
    X(rd_kafka_get_watermark_offsets)                                                                                  \
    X(rd_kafka_header_add)                                                                                             \
    X(rd_kafka_header_get_all)                                                                                         \
    X(rd_kafka_headers_destroy)                                                                                        \
    X(rd_kafka_headers_new)                                                                                            \
    X(rd_kafka_assign)                                                                                                 \
    X(rd_kafka_assignment_lost)                                                                                        \
    X(rd_kafka_incremental_assign)                                                                                     \
    X(rd_kafka_incremental_unassign)                                                                                   \
    X(rd_kafka_message_errstr)                                                                                         \
    X(rd_kafka_message_headers)                                                                                        \
    X(rd_kafka_new)                                                                                                    \
    X(rd_kafka_oauthbearer_set_token)                                                                                  \
    X(rd_kafka_oauthbearer_set_token_failure)                                                                          \
    X(rd_kafka_offsets_store)                                                                                          \
    X(rd_kafka_outq_len)                                                                                               \
    X(rd_kafka_pause_partitions)                                                                                       \
    X(rd_kafka_poll_set_consumer)                                                                                      \
    X(rd_kafka_produceva)                                                                                              \
    X(rd_kafka_purge)                                                                                                  \
    X(rd_kafka_queue_destroy)                                                                                          \
    X(rd_kafka_queue_get_consumer)                                                                                     \
    X(rd_kafka_queue_get_main)                                                                                         \
    X(rd_kafka_queue_io_event_enable)                                                                                  \
    X(rd_kafka_queue_poll)                                                                                             \
    X(rd_kafka_rebalance_protocol)                                                                                     \
    X(rd_kafka_resume_partitions)                                                                                      \
    X(rd_kafka_seek_partitions)                                                                                        \
    X(rd_kafka_set_log_queue)                                                                                          \
    X(rd_kafka_subscribe)                                                                                              \
    X(rd_kafka_topic_name)                                                                                             \
    X(rd_kafka_topic_partition_list_add)                                                                               \
    X(rd_kafka_topic_partition_list_destroy)                                                                           \
    X(rd_kafka_topic_partition_list_new)                                                                               \
    X(rd_kafka_version)                                                                                                \
    X(rd_kafka_version_str)

struct kafka_library {
#define KAFKA_MEMBER(name) __typeof__(&name) name;
    KAFKA_FUNCTIONS(KAFKA_MEMBER)
#undef KAFKA_MEMBER
};

/* Loads it at the first call, and keeps it. NULL and a sentence where it cannot be had. For the loop's thread. */
const struct kafka_library *kafka_library(struct error *err);

#endif
