/* SPDX-License-Identifier: Apache-2.0 */
/* Which exposition a scraper gets, from its Accept and Accept-Encoding headers, as the Go collector decides it:
 * the most wanted clause that names a format we have, `q=0` being a refusal; text 0.0.4
 * when there is none. The escaping is the last one named in a clause up to the one chosen. */
#ifndef PROM_ACCEPT_H
#define PROM_ACCEPT_H

#include "prom/exposition/encoder.h"

struct accept {
    enum encoder_format format;
    enum name_escaping escaping;
    bool openmetrics_0_0_1; /* the peer named that version, or none */
};

/* `header` is empty when there is none. OpenMetrics is chosen only when `open_metrics`. */
struct accept accept_negotiate(struct bytes header, bool open_metrics);

/* Append the Content-Type of what was chosen. */
void accept_content_type(const struct accept *a, struct buf *out);

/* Is gzip wanted more than no coding? */
bool accept_gzip(struct bytes header);

#endif
