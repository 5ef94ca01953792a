/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that the Go collector has and otelcd does not: a statement that uses one is refused at load, with the
 * sentence that stands here. */
#include "ottl/function/tables.h"

#define REFUSED(n, is_editor, why)                                                                                     \
    {                                                                                                                  \
        .name = (n), .editor = (is_editor), .help = why                                                                \
    }

#define WHY_LAMBDA "functions of values (lambdas) stand behind an alpha gate in Go, too."

const struct ottl_function ottl_functions_refused[] = {
    REFUSED("UserAgent", false,
            "it needs the database of user agents, which is not part of otelcd. Use ExtractPatterns()."),
    REFUSED("All", false, WHY_LAMBDA),
    REFUSED("Any", false, WHY_LAMBDA),
    REFUSED("Filter", false, WHY_LAMBDA),
    REFUSED("Find", false, WHY_LAMBDA),
    REFUSED("MapEach", false, WHY_LAMBDA),
    REFUSED("MapKeys", false, WHY_LAMBDA),
    REFUSED("Reduce", false, WHY_LAMBDA),
    REFUSED("When", false, "Write two statements, each with its own `where`."),
    { 0 },
};
