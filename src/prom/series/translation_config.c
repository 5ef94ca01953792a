/* SPDX-License-Identifier: Apache-2.0 */
/* Checks, and translation_configure(), which turns options into the translation's terms and renders the constant labels
 * once for all series. */
#include "prom/series/translation_config.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

const char *const translation_strategies[] = { "",
                                               "UnderscoreEscapingWithSuffixes",
                                               "UnderscoreEscapingWithoutSuffixes",
                                               "NoUTF8EscapingWithSuffixes",
                                               "NoTranslation",
                                               NULL };

const struct option resource_labels_options[] = {
    OPT_STRINGS(
        struct resource_labels_config, included, "[]",
        "Resource attributes that become labels; * is any run of characters, ? any one. Empty: all but excluded."),
    OPT_STRINGS(struct resource_labels_config, excluded, "[]",
                "Resource attributes that do not, whatever included says."),
    OPT_END,
};

const struct option conversion_options[] = {
    OPT_BOOL(struct conversion_config, enabled, "false", "Make all resource attributes labels of every series."),
    OPT_BOOL(struct conversion_config, exclude_service_attributes, "false",
             "All but service.name, service.namespace and service.instance.id."),
    OPT_STRINGS(struct conversion_config, include, "[]",
                "These alone, where it is enabled; * is any run of characters, ? any one. Empty: all."),
    OPT_STRINGS(struct conversion_config, exclude, "[]", "Not these, whatever include says."),
    OPT_END,
};

void translation_check(const struct translation_config *c, struct check *ck)
{
    const struct conversion_config *conversion = &c->resource_to_telemetry_conversion;

    if (!conversion->enabled && conversion->include.n + conversion->exclude.n > 0)
        check_fail(ck, "resource_to_telemetry_conversion",
                   "include and exclude have no effect without enabled: write `enabled: true` beside them");
    if (c->resource_constant_labels.on && c->resource_to_telemetry_conversion.enabled)
        check_fail(ck, "resource_constant_labels",
                   "cannot configure both resource_constant_labels and resource_to_telemetry_conversion: remove the "
                   "latter, which is the older form");
}

void translation_check_constants(const struct string_map *constants, const char *key, struct check *ck)
{
    struct buf name = { 0 };

    for (size_t i = 0; i < constants->n; i++) {
        const char *label = constants->v[i].key;

        name.len = 0;
        if (!name_label(&name, NAME_UTF8_WITH_SUFFIXES, bytes_str(label)) || strncmp(label, "__", 2) == 0)
            check_fail(ck, key, "\"%s\" is not a label name that may be given: it is empty or begins with __", label);
    }
    buf_free(&name);
}

static enum name_strategy strategy_of(const struct translation_config *c)
{
    if (c->translation_strategy > 0)
        return (enum name_strategy)(c->translation_strategy - 1);
    return c->add_metric_suffixes ? NAME_UNDERSCORES_WITH_SUFFIXES : NAME_UNDERSCORES_WITHOUT_SUFFIXES;
}

static void set_constants(struct configured_translation *out, const struct string_map *map)
{
    struct translation *t = &out->translation;
    size_t *ends = mem_alloc((map->n + 1) * sizeof(*ends));

    out->constants = mem_alloc((map->n + 1) * sizeof(*out->constants));
    for (size_t i = 0; i < map->n; i++) {
        name_label(&out->text, t->strategy, bytes_str(map->v[i].key));
        ends[i] = out->text.len;
    }
    for (size_t i = 0, at = 0; i < map->n; at = ends[i++])
        if (ends[i] > at)
            out->constants[t->n_constants++] =
                (struct constant_label){ bytes_of(out->text.data + at, ends[i] - at), bytes_str(map->v[i].value) };
    t->constants = out->constants;
    free(ends);
}

void translation_configure(struct configured_translation *out, const struct translation_config *c, bool scope_labels,
                           const struct string_map *constants)
{
    const struct resource_labels_config *labels = &c->resource_constant_labels;
    const struct conversion_config *conversion = &c->resource_to_telemetry_conversion;
    const struct strings *included = conversion->enabled ? &conversion->include : &labels->included;
    const struct strings *excluded = conversion->enabled ? &conversion->exclude : &labels->excluded;

    *out = (struct configured_translation){ .translation = {
                                                .strategy = strategy_of(c),
                                                .ns = bytes_str(c->namespace != NULL ? c->namespace : ""),
                                                .scope_labels = scope_labels,
                                                .promote = conversion->enabled || labels->included.n > 0 ||
                                                           labels->excluded.n > 0,
                                                .leave_service_out =
                                                    conversion->enabled && conversion->exclude_service_attributes,
                                                .included = included->v,
                                                .n_included = included->n,
                                                .excluded = excluded->v,
                                                .n_excluded = excluded->n,
                                            } };
    set_constants(out, constants);
}

void translation_free(struct configured_translation *t)
{
    free(t->constants);
    buf_free(&t->text);
}
