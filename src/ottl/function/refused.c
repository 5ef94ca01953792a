/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that the Go collector has and otelcd does not: a statement that uses one is refused at load, with the
 * sentence that stands here. */
#include "ottl/function/tables.h"

#define REFUSED(n, is_editor, why)                                                                                     \
    {                                                                                                                  \
        .name = (n), .editor = (is_editor), .help = why                                                                \
    }

const struct ottl_function ottl_functions_refused[] = {
    REFUSED("UserAgent", false,
            "it needs the database of user agents, which is not part of otelcd. Use ExtractPatterns()."),
    { 0 },
};
