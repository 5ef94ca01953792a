/* SPDX-License-Identifier: Apache-2.0 */
/* One table for all receivers, for there is one row of a name. */
#include "pipeline/receiver_items.h"

#define ITEM_ROWS(items, words, unit)                                                                                  \
    {                                                                                                                  \
        METRIC_ROW("otelcol_receiver_accepted_" items, METRIC_COUNTER, "{" unit "}",                                   \
                   "Number of " unit " that the pipelines took."),                                                     \
            METRIC_ROW("otelcol_receiver_refused_" items, METRIC_COUNTER, "{" unit "}",                                \
                       "Number of " unit " that the pipelines did not take; the sender was told."),                    \
            METRIC_ROW("otelcol_receiver_failed_" items, METRIC_COUNTER, "{" unit "}",                                 \
                       "Number of " unit " that failed in the receiver itself."),                                      \
    }

const struct metric_row receiver_item_rows[SIGNAL_COUNT][RECEIVER_COUNTS] = SIGNAL_ITEM_ROWS(ITEM_ROWS);
