/* SPDX-License-Identifier: Apache-2.0 */
/* Something that has families to show on /metrics: the prometheus exporter, our own telemetry. */
#ifndef PROM_EXPOSITION_SOURCE_H
#define PROM_EXPOSITION_SOURCE_H

#include "prom/exposition/encoder.h"

struct exposition_source {
    const char *name;         /* for logs: the component's id, "telemetry" */
    bool enable_open_metrics; /* may OpenMetrics be negotiated? One source that allows it is enough */
    /* Called once when a scrape begins. Returns the scrape's cursor (may be NULL if none is needed). */
    void *(*open)(struct exposition_source *s);
    /* Give the rendered labels of each target_info series to emit(). The exposition writes them (once each, whatever
     * number of sources name them). emit() false: taken, but enough for this slice; return true and go on at the next
     * call. Returns false when there are no more. NULL where the source has none (a target_info with a namespace
     * in front is an ordinary family of write()). */
    bool (*targets)(struct exposition_source *s, void *cursor, bool (*emit)(void *arg, struct bytes labels), void *arg);
    /* Write about `want` bytes more of the other families. True while there is more to come. claim(arg, name, type)
     * must be asked once before a family is begun for the first time: false says that its name, or the name of one of
     * its series (`x_count` beside a histogram `x`), is in this exposition already: leave the family out. A family is
     * ended before write() returns and begun `again` at the next call when it is not done. */
    bool (*write)(struct exposition_source *s, void *cursor, struct encoder *e, size_t want,
                  bool (*claim)(void *arg, struct bytes name, enum family_type type), void *arg);
    void (*close)(struct exposition_source *s, void *cursor);
};

#endif
