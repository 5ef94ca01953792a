/* SPDX-License-Identifier: Apache-2.0 */
/* Processors that are tested alone stand in a pipeline of each signal that all of them take, in the order written,
 * behind the receiver nop and before the exporter nop. */
#include "command/test/test_file_inside.h"

#include <string.h>

static struct yaml_node *put_map(struct arena *a, struct yaml_node *map, const char *key, const struct yaml_node *at)
{
    struct yaml_node *inner = yaml_new(a, YAML_MAP, at);

    yaml_put(a, map, key, at->line, at->column, inner);
    return inner;
}

static void put_nop(struct arena *a, struct yaml_node *root, const char *section, const struct yaml_node *at)
{
    yaml_put(a, put_map(a, root, section, at), "nop", at->line, at->column, yaml_new(a, YAML_NULL, at));
}

/* The signals that all take. What is no processor is complained about when the configuration is loaded. */
static uint32_t common_signals(const struct yaml_node *processors, const struct component *const *registry)
{
    uint32_t signals = SIGNAL_ALL;

    for (size_t i = 0; i < processors->n; i++) {
        const char *id = processors->pairs[i].key;
        const struct component *c = component_find(registry, COMPONENT_PROCESSOR, bytes_of(id, strcspn(id, "/")), NULL);

        if (c != NULL)
            signals &= c->signals;
    }
    return signals;
}

static struct yaml_node *nop_list(struct arena *a, const struct yaml_node *at)
{
    struct yaml_node *list = yaml_new(a, YAML_LIST, at);

    yaml_push(a, list, yaml_scalar(a, "nop", true, at));
    return list;
}

struct yaml_node *test_pipelines_of(struct test_file *f, const struct yaml_node *processors,
                                    const struct component *const *registry)
{
    const struct test_location at = { f, processors, "processors", NULL };
    struct arena *a = &f->arena;
    struct yaml_node *root = yaml_new(a, YAML_MAP, processors), *pipelines;
    uint32_t signals;

    if (processors->kind != YAML_MAP || processors->n == 0) {
        test_fault(&at, processors, "a map of processors, as in a configuration");
        return NULL;
    }
    signals = common_signals(processors, registry);
    if (signals == 0)
        test_fault(&at, processors, "no signal is taken by all of these processors");
    put_nop(a, root, "receivers", processors);
    put_nop(a, root, "exporters", processors);
    yaml_put(a, root, "processors", processors->line, processors->column, yaml_copy(a, processors));
    pipelines = put_map(a, put_map(a, root, "service", processors), "pipelines", processors);
    for (unsigned s = 0; s < SIGNAL_COUNT; s++) {
        struct yaml_node *p, *list;

        if ((signals & SIGNAL_BIT(s)) == 0)
            continue;
        p = put_map(a, pipelines, signal_table[s].name, processors);
        list = yaml_new(a, YAML_LIST, processors);
        for (size_t i = 0; i < processors->n; i++)
            yaml_push(a, list, yaml_scalar(a, processors->pairs[i].key, true, processors));
        yaml_put(a, p, "receivers", 0, 0, nop_list(a, processors));
        yaml_put(a, p, "processors", 0, 0, list);
        yaml_put(a, p, "exporters", 0, 0, nop_list(a, processors));
    }
    return root;
}
