/* SPDX-License-Identifier: Apache-2.0 */
/* What sends otelcd's own telemetry: the receiver of a pipeline of its own, which service/config_own.c makes for each
 * processor and reader of service::telemetry, in front of an exporter that is made for it too. So the batches are
 * queued, tried again and booked in ledgers like all others.
 *
 * It is no component that a user can write. What it makes is bounded, in items and bytes, and charged to the budget;
 * what there is no room for is dropped and counted (otelcd_telemetry_dropped_items). */
#ifndef SERVICE_OWN_SOURCE_H
#define SERVICE_OWN_SOURCE_H

#include "pipeline/component.h"

/* The configuration of one. */
struct own_source_config {
    uint64_t delay;               /* ns: between two sendings; 0: at once */
    uint64_t queue_items;         /* that wait; of metrics all there are are sent */
    uint64_t batch_items;         /* so many do not wait for the delay */
    struct trace_sampler sampler; /* spans */
    struct string_map resource;   /* as own_resource_init() takes it; in the component's memory */
};

extern const struct component own_source;

/* Items of the node, of that component, that have not been sent. */
uint64_t own_source_waiting(const struct node *node);

/* What was not taken of that signal is counted there. */
struct metric *own_source_dropped(struct metrics *metrics, enum signal signal);

#endif
