/* SPDX-License-Identifier: Apache-2.0 */
/* One table for all receivers, for there is one row of a name. */
#include "pipeline/receiver_items.h"

#define ITEM_ROWS(signal_word, noun)                                                                                   \
    {                                                                                                                  \
        { .name = "otelcol_receiver_accepted_" signal_word,                                                            \
          .type = METRIC_COUNTER,                                                                                      \
          .level = LEVEL_BASIC,                                                                                        \
          .unit = "{" noun "}",                                                                                        \
          .help = "Number of " noun " that the pipelines took." },                                                     \
            { .name = "otelcol_receiver_refused_" signal_word,                                                         \
              .type = METRIC_COUNTER,                                                                                  \
              .level = LEVEL_BASIC,                                                                                    \
              .unit = "{" noun "}",                                                                                    \
              .help = "Number of " noun " that the pipelines did not take; the sender was told." },                    \
            { .name = "otelcol_receiver_failed_" signal_word,                                                          \
              .type = METRIC_COUNTER,                                                                                  \
              .level = LEVEL_BASIC,                                                                                    \
              .unit = "{" noun "}",                                                                                    \
              .help = "Number of " noun " that failed in the receiver itself." },                                      \
    }

const struct metric_row receiver_item_rows[SIGNAL_COUNT][RECEIVER_COUNTS] = {
    [SIGNAL_TRACES] = ITEM_ROWS("spans", "spans"),
    [SIGNAL_METRICS] = ITEM_ROWS("metric_points", "datapoints"),
    [SIGNAL_LOGS] = ITEM_ROWS("log_records", "records"),
    [SIGNAL_PROFILES] = ITEM_ROWS("profile_samples", "samples"),
};
