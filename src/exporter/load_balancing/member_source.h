/* SPDX-License-Identifier: Apache-2.0 */
/* Who says which members there are: a list that is written, a name in DNS, a service of Kubernetes, a file. */
#ifndef EXPORTER_LOAD_BALANCING_MEMBER_SOURCE_H
#define EXPORTER_LOAD_BALANCING_MEMBER_SOURCE_H

#include "base/vec.h"
#include "config/option.h"
#include "pipeline/component.h"

typedef VEC(char *) endpoint_list;

struct member_source;

struct member_source_ops {
    const char *name; /* as metrics call it */
    void (*start)(struct member_source *s);
    void (*free)(struct member_source *s);
};

/* Who has one embeds it. */
struct member_source {
    const struct member_source_ops *ops;
    struct node *node; /* whose it is */
    /* From the loop, never from inside free(): all there are now, which the callee takes over; or why nobody knows. */
    void (*found)(struct node *node, endpoint_list *endpoints);
    void (*failed)(struct node *node, const char *why);
};

struct static_resolver_config;
struct dns_resolver_config;
struct k8s_resolver_config;
struct file_resolver_config;

struct member_source *static_source_new(const struct static_resolver_config *c);
struct member_source *dns_source_new(const struct dns_resolver_config *c);
struct member_source *k8s_source_new(const struct k8s_resolver_config *c);
struct member_source *file_source_new(const struct file_resolver_config *c);

void endpoint_list_free(endpoint_list *l);

#endif
