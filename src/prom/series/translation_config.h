/* SPDX-License-Identifier: Apache-2.0 */
/* What users say about the way from OTLP to Prometheus, the same wherever series are made: option rows, and the
 * translation (prom/series/translate.h) that they ask for. */
#ifndef PROM_TRANSLATION_CONFIG_H
#define PROM_TRANSLATION_CONFIG_H

#include "config/option.h"
#include "prom/series/translate.h"

struct resource_labels_config {
    bool on;
    struct strings included, excluded;
};

struct conversion_config {
    bool enabled;
    bool exclude_service_attributes;
    struct strings include, exclude;
};

struct translation_config {
    const char *namespace;
    struct resource_labels_config resource_constant_labels;
    struct conversion_config resource_to_telemetry_conversion;
    bool add_metric_suffixes;
    int translation_strategy; /* 0: by add_metric_suffixes; else 1 + enum name_strategy */
};

extern const struct option resource_labels_options[], conversion_options[];
extern const char *const translation_strategies[];

/* Set by hand: clang-format takes the braces of an initialiser for those of a block. */
/* clang-format off */
/* Rows for `struct translation_config m` inside struct T. */
#define TRANSLATION_ROWS(T, m)                                                                                        \
    { .key = "namespace", .kind = OPTION_STRING, .offset = OPT_FIELD(T, m.namespace, const char *),                   \
      .help = "Put in front of every metric's name, with an underscore." },                                           \
    { .key = "resource_constant_labels", .kind = OPTION_GROUP,                                                        \
      .offset = OPT_FIELD(T, m.resource_constant_labels, struct resource_labels_config),                              \
      .options = resource_labels_options, .size = sizeof(struct resource_labels_config), .mode = GROUP_NONE,          \
      .help = "Which resource attributes become labels of every series." },                                           \
    { .key = "resource_to_telemetry_conversion", .kind = OPTION_GROUP,                                                \
      .offset = OPT_FIELD(T, m.resource_to_telemetry_conversion, struct conversion_config),                           \
      .options = conversion_options, .size = sizeof(struct conversion_config), .mode = GROUP_PLAIN,                   \
      .help = "Resource attributes as labels of every series, in the Collector's older form." },                                                        \
    { .key = "add_metric_suffixes", .kind = OPTION_BOOL, .offset = OPT_FIELD(T, m.add_metric_suffixes, bool),         \
      .def = "true", .help = "Add unit and type to names. Has no effect when translation_strategy is set." },          \
    { .key = "translation_strategy", .kind = OPTION_ENUM, .offset = OPT_FIELD(T, m.translation_strategy, int),        \
      .names = translation_strategies, .def = "", .help = "How OTLP names become Prometheus names." }
/* clang-format on */

void translation_check(const struct translation_config *c, struct check *ck);

/* Each of the map must leave a label name of its own; `key` is where the map stands. */
void translation_check_constants(const struct string_map *constants, const char *key, struct check *ck);

/* A translation and what it points to. */
struct configured_translation {
    struct translation translation;
    struct constant_label *constants;
    struct buf text;
};

/* `constants` go to every series that has no label of that name. The config's memory stays the caller's, and stays. */
void translation_configure(struct configured_translation *out, const struct translation_config *c, bool scope_labels,
                           const struct string_map *constants);
void translation_free(struct configured_translation *t);

#endif
