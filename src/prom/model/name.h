/* SPDX-License-Identifier: Apache-2.0 */
/* OTLP names as Prometheus names as the Go collector 0.158 makes them.
 *
 * These names may still hold any UTF-8 when the strategy keeps it; what a scraper can read is settled afterwards, by
 * the escaping that it negotiates (name_escape_*). Input is UTF-8 that has been validated; bytes that are not count as
 * one character each outside every grammar. */
#ifndef PROM_NAME_H
#define PROM_NAME_H

#include "base/buf.h"
#include "base/bytes.h"

#include <stdbool.h>

enum name_strategy {
    NAME_UNDERSCORES_WITH_SUFFIXES,    /* UnderscoreEscapingWithSuffixes */
    NAME_UNDERSCORES_WITHOUT_SUFFIXES, /* UnderscoreEscapingWithoutSuffixes */
    NAME_UTF8_WITH_SUFFIXES,           /* NoUTF8EscapingWithSuffixes */
    NAME_UTF8_WITHOUT_SUFFIXES,        /* NoTranslation */
};

/* What decides the suffix: monotonic sums get `total`; gauges of unit `1` get `ratio`. */
enum name_type { NAME_COUNTER, NAME_GAUGE, NAME_OTHER };

enum name_escaping { NAME_ESCAPE_UNDERSCORES, NAME_ESCAPE_NONE, NAME_ESCAPE_DOTS, NAME_ESCAPE_VALUES };

/* Append the metric's name to `out`. False, and nothing appended, when no name is left of it: the metric cannot
 * be shown. `ns` is the exporter's `namespace`, may be empty. */
bool name_metric(struct buf *out, enum name_strategy strategy, struct bytes ns, struct bytes name, struct bytes unit,
                 enum name_type type);

/* The unit as it stands in `# UNIT` and in metadata: `By/s` is `bytes_per_second`; empty for none. */
void name_unit(struct buf *out, enum name_strategy strategy, struct bytes unit);

/* Append the label's name. False, and nothing appended, when no name is left of it. */
bool name_label(struct buf *out, enum name_strategy strategy, struct bytes name);

/* The same by remote write's rules: several underscores become one, and a name that begins with one gets `key` in
 * front. False only for the empty name. */
bool name_label_collapsed(struct buf *out, enum name_strategy strategy, struct bytes name);

/* `<namespace>_target_info`, which any strategy but the UTF-8 ones keeps a legacy name. */
void name_target_info(struct buf *out, enum name_strategy strategy, struct bytes ns);

/* [a-zA-Z_:][a-zA-Z0-9_:]* and, for labels, the same without colons. */
bool name_is_legacy_metric(struct bytes name);
bool name_is_legacy_label(struct bytes name);

/* Append `name` escaped for a peer that asked for that escaping; legacy names stay as they are. */
void name_escape_metric(struct buf *out, enum name_escaping escaping, struct bytes name);
void name_escape_label(struct buf *out, enum name_escaping escaping, struct bytes name);

#endif
