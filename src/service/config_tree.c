/* SPDX-License-Identifier: Apache-2.0 */
/* print-config's tree: every component and the service with all their options, as decoding understood them, written so
 * that reading it again gives the same configuration. Only for a configuration without errors. */
#include "service/config_inside.h"

#include <assert.h>

static struct yaml_node *ids_node(struct arena *a, struct config_component *const *list, size_t n)
{
    struct yaml_node *out = yaml_new(a, YAML_LIST, NULL);

    for (size_t i = 0; i < n; i++)
        yaml_push(a, out, yaml_scalar(a, list[i]->id, false, NULL));
    return out;
}

static struct yaml_node *pipelines_node(struct config *c)
{
    struct arena *a = &c->arena;
    struct yaml_node *out = yaml_new(a, YAML_MAP, NULL);

    for (size_t i = 0; i < c->n_pipelines; i++) {
        const struct config_pipeline *p = &c->pipelines[i];
        struct yaml_node *one = yaml_new(a, YAML_MAP, NULL);

        if (p->own)
            continue;
        yaml_put(a, one, "receivers", 0, 0, ids_node(a, p->receivers, p->n_receivers));
        yaml_put(a, one, "processors", 0, 0, ids_node(a, p->processors, p->n_processors));
        yaml_put(a, one, "exporters", 0, 0, ids_node(a, p->exporters, p->n_exporters));
        yaml_put(a, out, p->id, 0, 0, one);
    }
    return out;
}

static struct yaml_node *service_node(struct config *c, bool reveal)
{
    struct arena *a = &c->arena;
    const struct yaml_node *rows = encode_struct(a, service_options, c->service, reveal);
    struct yaml_node *out = yaml_new(a, YAML_MAP, NULL);

    for (size_t i = 0; i < rows->n; i++)
        if (strcmp(rows->pairs[i].key, "pipelines") != 0 && strcmp(rows->pairs[i].key, "extensions") != 0)
            yaml_put(a, out, rows->pairs[i].key, 0, 0, rows->pairs[i].value);
    yaml_put(a, out, "extensions", 0, 0, ids_node(a, c->extensions, c->n_extensions));
    yaml_put(a, out, "pipelines", 0, 0, pipelines_node(c));
    return out;
}

struct yaml_node *config_component_tree(struct config *c, const struct config_component *cc, bool reveal)
{
    return encode_struct(&c->arena, config_rows_of(cc->component), cc->config, reveal);
}

struct yaml_node *config_tree(struct config *c, bool reveal)
{
    struct arena *a = &c->arena;
    struct yaml_node *root = yaml_new(a, YAML_MAP, NULL);

    assert(c->faults.n_errors == 0);
    for (int kind = 0; kind < COMPONENT_KINDS; kind++) {
        struct yaml_node *section = yaml_new(a, YAML_MAP, NULL);

        for (size_t i = 0; i < c->components[kind].n; i++) {
            const struct config_component *cc = &c->components[kind].v[i];

            if (!cc->own)
                yaml_put(a, section, cc->id, 0, 0, config_component_tree(c, cc, reveal));
        }
        if (section->n > 0)
            yaml_put(a, root, config_sections[kind], 0, 0, section);
    }
    yaml_put(a, root, "service", 0, 0, service_node(c, reveal));
    root = yaml_copy(a, root);
    escape_tree(a, root);
    return root;
}
