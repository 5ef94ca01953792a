/* SPDX-License-Identifier: Apache-2.0 */
/* Writing an exposition: text 0.0.4, OpenMetrics 1.0 or delimited protobuf, one family after another.
 * Whoever has families calls these; format, escaping and number style are decided here.
 *
 * Labels are given rendered (prom/model/labels.h). That form is what series store, so text formats copy it as it is;
 * protobuf and other escapings take it apart again. */
#ifndef PROM_ENCODER_H
#define PROM_ENCODER_H

#include "base/buf.h"
#include "base/bytes.h"
#include "prom/model/labels.h"
#include "prom/model/name.h"
#include "prom/model/sample.h"

enum encoder_format { ENCODER_TEXT, ENCODER_OPENMETRICS, ENCODER_PROTOBUF };

struct encoder {
    enum encoder_format format;
    enum name_escaping escaping;
    struct buf *out;
    /* The family being written. */
    enum family_type type;
    struct buf name; /* of its samples, escaped as negotiated; where it has to stand in quotes also for those */
    bool quoted;
    size_t mark;        /* protobuf: where the family's bytes begin */
    struct buf scratch; /* labels for this peer */
};

void encoder_init(struct encoder *e, enum encoder_format format, enum name_escaping escaping, struct buf *out);
void encoder_free(struct encoder *e);

/* `name` is the full name (`x_total`); help may be empty; unit "" = none (written, in OpenMetrics and protobuf, only
 * where it is a suffix of the family's name, as readers demand). A family without samples must not be begun. A family
 * may be begun, in protobuf, several times in a row for its pieces (`again`: no second HELP/TYPE in text). */
void encoder_family_begin(struct encoder *e, struct bytes name, enum family_type type, struct bytes help,
                          struct bytes unit, bool again);
void encoder_family_end(struct encoder *e);

void encoder_value(struct encoder *e, struct bytes labels, double value, const struct sample_extra *x);
void encoder_histogram(struct encoder *e, struct bytes labels, const struct classic_histogram *h,
                       const struct sample_extra *x);
/* Native in protobuf; in text formats what the Go collector shows: +Inf bucket, _sum and _count. */
void encoder_native(struct encoder *e, struct bytes labels, const struct native_histogram *h,
                    const struct sample_extra *x);
void encoder_summary(struct encoder *e, struct bytes labels, const struct quantile *q, size_t n, uint64_t count,
                     double sum, const struct sample_extra *x);

void encoder_end(struct encoder *e); /* `# EOF` where the format has one */

#endif
