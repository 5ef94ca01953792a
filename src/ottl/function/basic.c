/* SPDX-License-Identifier: Apache-2.0 */
/* The editor that statements begin with most. A value that is nil sets nothing. */
#include "ottl/function.h"

static bool set_target(struct ottl_call *c, struct ottl_value *result)
{
    (void)result;
    return c->args[1].type == OTTL_NIL || ottl_target_set(c, 0, &c->args[1]);
}

extern const struct ottl_function ottl_functions_basic[];
const struct ottl_function ottl_functions_basic[] = {
    { .name = "set",
      .args = { { .name = "target", .kind = OTTL_TAKES_TARGET }, { .name = "value", .kind = OTTL_TAKES_ANY } },
      .editor = true,
      .help = "Gives the target that value; one that is nil changes nothing.",
      .call = set_target },
    { .name = NULL },
};
